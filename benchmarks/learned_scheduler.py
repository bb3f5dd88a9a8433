"""What a scheduler that reads the words by itself is worth, beside the rules and the sequencer.

Run with ``python -m benchmarks.learned_scheduler``. All of them plan the same requests in the same
imagined scenes, and a plan is right when what was wished for comes about by what the skills
promise; a request about which nothing can be done has to be refused. ``--trials`` carries
some of them out in simulation as well.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from policies.text import MiniLmDictionary, MiniLmEncoder
from robot_skills.app.deciding import load_deciders
from robot_skills.app.evaluate import wilson
from robot_skills.app.executives import CLOSED_LOOP, SEQUENCER
from robot_skills.app.intervals import bootstrap_interval
from robot_skills.app.learned_deciding import LEARNED, LEARNED_FOLDER, load_learned
from robot_skills.app.options import SceneSource
from robot_skills.app.scheduler_lessons import Teacher, steps_of
from robot_skills.app.scheduler_looks import looks_of
from robot_skills.app.suites import instruction_trial
from robot_skills.app.trials import Trial, TrialConfig
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.core.next_call import Glimpses
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall
from robot_skills.core.scene import TABLE, Scene
from robot_skills.scheduler.learned import nothing_seen
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary
from sim.imagined import imagined_scene
from sim.placements import Layout
from sim.tabletop.requests import draw_request
from sim.tabletop.tasks import UNSEEN_TASKS, Instance
from sim.variation import SEEN, UNSEEN

FIRST_SEED = 1_000_000
"""Requests from here on were never used to choose anything."""
RULES = "rules"
PLANNERS = (RULES, SEQUENCER, LEARNED)
ALONE = "learned, no rules"
"""The network alone, held to nothing that rules read."""
_NAMELESS = "nameless"

type Ask = Callable[[str, Scene], Plan]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Case:
    """One request to be planned.

    Attributes:
        instruction: The words.
        scene: Where it is asked for.
        layout: The same, to be rendered or simulated.
        steps: What has to come about on the way, one after the other.
        goal: What has to hold at the end; empty, as the steps are, where it has to be refused.
    """

    instruction: str
    scene: Scene
    layout: Layout
    steps: tuple[Milestone, ...]
    goal: tuple[Literal, ...]


@cache
def _cards() -> tuple[SkillCard, ...]:
    return tuple(SkillLibrary.load(zoo_dir()))


@cache
def _parser() -> LanguageParser:
    return LanguageParser(_cards(), MiniLmEncoder(), dictionary=MiniLmDictionary())


def requests(count: int, *, held_out: bool, unseen: bool = False) -> list[Case]:
    """Random requests, in wordings that were learned or held out, about things known or unseen."""
    cases: list[Case] = []
    i = 0
    while len(cases) < count:
        rng = np.random.default_rng((FIRST_SEED, held_out, unseen, i))
        pool = UNSEEN if unseen else SEEN
        request = draw_request(rng, wordings=1, held_out=held_out, pool=pool)
        scene = _renamed(imagined_scene(request.layout), request.renamed, request.missing)
        steps = () if request.foreign else steps_of(request, _cards())
        i += 1
        goal: tuple[Literal, ...] = ()
        if steps:
            try:
                goal = Teacher(_cards(), steps).plan(request.wordings[0], scene).goal
            except RefusedError:
                continue
            # What holds at the end may come about in any order.
            steps = tuple(
                step for step in steps if isinstance(step, SkillCall) or not set(step) <= set(goal)
            )
        cases.append(
            Case(
                instruction=request.wordings[0],
                scene=scene,
                layout=request.layout,
                steps=steps,
                goal=goal,
            )
        )
    return cases


def compositions(count: int) -> list[Case]:
    """Instances of level IV, its tasks in turn: compositions that were not learned."""
    cases = []
    for i in range(count):
        task = UNSEEN_TASKS[i % len(UNSEEN_TASKS)]
        instance = task.draw(np.random.default_rng((FIRST_SEED, i)))
        cases.append(
            Case(
                instruction=instance.instruction,
                scene=imagined_scene(instance.layout),
                layout=instance.layout,
                steps=tuple((literal,) for literal in instance.on_the_way),
                goal=instance.goal,
            )
        )
    return cases


def _renamed(scene: Scene, names: Mapping[str, tuple[str, str]], missing: str) -> Scene:
    """The scene with other names for some things, and without one of them."""
    for name, (label, colour) in names.items():
        scene = scene.with_entity(replace(scene[name], label=label, colour=colour))
    return replace(scene, entities={k: e for k, e in scene.entities.items() if k != missing})


def nameless(scene: Scene) -> Scene:
    """A scene in which nobody knows what the movable things are called."""
    for entity in list(scene):
        if entity.movable and entity.name != TABLE:
            scene = scene.with_entity(replace(entity, label="thing", colour=""))
    return scene


def is_right(case: Case, ask: Ask) -> bool:
    """Whether a plan brings about what was wished for, or is rightly refused."""
    try:
        plan = ask(case.instruction, case.scene)
    except RefusedError:
        return not (case.steps or case.goal)
    if not (case.steps or case.goal):
        return False
    return _comes_about(case, plan)


def _comes_about(case: Case, plan: Plan) -> bool:
    moments = Moments(_cards(), case.instruction, case.scene)
    model, state = moments.model, moments.start
    ahead = list(case.steps)
    for call in (None, *plan.calls):
        if call is not None:
            grounded = moments.calls.get(str(call))
            if grounded is None or model.unmet(state, grounded.preconditions):
                return False
            state = model.apply(state, grounded.effects)
            if ahead[:1] == [call]:
                ahead.pop(0)
        while ahead and not isinstance(ahead[0], SkillCall) and not model.unmet(state, ahead[0]):
            ahead.pop(0)
    return not ahead and not model.unmet(state, case.goal)


def plan_lines(count: int) -> Iterator[dict[str, Any]]:
    """How many plans are right, by set of requests and planner, beside the rules."""
    sets = {
        "learned wordings": requests(count, held_out=False),
        "held-out wordings": requests(count, held_out=True),
        "unseen things, held-out wordings": requests(count, held_out=True, unseen=True),
        "level IV": compositions(count),
    }
    for name, cases in sets.items():
        right = {who: [is_right(case, ask) for case in _told(cases, name)] for who, ask in _asks()}
        for who in right:
            yield _line("plans", name, who, right[who], right[RULES])
    cases = [case for case in sets["learned wordings"] if case.goal][: count // 2]
    for looks in (True, False):
        right_nameless = [_nameless_right(case, looks) for case in _told(cases, _NAMELESS)]
        who = f"{LEARNED}, {'with' if looks else 'without'} pictures"
        yield _line("plans", _NAMELESS, who, right_nameless, None)


def _asks() -> Iterator[tuple[str, Ask]]:
    for who in PLANNERS:
        executive = SEQUENCER if who == SEQUENCER else CLOSED_LOOP
        planner = RULES if who == SEQUENCER else who
        yield who, load_deciders(planner, executive).planner.plan
    yield ALONE, load_learned(_cards(), zoo_dir(), nothing_seen).plan


def _nameless_right(case: Case, looks: bool) -> bool:
    """Whether a plan is right where the things have no names, but maybe pictures."""
    pictures: Glimpses = looks_of(case.layout) if looks else {}
    sight = partial(_shown, pictures) if looks else nothing_seen
    learned = load_learned(_cards(), zoo_dir(), sight, _parser().binding)
    return is_right(replace(case, scene=nameless(case.scene)), learned.plan)


def _shown(pictures: Glimpses, _scene: Scene) -> Glimpses:
    return pictures


def _told(cases: Sequence[Case], says: str) -> Iterator[Case]:
    yield from tqdm(cases, desc=says, file=sys.stderr)


def _line(
    kind: str, name: str, who: str, right: Sequence[bool], rules: Sequence[bool] | None
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "kind": kind,
        "set": name,
        "planner": who,
        "n": len(right),
        "right": sum(right),
        "ci95": wilson(sum(right), len(right)),
    }
    if rules is not None and who != RULES:
        gain = [float(mine) - float(theirs) for mine, theirs in zip(right, rules, strict=True)]
        line |= {
            "gain": sum(gain) / len(gain),
            "gain_ci95": bootstrap_interval([gain], level=0.95),
        }
    return line


def latency_line(count: int) -> dict[str, Any]:
    """How long a decision takes, from the words, the scene and no pictures, and a whole plan."""
    from policies.learned_scheduler import LearnedScheduler
    from robot_skills.app.learned_deciding import vocabulary_of

    predictor = LearnedScheduler.load(zoo_dir() / LEARNED_FOLDER, vocabulary_of(_cards()))
    cases = [case for case in requests(count, held_out=True) if case.goal]
    decisions, ahead = [], []
    for case in cases:
        moments = Moments(_cards(), case.instruction, case.scene)
        moment = moments.at(moments.start, ())
        for times in (ahead, decisions):
            # The first time the words are new; later on in a run they are known.
            start = time.perf_counter()
            predictor.scores(moment)
            times.append(1000.0 * (time.perf_counter() - start))
    return {
        "kind": "latency",
        "n": len(decisions),
        "decision_ms": float(np.median(decisions)),
        "first_decision_ms": float(np.median(ahead)),
    }


def trial(name: str, who: str, scene: SceneSource, index: int) -> Trial:
    """Carry out one request of a set in simulation."""
    case = _simulated(name, index)
    config = TrialConfig(
        arm="panda",
        scene=scene,
        seed=FIRST_SEED,
        zoo=zoo_dir(),
        executive=SEQUENCER if who == SEQUENCER else CLOSED_LOOP,
        planner=LEARNED if who == LEARNED else RULES,
    )
    held = [step for step in case.steps if not isinstance(step, SkillCall)]
    instance = Instance(
        task=name,
        instruction=case.instruction,
        goal=case.goal,
        on_the_way=tuple(literal for step in held for literal in step),
        layout=case.layout,
    )
    return instruction_trial(config, instance, index)


def _simulated(name: str, index: int) -> Case:
    """Request number `index` of a set that has something to be done, with things by their names."""
    return _simulated_set(name, index + 1)[index]


@cache
def _simulated_set(name: str, count: int) -> list[Case]:
    if name == "level IV":
        return compositions(count)
    fitting: list[Case] = []
    drawn = 6 * count + 10
    while len(fitting) < count:
        cases = requests(drawn, held_out=True)
        fitting = [case for case in cases if case.goal and _can_be_judged(case)]
        drawn *= 2
    return fitting[:count]


def _can_be_judged(case: Case) -> bool:
    """Whether things go by their names, which cameras can see, and no call is its own goal."""
    truth = imagined_scene(case.layout)
    named = all(entity.label == truth[entity.name].label for entity in case.scene)
    return named and not any(isinstance(step, SkillCall) for step in case.steps)


def run_lines(count: int, scene: SceneSource, log: Path) -> Iterator[dict[str, Any]]:
    """Success in simulation, by set of requests and planner; trials that are logged are not run."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    done = {(r["set"], r["planner"], r["scene"], r["index"]): r for r in map(json.loads, lines)}
    for name in ("held-out wordings", "level IV"):
        wanted = [(name, who, scene, i) for i in range(count) for who in PLANNERS]
        for key in tqdm([k for k in wanted if k not in done], desc=name, file=sys.stderr):
            found = trial(key[0], key[1], scene, key[3])
            row = {"set": name, "planner": key[1], "scene": scene, "index": key[3]}
            done[key] = row | {"success": found.success, "reason": found.reason}
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[key]) + "\n")
        right = {
            who: [done[name, who, scene, i]["success"] for i in range(count)] for who in PLANNERS
        }
        for who in PLANNERS:
            yield _line("runs", name, who, right[who], right[RULES]) | {"scene": scene}


def main() -> None:
    """Measure and print lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="plans per set and planner")
    parser.add_argument("--trials", type=int, default=0, help="simulated runs per set and planner")
    parser.add_argument("--scene", choices=("rgbd", "truth"), default="rgbd")
    parser.add_argument("--out", type=Path, default=Path("outputs/learned_scheduler"))
    args = parser.parse_args()
    for line in plan_lines(args.requests):
        print(json.dumps(line), flush=True)
    print(json.dumps(latency_line(min(args.requests, 100))), flush=True)
    if args.trials:
        for line in run_lines(args.trials, args.scene, args.out / "trials.jsonl"):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
