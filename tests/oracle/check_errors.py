#!/usr/bin/env python3
"""Sends bad requests to a running server and checks how it refuses them.

    check_errors.py --url http://127.0.0.1:PORT [--id TRACK_ID]

Every refusal must be an application/problem+json document with the members type, title, status, code and detail,
the right status, and the name of what is wrong in `field` or `detail`; afterwards the server must be healthy and
still answer. TRACK_ID is any track in the catalogue; without it one is asked from the server.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from urllib.parse import quote

from client import Answer, Client, Tally

SIMILAR = "/api/v1/similar"
UNKNOWN_ID = "0000000000000000000000"


@dataclass
class Case:
    """One bad request. `named`: one of these words must be in `field` or `detail` (none: nothing to name)."""

    name: str
    body: bytes | None
    named: tuple[str, ...]
    statuses: tuple[int, ...] = (400,)
    path: str = SIMILAR

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


def cases(track_id: str) -> list[Case]:
    """Every bad request; `track_id` is a known track, so that nothing else is wrong with them."""
    seeds = {"seeds": [track_id]}
    quoted = quote(track_id, safe="")

    def bad(name: str, more: dict, *named: str, base: dict = seeds, statuses: tuple[int, ...] = (400,)) -> Case:
        return Case(name, json.dumps(base | more).encode(), named, statuses)

    def raw(name: str, text: str, *named: str) -> Case:
        return Case(name, text.replace("SEED", json.dumps(track_id)).encode(), named)

    def get(name: str, path: str, *named: str, statuses: tuple[int, ...] = (400,)) -> Case:
        return Case(name, None, named, statuses, path)

    features = {"tempo": {"min": 130, "max": 100}}
    return [
        # Ids
        bad("unknown seed", {"seeds": [UNKNOWN_ID]}, "seeds", UNKNOWN_ID, statuses=(404,)),
        bad("unknown negative seed", {"negative_seeds": [UNKNOWN_ID]}, "negative_seeds", UNKNOWN_ID, statuses=(404,)),
        get("GET similar of an unknown id", f"{SIMILAR}/{UNKNOWN_ID}", "id", UNKNOWN_ID, statuses=(404,)),
        get("GET an unknown track", f"/api/v1/tracks/{UNKNOWN_ID}", "id", UNKNOWN_ID, statuses=(404,)),
        # What is asked
        bad("empty request", {}, "seeds", "targets", base={}),
        bad("empty lists", {"seeds": [], "targets": {}}, "seeds", "targets"),
        bad("negative seeds alone", {"negative_seeds": [track_id]}, "seeds", "targets", base={}),
        bad("target of an unknown feature", {"targets": {"loudnes": -5}}, "loudnes"),
        bad("target above the range", {"targets": {"energy": 1.5}}, "energy"),
        bad("target below the range", {"targets": {"valence": -0.1}}, "valence"),
        bad("tempo target 0", {"targets": {"tempo": 0}}, "tempo"),
        bad("target of a wrong type", {"targets": {"energy": "high"}}, "energy"),
        # Weights and anchor
        bad("weight of an unknown feature", {"weights": {"enregy": 1}}, "enregy"),
        bad("negative weight", {"weights": {"energy": -1}}, "energy"),
        bad("weight above 1e6", {"weights": {"energy": 1.1e6}}, "energy"),
        bad("weight that is a string", {"weights": {"energy": "2"}}, "energy"),
        bad("weight that is an object", {"weights": {"energy": {}}}, "energy"),
        raw("weight NaN", '{"seeds": [SEED], "weights": {"energy": NaN}}', "energy", "weights"),
        raw("weight 1e999", '{"seeds": [SEED], "weights": {"energy": 1e999}}', "energy", "weights"),
        bad("all weights 0, anchor 0", {"base_weights": "zero", "anchor": 0}, "weight"),
        bad("weights 0 by name, anchor 0", {"base_weights": "zero", "weights": {"key": 0}, "anchor": 0}, "weight"),
        bad("unknown profile", {"base_weights": "disco"}, "base_weights"),
        bad("negative anchor", {"anchor": -0.1}, "anchor"),
        bad("anchor above 1e6", {"anchor": 1.1e6}, "anchor"),
        bad("anchor that is a string", {"anchor": "0.5"}, "anchor"),
        # k, engine, recall
        bad("k 0", {"k": 0}, "k"),
        bad("k -1", {"k": -1}, "k"),
        bad("k 1000001", {"k": 1_000_001}, "k"),
        bad("k 1e300", {"k": 1e300}, "k"),
        bad("k 2.5", {"k": 2.5}, "k"),
        bad("k that is a string", {"k": "10"}, "k"),
        bad("unknown engine", {"engine": "annoy"}, "engine"),
        bad("recall 0", {"recall": 0}, "recall"),
        bad("recall 1.5", {"recall": 1.5}, "recall"),
        bad("recall -1", {"recall": -1}, "recall"),
        # Filters
        bad("filter year min > max", {"filters": {"year": {"min": 2000, "max": 1990}}}, "year"),
        bad("filter popularity min > max", {"filters": {"popularity": {"min": 80, "max": 20}}}, "popularity"),
        bad("filter feature min > max", {"filters": {"features": features}}, "tempo"),
        bad("filter of an unknown feature", {"filters": {"features": {"temppo": {"min": 1}}}}, "temppo"),
        bad("unknown filter", {"filters": {"genre": ["rock"]}}, "genre"),
        bad("filter of a wrong type", {"filters": {"genres": "rock"}}, "genres"),
        bad("filter bound that is a string", {"filters": {"year": {"min": "1990"}}}, "year"),
        bad("unknown filter bound", {"filters": {"year": {"from": 1990}}}, "year", "from"),
        bad("filter explicit that is a string", {"filters": {"explicit": "yes"}}, "explicit"),
        # Shape
        bad("unknown field", {"kk": 5}, "kk"),
        bad("seeds that are a string", {"seeds": track_id}, "seeds"),
        bad("seeds that are numbers", {"seeds": [5]}, "seeds"),
        bad("weights that are a list", {"weights": [1, 2]}, "weights"),
        bad("explain that is a string", {"explain": "yes"}, "explain"),
        raw("a list for a body", "[]"),
        raw("malformed JSON", '{"seeds": [SEED]'),
        raw("two documents", '{"seeds": [SEED]} {}'),
        raw("an empty body", ""),
        Case("a body that is not UTF-8", b'{"seeds": ["\xff\xfe"]}', ()),
        raw("a body nested 100,000 deep", "[" * 100_000),
        raw("weights nested 100,000 deep", '{"seeds": [SEED], "weights": ' + '{"energy":' * 100_000),
        Case("a body of 16 MiB", json.dumps(seeds).encode() + b" " * (16 << 20), (), (400, 413)),
        # GET
        get("GET with an unknown parameter", f"{SIMILAR}/{quoted}?k=5&colour=red", "colour"),
        get("GET with k 0", f"{SIMILAR}/{quoted}?k=0", "k"),
        get("GET with k that is a word", f"{SIMILAR}/{quoted}?k=ten", "k"),
        get("GET with a negative weight", f"{SIMILAR}/{quoted}?weight.energy=-1", "energy"),
        get("GET with weight NaN", f"{SIMILAR}/{quoted}?weight.energy=NaN", "energy"),
        get("GET with the weight of an unknown feature", f"{SIMILAR}/{quoted}?weight.enregy=1", "enregy"),
        get("an unknown route", "/api/v1/nothing", statuses=(404,)),
    ]


def check(case: Case, answer: Answer) -> list[str]:
    """What is wrong with a refusal."""
    problems = []
    if answer.status not in case.statuses:
        problems.append(f"status {answer.status}, due is {' or '.join(map(str, case.statuses))}: {answer.text[:200]}")
    if answer.content_type != "application/problem+json":
        problems.append(f"content type {answer.content_type!r}, due is application/problem+json")
    document = answer.body
    if not isinstance(document, dict):
        return [*problems, f"the body is no JSON object: {answer.text[:200]!r}"]
    for name in ("type", "title", "code", "detail"):
        if not isinstance(document.get(name), str) or not document[name]:
            problems.append(f"member {name!r} is {document.get(name)!r}, due is a non-empty string")
    if document.get("status") != answer.status:
        problems.append(f"member 'status' is {document.get('status')!r}, the response's is {answer.status}")
    text = f"{document.get('field') or ''} {document.get('detail') or ''}"
    if case.named and not any(named_in(word, text) for word in case.named):
        problems.append(f"none of {', '.join(case.named)} is named in field or detail: {text!r}")
    return problems


def named_in(word: str, text: str) -> bool:
    """Whether `text` holds `word`; a single letter must stand alone."""
    if len(word) > 2:
        return word in text
    return word in "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def find_id(client: Client) -> str:
    """Some track in the catalogue, by asking for the neighbours of a point."""
    answer = client.post(SIMILAR, {"targets": {"energy": 0.5}, "k": 1})
    try:
        return answer.body["results"][0]["id"]
    except (TypeError, KeyError, IndexError):
        raise SystemExit(f"no track to be had from the server: {answer.status} {answer.text[:300]}") from None


def run(url: str, track_id: str | None = None) -> int:
    client, tally = Client(url), Tally()
    try:
        track_id = track_id or find_id(client)
        for case in cases(track_id):
            try:
                answer = client.send(case.method, case.path, case.body)
            except OSError as error:
                client.close()
                tally.record(case.name, [f"no answer: {error!r}"])
                continue
            tally.record(case.name, check(case, answer))
        health = client.get("/healthz")
        tally.record("healthy afterwards", [] if health.status == 200 else [f"/healthz: {health.status}"])
        last = client.post(SIMILAR, {"seeds": [track_id], "k": 1})
        tally.record("answering afterwards", [] if last.status == 200 else [f"{last.status}: {last.text[:200]}"])
    except OSError as error:
        tally.record("the connection", [f"{url}: {error!r}"])
    finally:
        client.close()
    return tally.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the running server, like http://127.0.0.1:8080")
    parser.add_argument("--id", help="a track that the server knows")
    args = parser.parse_args()
    return run(args.url, args.id)


if __name__ == "__main__":
    sys.exit(main())
