"""What a benchmark ran on."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from .install import pinned
from .options import Options


def describe(options: Options) -> dict[str, str]:
    """Processor, memory, system and versions, by name."""
    found = {
        "date": subprocess.run(["date", "-u", "+%F"], capture_output=True, text=True, check=True).stdout.strip(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "nearfield": _output([str(options.nearfield), "--version"]),
        "rustc": _output(["rustc", "--version"]),
        "python": platform.python_version(),
    }
    for name in ("numpy", *pinned()):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    widest = next((name for name in ("avx512f", "avx2") if name in flags), None)
    return (names[0] if names else platform.machine()) + (f" ({widest})" if widest else "")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
