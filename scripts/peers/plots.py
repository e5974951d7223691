"""Figures, as SVG."""

from pathlib import Path

import matplotlib

from . import summary
from .results import Result

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "nearfield"

import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

# Colours that can be told apart by the colour-blind (after Okabe and Ito), nearfield in blues.
STYLES = {
    "nearfield-hnsw": ("#0072b2", "o", "-"),
    "nearfield-auto": ("#56b4e9", "s", "-"),
    "nearfield-exact": ("#00307a", "*", "-"),
    "nearfield-forest": ("#7fa8c9", "v", ":"),
    "hnswlib": ("#d55e00", "^", "-"),
    "hnswlib-overfetch": ("#d55e00", "^", "--"),
    "faiss-hnsw": ("#e69f00", "D", "-"),
    "faiss-hnsw-overfetch": ("#e69f00", "D", "--"),
    "faiss-flat": ("#000000", "P", "-"),
    "faiss-flat-batch": ("#777777", "P", "-"),
    "annoy": ("#cc79a7", "<", "-"),
    "usearch": ("#009e73", ">", "-"),
    "voyager": ("#8c564b", "h", "-"),
    "scann": ("#b5a300", "X", "-"),
    "numpy-scan": ("#bbbbbb", "P", "-"),
}


def draw_all(results: list[Result], folder: Path) -> list[str]:
    """Draws everything; the file names."""
    names = []
    for dataset in dict.fromkeys(result.dataset for result in results):
        for weights in summary.weights_of(results, dataset):
            names.append(f"{dataset}-{weights}.svg")
            _draw_recall(results, dataset, weights, folder / names[-1])
    names.append("builds.svg")
    _draw_builds(results, folder / names[-1])
    return names


def _draw_recall(results: list[Result], dataset: str, weights: str, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 5))
    for system in summary.systems_of(results, dataset, weights):
        rows = [
            r
            for r in results
            if (r.dataset, r.weights, r.system) == (dataset, weights, system) and not summary.is_filtered(r)
        ]
        frontier = _frontier(rows)
        colour, marker, line = STYLES[system]
        # Distance from 1 on a logarithmic axis tells .99 from .999.
        axes.plot(
            [max(1 - r.recall, 1e-4) for r in frontier],
            [r.qps for r in frontier],
            color=colour,
            marker=marker,
            linestyle=line,
            markersize=5,
            label=system,
        )
    first = next(r for r in results if r.dataset == dataset)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="recall@10",
        ylabel="queries per second, one thread",
        title=f"{dataset}, {weights} weights ({first.n:,} x {first.dim})",
    )
    ticks = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 0.0001)
    axes.set_xlim(0.6, 8e-5)
    axes.set_xticks(ticks, [f"{1 - tick:g}" if tick > 1e-4 else "1" for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")
    _save(figure, path)


def _frontier(rows: list[Result]) -> list[Result]:
    """Settings that no other one beats in both recall and speed, by recall."""
    kept: list[Result] = []
    for row in sorted(rows, key=lambda row: (-row.recall, -row.qps)):
        if not kept or row.qps > kept[-1].qps:
            kept.append(row)
    return kept[::-1]


def _draw_builds(results: list[Result], path: Path) -> None:
    datasets = list(dict.fromkeys(result.dataset for result in results))
    figures = (
        ("build time, s", lambda r: r.build_s),
        ("peak memory of the build, MiB", lambda r: r.peak_bytes / 2**20),
        ("size on disk, MiB", lambda r: r.bytes / 2**20),
    )
    figure, grid = plt.subplots(len(datasets), 3, figsize=(13, 0.9 + 2.9 * len(datasets)), squeeze=False)
    for line, dataset in zip(grid, datasets, strict=True):
        rows = summary.builds(results, dataset)
        names = list(rows)[::-1]
        for axes, (title, value) in zip(line, figures, strict=True):
            bars = axes.barh(names, [value(rows[name]) for name in names], color=[STYLES[name][0] for name in names])
            axes.bar_label(bars, fmt="%.3g", fontsize=7, padding=2)
            axes.margins(x=0.15)
            axes.tick_params(labelsize=8)
            axes.set_title(f"{dataset}: {title}", fontsize=9)
    _save(figure, path)


def _save(figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
