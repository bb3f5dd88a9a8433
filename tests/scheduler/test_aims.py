"""What foreseen calls are held to: the goal, what is on the way, and nothing besides."""

from robot_skills.core.plan import Literal, Plan, SkillCall, Specification
from robot_skills.scheduler.aims import Aim
from robot_skills.scheduler.world_model import WorldModel, card_predicates, ground_calls
from tests.scheduler import worlds

CARDS = tuple(worlds.cards().values())


def lit(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def aim(scene, *goal: Literal, **more) -> Aim:
    plan = Plan(instruction="", goal=goal, calls=(), planner="test", **more)
    return Aim.of(plan, WorldModel(scene, card_predicates(CARDS)))


def admitted(held: Aim) -> dict[str, Aim]:
    """What may come next, in words, and what is left behind it."""
    calls = held.admitted(ground_calls(CARDS, held.model))
    return {" ".join([c.call.skill, *c.call.args.values()]): held.behind(c) for c in calls}


def test_only_what_serves_the_goal_may_come_next():
    held = aim(worlds.kitchen(), lit("in", "red_cube", "box"))
    names = {word for text in admitted(held) for word in text.split()[1:]}
    assert "grasp red_cube" in admitted(held)
    assert names <= {"red_cube", "box", "table"}


def test_what_stands_on_it_is_in_the_way_and_may_be_moved():
    red = worlds.cube("red")
    scene = worlds.scene(red, worlds.on_top(worlds.cube("blue"), red), worlds.box())
    assert "grasp blue_cube" in admitted(aim(scene, lit("in", "red_cube", "box")))


def test_nothing_is_left_where_nobody_wants_it():
    wanted = lit("on", "red_cube", "drawer"), lit("open", "drawer")
    held = aim(worlds.kitchen(value_m=0.16, held="red_cube"), *wanted)
    assert "place red_cube on drawer" in admitted(held)
    assert "place red_cube in drawer" not in admitted(held)


def test_it_is_reached_when_everything_has_come_about():
    held = aim(worlds.kitchen(), lit("open", "drawer"))
    assert not held.reached
    assert admitted(held)["open drawer"].reached


def test_what_comes_on_the_way_has_to_come_first():
    held = aim(worlds.kitchen(), lit("closed", "drawer"), milestones=((lit("open", "drawer"),),))
    assert not held.reached
    opened = admitted(held)["open drawer"]
    assert not opened.reached
    assert admitted(opened)["close drawer"].reached


def test_a_call_for_its_own_sake_has_to_be_made():
    held = aim(worlds.kitchen(), milestones=(SkillCall(skill="home"),))
    assert not held.reached
    assert admitted(held)["home"].reached


def test_what_is_forbidden_may_not_come_next():
    never = Specification(parts=("always(not in(red_cube, box))",))
    held = aim(worlds.kitchen(held="red_cube"), lit("in", "red_cube", "box"), specification=never)
    assert "place red_cube in box" not in admitted(held)


def test_what_changes_nothing_may_not_come_next():
    assert "close drawer" not in admitted(aim(worlds.kitchen(), lit("in", "red_cube", "drawer")))


def test_calls_that_lead_there_are_told_from_others():
    held = aim(worlds.kitchen(), lit("in", "red_cube", "box"))
    calls = {str(call.call): call for call in ground_calls(CARDS, held.model)}
    grasp = calls["grasp(object=red_cube)"]
    place = calls["place(object=red_cube, relation=in, target=box)"]
    assert held.is_reached_by([grasp, place])
    assert not held.is_reached_by([grasp])
    assert not held.is_reached_by([place])
