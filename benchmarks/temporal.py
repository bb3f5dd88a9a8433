"""Whether instructions that speak of time are carried out as they were meant.

Run with ``python -m benchmarks.temporal``. The instructions of `sim.tabletop.temporal` go through
the whole stack in random scenes. What they mean stands beside them as formulas, and whether a run
conformed is judged afterwards by the definition of their truth, on what was seen and on the
simulator's state at every few control steps and every call; the parser, the planner and the monitor
have no part in that. An interrupted call goes on where it stopped when it is repeated.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from robot_skills.app.conformance import TruthTrace
from robot_skills.app.evaluate import wilson
from robot_skills.app.executives import CLOSED_LOOP, EXECUTIVES
from robot_skills.app.options import SceneSource
from robot_skills.app.pool import in_order
from robot_skills.app.trials import loaded_policy
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventList
from robot_skills.core.plan import Specification
from robot_skills.core.predicates import unmet
from robot_skills.scheduler.temporal.formula import atoms
from robot_skills.scheduler.temporal.reader import parse_formula
from robot_skills.scheduler.temporal.trace import Position, trace_of, violated_by
from sim.tabletop.tasks import Instance, Task
from sim.tabletop.temporal import TEMPORAL_TASKS

FIRST_SEED = 1_200_000
"""Scenes from here on were never used to choose anything."""
OUT = Path("outputs/temporal")
_EVERY = 5
"""Control steps between two positions of the trace in truth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One trial, as it is written down.

    Attributes:
        task: Its name.
        index: Number of the trial.
        instruction: The words.
        specification: What they mean, as it is declared.
        understood: What the parser made of them.
        refused: Whether it ended before anything moved, so that there is no trace.
        success: The goal holds in truth, and the specification is satisfied.
        believed: The stack says that it succeeded.
        conforms: What was seen and called satisfies the specification.
        truth_conforms: What was so in truth satisfies it.
        violated: Parts that were violated in truth.
        reason: Why it ended as it did.
        skills: Names of the skills that were called, in order.
        sim_s: Simulated time.
    """

    task: str
    index: int
    instruction: str
    specification: Sequence[str]
    understood: Sequence[str]
    refused: bool
    success: bool
    believed: bool
    conforms: bool
    truth_conforms: bool
    violated: Sequence[str]
    reason: str
    skills: Sequence[str]
    sim_s: float


def temporal_trial(task: Task, scene: SceneSource, executive: str, index: int) -> Row:
    """Carry out one instance of a task through the whole stack."""
    from robot_skills.app.wiring import CellConfig, simulated_cell

    seed = FIRST_SEED, TEMPORAL_TASKS.index(task), index
    instance = task.draw(np.random.default_rng(seed))
    events, truth = EventList(), TruthTrace()
    config = CellConfig(scene=scene, seed=index, executive=executive, layout=instance.layout)
    with simulated_cell(config, (events, truth), policy_loader=loaded_policy) as cell:
        truth.start(cell.truth)
        steps = iter(range(10**9))
        cell.sim.on_step.append(lambda _: truth.look() if next(steps) % _EVERY == 0 else None)
        result = None
        try:
            result = cell.run(instance.instruction)
            reason = result.reason
        except RefusedError as refusal:
            reason = f"refused: {refusal}"
        missing = unmet(cell.truth(), instance.goal)
        seen = trace_of(events.events, cell.looks)
        sim_s = cell.sim.clock.now_s()
    violated = _violated(truth.positions, instance)
    understood = None if result is None else result.plans[0].specification
    return Row(
        task=task.name,
        index=index,
        instruction=instance.instruction,
        specification=instance.specification,
        understood=() if understood is None else understood.parts,
        refused=result is None,
        success=not missing and not violated,
        believed=result is not None and result.success,
        conforms=not _violated(seen, instance),
        truth_conforms=not violated,
        violated=violated,
        reason=reason,
        skills=() if result is None else tuple(skill.name for skill in result.skills),
        sim_s=sim_s,
    )


def _violated(trace: Sequence[Position], instance: Instance) -> tuple[str, ...]:
    """The parts of an instance's specification that a trace violates."""
    return violated_by(_changes(trace, instance), Specification(parts=instance.specification))


def _changes(trace: Sequence[Position], instance: Instance) -> list[Position]:
    """A trace less the positions that repeat the one before: no formula here counts positions."""
    asked = list(
        dict.fromkeys(
            atom for part in instance.specification for atom in atoms(parse_formula(part))
        )
    )
    kept: list[Position] = []
    known: list[bool] = []
    for position in trace:
        now = [position.true(atom) for atom in asked]
        if position.call is not None or not kept or now != known:
            kept.append(position)
        known = now
    return kept


def measure(
    episodes: int, scene: SceneSource, executive: str, workers: int, out: Path
) -> list[Row]:
    """Every trial that is not written down yet.

    Args:
        episodes: Per task.
        scene: Where scenes come from.
        executive: Who decides after the plan, and after every call.
        workers: Processes.
        out: Folder of the trials that are done.
    """
    log = out / f"trials_{scene}_{executive}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = _read(log)
    done = {(row.task, row.index) for row in rows}
    wanted = [(task, index) for index in range(episodes) for task in TEMPORAL_TASKS]
    missing = [(task, index) for task, index in wanted if (task.name, index) not in done]
    calls = (partial(temporal_trial, task, scene, executive, index) for task, index in missing)
    for row in tqdm(in_order(calls, workers), total=len(missing), unit="trial", file=sys.stderr):
        rows.append(row)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
    asked = {(task.name, index) for task, index in wanted}
    return [row for row in rows if (row.task, row.index) in asked]


def _read(log: Path) -> list[Row]:
    if not log.exists():
        return []
    return [Row(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def summaries(rows: Sequence[Row], scene: SceneSource, executive: str) -> Iterator[dict[str, Any]]:
    """One line per task, and one for all of them together."""
    for task in (*TEMPORAL_TASKS, None):
        mine = [row for row in rows if task is None or row.task == task.name]
        if not mine:
            continue
        successes = sum(row.success for row in mine)
        yield {
            "task": "all" if task is None else task.name,
            "words": "" if task is None else task.words,
            "specification": [] if task is None else list(task.specification),
            "scene": scene,
            "executive": executive,
            "n": len(mine),
            "successes": successes,
            "ci95": wilson(successes, len(mine)),
            "refused": sum(row.refused for row in mine),
            "conforms": sum(row.conforms for row in mine if not row.refused),
            "truth_conforms": sum(row.truth_conforms for row in mine if not row.refused),
            "believed": sum(row.believed for row in mine),
            "skills": len({skill for row in mine for skill in row.skills}),
            "sim_s": sum(row.sim_s for row in mine) / len(mine),
        }


def main() -> None:
    """Measure what is missing and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--scene", choices=("rgbd", "truth"), default="rgbd")
    parser.add_argument("--executive", choices=EXECUTIVES, default=CLOSED_LOOP)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    rows = measure(args.episodes, args.scene, args.executive, args.workers, args.out)
    for line in summaries(rows, args.scene, args.executive):
        if args.json:
            print(json.dumps(line))
            continue
        print(
            f"{line['task']:<22} {line['successes']:>3} of {line['n']:<3} succeed, "
            f"{line['refused']} refused, conform as seen {line['conforms']}, "
            f"in truth {line['truth_conforms']}; "
            f"{line['sim_s']:.1f} s"
        )


if __name__ == "__main__":
    main()
