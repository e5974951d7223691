"""What nearfield promises, written a second time: features, statistics, queries and the score.

This file is an independent implementation. It shares nothing with the Rust code, reads the raw CSV itself and
computes everything in f64 by brute force, so that a difference means that one of the two is wrong.

    load_catalogue(csv)  ->  Catalogue: ids in bytewise order, cleaned raw values, fitted transform, vectors
    build_query(body)    ->  Query: one vector, one weight per feature, the anchor
    scores(query)        ->  the similarity of every track
    eligible(body)       ->  which tracks the request allows
    best(...)            ->  the answer: score descending, then id ascending

The score is

    s(q, x) = (a + sum w q x) / (sqrt(a + sum w q^2) * sqrt(a + sum w x^2))
"""

from __future__ import annotations

import csv
import gzip
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# name, transform, default weight, and the raw range that a query's target may come from.
_TABLE = (
    ("danceability", "linear", 1.0, (0.0, 1.0)),
    ("energy", "linear", 1.0, (0.0, 1.0)),
    ("acousticness", "linear", 1.0, (0.0, 1.0)),
    ("instrumentalness", "linear", 1.0, (0.0, 1.0)),
    ("valence", "linear", 1.0, (0.0, 1.0)),
    ("speechiness", "log_offset", 1.0, (0.0, 1.0)),
    ("liveness", "log_offset", 1.0, (0.0, 1.0)),
    ("loudness", "linear", 1.0, (-60.0, 0.0)),
    ("tempo", "log2", 1.0, (30.0, 250.0)),
    ("key", "fifths", 0.0, (0.0, 11.0)),
    ("mode", "linear", 0.0, (0.0, 1.0)),
    ("time_signature", "linear", 0.0, (3.0, 7.0)),
    ("duration_ms", "log", 0.0, (1_000.0, 3_600_000.0)),
    ("popularity", "linear", 0.0, (0.0, 100.0)),
    ("release_year", "linear", 0.0, (1900.0, 2026.0)),
)

FEATURES: tuple[str, ...] = tuple(row[0] for row in _TABLE)
FEATURE_IDX: dict[str, int] = {name: i for i, name in enumerate(FEATURES)}
TRANSFORM: dict[str, str] = {row[0]: row[1] for row in _TABLE}
DEFAULT_WEIGHTS: dict[str, float] = {row[0]: row[2] for row in _TABLE}
#: Raw values that are inside the range under any reading of the schema: what a checker may send as targets.
SAFE_RANGE: dict[str, tuple[float, float]] = {row[0]: row[3] for row in _TABLE}
CONTINUOUS: tuple[str, ...] = FEATURES[:9]
DEFAULT_ANCHOR = 0.5
DEFAULT_NEGATIVE_WEIGHT = 0.5

#: Feature of each of the 16 dimensions; the circle of fifths takes two.
DIM_FEATURE = np.array([i for i, name in enumerate(FEATURES) for _ in range(2 if name == "key" else 1)])
N_DIMS = len(DIM_FEATURE)
FEATURE_DIMS: dict[str, slice] = {
    name: slice(int(np.searchsorted(DIM_FEATURE, i)), int(np.searchsorted(DIM_FEATURE, i, "right")))
    for i, name in enumerate(FEATURES)
}

PROFILES: dict[str, dict[str, float]] = {
    "default": DEFAULT_WEIGHTS,
    "zero": {},
    "mood": dict.fromkeys(("valence", "energy", "acousticness", "mode"), 1.0),
    "dj": dict.fromkeys(("tempo", "key", "energy", "danceability"), 1.0),
    "playlist": dict.fromkeys(FEATURES, 1.0),
}

#: Spotify's analysis failed where all of these are 0.
_FAILED_ANALYSIS = ("danceability", "speechiness", "valence", "tempo")


class BadRequest(Exception):
    """The request must be refused: `status` 400 or 404, `where` names the field."""

    def __init__(self, status: int, where: str, why: str):
        super().__init__(f"{status} {where}: {why}")
        self.status, self.where, self.why = status, where, why


# ---------------------------------------------------------------------------------------------- raw rows


def parse_number(text: str | None) -> float:
    """A finite number, or NaN for everything else (empty, words, `NaN`, `inf`)."""
    if not text:
        return math.nan
    if "_" in text:  # Python's own notation, no CSV's
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def parse_flag(text: str | None) -> int:
    """1 explicit, 0 not, -1 unknown."""
    return {"1": 1, "true": 1, "1.0": 1, "0": 0, "false": 0, "0.0": 0}.get((text or "").strip().lower(), -1)


def split_list(text: str | None, separator: str) -> list[str]:
    """The non-empty parts, without duplicates, in order of first appearance."""
    return list(dict.fromkeys(part for part in map(str.strip, (text or "").split(separator)) if part))


_COMMA_NAMES = re.compile(
    r"(?:^|(?<=,))\s*(Tyler, The Creator|Earth, Wind & Fire|Crosby, Stills, Nash & Young|Crosby, Stills & Nash"
    r"|Emerson, Lake & Palmer|Peter, Paul and Mary|Blood, Sweat & Tears|nothing,nowhere\.)(?=,|$)"
)
_NO_SEPARATOR = re.compile(r",(?=\s*(?:[JS]r\.?\s*(?:,|$)|the ))|(?<=[0-9]),(?=[0-9])")


def split_artists(text: str | None) -> list[str]:
    """Names separated by `;`, else by commas with the exceptions that docs/import.md lists."""
    text = text or ""
    if ";" in text or "," not in text:
        return split_list(text, ";")
    text = _COMMA_NAMES.sub(lambda match: match.group(0).replace(",", "\0"), text)
    text = _NO_SEPARATOR.sub("\0", text)
    return [part.replace("\0", ",") for part in split_list(text, ",")]


def clean_values(values: list[float]) -> list[float]:
    """One row's raw values in the order of FEATURES, with what is no measurement turned into NaN."""
    if all(values[FEATURE_IDX[name]] == 0.0 for name in _FAILED_ANALYSIS):
        for name in _FAILED_ANALYSIS:
            values[FEATURE_IDX[name]] = math.nan
    for name, floor in (("speechiness", -0.01), ("liveness", -0.01), ("tempo", 0.0), ("duration_ms", 0.0)):
        if values[FEATURE_IDX[name]] <= floor:  # outside the logarithm's domain
            values[FEATURE_IDX[name]] = math.nan
    if values[FEATURE_IDX["key"]] < 0.0:  # -1 says "no key was found"
        values[FEATURE_IDX["key"]] = math.nan
    return values


# ------------------------------------------------------------------------------- statistics and transform


def transform_column(name: str, raw: np.ndarray) -> np.ndarray:
    """Raw values [n] to coordinates [n, dims] before centring and scaling; NaN stays NaN."""
    kind = TRANSFORM[name]
    if kind == "linear":
        return raw[:, None]
    if kind == "log_offset":
        return np.log(raw + 0.01)[:, None]
    if kind == "log2":
        return np.log2(raw)[:, None]
    if kind == "log":
        return np.log(raw)[:, None]
    angle = 2.0 * np.pi * np.mod(7.0 * raw, 12.0) / 12.0
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@dataclass
class Statistics:
    """Mean per dimension [16] and scale per feature [15]; a scale of 0 marks a constant feature."""

    mean: np.ndarray
    scale: np.ndarray

    @staticmethod
    def fit(raw: np.ndarray) -> "Statistics":
        """Fits on `raw` [n_items, 15] (NaN = missing) with plain sums in row order."""
        mean, scale = np.zeros(N_DIMS), np.zeros(len(FEATURES))
        for i, name in enumerate(FEATURES):
            present = raw[:, i][~np.isnan(raw[:, i])]
            if len(present) == 0:
                continue
            coordinates = transform_column(name, present)
            centre = np.cumsum(coordinates, axis=0)[-1] / len(present)
            variance = np.cumsum((coordinates - centre) ** 2, axis=0)[-1] / len(present)
            mean[FEATURE_DIMS[name]] = centre
            root = math.sqrt(float(variance.sum()))
            constant = root <= 1e-12 * max(1.0, float(np.abs(centre).max()))
            scale[i] = 0.0 if constant else root
        return Statistics(mean, scale)

    def apply(self, name: str, raw: np.ndarray) -> np.ndarray:
        """Raw values [n] of one feature to its coordinates [n, dims]; missing and constant give 0."""
        out = transform_column(name, raw) - self.mean[FEATURE_DIMS[name]]
        scale = self.scale[FEATURE_IDX[name]]
        out = out / scale if scale > 0.0 else np.zeros_like(out)
        out[np.isnan(raw)] = 0.0
        return out

    def transform(self, raw: np.ndarray) -> np.ndarray:
        """Raw values [n, 15] to vectors [n, 16]."""
        return np.concatenate([self.apply(name, raw[:, i]) for i, name in enumerate(FEATURES)], axis=1)


# ---------------------------------------------------------------------------------------------- catalogue


@dataclass
class Catalogue:
    """All tracks, in bytewise order of their ids: position is rank."""

    ids: list[str]
    raw: np.ndarray  # [n_items, 15], NaN = missing
    names: list[str]  # empty = unknown
    artists: list[list[str]]
    genres: list[list[str]]
    explicit: np.ndarray  # [n_items], -1 = unknown
    rank: dict[str, int] = field(init=False)
    present: np.ndarray = field(init=False)  # [n_items, 15]
    statistics: Statistics = field(init=False)
    vectors: np.ndarray = field(init=False)  # [n_items, 16]

    def __post_init__(self) -> None:
        self.rank = {track_id: i for i, track_id in enumerate(self.ids)}
        self.present = ~np.isnan(self.raw)
        self.statistics = Statistics.fit(self.raw)
        self.vectors = self.statistics.transform(self.raw)
        self._squares = self.vectors**2
        self._tags = {"genres": _inverted(self.genres), "artists": _inverted(self.artists)}

    def __len__(self) -> int:
        return len(self.ids)

    def tagged(self, kind: str, wanted: list[str]) -> np.ndarray:
        """Which tracks carry any of the `wanted` genres or artists, whatever the case."""
        mask = np.zeros(len(self), dtype=bool)
        for tag in wanted:
            mask[self._tags[kind].get(tag.lower(), [])] = True
        return mask


def _inverted(lists: list[list[str]]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for i, tags in enumerate(lists):
        for tag in tags:
            index.setdefault(tag.lower(), []).append(i)
    return index


def load_catalogue(path: str | Path) -> Catalogue:
    """Reads a CSV (also .gz). A row without an id is dropped; rows of one id are merged, later values first."""
    opener = gzip.open if str(path).endswith(".gz") else open
    rows: dict[str, tuple[list[float], list[str], list[str], int, str]] = {}
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = {name.strip(): i for i, name in enumerate(next(reader))}
        missing = [name for name in ("id", *FEATURES) if name not in header]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}")
        columns = [header[name] for name in FEATURES]
        at_id, at_explicit, at_name = header["id"], header.get("explicit"), header.get("name")
        at_artists, at_genre = header.get("artists"), header.get("genre")
        for row in reader:
            track_id = row[at_id].strip() if row else ""
            if not track_id:
                continue
            values = clean_values([parse_number(row[i]) for i in columns])
            artists = split_artists(row[at_artists]) if at_artists is not None else []
            genres = split_list(row[at_genre], "|") if at_genre is not None else []
            explicit = parse_flag(row[at_explicit]) if at_explicit is not None else -1
            name = row[at_name].strip() if at_name is not None else ""
            older = rows.get(track_id)
            if older is not None:
                values = [old if math.isnan(new) else new for old, new in zip(older[0], values)]
                artists = artists or older[1]
                genres = list(dict.fromkeys(older[2] + genres))
                explicit = older[3] if explicit < 0 else explicit
                name = name or older[4]
            rows[track_id] = (values, artists, genres, explicit, name)
    ids = sorted(rows, key=lambda track_id: track_id.encode())
    return Catalogue(
        ids=ids,
        raw=np.array([rows[i][0] for i in ids], dtype=np.float64).reshape(len(ids), len(FEATURES)),
        names=[rows[i][4] for i in ids],
        artists=[rows[i][1] for i in ids],
        genres=[rows[i][2] for i in ids],
        explicit=np.array([rows[i][3] for i in ids], dtype=np.int8),
    )


# ------------------------------------------------------------------------------------------------- queries


@dataclass
class Query:
    """`vector` [16], `present` [15] (False: the query knows nothing of it), `weights` [15], `anchor`."""

    vector: np.ndarray
    present: np.ndarray
    weights: np.ndarray
    anchor: float

    def dim_weights(self) -> np.ndarray:
        """Weights per dimension [16]."""
        return self.weights[DIM_FEATURE]

    def missing(self) -> list[str]:
        """Features that carry weight and that the query knows nothing of."""
        return [name for i, name in enumerate(FEATURES) if self.weights[i] > 0.0 and not self.present[i]]


def _mean_of(catalogue: Catalogue, field_name: str, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the present values per feature: [16], and whether there was any: [15]."""
    rows = []
    for track_id in ids:
        if track_id not in catalogue.rank:
            raise BadRequest(404, field_name, f"no track {track_id}")
        rows.append(catalogue.rank[track_id])
    counts = catalogue.present[rows].sum(axis=0)
    sums = catalogue.vectors[rows].sum(axis=0)  # a missing value is 0 there
    return sums / np.maximum(counts, 1)[DIM_FEATURE], counts > 0


def request_weights(body: dict) -> np.ndarray:
    """The weight of every feature [15] that a request means."""
    given = body.get("weights") or {}
    targets = body.get("targets") or {}
    for where, names in (("weights", given), ("targets", targets)):
        for name in names:
            if name not in FEATURE_IDX:
                raise BadRequest(400, f"{where}.{name}", "no such feature")
    base = body.get("base_weights")
    if base is not None and base not in PROFILES:
        raise BadRequest(400, "base_weights", f"no profile {base}")
    profile = PROFILES[base or "default"]
    only_targets = bool(targets) and not body.get("seeds")
    weights = np.zeros(len(FEATURES))
    for i, name in enumerate(FEATURES):
        if name in given:
            weights[i] = float(given[name])
        elif name in targets:
            weights[i] = max(profile.get(name, 0.0), 1.0)
        elif not only_targets or base is not None:
            weights[i] = profile.get(name, 0.0)
    return weights


def build_query(catalogue: Catalogue, body: dict) -> Query:
    """The query that the body of `POST /api/v1/similar` means, or BadRequest."""
    seeds, negatives = body.get("seeds") or [], body.get("negative_seeds") or []
    targets = body.get("targets") or {}
    if not seeds and not targets:
        raise BadRequest(400, "seeds", "neither seeds nor targets")
    weights = request_weights(body)
    anchor = DEFAULT_ANCHOR if body.get("anchor") is None else float(body["anchor"])
    if not weights.any():
        raise BadRequest(400, "weights", "every weight is 0")

    vector, present = np.zeros(N_DIMS), np.zeros(len(FEATURES), dtype=bool)
    if seeds:
        vector, present = _mean_of(catalogue, "seeds", seeds)
    if negatives:
        share = body.get("negative_weight")
        share = DEFAULT_NEGATIVE_WEIGHT if share is None else float(share)
        vector = vector - share * _mean_of(catalogue, "negative_seeds", negatives)[0]
    for name, value in targets.items():
        vector[FEATURE_DIMS[name]] = catalogue.statistics.apply(name, np.array([float(value)]))[0]
        present[FEATURE_IDX[name]] = True

    query = Query(vector, present, weights, anchor)
    if not (present & (weights > 0.0)).any():
        raise BadRequest(400, "weights", "every weighted feature is missing in the query")
    if anchor + float(query.dim_weights() @ vector**2) <= 0.0:
        raise BadRequest(400, "anchor", "the query's norm is zero")
    return query


def scores(catalogue: Catalogue, query: Query, rows: np.ndarray | None = None) -> np.ndarray:
    """The similarity of the query to every track [n_items], or to the tracks in `rows`."""
    x = catalogue.vectors if rows is None else catalogue.vectors[rows]
    squares = catalogue._squares if rows is None else catalogue._squares[rows]
    w = query.dim_weights()
    return _finish(
        query.anchor + x @ (w * query.vector),
        query.anchor + squares @ w,
        query.anchor + float(w @ query.vector**2),
    )


def scores_many(catalogue: Catalogue, queries: list[Query]) -> np.ndarray:
    """The same for several queries at once: [n_queries, n_items]. Keep batches small, it is all in memory."""
    w = np.stack([query.dim_weights() for query in queries])
    q = np.stack([query.vector for query in queries])
    a = np.array([query.anchor for query in queries])[:, None]
    return _finish(
        a + (w * q) @ catalogue.vectors.T,
        a + w @ catalogue._squares.T,
        a + (w * q**2).sum(axis=1, keepdims=True),
    )


def _finish(product: np.ndarray, track_norm2: np.ndarray, query_norm2) -> np.ndarray:
    denominator = np.sqrt(track_norm2) * np.sqrt(query_norm2)
    out = np.divide(product, denominator, out=np.zeros_like(product), where=denominator > 0.0)
    return np.clip(out, -1.0, 1.0, out=out)


def twins(catalogue: Catalogue, query: Query, rows: np.ndarray) -> np.ndarray:
    """A group number per row: equal numbers mean the same values wherever the query has weight, an exact tie."""
    active = catalogue.vectors[rows][:, query.dim_weights() > 0.0] + 0.0  # + 0.0: one zero only
    return np.unique(active, axis=0, return_inverse=True)[1].ravel()


def contributions(catalogue: Catalogue, query: Query, row: int) -> dict[str, float]:
    """What each feature and the anchor add to one track's score."""
    w, x = query.dim_weights(), catalogue.vectors[row]
    denominator = math.sqrt(query.anchor + float(w @ query.vector**2)) * math.sqrt(query.anchor + float(w @ x**2))
    if denominator == 0.0:
        return dict.fromkeys(("anchor", *FEATURES), 0.0)
    product = w * query.vector * x / denominator
    parts = {name: float(product[FEATURE_DIMS[name]].sum()) for name in FEATURES}
    return {"anchor": query.anchor / denominator, **parts}


# ----------------------------------------------------------------------------------- filters and the answer


def _within(values: np.ndarray, bounds: dict) -> np.ndarray:
    """Inclusive on both sides; a missing value fails even an open bound."""
    mask = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        if bounds.get("min") is not None:
            mask &= values >= bounds["min"]
        if bounds.get("max") is not None:
            mask &= values <= bounds["max"]
    return mask


def _has_bound(bounds: dict | None) -> bool:
    return bool(bounds) and any(bounds.get(side) is not None for side in ("min", "max"))


def passes(catalogue: Catalogue, filters: dict | None) -> np.ndarray:
    """Which tracks pass `filters` [n_items]."""
    filters = filters or {}
    mask = np.ones(len(catalogue), dtype=bool)
    for kind in ("genres", "artists"):
        if filters.get(kind):
            mask &= catalogue.tagged(kind, filters[kind])
    if filters.get("exclude_artists"):
        mask &= ~catalogue.tagged("artists", filters["exclude_artists"])
    for track_id in filters.get("exclude_ids") or []:
        if track_id in catalogue.rank:
            mask[catalogue.rank[track_id]] = False
    if filters.get("explicit") is not None:
        mask &= catalogue.explicit == int(filters["explicit"])
    bounds = dict(filters.get("features") or {})
    for name in bounds:
        if name not in FEATURE_IDX:
            raise BadRequest(400, f"filters.features.{name}", "no such feature")
    limits = [*bounds.items(), ("release_year", filters.get("year")), ("popularity", filters.get("popularity"))]
    for name, limit in limits:
        if _has_bound(limit):
            mask &= _within(catalogue.raw[:, FEATURE_IDX[name]], limit)
    return mask


def eligible(catalogue: Catalogue, body: dict) -> np.ndarray:
    """Which tracks may be in the answer: filters passed, neither seed nor negative seed."""
    mask = passes(catalogue, body.get("filters"))
    for track_id in (body.get("seeds") or []) + (body.get("negative_seeds") or []):
        mask[catalogue.rank[track_id]] = False
    return mask


def best(all_scores: np.ndarray, mask: np.ndarray, k: int) -> np.ndarray:
    """Ranks of the k best allowed tracks: score descending, then rank ascending."""
    rows = np.flatnonzero(mask)
    values = all_scores[rows]
    if len(rows) > k:
        threshold = np.partition(values, len(rows) - k)[len(rows) - k]
        rows, values = rows[values >= threshold], values[values >= threshold]
    return rows[np.lexsort((rows, -values))][:k]


def recall(true_scores_of_returned: np.ndarray, best_scores: np.ndarray, slack: float = 1e-6) -> float:
    """Tie-aware recall: a returned track counts if its true score reaches the k-th best true score."""
    if len(best_scores) == 0:
        return 1.0
    hits = int((np.asarray(true_scores_of_returned) >= best_scores.min() - slack).sum())
    return min(hits, len(best_scores)) / len(best_scores)


# ---------------------------------------------------------------------------------------------- recordings


def recordings(catalogue: Catalogue) -> np.ndarray:
    """The first track of the same recording, for each track: same title and main artist, or the same (known) values of all
    features with a default weight; transitively. What more than 100 tracks have in common tells nothing."""
    counting = [FEATURE_IDX[name] for name in FEATURES if DEFAULT_WEIGHTS[name] > 0]
    known = catalogue.present[:, counting].all(axis=1)
    members: dict[object, list[int]] = {}
    parent = list(range(len(catalogue)))

    def root(row: int) -> int:
        while parent[row] != row:
            row = parent[row]
        return row

    for row in range(len(catalogue)):
        keys: list[object] = []
        name, artists = catalogue.names[row], catalogue.artists[row]
        if name and artists:
            keys.append((name.lower(), artists[0].lower()))
        if known[row]:
            keys.append(catalogue.raw[row, counting].tobytes())
        for key in keys:
            members.setdefault(key, []).append(row)
    for rows in members.values():
        if len(rows) > 100:  # a placeholder
            continue
        for row in rows:
            one, other = root(rows[0]), root(row)
            parent[max(one, other)] = min(one, other)
    return np.array([root(row) for row in range(len(catalogue))], dtype=np.int64)


def collapsed(catalogue: Catalogue, groups: np.ndarray, body: dict, everything: np.ndarray):
    """The answer to a request with `collapse_duplicates`: for each recording but the seeds', the best of its tracks that may be
    in the answer, the k best of those. Rows, the other tracks of each, and those of the seeds' recordings."""
    mask = eligible(catalogue, body)
    seeds = [catalogue.rank[i] for i in (body.get("seeds") or []) + (body.get("negative_seeds") or [])]
    of_seeds = np.isin(groups, groups[seeds]) if seeds else np.zeros(len(groups), dtype=bool)
    rows, seen, others = [], set(), []
    for row in best(everything, mask & ~of_seeds, len(groups)):
        if len(rows) == body.get("k", 10):
            break
        if groups[row] not in seen:
            seen.add(groups[row])
            rows.append(int(row))
            others.append([int(i) for i in np.flatnonzero(mask & (groups == groups[row])) if i != row])
    return rows, others, [int(i) for i in np.flatnonzero(mask & of_seeds)]
