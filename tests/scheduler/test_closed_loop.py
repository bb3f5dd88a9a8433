"""What the closed loop does about what is gone, and how it tries again."""

from dataclasses import dataclass, field, replace

import pytest

from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.executive import ExecutiveConfig
from robot_skills.skills.variation import USUAL, Variation
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing


def gone(*names: str):
    """Somebody takes things away, and their places are in full view."""

    def effect(scene: Scene) -> Scene:
        for name in names:
            scene = scene.with_entity(replace(scene[name], gone=True, visible=False))
        return scene

    return effect


@dataclass
class VaryingRunner:
    """Makes attempts in a world, and knows how to make them otherwise than usual."""

    world: FakeWorld
    varied_by: list[Variation] = field(default_factory=list)

    def __call__(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        return self.varied(call, scene, attempt, USUAL)

    def varied(
        self, call: SkillCall, scene: Scene, attempt: int, variation: Variation
    ) -> tuple[SkillResult, Scene]:
        self.varied_by.append(variation)
        return self.world.run(call, scene, attempt)


def test_a_thing_that_is_gone_ends_the_run_with_that_reason_after_another_look_from_home():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, gone("red_cube"))]}
    result = executive(world, events).run(PUT)
    assert not result.success
    assert result.reason.startswith("red_cube is gone")
    assert result.replans == 0
    assert world.calls == ["grasp red_cube", "home"]


def test_what_the_other_look_finds_again_is_gone_on_with():
    world = FakeWorld(worlds.kitchen())
    back = worlds.kitchen()["red_cube"]
    world.script = {
        "grasp": [(Outcome.FAILED, gone("red_cube"))],
        "home": [(Outcome.SUCCESS, lambda scene: scene.with_entity(back))],
    }
    assert executive(world).run(PUT).success


def test_a_thing_that_was_put_away_already_and_is_gone_then_is_noticed():
    world = FakeWorld(worlds.kitchen())
    world.script = {"close": [(Outcome.SUCCESS, gone("red_cube"))]}
    result = executive(world).run("open the drawer, put the red cube in it and close it")
    assert not result.success
    assert result.reason.startswith("red_cube is gone")


def test_where_the_words_leave_the_choice_another_thing_of_the_kind_will_do():
    world = FakeWorld(worlds.kitchen())
    scene = worlds.kitchen()
    first = executive(FakeWorld(scene)).run("put a cube in the box").plans[0].calls[0]
    chosen = first.args["object"]
    world.script = {"grasp": [(Outcome.FAILED, gone(chosen))]}
    result = executive(world).run("put a cube in the box")
    assert result.success, result.reason
    assert chosen not in str(result.plans[-1].goal)
    assert world.calls[-1].startswith("place")


def test_where_a_thing_is_named_no_other_one_takes_its_place():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, gone("red_cube"))]}
    result = executive(world).run("put the red cube and a can in the box")
    assert not result.success
    assert "red_cube is gone" in result.reason


def test_what_is_gone_and_not_wanted_is_planned_around():
    on_top = worlds.on_top(worlds.cube("blue"), worlds.kitchen()["red_cube"])
    world = FakeWorld(worlds.kitchen().with_entity(on_top))
    world.script = {"grasp": [(Outcome.FAILED, gone("blue_cube"))]}
    result = executive(world).run(PUT)
    assert result.success, result.reason


def test_another_attempt_is_made_otherwise_and_says_how():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    made, runner = executive(world, events), VaryingRunner(world)
    made._run = runner
    assert made.run(PUT).success
    assert runner.varied_by[:2] == [USUAL, Variation(turned=True)]
    (retry,) = events.of_kind(EventKind.RETRY)
    assert retry.data["variation"] == "with the hand turned"


def test_who_knows_no_variations_tries_again_all_the_same():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    assert executive(world, events).run(PUT).success
    assert world.seeds[:2] == [0, 1]


def test_what_is_in_the_way_is_moved_aside_before_another_attempt():
    scene = worlds.kitchen()
    can = replace(scene["can"], T_base_entity=worlds.cube("x", (0.4, 0.09), 0.05).T_base_entity)
    world = FakeWorld(scene.with_entity(can))

    def blocked(call: SkillCall, before: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        result, after = world.run(call, before, attempt)
        if len(world.calls) == 1:
            result = replace(result, outcome=Outcome.FAILED, refused_by="collision")
            world.scene = before
            return result, before
        return result, after

    made = executive(world)
    made._run = blocked
    assert made.run(PUT).success
    assert world.calls[:4] == [
        "grasp red_cube",
        "grasp can",
        "place can on table",
        "grasp red_cube",
    ]


def test_where_home_is_refused_the_hand_goes_up_and_tries_again():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAULT, nothing, 4)], "home": [(Outcome.FAULT, nothing, 3)]}
    assert executive(world).run(PUT).success
    assert world.calls[:4] == ["grasp red_cube", "home", "retreat", "home"]


@pytest.mark.parametrize("most", [0, 2])
def test_whatever_happens_a_run_ends_with_a_reason(most):
    world = FakeWorld(
        worlds.kitchen(), script={"place": [(Outcome.FAILED, dropped("red_cube"))] * 99}
    )
    result = executive(world, config=ExecutiveConfig(max_replans=most, max_calls=30)).run(PUT)
    assert not result.success
    assert result.replans <= most
    assert result.reason


def test_a_new_plan_says_what_was_undone():
    world, events = FakeWorld(worlds.kitchen(value_m=0.16)), EventList()

    def taken_out(scene: Scene) -> Scene:
        scene = scene.with_entity(worlds.cube("red", (0.3, -0.3)))
        held = worlds.kitchen(value_m=0.16, held="green_cube")["green_cube"]
        return scene.with_entity(held)

    world.script = {"grasp": [(Outcome.SUCCESS, None), (Outcome.SUCCESS, taken_out)]}
    words = "put the red cube and the green cube in the drawer"
    result = executive(world, events).run(words)
    assert result.success, result.reason
    (replan,) = events.of_kind(EventKind.REPLAN)
    assert "in(red_cube, drawer) is needed later and holds no longer" in replan.data["reason"]
