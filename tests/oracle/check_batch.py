#!/usr/bin/env python3
"""Checks POST /api/v1/similar/batch of a running server against single queries and the reference.

    check_batch.py --csv FILE --url http://127.0.0.1:PORT [--queries 200] [--seed 1]

FILE is the CSV that the served snapshot was built from. The queries are random ones with engine `exact`, some twice,
with bad ones among them, in batches of 1 to 60, with and without `defaults`. Every answer must be the reference's and
that of the query alone; every refusal must be that of the query alone, with `requests[PLACE]` before its field. Then
bodies that are no batch, which must be refused as a whole.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

import reference as ref
from check_similar import PATH as SIMILAR
from check_similar import RequestMaker, check_request
from client import Answer, Client, Tally

PATH = f"{SIMILAR}/batch"
# What a query may be given by `defaults`; whatever it has itself counts instead.
SHARED = ("k", "engine", "anchor", "base_weights", "filters", "explain")


def spoil(maker: RequestMaker, body: dict) -> object:
    """Something that is no query, from one that is."""
    return maker.pick(
        [
            body | {"seeds": ["0000000000000000000000"]},
            body | {"weights": {"enregy": 1}},
            body | {"weights": {"energy": -1}},
            body | {"k": 0},
            body | {"k": 2.5},
            body | {"kk": 5},
            body | {"filters": {"year": {"min": 2000, "max": 1990}}},
            {},
            5,
            None,
            [],
        ]
    )


def make_batch(maker: RequestMaker, n: int) -> list:
    """`n` queries: most are good, some are bad, some are there twice."""
    queries: list = []
    for _ in range(n):
        if queries and maker.chance(0.15):
            queries.append(maker.pick(queries))
        else:
            body = maker.request()
            queries.append(spoil(maker, body) if maker.chance(0.1) else body)
    return queries


def over(defaults: dict, query: object) -> object:
    """What a query means over defaults."""
    return defaults | query if isinstance(query, dict) else query


def timeless(answer: object) -> object:
    """An answer without what differs from one time to the next."""
    return {name: value for name, value in answer.items() if name != "took_us"} if isinstance(answer, dict) else answer


def check_entry(catalogue: ref.Catalogue, place: int, body: object, entry: object, alone: Answer) -> list[str]:
    """What is wrong with one entry of the answer to a batch; `alone` is the answer to its query alone."""
    if not isinstance(entry, dict) or (isinstance(body, dict) and entry.get("status") != alone.status):
        return [f"the entry is {str(entry)[:200]}, alone it has status {alone.status}"]
    if entry.get("status") == 200 and isinstance(body, dict):
        answer = entry.get("answer")
        problems = check_request(catalogue, body, Answer(200, "", answer, json.dumps(answer)))
        if timeless(answer) != timeless(alone.body):
            problems.append("the answer is not that of the query alone")
        return problems
    problem = entry.get("problem")
    if not isinstance(problem, dict) or problem.get("status") != entry.get("status"):
        return [f"no problem of status {entry.get('status')}: {str(problem)[:200]}"]
    problems = [f"the problem has no {name}" for name in ("type", "title", "code", "detail") if not problem.get(name)]
    due = f"requests[{place}]"
    if not isinstance(body, dict):
        if (problem.get("status"), problem.get("field")) != (400, due):
            problems.append(f"refused with {problem.get('status')} and field {problem.get('field')!r}, due is {due}")
        return problems
    if problem.get("code") != alone.body.get("code"):
        problems.append(f"code {problem.get('code')!r}, alone {alone.body.get('code')!r}")
    field = problem.get("field")
    if field not in (f"{due}.{alone.body.get('field')}", f"defaults.{alone.body.get('field')}"):
        problems.append(f"field {field!r}, due is {due}.{alone.body.get('field')}")
    return problems


def check_batch(
    catalogue: ref.Catalogue, client: Client, tally: Tally, name: str, queries: list, defaults: dict
) -> None:
    body = {"requests": queries} | ({"defaults": defaults} if defaults else {})
    answer = client.post(PATH, body)
    results = answer.body.get("results") if isinstance(answer.body, dict) else None
    if answer.status != 200 or not isinstance(results, list) or len(results) != len(queries):
        tally.record(name, [f"status {answer.status}, {len(queries)} results are due: {answer.text[:300]}"])
        return
    generations = {entry["answer"].get("generation") for entry in results if entry.get("answer")}
    wrong = [] if generations <= {answer.body.get("generation")} else [f"answers of {generations} in one batch"]
    tally.record(f"{name}: generation", wrong)
    for place, (query, entry) in enumerate(zip(queries, results)):
        meant = over(defaults, query)
        alone = client.post(SIMILAR, meant)
        problems = check_entry(catalogue, place, meant, entry, alone)
        tally.record(f"{name}, request {place}: {json.dumps(meant)}", problems)


def check_refusals(client: Client, tally: Tally) -> None:
    for name, body, field in (
        ("an empty body", b"", "body"),
        ("a list for a body", b"[]", "body"),
        ("malformed JSON", b'{"requests": [{}', "body"),
        ("no requests", b"{}", "requests"),
        ("an empty list", b'{"requests": []}', "requests"),
        ("requests that are an object", b'{"requests": {}}', "requests"),
        ("too many requests", json.dumps({"requests": [{}] * 100_001}).encode(), "requests"),
        ("an unknown field", b'{"requests": [{}], "colour": 1}', "colour"),
        ("an unknown default", b'{"requests": [{}], "defaults": {"kk": 1}}', "defaults.kk"),
        ("a default of a wrong type", b'{"requests": [{}], "defaults": {"k": "1"}}', "defaults.k"),
    ):
        answer = client.send("POST", PATH, body)
        found = answer.body.get("field") if isinstance(answer.body, dict) else None
        problems = []
        if answer.status != 400 or answer.content_type != "application/problem+json":
            problems.append(f"status {answer.status}, {answer.content_type!r}: {answer.text[:200]}")
        if found != field:
            problems.append(f"field {found!r}, due is {field!r}: {answer.text[:200]}")
        tally.record(name, problems)


def run(csv: str, url: str, queries: int, seed: int) -> int:
    catalogue = ref.load_catalogue(csv)
    client, tally = Client(url), Tally()
    maker = RequestMaker(catalogue, np.random.default_rng([seed, 3]))
    try:
        left, number = queries, 0
        while left > 0:
            number += 1
            batch = make_batch(maker, min(left, int(maker.rng.integers(1, 61))))
            shared = maker.request() if maker.chance(0.4) else {}
            defaults = {name: shared[name] for name in SHARED if name in shared}
            if defaults:
                # Queries that leave some of it to the defaults.
                batch = [
                    {name: value for name, value in query.items() if name not in defaults or maker.chance(0.5)}
                    if isinstance(query, dict)
                    else query
                    for query in batch
                ]
            check_batch(catalogue, client, tally, f"batch {number}", batch, defaults)
            left -= len(batch)
        check_refusals(client, tally)
    except OSError as error:
        tally.record("the connection", [f"{url}: {error}"])
    finally:
        client.close()
    return tally.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="what the snapshot was built from (.csv or .csv.gz)")
    parser.add_argument("--url", required=True, help="the running server, like http://127.0.0.1:8080")
    parser.add_argument("--queries", type=int, default=200, help="queries in all batches together")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.queries < 1:
        parser.error("--queries must be at least 1")
    return run(args.csv, args.url, args.queries, args.seed)


if __name__ == "__main__":
    sys.exit(main())
