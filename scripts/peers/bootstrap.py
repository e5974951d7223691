"""A smoothed bootstrap: as many tracks as wanted, distributed like given ones.

A row is a given row, drawn with replacement, whose continuous features are moved by 0.2 times the difference of two
other rows (so the noise has the features' own correlations) and clipped to the range of the given values. Key and
mode stay, and what is missing stays missing.
"""

import numpy as np

CONTINUOUS = (
    "danceability",
    "energy",
    "acousticness",
    "instrumentalness",
    "valence",
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
)
COLUMNS = (*CONTINUOUS, "key", "mode")
NOISE = 0.2


def smoothed(base: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draws `n` rows from `base`, raw values f64 [n_base, len(COLUMNS)] with NaN where missing."""
    rng = np.random.default_rng(seed)
    n_continuous = len(CONTINUOUS)
    start, one, other = (rng.integers(0, len(base), n) for _ in range(3))
    rows = base[start].copy()
    noise = NOISE * (base[one, :n_continuous] - base[other, :n_continuous])
    rows[:, :n_continuous] += np.nan_to_num(noise)
    least, most = np.nanmin(base[:, :n_continuous], axis=0), np.nanmax(base[:, :n_continuous], axis=0)
    rows[:, :n_continuous] = np.clip(rows[:, :n_continuous], least, most)
    return rows


def ids(n: int) -> list[str]:
    """New ids of 22 characters, like Spotify's, in ascending order."""
    return [f"b{number:021d}" for number in range(n)]
