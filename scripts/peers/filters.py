"""nearfield under filters: how latency and recall of `auto` change with how much a filter lets pass, and with what.

    random   items drawn at random: the filter says nothing of similarity
    near     the items whose loudness is nearest to the query's
    far      the items whose loudness is farthest from the query's: nothing similar may be returned

The sets are made before a search; its time does not include that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from . import truth
from .datasets import Dataset
from .measure import Measurement
from .results import K, Result
from .work import say

SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
QUERIES = 200
# The dimension of loudness: almost no two tracks share a value, so that narrow ranges stay narrow.
RANGE_DIM = 7


@dataclass(frozen=True)
class Filter:
    """One filter over all queries: what the runner is told, and the same as masks."""

    kind: str
    share: float
    arguments: tuple
    allowed: Callable[[int], np.ndarray] | None


def measure(measurement: Measurement) -> list[Result]:
    """Runs every filter in every round; recall is that of the allowed items by brute force."""
    dataset, folder, nearfield = measurement.dataset, measurement.folder, measurement.nearfield
    queries, weights = dataset.queries[:QUERIES], measurement.weights["uniform"]
    np.save(folder / "queries-filtered.npy", queries)
    filters = list(_filters(measurement))
    say(f"== {dataset.name}: truth under {len(filters)} filters")
    truths = [truth.thresholds(dataset.space, queries, weights, K, one.allowed) for one in filters]
    results: list[Result | None] = [None] * len(filters)
    for number in range(measurement.options.rounds):
        say(f"== {dataset.name}: filters, round {number + 1}")
        for place, one in enumerate(filters):
            runs, answers = nearfield.search(
                dataset.generation.directory,
                "auto",
                folder / "queries-filtered.npy",
                folder / "weights-uniform.npy",
                dataset.space.anchor,
                k=K,
                extra=one.arguments,
            )
            qps = len(queries) / runs[0]["seconds"]
            known = results[place]
            if known is not None and known.qps >= qps:
                continue
            p50, p99 = np.percentile(runs[0]["us"], [50, 99])
            recall = truth.recall(dataset.space, queries, weights, answers[0], truths[place], one.allowed)
            actual = (
                1.0 if one.allowed is None else np.mean([one.allowed(query).mean() for query in range(len(queries))])
            )
            params = {
                "filter": {"kind": one.kind, "share": one.share, "passing": float(actual)},
                "recall": 0.99,
                "planned": runs[0]["engines"],
            }
            cost = measurement.costs["nearfield-auto"]
            n, dim = dataset.space.vectors.shape
            results[place] = Result(
                dataset.name,
                "nearfield-auto",
                "uniform",
                params,
                recall,
                qps,
                float(p50),
                float(p99),
                cost.build_s,
                cost.bytes,
                cost.peak_bytes,
                n,
                dim,
                K,
                len(queries),
                {},
            )
    return [result for result in results if result is not None]


def _filters(measurement: Measurement) -> Iterator[Filter]:
    yield Filter("none", 1.0, (), None)
    for share in SHARES:
        yield _random(measurement, share)
    for kind in ("near", "far"):
        for share in SHARES:
            yield _range(measurement, kind, share)


def _random(measurement: Measurement, share: float) -> Filter:
    n = len(measurement.dataset.space.vectors)
    rng = np.random.default_rng((measurement.options.seed, round(1 / share)))
    mask = np.zeros(n, dtype=bool)
    mask[rng.choice(n, _count(n, share), replace=False)] = True
    path = measurement.folder / f"allowed-{share}.npy"
    np.save(path, mask.astype(np.uint8)[:, None])
    return Filter("random", share, ("--allowed", path), lambda _query: mask)


def _range(measurement: Measurement, kind: str, share: float) -> Filter:
    dataset: Dataset = measurement.dataset
    values = np.ascontiguousarray(dataset.space.vectors[:, RANGE_DIM])
    ordered = np.sort(values)
    n, count = len(values), _count(len(values), share)
    ranks = np.searchsorted(ordered, dataset.queries[:QUERIES, RANGE_DIM])
    if kind == "near":
        first = np.clip(ranks - count // 2, 0, n - count)
    else:
        first = np.where(ranks < n // 2, n - count, 0)
    bounds = np.stack([ordered[first], ordered[first + count - 1]], axis=1).astype(np.float32)
    path = measurement.folder / f"ranges-{kind}-{share}.npy"
    np.save(path, bounds)

    def allowed(query: int) -> np.ndarray:
        return (values >= bounds[query, 0]) & (values <= bounds[query, 1])

    return Filter(kind, share, ("--ranges", path, "--dimension", RANGE_DIM), allowed)


def _count(n: int, share: float) -> int:
    return max(1, round(n * share))
