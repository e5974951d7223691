"""Weighted search without a library: the scan that answers any weights exactly, and re-ranking of candidates."""

import time
from dataclasses import dataclass

import numpy as np

from .truth import Space

RERANK_CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class Scan:
    """Answers and the microseconds of each."""

    ids: np.ndarray
    us: list[float]


def search(space: Space, queries: np.ndarray, weights: np.ndarray, k: int) -> Scan:
    """One query at a time over all items, in f32: two matrix-vector products over the items and their squares, which
    are made beforehand. Dimensions that no query weights are left out."""
    dims = space.by_dimension(weights).astype(np.float32)
    used = np.flatnonzero(dims.any(axis=0))
    dims = np.broadcast_to(dims[: len(queries), used], (len(queries), len(used)))
    items = np.asfortranarray(space.vectors[:, used])
    squares = items**2
    anchor = np.float32(space.anchor)
    ids, us = [], []
    for query, w in zip(queries[:, used], dims, strict=True):
        started = time.perf_counter()
        scores = items @ (w * query)
        scores += anchor
        norms = squares @ w
        norms += anchor
        np.sqrt(norms, out=norms)
        np.maximum(norms, np.float32(1e-30), out=norms)
        scores /= norms
        best = np.argpartition(scores, len(scores) - k)[-k:]
        us.append((time.perf_counter() - started) * 1e6)
        ids.append(best)
    return Scan(np.array(ids), us)


def rerank(
    space: Space, queries: np.ndarray, weights: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, float]:
    """The best `k` of each query's candidates, [n, m], under its own weights, in f32; ids [n, k] and the seconds."""
    dims = np.broadcast_to(space.by_dimension(weights), queries.shape).astype(np.float32)
    vectors = np.ascontiguousarray(space.vectors)
    best = np.empty((len(queries), k), dtype=np.int64)
    step = max(1, RERANK_CHUNK_VALUES // (candidates.shape[1] * vectors.shape[1]))
    started = time.perf_counter()
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        ids, w, q = candidates[rows], dims[rows], queries[rows]
        items = vectors[np.maximum(ids, 0)]
        products = np.matmul(items, (w * q)[:, :, None])[:, :, 0] + np.float32(space.anchor)
        squares = np.matmul(items * items, w[:, :, None])[:, :, 0] + np.float32(space.anchor)
        scores = np.where(ids >= 0, products / np.sqrt(np.maximum(squares, np.float32(1e-30))), -np.inf)
        places = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        best[rows] = np.take_along_axis(ids, places, axis=1)
    return best, time.perf_counter() - started
