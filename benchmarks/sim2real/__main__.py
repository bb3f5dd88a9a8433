"""``python -m benchmarks.sim2real``: skills on twins, a line per skill and way to it.

Every trial is kept, so an interrupted call goes on where it stopped; so are calibrations,
demonstrations and policies, in ``outputs/sim2real``.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.sim2real.sides import SIDES, Case
from benchmarks.sim2real.tries import Trials, read, try_all
from robot_skills.app.evaluate import wilson
from robot_skills.app.intervals import bootstrap_interval, paired_difference
from robot_skills.app.pool import in_order
from robot_skills.app.tables import text_table

FIRST_SEED = 2_000_000
SKILLS = ("grasp", "push", "place")
GAIN_BAR, SHARE_BAR = 0.20, 0.90
"""How much the loop has to gain over nominal, and what share of the upper bound it reaches."""


def main() -> None:
    """Try, sum up, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sim2real", description=__doc__)
    parser.add_argument("--twins", type=int, default=20, help="twins of each skill")
    parser.add_argument("--trials", type=int, default=5, help="trials on each twin")
    parser.add_argument("--skills", nargs="+", default=list(SKILLS))
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--jobs", type=int, default=1, help="twins side by side")
    parser.add_argument("--work", type=Path, default=Path("outputs/sim2real"))
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    done = read(args.work / "trials.jsonl")
    missing: dict[Case, list[str]] = {}
    for skill in args.skills:
        for seed in range(FIRST_SEED, FIRST_SEED + args.twins):
            for side in args.sides:
                if len(done.get((skill, side, seed), ())) < args.trials:
                    case = Case(skill=skill, seed=seed, work=args.work)
                    missing.setdefault(case, []).append(side)
    for case in {
        one.skill: one for one, sides in missing.items() if "randomised" in sides
    }.values():
        # One policy for all twins, so it is there before they are tried side by side.
        SIDES["randomised"](case)
    calls = [partial(try_all, case, sides, args.trials) for case, sides in missing.items()]
    for found in in_order(calls, args.jobs):
        done |= found
    rows = [
        summary(skill, {side: _of(done, skill, side, args) for side in args.sides})
        for skill in args.skills
    ]
    if args.json:
        for row in rows:
            print(json.dumps(row))
        return
    head = ("skill", "side", "n", "success %", "95 %")
    table = [
        (row["skill"], side, str(one["n"]), f"{100 * one['rate']:.0f}", _percent(one["ci95"]))
        for row in rows
        for side, one in row["sides"].items()
    ]
    print(text_table(head, table))


def _of(done: Trials, skill: str, side: str, args: argparse.Namespace) -> list[list[bool]]:
    """Successes by twin."""
    seeds = range(FIRST_SEED, FIRST_SEED + args.twins)
    return [
        [bool(one["success"]) for one in done[skill, side, seed][: args.trials]] for seed in seeds
    ]


def summary(skill: str, sides: dict[str, list[list[bool]]]) -> dict[str, Any]:
    """One line for a skill: successes by side and twin, and what the loop gains."""
    row: dict[str, Any] = {"skill": skill, "sides": {}}
    for side, twins in sides.items():
        n, good = sum(map(len, twins)), sum(map(sum, twins))
        row["sides"][side] = {
            "n": n,
            "twins": len(twins),
            "successes": good,
            "rate": good / n,
            "ci95": wilson(good, n),
            "ci90_twins": bootstrap_interval([[float(one) for one in twin] for twin in twins]),
        }
    if "loop" in sides and "nominal" in sides:
        gain = paired_difference(sides["loop"], sides["nominal"])
        row["gain"], row["gain_ci90"] = gain.mean, gain.ci90
        row["gain_bar"] = GAIN_BAR
    if "loop" in sides and "on twin" in sides:
        most = row["sides"]["on twin"]["rate"]
        row["share"] = row["sides"]["loop"]["rate"] / most if most else None
        row["share_bar"] = SHARE_BAR
    return row


def _percent(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f}-{100 * ends[1]:.0f}"


if __name__ == "__main__":
    main()
