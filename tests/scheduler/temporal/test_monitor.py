"""Runs that are watched: calls that are not made, violations that are seen, and what counts."""

import pytest

from robot_skills.core.errors import PlanningError
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, Plan, SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import Situation
from robot_skills.scheduler.attribution import attribute
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.fixed_order import FixedOrder
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.sequencing import Sequencing
from robot_skills.scheduler.temporal.monitor import Monitor
from robot_skills.scheduler.temporal.specified import SpecifiedPlanner
from robot_skills.scheduler.words.language import LanguageParser
from tests.scheduler import worlds
from tests.scheduler.test_executive import (
    PUT,
    FakeWorld,
    done,
    dropped,
    executive,
    nothing,
)
from tests.scheduler.test_sequencing import Scripted

CARDS = worlds.cards()
OPEN = SkillCall(skill="open", args={"thing": "drawer"})
GRASP = SkillCall(skill="grasp", args={"object": "can"})


def specified(formula: str):
    return SpecifiedPlanner(RulesPlanner(CARDS.values()), formula)


def run(world: FakeWorld, formula: str, words: str = PUT, **more):
    events = EventList()
    result = executive(world, events, planner=specified(formula), **more).run(words)
    return result, events


def opens_too(scene: Scene) -> Scene:
    """Somebody opens the drawer while the red cube is grasped."""
    grasped = done(SkillCall(skill="grasp", args={"object": "red_cube"}), scene)
    return done(OPEN, grasped)


@pytest.mark.parametrize("strategy", [ClosedLoop(), FixedOrder()])
def test_a_run_that_satisfies_its_specification_succeeds(strategy):
    world = FakeWorld(worlds.kitchen())
    formula = "always(closed(drawer)) and eventually(holding(red_cube))"
    result, events = run(world, formula, strategy=strategy)
    assert result.success
    assert not events.of_kind(EventKind.SPECIFICATION)
    plan = events.of_kind(EventKind.PLAN)[0]
    assert plan.data["specification"] == "always(closed(drawer)); eventually(holding(red_cube))"


@pytest.mark.parametrize("strategy", [ClosedLoop(), FixedOrder()])
def test_a_violation_by_the_world_is_seen_and_ends_the_run(strategy):
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.SUCCESS, opens_too)]})
    result, events = run(world, "always(closed(drawer))", strategy=strategy)
    assert not result.success
    assert world.calls == ["grasp red_cube"]
    assert [skill.name for skill in result.skills] == ["grasp"]
    assert result.reason == "after grasp(object=red_cube): always(closed(drawer)) is violated"
    told = events.of_kind(EventKind.SPECIFICATION)
    assert [event.data["reason"] for event in told] == ["always(closed(drawer)) is violated"]


def test_whose_fault_a_violation_was_is_told():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.SUCCESS, opens_too)]})
    _, events = run(world, "always(closed(drawer))")
    fault = attribute(events.events)
    assert fault is not None
    assert fault.event is EventKind.SPECIFICATION
    assert fault.reason == "always(closed(drawer)) is violated"


def test_a_violation_that_only_the_last_look_shows_is_no_success():
    world = FakeWorld(worlds.kitchen())

    def look() -> Scene:
        world.looks += 1
        return done(OPEN, world.scene) if world.looks > 1 else world.scene

    result, _ = run(world, "always(closed(drawer))", look=look)
    assert not result.success
    assert result.reason == "always(closed(drawer)) is violated"


def test_what_is_still_to_come_about_is_no_success_and_leads_to_a_new_plan():
    world = FakeWorld(worlds.kitchen())
    words, formula = "close the drawer", "eventually(in(can, box))"
    world.script = {"place": [(Outcome.FAILED, dropped("can"))]}
    result, events = run(world, formula, words)
    assert result.success
    assert result.replans == 1
    assert world.calls == ["grasp can", "place can in box"] * 2
    assert "specification" in events.of_kind(EventKind.PLAN)[-1].data


def test_what_has_happened_counts_in_a_new_plan():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)] * 2})
    formula = "eventually(open(drawer) and eventually(closed(drawer)))"
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    result, _ = run(world, formula)
    assert result.success
    assert result.replans == 1
    assert world.calls.count("open drawer") == 1


def test_another_attempt_that_would_violate_the_specification_is_not_made():
    once = "always(call(grasp, red_cube) implies weak_next(always(not call(grasp, red_cube))))"
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)]})
    result, _ = run(world, once)
    assert not result.success
    assert world.calls == ["grasp red_cube"]
    assert "no new plan: No plan satisfies" in result.reason


def test_a_call_is_not_made_where_its_effects_would_violate_the_specification():
    reckless = Plan(
        instruction="",
        goal=(),
        calls=(OPEN,),
        planner="",
        specification=Specification(parts=("always(not open(drawer))",)),
    )

    class Reckless(FixedOrder):
        def carry_out(self, executive, run):
            run.follow(reckless)
            super().carry_out(executive, run)

    world = FakeWorld(worlds.kitchen())
    formula = "always(not open(drawer))"
    result, events = run(world, formula, "close the drawer", strategy=Reckless())
    assert world.calls == []
    assert result.skills[0].outcome is Outcome.FAILED
    assert result.skills[0].reason == f"open(thing=drawer) would violate {formula}"
    told = events.of_kind(EventKind.SPECIFICATION)[0]
    assert told.data == {"refused": "open(thing=drawer)", "reason": result.skills[0].reason}


def test_a_sequencer_is_held_to_it_too():
    def says(situation: Situation) -> list[str | None]:
        facts = {str(fact) for fact in situation.facts}
        if "in(red_cube, box)" in facts:
            return [None]
        held = "holding(red_cube)" in facts
        return ["open drawer", "place red_cube in box" if held else "grasp red_cube"]

    world = FakeWorld(worlds.kitchen())
    read = LanguageParser(CARDS.values()).parse
    sequencing = Sequencing(Scripted(says), read, CARDS.values())
    words = "put the red cube in the box. do not open the drawer"
    result = executive(world, strategy=sequencing, planner=sequencing).run(words)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_without_a_specification_nothing_is_refused():
    monitor = Monitor.of(None, CARDS).saw(worlds.kitchen())
    assert monitor.refusal(OPEN, worlds.kitchen()) == ""
    assert monitor.rest is None


def test_a_call_that_cannot_begin_is_no_part_of_the_trace():
    never = Specification(parts=("always(not call(grasp, can))",))
    monitor = Monitor.of(never, CARDS).saw(worlds.kitchen(held="milk"))
    assert not monitor.began(GRASP, worlds.kitchen(held="milk")).violation
    assert monitor.began(GRASP, worlds.kitchen()).violation


def test_what_is_gone_from_the_scene_holds_nothing():
    wanted = Specification(parts=("always(not holding(zebra))", "eventually(holding(zebra))"))
    monitor = Monitor.of(wanted, CARDS).saw(worlds.kitchen())
    assert not monitor.violation
    assert monitor.progress.pending == ("eventually(holding(zebra))",)


def test_a_specification_that_words_contradict_is_refused_before_anything_moves():
    world = FakeWorld(worlds.kitchen())
    with pytest.raises(PlanningError, match=r"always\(not holding\(red_cube\)\)"):
        run(world, "always(not holding(red_cube))")
    assert world.calls == []
