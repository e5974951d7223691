"""The working folder, child processes and messages."""

import os
import subprocess
import sys
from pathlib import Path

ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "RAYON_NUM_THREADS",
    )
}


class Failed(Exception):
    """A step that could not be done, with the reason in words."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def run(command: list[str | Path], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Runs a child in `folder` and returns its standard output; of its standard error the exception of a failure shows
    the last lines."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("NEARFIELD_")}
    settings |= environment or {}
    log_path = folder / f"log-{os.getpid()}-{os.urandom(4).hex()}.txt"
    out_path = log_path.with_suffix(".out")
    with open(log_path, "wb") as log, open(out_path, "wb") as out:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
        )
        try:
            child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
    log_text = log_path.read_text(errors="replace")
    output = out_path.read_text(errors="replace")
    log_path.unlink()
    out_path.unlink()
    if child.returncode != 0:
        last = "\n".join(log_text.strip().splitlines()[-12:])
        raise Failed(f"{Path(str(command[0])).name} ended with code {child.returncode}:\n{last}")
    return output


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


def peak_memory() -> int:
    """The largest resident size of this process since it began, in bytes; 0 where the system does not tell.

    `ru_maxrss` will not do: a child inherits that of the process it was started from.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
