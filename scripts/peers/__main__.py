"""`python -m peers`: prepares, builds, measures, reports."""

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import filters, install, machine, plots, report, summary
from .datasets import Preparation
from .libraries import LIBRARIES
from .measure import Measurement
from .options import Options, parse
from .results import Result
from .work import Failed, say


def main() -> int:
    """Runs everything; exit code 0 when something was measured, 1 when nothing could be."""
    options = parse(sys.argv[1:])
    # SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    options.cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=options.cache))
    try:
        return _run(options, folder)
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except Failed as error:
        say(f"error: {error}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _run(options: Options, folder: Path) -> int:
    left_out = {}
    systems = []
    for system in options.systems:
        reason = install.install(LIBRARIES[system].distribution) if system in LIBRARIES else None
        if reason:
            say(f"left out: {reason}")
            left_out[system] = reason
        else:
            systems.append(system)
    options = Options(**(vars(options) | {"systems": tuple(systems)}))
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    origins: dict[str, str] = {}
    preparation = Preparation(options, folder)
    for name in options.datasets:
        try:
            dataset = preparation.prepare(name)
        except Failed as error:
            say(f"left out: {name}: {error}")
            left_out[name] = str(error)
            continue
        measurement = Measurement(options, dataset, preparation.nearfield)
        results += measurement.run()
        if options.filters and name == "bootstrap" and "nearfield-auto" in systems:
            results += filters.measure(measurement)
        left_out |= {f"{system} on {name}": reason for system, reason in measurement.left_out.items()}
        origins[name] = dataset.origin
        # After every dataset, so that what was measured is not lost.
        _write(options, results, left_out, origins)
        shutil.rmtree(measurement.folder)
    if not results:
        say("error: nothing was measured")
        return 1
    _say_ratios(results)
    say(f"measurements: {options.json}\nreport: {options.out / 'benchmarks.md'}")
    return 0


def _write(options: Options, results: list[Result], left_out: dict[str, str], origins: dict[str, str]) -> None:
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")
    names = plots.draw_all(results, options.out)
    text = report.markdown(options, results, machine.describe(options), left_out, origins, names)
    (options.out / "benchmarks.md").write_text(text)


def _say_ratios(results: list[Result]) -> None:
    print("queries per second at recall 0.99, nearfield / other:")
    for ratio in summary.ratios(results):
        value = ratio.why_not if ratio.ratio is None else f"{ratio.ratio:.2f} ({ratio.peer})"
        print(f"  {ratio.dataset}, {ratio.weights}: {ratio.engine} against {ratio.against}: {value}")


if __name__ == "__main__":
    sys.exit(main())
