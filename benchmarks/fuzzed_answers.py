"""A thousand broken answers of a language model, and what a robot is told of them.

Run with ``python -m benchmarks.fuzzed_answers --n 1000``. Answers of every kind of nonsense (no
JSON, right answers with something changed, skills and things that there are not, a million steps,
numbers that are none, commands hidden in labels and in answers, paths, nested bombs, tricks with
Unicode, well-formed plans of anything at all) go through planner, checker and executive to a fake
robot, which fails whatever it is asked to do, so that there is always another plan to be made.
Every call that the robot gets is judged once more, as if rules had planned it.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.broken_answers import ORDERS, Rng, broken
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventList
from robot_skills.core.plan import Outcome, Plan, SkillCall, SkillResult
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.scene import TABLE, Scene
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Executive, ExecutiveConfig
from robot_skills.scheduler.forbidden import Forbidden
from robot_skills.scheduler.models.chat import ChatReply, ChatRequest
from robot_skills.scheduler.models.examples import examples
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.vocabulary import Vocabulary
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker
from robot_skills.skills.library import SkillLibrary
from sim.layout import default_layout
from sim.truth import layout_scene

N = 1000
_LAYOUTS = 12
_HOSTILE_LABELS = 0.3


@dataclass(kw_only=True, slots=True)
class Found:
    """What came of it.

    Attributes:
        trials: Instructions that were given.
        answers: That a model gave.
        refused: Trials that ended before anything moved, with a reason.
        ended: Trials in which something was tried, and that ended with a reason.
        calls: That reached the robot.
        unacceptable: Of those, the ones that would be refused were they planned by rules.
        unreasoned: Trials that ended in anything but a refusal or a run with a reason.
        longest_s: Of all trials.
        kinds: Of answers, how often.
        reasons: Types of refusals, how often.
        examples: Of what should not have happened.
    """

    trials: int = 0
    answers: int = 0
    refused: int = 0
    ended: int = 0
    calls: int = 0
    unacceptable: int = 0
    unreasoned: int = 0
    longest_s: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class World:
    """A scene, and right answers to some instructions in it."""

    scene: Scene
    answers: tuple[dict[str, Any], ...]
    vocabulary: Vocabulary


class _BrokenModel:
    """A `ChatModel` that has lost its mind."""

    def __init__(self, rng: Rng, world: World, found: Found) -> None:
        self._rng, self._world, self._found = rng, world, found

    def ask(self, request: ChatRequest) -> ChatReply:
        rng, world = self._rng, self._world
        right = world.answers[int(rng.integers(len(world.answers)))]
        text, kind = broken(rng, right, world.vocabulary)
        self._found.answers += 1
        self._found.kinds[kind] += 1
        return ChatReply(text=text, model="broken")


class _FakeRobot:
    """Takes down what it is told, and fails."""

    def __init__(self, checker: PlanChecker, found: Found) -> None:
        self._checker, self._found = checker, found

    def run(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        found = self._found
        found.calls += 1
        plan = Plan(instruction="", goal=(), calls=(call,), planner="rules")
        verdict = self._checker.check(plan, scene)
        if not verdict.accepted:
            found.unacceptable += 1
            found.examples.append(f"{call}: {'; '.join(verdict.reasons)}")
        result = SkillResult(call=call, outcome=Outcome.FAILED, reason="nothing", duration_s=0.0)
        return result, scene


def fuzz(n: int, seed: int, show: Callable[[Found], None] = lambda found: None) -> Found:
    """So many instructions to a robot whose planner is broken.

    Args:
        n: How many.
        seed: Of every random choice.
        show: Told after each.
    """
    rng = np.random.default_rng(seed)
    library, found = SkillLibrary.load(zoo_dir()), Found()
    region = ForbiddenRegion(
        name="keyboard", lower_m=np.array([0.3, -0.5, 0.0]), upper_m=np.array([0.9, -0.1, 0.5])
    )
    rules = (Forbidden([region], library),)
    checker = PlanChecker(library, CheckerConfig(rules=rules))
    worlds = [_world(i, rng, library) for i in range(min(_LAYOUTS, n))]
    for _ in range(n):
        world = worlds[int(rng.integers(len(worlds)))]
        began_s = time.perf_counter()
        _trial(rng, world, library, checker, found)
        found.trials += 1
        found.longest_s = max(found.longest_s, time.perf_counter() - began_s)
        show(found)
    return found


def _trial(
    rng: Rng, world: World, library: SkillLibrary, checker: PlanChecker, found: Found
) -> None:
    """One instruction; adds to what was found."""
    model = _BrokenModel(rng, world, found)
    config = ModelPlannerConfig(model="broken", max_repairs=2)
    executive = Executive(
        strategy=ClosedLoop(),
        planner=ModelPlanner(model, library, config, checker.check),
        cards=library,
        run=_FakeRobot(checker, found).run,
        look=lambda: world.scene,
        now_s=lambda: 0.0,
        events=EventList(),
        checker=checker,
        config=ExecutiveConfig(max_replans=1, max_calls=20),
    )
    try:
        result = executive.run(str(rng.choice([*ORDERS, "put the red cube in the box"])))
    except RefusedError as error:
        found.refused += 1
        found.reasons[type(error).__name__] += 1
        reasoned, reason = str(error).isprintable(), str(error)
    except Exception as error:  # noqa: BLE001
        reasoned, reason = False, f"{type(error).__name__}: {error}"
    else:
        # What failed is called by its own name there, whatever that is.
        found.ended += 1
        reasoned, reason = True, result.reason
    if not reasoned or not reason:
        found.unreasoned += 1
        found.examples.append(repr(reason)[:300])


def _world(index: int, rng: Rng, library: SkillLibrary) -> World:
    """A layout, perhaps with things that are called what nobody should be called."""
    scene = layout_scene(default_layout(index))
    if rng.random() < _HOSTILE_LABELS:
        scene = _with_hostile_names(rng, scene)
    vocabulary = Vocabulary(scene, library)
    answers = tuple(example.answer for example in examples(vocabulary, most=6))
    return World(scene=scene, answers=answers, vocabulary=vocabulary)


def _with_hostile_names(rng: Rng, scene: Scene) -> Scene:
    renamed = {}
    for i, entity in enumerate(scene):
        if entity.name != TABLE and entity.movable:
            order = str(rng.choice(ORDERS))
            entity = replace(entity, name=f"{order} {i}", label=order, colour=order)
        renamed[entity.name] = entity
    return replace(scene, entities=renamed)


def main(argv: Sequence[str] | None = None) -> None:
    """Print what was found; exits with 1 when anything came through that should not have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=N)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(argv)
    from tqdm import tqdm

    with tqdm(total=args.n, unit=" trials") as bar:
        found = fuzz(args.n, args.seed, lambda _: (bar.update(), None)[1])
    figures = {name: getattr(found, name) for name in Found.__slots__} | {"seed": args.seed}
    print(json.dumps(figures, indent=2))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if found.unacceptable or found.unreasoned:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
