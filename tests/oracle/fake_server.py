"""A server that answers from the reference, to test the checkers: right by default, wrong on purpose.

`FakeServer(catalogue, sabotage=...)` listens on a free port of 127.0.0.1 while it is used in a `with` statement.
It is no model of nearfield's code: only of the parts of its HTTP contract that the checkers read.
"""

from __future__ import annotations

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np

import reference as ref

MAX_BODY_BYTES = 1 << 20
MAX_K = 1_000_000
MAX_BATCH_REQUESTS = 1_000
_NUMBER, _TEXT, _LIST, _MAP, _FLAG = (int, float), str, list, dict, bool
FIELDS = {
    "seeds": _LIST, "negative_seeds": _LIST, "negative_weight": _NUMBER, "targets": _MAP, "weights": _MAP,
    "base_weights": _TEXT, "anchor": _NUMBER, "k": int, "engine": _TEXT, "recall": _NUMBER, "explain": _FLAG,
    "max_per_artist": int, "diversity": _NUMBER, "filters": _MAP, "collapse_duplicates": _FLAG,
}  # fmt: skip
FILTERS = {
    "genres": _LIST, "artists": _LIST, "exclude_artists": _LIST, "exclude_ids": _LIST, "explicit": _FLAG,
    "year": _MAP, "popularity": _MAP, "features": _MAP,
}  # fmt: skip


def _is(value: object, kind: object) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _refuse(where: str, why: str, status: int = 400) -> None:
    raise ref.BadRequest(status, where, why)


def parse(text: bytes) -> dict:
    """The JSON object in `text`; a fault inside a value is reported with the value's path."""
    try:
        body = json.loads(text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        try:  # a literal such as NaN: say where
            for name, weight in json.loads(text.decode())["weights"].items():
                if isinstance(weight, float) and not math.isfinite(weight):
                    _refuse(f"weights.{name}", "not a finite number")
        except (ValueError, RecursionError, KeyError, TypeError):
            pass
        raise ref.BadRequest(400, "", f"malformed JSON: {error}") from None
    if not isinstance(body, dict):
        _refuse("", "not an object")
    return body


def validate(body: dict) -> None:
    """Types and ranges of a request, as the API gives them."""
    for where, fields, part in (("", FIELDS, body), ("filters.", FILTERS, body.get("filters") or {})):
        for name, value in part.items():
            if name not in fields:
                _refuse(where + name, "unknown field")
            if value is not None and not _is(value, fields[name]):
                _refuse(where + name, "wrong type")
    for name in ("seeds", "negative_seeds"):
        if not all(isinstance(track_id, str) for track_id in body.get(name) or []):
            _refuse(name, "ids are strings")
    numbers = [(f"weights.{name}", value, 0.0, 1e6) for name, value in (body.get("weights") or {}).items()]
    numbers.append(("anchor", body.get("anchor", 0.5), 0.0, 1e6))
    numbers.append(("k", body.get("k", 10), 1, MAX_K))
    numbers.append(("recall", body.get("recall", 0.99), 1e-9, 1.0))
    for name, value in (body.get("targets") or {}).items():
        low, high = ref.SAFE_RANGE.get(name, (-math.inf, math.inf))
        numbers.append((f"targets.{name}", value, low, high))
    for where, value, low, high in numbers:
        if not _is(value, _NUMBER) or not math.isfinite(value) or not low <= value <= high:
            _refuse(where, f"{value} is not a number in {low}..{high}")
    if body.get("engine", "auto") not in ("auto", "exact", "hnsw", "forest"):
        _refuse("engine", "no such engine")
    filters = body.get("filters") or {}
    bounds = [(f"filters.{name}", filters.get(name)) for name in ("year", "popularity")]
    bounds += [(f"filters.features.{name}", limit) for name, limit in (filters.get("features") or {}).items()]
    for where, limit in bounds:
        limit = limit or {}
        if not set(limit) <= {"min", "max"} or not all(_is(value, _NUMBER) for value in limit.values()):
            _refuse(where, "bounds are numbers `min` and `max`")
        if limit.get("min", -math.inf) > limit.get("max", math.inf):
            _refuse(where, "min is above max")


def answer(catalogue: ref.Catalogue, body: dict, pick: Callable | None = None) -> dict:
    """The answer of `POST /api/v1/similar`; `pick` may choose other ranks than the best."""
    validate(body)
    query = ref.build_query(catalogue, body)
    everything, mask = ref.scores(catalogue, query), ref.eligible(catalogue, body)
    others: list[list[int]] = []
    of_seeds: list[int] = []
    if body.get("collapse_duplicates", True):
        rows, others, of_seeds = ref.collapsed(catalogue, ref.recordings(catalogue), body, everything)
    else:
        rows = (pick or ref.best)(everything, mask, body.get("k", 10))
    results = []
    for rank, row in enumerate(rows, start=1):
        item: dict = {
            "rank": rank,
            "id": catalogue.ids[row],
            "similarity": float(np.float32(everything[row])),
            "track": {"artists": catalogue.artists[row], "genres": catalogue.genres[row]},
            "collapsed": [catalogue.ids[i] for i in (others[rank - 1] if others else [])],
        }
        if body.get("explain"):
            item["explanation"] = {"contributions": ref.contributions(catalogue, query, int(row))}
        results.append(item)
    asked = body.get("engine", "auto")
    out = {"generation": "fake", "engine": "exact" if asked == "auto" else asked, "results": results}
    out["collapsed_into_seeds"] = [catalogue.ids[i] for i in of_seeds]
    if query.missing():
        out["warnings"] = [f"the query knows nothing of {name}" for name in query.missing()]
    return out


def error_document(error: ref.BadRequest) -> dict:
    return {
        "type": "about:blank",
        "title": "Refused",
        "status": error.status,
        "code": "not_found" if error.status == 404 else "bad_request",
        "field": error.where,
        "detail": f"{error.where}: {error.why}",
    }


def batch(text: bytes, answer_one: Callable[[dict], dict]) -> dict:
    """The answer of `POST /api/v1/similar/batch`."""
    try:
        body = parse(text)
    except ref.BadRequest as error:
        raise ref.BadRequest(400, "body", error.why) from None
    for name in body.keys() - {"requests", "defaults"}:
        _refuse(name, "unknown field")
    requests, defaults = body.get("requests"), body.get("defaults") or {}
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_BATCH_REQUESTS:
        _refuse("requests", f"a list of 1 to {MAX_BATCH_REQUESTS} queries")
    for name, value in defaults.items():
        if name not in FIELDS or not _is(value, FIELDS[name]):
            _refuse(f"defaults.{name}", "unknown field or wrong type")
    results = []
    for place, request in enumerate(requests):
        try:
            if not isinstance(request, dict):
                _refuse("", "not an object")
            results.append({"status": 200, "answer": answer_one(defaults | request)})
        except ref.BadRequest as error:
            inherited = error.where.partition(".")[0] in defaults.keys() - request.keys() if error.where else False
            place_name = "defaults" if inherited else f"requests[{place}]"
            document = error_document(error) | {"field": f"{place_name}.{error.where}".rstrip(".")}
            results.append({"status": error.status, "problem": document})
    return {"generation": "fake", "took_us": 1, "results": results}


class FakeServer:
    """Serves `catalogue`. `sabotage(request, answer)` may change an answer in place before it is sent;
    `pick(scores, mask, k)` replaces the choice of results; `problem(document)` may change an error document;
    `spoil_batch(results)` may change what a batch was answered with."""

    def __init__(self, catalogue: ref.Catalogue, sabotage=None, pick=None, problem=None, spoil_batch=None):
        self.catalogue, self.sabotage, self.pick, self.problem = catalogue, sabotage, pick, problem
        self.spoil_batch = spoil_batch

    def __enter__(self) -> "FakeServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def reply(self, status: int, document: object, kind: str = "application/json") -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                if self.close_connection:
                    self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(data)

            def handle_with(self, act) -> None:
                try:
                    self.reply(200, act())
                except ref.BadRequest as error:
                    document = error_document(error)
                    if outer.problem:
                        outer.problem(document)
                    self.reply(document["status"], document, "application/problem+json")

            def do_POST(self) -> None:
                def act():
                    length = int(self.headers["content-length"])
                    if length > MAX_BODY_BYTES:
                        self.close_connection = True
                        _refuse("body", "too long", 413)
                    text = self.rfile.read(length)
                    if self.path == "/api/v1/similar/batch":
                        document = batch(text, lambda body: answer(outer.catalogue, body, outer.pick))
                        if outer.spoil_batch:
                            outer.spoil_batch(document["results"])
                        return document
                    if self.path != "/api/v1/similar":
                        _refuse("path", "no such route", 404)
                    body = parse(text)
                    document = answer(outer.catalogue, body, outer.pick)
                    if outer.sabotage:
                        outer.sabotage(body, document)
                    return document

                self.handle_with(act)

            def do_GET(self) -> None:
                def act():
                    parts = urlsplit(self.path)
                    *route, last = unquote(parts.path).split("/")
                    if parts.path == "/healthz":
                        return {"status": "ok"}
                    if route == ["", "api", "v1", "tracks"] and last in outer.catalogue.rank:
                        return {"id": last}
                    if route != ["", "api", "v1", "similar"]:
                        _refuse("id", "no such track or route", 404)
                    body: dict = {"seeds": [last]}
                    for name, value in parse_qsl(parts.query, keep_blank_values=True):
                        head, _, tail = name.partition(".")
                        try:
                            number = float(value)
                        except ValueError:
                            number = value
                        if name == "k":
                            body["k"] = int(number) if isinstance(number, float) else number
                        elif head == "weight" and tail:
                            body.setdefault("weights", {})[tail] = number
                        else:
                            _refuse(name, "unknown query parameter")
                    return answer(outer.catalogue, body)

                self.handle_with(act)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
