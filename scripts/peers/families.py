"""Weights of queries. The families are over the nine continuous features; key and mode have weight 0."""

import numpy as np

FAMILIES = ("uniform", "random", "exponential", "sparse")


def draw(family: str, n: int, n_features: int, n_weighted: int, seed: int) -> np.ndarray:
    """Weights f64 [n, n_features] (uniform: [1, n_features]), 0 but in the first `n_weighted`."""
    rng = np.random.default_rng((seed, FAMILIES.index(family)))
    weights = np.zeros((1 if family == "uniform" else n, n_features))
    if family == "uniform":
        weights[:, :n_weighted] = 1.0
    elif family == "random":
        weights[:, :n_weighted] = 1.0 - rng.random((n, n_weighted))
    elif family == "exponential":
        weights[:, :n_weighted] = np.exp(rng.standard_normal((n, n_weighted)))
    else:
        for row in weights:
            row[rng.choice(n_weighted, size=3, replace=False)] = 1.0
    return weights
