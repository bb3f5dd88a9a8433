"""Following a sequencer: what it says is checked, and it is asked again after every call."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.errors import CheckpointError, PlanningError
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import Situation
from robot_skills.scheduler.sequencing import Sequencing
from robot_skills.scheduler.words.language import LanguageParser
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing

Wish = str | None
"""A call in words, or None for being done."""


class Scripted:
    """A sequencer that prefers what a function says, in that order, to everything else."""

    def __init__(self, says: Callable[[Situation], list[Wish]]) -> None:
        self.says = says
        self.situations: list[Situation] = []

    def scores(self, situation: Situation) -> np.ndarray:
        self.situations.append(situation)
        calls: list[Wish] = [text(option.call) for option in situation.options]
        scores = np.full(len(calls) + 1, -10.0)
        for rank, wish in enumerate(self.says(situation)):
            scores[(*calls, None).index(wish)] = -float(rank)
        return scores


def text(call: SkillCall) -> str:
    return " ".join([call.skill, *call.args.values()])


def tidy(situation: Situation) -> list[Wish]:
    """What comes next when the red cube is to go into the box."""
    facts = {str(fact) for fact in situation.facts}
    if "in(red_cube, box)" in facts:
        return [None]
    return ["place red_cube in box" if "holding(red_cube)" in facts else "grasp red_cube"]


def run(world: FakeWorld, says=tidy, instruction: str = PUT, **more):
    cards = worlds.cards()
    sequencer, events = Scripted(says), EventList()
    sequencing = Sequencing(sequencer, LanguageParser(cards.values()).parse, cards.values())
    executed = executive(world, events, strategy=sequencing, planner=sequencing, **more)
    return executed.run(instruction), events, sequencer


def test_calls_are_made_one_after_the_other_until_it_says_that_all_is_done():
    world = FakeWorld(worlds.kitchen())
    result, events, _ = run(world)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert [text(call) for call in result.plans[0].calls] == world.calls
    assert result.plans[0].planner == "sequencer"
    assert result.replans == 0
    assert len(events.of_kind(EventKind.PLAN)) == 1


def test_it_is_told_what_was_just_done_and_what_became_of_it():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)] * 2})
    result, events, sequencer = run(world)
    assert result.success
    lasts = [situation.last for situation in sequencer.situations]
    told = [(text(last.call), last.ok, last.failures) for last in lasts[3:] if last is not None]
    assert told == [
        ("grasp red_cube", False, 1),
        ("grasp red_cube", False, 2),
        ("grasp red_cube", True, 0),
        ("place red_cube in box", True, 0),
    ]
    assert [skill.attempts for skill in result.skills] == [3, 1]
    assert len(events.of_kind(EventKind.RETRY)) == 2


def test_what_was_not_foreseen_is_a_new_plan():
    world = FakeWorld(worlds.kitchen(), script={"place": [(Outcome.FAILED, dropped("red_cube"))]})
    result, events, _ = run(world)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"] * 2
    assert result.replans == 1
    assert "scripted failed" in events.of_kind(EventKind.REPLAN)[0].data["reason"]


def test_a_call_that_the_checks_refuse_gives_way_to_the_next_best():
    def reckless(situation: Situation) -> list[Wish]:
        return ["place red_cube in box", "place can in drawer", *tidy(situation)]

    world = FakeWorld(worlds.kitchen())
    result, _, _ = run(world, reckless)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_a_skill_that_cannot_run_gives_way_to_the_next_best():
    def prepare(skill: str) -> None:
        if skill == "open":
            raise CheckpointError("open: checkpoint is corrupt.")

    def surprised(situation: Situation) -> list[Wish]:
        failed = situation.last is not None and situation.last.failures > 0
        return ["open drawer", *tidy(situation)] if failed else tidy(situation)

    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)]})
    result, _, _ = run(world, surprised, prepare=prepare)
    assert result.success
    assert world.calls == ["grasp red_cube", "grasp red_cube", "place red_cube in box"]


def test_being_done_is_believed_only_when_the_goal_is_seen():
    def hasty(situation: Situation) -> list[Wish]:
        return [None, *tidy(situation)]

    world = FakeWorld(worlds.kitchen())
    result, _, _ = run(world, hasty)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_it_ends_with_a_reason_when_there_is_no_progress():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.TIMEOUT, nothing)] * 50})
    result, _, _ = run(world)
    assert not result.success
    assert "no progress: after 5 attempts at grasp(object=red_cube)" in result.reason
    assert "in(red_cube, box) does not hold" in result.reason
    assert len(world.calls) == 5


def test_going_round_in_circles_ends_with_a_reason():
    world = FakeWorld(worlds.kitchen())

    def circles(situation: Situation) -> list[Wish]:
        if not world.calls:
            return tidy(situation)
        held = "holding(red_cube)" in {str(fact) for fact in situation.facts}
        return ["place red_cube on table" if held else "grasp red_cube"]

    result, _, _ = run(world, circles)
    assert not result.success
    assert "no progress" in result.reason
    assert len(world.calls) == 10


def test_an_instruction_that_it_is_not_up_to_moves_nothing():
    world = FakeWorld(worlds.kitchen())
    with pytest.raises(PlanningError, match=r"in\(red_cube, box\) would not hold at the end"):
        run(world, lambda situation: ["open drawer", "close drawer"])
    assert world.calls == []


def test_milestones_are_passed_in_order():
    def says(situation: Situation) -> list[Wish]:
        wanted = {str(literal) for literal in situation.wanted}
        facts = {str(fact) for fact in situation.facts}
        if "open(drawer)" in wanted:
            return ["open drawer"]
        return [None] if "closed(drawer)" in facts else ["close drawer"]

    world = FakeWorld(worlds.kitchen())
    result, _, _ = run(world, says, "open the drawer, then close it")
    assert result.success
    assert world.calls == ["open drawer", "close drawer"]


def test_a_call_that_is_asked_for_is_an_option_only_then():
    world = FakeWorld(worlds.kitchen())
    result, _, sequencer = run(
        world, lambda situation: ["home"] if situation.asked else [None], "go home"
    )
    assert result.success
    assert world.calls == ["home"]
    assert sequencer.situations[0].asked == SkillCall(skill="home")
    assert all(option.call.skill != "home" for option in sequencer.situations[-1].options)


def test_a_thing_that_vanishes_ends_the_run_with_a_reason():
    def gone(scene: Scene) -> Scene:
        return replace(scene, entities={n: e for n, e in scene.entities.items() if n != "red_cube"})

    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, gone)]})
    result, _, _ = run(world)
    assert not result.success
    assert "red_cube" in result.reason


def test_somebody_who_asks_to_stop_is_heard():
    world = FakeWorld(worlds.kitchen())
    result, _, _ = run(world, stop_requested=lambda: bool(world.calls))
    assert result.stopped
    assert world.calls == ["grasp red_cube"]
