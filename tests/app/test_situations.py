"""Awkward situations in the simulated cell, with the shipped skills: each ends, and says why."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.app.wiring import CellConfig, simulated_cell
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.se3 import SE3
from sim.layout import DrawerStart, random_layout
from sim.mishaps import Mishap, MishapKind, happen
from sim.placements import Layout
from sim.world import TabletopWorld

PUT = "put the red cube in the box"


def layout(seed: int = 3, **scene) -> Layout:
    wanted = {"with_objects": ("red_cube", "can"), "count": 2, "drawer": DrawerStart.ABSENT}
    return random_layout(np.random.default_rng(seed), **{**wanted, **scene})


def cell(scene: Layout, *sinks: EventSink):
    return simulated_cell(CellConfig(scene="truth", layout=scene, seed=1), sinks)


class Meanwhile(EventSink):
    """Lets something happen to the world a while after a skill has begun, once."""

    def __init__(self, skill: str, what, after_s: float = 0.5) -> None:
        self.skill, self.what, self.after_s = skill, what, after_s
        self.due_s: float | None = None
        self.calls: list[str] = []

    def emit(self, event: Event) -> None:
        if event.kind is EventKind.SKILL_START:
            self.calls.append(event.data["skill"])
            if event.data["skill"] == self.skill and self.due_s is None:
                self.due_s = event.stamp_s + self.after_s

    def watch(self, sim) -> None:
        if self.due_s is not None and sim.clock.now_s() >= self.due_s:
            self.due_s = float("inf")
            self.what(sim.world)


def befalls(kind: MishapKind):
    def what(world: TabletopWorld) -> None:
        rng = np.random.default_rng(0)
        happen(Mishap(kind=kind, tick=0, strength=0.6), world, "red_cube", None, rng)

    return what


def test_a_thing_out_of_reach_is_refused_and_nothing_moves():
    scene = layout()
    far = SE3.from_translation((0.84, 0.53, scene.objects[0].T_base_object.p[2]))
    things = tuple(
        replace(item, T_base_object=far) if item.name == "red_cube" else item
        for item in scene.objects
    )
    with cell(replace(scene, objects=things)) as connected:
        before = connected.sim.clock.now_s()
        with pytest.raises(RefusedError, match="red_cube is out of the arm's reach"):
            connected.run(PUT)
        assert connected.sim.clock.now_s() == before


@pytest.mark.parametrize("arm", ["panda", "ur5e", "gen3"])
def test_nothing_that_is_put_on_the_table_is_out_of_reach(arm):
    from robot_skills.app.wiring import make_checker, zoo_dir
    from robot_skills.core.plan import Plan, SkillCall
    from robot_skills.skills.library import SkillLibrary
    from sim.robot import SimRobot
    from sim.truth import truth_scene

    rng = np.random.default_rng(5)
    library = SkillLibrary.load(zoo_dir())
    for _ in range(6):
        robot = SimRobot(arm, layout=random_layout(rng, count=3))
        robot.connect()
        checker = make_checker(library, robot)
        scene = truth_scene(robot.world)
        for entity in scene:
            skill, key = ("grasp", "object") if entity.movable else ("open", "thing")
            if entity.movable or entity.articulation is not None:
                call = SkillCall(skill=skill, args={key: entity.name})
                plan = Plan(instruction="", goal=(), calls=(call,), planner="test")
                reasons = checker.check(plan, scene).reasons
                assert not any("reach" in reason for reason in reasons), reasons
        robot.close()


def test_what_holds_already_moves_nothing():
    with cell(layout(placed={"red_cube": "box"})) as connected:
        result = connected.run(PUT)
        assert result.success
        assert connected.sim.clock.now_s() == 0.0


def test_what_blocks_a_thing_is_put_aside_first():
    blocked = layout(with_objects=("red_cube", "blue_cube"), placed={"blue_cube": "red_cube"})
    watch = Meanwhile("none", befalls(MishapKind.NONE))
    with cell(blocked, watch) as connected:
        result = connected.run(PUT)
        assert connected.goal_holds(result), result.reason
    assert result.plans[0].calls[0].args["object"] == "blue_cube"


def test_a_thing_that_is_moved_meanwhile_is_taken_from_where_it_is_then():
    watch = Meanwhile("grasp", befalls(MishapKind.MOVED))
    with cell(layout(), watch) as connected:
        connected.sim.on_step.append(watch.watch)
        result = connected.run(PUT)
        assert connected.goal_holds(result), result.reason


def test_a_thing_that_is_taken_away_meanwhile_is_named():
    watch = Meanwhile("grasp", befalls(MishapKind.REMOVED))
    with cell(layout(), watch) as connected:
        connected.sim.on_step.append(watch.watch)
        result = connected.run(PUT)
    assert not result.success
    assert "red_cube" in result.reason
    assert len(watch.calls) <= 3


def test_a_thing_that_is_knocked_over_is_put_where_it_should_or_given_up_with_a_reason():
    def knock(world: TabletopWorld) -> None:
        first = int(world.model.joint("can").qposadr[0])
        world.data.qpos[first + 2] += 0.02
        world.data.qpos[first + 3 : first + 7] = SE3.from_rotvec((0.0, np.pi / 2, 0.0)).wxyz()

    watch = Meanwhile("grasp", knock, after_s=0.1)
    with cell(layout(), watch) as connected:
        connected.sim.on_step.append(watch.watch)
        result = connected.run("put the can in the box")
        assert result.success == connected.goal_holds(result)
    assert result.reason
    assert len(watch.calls) <= 24
