#!/usr/bin/env python3
"""Checks POST /api/v1/similar of a running server against the reference.

    check_similar.py --csv FILE --url http://127.0.0.1:PORT [--queries 200] [--seed 1]

FILE is the CSV that the served snapshot was built from. Two parts:

1. Random requests with engine `exact`: scores, filters, exclusions, counts, ties and explanations must be the
   reference's.
2. Recall@10 (tie-aware, by true score) of every engine under the four weight families and three profiles, with
   floors.

The last line is `N passed, N failed`; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import time

import numpy as np

import reference as ref
from client import Answer, Client, Tally

SCORE_TOLERANCE = 1e-4
SUM_TOLERANCE = 1e-5
PATH = "/api/v1/similar"

ENGINES = ("exact", "hnsw", "forest", "auto")
FAMILIES = ("uniform", "random", "exponential", "sparse")
PROFILES = ("dj", "mood", "playlist")
FLOORS = (
    {("exact", row): 1.0 for row in FAMILIES + PROFILES}
    | {("auto", row): 0.99 for row in FAMILIES + PROFILES}
    | {("hnsw", row): 0.99 for row in ("uniform", "random", "exponential")}
    | {("forest", "uniform"): 0.95}
)


# ---------------------------------------------------------------------------------- part 1: random requests


class RequestMaker:
    """Draws requests that use every field of the query, in combinations that a person may send."""

    def __init__(self, catalogue: ref.Catalogue, rng: np.random.Generator):
        self.catalogue, self.rng = catalogue, rng

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def some(self, options, low: int, high: int) -> list:
        count = min(int(self.rng.integers(low, high + 1)), len(options))
        return [options[int(i)] for i in self.rng.choice(len(options), count, replace=False)]

    def request(self) -> dict:
        # Other recordings are check_collapse.py's.
        body: dict = {"engine": "exact", "k": int(self.rng.integers(1, 51)), "collapse_duplicates": False}
        n_seeds = int(self.rng.integers(1, 6)) if self.chance(0.85) else 0
        n_negatives = int(self.rng.integers(1, 4)) if self.chance(0.3) else 0
        ids = self.some(self.catalogue.ids, n_seeds + n_negatives, n_seeds + n_negatives)
        if n_seeds:
            body["seeds"] = ids[:n_seeds]
        if n_negatives:
            body["negative_seeds"] = ids[n_seeds:]
            if self.chance(0.6):
                body["negative_weight"] = self.pick([0.0, 0.25, 1.0, round(float(self.rng.uniform(0, 2)), 3)])
        if not n_seeds or self.chance(0.35):
            body["targets"] = {name: self.target(name) for name in self.some(ref.FEATURES, 1, 4)}
        if self.chance(0.75):
            body["weights"] = {name: self.weight() for name in self.some(ref.FEATURES, 1, 8)}
        if self.chance(0.5):
            body["base_weights"] = self.pick(list(ref.PROFILES))
        if self.chance(0.6):
            body["anchor"] = self.pick([0.0, 0.0, 0.25, 1.0, 10.0, round(float(self.rng.uniform(0, 3)), 4)])
        if self.chance(0.6):
            body["filters"] = self.filters()
        if self.chance(0.6):
            body["explain"] = self.chance(0.85)
        if self.chance(0.06):  # one weight: the query may turn out to know nothing of it
            body |= {"base_weights": "zero", "weights": {self.pick(ref.FEATURES): 1}}
        if not ref.request_weights(body).any():
            body["weights"] = body.get("weights", {}) | {"energy": 1.0}
        return body

    def weight(self) -> float:
        return self.pick(
            [
                0.0,
                1,
                int(self.rng.integers(2, 10)),
                float(self.rng.random()),
                float(np.exp(self.rng.normal())),
                self.pick([1e-3, 1e3, 1e6]),
            ]
        )

    def raw_value(self, name: str) -> float:
        """A raw value that occurs, or one inside the range that does not."""
        low, high = ref.SAFE_RANGE[name]
        value = float(self.catalogue.raw[int(self.rng.integers(len(self.catalogue))), ref.FEATURE_IDX[name]])
        if np.isnan(value) or self.chance(0.2):
            value = float(self.rng.uniform(low, high))
            if name in ("key", "mode", "time_signature", "duration_ms", "popularity", "release_year"):
                value = float(round(value))
        return value

    def target(self, name: str) -> float:
        low, high = ref.SAFE_RANGE[name]
        return min(max(self.raw_value(name), low), high)

    def bounds(self, name: str) -> dict:
        """One or two inclusive bounds; a bound often is a value that occurs, to meet off-by-one comparisons."""
        low, high = sorted((self.raw_value(name), self.raw_value(name)))
        if name in ("release_year", "popularity"):
            low, high = int(low), int(high)
        return self.pick([{"min": low}, {"max": high}, {"min": low, "max": high}, {"min": low, "max": low}])

    def any_case(self, tag: str) -> str:
        return self.pick([tag, tag.upper(), tag.lower(), tag.swapcase()])

    def tags(self, lists: list[list[str]], low: int, high: int) -> list[str]:
        """Tags that occur, in any case; only those whose case mapping is the same in every library."""
        found = []
        for _ in range(int(self.rng.integers(low, high + 1))):
            for _ in range(50):
                tags = [tag for tag in self.pick(lists) if tag.upper().lower() == tag.lower() == tag.casefold()]
                if tags:
                    found.append(self.any_case(self.pick(tags)))
                    break
        return found

    def filters(self) -> dict:
        filters: dict = {}
        kinds = ["genres", "artists", "exclude_artists", "exclude_ids", "explicit", "year", "popularity", "features"]
        for kind in self.some(kinds, 1, 3):
            if kind == "genres":
                filters[kind] = self.tags(self.catalogue.genres, 1, 3)
            elif kind in ("artists", "exclude_artists"):
                filters[kind] = self.tags(self.catalogue.artists, 1, 20)
            elif kind == "exclude_ids":
                filters[kind] = self.some(self.catalogue.ids, 1, 50)
            elif kind == "explicit":
                filters[kind] = self.chance(0.5)
            elif kind == "year":
                filters[kind] = self.bounds("release_year")
            elif kind == "popularity":
                filters[kind] = self.bounds("popularity")
            else:
                filters[kind] = {name: self.bounds(name) for name in self.some(ref.FEATURES, 1, 3)}
        return filters


def check_request(catalogue: ref.Catalogue, body: dict, answer: Answer) -> list[str]:
    """What is wrong with the answer to one request with engine `exact`."""
    try:
        query = ref.build_query(catalogue, body)
    except ref.BadRequest as refused:
        if answer.status != refused.status:
            return [f"status {answer.status} where {refused} was due: {answer.text[:200]}"]
        return []
    if answer.status != 200 or not isinstance(answer.body, dict):
        return [f"status {answer.status}: {answer.text[:300]}"]
    results = answer.body.get("results")
    if not isinstance(results, list):
        return ["the answer has no list `results`"]
    malformed = shape_problems(results)
    if malformed:
        return malformed
    ids = [item["id"] for item in results]
    unknown = [track_id for track_id in ids if track_id not in catalogue.rank]
    if unknown:
        return [f"ids that are not in the catalogue: {unknown[:3]}"]

    rows = np.array([catalogue.rank[track_id] for track_id in ids], dtype=np.int64)
    returned = np.array([item["similarity"] for item in results])
    truth = ref.scores(catalogue, query)
    allowed = ref.eligible(catalogue, body)
    best = ref.best(truth, allowed, body["k"])
    problems = []
    if answer.body.get("engine") != body["engine"]:
        problems.append(f"engine {answer.body.get('engine')!r} answered, {body['engine']!r} was asked for")
    if not answer.body.get("generation"):
        problems.append("the answer names no generation")
    if len(set(ids)) != len(ids):
        problems.append("an id comes twice")
    seeds = set(body.get("seeds") or []) | set(body.get("negative_seeds") or [])
    problems += [f"the seed or negative seed {track_id} is in the answer" for track_id in ids if track_id in seeds]
    through = ref.passes(catalogue, body.get("filters"))
    problems += [f"{ids[i]} violates the filters" for i in np.flatnonzero(~through[rows])]
    if len(ids) != len(best):
        problems.append(f"{len(ids)} results, {len(best)} are due (k {body['k']}, {int(allowed.sum())} allowed)")
    for i in np.flatnonzero(np.abs(returned - truth[rows]) > SCORE_TOLERANCE):
        problems.append(f"{ids[i]} scores {returned[i]:.7f}, the reference {truth[rows[i]]:.7f}")
    both = min(len(rows), len(best))
    for i in np.flatnonzero(np.abs(returned[:both] - truth[best[:both]]) > SCORE_TOLERANCE)[:3]:
        problems.append(
            f"rank {i + 1}: similarity {returned[i]:.7f}, the best possible is {truth[best[i]]:.7f} "
            f"({catalogue.ids[best[i]]})"
        )
    if np.any(np.diff(returned) > 1e-9):
        problems.append("similarities are not in descending order")
    problems += tie_problems(catalogue, query, rows, allowed, truth)
    missing = query.missing()
    if missing and not answer.body.get("warnings"):
        problems.append(f"no `warnings`, though the query knows nothing of {', '.join(missing)}")
    for item, row in zip(results, rows):
        problems += explanation_problems(catalogue, query, item, int(row), bool(body.get("explain")))
    return problems


def shape_problems(results: list) -> list[str]:
    """Whether every result has what the other checks read."""
    problems = []
    for i, item in enumerate(results):
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            problems.append(f"result {i + 1} has no id")
        elif not isinstance(item.get("similarity"), (int, float)) or not -1.0 <= item["similarity"] <= 1.0:
            problems.append(f"result {i + 1}: similarity {item.get('similarity')!r} is not a number in [-1, 1]")
        elif item.get("rank") != i + 1:
            problems.append(f"result {i + 1} has rank {item.get('rank')!r}")
    return problems


def tie_problems(
    catalogue: ref.Catalogue, query: ref.Query, rows: np.ndarray, allowed: np.ndarray, truth: np.ndarray
) -> list[str]:
    """Tracks with the same values wherever there is weight tie exactly: id order, and none skipped for a later one."""
    if len(rows) == 0:
        return []
    reach = np.flatnonzero(allowed & (truth >= truth[rows].min() - 1e-9))
    pool = np.union1d(rows, reach)
    group_of = dict(zip(pool.tolist(), ref.twins(catalogue, query, pool).tolist()))
    groups = collections.defaultdict(list)
    for row in rows.tolist():
        groups[group_of[row]].append(row)
    members = collections.defaultdict(list)
    for row in reach.tolist():
        if group_of[row] in groups:
            members[group_of[row]].append(row)
    problems = []
    for group, mine in groups.items():
        if mine != members[group][: len(mine)]:
            due = [catalogue.ids[i] for i in members[group][: len(mine)]]
            problems.append(f"exact ties: {due} are due in this order, got {[catalogue.ids[i] for i in mine]}")
    return problems


def explanation_problems(
    catalogue: ref.Catalogue, query: ref.Query, item: dict, row: int, wanted: bool
) -> list[str]:
    explanation = item.get("explanation")
    if not wanted:
        return [f"{item['id']} has an explanation nobody asked for"] if explanation else []
    parts = explanation.get("contributions") if isinstance(explanation, dict) else None
    if not isinstance(parts, dict) or not all(isinstance(value, (int, float)) for value in parts.values()):
        return [f"{item['id']} has no explanation.contributions of numbers"]
    problems = []
    due = ref.contributions(catalogue, query, row)
    total = sum(parts.values())
    if abs(total - item["similarity"]) > SUM_TOLERANCE:
        problems.append(f"{item['id']}: contributions sum to {total:.7f}, similarity {item['similarity']:.7f}")
    for name in due.keys() | parts.keys():
        if name not in due:
            problems.append(f"{item['id']}: contribution of an unknown feature {name!r}")
        elif abs(parts.get(name, 0.0) - due[name]) > SCORE_TOLERANCE:
            problems.append(f"{item['id']}: {name} contributes {parts.get(name, 0.0):.7f}, not {due[name]:.7f}")
    return problems


def check_random_requests(catalogue: ref.Catalogue, client: Client, tally: Tally, n: int, seed: int) -> None:
    maker = RequestMaker(catalogue, np.random.default_rng([seed, 1]))
    refused = filtered = short = 0
    for i in range(n):
        body = maker.request()
        answer = client.post(PATH, body)
        tally.record(f"request {i + 1}: {json.dumps(body)}", check_request(catalogue, body, answer))
        refused += answer.status != 200
        filtered += "filters" in body
        if isinstance(answer.body, dict):
            short += len(answer.body.get("results") or []) < body["k"]
    print(f"random requests: {n} sent, {filtered} with filters, {short} with fewer than k results, {refused} refused")


# ------------------------------------------------------------------------------------------- part 2: recall


def family_weights(row: str, rng: np.random.Generator) -> dict[str, float]:
    """The explicit weights of one query of a family or profile, over `base_weights: zero`."""
    names = ref.CONTINUOUS
    if row == "uniform":
        return {name: ref.DEFAULT_WEIGHTS[name] for name in names}
    if row == "random":
        return {name: float(rng.random()) for name in names}
    if row == "exponential":
        return {name: float(np.exp(rng.normal())) for name in names}
    if row == "sparse":
        return {names[int(i)]: 1.0 for i in rng.choice(len(names), 3, replace=False)}
    return dict(ref.PROFILES[row])


def recall_requests(
    catalogue: ref.Catalogue, row: str, n: int, rng: np.random.Generator
) -> list[tuple[dict, ref.Query]]:
    """`n` requests with one seed each; seeds of which no weighted feature is known are drawn again."""
    drawn: list[tuple[dict, ref.Query]] = []
    for _ in range(100 * n):
        if len(drawn) == n:
            break
        body = {
            "seeds": [catalogue.ids[int(rng.integers(len(catalogue)))]],
            "base_weights": "zero",
            "weights": family_weights(row, rng),
            "anchor": ref.DEFAULT_ANCHOR,
            "k": 10,
            "collapse_duplicates": False,
        }
        try:
            drawn.append((body, ref.build_query(catalogue, body)))
        except ref.BadRequest:
            continue
    return drawn


def true_bests(catalogue: ref.Catalogue, requests: list[tuple[dict, ref.Query]]) -> list[np.ndarray]:
    """The true best scores of each request, best first, in batches that fit in memory."""
    out = []
    batch = max(1, 8_000_000 // max(1, len(catalogue)))
    for start in range(0, len(requests), batch):
        part = requests[start : start + batch]
        everything = ref.scores_many(catalogue, [query for _, query in part])
        for values, (body, _) in zip(everything, part):
            values[catalogue.rank[body["seeds"][0]]] = -2.0
            k = min(body["k"], len(catalogue) - 1)
            out.append(np.sort(np.partition(values, len(values) - k)[len(values) - k :])[::-1])
    return out


def measure(
    catalogue: ref.Catalogue, client: Client, engine: str, requests: list, bests: list[np.ndarray]
) -> tuple[float, collections.Counter, list[str]]:
    """Mean recall of one engine, the engines that answered, and what else was wrong."""
    recalls, used, problems = [], collections.Counter(), []
    for (body, query), best in zip(requests, bests):
        answer = client.post(PATH, body | {"engine": engine})
        results = answer.body.get("results") if isinstance(answer.body, dict) else None
        if answer.status != 200 or not isinstance(results, list) or shape_problems(results):
            problems.append(f"status {answer.status}: {answer.text[:200]} for {json.dumps(body)}")
            recalls.append(0.0)
            continue
        ids = list(dict.fromkeys(item["id"] for item in results if item["id"] in catalogue.rank))
        if len(ids) != len(best) or len(ids) != len(results):
            problems.append(f"{len(results)} results, {len(best)} distinct and known ones are due: {json.dumps(body)}")
        if body["seeds"][0] in ids:
            problems.append(f"the seed is in the answer: {json.dumps(body)}")
            ids.remove(body["seeds"][0])
        rows = np.array([catalogue.rank[i] for i in ids], dtype=np.int64)
        truth = ref.scores(catalogue, query, rows)
        claimed = {item["id"]: item["similarity"] for item in results}
        for track_id, score in zip(ids, truth):
            if abs(claimed[track_id] - score) > SCORE_TOLERANCE:
                problems.append(f"{track_id} scores {claimed[track_id]:.7f}, the reference {score:.7f}")
        used[answer.body.get("engine")] += 1
        recalls.append(ref.recall(truth, best))
    if engine != "auto" and used.keys() - {engine}:
        problems.append(f"engine {engine!r} was asked for, {dict(used)} answered")
    return float(np.mean(recalls)), used, problems


def check_recall(catalogue: ref.Catalogue, client: Client, tally: Tally, n: int, seed: int) -> None:
    print(f"\nrecall@10, {n} queries each ('*' marks a value below its floor)")
    print(f"{'':12}" + "".join(f"{engine:>9}" for engine in ENGINES) + "   auto used")
    for number, row in enumerate(FAMILIES + PROFILES):
        requests = recall_requests(catalogue, row, n, np.random.default_rng([seed, 2, number]))
        bests = true_bests(catalogue, requests)
        cells, choice, failures = [], "", []
        for engine in ENGINES:
            value, used, problems = measure(catalogue, client, engine, requests, bests)
            floor = FLOORS.get((engine, row))
            low = floor is not None and value < floor
            if low:
                problems = [f"recall {value:.4f} is below the floor {floor}"] + problems
            cells.append(f"{value:8.4f}{'*' if low else ' '}")
            if engine == "auto":
                choice = ", ".join(f"{name} {count}" for name, count in used.most_common())
            failures.append((f"{engine} under {row} weights", problems))
        print(f"{row:12}" + "".join(cells) + f"   {choice}")
        for name, problems in failures:
            tally.record(name, problems)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="what the snapshot was built from (.csv or .csv.gz)")
    parser.add_argument("--url", required=True, help="the running server, like http://127.0.0.1:8080")
    parser.add_argument("--queries", type=int, default=200, help="random requests, and queries per recall cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-recall", action="store_true", help="only the random requests")
    args = parser.parse_args()
    if args.queries < 1:
        parser.error("--queries must be at least 1")
    return run(args.csv, args.url, args.queries, args.seed, not args.skip_recall)


def run(csv: str, url: str, queries: int, seed: int, with_recall: bool = True) -> int:
    start = time.monotonic()
    catalogue = ref.load_catalogue(csv)
    print(f"{len(catalogue)} tracks read from {csv} in {time.monotonic() - start:.1f} s")
    client, tally = Client(url), Tally()
    try:
        check_random_requests(catalogue, client, tally, queries, seed)
        if with_recall:
            check_recall(catalogue, client, tally, queries, seed)
    except OSError as error:
        tally.record("the connection", [f"{url}: {error}"])
    finally:
        client.close()
    print(f"took {time.monotonic() - start:.1f} s")
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
