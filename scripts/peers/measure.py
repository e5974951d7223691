"""All systems over one dataset, in interleaved rounds: A B C, A B C, A B C; the fastest round of a setting counts."""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from . import families, numpy_scan, truth
from .datasets import Dataset
from .libraries import LIBRARIES, BuildSettings
from .nearfield import Nearfield
from .options import Options
from .results import K, Result
from .work import ONE_THREAD, Failed, run, say

OVERFETCH = (10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000)
OVERFETCHING = ("hnswlib", "faiss-hnsw")
AUTO_RECALLS = (0.9, 0.95, 0.99, 0.999)
FOREST_EFFORTS = (200, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
# Systems that are so slow that fewer queries do.
SLOW_QUERIES = 200
PACKAGE = Path(__file__).parent.parent


@dataclass
class Costs:
    """What a system's index took to make."""

    build_s: float
    bytes: int
    peak_bytes: int
    more: dict = field(default_factory=dict)


class Measurement:
    """Builds and rounds over one dataset."""

    def __init__(self, options: Options, dataset: Dataset, nearfield: Nearfield):
        self.options = options
        self.dataset = dataset
        self.nearfield = nearfield
        self.folder = nearfield.folder / f"{dataset.name}-files"
        self.folder.mkdir()
        self.left_out: dict[str, str] = {}
        self.costs: dict[str, Costs] = {}
        self.results: dict[tuple, Result] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.truths: dict[str, tuple] = {}

    def run(self) -> list[Result]:
        """Everything, in order."""
        self._write_inputs()
        self._note_nearfield_costs()
        for system in self.options.systems:
            if system in LIBRARIES:
                self._build(system)
        for number in range(self.options.rounds):
            say(f"== {self.dataset.name}: round {number + 1} of {self.options.rounds}")
            for system in self.options.systems:
                if system not in self.left_out:
                    started = time.monotonic()
                    self._measure(system)
                    say(f"   {system}: {time.monotonic() - started:.1f} s")
        return list(self.results.values())

    def _write_inputs(self) -> None:
        """Files of queries, weights and points; the truth of every family."""
        dataset = self.dataset
        np.save(self.folder / "queries.npy", dataset.queries)
        np.save(self.folder / "queries-few.npy", dataset.queries[:SLOW_QUERIES])
        np.save(self.folder / "points.npy", dataset.points(dataset.space.vectors))
        np.save(self.folder / "query-points.npy", dataset.points(dataset.queries))
        for family in dataset.families:
            say(f"== {dataset.name}: truth under {family} weights")
            weights = families.draw(
                family,
                len(dataset.queries),
                len(dataset.space.feature_dims),
                dataset.n_weighted,
                self.options.seed,
            )
            np.save(self.folder / f"weights-{family}.npy", weights)
            np.save(self.folder / f"weights-{family}-few.npy", weights[:SLOW_QUERIES])
            self.weights[family] = weights
            self.truths[family] = truth.thresholds(dataset.space, dataset.queries, weights, K)

    def recall(self, family: str, ids: np.ndarray) -> float:
        """Recall of answers to the first queries under a family."""
        n = len(ids)
        kth, possible = self.truths[family]
        return truth.recall(
            self.dataset.space,
            self.dataset.queries[:n],
            self.weights[family][:n],
            ids,
            (kth[:n], possible[:n]),
        )

    def _note_nearfield_costs(self) -> None:
        for system in self.options.systems:
            if not system.startswith("nearfield-"):
                continue
            engine = system.removeprefix("nearfield-")
            generation = self.dataset.forest if engine == "forest" else self.dataset.generation
            if generation:
                self.costs[system] = Costs(
                    generation.build_seconds(engine),
                    generation.engine_bytes(engine),
                    generation.peak_bytes,
                    {"build_total_s": generation.seconds["total"]},
                )
        n_values = self.dataset.space.vectors.size
        # Items and their squares in f32.
        self.costs["numpy-scan"] = Costs(0.0, 8 * n_values, 0)

    def _build(self, system: str) -> None:
        say(f"== {self.dataset.name}: building {system}")
        options = self.options
        settings = BuildSettings(options.m, options.ef_construction, options.threads, options.seed)
        spec = {
            "system": system,
            "points": str(self.folder / "points.npy"),
            "index": str(self.folder / f"{system}.index"),
            "settings": asdict(settings),
        }
        try:
            outcome = self._worker("build", spec)
        except Failed as error:
            self.left_out[system] = str(error)
            say(f"   left out: {error}")
            return
        more = {"before_bytes": outcome["before_bytes"]}
        self.costs[system] = Costs(outcome["build_s"], outcome["bytes"], outcome["peak_bytes"], more)

    def _worker(self, task: str, spec: dict) -> dict:
        path = self.folder / f"{task}.json"
        path.write_text(json.dumps(spec))
        run(
            [sys.executable, "-m", "peers.worker", task, path],
            self.folder,
            ONE_THREAD | {"PYTHONPATH": str(PACKAGE)},
        )
        return json.loads(path.with_suffix(".out.json").read_text())

    def _measure(self, system: str) -> None:
        try:
            if system.startswith("nearfield-"):
                self._measure_nearfield(system)
            elif system == "numpy-scan":
                self._measure_numpy()
            else:
                self._measure_library(system)
        except Failed as error:
            self.left_out[system] = str(error)
            say(f"   left out: {error}")

    def _measure_nearfield(self, system: str) -> None:
        engine = system.removeprefix("nearfield-")
        generation = self.dataset.forest if engine == "forest" else self.dataset.generation
        few = "-few" if engine == "forest" else ""
        efforts = {"hnsw": self.options.efforts, "forest": FOREST_EFFORTS}.get(engine, ())
        for family in self.dataset.families:
            for target in AUTO_RECALLS if engine == "auto" else (0.99,):
                runs, answers = self.nearfield.search(
                    generation.directory,
                    engine,
                    self.folder / f"queries{few}.npy",
                    self.folder / f"weights-{family}{few}.npy",
                    self.dataset.space.anchor,
                    efforts=efforts,
                    recall=target,
                    k=K,
                )
                for done, ids in zip(runs, answers, strict=True):
                    params = (
                        {} if done["effort"] is None else {"ef" if engine == "hnsw" else "search_k": done["effort"]}
                    )
                    if engine == "auto":
                        params = {"recall": target, "planned": done["engines"]}
                    p50, p99 = np.percentile(done["us"], [50, 99])
                    self._add(
                        system,
                        family,
                        params,
                        lambda ids=ids, family=family: self.recall(family, ids),
                        len(ids) / done["seconds"],
                        float(p50),
                        float(p99),
                        len(ids),
                    )

    def _measure_library(self, system: str) -> None:
        overfetch = OVERFETCH if system in OVERFETCHING and len(self.dataset.families) > 1 else ()
        n_items = len(self.dataset.space.vectors)
        ids_folder = self.folder / f"{system}-ids"
        ids_folder.mkdir(exist_ok=True)
        spec = {
            "system": system,
            "queries": str(self.folder / "query-points.npy"),
            "index": str(self.folder / f"{system}.index"),
            "n_items": n_items,
            "k": K,
            "folder": str(ids_folder),
            "overfetch": [k for k in overfetch if k <= n_items],
        }
        outcome = self._worker("search", spec)
        for done in outcome["runs"]:
            name = f"{system}-batch" if done["params"] == {"queries": "batch"} else system
            self._add(
                name,
                "uniform",
                done["params"],
                lambda done=done: self.recall("uniform", np.load(done["ids"])),
                done["qps"],
                done["p50_us"],
                done["p99_us"],
                len(self.dataset.queries),
                costs=system,
                more={"cores_used": done["cores_used"]},
            )
        for done in outcome["overfetch"]:
            for family in self.dataset.families[1:]:
                self._add_overfetch(system, family, done)

    def _add_overfetch(self, system: str, family: str, done: dict) -> None:
        """The search alone counts; choosing the best among what was fetched is free, and is reported beside it."""
        key = _key(f"{system}-overfetch", family, done["params"])
        more, recall = {}, None
        if key not in self.results:
            best, seconds = numpy_scan.rerank(
                self.dataset.space, self.dataset.queries, self.weights[family], np.load(done["ids"]), K
            )
            more = {"rerank_us": seconds * 1e6 / len(best), "cores_used": done["cores_used"]}
            recall = self.recall(family, best)
        self._add(
            f"{system}-overfetch",
            family,
            done["params"],
            lambda: recall,
            done["qps"],
            done["p50_us"],
            done["p99_us"],
            len(self.dataset.queries),
            costs=system,
            more=more,
        )

    def _measure_numpy(self) -> None:
        for family in self.dataset.families:
            outcome = numpy_scan.search(
                self.dataset.space, self.dataset.queries[:SLOW_QUERIES], self.weights[family], K
            )
            p50, p99 = np.percentile(outcome.us, [50, 99])
            self._add(
                "numpy-scan",
                family,
                {},
                lambda family=family, ids=outcome.ids: self.recall(family, ids),
                len(outcome.us) / (sum(outcome.us) / 1e6),
                float(p50),
                float(p99),
                len(outcome.us),
            )

    def _add(
        self,
        system: str,
        family: str,
        params: dict,
        recall,
        qps: float,
        p50: float,
        p99: float,
        n_queries: int,
        *,
        costs: str | None = None,
        more: dict | None = None,
    ) -> None:
        """Notes a setting, or a faster round of it."""
        key = _key(system, family, params)
        known = self.results.get(key)
        if known is None:
            cost = self.costs[costs or system]
            n, dim = self.dataset.space.vectors.shape
            self.results[key] = Result(
                self.dataset.name,
                system,
                family,
                params,
                recall(),
                qps,
                p50,
                p99,
                cost.build_s,
                cost.bytes,
                cost.peak_bytes,
                n,
                dim,
                K,
                n_queries,
                cost.more | (more or {}),
            )
        elif qps > known.qps:
            known.qps, known.p50_us, known.p99_us = qps, p50, p99


def _key(system: str, family: str, params: dict) -> tuple:
    # How many queries `auto` planned for which engine may differ from round to round where costs are close.
    return system, family, json.dumps({name: value for name, value in params.items() if name != "planned"})
