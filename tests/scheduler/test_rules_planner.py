"""Words to checked plans: whatever the planner returns, the checker accepts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Plan
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds

CARDS = worlds.cards()
PLANNER = RulesPlanner(CARDS.values())
CHECKER = PlanChecker(CARDS.values())
CUBES = ("red", "green", "blue")
THINGS = ("the red cube", "the green block", "the can", "the milk", "all cubes", "a cube", "it")
PLACES = ("in the box", "in the drawer", "on the table", "on the blue cube", "on top of the drawer")

_clauses = st.one_of(
    st.builds("pick up {}".format, st.sampled_from(THINGS)),
    st.builds("put {} {}".format, st.sampled_from(THINGS), st.sampled_from(PLACES)),
    st.sampled_from(("open the drawer", "close it", "go home", "empty the box", "let go")),
)
_instructions = st.lists(_clauses, min_size=1, max_size=3).map(" and then ".join)


@st.composite
def _scenes(draw) -> Scene:
    """Three cubes here and there, a can, milk, a box, and a drawer that is open or not."""
    value_m = draw(st.sampled_from((0.0, 0.07, 0.16)))
    placed = []
    for i, colour in enumerate(CUBES):
        cube = worlds.cube(colour, (0.4 + 0.07 * i, 0.05 * i))
        where = draw(st.sampled_from(("table", "box", "drawer", "cube")))
        if where == "box":
            cube = worlds.in_box(cube)
        elif where == "drawer":
            cube = worlds.in_drawer(cube, value_m)
        elif where == "cube" and placed and not _covered(placed[-1], placed):
            cube = worlds.on_top(cube, placed[-1])
        placed.append(cube)
    held = draw(st.sampled_from((None, None, "can")))
    things = (*placed, *worlds.groceries()[::3], worlds.drawer(value_m), worlds.box())
    return worlds.scene(*things, held=held)


def _covered(cube, placed) -> bool:
    return any(other.bottom_m >= cube.top_m - 0.001 for other in placed)


def outcome(instruction: str, scene: Scene) -> tuple[Plan | None, str]:
    """The plan, or why there is none."""
    try:
        return PLANNER.plan(instruction, scene), ""
    except RefusedError as error:
        return None, str(error)


@settings(max_examples=60, deadline=None)
@given(instruction=_instructions, scene=_scenes())
def test_every_plan_is_accepted_by_the_checker(instruction, scene):
    plan, refusal = outcome(instruction, scene)
    assert "\n" not in refusal
    assert plan is None or CHECKER.check(plan, scene).reasons == ()


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_is_planned_or_refused_in_one_line(text):
    assert "\n" not in outcome(text, worlds.kitchen())[1]


def test_a_goal_that_holds_already_gives_an_empty_plan():
    plan = PLANNER.plan("make sure the drawer is closed", worlds.kitchen())
    assert plan.calls == ()
    assert [str(literal) for literal in plan.goal] == ["closed(drawer)"]


def test_a_new_plan_starts_from_the_scene_as_it_is_now():
    plan = PLANNER.plan("put the red cube in the drawer and close it", worlds.kitchen())
    later = PLANNER.replan(plan, worlds.kitchen(value_m=0.16, held="red_cube"))
    assert [call.skill for call in later.calls] == ["place", "close"]
    assert later.goal == plan.goal
