#!/usr/bin/env python3
"""Checks how a running server leaves out other recordings, against the reference.

    check_collapse.py --csv FILE --url http://127.0.0.1:PORT [--queries 200] [--seed 1]

FILE is the CSV that the served snapshot was built from. Random requests with engine `exact`, most of them with seeds of which there
are other recordings: the answer must hold each recording once, none of the seeds', the k best of them, and list what was left out.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

import reference as ref
from check_similar import PATH, SCORE_TOLERANCE, RequestMaker, shape_problems
from client import Answer, Client, Tally


def check_answer(catalogue: ref.Catalogue, groups: np.ndarray, body: dict, answer: Answer) -> list[str]:
    """What is wrong with the answer to one request."""
    try:
        query = ref.build_query(catalogue, body)
    except ref.BadRequest as refused:
        return [] if answer.status == refused.status else [f"status {answer.status} where {refused} was due"]
    if answer.status != 200 or not isinstance(answer.body, dict):
        return [f"status {answer.status}: {answer.text[:300]}"]
    results = answer.body.get("results") or []
    malformed = shape_problems(results)
    if malformed:
        return malformed
    truth = ref.scores(catalogue, query)
    due, _, of_seeds = ref.collapsed(catalogue, groups, body, truth)
    rows = [catalogue.rank[item["id"]] for item in results]
    problems = []
    if len({int(groups[row]) for row in rows}) != len(rows):
        problems.append("a recording comes twice")
    if len(rows) != len(due):
        problems.append(f"{len(rows)} results, {len(due)} are due")
    for place, (row, best) in enumerate(zip(rows, due)):
        if abs(truth[row] - truth[best]) > SCORE_TOLERANCE:
            problems.append(f"rank {place + 1} scores {truth[row]:.7f}, the best recording left {truth[best]:.7f}")
    if answer.body.get("collapsed_into_seeds") != [catalogue.ids[row] for row in of_seeds]:
        problems.append("`collapsed_into_seeds` is not the seeds' other recordings")
    mask = ref.eligible(catalogue, body)
    for item, row in zip(results, rows):
        same = [catalogue.ids[i] for i in np.flatnonzero(mask & (groups == groups[row])) if i != row]
        if item.get("collapsed") != same:
            problems.append(f"{item['id']}: `collapsed` is {item.get('collapsed')}, {same} are its other recordings")
    return problems


def requests(catalogue: ref.Catalogue, groups: np.ndarray, n: int, seed: int):
    """Random requests; half of those with seeds get one of which there are several recordings."""
    maker = RequestMaker(catalogue, np.random.default_rng([seed, 3]))
    shared = np.flatnonzero(np.bincount(groups, minlength=len(groups)) > 1)
    several = [i for i in range(len(groups)) if groups[i] in set(shared.tolist())]
    for _ in range(n):
        body = maker.request()
        del body["collapse_duplicates"]
        if maker.chance(0.3):
            body["collapse_duplicates"] = True
        if several and body.get("seeds") and maker.chance(0.5):
            one = catalogue.ids[maker.pick(several)]
            if one not in body["seeds"] + body.get("negative_seeds", []):
                body["seeds"][0] = one
        yield body


def run(csv: str, url: str, queries: int, seed: int) -> int:
    catalogue = ref.load_catalogue(csv)
    groups = ref.recordings(catalogue)
    client, tally = Client(url), Tally()
    n_collapsed = 0
    try:
        for i, body in enumerate(requests(catalogue, groups, queries, seed)):
            answer = client.post(PATH, body)
            tally.record(f"request {i + 1}: {json.dumps(body)}", check_answer(catalogue, groups, body, answer))
            if isinstance(answer.body, dict):
                n_collapsed += any(item.get("collapsed") for item in answer.body.get("results") or [])
    except OSError as error:
        tally.record("the connection", [f"{url}: {error}"])
    finally:
        client.close()
    n_again = int((groups != np.arange(len(groups))).sum())
    print(f"{queries} requests, {n_collapsed} with something collapsed; {n_again} tracks are other recordings")
    if queries >= 50 and n_collapsed == 0:
        tally.record("the requests", ["nothing was collapsed: they check nothing"])
    return tally.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="what the snapshot was built from (.csv or .csv.gz)")
    parser.add_argument("--url", required=True, help="the running server, like http://127.0.0.1:8080")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    return run(args.csv, args.url, args.queries, args.seed)


if __name__ == "__main__":
    sys.exit(main())
