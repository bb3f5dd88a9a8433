"""What it is worth to see that a skill has failed: three executives, every skill capped at 80 %.

Run with ``python -m benchmarks.sequencer``. In a fifth of its attempts, drawn from a seed, the
policy of a skill gives up soon after it began, and in half of these it lets go of what the hand
holds. So it fails for real: what is done about it is for the executive to say. All of them meet the
same instructions in the same scenes, and the same attempts in a run are doomed. An interrupted call
goes on where it stopped when it is repeated.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from robot_skills.app.evaluate import wilson
from robot_skills.app.executives import CLOSED_LOOP, EXECUTIVES, FIXED, SEQUENCER
from robot_skills.app.intervals import bootstrap_interval
from robot_skills.app.options import SceneSource
from robot_skills.app.pool import in_order
from robot_skills.app.suites import instruction_trial
from robot_skills.app.trials import Trial, TrialConfig
from robot_skills.app.wiring import load_policy
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.policy import Policy, PolicyInput, PolicyOutput, PolicyWrapper

LEVELS = ("I", "IV")
"""Tasks that the sequencer was trained on, and compositions that it has never met."""
CAP = 0.8
"""Share of the attempts that are left alone."""
FIRST_SEED = 1_000_000
"""Scenes from here on were never used to choose anything."""
OUT = Path("outputs/sequencer")
_SOON = (1, 3)
"""Least and greatest number of chunks after which a doomed policy gives up."""
_LETS_GO = 0.5


class CappedPolicy(PolicyWrapper):
    """A policy that gives up soon in some of its attempts, and says that it is done.

    Args:
        policy: That does the work in the others.
        cap: Share of the attempts that are left alone.
    """

    def __init__(self, policy: Policy, cap: float = CAP) -> None:
        super().__init__(policy)
        self._cap = cap
        self._chunks_left: int | None = None
        self._opens = False
        self._opening = 1.0

    def reset(self, seed: int) -> None:
        """Start a new attempt; the seed decides whether it is doomed, and how."""
        super().reset(seed)
        rng = np.random.default_rng((FIRST_SEED, seed))
        doomed = bool(rng.random() >= self._cap)
        chunks = int(rng.integers(_SOON[0], _SOON[1] + 1))
        self._chunks_left = chunks if doomed else None
        self._opens = bool(rng.random() < _LETS_GO)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        if self._chunks_left is None:
            return self._policy.infer(inputs)
        if self._chunks_left > 0:
            self._chunks_left -= 1
            output = self._policy.infer(inputs)
            # The command, not the sense: what is held keeps the fingers apart.
            self._opening = float(output.opening[-1])
            return output
        return PolicyOutput(
            T_base_tool=np.repeat(inputs.T_base_tool[-1:], self.horizon, axis=0),
            opening=np.full(self.horizon, 1.0 if self._opens else self._opening),
            done=1.0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One trial, as it is written down.

    Attributes:
        level: Of the tasks.
        executive: Who carried it out.
        stamp: Of the sequencer's checkpoint, where there is one.
        trial: How it ended.
    """

    level: str
    executive: str
    stamp: str
    trial: dict[str, Any]


@cache
def _capped(directory: Path) -> CappedPolicy:
    return CappedPolicy(load_policy(directory))


def capped_trial(level: str, executive: str, scene: SceneSource, index: int) -> Trial:
    """Carry out one instruction of a level with capped skills."""
    from sim.tabletop.levels import LEVELS as BY_NAME

    arm, instance = BY_NAME[level].draw(FIRST_SEED, index)
    config = TrialConfig(arm=arm, scene=scene, seed=FIRST_SEED, zoo=zoo_dir(), executive=executive)
    return instruction_trial(config, instance, index, _capped)


def measure(episodes: int, scene: SceneSource, workers: int, out: Path) -> list[Row]:
    """Every trial that is not written down yet.

    Args:
        episodes: Per level and executive.
        scene: Where scenes come from.
        workers: Processes.
        out: Folder of the trials that are done.
    """
    log = out / f"trials_{scene}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = _read(log)
    done = {(row.level, row.executive, row.stamp, row.trial["index"]) for row in rows}
    wanted = [
        (level, executive, _stamp(executive), index)
        for index in range(episodes)
        for level in LEVELS
        for executive in EXECUTIVES
    ]
    missing = [key for key in wanted if key not in done]
    calls = (partial(capped_trial, level, who, scene, i) for level, who, _, i in missing)
    trials = tqdm(in_order(calls, workers), total=len(missing), unit="trial", file=sys.stderr)
    for (level, executive, stamp, _), trial in zip(missing, trials, strict=True):
        rows.append(Row(level=level, executive=executive, stamp=stamp, trial=asdict(trial)))
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(rows[-1])) + "\n")
    asked = set(wanted)
    return [r for r in rows if (r.level, r.executive, r.stamp, r.trial["index"]) in asked]


def _read(log: Path) -> list[Row]:
    if not log.exists():
        return []
    return [Row(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def _stamp(executive: str) -> str:
    """Of the checkpoint that an executive goes by."""
    from policies.checkpoint_files import MANIFEST

    if executive != SEQUENCER:
        return ""
    return hashlib.sha256((zoo_dir() / SEQUENCER / MANIFEST).read_bytes()).hexdigest()[:12]


def summaries(rows: Sequence[Row], scene: SceneSource) -> Iterator[dict[str, Any]]:
    """One line per level and executive: success, and what it is beside a fixed order."""
    for level in LEVELS:
        outcomes = {who: _outcomes(rows, level, who) for who in EXECUTIVES}
        for who in (FIXED, SEQUENCER, CLOSED_LOOP):
            mine = [row.trial for row in rows if (row.level, row.executive) == (level, who)]
            gain = [
                float(good) - float(outcomes[FIXED][i]) for i, good in sorted(outcomes[who].items())
            ]
            successes = sum(outcomes[who].values())
            yield {
                "level": level,
                "executive": who,
                "scene": scene,
                "cap": CAP,
                "n": len(mine),
                "successes": successes,
                "ci95": wilson(successes, len(mine)),
                "believed": sum(trial["believed"] for trial in mine),
                "gain": sum(gain) / len(gain),
                "gain_ci95": bootstrap_interval([gain], level=0.95),
                "attempts": sum(trial["attempts"] for trial in mine) / len(mine),
                "sim_s": sum(trial["sim_s"] for trial in mine) / len(mine),
                "per_task": _per_task(mine),
            }


def _outcomes(rows: Sequence[Row], level: str, executive: str) -> dict[int, bool]:
    """Success of every trial by its number."""
    return {
        row.trial["index"]: row.trial["success"]
        for row in rows
        if (row.level, row.executive) == (level, executive)
    }


def _per_task(trials: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Successes and trials of every task."""
    tasks = dict.fromkeys(trial["group"] for trial in trials)
    return {
        task: [sum(t["success"] for t in of_task), len(of_task)]
        for task in tasks
        if (of_task := [t for t in trials if t["group"] == task])
    }


def main() -> None:
    """Measure what is missing and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=150)
    parser.add_argument("--scene", choices=("rgbd", "truth"), default="rgbd")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    rows = measure(args.episodes, args.scene, args.workers, args.out)
    for line in summaries(rows, args.scene):
        if args.json:
            print(json.dumps(line))
            continue
        low, high = line["gain_ci95"]
        print(
            f"{line['level']:<3} {line['executive']:<12} {line['successes']:>4} of {line['n']:<4} "
            f"{100 * line['gain']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), "
            f"{line['attempts']:.1f} attempts, {line['sim_s']:.1f} s"
        )


if __name__ == "__main__":
    main()
