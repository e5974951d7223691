#!/usr/bin/env python3
"""Checks what `nearfield export --vectors FILE.npy --ids FILE.txt` wrote against the reference transform.

    check_vectors.py --csv FILE --vectors FILE.npy --ids FILE.txt

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import reference as ref
from client import Tally

TOLERANCE = 1e-5


def check(catalogue: ref.Catalogue, vectors: np.ndarray, ids: list[str], tally: Tally) -> None:
    at = next((i for i, (a, b) in enumerate(zip(ids, catalogue.ids)) if a != b), min(len(ids), len(catalogue)))
    problem = f"{len(ids)} ids exported, {len(catalogue)} in the CSV; the first difference is at line {at + 1}"
    tally.record("ids, bytewise ascending", [] if ids == catalogue.ids else [problem])
    shape = (len(catalogue), ref.N_DIMS)
    right = vectors.shape == shape and vectors.dtype == np.dtype("<f4")
    tally.record(
        "shape and type", [] if right else [f"{vectors.shape} {vectors.dtype}, due are {shape} float32, little-endian"]
    )
    if vectors.shape != shape or ids != catalogue.ids:
        return
    tally.record("all values are finite", [] if np.isfinite(vectors).all() else ["NaN or infinity"])
    for name, dims in ref.FEATURE_DIMS.items():
        got, due = vectors[:, dims].astype(np.float64), catalogue.vectors[:, dims]
        wrong = np.flatnonzero(~np.isclose(got, due, rtol=TOLERANCE, atol=TOLERANCE).all(axis=1))
        column = catalogue.raw[:, ref.FEATURE_IDX[name]]
        tally.record(
            f"dimensions of {name}",
            [f"{catalogue.ids[i]} (raw {column[i]}): {got[i].tolist()}, due {due[i].tolist()}" for i in wrong],
        )


def run(csv: str, vectors: str, ids: str) -> int:
    tally = Tally()
    with open(ids, encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    check(ref.load_catalogue(csv), np.load(vectors, allow_pickle=False), lines, tally)
    return tally.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="what the snapshot was built from (.csv or .csv.gz)")
    parser.add_argument("--vectors", required=True, help="the exported .npy")
    parser.add_argument("--ids", required=True, help="the exported ids, one a line")
    args = parser.parse_args()
    return run(args.csv, args.vectors, args.ids)


if __name__ == "__main__":
    sys.exit(main())
