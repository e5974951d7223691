"""Best settings and ratios."""

from collections.abc import Iterable
from dataclasses import dataclass

from .results import Result

RECALL = 0.99
# Exact systems: not among the approximate peers.
SCANS = ("faiss-flat", "faiss-flat-batch", "numpy-scan")


def is_filtered(result: Result) -> bool:
    """Whether it was measured under a filter."""
    return "filter" in result.params


def best(
    results: Iterable[Result], dataset: str, weights: str, systems: Iterable[str], recall: float = RECALL
) -> Result | None:
    """The fastest setting of these systems that reaches the recall."""
    names = set(systems)
    candidates = [
        result
        for result in results
        if result.dataset == dataset
        and result.weights == weights
        and result.system in names
        and result.recall >= recall
        and not is_filtered(result)
    ]
    return max(candidates, key=lambda result: result.qps, default=None)


def highest(results: Iterable[Result], dataset: str, weights: str, system: str) -> float | None:
    """The highest recall a system reaches."""
    recalls = [
        r.recall
        for r in results
        if (r.dataset, r.weights, r.system) == (dataset, weights, system) and not is_filtered(r)
    ]
    return max(recalls, default=None)


def systems_of(results: Iterable[Result], dataset: str, weights: str | None = None) -> list[str]:
    """Systems measured, in the order of their first result."""
    found = (r.system for r in results if r.dataset == dataset and weights in (None, r.weights) and not is_filtered(r))
    return list(dict.fromkeys(found))


def weights_of(results: Iterable[Result], dataset: str) -> list[str]:
    """Weight families measured."""
    return list(dict.fromkeys(r.weights for r in results if r.dataset == dataset))


@dataclass(frozen=True)
class Ratio:
    """How many times as many queries per second a nearfield engine answers as something else."""

    dataset: str
    weights: str
    engine: str
    against: str
    peer: str | None
    ratio: float | None
    why_not: str


def ratios(results: list[Result]) -> list[Ratio]:
    """Queries per second at recall >= 0.99, by dataset, family and engine, against each kind of peer."""
    found = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        for weights in weights_of(results, dataset):
            for engine in ("nearfield-hnsw", "nearfield-auto", "nearfield-exact"):
                if engine in systems_of(results, dataset, weights):
                    found.extend(_ratios_of(results, dataset, weights, engine))
    return found


def _ratios_of(results: list[Result], dataset: str, weights: str, engine: str) -> list[Ratio]:
    others = [name for name in systems_of(results, dataset, weights) if not name.startswith("nearfield-")]
    approximate = [name for name in others if name not in SCANS]
    overfetching = [name for name in approximate if name.endswith("-overfetch")]
    direct = [name for name in approximate if not name.endswith("-overfetch")]
    kinds = {
        "best library": (weights, direct),
        "best over-fetching library": (weights, overfetching),
        # A pre-built scan cannot answer other weights; its speed under uniform ones is the yardstick.
        "faiss-flat, one query at a time": ("uniform", ["faiss-flat"]),
        "NumPy scan": (weights, ["numpy-scan"]),
    }
    own = best(results, dataset, weights, [engine])
    rows = []
    for kind, (family, systems) in kinds.items():
        if not any(name in systems_of(results, dataset, family) for name in systems):
            continue
        peer = best(results, dataset, family, systems)
        why = ""
        if own is None:
            why = f"{engine} reaches {highest(results, dataset, weights, engine):.3f} only"
        elif peer is None:
            most = max(highest(results, dataset, family, name) or 0.0 for name in systems)
            why = f"the peers reach {most:.3f} only"
        ratio = own.qps / peer.qps if own and peer else None
        rows.append(Ratio(dataset, weights, engine, kind, peer.system if peer else None, ratio, why))
    return rows


def builds(results: list[Result], dataset: str) -> dict[str, Result]:
    """One result of each system that has an index of its own, for what it cost."""
    found: dict[str, Result] = {}
    for result in results:
        own_index = not result.system.endswith(("-overfetch", "-batch")) and result.system != "numpy-scan"
        if result.dataset == dataset and own_index:
            found.setdefault(result.system, result)
    return found
