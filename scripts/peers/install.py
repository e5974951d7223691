"""Puts the libraries into the running environment, or says why one is left out."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from .work import say

PINNED = Path(__file__).parent / "libraries.txt"


def pinned() -> dict[str, str]:
    """Version by distribution."""
    lines = (line.strip() for line in PINNED.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def install(distribution: str) -> str | None:
    """Installs a pinned distribution where it is missing; `None`, or the reason why it cannot be had."""
    version = pinned()[distribution]
    try:
        if importlib.metadata.version(distribution) == version:
            return None
    except importlib.metadata.PackageNotFoundError:
        pass
    say(f"installing {distribution} {version} ...")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        f"{distribution}=={version}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
    reason = errors[-1].strip() if errors else "pip failed"
    return f"{distribution} {version} cannot be installed here: {reason}"
