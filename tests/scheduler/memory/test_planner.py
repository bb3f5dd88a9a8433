"""Plans that make use of what is remembered."""

import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, Outcome, Plan, SkillCall
from robot_skills.scheduler.memory.planner import MemoryPlanner, failed_too_often
from robot_skills.scheduler.memory.records import Step
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.memory.wording import asks_to_go_on, thing_put_back
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.skills.card import Parameter, ParameterType
from tests.scheduler import worlds
from tests.scheduler.memory.runs import HERE, TellingWorld, remembering
from tests.scheduler.test_executive import PUT, nothing


@pytest.fixture
def memory(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(
    "words",
    ["go on", "Continue!", "please do the rest", "finish what you started", "carry on with it"],
)
def test_words_that_ask_for_the_rest(words):
    assert asks_to_go_on(words)


@pytest.mark.parametrize("words", ["go home", "finish the milk", "continue to the drawer", ""])
def test_words_that_ask_for_something_else(words):
    assert not asks_to_go_on(words)


@pytest.mark.parametrize(
    ("words", "thing"),
    [
        ("put back the red cube", "red_cube"),
        ("Put the red cube back.", "red_cube"),
        ("move the can back to where it was", "can"),
        ("put the red cube back in the box", None),
        ("put the cube back", None),
        ("put the vase back", None),
        ("go back home", None),
    ],
)
def test_things_that_are_to_be_put_back(words, thing):
    assert thing_put_back(words, worlds.kitchen()) == thing


def test_back_is_where_a_thing_was_before_it_was_taken(memory):
    inside = worlds.kitchen(value_m=0.16).with_entity(worlds.in_drawer(worlds.cube("red"), 0.16))
    world = TellingWorld(inside)
    assert remembering(world, memory).run("put the red cube in the box").success
    result = remembering(world, memory).run("put the red cube back")
    assert result.success
    assert [str(literal) for literal in result.plans[0].goal] == ["in(red_cube, drawer)"]
    assert '"back" is where red_cube was before: in drawer' in result.plans[0].wording


def test_what_was_never_taken_is_left_to_the_planner_of_words(memory):
    with pytest.raises(RefusedError):
        remembering(TellingWorld(worlds.kitchen()), memory).run("put the vase back")


def _steps(*ends: tuple[Outcome, str]) -> list[Step]:
    return [
        Step(
            number=i,
            run=1,
            skill="grasp",
            args={"object": "red_cube"},
            attempt=i,
            expected={},
            missing=(),
            surprises=(),
            likely=None,
            outcome=outcome.value,
            reason=reason,
            began_at=0.0,
            ended_at=1.0,
        )
        for i, (outcome, reason) in enumerate(ends, start=1)
    ]


GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
FAILED, SUCCESS, STOPPED = Outcome.FAILED, Outcome.SUCCESS, Outcome.STOPPED


@pytest.mark.parametrize(
    ("ends", "often"),
    [
        ([(FAILED, "3.1 cm beside")], False),
        ([(FAILED, "3.1 cm beside"), (FAILED, "2.7 cm beside")], True),
        ([(FAILED, "beside"), (FAILED, "slipped")], False),
        ([(FAILED, "beside"), (SUCCESS, ""), (FAILED, "beside")], False),
        ([(STOPPED, "asked to"), (STOPPED, "asked to")], False),
    ],
)
def test_what_failed_too_often(ends, often):
    assert failed_too_often(GRASP, _steps(*ends)) is often


def _cards_with_another_way():
    """Pushing also brings things onto a zone."""
    thing = Parameter(name="object", type=ParameterType.MOVABLE)
    target = Parameter(name="target", type=ParameterType.AREA)
    push = worlds.card(
        "push",
        [thing, target],
        [({}, ["hand_empty()", "clear({object})"], ["on({object}, {target})"])],
        ["push {object} onto {target}"],
    )
    return [*worlds.cards().values(), push]


def test_a_call_that_failed_again_and_again_gives_way_to_another_plan(memory):
    push = SkillCall(skill="push", args={"object": "red_cube", "target": "zone"})
    task = memory.tasks.begin("", HERE, 0.0)
    goal = (Literal(predicate="on", args=("red_cube", "zone")),)
    wanted = Plan(instruction="", goal=goal, calls=(), planner="rules")
    planner = MemoryPlanner(RulesPlanner(_cards_with_another_way()), memory, lambda: task)
    assert planner.replan(wanted, worlds.workshop()).calls == (push,)
    for reason in ("ended 1.2 cm beside", "ended 3.4 cm beside"):
        step = memory.tasks.begin_step(task, 1, push, {}, 0.0)
        memory.tasks.end_step(
            task,
            step,
            outcome="failed",
            reason=reason,
            missing=(),
            likely=None,
            milestones=(),
            at=1.0,
        )
    spared = planner.replan(wanted, worlds.workshop())
    assert [call.skill for call in spared.calls] == ["grasp", "place"]
    assert spared.specification is None
    assert "failed again and again" in spared.wording[-1]


def test_without_an_alternative_it_is_tried_again(memory):
    world = TellingWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)] * 2})
    result = remembering(world, memory).run(PUT)
    assert result.success
    assert world.calls.count("grasp red_cube") == 3
