"""The command line."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

DATASETS = ("tracks", "bootstrap", "glove-100", "fashion-mnist")
NEARFIELD = ("nearfield-hnsw", "nearfield-exact", "nearfield-auto", "nearfield-forest")
LIBRARIES = ("hnswlib", "faiss-hnsw", "faiss-flat", "annoy", "usearch", "voyager", "scann", "numpy-scan")
SYSTEMS = NEARFIELD + LIBRARIES
GROUPS = {"nearfield": NEARFIELD, "faiss": ("faiss-hnsw", "faiss-flat")}
QUICK_SYSTEMS = ("nearfield-hnsw", "nearfield-exact", "nearfield-auto", "hnswlib", "faiss-hnsw", "faiss-flat")


@dataclass(frozen=True)
class Options:
    """What a run was asked for."""

    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    tracks: Path | None
    n: int
    limit: int | None
    queries: int
    rounds: int
    threads: int
    efforts: tuple[int, ...]
    m: int
    ef_construction: int
    seed: int
    filters: bool
    out: Path
    json: Path
    cache: Path
    nearfield: Path
    runner: Path
    command: str


def parse(arguments: list[str]) -> Options:
    """Reads the arguments; wrong ones end the process with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-peers",
        description="Compares nearfield with other nearest-neighbour libraries on the same vectors and queries.",
        epilog="A dataset or system that cannot be had here is left out, and the report says why.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="a bootstrap of 200,000 tracks, 500 queries, hnswlib and faiss only",
    )
    add("--datasets", type=_names(DATASETS, {}), metavar="A,B", help=f"of {', '.join(DATASETS)} [all]")
    add(
        "--only",
        type=_names(SYSTEMS, GROUPS),
        metavar="A,B",
        help=f"systems, of {', '.join(SYSTEMS)}, nearfield, faiss [all]",
    )
    add("--tracks", type=_file, metavar="FILE", help="tracks to import (CSV and so on) [a made-up catalogue]")
    add("--n", type=_count(1_000, 100_000_000), metavar="N", help="tracks of the bootstrap [1000000]")
    add(
        "--limit",
        type=_count(1_000, 100_000_000),
        metavar="N",
        help="at most N rows of each dataset (development)",
    )
    add("--queries", type=_count(10, 100_000), metavar="N", help="queries of each dataset [1000]")
    add(
        "--rounds",
        type=_count(1, 100),
        default=3,
        metavar="N",
        help="repetitions; the fastest counts [%(default)s]",
    )
    add("--threads", type=_count(1, 1024), default=2, metavar="N", help="threads of builds [%(default)s]")
    add(
        "--efforts",
        type=_efforts,
        metavar="A,B",
        default=_efforts("10,12,14,16,20,24,32,40,48,64,80,96,128,160,200,320,512,640,800,1000,1280"),
        help="ef of nearfield's graph [10 to 1280]",
    )
    add("--m", type=_count(2, 256), default=16, metavar="M", help="M of every HNSW graph [%(default)s]")
    add(
        "--ef-construction",
        type=_count(8, 10_000),
        default=200,
        metavar="EF",
        help="ef of every HNSW construction [%(default)s]",
    )
    add(
        "--seed",
        type=_count(0, 2**31),
        default=42,
        metavar="N",
        help="seed of everything random [%(default)s]",
    )
    add("--no-filters", action="store_true", help="without the measurements under filters")
    add("--out", type=Path, metavar="DIR", help="where report and plots go [target/bench-peers/results]")
    add("--json", type=Path, metavar="FILE", help="where the measurements go [OUT/results.json]")
    # What scripts/bench-peers adds.
    for name in ("--cache", "--nearfield", "--runner"):
        add(name, type=Path, required=True, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    quick = given.quick
    out = (given.out or given.cache / "results").absolute()
    shown = [text for text in arguments[: arguments.index("--cache")]]
    return Options(
        datasets=given.datasets or (("bootstrap",) if quick else DATASETS),
        systems=given.only or (QUICK_SYSTEMS if quick else SYSTEMS),
        tracks=given.tracks.absolute() if given.tracks else None,
        n=given.n or (200_000 if quick else 1_000_000),
        limit=given.limit,
        queries=given.queries or (500 if quick else 1_000),
        rounds=given.rounds,
        threads=given.threads,
        efforts=given.efforts,
        m=given.m,
        ef_construction=given.ef_construction,
        seed=given.seed,
        filters=not given.no_filters,
        out=out,
        json=(given.json or out / "results.json").absolute(),
        cache=given.cache.absolute(),
        nearfield=given.nearfield.absolute(),
        runner=given.runner.absolute(),
        command=" ".join(["scripts/bench-peers", *_anonymous(shown)]),
    )


def _anonymous(arguments: list[str]) -> list[str]:
    """The arguments without the folders of this machine, for the report."""
    return [Path(text).name if "/" in text else text for text in arguments]


def _count(least: int, most: int):
    def parse_count(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return value

    return parse_count


def _names(known: tuple[str, ...], groups: dict[str, tuple[str, ...]]):
    def parse_names(text: str) -> tuple[str, ...]:
        chosen: set[str] = set()
        for name in text.split(","):
            if name not in known and name not in groups:
                raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join((*known, *groups))}")
            chosen.update(groups.get(name, (name,)))
        return tuple(name for name in known if name in chosen)

    return parse_names


def _efforts(text: str) -> tuple[int, ...]:
    parse_effort = _count(1, 1_000_000)
    return tuple(sorted({parse_effort(part) for part in text.split(",")}))


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


if __name__ == "__main__":
    # Only checks the arguments (and shows --help); the rest is what scripts/bench-peers will add.
    parse([*sys.argv[1:], "--cache", ".", "--nearfield", ".", "--runner", "."])
