"""Builds or searches one library in a process of its own: `python -m peers.worker build|search SPECIFICATION.json`.

A process each keeps memory and thread pools apart, and makes the largest resident size that of one build.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from .libraries import LIBRARIES, BuildSettings, Library
from .work import peak_memory, size_of

WARM_UP = 50
SINGLE_QUERIES = 200
# Over-fetching very much is slow and its times vary little: a quarter of these queries does.
MUCH = 1_000


def build(spec: dict) -> dict:
    """Builds, saves; seconds of the build alone, bytes on disk, peak memory and what of it was there before."""
    # Read, not mapped, so that pages of the file do not count as memory of the build twice.
    points = np.load(spec["points"])
    library = LIBRARIES[spec["system"]]()
    before = peak_memory()
    started = time.perf_counter()
    library.build(points, BuildSettings(**spec["settings"]))
    seconds = time.perf_counter() - started
    peak = peak_memory()
    library.save(Path(spec["index"]))
    return {
        "build_s": seconds,
        "bytes": size_of(Path(spec["index"])),
        "peak_bytes": peak,
        "before_bytes": before,
    }


def search(spec: dict) -> dict:
    """Runs the efforts of a library, then (if asked for) over-fetches; times each, saves the ids."""
    queries = np.load(spec["queries"])
    library = LIBRARIES[spec["system"]]()
    library.load(Path(spec["index"]), spec["n_items"], queries.shape[1])
    runs = []
    for number, effort in enumerate(library.efforts_for(spec["n_items"])):
        run = timed(library, queries, spec["k"], effort, Path(spec["folder"]) / f"ids-{number}.npy")
        runs.append({"params": library.describe(effort), **run})
    overfetch = []
    for k in spec["overfetch"]:
        run = timed(library, queries, k, k, Path(spec["folder"]) / f"overfetch-{k}.npy")
        overfetch.append({"params": {"fetched": k, "ef": k}, **run})
    return {"runs": runs, "overfetch": overfetch}


def timed(library: Library, queries: np.ndarray, k: int, effort, ids_path: Path) -> dict:
    """All queries in one call for the mean; some one at a time for median and 99th percentile."""
    share = 4 if k >= MUCH else 1
    library.prepare(k, effort)
    library.search(queries[: WARM_UP // share], k, effort)
    started, cpu_started = time.perf_counter(), time.process_time()
    ids = library.search(queries, k, effort)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    us = []
    for query in queries[: SINGLE_QUERIES // share]:
        one = query[None]
        started = time.perf_counter()
        library.search(one, k, effort)
        us.append((time.perf_counter() - started) * 1e6)
    # Some libraries mark a missing answer with the largest unsigned number.
    ids = np.asarray(ids).astype(np.int64)
    if not ids_path.exists():
        np.save(ids_path, ids)
    p50, p99 = np.percentile(us, [50, 99])
    return {
        "qps": len(queries) / seconds,
        "p50_us": float(p50),
        "p99_us": float(p99),
        "ids": str(ids_path),
        "cores_used": cpu_seconds / seconds,
    }


def main() -> None:
    """Reads the specification and writes the outcome beside it."""
    task, path = sys.argv[1], Path(sys.argv[2])
    outcome = {"build": build, "search": search}[task](json.loads(path.read_text()))
    path.with_suffix(".out.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
