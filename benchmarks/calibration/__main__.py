"""``python -m benchmarks.calibration``: a line per kind of calibration, over many seeds."""

from typing import Any

import numpy as np

from benchmarks.calibration.trials import TRIALS
from benchmarks.seeded import Numbers, run_seeded

_CHECKS = ("check_exact", "check_noisy", "check_noisy_twice")
_CHECK_BARS = {"false_alarms": 0.02, "missed_moved": 0.05, "missed_turned": 0.05}
BARS: dict[str, dict[str, float]] = {
    "corners": {"bias_px": 0.02, "rms_px": 0.08},
    "intrinsics": {"reprojection_px": 0.15, "focal_percent": 0.1, "centre_px": 0.5},
    "mount_exact": {"off_mm": 0.2, "off_deg": 0.03},
    "mount_noisy": {"off_mm": 0.7, "off_deg": 0.1},
    "rig": {"off_mm": 0.5, "off_deg": 0.05},
    **{name: _CHECK_BARS for name in _CHECKS},
}
"""What the medians over the seeds have to stay below; of checks, the shares of all looks."""
FIRST_SEED = 100_000


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    run_seeded("calibration", __doc__, TRIALS, summary, FIRST_SEED)


def summary(kind: str, trials: list[Numbers]) -> dict[str, Any]:
    """One line for all trials of a kind."""
    of = {name: np.array([trial[name] for trial in trials]) for name in trials[0]}
    match kind:
        case check if check in _CHECKS:
            looks = float(of["looks"].sum())
            found = {
                "false_alarms": float(of["false_alarms"].sum()) / looks,
                "missed_moved": 1.0 - float(of["found_moved"].sum()) / looks,
                "missed_turned": 1.0 - float(of["found_turned"].sum()) / looks,
                "looks": looks,
            }
        case "corners":
            bias = [float(np.average(of[f"bias_{axis}_px"], weights=of["n"])) for axis in "xy"]
            rms = float(np.sqrt(np.average(of["rms_px"] ** 2, weights=of["n"])))
            found = {"bias_px": max(map(abs, bias)), "rms_px": rms}
        case _:
            found = {name: float(np.median(values)) for name, values in of.items()}
            found |= {f"worst_{name}": float(of[name].max()) for name in BARS[kind]}
    return {"kind": kind, "seeds": len(trials), "found": found, "bars": BARS[kind]}


if __name__ == "__main__":
    main()
