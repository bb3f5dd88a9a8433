"""The executive on fake skills that fail as a script says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from robot_skills.core.errors import (
    CheckpointError,
    PerceptionError,
    PlanningError,
    RefusedError,
    RobotFault,
    SkillServerFault,
)
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, Plan, SkillCall, SkillResult
from robot_skills.core.predicates import in_
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.attribution import attribute
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Executive, ExecutiveConfig
from robot_skills.scheduler.layers import Layer
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds

Effect = Callable[[Scene], Scene]


def nothing(scene: Scene) -> Scene:
    return scene


@dataclass
class FakeWorld:
    """Does what cards promise, unless the script for a skill says otherwise.

    Attributes:
        scene: What a look shows.
        script: Per skill, what happens at its next calls: an outcome with an effect and perhaps a
            number of refused chunks, or an error; behind the end of the list all goes well.
    """

    scene: Scene
    script: dict[str, list] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    now_s: float = 0.0
    looks: int = 0

    def look(self) -> Scene:
        self.looks += 1
        return self.scene

    def run(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        self.calls.append(f"{call.skill} {' '.join(call.args.values())}".strip())
        self.seeds.append(attempt)
        self.now_s += 1.0
        step = self.script.get(call.skill, [])
        happens = step.pop(0) if step else (Outcome.SUCCESS, None)
        if isinstance(happens, Exception):
            raise happens
        outcome, effect, *refused = happens
        self.scene = effect(self.scene) if effect else done(call, self.scene)
        reason = "" if outcome is Outcome.SUCCESS else f"scripted {outcome.value}"
        result = SkillResult(
            call=call,
            outcome=outcome,
            reason=reason,
            duration_s=1.0,
            chunks=2,
            refused_chunks=sum(refused),
        )
        return result, self.scene


def done(call: SkillCall, scene: Scene) -> Scene:
    """The scene after a call that went well."""
    match call.skill:
        case "grasp":
            thing = scene[call.args["object"]]
            lifted = SE3.from_translation((0.5, 0.0, 0.3))
            return scene.with_entity(replace(thing, held_by=DEFAULT_ARM, T_base_entity=lifted))
        case "place":
            thing = replace(scene[call.args["object"]], held_by=None)
            return scene.with_entity(
                _placed(thing, call.args["relation"], call.args["target"], scene)
            )
        case "open":
            return _slid(scene, 0.16)
        case "close":
            return _slid(scene, 0.0)
        case _:
            return scene


def _value_m(scene: Scene) -> float:
    joint = scene["drawer"].articulation
    return 0.0 if joint is None else joint.value_m


def _slid(scene: Scene, value_m: float) -> Scene:
    """The drawer at a joint value, with what is in it."""
    inside = [e for e in scene if e.name != "drawer" and in_(scene, e.name, "drawer")]
    for thing in inside:
        scene = scene.with_entity(worlds.in_drawer(thing, value_m))
    return scene.with_entity(worlds.drawer(value_m))


def _placed(thing: Entity, relation: str, target: str, scene: Scene) -> Entity:
    match relation, target:
        case "in", "box":
            return worlds.in_box(thing)
        case "in", _:
            return worlds.in_drawer(thing, _value_m(scene))
        case _, where if where == TABLE:
            p = (0.45, -0.3, 0.5 * thing.extents_m[2])
            return replace(thing, T_base_entity=SE3.from_translation(p))
        case _:
            return worlds.on_top(thing, scene[target])


def dropped(name: str, xy=(0.6, 0.2)) -> Effect:
    def effect(scene: Scene) -> Scene:
        thing = scene[name]
        p = (*xy, 0.5 * thing.extents_m[2])
        T = SE3.from_translation(p)
        return scene.with_entity(replace(thing, held_by=None, T_base_entity=T))

    return effect


def executive(world: FakeWorld, events=None, **more) -> Executive:
    cards = worlds.cards()
    return Executive(
        strategy=more.pop("strategy", None) or ClosedLoop(),
        planner=more.pop("planner", None) or RulesPlanner(cards.values()),
        cards=cards.values(),
        run=world.run,
        look=more.pop("look", world.look),
        now_s=lambda: world.now_s,
        events=events or EventList(),
        **more,
    )


PUT = "put the red cube in the box"


def test_a_run_without_trouble_succeeds_on_a_last_look():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    result = executive(world, events).run(PUT)
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert [(s.name, s.outcome, s.attempts, s.chunks) for s in result.skills] == [
        ("grasp", Outcome.SUCCESS, 1, 2),
        ("place", Outcome.SUCCESS, 1, 2),
    ]
    assert world.looks == 2
    kinds = [event.kind for event in events.events]
    assert kinds[:3] == [EventKind.INSTRUCTION, EventKind.LOOK, EventKind.PLAN]
    assert kinds[-1] is EventKind.RUN_END


def test_a_goal_that_holds_already_moves_nothing():
    world = FakeWorld(worlds.kitchen())
    result = executive(world).run("close the drawer")
    assert result.success
    assert world.calls == []
    assert result.plans[0].calls == ()


def test_a_failed_attempt_is_made_again_with_another_seed():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    result = executive(world, events).run(PUT)
    assert result.success
    assert result.replans == 0
    assert result.skills[0].attempts == 2
    assert len(set(world.seeds)) == 3
    assert len(events.of_kind(EventKind.RETRY)) == 1


def test_a_dropped_thing_is_picked_up_again_by_a_new_plan():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    result = executive(world, events).run(PUT)
    assert result.success
    assert result.replans == 1
    assert world.calls == ["grasp red_cube", "place red_cube in box"] * 2
    assert "place(object=red_cube" in events.of_kind(EventKind.REPLAN)[0].data["reason"]


def test_a_surprise_that_breaks_the_rest_of_the_plan_is_met_by_a_new_plan():
    def also_shuts(scene: Scene) -> Scene:
        held = done(SkillCall(skill="grasp", args={"object": "red_cube"}), scene)
        return _slid(held, 0.0)

    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.SUCCESS, also_shuts)]}
    result = executive(world, events).run("put the red cube in the drawer")
    assert result.success
    assert result.replans == 1
    assert world.calls[2:] == [
        "place red_cube on table",
        "open drawer",
        "grasp red_cube",
        "place red_cube in drawer",
    ]
    surprises = [e.data["surprises"] for e in events.of_kind(EventKind.EFFECTS)]
    assert any("accepts(drawer) no longer holds" in text for text in surprises[0])


def test_work_that_somebody_undoes_behind_its_back_is_found_by_the_last_look():
    world = FakeWorld(worlds.kitchen())
    looks = []

    def look() -> Scene:
        looks.append(world.looks)
        if len(looks) == 2:
            world.scene = dropped("red_cube")(world.scene)
        return world.look()

    result = executive(world, look=look).run(PUT)
    assert result.success
    assert result.replans == 1


def test_it_gives_up_with_the_reason_when_a_skill_keeps_failing():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.TIMEOUT, nothing)] * 20}
    result = executive(world).run(PUT)
    assert not result.success
    assert "grasp(object=red_cube) failed again" in result.reason
    assert "scripted timeout" in result.reason
    assert len(world.calls) == 4
    assert result.replans == 1


def test_new_plans_are_bounded():
    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))] * 20}
    result = executive(world, config=ExecutiveConfig(max_replans=2)).run(PUT)
    assert not result.success
    assert result.replans == 2
    assert "gave up after 2 new plans" in result.reason


def test_it_stops_when_no_new_plan_exists():
    def grows(scene: Scene) -> Scene:
        lying = dropped("red_cube")(scene)
        cube = replace(lying["red_cube"], extents_m=np.array([0.3, 0.3, 0.04]))
        return lying.with_entity(cube)

    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, grows)]}
    result = executive(world).run(PUT)
    assert not result.success
    assert "no new plan" in result.reason
    assert "does not fit" in result.reason


def test_a_thing_that_vanishes_ends_the_run_with_a_reason():
    def gone(scene: Scene) -> Scene:
        return replace(scene, entities={n: e for n, e in scene.entities.items() if n != "red_cube"})

    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, gone)]}
    result = executive(world).run(PUT)
    assert not result.success
    assert "red_cube" in result.reason


@pytest.mark.parametrize("instruction", ["", "pour the milk", "put the milk in the drawer"])
def test_refused_instructions_move_nothing(instruction):
    world, events = FakeWorld(worlds.kitchen()), EventList()
    with pytest.raises(RefusedError):
        executive(world, events).run(instruction)
    assert world.calls == []
    assert len(events.of_kind(EventKind.REFUSED)) == 1


def test_a_plan_that_the_checker_refuses_moves_nothing():
    class Reckless:
        name = "reckless"

        def plan(self, instruction: str, scene: Scene) -> Plan:
            call = SkillCall(skill="grasp", args={"object": "drawer"})
            return Plan(instruction=instruction, goal=(), calls=(call,), planner=self.name)

        def replan(self, plan: Plan, scene: Scene) -> Plan:
            return plan

    world = FakeWorld(worlds.kitchen())
    with pytest.raises(PlanningError, match="needs something movable"):
        executive(world, planner=Reckless()).run("anything")
    assert world.calls == []


def test_a_skill_that_cannot_run_is_refused_before_anything_moves():
    def prepare(skill: str) -> None:
        if skill == "place":
            raise CheckpointError("place: checkpoint is corrupt.")

    world = FakeWorld(worlds.kitchen())
    with pytest.raises(CheckpointError):
        executive(world, prepare=prepare).run(PUT)
    assert world.calls == []


def test_without_anybody_to_carry_out_skills_nothing_moves():
    def prepare(skill: str) -> None:
        raise SkillServerFault("nobody there")

    world, events = FakeWorld(worlds.kitchen()), EventList()
    with pytest.raises(SkillServerFault):
        executive(world, events, prepare=prepare).run(PUT)
    assert world.calls == []
    end = events.events[-1]
    assert end.kind is EventKind.RUN_END
    assert end.data["error"] == SkillServerFault.__name__
    assert not end.data["success"]


def test_who_is_gone_when_a_new_plan_is_made_ends_the_run():
    def prepare(skill: str) -> None:
        if world.calls:
            raise SkillServerFault("nobody there any more")

    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    result = executive(world, events, prepare=prepare).run(PUT)
    assert not result.success
    assert result.reason == "nobody there any more"
    assert [skill.name for skill in result.skills] == ["grasp", "place"]
    fault = attribute(events.events)
    assert fault is not None
    assert fault.layer is Layer.SKILL


def test_a_look_that_fails_when_somebody_has_asked_to_stop_is_a_stop():
    def look() -> Scene:
        if world.calls:
            raise PerceptionError("not waited for")
        return world.look()

    world = FakeWorld(worlds.kitchen(), script={"grasp": [PerceptionError("dark")]})
    stops = iter((False, False, True))
    result = executive(world, look=look, stop_requested=lambda: next(stops, True)).run(PUT)
    assert result.stopped
    assert world.calls == ["grasp red_cube"]


def test_a_fault_ends_the_run():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [RobotFault("motor 3 is hot")]})
    result = executive(world).run(PUT)
    assert not result.success
    assert "motor 3 is hot" in result.reason
    assert world.calls == ["grasp red_cube"]


def test_after_the_safety_gate_ends_a_skill_it_goes_home_and_tries_again():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAULT, nothing, 5)]}
    result = executive(world).run(PUT)
    assert result.success
    assert world.calls[:3] == ["grasp red_cube", "home", "grasp red_cube"]
    assert [skill.name for skill in result.skills] == ["home", "grasp", "place"]


def test_a_fault_on_the_way_home_ends_the_run():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAULT, nothing, 5)], "home": [(Outcome.FAULT, nothing)]}
    result = executive(world).run(PUT)
    assert not result.success
    assert world.calls == ["grasp red_cube", "home"]


def test_lost_sight_during_a_skill_is_a_failed_attempt():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [PerceptionError("dark")]})
    result = executive(world).run(PUT)
    assert result.success
    assert result.skills[0].attempts == 2


def test_stop_is_honoured_before_the_next_skill():
    world = FakeWorld(worlds.kitchen())
    result = executive(world, stop_requested=lambda: len(world.calls) >= 1).run(PUT)
    assert result.stopped
    assert not result.success
    assert world.calls == ["grasp red_cube"]


def test_a_stopped_skill_ends_the_run_without_another_attempt():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.STOPPED, nothing)]})
    result = executive(world).run(PUT)
    assert result.stopped
    assert world.calls == ["grasp red_cube"]


def test_milestones_that_are_passed_are_not_asked_for_again():
    world = FakeWorld(worlds.kitchen())
    world.script = {"close": [(Outcome.FAILED, nothing)] * 2}
    result = executive(world).run("open the drawer then close it")
    assert result.success
    assert world.calls == ["open drawer"] + ["close drawer"] * 3


def test_a_commanded_call_is_made_and_is_enough():
    world = FakeWorld(worlds.kitchen())
    result = executive(world).run("go home")
    assert result.success
    assert world.calls == ["home"]


def test_the_number_of_attempts_in_a_run_is_bounded():
    world = FakeWorld(worlds.kitchen())
    result = executive(world, config=ExecutiveConfig(max_calls=3)).run("put all cubes in the box")
    assert not result.success
    assert "gave up after 3 attempts" in result.reason


def test_events_hold_json_values_only():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, nothing)] * 2}
    executive(world, events).run("put the red cube in the drawer and close it")
    for event in events.events:
        assert json.loads(json.dumps(event.data)) == event.data
