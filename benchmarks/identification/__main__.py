"""``python -m benchmarks.identification``: a line per kind of trial, over many seeds."""

from typing import Any

import numpy as np

from benchmarks.identification.trials import TRIALS
from benchmarks.seeded import Numbers, run_seeded

BARS: dict[str, dict[str, float]] = {
    "exploration": {
        "informative_mass_percent": 10.0,
        "informative_friction_percent": 10.0,
        "informative_damping_percent": 10.0,
        "informative_share_of_random": 0.5,
        "informative_share_of_roaming": 0.5,
    },
    "payload": {"mass_g": 25.0, "com_mm": 15.0},
    "delta_action": {"kept_percent": 60.0},
}
"""What the medians over the seeds have to stay below."""
FIRST_SEED = 700_000
_SHARES = ("_is_within", "_in_2_sigma")


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    run_seeded("identification", __doc__, TRIALS, summary, FIRST_SEED)


def summary(kind: str, trials: list[Numbers]) -> dict[str, Any]:
    """One line for all trials of a kind: medians over the seeds, and how bad the worst tenth is;
    of what holds in a trial or does not, in what share of the trials it does."""
    of = {name: np.array([trial[name] for trial in trials]) for name in trials[0]}
    shares = {name: values for name, values in of.items() if name.endswith(_SHARES)}
    found = {name: 100.0 * float(np.mean(values)) for name, values in shares.items()}
    for name in of.keys() - shares.keys():
        found[name] = float(np.median(of[name]))
        found[f"tenth_{name}"] = float(np.quantile(of[name], 0.9))
    if kind == "exploration":
        for way in ("random", "roaming"):
            found[f"informative_share_of_{way}"] = (
                found["informative_worst_percent"] / found[f"{way}_worst_percent"]
            )
    found = dict(sorted(found.items()))
    return {"kind": kind, "seeds": len(trials), "found": found, "bars": BARS[kind]}


if __name__ == "__main__":
    main()
