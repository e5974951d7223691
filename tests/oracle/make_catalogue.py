#!/usr/bin/env python3
"""Writes a synthetic catalogue that is as messy as real ones, so that no test needs real data.

    make_catalogue.py --tracks N --seed S --out FILE.csv

Features come from a mixture of "genres" (so that neighbourhoods exist), then the mess: missing values in every
column, failed analyses, exact duplicates under other ids, rows repeated, rows without an id, heavy ties, tempo 0,
key -1, time signatures 0 and 1, durations of 0, words where numbers belong, nearly constant columns, titles in
many scripts, ids of other catalogues.
"""

from __future__ import annotations

import argparse
import csv
import sys

import numpy as np

COLUMNS = (
    "id,name,artists,album,release_year,genre,popularity,explicit,duration_ms,danceability,energy,key,loudness,mode,"
    "speechiness,acousticness,instrumentalness,liveness,valence,tempo,time_signature"
).split(",")
BASE62 = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
WORDS = "night blue river ghost Sommer été corazón 夜 空 любовь ночь حب שיר 사랑 dance, \"live\" remix ☂ naïve".split(" ")
ARTISTS = "Ana Øystein Björk_ Les_Ombres 東京_Trio Мираж The_Quiet_Ones DJ_K MC_Solaar_2 Zoë Ñandú Kraft".split(" ")
GENRES = (
    "acoustic ambient blues bossa_nova classical country drum-and-bass electro folk funk hip-hop J-Pop jazz K-Pop "
    "latin metal Música_Popular punk R&B reggae rock soul techno trance"
).split(" ")

# Share of rows in which a column is empty.
MISSING = {
    "name": 0.05, "artists": 0.05, "album": 0.3, "release_year": 0.5, "genre": 0.4, "popularity": 0.2,
    "explicit": 0.3, "duration_ms": 0.04, "key": 0.09, "mode": 0.09, "time_signature": 0.2, "danceability": 0.01,
    "energy": 0.01, "loudness": 0.01, "speechiness": 0.02, "acousticness": 0.01, "instrumentalness": 0.03,
    "liveness": 0.02, "valence": 0.01, "tempo": 0.02,
}  # fmt: skip


def spaced(name: str) -> str:
    return name.replace("_", " ").strip()


def make_rows(n: int, seed: int) -> list[dict[str, str]]:
    """`n` rows with distinct ids, plus a few repeated rows and a few without an id."""
    rng = np.random.default_rng(seed)
    n_styles = len(GENRES)
    style = rng.integers(n_styles, size=n)

    def share(spread: float) -> np.ndarray:  # a 0..1 feature around its style's centre
        centre = rng.normal(0.0, 1.2, size=n_styles)[style]
        return 1.0 / (1.0 + np.exp(-(centre + rng.normal(0.0, spread, size=n))))

    values = {
        "danceability": np.round(share(0.7), 3),
        "energy": np.round(share(0.8), 3),
        "acousticness": share(1.8) ** 2,
        "instrumentalness": np.where(rng.random(n) < 0.45, 0.0, share(3.0) ** 4),
        "valence": np.round(share(1.0), 4),
        "speechiness": np.round(0.02 + 0.9 * share(1.0) ** 4, 4),
        "liveness": np.round(0.01 + 0.98 * share(1.2) ** 3, 4),
        "loudness": np.round(-4.0 - 25.0 * share(0.8) ** 1.5, 3),
        "tempo": np.round(np.exp2(6.9 + rng.normal(0, 0.25, n_styles)[style] + rng.normal(0, 0.2, n)), 3),
    }
    key = rng.choice(12, size=n, p=np.array([12, 10, 9, 4, 8, 8, 6, 11, 6, 9, 6, 11]) / 100.0)
    columns: dict[str, list[str]] = {name: [repr(float(v)) for v in column] for name, column in values.items()}
    columns["key"] = [str(int(v)) for v in key]
    columns["mode"] = [str(int(v)) for v in rng.random(n) < 0.65]
    beats = rng.choice([4, 3, 5, 1, 0, 7], size=n, p=[0.955, 0.03, 0.006, 0.005, 0.002, 0.002])  # nearly constant
    columns["time_signature"] = [str(v) for v in beats]
    columns["duration_ms"] = [str(int(v)) for v in np.exp(rng.normal(12.25, 0.35, size=n))]
    columns["popularity"] = [str(v) for v in rng.integers(0, 101, size=n)]
    columns["release_year"] = [str(v) for v in 2024 - rng.exponential(14, size=n).astype(int)]
    columns["explicit"] = list(rng.choice(["0", "1", "False", "True"], size=n, p=[0.6, 0.1, 0.2, 0.1]))
    columns["genre"] = [genre_text(rng, int(s)) for s in style]
    columns["artists"] = [artist_text(rng) for _ in range(n)]
    columns["name"] = [title(rng) for _ in range(n)]
    columns["album"] = [title(rng) for _ in range(n)]
    columns["id"] = make_ids(rng, n)
    rows = [dict(zip(COLUMNS, row)) for row in zip(*(columns[name] for name in COLUMNS))]
    make_a_mess(rows, rng)
    extra = [dict(rows[int(i)]) for i in rng.integers(n, size=max(2, n // 500))]  # the same track twice, word for word
    extra += [dict(rows[int(i)], id=blank) for i, blank in zip(rng.integers(n, size=2), ("", "  "))]
    rows += extra
    return [rows[int(i)] for i in rng.permutation(len(rows))]


def make_ids(rng: np.random.Generator, n: int) -> list[str]:
    """Distinct ids: Spotify's shape, and some of other catalogues, to meet bytewise order."""
    ids = ["".join(row) for row in BASE62[rng.integers(62, size=(n, 22))]]
    for i in range(0, n, 400):
        ids[i] = ("local:%d", "LP-%04d", "дорожка-%d", "曲%d", "z_%d")[i // 400 % 5] % i
    assert len(set(ids)) == n
    return ids


def genre_text(rng: np.random.Generator, style: int) -> str:
    others = rng.choice(len(GENRES), size=int(rng.integers(0, 3)), replace=False)
    return "|".join(dict.fromkeys(spaced(GENRES[int(i)]) for i in (style, *others)))


def artist_text(rng: np.random.Generator) -> str:
    def one() -> str:
        name = spaced(ARTISTS[int(rng.integers(len(ARTISTS)))])
        return name if rng.random() < 0.2 else f"{name} {int(rng.integers(400))}"

    return ";".join(dict.fromkeys(one() for _ in range(int(rng.choice([1, 1, 1, 2, 3])))))


def title(rng: np.random.Generator) -> str:
    words = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=int(rng.integers(1, 5)))]
    return " ".join(words) * (40 if rng.random() < 0.002 else 1)


def make_a_mess(rows: list[dict[str, str]], rng: np.random.Generator) -> None:
    n = len(rows)

    def some(part: float) -> list[int]:
        return [int(i) for i in rng.choice(n, size=min(n, max(1, int(part * n))), replace=False)]

    for name, part in MISSING.items():
        for i in some(part):
            rows[i][name] = ""
    for i in some(0.003):  # Spotify's failed analysis
        rows[i].update(danceability="0.0", speechiness="0.0", valence="0.0", tempo="0.0", time_signature="0")
    for i in some(0.004):
        rows[i]["tempo"] = "0"
    for i in some(0.01):
        rows[i]["key"] = "-1"
    for i in some(0.002):
        rows[i]["duration_ms"] = "0"
    for name, text in (("energy", "NaN"), ("loudness", "n/a"), ("valence", "inf"), ("popularity", "unknown")):
        for i in some(0.0005):
            rows[i][name] = text
    for i in some(0.001):
        rows[i]["loudness"] = "1.5"  # above 0 dB: odd and kept
    for i in some(0.0005):  # nothing is known but the id
        rows[i].update({name: "" for name in COLUMNS if name != "id"})
    audio = ("release_year", "popularity", *COLUMNS[8:])
    for i in some(0.06):  # the same recording under another id
        source = rows[int(rng.integers(n))]
        rows[i].update({name: source[name] for name in audio})
    source = rows[int(rng.integers(n))]
    for i in some(min(0.01, 60 / n)):  # and one that came out again and again
        rows[i].update({name: source[name] for name in audio})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, required=True, help="tracks with distinct ids")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True, help="the CSV to write")
    args = parser.parse_args()
    if args.tracks < 1:
        parser.error("--tracks must be at least 1")
    rows = make_rows(args.tracks, args.seed)
    with open(args.out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} rows of {args.tracks} tracks written to {args.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
