"""Builds and searches of nearfield, through its own commands and the runner in benches/peers."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .options import Options
from .work import run, say

ENGINE_FILES = {
    "hnsw": ("vectors.nf", "graph.nf"),
    "exact": ("vectors.nf", "exact.nf"),
    "forest": ("vectors.nf", "forest.mdb"),
}
# `auto` may use both.
ENGINE_FILES["auto"] = ("vectors.nf", "graph.nf", "exact.nf")
# The phases of a build that an engine is made in; records, titles, checksums and measurements are everybody's.
ENGINE_PHASES = {
    "hnsw": ("order", "graph"),
    "exact": ("order", "exact"),
    "forest": ("forest",),
    "auto": ("order", "exact", "graph"),
}


@dataclass(frozen=True)
class Generation:
    """A published generation and what its build reported."""

    directory: Path
    seconds: dict[str, float]
    bytes: dict[str, int]
    peak_bytes: int

    def build_seconds(self, engine: str) -> float:
        """Seconds of the phases that make this engine."""
        return sum(self.seconds[phase] for phase in ENGINE_PHASES[engine])

    def engine_bytes(self, engine: str) -> int:
        """Bytes of the files that this engine reads."""
        return sum(self.bytes[name] for name in ENGINE_FILES[engine])


@dataclass(frozen=True)
class Nearfield:
    """The program and its runner, working in one folder."""

    options: Options
    folder: Path

    def demo(self, n: int) -> str:
        """Makes up a catalogue of `n` tracks; returns its store."""
        self._run(
            "demo",
            "--no-serve",
            "--tracks",
            n,
            "--engines",
            "exact",
            "--indexes",
            "indexes",
            "--name",
            "demo",
            "--threads",
            self.options.threads,
        )
        return "lmdb:data/demo"

    def import_file(self, path: Path, store: str) -> str:
        """Imports a file; returns the store."""
        self._run("import", path, "--store", store, "--rejects", self.folder / "rejects.ndjson")
        return store

    def build(self, store: str, name: str, schema: Path, engines: str) -> Generation:
        """Builds a snapshot; a recall below the product's gate is measured here, not refused."""
        options = self.options
        output = self._run(
            "build",
            "--store",
            store,
            "--name",
            name,
            "--indexes",
            "indexes",
            "--schema",
            schema,
            "--engines",
            engines,
            "--threads",
            options.threads,
            "--seed",
            options.seed,
            "--min-recall",
            0,
            "--json",
        )
        report = json.loads(output)
        directory = self.folder / report["directory"]
        phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in report["seconds"].items())
        say(f"   {name} ({engines}), seconds: {phases}")
        return Generation(directory, report["seconds"], report["bytes"], report["peak_memory_bytes"] or 0)

    def export(self, name: str, vectors: Path) -> np.ndarray:
        """The vectors of a snapshot, f32 [n_items, dim]."""
        self._run(
            "export",
            "--indexes",
            "indexes",
            "--name",
            name,
            "--vectors",
            vectors,
            "--ids",
            vectors.with_suffix(".txt"),
        )
        return np.load(vectors)

    def raw(self, generation: Path, columns: tuple[str, ...]) -> np.ndarray:
        """Raw values, f64 [n_items, n_columns], NaN where missing."""
        out = self.folder / "raw.npy"
        self._runner(generation, "raw", "--columns", ",".join(columns), "--out", out)
        return np.load(out)

    def transform(self, generation: Path, raw: np.ndarray) -> np.ndarray:
        """Raw values, one column a feature, as vectors of a generation, f32 [n, dim]."""
        source, out = self.folder / "points-raw.npy", self.folder / "points.npy"
        np.save(source, np.ascontiguousarray(raw, dtype=np.float64))
        self._runner(generation, "transform", "--raw", source, "--out", out)
        return np.load(out)

    def search(
        self,
        generation: Path,
        engine: str,
        queries: Path,
        weights: Path,
        anchor: float,
        *,
        efforts=(),
        recall=0.99,
        k: int,
        extra: tuple = (),
    ) -> tuple[list[dict], np.ndarray]:
        """Runs the queries of a file; one report and answers [n_queries, k] for each effort."""
        answers, report = self.folder / "answers.npy", self.folder / "report.json"
        arguments = [
            "search",
            "--queries",
            queries,
            "--weights",
            weights,
            "--anchor",
            anchor,
            "--engine",
            engine,
            "--k",
            k,
            "--recall",
            recall,
            "--answers",
            answers,
            "--report",
            report,
            *extra,
        ]
        if efforts:
            arguments += ["--efforts", ",".join(str(effort) for effort in efforts)]
        self._runner(generation, *arguments)
        return json.loads(report.read_text()), np.load(answers)

    def _run(self, *arguments):
        return run([self.options.nearfield, *(str(argument) for argument in arguments)], self.folder)

    def _runner(self, generation: Path, *arguments):
        command = [
            self.options.runner,
            "--generation",
            generation,
            *(str(argument) for argument in arguments),
        ]
        return run(command, self.folder, {"RAYON_NUM_THREADS": "1"})
