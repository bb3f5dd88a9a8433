"""Long tasks while things are moved and taken away: the closed loop beside the open one.

Run with ``python -m benchmarks.closed_loop``. The tasks of `sim.tabletop.long_horizon` go through
the whole stack in random scenes; at a drawn time somebody moves a thing that the task is about, or
takes it away, or does nothing. Trial i of both strategies has the same scene, the same seeds and
the same change. What came about is judged by the simulator's state. An interrupted call goes on
where it stopped when it is repeated.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.closed_loop.trial import CLOSED, OPEN, STRATEGIES, Row, closed_loop_trial
from robot_skills.app.intervals import bootstrap_interval, paired_difference
from robot_skills.app.options import SceneSource
from robot_skills.app.pool import in_order
from sim.disturbances import ChangeKind
from sim.tabletop.long_horizon import LONG_TASKS

OUT = Path("outputs/closed_loop")
_LEVEL = 0.95


def measure(
    episodes: int,
    kinds: Sequence[ChangeKind],
    strategies: Sequence[str],
    scene: SceneSource,
    workers: int,
    out: Path,
) -> list[Row]:
    """Every trial that is not written down yet.

    Args:
        episodes: Per task, kind and strategy.
        kinds: What somebody does.
        strategies: Who decides.
        scene: Where scenes come from.
        workers: Processes.
        out: Folder of the trials that are done.
    """
    log = out / f"trials_{scene}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = _read(log)
    done = {(row.task, row.kind, row.strategy, row.index) for row in rows}
    wanted = [
        (number, kind, strategy, index)
        for index in range(episodes)
        for number in range(len(LONG_TASKS))
        for kind in kinds
        for strategy in strategies
    ]
    names = [task.task.name for task in LONG_TASKS]
    missing = [t for t in wanted if (names[t[0]], t[1].value, t[2], t[3]) not in done]
    calls = (
        partial(closed_loop_trial, number, kind, strategy, scene, index)
        for number, kind, strategy, index in missing
    )
    for row in tqdm(in_order(calls, workers), total=len(missing), unit="trial", file=sys.stderr):
        rows.append(row)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
    asked = {(names[number], kind.value, strategy, i) for number, kind, strategy, i in wanted}
    return [row for row in rows if (row.task, row.kind, row.strategy, row.index) in asked]


def _read(log: Path) -> list[Row]:
    if not log.exists():
        return []
    return [Row(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def summaries(rows: Sequence[Row], scene: SceneSource) -> Iterator[dict[str, Any]]:
    """One line per task and kind of change, then for all tasks, then for all that is a change."""
    tasks = [task.task.name for task in LONG_TASKS]
    kinds = [kind.value for kind in ChangeKind]
    disturbed = [kind for kind in kinds if kind != ChangeKind.NONE.value]
    groups: list[tuple[tuple[str, ...], tuple[str, ...]]]
    groups = [((task,), (kind,)) for task in tasks for kind in kinds]
    groups += [(tuple(tasks), (kind,)) for kind in kinds]
    groups += [((task,), tuple(disturbed)) for task in tasks]
    groups.append((tuple(tasks), tuple(disturbed)))
    for of_tasks, of_kinds in groups:
        pairs = list(_pairs(rows, of_tasks, of_kinds))
        if pairs:
            yield _summary(pairs, of_tasks, of_kinds, scene)


def _pairs(
    rows: Sequence[Row], tasks: Sequence[str], kinds: Sequence[str]
) -> Iterator[tuple[Row, Row]]:
    """Trials that both strategies made."""
    found = {(row.task, row.kind, row.index, row.strategy): row for row in rows}
    for (task, kind, index, strategy), row in sorted(found.items()):
        other = found.get((task, kind, index, OPEN))
        if strategy == CLOSED and task in tasks and kind in kinds and other is not None:
            yield row, other


def _summary(
    pairs: Sequence[tuple[Row, Row]],
    tasks: Sequence[str],
    kinds: Sequence[str],
    scene: SceneSource,
) -> dict[str, Any]:
    closed, opened = zip(*pairs, strict=True)
    ahead = [float(one.right) - float(other.right) for one, other in pairs]
    by_success = paired_difference(
        [[row.reached for row in closed]], [[row.reached for row in opened]]
    )
    return {
        "tasks": list(tasks),
        "kinds": list(kinds),
        "scene": scene,
        "n": len(pairs),
        "happened": sum(row.happened for row in closed),
        "closed_right": sum(row.right for row in closed),
        "open_right": sum(row.right for row in opened),
        "closed_reached": sum(row.reached for row in closed),
        "open_reached": sum(row.reached for row in opened),
        "ahead": sum(ahead) / len(ahead),
        "ahead_ci95": bootstrap_interval([ahead], _LEVEL),
        "ahead_reached": by_success.mean,
        "false_replans": sum(row.false_replans > 0 for row in closed),
        "replanned": sum(row.replans > 0 for row in closed),
        "closed_calls": sum(row.calls for row in closed) / len(closed),
        "open_calls": sum(row.calls for row in opened) / len(opened),
        "closed_sim_s": sum(row.sim_s for row in closed) / len(closed),
        "open_sim_s": sum(row.sim_s for row in opened) / len(opened),
    }


def main() -> None:
    """Measure what is missing and print the lines."""
    kinds = [kind.value for kind in ChangeKind]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--scene", choices=("rgbd", "truth"), default="rgbd")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    rows = measure(
        args.episodes,
        [ChangeKind(kind) for kind in args.kinds],
        args.strategies,
        args.scene,
        args.workers,
        args.out,
    )
    for line in summaries(rows, args.scene):
        if args.json:
            print(json.dumps(line))
            continue
        print(
            f"{' + '.join(line['tasks'])}, {' + '.join(line['kinds'])}: right "
            f"{line['closed_right']} closed, {line['open_right']} open, of {line['n']}"
        )


if __name__ == "__main__":
    main()
