"""Run to the end and try again, or break off at an alarm: time until a skill has succeeded.

Run with ``python -m benchmarks.makespan``. First tasks are carried out with every attempt run to
its end; from what the success predictor said meanwhile, `robot_skills.scheduler.makespan` chooses a
rule, or none. Then other tasks are carried out with the rule and without it, from the same seeds.
An interrupted call goes on where it stopped when it is repeated.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import wilcoxon
from tqdm import tqdm

from benchmarks.makespan.trial import SETTINGS, Row, Setting, Tried, makespan_trial
from robot_skills.app.intervals import bootstrap_interval
from robot_skills.app.pool import in_order
from robot_skills.scheduler.makespan import Attempt, Choice, choose_rule
from robot_skills.skills.giving_up import GivingUp

CHOOSE_SEED, JUDGE_SEED = 1_600_000, 1_700_000
"""Rules are chosen by tasks of the one and judged by tasks of the other."""
OUT = Path("outputs/makespan")
_LEVEL = 0.95


def measure(
    setting: Setting, seed: int, rule: GivingUp | None, tasks: int, workers: int, out: Path
) -> list[Row]:
    """Every task that is not written down yet.

    Args:
        setting: How hard attempts are.
        seed: Of the tasks.
        rule: When attempts end early.
        tasks: How many.
        workers: Processes.
        out: Folder of the tasks that are done.
    """
    name = setting.name.replace(", ", "_").replace(" ", "_")
    log = out / f"{name}_{seed}_{_text(rule)}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = _read(log)
    missing = [index for index in range(tasks) if index not in done]
    calls = (partial(makespan_trial, setting, seed, rule, index) for index in missing)
    rows = tqdm(in_order(calls, workers), total=len(missing), unit="task", file=sys.stderr)
    for index, row in zip(missing, rows, strict=True):
        done[index] = row
        with log.open("a", encoding="utf-8") as file:
            line = {"index": index, "row": None if row is None else asdict(row)}
            file.write(json.dumps(line) + "\n")
    return [row for index in range(tasks) if (row := done[index]) is not None]


def _text(rule: GivingUp | None) -> str:
    return "none" if rule is None else f"{rule.below:g}_{rule.after}_{rule.from_s:g}"


def _read(log: Path) -> dict[int, Row | None]:
    rows: dict[int, Row | None] = {}
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            rows[data["index"]] = None if data["row"] is None else _row(data["row"])
    return rows


def _row(data: dict[str, Any]) -> Row:
    return Row(**{**data, "attempts": [Tried(**tried) for tried in data["attempts"]]})


def attempts_of(rows: Sequence[Row]) -> list[Attempt]:
    """The attempts of tasks that were carried out without a rule."""
    return [
        Attempt(
            success=tried.success,
            duration_s=tried.duration_s,
            motion_s=tried.motion_s,
            asked_s=tuple(tried.asked_s),
            likely=tuple(tried.likely),
            again_s=tried.again_s,
        )
        for row in rows
        for tried in row.attempts
    ]


def after_alarm_s(rows: Sequence[Row]) -> float:
    """Mean time from the end of attempts that were broken off until the next could begin."""
    times_s = [
        tried.again_s
        for row in rows
        for tried in row.attempts[:-1]
        if tried.broken_off and not tried.success
    ]
    return float(np.mean(times_s)) if times_s else 0.0


def chosen(setting: Setting, tasks: int, workers: int, out: Path) -> tuple[Choice, int]:
    """The rule for a setting, or none, and the number of tasks that it is chosen by.

    What an alarm leaves behind is not seen in attempts that run to their end. So the best rule by
    those is tried on the same tasks, and then it is chosen once more.
    """
    rows = measure(setting, CHOOSE_SEED, None, tasks, workers, out)
    first = choose_rule(attempts_of(rows))
    if first.best is None:
        return first, len(rows)
    tried = measure(setting, CHOOSE_SEED, first.best, tasks, workers, out)
    return choose_rule(attempts_of(rows), after_alarm_s(tried)), len(rows)


def summary(
    setting: Setting,
    choice: Choice,
    chosen_tasks: int,
    without: Sequence[Row],
    with_rule: Sequence[Row],
) -> dict[str, Any]:
    """What is published of a setting."""
    pairs = _pairs(without, with_rule)
    offs = np.array([off.makespan_s for off, _ in pairs])
    ons = np.array([on.makespan_s for _, on in pairs])
    attempts = [tried for row in without for tried in row.attempts]
    rule, does = choice.rule, choice.confusion
    saved = offs - ons
    low, high = bootstrap_interval([list(saved)], _LEVEL)
    return {
        "setting": setting.name,
        "chosen_tasks": chosen_tasks,
        "chosen_by": choice.attempts,
        "chosen_by_successes": choice.successes,
        "rule": None if rule is None else asdict(rule),
        "best": None if choice.best is None else asdict(choice.best),
        "surely_saved": choice.saved,
        "expected_off_s": choice.to_the_end_s,
        "expected_on_s": choice.with_rule_s,
        "true_alarms": None if does is None else does.true_alarms,
        "alarm_again_s": None if does is None else does.alarm_again_s,
        "false_alarms": None if does is None else does.false_alarms,
        "n": len(pairs),
        "attempt_success_rate": float(np.mean([tried.success for tried in attempts])),
        "solved_off": sum(off.success for off, _ in pairs),
        "solved_on": sum(on.success for _, on in pairs),
        "attempts_off": sum(len(off.attempts) for off, _ in pairs) / len(pairs),
        "attempts_on": sum(len(on.attempts) for _, on in pairs) / len(pairs),
        "off_s": float(offs.mean()),
        "on_s": float(ons.mean()),
        "shorter": float(1.0 - ons.mean() / offs.mean()),
        "saved_s_ci95": [low, high],
        "p": float(np.asarray(wilcoxon(offs, ons))[1]) if np.any(saved) else 1.0,
        "p_permutation": permutation_p(saved),
    }


def _pairs(without: Sequence[Row], with_rule: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Tasks that were carried out both ways."""
    others = {row.index: row for row in with_rule}
    return [(row, others[row.index]) for row in without if row.index in others]


def permutation_p(saved: np.ndarray, draws: int = 20_000) -> float:
    """Two-sided p-value of the mean of paired differences, by flipping their signs at random."""
    rng = np.random.default_rng(0)
    signs = rng.choice((-1.0, 1.0), size=(draws, len(saved)))
    means = np.abs((signs * saved).mean(axis=1))
    return float((1 + np.sum(means >= abs(saved.mean()) - 1e-12)) / (draws + 1))


def main() -> None:
    """Measure what is missing and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--tasks", type=int, default=125)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    for name in args.settings:
        setting = SETTINGS[name]
        choice, chosen_tasks = chosen(setting, args.tasks, args.workers, args.out)
        without = measure(setting, JUDGE_SEED, None, args.tasks, args.workers, args.out)
        with_rule = without
        if choice.rule is not None:
            with_rule = measure(
                setting, JUDGE_SEED, choice.rule, args.tasks, args.workers, args.out
            )
        line = summary(setting, choice, chosen_tasks, without, with_rule)
        if args.json:
            print(json.dumps(line))
            continue
        print(
            f"{name}: rule {_text(choice.rule)}, {line['off_s']:.1f} s without, "
            f"{line['on_s']:.1f} s with it, {100 * line['shorter']:.1f} % shorter, "
            f"p = {line['p']:.2g} ({line['n']} tasks)"
        )


if __name__ == "__main__":
    main()
