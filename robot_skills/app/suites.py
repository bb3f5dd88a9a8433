"""Composed instructions to be measured: tasks of several skills, each over many random scenes.

A task draws its words, its goal and its layout from a generator. The goal is stated here, on its
own: what the planner makes of the words cannot move it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_skills.app.trials import Trial, TrialConfig, loaded_policy, median_chunk_ms
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventList
from robot_skills.core.plan import Literal
from robot_skills.core.policy import Policy
from robot_skills.core.predicates import unmet
from sim.fixtures import BOX, DRAWER
from sim.layout import DrawerStart, random_layout
from sim.objects import CUBE, OBJECT_NAMES
from sim.tabletop.levels import Level
from sim.tabletop.milestones import Milestones
from sim.tabletop.tasks import Instance
from sim.truth import truth_scene

_CUBES = tuple(name for name in OBJECT_NAMES if name.endswith(CUBE))
_LOW = (*_CUBES, "bread")
_SMALL = (*_LOW, "can", "milk")
_DRAWS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteTask:
    """A kind of instruction, and how its instances are drawn."""

    name: str
    draw: Callable[[np.random.Generator], Instance]


def _drawer(rng: np.random.Generator) -> Instance:
    thing = str(rng.choice(_LOW))
    return Instance(
        task="drawer",
        instruction=f"put the {_words(thing)} in the drawer and close it",
        goal=(_literal("in", thing, DRAWER), _literal("closed", DRAWER)),
        layout=random_layout(rng, with_objects=(thing,)),
    )


def _box(rng: np.random.Generator) -> Instance:
    thing = str(rng.choice(OBJECT_NAMES))
    return Instance(
        task="box",
        instruction=f"put the {_words(thing)} in the box",
        goal=(_literal("in", thing, BOX),),
        layout=random_layout(rng, with_objects=(thing,)),
    )


def _stack(rng: np.random.Generator) -> Instance:
    above, below = (str(name) for name in rng.choice(_CUBES, 2, replace=False))
    return Instance(
        task="stack",
        instruction=f"stack the {_words(above)} on the {_words(below)}",
        goal=(_literal("on", above, below),),
        layout=random_layout(rng, with_objects=(above, below)),
    )


def _two(rng: np.random.Generator) -> Instance:
    first, second = (str(name) for name in rng.choice(_SMALL, 2, replace=False))
    return Instance(
        task="two things",
        instruction=f"put the {_words(first)} and the {_words(second)} in the box",
        goal=(_literal("in", first, BOX), _literal("in", second, BOX)),
        layout=random_layout(rng, with_objects=(first, second)),
    )


def _satisfied(rng: np.random.Generator) -> Instance:
    if rng.random() < 0.5:
        return Instance(
            task="already so",
            instruction="make sure that the drawer is closed",
            goal=(_literal("closed", DRAWER),),
            layout=random_layout(rng, drawer=DrawerStart.CLOSED),
        )
    thing = str(rng.choice(OBJECT_NAMES))
    return Instance(
        task="already so",
        instruction=f"put the {_words(thing)} in the box",
        goal=(_literal("in", thing, BOX),),
        layout=random_layout(rng, placed={thing: BOX}),
    )


SUITES: Mapping[str, tuple[SuiteTask, ...]] = {
    "tabletop": (
        SuiteTask(name="drawer", draw=_drawer),
        SuiteTask(name="box", draw=_box),
        SuiteTask(name="stack", draw=_stack),
        SuiteTask(name="two things", draw=_two),
        SuiteTask(name="already so", draw=_satisfied),
    )
}
"""Suites by name."""


def draw_instance(task: SuiteTask, rng: np.random.Generator) -> Instance:
    """A random instance; scenes for which the table has no room are drawn anew."""
    for _ in range(_DRAWS):
        try:
            return task.draw(rng)
        except RefusedError:
            continue
    raise RefusedError(f"No layout for {task.name!r} was found in {_DRAWS} draws.")


def suite_trial(config: TrialConfig, task: SuiteTask, index: int) -> Trial:
    """Carry out one instance of a task through the whole stack."""
    instance = draw_instance(task, np.random.default_rng((config.seed, index)))
    return instruction_trial(config, instance, index)


def level_trial(config: TrialConfig, level: Level, index: int) -> Trial:
    """Carry out one instance of one of a level's tasks, which take turns, as do its arms."""
    arm, instance = level.draw(config.seed, index)
    return instruction_trial(replace(config, arm=arm), instance, index)


def instruction_trial(
    config: TrialConfig,
    instance: Instance,
    index: int,
    policy_loader: Callable[[Path], Policy] = loaded_policy,
) -> Trial:
    """Carry out one instruction in its scene through the whole stack.

    It succeeds when its goal holds at the end, and what was to hold on the way has held, both in
    the simulator's truth.

    Args:
        config: With what.
        instance: The instruction, and where things start.
        index: Number of the trial.
        policy_loader: Loads the policy of a skill's folder.
    """
    from robot_skills.app.wiring import CellConfig, simulated_cell

    start_s = time.perf_counter()
    events = EventList()
    cell_config = CellConfig(
        arm=config.arm,
        scene=config.scene,
        seed=index,
        planner=config.planner,
        executive=config.executive,
        layout=instance.layout,
        zoo=config.zoo,
    )
    attempts = 0
    with simulated_cell(cell_config, (events,), policy_loader=policy_loader) as cell:
        way = Milestones(instance.on_the_way)
        cell.sim.on_step.append(lambda sim: way.look(lambda: truth_scene(sim.world)))
        try:
            result = cell.run(instance.instruction)
            believed, reason = result.success, result.reason
            attempts = sum(skill.attempts for skill in result.skills)
        except RefusedError as refusal:
            believed, reason = False, f"refused: {refusal}"
        missing = (*way.ahead, *unmet(cell.truth(), instance.goal))
        sim_s = cell.sim.clock.now_s()
    if missing and believed:
        reason = "in truth not so: " + ", ".join(str(literal) for literal in missing)
    return Trial(
        index=index,
        task=instance.instruction,
        group=instance.task,
        success=not missing,
        believed=believed,
        reason=reason,
        sim_s=sim_s,
        wall_s=time.perf_counter() - start_s,
        chunk_ms=median_chunk_ms(events),
        attempts=attempts,
    )


def _literal(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def _words(name: str) -> str:
    return name.replace("_", " ")
