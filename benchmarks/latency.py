"""What a policy's latency costs, and what making up for it brings.

``python -m benchmarks.latency --trials 40``: the same trials of a skill with an answer that comes
0, 2 or 4 control periods late, for each way of fitting it in. Jerk is the root mean square of the
third derivative of the tool's position as the arm really moved, over the skill's motion.
"""

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from robot_skills.app.evaluate import wilson
from robot_skills.app.trials import SetupFailed, TrialConfig, skill_trial
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.policy_skill import PolicySkillConfig
from robot_skills.skills.stitching import Compensation
from sim.robot import CONTROL_PERIOD_S, SimRobot

LATENCIES = (0, 2, 4)
_SEED = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Trials of one setting.

    Attributes:
        compensation: How late answers are fitted in.
        latency_steps: Periods that they are late.
        n: Trials.
        successes: In the simulator's truth.
        ci95: Wilson interval of their share.
        jerk_m_s3: Median over the trials.
        duration_s: Median simulated time.
    """

    compensation: str
    latency_steps: int
    n: int
    successes: int
    ci95: tuple[float, float]
    jerk_m_s3: float
    duration_s: float


def run(skill: str, trials: int, arm: str = "panda") -> list[Row]:
    """Try every setting on the same starts."""
    return [
        _row(skill, trials, arm, compensation, latency)
        for latency in LATENCIES
        for compensation in Compensation
        # Without latency there is nothing to continue.
        if latency or compensation is not Compensation.CONTINUE
    ]


def _row(skill: str, trials: int, arm: str, compensation: Compensation, latency: int) -> Row:
    how = PolicySkillConfig(latency_steps=latency, compensation=compensation)
    config = TrialConfig(arm=arm, scene="truth", seed=_SEED, zoo=zoo_dir(), policy_config=how)
    done, jerks, index = [], [], 0
    while len(done) < trials:
        path: list[np.ndarray] = []
        try:
            done.append(skill_trial(config, skill, index, partial(_note, path)))
            jerks.append(_jerk(np.array(path)))
        except SetupFailed:
            pass
        index += 1
    good = sum(trial.success for trial in done)
    return Row(
        compensation=compensation.value,
        latency_steps=latency,
        n=trials,
        successes=good,
        ci95=wilson(good, trials),
        jerk_m_s3=float(np.median(jerks)),
        duration_s=float(np.median([trial.sim_s for trial in done])),
    )


def _note(path: list[np.ndarray], robot: SimRobot) -> None:
    path.append(robot.observe().arms[DEFAULT_ARM].T_base_tool.p)


def _jerk(p: np.ndarray) -> float:
    """Root mean square jerk [m/s^3] of positions (n, 3) at every control step."""
    third = np.diff(p, n=3, axis=0) / CONTROL_PERIOD_S**3
    return float(np.sqrt(np.square(third).sum(axis=-1).mean()))


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skill", default="grasp")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = run(options.skill, options.trials)
    print("late  fitted in   success     95 %         jerk [m/s3]  time [s]")
    for row in rows:
        low, high = row.ci95
        print(
            f"{row.latency_steps:>4}  {row.compensation:<10}  {row.successes:>3} / {row.n:<3}"
            f"  {low:.2f} - {high:.2f}  {row.jerk_m_s3:>10.1f}  {row.duration_s:>8.2f}"
        )
    if options.out is not None:
        values = [{name: getattr(row, name) for name in Row.__slots__} for row in rows]
        options.out.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
