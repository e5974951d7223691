#!/usr/bin/env python3
"""Checks POST /api/v1/explain of a running server against the reference.

    check_explain.py --csv FILE --url http://127.0.0.1:PORT [--queries 100] [--seed 1]

FILE is the CSV that the served snapshot was built from. For random queries and a track within the best k, not far behind
them or anywhere: rank, percentiles, differences, and that every change of weight does what it says while smaller changes
do not. Scores of the server are rounded, so ranks may differ by what ties within that rounding.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

import reference as ref
from check_similar import RequestMaker, explanation_problems
from client import Client, Tally

PATH = "/api/v1/explain"
SLACK = 1e-6  # scores closer than this may be in either order
PERCENTILE_TOLERANCE = 0.6
SMALLER_CHANGES = 24
MAX_WEIGHT = 1e6


def ranks(catalogue: ref.Catalogue, query: ref.Query, mask: np.ndarray, row: int) -> tuple[int, int]:
    """The best and the worst rank that `row` may have."""
    values = ref.scores(catalogue, query)
    others = mask.copy()
    others[row] = False
    return (
        1 + int((values[others] > values[row] + SLACK).sum()),
        1 + int((values[others] >= values[row] - SLACK).sum()),
    )


def percentile(catalogue: ref.Catalogue, feature: int, value: float) -> float:
    column = catalogue.raw[:, feature]
    column = column[~np.isnan(column)]
    return 100.0 * ((column < value).sum() + 0.5 * (column == value).sum()) / len(column)


def has_common_key(catalogue: ref.Catalogue, query: ref.Query) -> bool:
    """Whether the keys of the query's tracks lie on one side of the circle of fifths: their mean is longer than 0.3."""
    dims, scale = ref.FEATURE_DIMS["key"], catalogue.statistics.scale[ref.FEATURE_IDX["key"]]
    return float(np.linalg.norm(query.vector[dims] * scale + catalogue.statistics.mean[dims])) >= 0.3


def difference_problems(catalogue: ref.Catalogue, query: ref.Query, explanation: dict, row: int) -> list[str]:
    problems = []
    due = {name for i, name in enumerate(ref.FEATURES) if query.weights[i] > 0.0}
    differences = explanation.get("differences")
    if not isinstance(differences, dict) or set(differences) != due:
        return [f"differences of {sorted(differences or [])}, due are {sorted(due)}"]
    for name, it in differences.items():
        index = ref.FEATURE_IDX[name]
        known = bool(np.any(catalogue.vectors[row][ref.FEATURE_DIMS[name]]))
        raw = catalogue.raw[row, index]
        if known and (it["track"] is None or abs(it["track"] - raw) > 1e-6 * max(1.0, abs(raw))):
            problems.append(f"{name}: the track has {it['track']}, due is {raw}")
        has_value = bool(query.present[index]) and (name != "key" or has_common_key(catalogue, query))
        if (it["query"] is None) == has_value:
            problems.append(f"{name}: the query has {it['query']}, present is {query.present[index]}")
        both = it["query"] is not None and it["track"] is not None
        if (it["difference"] is not None) != both or bool(it["text"]) != both:
            problems.append(f"{name}: difference {it['difference']} and text {it['text']!r}, both known is {both}")
        if both and name != "key" and abs(it["track"] - it["query"] - it["difference"]) > 1e-5 * max(1.0, abs(raw)):
            problems.append(f"{name}: {it['track']} - {it['query']} is not {it['difference']}")
        for side in ("query", "track"):
            value, got = it[side], it[f"{side}_percentile"]
            if value is None or name == "key":
                if got is not None:
                    problems.append(f"{name}: {side} percentile {got}, due is null")
            elif side == "track" and (got is None or abs(got - percentile(catalogue, index, value)) > PERCENTILE_TOLERANCE):
                problems.append(f"{name}: {side} percentile {got}, due is {percentile(catalogue, index, value):.2f}")
    return problems


def change_problems(
    catalogue: ref.Catalogue, body: dict, mask: np.ndarray, row: int, is_in: bool, name: str, change: dict | None
) -> list[str]:
    weight = float(ref.request_weights(body)[ref.FEATURE_IDX[name]])
    k = body["k"]

    def placed(to: float) -> tuple[int, int] | None:
        try:
            query = ref.build_query(catalogue, body | {"weights": {**(body.get("weights") or {}), name: to}})
        except ref.BadRequest:
            return None
        return ranks(catalogue, query, mask, row)

    problems = []
    nearest = 9.0
    if change is not None:
        place = placed(change["to"])
        if place is None or not place[0] <= change["rank"] <= place[1]:
            problems.append(f"{name} to {change['to']}: rank {change['rank']}, due is {place}")
        if (change["rank"] <= k) == is_in:
            problems.append(f"{name} to {change['to']}: rank {change['rank']} is on the same side of {k}")
        nearest = abs(change["threshold"] / weight - 1.0)
    for share in np.linspace(0.0, 0.999, SMALLER_CHANGES):
        for factor in (1.0 - share * nearest, 1.0 + share * nearest):
            if not 0.0 <= factor <= 10.0 or factor * weight > MAX_WEIGHT:
                continue
            place = placed(factor * weight)
            # Only what is on the other side for sure.
            if place is not None and (place[0] > k if is_in else place[1] <= k):
                problems.append(f"{name} times {factor}: rank {place}, which no smaller change than {change} has")
    return problems


def check_one(catalogue: ref.Catalogue, client: Client, body: dict, track: str) -> list[str]:
    row = catalogue.rank[track]
    answer = client.post(PATH, body | {"track": track})
    seeds = (body.get("seeds") or []) + (body.get("negative_seeds") or [])
    try:
        query = ref.build_query(catalogue, body)
        mask = ref.eligible(catalogue, body)
    except ref.BadRequest as refusal:
        return [] if answer.status == refusal.status else [f"status {answer.status}, {refusal.status} is due"]
    if track in seeds:
        return [] if answer.status == 400 else [f"status {answer.status} for a seed"]
    if answer.status != 200:
        return [f"status {answer.status}: {answer.text[:300]}"]
    got = answer.body
    problems = explanation_problems(catalogue, query, got, row, True)
    problems += difference_problems(catalogue, query, got["explanation"], row)
    if not mask[row]:
        if got["rank"] is not None or got["counterfactuals"] is not None or got["in_top_k"]:
            problems.append("a rank or counterfactuals of what a filter keeps out")
        return problems
    low, high = ranks(catalogue, query, mask, row)
    if not low <= got["rank"] <= high:
        problems.append(f"rank {got['rank']}, due is {low} to {high}")
    if got["in_top_k"] != (got["rank"] <= body["k"]):
        problems.append(f"in_top_k {got['in_top_k']} at rank {got['rank']} of {body['k']}")
    for name, change in got["counterfactuals"].items():
        problems += change_problems(catalogue, body, mask, row, got["in_top_k"], name, change)
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    catalogue = ref.load_catalogue(options.csv)
    client, tally = Client(options.url), Tally()
    rng = np.random.default_rng([options.seed, 3])
    maker = RequestMaker(catalogue, rng)
    for i in range(options.queries):
        body = maker.request()
        body["k"] = int(rng.choice([1, 5, 10, 25]))
        body.pop("engine", None)
        try:
            values = ref.scores(catalogue, ref.build_query(catalogue, body))
            mask = ref.eligible(catalogue, body)
        except ref.BadRequest:
            continue
        depth = [body["k"], 4 * body["k"], len(catalogue)][int(rng.choice([0, 1, 2], p=[0.5, 0.4, 0.1]))]
        pool = ref.best(values, mask, depth)
        # Now and then whatever there is, seeds and what a filter keeps out among it.
        anywhere = i % 10 == 9 or len(pool) == 0
        row = int(rng.integers(len(catalogue))) if anywhere else int(rng.choice(pool))
        track = catalogue.ids[row]
        tally.record(f"{json.dumps(body)} {track}", check_one(catalogue, client, body, track))
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
