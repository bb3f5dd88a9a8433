"""Following a learned scheduler: what it says is checked, and judged by what it promised."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_skills.app.deciding import load_deciders
from robot_skills.core.errors import (
    CheckpointError,
    InstructionError,
    PlanningError,
    UnknownNameError,
)
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.next_call import Moment
from robot_skills.core.plan import Literal, Outcome, SkillCall
from robot_skills.core.predicates import holds
from robot_skills.core.scene import Scene
from robot_skills.scheduler.learned import LearnedConfig, LearnedScheduling, promised
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.words.language import LanguageParser
from tests.fakes import ZOO
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing

DONE, UNKNOWN = "done", "unknown"
Says = Callable[[Moment], dict[str, float]]


class Scripted:
    """Gives probabilities to some options, in words, and hardly any to all others."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.moments: list[Moment] = []

    def scores(self, moment: Moment) -> np.ndarray:
        self.moments.append(moment)
        names = [*map(text, moment.options), DONE, UNKNOWN]
        shares = np.full(len(names), 1e-6)
        for name, share in self.says(moment).items():
            shares[names.index(name)] = share
        return np.log(shares)


def text(call: SkillCall) -> str:
    return " ".join([call.skill, *call.args.values()])


def tidy(moment: Moment) -> dict[str, float]:
    """What comes next when the red cube is to go into the box."""
    facts = {str(fact) for fact in moment.facts}
    if "in(red_cube, box)" in facts:
        return {DONE: 0.9}
    return {"place red_cube in box" if "holding(red_cube)" in facts else "grasp red_cube": 0.9}


def scheduling(says: Says, **more) -> LearnedScheduling:
    return LearnedScheduling(Scripted(says), worlds.cards().values(), **more)


def run(world: FakeWorld, says: Says = tidy, instruction: str = PUT):
    events = EventList()
    learned = scheduling(says)
    executed = executive(world, events, strategy=learned, planner=learned)
    return executed.run(instruction), events, learned


def test_the_goal_is_what_its_own_calls_promise():
    plan = scheduling(tidy).plan("whatever", worlds.kitchen())
    assert [text(call) for call in plan.calls] == ["grasp red_cube", "place red_cube in box"]
    assert [str(literal) for literal in plan.goal] == ["in(red_cube, box)"]
    assert plan.planner == "learned"


def test_calls_are_made_until_it_says_that_all_is_done():
    world = FakeWorld(worlds.kitchen())
    result, events, _ = run(world)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert len(events.of_kind(EventKind.PLAN)) == 1


def test_it_is_told_what_was_done_and_what_became_of_it():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)] * 2})
    learned = Scripted(tidy)
    events = EventList()
    follow = LearnedScheduling(learned, worlds.cards().values())
    assert executive(world, events, strategy=follow, planner=follow).run(PUT).success
    told = [[(text(x.call), x.ok, x.failures) for x in m.history] for m in learned.moments[3:]]
    assert told[1] == [("grasp red_cube", False, 1)]
    assert told[2] == [("grasp red_cube", False, 2)]
    assert told[3] == [("grasp red_cube", True, 0)]


def test_what_slipped_is_taken_up_again():
    world = FakeWorld(worlds.kitchen(), script={"place": [(Outcome.FAILED, dropped("red_cube"))]})
    result, _, _ = run(world)
    assert result.success
    assert world.calls == [*["grasp red_cube", "place red_cube in box"] * 2]


def test_what_cannot_be_done_now_gives_way_to_the_next_best():
    def hasty(moment: Moment) -> dict[str, float]:
        return {"place red_cube in box": 0.5} | {k: 0.4 * v for k, v in tidy(moment).items()}

    plan = scheduling(hasty).plan(PUT, worlds.kitchen())
    assert text(plan.calls[0]) == "grasp red_cube"


def test_it_does_not_go_on_where_nothing_is_likely_enough():
    torn = {"grasp red_cube": 0.2, "grasp blue_cube": 0.2}
    with pytest.raises(InstructionError, match=r"does not know.*grasp\(object=red_cube\) 0\.20"):
        scheduling(lambda _: torn).plan(PUT, worlds.kitchen())
    assert scheduling(
        lambda moment: torn | tidy(moment) if len(moment.history) else torn,
        config=LearnedConfig(sure_from=0.1),
    ).plan(PUT, worlds.kitchen())


def test_what_it_says_it_does_not_know_is_refused():
    with pytest.raises(InstructionError, match=r"not knowing it has the probability 0\.70"):
        scheduling(lambda _: {UNKNOWN: 0.7, "grasp red_cube": 0.3}).plan(PUT, worlds.kitchen())


def test_a_way_without_end_is_refused():
    back_and_forth = {"open drawer": 0.5, "close drawer": 0.4}
    with pytest.raises(PlanningError, match="no end within"):
        scheduling(lambda _: back_and_forth).plan("open the drawer", worlds.kitchen())


@pytest.mark.parametrize("words", ["", "  ", "x" * 501])
def test_instructions_that_are_empty_or_too_long_are_refused(words):
    with pytest.raises(InstructionError, match="instruction"):
        scheduling(tidy).plan(words, worlds.kitchen())


def held(says: Says) -> LearnedScheduling:
    """A scheduler that is held to what rules read."""
    return scheduling(says, rules=LanguageParser(worlds.cards().values()).binding)


def without_the_can() -> Scene:
    kitchen = worlds.kitchen()
    return replace(kitchen, entities={k: e for k, e in kitchen.entities.items() if k != "can"})


def test_what_the_rules_read_is_what_a_plan_is_for():
    plan = held(lambda _: {"close drawer": 0.9}).plan("open the drawer", worlds.kitchen())
    assert [text(call) for call in plan.calls] == ["open drawer"]
    assert [str(literal) for literal in plan.goal] == ["open(drawer)"]


def test_a_thing_that_is_not_there_is_refused_however_sure_the_network_is():
    with pytest.raises(UnknownNameError, match="Nothing in the scene is 'the can'"):
        held(tidy).plan("put the can in the box", without_the_can())


@pytest.mark.parametrize(
    "words", ["throw the red cube at the wall", "is the drawer open?", "pick up the cube"]
)
def test_what_the_rules_refuse_is_refused_however_sure_the_network_is(words):
    with pytest.raises(InstructionError, match=r"is refused|is a question|is ambiguous"):
        held(tidy).plan(words, worlds.kitchen())


def test_what_is_impossible_is_refused_with_what_is_missing_for_it():
    with pytest.raises(PlanningError, match="does not fit in drawer"):
        held(tidy).plan("put the bottle in the drawer", worlds.kitchen())


def test_what_the_words_forbid_gives_way_to_the_next_best():
    def opening(moment: Moment) -> dict[str, float]:
        return {"open drawer": 0.6} | {name: 0.3 for name in tidy(moment)}

    words = "put the red cube in the box and leave the drawer closed"
    plan = held(opening).plan(words, worlds.kitchen())
    assert [text(call) for call in plan.calls] == ["grasp red_cube", "place red_cube in box"]
    assert plan.specification is not None


def test_a_way_that_leads_no_further_is_given_up():
    def eager(moment: Moment) -> dict[str, float]:
        return {"grasp red_cube": 0.6, "place red_cube in drawer": 0.3, "open drawer": 0.05}

    plan = held(eager).plan("put the red cube in the drawer", worlds.kitchen())
    assert [call.skill for call in plan.calls] == ["open", "grasp", "place"]


def test_a_call_that_nothing_needs_is_no_part_of_the_plan():
    def roundabout(moment: Moment) -> dict[str, float]:
        facts = {str(fact) for fact in moment.facts}
        return {"close drawer": 0.9} if "open(drawer)" in facts else {"open drawer": 0.9}

    both = "put the red cube in the box and close the drawer"
    plan = held(lambda moment: roundabout(moment) | {k: 0.05 for k in tidy(moment)}).plan(
        both, worlds.kitchen()
    )
    assert [call.skill for call in plan.calls] == ["grasp", "place"]


def test_words_that_the_rules_do_not_understand_are_the_networks_own():
    plan = held(tidy).plan("squirrel the red cube away", worlds.kitchen())
    assert [str(literal) for literal in plan.goal] == ["in(red_cube, box)"]


def test_to_do_nothing_is_no_plan_for_words_that_only_the_network_understands():
    with pytest.raises(InstructionError, match="would do nothing"):
        held(lambda _: {DONE: 0.9}).plan("squirrel the red cube away", worlds.kitchen())
    done = held(lambda _: {UNKNOWN: 0.9}).plan("close the drawer", worlds.kitchen())
    assert done.calls == ()


def test_a_run_is_held_to_the_rules_at_every_step():
    def strays(moment: Moment) -> dict[str, float]:
        return {"grasp blue_cube": 0.5, DONE: 0.4} | {k: 0.05 for k in tidy(moment) if k != DONE}

    world = FakeWorld(worlds.kitchen())
    learned = held(strays)
    executed = executive(world, EventList(), strategy=learned, planner=learned)
    assert executed.run(PUT).success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_a_run_is_held_to_what_its_own_plan_promised():
    world = FakeWorld(worlds.kitchen())

    def wanders(moment: Moment) -> dict[str, float]:
        running = len(learned.moments) > 3
        return {"grasp blue_cube": 0.9 if running else 1e-6} | {k: 0.08 for k in tidy(moment)}

    learned = Scripted(wanders)
    follow = LearnedScheduling(
        learned, worlds.cards().values(), config=LearnedConfig(sure_from=0.05)
    )
    assert executive(world, EventList(), strategy=follow, planner=follow).run(PUT).success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_what_is_seen_of_things_is_handed_on():
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    predictor = Scripted(tidy)
    learned = LearnedScheduling(
        predictor, worlds.cards().values(), glimpses=lambda _: {"red_cube": picture}
    )
    learned.plan(PUT, worlds.kitchen())
    assert all(moment.glimpses["red_cube"] is picture for moment in predictor.moments)


def test_foreseen_things_are_where_they_were_no_more():
    predictor = Scripted(tidy)
    LearnedScheduling(predictor, worlds.cards().values()).plan(PUT, worlds.kitchen())
    assert predictor.moments[0].displaced == frozenset()
    assert "red_cube" in predictor.moments[-1].displaced
    assert Literal(predicate="in", args=("red_cube", "box")) in predictor.moments[-1].facts


def calls_of(scene, *names: str):
    moments = Moments(worlds.cards().values(), "", scene)
    by_text = {text(call.call): call for call in moments.calls.values()}
    return moments, [by_text[name] for name in names]


def test_what_is_undone_and_no_means_to_an_end_is_a_milestone():
    scene = worlds.kitchen()
    assert holds(scene, Literal(predicate="closed", args=("drawer",)))
    moments, calls = calls_of(scene, "open drawer", "close drawer")
    goal, milestones = promised(moments.model, moments.start, calls)
    assert [str(literal) for literal in goal] == ["closed(drawer)"]
    assert milestones == ((Literal(predicate="open", args=("drawer",)),),)


def test_a_drawer_that_is_opened_for_something_is_no_milestone():
    moments, calls = calls_of(
        worlds.kitchen(),
        "open drawer",
        "grasp red_cube",
        "place red_cube in drawer",
        "close drawer",
    )
    goal, milestones = promised(moments.model, moments.start, calls)
    assert {str(literal) for literal in goal} == {"in(red_cube, drawer)", "closed(drawer)"}
    assert milestones == ()


def test_a_call_that_changes_nothing_is_wanted_for_its_own_sake():
    moments, calls = calls_of(worlds.kitchen(), "home")
    assert promised(moments.model, moments.start, calls) == ((), (calls[0].call,))


def test_a_folder_without_a_learned_scheduler_says_how_one_is_trained(tmp_path: Path):
    shutil.copytree(ZOO / "home", tmp_path / "home")
    with pytest.raises(CheckpointError, match="robot-skills train-scheduler --out"):
        load_deciders(planner="learned", zoo=tmp_path)
