"""The exact score, the true threshold and recall: one rule for every system, in f64, independent of nearfield.

    s(q, x) = (a + sum w q x) / (sqrt(a + sum w q^2) sqrt(a + sum w x^2))

A hit counts when its exact score is at least that of the k-th best item, less `TOLERANCE`: equals may stand in for
each other, and nobody is punished for computing in f32.
"""

from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-6
CHUNK_VALUES = 24_000_000


@dataclass(frozen=True)
class Space:
    """Items under one anchor. `vectors` f32 [n, dim]; `feature_dims` says how many dimensions each feature fills."""

    vectors: np.ndarray
    feature_dims: tuple[int, ...]
    anchor: float

    def by_dimension(self, weights: np.ndarray) -> np.ndarray:
        """Weights by feature -> by dimension."""
        return np.repeat(weights, self.feature_dims, axis=1)


def thresholds(
    space: Space, queries: np.ndarray, weights: np.ndarray, k: int, allowed=None
) -> tuple[np.ndarray, np.ndarray]:
    """For each query the k-th best score, f64 [n], and how many hits there can be (k, or fewer under a filter).

    `weights` by feature, [n or 1, n_features]; `allowed(query)` gives a mask of the items that count.
    """
    n_items = len(space.vectors)
    dims = space.by_dimension(weights)
    # Dimensions without weight add nothing.
    used = np.flatnonzero(dims.any(axis=0))
    dims, queries = dims[:, used], queries[:, used].astype(np.float64)
    items = np.ascontiguousarray(space.vectors[:, used], dtype=np.float64)
    squares = items**2
    kth = np.empty(len(queries))
    possible = np.full(len(queries), min(k, n_items))
    shared = np.sqrt(space.anchor + squares @ dims[0]) if len(dims) == 1 else None
    step = max(1, CHUNK_VALUES // n_items)
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        w = dims if len(dims) == 1 else dims[rows]
        scores = (w * queries[rows]) @ items.T + space.anchor
        norms = shared if shared is not None else np.sqrt(space.anchor + w @ squares.T)
        np.divide(scores, norms, out=scores, where=norms > 0)
        scores /= np.sqrt(space.anchor + (w * queries[rows] ** 2).sum(axis=1))[:, None]
        for offset, every in enumerate(scores):
            row = every
            if allowed is not None:
                row = every[allowed(start + offset)]
                possible[start + offset] = min(k, len(row))
            if possible[start + offset] == 0:
                kth[start + offset] = np.inf
                continue
            place = len(row) - possible[start + offset]
            kth[start + offset] = np.partition(row, place)[place]
    return kth, possible


def scores_of(space: Space, queries: np.ndarray, weights: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Exact scores of `ids`, [n, m] with -1 for none (which scores -inf)."""
    dims = space.by_dimension(weights)
    scores = np.full(ids.shape, -np.inf)
    step = max(1, CHUNK_VALUES // (ids.shape[1] * space.vectors.shape[1]))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        w = dims if len(dims) == 1 else dims[rows]
        q = queries[rows].astype(np.float64)
        items = space.vectors[np.maximum(ids[rows], 0)].astype(np.float64)
        products = np.einsum("nmd,nd->nm", items, w * q) + space.anchor
        squares = np.einsum("nmd,nd->nm", items**2, np.broadcast_to(w, q.shape)) + space.anchor
        norms = np.sqrt(squares * (space.anchor + (w * q**2).sum(axis=1))[:, None])
        found = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
        scores[rows] = np.where(ids[rows] >= 0, found, -np.inf)
    return scores


def recall(
    space: Space,
    queries: np.ndarray,
    weights: np.ndarray,
    ids: np.ndarray,
    truth: tuple[np.ndarray, np.ndarray],
    allowed=None,
) -> float:
    """Mean tie-aware recall of answers `ids`, [n, k]."""
    kth, possible = truth
    ids = without_repetitions(ids)
    if allowed is not None:
        for query, row in enumerate(ids):
            row[~allowed(query)[np.maximum(row, 0)]] = -1
    scores = scores_of(space, queries, weights, ids)
    hits = np.minimum((scores >= kth[:, None] - TOLERANCE).sum(axis=1), possible)
    return float(np.mean(np.where(possible > 0, hits / np.maximum(possible, 1), 1.0)))


def without_repetitions(ids: np.ndarray) -> np.ndarray:
    """A copy in which an id that an answer names twice counts once."""
    ids = np.array(ids, dtype=np.int64)
    for row in ids:
        _, first = np.unique(row, return_index=True)
        again = np.ones(len(row), dtype=bool)
        again[first] = False
        row[again] = -1
    return ids
