"""The other libraries, each behind one class: build, save, load, search in one thread.

All get unit vectors. Graphs compare them by squared Euclidean distance, which orders unit vectors as the cosine does
and keeps more of f32's digits between near ones. Keys are row numbers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EFS = (10, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000)


@dataclass(frozen=True)
class BuildSettings:
    """What every build is given."""

    m: int
    ef_construction: int
    threads: int
    seed: int


class Library(ABC):
    """An index over rows of unit vectors."""

    distribution: str
    efforts: tuple = EFS

    @abstractmethod
    def build(self, points: np.ndarray, settings: BuildSettings) -> None:
        """Builds over `points`, f32 [n, dim]."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Writes the index to a file or folder."""

    @abstractmethod
    def load(self, path: Path, n_items: int, dim: int) -> None:
        """Reads it again."""

    def prepare(self, k: int, effort) -> None:
        """Sets the effort of the searches that follow, where that is not said with each."""
        return None

    @abstractmethod
    def search(self, queries: np.ndarray, k: int, effort) -> np.ndarray:
        """Ids [n, k] of many queries in one call, in one thread."""

    def describe(self, effort) -> dict:
        """The effort as parameters of a result."""
        return {"ef": effort}

    def efforts_for(self, n_items: int) -> tuple:
        """Efforts that make sense for so many items."""
        return self.efforts


class Hnswlib(Library):
    """hnswlib."""

    distribution = "hnswlib"

    def build(self, points, settings):
        import hnswlib

        self.index = hnswlib.Index(space="l2", dim=points.shape[1])
        self.index.init_index(
            max_elements=len(points),
            M=settings.m,
            ef_construction=settings.ef_construction,
            random_seed=settings.seed,
        )
        self.index.add_items(points, num_threads=settings.threads)

    def save(self, path):
        self.index.save_index(str(path))

    def load(self, path, n_items, dim):
        import hnswlib

        self.index = hnswlib.Index(space="l2", dim=dim)
        self.index.load_index(str(path), max_elements=n_items)
        self.index.set_num_threads(1)

    def prepare(self, k, effort):
        self.index.set_ef(max(effort, k))

    def search(self, queries, k, effort):
        return self.index.knn_query(queries, k, num_threads=1)[0]


class Faiss(Library):
    """What the indexes of faiss have in common."""

    distribution = "faiss-cpu"

    def save(self, path):
        import faiss

        faiss.write_index(self.index, str(path))

    def load(self, path, n_items, dim):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path))

    def search(self, queries, k, effort):
        return self.index.search(queries, k)[1]


class FaissHnsw(Faiss):
    """faiss IndexHNSWFlat."""

    def build(self, points, settings):
        import faiss

        faiss.omp_set_num_threads(settings.threads)
        self.index = faiss.IndexHNSWFlat(points.shape[1], settings.m, faiss.METRIC_L2)
        self.index.hnsw.efConstruction = settings.ef_construction
        self.index.add(points)

    def prepare(self, k, effort):
        self.index.hnsw.efSearch = max(effort, k)


class FaissFlat(Faiss):
    """faiss IndexFlatIP: the scan. One query at a time; many in one call is another way (matrix products)."""

    efforts = ("single", "batch")

    def build(self, points, settings):
        import faiss

        self.index = faiss.IndexFlatIP(points.shape[1])
        self.index.add(points)

    def search(self, queries, k, effort):
        if effort == "batch":
            return super().search(queries, k, effort)
        return np.concatenate([super(FaissFlat, self).search(query[None], k, effort) for query in queries])

    def describe(self, effort):
        return {"queries": effort}


class Annoy(Library):
    """Annoy; its searches are a loop in Python, since it has no call for many queries."""

    distribution = "annoy"
    efforts = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
    trees = 50

    def build(self, points, settings):
        from annoy import AnnoyIndex

        self.index = AnnoyIndex(points.shape[1], "angular")
        self.index.set_seed(settings.seed)
        for row, point in enumerate(points):
            self.index.add_item(row, point)
        self.index.build(self.trees, n_jobs=settings.threads)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, n_items, dim):
        from annoy import AnnoyIndex

        self.index = AnnoyIndex(dim, "angular")
        self.index.load(str(path), prefault=True)

    def search(self, queries, k, effort):
        ids = np.full((len(queries), k), -1)
        for row, query in enumerate(queries):
            found = self.index.get_nns_by_vector(query, k, search_k=effort)
            ids[row, : len(found)] = found
        return ids

    def describe(self, effort):
        return {"trees": self.trees, "search_k": effort}


class Usearch(Library):
    """USearch, in f32."""

    distribution = "usearch"

    def build(self, points, settings):
        from usearch.index import Index

        self.index = Index(
            ndim=points.shape[1],
            metric="l2sq",
            dtype="f32",
            connectivity=settings.m,
            expansion_add=settings.ef_construction,
        )
        self.index.add(np.arange(len(points)), points, threads=settings.threads)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, n_items, dim):
        from usearch.index import Index

        self.index = Index.restore(str(path))

    def prepare(self, k, effort):
        self.index.expansion_search = max(effort, k)

    def search(self, queries, k, effort):
        return self.index.search(queries, k, threads=1).keys.reshape(len(queries), -1)


class Voyager(Library):
    """Voyager."""

    distribution = "voyager"

    def build(self, points, settings):
        import voyager

        self.index = voyager.Index(
            voyager.Space.Euclidean,
            num_dimensions=points.shape[1],
            M=settings.m,
            ef_construction=settings.ef_construction,
            random_seed=settings.seed,
            max_elements=len(points),
        )
        self.index.add_items(points, num_threads=settings.threads)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, n_items, dim):
        import voyager

        self.index = voyager.Index.load(str(path))

    def search(self, queries, k, effort):
        return self.index.query(queries, k=k, num_threads=1, query_ef=max(effort, k))[0]


class Scann(Library):
    """ScaNN: a tree of sqrt(n) leaves, 4-bit product quantisation of pairs, exact re-ordering."""

    distribution = "scann"
    efforts = tuple(
        (leaves, reorder) for reorder in (100, 300) for leaves in (2, 5, 10, 20, 30, 50, 80, 120, 200, 300)
    ) + ((500, 1_000), (1_000, 1_000))

    def build(self, points, settings):
        from scann import scann_ops_pybind

        n_leaves = max(1, round(len(points) ** 0.5))
        self.index = (
            scann_ops_pybind.builder(points, 10, "dot_product")
            .set_n_training_threads(settings.threads)
            .tree(
                num_leaves=n_leaves,
                num_leaves_to_search=n_leaves // 20 + 1,
                training_sample_size=min(len(points), 250_000),
            )
            .score_ah(2, anisotropic_quantization_threshold=0.2)
            .reorder(100)
            .build()
        )

    def save(self, path):
        path.mkdir()
        self.index.serialize(str(path.absolute()))

    def load(self, path, n_items, dim):
        from scann import scann_ops_pybind

        self.index = scann_ops_pybind.load_searcher(str(path.absolute()))

    def efforts_for(self, n_items):
        return tuple(effort for effort in self.efforts if effort[0] <= n_items**0.5)

    def search(self, queries, k, effort):
        return self.index.search_batched(queries, k, leaves_to_search=effort[0], pre_reorder_num_neighbors=effort[1])[0]

    def describe(self, effort):
        return {"leaves": effort[0], "reorder": effort[1]}


LIBRARIES: dict[str, type[Library]] = {
    "hnswlib": Hnswlib,
    "faiss-hnsw": FaissHnsw,
    "faiss-flat": FaissFlat,
    "annoy": Annoy,
    "usearch": Usearch,
    "voyager": Voyager,
    "scann": Scann,
}
