"""From the start of a process to the first motion: ``python -m benchmarks.startup``.

Ours is the whole of `robot-skills run` up to the moment at which the safety gate lets the first
chunk of motion through: simulator, perception, planner and policies are there by then, a scene was
seen and a plan was made. The peer has imported its policy's module by then, and nothing else. Both
are started in turns.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.result import BenchResult, table

REPEATS = 3
RATIO_WANTED = 3.0
"""Ours may take at most a third of the peer's time."""

_INSTRUCTION = "put the red cube in the drawer and close it"
_SEED = 3
_PEER = "from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy"


def run() -> list[BenchResult]:
    """Start both, and a Python that imports the simulator and numpy, in turns."""
    calls = {
        "ours": first_motion_s,
        "peer": lambda: _seconds(_PEER),
        "limit": lambda: _seconds("import numpy, mujoco, onnxruntime, scipy.spatial, tyro"),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(1 + REPEATS):
        for name, call in calls.items():
            seconds = call()
            # The first turn fills the disk's cache.
            if turn > 0:
                times[name].append(seconds)
    ours, peer, limit = (median(times[name]) for name in ("ours", "peer", "limit"))
    return [
        BenchResult(
            ours=ours,
            peer=peer,
            limit=limit,
            ratio=peer / ours,
            unit="s from process start to first motion",
            repeats=REPEATS,
            detail=(
                f'ours: robot-skills run "{_INSTRUCTION}", until the safety gate accepts the first '
                f"chunk; peer: python -c '{_PEER}', until that is imported; limit: importing the "
                f"libraries alone; wanted: {RATIO_WANTED:.0f}x"
            ),
        )
    ]


def first_motion_s() -> float:
    """Age of a `robot-skills run` process when its arm first moved."""
    program = str(Path(sys.executable).with_name("robot-skills"))
    command = [program, "run", _INSTRUCTION, "--seed", str(_SEED), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["first_motion_s"])


def _seconds(code: str) -> float:
    started_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started_s


def main() -> int:
    results = run()
    print(table(results))
    return 0 if all(result.ratio >= RATIO_WANTED for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
