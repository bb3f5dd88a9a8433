"""What `robot-skills --help` costs beside ``import numpy``: ``python -m benchmarks.help_cost``."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.result import BenchResult, table

REPEATS = 15
RATIO_WANTED = 1.0 / 3.0
"""Help may take three times as long as importing numpy."""


def run() -> list[BenchResult]:
    """Start both, and a Python that does nothing, in turns."""
    program = str(Path(sys.executable).with_name("robot-skills"))
    commands = {
        "ours": [program, "--help"],
        "peer": [sys.executable, "-c", "import numpy"],
        "limit": [sys.executable, "-c", "pass"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            times[name].append(_seconds(command))
    ours, peer, limit = (median(times[name]) for name in ("ours", "peer", "limit"))
    return [
        BenchResult(
            ours=1e3 * ours,
            peer=1e3 * peer,
            limit=1e3 * limit,
            ratio=peer / ours,
            unit="ms for `robot-skills --help`",
            repeats=REPEATS,
            detail="peer: python -c 'import numpy'; limit: python -c pass",
        )
    ]


def _seconds(command: list[str]) -> float:
    started_s = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started_s


def main() -> int:
    results = run()
    print(table(results))
    return 0 if all(result.ratio >= RATIO_WANTED for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
