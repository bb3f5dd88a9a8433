"""The executive that makes every call of its first plan once."""

from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome
from robot_skills.scheduler.fixed_order import FixedOrder
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing


def run(world: FakeWorld, instruction: str = PUT):
    events = EventList()
    result = executive(world, events, strategy=FixedOrder()).run(instruction)
    return result, events


def test_a_run_without_trouble_succeeds_on_a_last_look():
    world = FakeWorld(worlds.kitchen())
    result, _ = run(world)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert world.looks == 2


def test_a_call_that_failed_is_not_made_again_and_nothing_is_planned_anew():
    failed = [(Outcome.FAILED, nothing)]
    world = FakeWorld(worlds.kitchen(), script={"grasp": failed, "place": list(failed)})
    result, events = run(world)
    assert not result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert [skill.attempts for skill in result.skills] == [1, 1]
    assert result.replans == 0
    assert not events.of_kind(EventKind.RETRY)
    assert not events.of_kind(EventKind.REPLAN)


def test_what_went_wrong_is_said_at_the_end():
    world = FakeWorld(worlds.kitchen(), script={"place": [(Outcome.FAILED, dropped("red_cube"))]})
    result, _ = run(world)
    assert not result.success
    assert "in(red_cube, box) does not hold" in result.reason


def test_a_goal_that_came_about_in_spite_of_a_failure_counts():
    def put_all_the_same(scene):
        return scene.with_entity(worlds.in_box(dropped("red_cube")(scene)["red_cube"]))

    world = FakeWorld(worlds.kitchen(), script={"place": [(Outcome.TIMEOUT, put_all_the_same)]})
    result, _ = run(world)
    assert result.success


def test_a_call_wanted_for_its_own_sake_has_to_succeed():
    world = FakeWorld(worlds.kitchen(), script={"home": [(Outcome.FAILED, nothing)]})
    result, _ = run(world, "go home")
    assert not result.success
    assert "home() did not come about" in result.reason


def test_a_fault_ends_the_run():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAULT, nothing)]})
    result, _ = run(world)
    assert not result.success
    assert world.calls == ["grasp red_cube"]
