"""The working folder, child processes and messages."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "RAYON_NUM_THREADS")
}


class Failed(Exception):
    """A step that could not be done, with the reason in words."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Ended:
    """A child process that has ended well."""

    output: str
    peak_bytes: int


def run(command: list[str | Path], folder: Path, environment: dict[str, str] | None = None) -> Ended:
    """Runs a child in `folder` and waits; its standard error is shown only if it fails, as part of the exception.

    The largest resident size is the child's own (wait4), not that of all children.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("NEARFIELD_")}
    settings |= environment or {}
    log_path = folder / f"log-{os.getpid()}-{os.urandom(4).hex()}.txt"
    out_path = log_path.with_suffix(".out")
    with open(log_path, "wb") as log, open(out_path, "wb") as out:
        child = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=out, stderr=log
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
    child.returncode = os.waitstatus_to_exitcode(status)
    log_text = log_path.read_text(errors="replace")
    output = out_path.read_text(errors="replace")
    log_path.unlink()
    out_path.unlink()
    if child.returncode != 0:
        last = "\n".join(log_text.strip().splitlines()[-12:])
        raise Failed(f"{Path(str(command[0])).name} ended with code {child.returncode}:\n{last}")
    return Ended(output, usage.ru_maxrss * 1024)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
