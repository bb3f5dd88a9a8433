"""Situations in which an instruction cannot simply be carried out: each ends, and says why."""

from dataclasses import replace

import pytest

from robot_skills.core.errors import InstructionError, PerceptionError, PlanningError, RobotFault
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.attribution import attribute
from robot_skills.scheduler.layers import Layer
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker, PlanRefusedError
from robot_skills.scheduler.reach import Reach
from tests.fakes import LIMITS, FakeKinematics, FakeRobot
from tests.fakes import FakeWorld as RobotWorld
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing


def twins() -> Scene:
    """Two red cubes, one of them nearer, and a box."""
    near, far = worlds.cube("red", (0.4, 0.0)), worlds.cube("red", (0.6, 0.1), name="red_cube_2")
    return worlds.scene(near, far, worlds.box())


def reach_checker() -> PlanChecker:
    robot = FakeRobot(RobotWorld())
    robot.connect()
    q_rad = robot.observe().arms[DEFAULT_ARM].q_rad
    reach = Reach(LIMITS.cartesian, FakeKinematics(), q_rad)
    return PlanChecker(worlds.cards().values(), CheckerConfig(rules=(reach,)))


def test_of_two_alike_it_asks_which():
    world = FakeWorld(twins())
    with pytest.raises(InstructionError, match=r"fits red_cube, red_cube_2\. Say which"):
        executive(world).run(PUT)
    assert world.calls == []


def test_of_two_alike_any_one_will_do_and_it_says_which():
    world, events = FakeWorld(twins()), EventList()
    assert executive(world, events).run("put a red cube in the box").success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    (plan,) = events.of_kind(EventKind.PLAN)
    assert plan.data["wording"] == ["'a red cube' understood as red_cube, of red_cube, red_cube_2"]


@pytest.mark.parametrize(
    ("xy", "said"), [((0.95, 0.0), "workspace is x"), ((0.5, 0.7), "Move it nearer")]
)
def test_a_thing_out_of_reach_is_refused_before_anything_moves(xy, said):
    world = FakeWorld(worlds.scene(worlds.cube("red", xy), worlds.box()))
    with pytest.raises(PlanRefusedError, match="red_cube is out of the arm's reach") as refusal:
        executive(world, checker=reach_checker()).run(PUT)
    assert said in str(refusal.value)
    assert world.calls == []


def test_an_arm_that_does_not_get_there_is_out_of_reach_inside_its_workspace_too():
    class Short(FakeKinematics):
        def follow(self, q_rad, T_base_tool):
            q, errors_m = super().follow(q_rad, T_base_tool)
            return q, errors_m + 0.2

    robot = FakeRobot(RobotWorld())
    robot.connect()
    reach = Reach(LIMITS.cartesian, Short(), robot.observe().arms[DEFAULT_ARM].q_rad)
    call = SkillCall(skill="grasp", args={"object": "red_cube"})
    assert "0.20 m remain" in (reach(call, worlds.kitchen()) or "")


def test_a_thing_that_rolls_out_of_reach_ends_the_run():
    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube", (0.95, 0.0)))]}
    result = executive(world, checker=reach_checker()).run(PUT)
    assert not result.success
    assert "out of the arm's reach" in result.reason
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_a_thing_that_is_out_of_reach_by_now_is_not_tried_again():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, dropped("red_cube", (0.95, 0.0)))]}
    result = executive(world, checker=reach_checker()).run(PUT)
    assert "out of the arm's reach" in result.reason
    assert world.calls == ["grasp red_cube"]


def test_a_drawer_that_something_blocks_is_given_up_with_the_reason():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"open": [(Outcome.TIMEOUT, nothing)] * 20}
    result = executive(world, events).run("put the red cube in the drawer")
    assert not result.success
    assert "open(thing=drawer) failed again" in result.reason
    assert set(world.calls) == {"open drawer"}
    assert len(world.calls) == 4


def test_what_holds_already_needs_no_call():
    scene = worlds.kitchen()
    world = FakeWorld(scene.with_entity(worlds.in_box(scene["red_cube"])))
    result = executive(world).run(PUT)
    assert (result.success, world.calls) == (True, [])


def test_a_thing_that_somebody_moves_meanwhile_is_taken_where_it_is_then():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, dropped("red_cube", (0.7, -0.1)))]}
    result = executive(world).run(PUT)
    assert result.success
    assert world.calls == ["grasp red_cube", "grasp red_cube", "place red_cube in box"]


def test_a_thing_that_somebody_takes_away_ends_the_run_and_is_named():
    def taken(scene: Scene) -> Scene:
        return replace(scene, entities={n: e for n, e in scene.entities.items() if n != "red_cube"})

    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, taken)]}
    result = executive(world, events).run(PUT)
    assert not result.success
    assert "red_cube is gone" in result.reason
    assert world.calls == ["grasp red_cube", "home"]


def test_a_thing_that_has_become_too_large_by_falling_over_is_refused_with_the_reason():
    def lying(scene: Scene) -> Scene:
        size = scene["bottle"].extents_m[[2, 1, 0]] * [1.5, 1.0, 1.0]
        return scene.with_entity(replace(scene["bottle"], extents_m=size))

    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, lying)]}
    result = executive(world).run("put the bottle in the box")
    assert not result.success
    assert "does not fit" in result.reason


def test_who_sees_nothing_any_more_does_not_go_on_from_what_was_seen_before():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [PerceptionError("dark")]}
    looks = []

    def look() -> Scene:
        looks.append(1)
        if len(looks) > 1:
            raise PerceptionError("still dark")
        return world.look()

    result = executive(world, events, look=look).run(PUT)
    assert not result.success
    assert result.reason == "after grasp(object=red_cube) nothing can be seen: still dark"
    assert world.calls == ["grasp red_cube"]
    fault = attribute(events.events)
    assert fault is not None
    assert (fault.layer, fault.skill) == (Layer.PERCEPTION, "grasp")


@pytest.mark.parametrize("error", [PerceptionError("dark"), RobotFault("no states")])
def test_a_run_that_never_sees_anything_says_so_in_the_log(error):
    def look() -> Scene:
        raise error

    events = EventList()
    with pytest.raises(type(error)):
        executive(FakeWorld(worlds.kitchen()), events, look=look).run(PUT)
    (end,) = events.of_kind(EventKind.RUN_END)
    assert end.data["error"] == type(error).__name__


def test_an_attempt_that_an_error_ended_is_in_the_log():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [RobotFault("motor 3 is hot")]}
    executive(world, events).run(PUT)
    (end,) = events.of_kind(EventKind.SKILL_END)
    assert (end.data["outcome"], end.data["error"]) == ("fault", "RobotFault")


def test_nothing_fits_where_there_is_no_room():
    with pytest.raises(PlanningError, match="does not fit"):
        executive(FakeWorld(worlds.kitchen())).run("put the cereal in the drawer")
