"""The Markdown report."""

from collections.abc import Iterable

from . import summary
from .measure import AUTO_RECALLS, FOREST_EFFORTS, OVERFETCH, SLOW_QUERIES
from .options import Options
from .results import K, Result
from .truth import TOLERANCE

RECALLS = (0.9, 0.95, 0.99, 0.999)

RULES = """\
- **Data.** Every dataset is imported, built and exported by nearfield; everybody gets the exported f32 vectors.
  Libraries with a fixed metric get unit vectors in which the inner product is nearfield's score under uniform
  weights: the weighted dimensions, and the anchor as one more coordinate. nearfield's graph also holds key and mode
  of tracks (12 dimensions in all); theirs hold the nine that count.
- **Queries** are held out: for tracks a bootstrap with another seed, for GloVe rows taken out beforehand, for
  Fashion-MNIST its test images. Weights are drawn for each query: *uniform* 1; *random* U(0,1) each; *exponential*
  exp(N(0,1)) each; *sparse* 1 for three of the nine features.
- **Recall@{k}** by one rule for everybody: a hit counts when its score, computed in f64 by NumPy, is at least that of
  the {k}th best item less {tolerance:g}. The truth is NumPy's scan in f64, independent of nearfield.
- **Queries per second.** One thread. nearfield: one query at a time through its library call (validation, planning
  and search). Libraries: all queries in one call, so that Python costs nothing; Annoy has no such call and pays for a
  loop. `faiss-flat` is asked one query at a time, `faiss-flat-batch` for all at once. p50 and p99 are of one query at
  a time; for the libraries that includes a call from Python (of 200 queries; 50 where 1,000 or more are fetched).
  Every round runs all systems one after another; the fastest of {rounds} rounds counts.
- **Other weights.** A library with a fixed metric can over-fetch: it returns k' = {overfetch} under uniform weights
  (ef = k'), and the best {k} under the query's weights are chosen among them. Only its search counts; choosing is
  free (`rerank_us`, `qps_with_rerank` in the JSON say what it takes NumPy). `numpy-scan` is the exact answer without
  any library: two matrix-vector products in f32.
- **Builds** use {threads} threads, M = {m}, ef of construction = {ef_construction} (nearfield its own default: 100,
  or 200 in more than 48 dimensions), Annoy 50 trees, ScaNN sqrt(n)
  leaves, nearfield's forest 30 trees. nearfield's build time is that of the phases that make the engine (the graph:
  points, construction, repair, writing); a whole `nearfield build` also reads the store, writes records and titles,
  and calibrates (`build_total_s` in the JSON). Its size is that of the files the engine reads (`vectors.nf` with
  `graph.nf`, `exact.nf` or both). Peak memory is the largest resident size of the process that built: for the
  libraries with Python and the vectors, for nearfield with everything else a build holds; exact and hnsw are one
  build.
- **Efforts.** nearfield's graph: ef {efforts}; auto: planned for recall {auto}; forest: search_k {forest} (the first
  {slow} queries, as for `numpy-scan`)."""


def markdown(
    options: Options,
    results: list[Result],
    machine: dict[str, str],
    left_out: dict[str, str],
    origins: dict[str, str],
    plots: list[str],
) -> str:
    """The whole report."""
    rules = RULES.format(
        k=K,
        tolerance=TOLERANCE,
        rounds=options.rounds,
        overfetch=_listed(OVERFETCH),
        threads=options.threads,
        m=options.m,
        ef_construction=options.ef_construction,
        efforts=_listed(options.efforts),
        auto=_listed(AUTO_RECALLS),
        forest=_listed(FOREST_EFFORTS),
        slow=SLOW_QUERIES,
    )
    parts = [
        "# Benchmarks against other libraries",
        "Written by `scripts/bench-peers`; the same command measures it again.",
        f"    {options.command}",
        "## Machine and versions",
        _table(["", ""], [[name, value] for name, value in machine.items()]),
        "## Rules",
        rules,
        "## Datasets",
        _datasets(results, options, origins),
    ]
    if left_out:
        parts += [
            "## Left out",
            "\n".join(f"- {name}: {_last_line(reason)}" for name, reason in left_out.items()),
        ]
    parts += [
        "## Ratios at recall 0.99",
        "Queries per second of nearfield divided by those of the other, each at its fastest setting with recall@10 of "
        "at least 0.99. `faiss-flat` cannot answer other weights than those it was built for; its speed under uniform "
        "ones is the yardstick everywhere.",
        _ratios(results),
        "nearfield's graph divided by the other's (below 1: nearfield needs less):",
        _build_ratios(results),
    ]
    for dataset in dict.fromkeys(result.dataset for result in results):
        parts += _dataset(results, dataset, plots)
    filtered = [result for result in results if summary.is_filtered(result)]
    if filtered:
        parts += _filters(filtered)
    parts += ["## Builds", "![build time, memory, size](builds.svg)"]
    for dataset in dict.fromkeys(result.dataset for result in results):
        parts += [f"### Builds: {dataset}", _builds(results, dataset)]
    return "\n\n".join(parts) + "\n"


def _datasets(results: list[Result], options: Options, origins: dict[str, str]) -> str:
    rows = []
    for dataset, origin in origins.items():
        first = next((result for result in results if result.dataset == dataset), None)
        if first:
            rows.append([dataset, origin, f"{first.n:,}", str(first.dim), f"{options.queries:,}"])
    return _table(["dataset", "from", "items", "dimensions", "queries"], rows)


def _ratios(results: list[Result]) -> str:
    found = summary.ratios(results)
    kinds = list(dict.fromkeys(ratio.against for ratio in found))
    rows = {}
    for ratio in found:
        row = rows.setdefault((ratio.dataset, ratio.weights, ratio.engine), dict.fromkeys(kinds, ""))
        row[ratio.against] = ratio.why_not if ratio.ratio is None else f"{ratio.ratio:.2f} ({ratio.peer})"
    return _table(
        ["dataset", "weights", "engine", *(f"against {kind}" for kind in kinds)],
        [[*key, *row.values()] for key, row in rows.items()],
    )


def _build_ratios(results: list[Result]) -> str:
    rows = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        builds = summary.builds(results, dataset)
        own = builds.get("nearfield-hnsw")
        for name, peer in builds.items():
            if own and not name.startswith("nearfield-"):
                memory = f"{own.peak_bytes / peer.peak_bytes:.2f}" if peer.peak_bytes else ""
                time = f"{own.build_s / peer.build_s:.2f}" if peer.build_s else ""
                rows.append([dataset, name, time, f"{own.bytes / peer.bytes:.2f}", memory])
    return _table(["dataset", "against", "build time", "size on disk", "peak memory of the build"], rows)


def _dataset(results: list[Result], dataset: str, plots: list[str]) -> list[str]:
    parts = [f"## {dataset}"]
    for weights in summary.weights_of(results, dataset):
        parts.append(f"### {dataset}, {weights} weights")
        plot = f"{dataset}-{weights}.svg"
        if plot in plots:
            parts.append(f"![recall against queries per second]({plot})")
        rows = []
        for system in summary.systems_of(results, dataset, weights):
            cells = [_qps(summary.best(results, dataset, weights, [system], recall)) for recall in RECALLS]
            at = summary.best(results, dataset, weights, [system])
            setting = (
                [_setting(at.params), f"{at.recall:.4f}", _us(at.p50_us), _us(at.p99_us)] if at else ["", "", "", ""]
            )
            most = summary.highest(results, dataset, weights, system)
            rows.append([system, *cells, *setting, f"{most:.4f}"])
        head = [
            "system",
            *(f"qps at {recall:g}" for recall in RECALLS),
            "setting at 0.99",
            "recall",
            "p50 us",
            "p99 us",
            "highest recall",
        ]
        parts.append(_table(head, rows))
    return parts


def _filters(results: list[Result]) -> list[str]:
    none = next((result for result in results if result.params["filter"]["kind"] == "none"), None)
    rows = []
    for result in results:
        about = result.params["filter"]
        planned = ", ".join(f"{engine} {n}" for engine, n in result.params["planned"].items())
        slower = f"{result.p50_us / none.p50_us:.2f}" if none else ""
        rows.append(
            [
                about["kind"],
                f"{about['passing'] * 100:.4g} %",
                f"{result.recall:.4f}",
                _us(result.p50_us),
                _us(result.p99_us),
                slower,
                planned,
            ]
        )
    n_queries = results[0].queries
    text = (
        f"nearfield `auto`, planned for recall 0.99, uniform weights, {n_queries} queries of {results[0].dataset}. "
        "*random*: items drawn at random; *near*: those whose loudness is nearest to the query's; *far*: those whose "
        "loudness is farthest from it. Making the set is not in the time."
    )
    head = ["filter", "passing", "recall", "p50 us", "p99 us", "p50 against no filter", "engines planned"]
    return ["## Filters", text, _table(head, rows)]


def _builds(results: list[Result], dataset: str) -> str:
    rows = []
    for system, result in summary.builds(results, dataset).items():
        rows.append(
            [
                system,
                f"{result.build_s:.1f}",
                f"{result.peak_bytes / 2**20:,.0f}",
                f"{result.bytes / 2**20:,.1f}",
            ]
        )
    return _table(["system", "build s", "peak memory MiB", "on disk MiB"], rows)


def _qps(result: Result | None) -> str:
    return f"{result.qps:,.0f}" if result else "not reached"


def _us(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _setting(params: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items() if name != "planned")


def _last_line(text: str) -> str:
    """Where a traceback says what happened."""
    return text.strip().splitlines()[-1].strip()


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else f"{value:g}" for value in values)
