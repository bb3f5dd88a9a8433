"""What every planner does: typed plans made of calls of skills, or a refusal in one line."""

import pytest

from robot_skills.core.errors import RefusedError, RobotSkillsError
from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.core.predicates import unmet
from robot_skills.scheduler.learned import LearnedScheduling
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.skills.library import SkillLibrary
from tests.fakes import ZOO, FakePlanner, bin_, cube, drawer, make_scene
from tests.scheduler.models.chats import RIGHT, ScriptedChat
from tests.scheduler.test_learned import Scripted, tidy

LIBRARY = SkillLibrary.load(ZOO)
INSTRUCTION = "put the red cube in the box"
PLAN = Plan(
    instruction=INSTRUCTION,
    goal=(Literal(predicate="in", args=("red_cube", "box")),),
    calls=(
        SkillCall(skill="grasp", args={"object": "red_cube"}),
        SkillCall(skill="place", args={"object": "red_cube", "relation": "in", "target": "box"}),
    ),
    planner="fake",
)
PLANNERS = {
    "fake": lambda: FakePlanner(PLAN),
    "learned": lambda: LearnedScheduling(Scripted(tidy), LIBRARY),
    "rules": lambda: RulesPlanner(LIBRARY),
    "model": lambda: ModelPlanner(ScriptedChat([RIGHT]), LIBRARY, ModelPlannerConfig(model="m")),
}


@pytest.fixture(params=PLANNERS)
def planner(request):
    return PLANNERS[request.param]()


@pytest.fixture
def scene():
    return make_scene(cube(), cube("blue_cube", 0.6, 0.1), bin_(), drawer())


def test_a_plan_says_what_it_is_for_and_who_made_it(planner, scene):
    plan = planner.plan(INSTRUCTION, scene)
    assert plan.instruction == INSTRUCTION
    assert plan.planner == planner.name
    assert Literal(predicate="in", args=("red_cube", "box")) in plan.goal


def test_every_call_is_one_of_a_skill_with_fitting_arguments(planner, scene):
    plan = planner.plan(INSTRUCTION, scene)
    assert plan.calls
    for call in plan.calls:
        LIBRARY[call.skill].check_args(call.args, scene)


def test_planning_changes_nothing_and_repeats_itself(planner, scene):
    before = dict(scene.entities)
    first, second = planner.plan(INSTRUCTION, scene), planner.plan(INSTRUCTION, scene)
    assert first == second
    assert dict(scene.entities) == before


def test_replanning_keeps_the_goal(planner, scene):
    plan = planner.plan(INSTRUCTION, scene)
    again = planner.replan(plan, scene)
    assert again.goal == plan.goal
    assert again.instruction == plan.instruction
    assert again.planner == planner.name


@pytest.mark.parametrize("instruction", ["", "   ", "colourless ideas sleep furiously"])
def test_words_that_mean_nothing_are_refused_in_one_line(scene, instruction):
    with pytest.raises(RefusedError) as caught:
        RulesPlanner(LIBRARY).plan(instruction, scene)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_goal_about_a_thing_that_is_not_there_is_refused_by_name(scene):
    with pytest.raises(RobotSkillsError, match="green"):
        RulesPlanner(LIBRARY).plan("put the green cube in the box", scene)


def test_a_goal_that_holds_already_needs_no_calls(scene):
    assert not unmet(scene, (Literal(predicate="closed", args=("drawer",)),))
    assert RulesPlanner(LIBRARY).plan("close the drawer", scene).calls == ()
