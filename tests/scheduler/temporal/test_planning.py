"""Plans whose traces satisfy a specification, and refusals where there are none."""

import pytest

from robot_skills.core.errors import PlanningError, UnknownNameError
from robot_skills.core.plan import Plan, SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.temporal.planning import begun, foreseen
from robot_skills.scheduler.temporal.reader import parse_formula
from robot_skills.scheduler.temporal.trace import satisfies
from robot_skills.scheduler.world_model import WorldModel, card_predicates, ground_call
from robot_skills.skills.card import parse_literal
from tests.scheduler import worlds

CARDS = worlds.cards()
ZOO = worlds.zoo_cards()


def calls(scene: Scene, goal: list[str], *parts: str, cards=CARDS, milestones=()) -> list[str]:
    wanted = tuple(map(parse_literal, goal))
    specification = Specification(parts=parts)
    planned = SymbolicPlanner(cards.values()).plan(scene, wanted, milestones, specification)
    plan = Plan(
        instruction="",
        goal=wanted,
        calls=planned,
        planner="rules",
        milestones=tuple(milestones),
        specification=specification,
    )
    verdict = PlanChecker(cards.values()).check(plan, scene)
    assert verdict.accepted, verdict.reasons
    trace = predicted(scene, planned, cards)
    assert all(satisfies(trace, parse_formula(part)) for part in parts)
    return [" ".join((call.skill, *call.args.values())) for call in planned]


def predicted(scene: Scene, planned, cards):
    """The trace of calls that do what their cards say."""
    model = WorldModel(scene, card_predicates(cards.values()))
    states, made = [model.initial()], [None]
    for call in planned:
        grounded = ground_call(cards[call.skill], call.args)
        states += [states[-1], model.apply(states[-1], grounded.effects)]
        made += [call, None]

    def position(state, call):
        return lambda atom: (
            model.holds(state, atom)
            if hasattr(atom, "predicate")
            else call is not None and atom.matches(call)
        )

    return [position(state, call) for state, call in zip(states, made, strict=True)]


def test_a_plan_that_satisfies_it_anyway_stays_as_it_is():
    scene, goal = worlds.kitchen(), ["in(red_cube, box)"]
    plain = SymbolicPlanner(CARDS.values()).plan(scene, tuple(map(parse_literal, goal)))
    specification = Specification(parts=("always(closed(drawer))",))
    wanted = tuple(map(parse_literal, goal))
    assert SymbolicPlanner(CARDS.values()).plan(scene, wanted, (), specification) == plain


def test_the_order_of_two_wishes():
    order = "weak_until(not in(red_cube, box), in(can, box))"
    assert calls(worlds.kitchen(), ["in(red_cube, box)", "in(can, box)"], order) == [
        "grasp can",
        "place can in box",
        "grasp red_cube",
        "place red_cube in box",
    ]


def test_a_drawer_is_not_opened_while_another_thing_is_missing():
    order = "weak_until(not open(drawer), in(can, box))"
    found = calls(worlds.kitchen(), ["in(red_cube, drawer)", "in(can, box)"], order)
    assert found.index("place can in box") < found.index("open drawer")


def test_what_is_asked_for_on_the_way_alone_is_done():
    found = calls(worlds.kitchen(), ["closed(drawer)"], "eventually(open(drawer))")
    assert found == ["open drawer", "close drawer"]


def test_a_choice_takes_the_shorter_way():
    either = "eventually(always(in(red_cube, drawer) or in(can, box)))"
    assert calls(worlds.kitchen(), [], either) == ["grasp can", "place can in box"]


def test_a_call_can_be_asked_for():
    found = calls(worlds.kitchen(), ["in(can, box)"], "eventually(call(home))")
    assert "home" in found


def test_whenever_the_drawer_is_open_it_is_closed_before_the_button_is_pressed():
    scene = worlds.scene(
        worlds.cube("red"), worlds.drawer(0.16), worlds.switchable("button", (0.7, 0, 0), on=False)
    )
    rule = "always(open(drawer) implies weak_until(not call(press, button), closed(drawer)))"
    found = calls(scene, ["turned_on(button)"], rule, cards=ZOO)
    assert found == ["close drawer", "press button on"]


def test_milestones_still_come_about_in_their_order():
    steps = (tuple(map(parse_literal, ["open(drawer)"])), SkillCall(skill="home"))
    order = "weak_until(not open(drawer), in(can, box))"
    found = calls(worlds.kitchen(), ["closed(drawer)", "in(can, box)"], order, milestones=steps)
    assert found[:3] == ["grasp can", "place can in box", "open drawer"]
    assert sorted(found[3:]) == ["close drawer", "home"]


def test_it_goes_on_from_where_a_specification_stands():
    scene = worlds.kitchen()
    model = WorldModel(scene, card_predicates(CARDS.values()))
    part = Specification(parts=("eventually(open(drawer)) and eventually(holding(can))",))
    progress, state = begun(part, model, model.initial()), model.initial()
    opened = ground_call(CARDS["open"], {"thing": "drawer"})
    state, progress = foreseen(progress, model, state, opened)
    later = progress.specification()
    planned = SymbolicPlanner(CARDS.values()).plan(scene, (), (), later)
    assert [call.skill for call in planned] == ["grasp"]


@pytest.mark.parametrize(
    ("goal", "parts", "reason"),
    [
        (
            ["in(red_cube, drawer)"],
            ["always(not open(drawer))"],
            r"satisfies always\(not open\(drawer\)\): what is wanted takes open\(thing=drawer\)",
        ),
        (["in(can, box)"], ["always(not call(any, can))"], r"takes grasp\(object=can\)"),
        (["in(can, box)"], ["always(open(drawer))"], r"always\(open\(drawer\)\) is violated alr"),
        ([], ["eventually(turned_on(can))"], r"eventually\(turned_on\(can\)\): no sequence"),
        (
            [],
            ["eventually(always(open(drawer)))", "eventually(always(closed(drawer)))"],
            "no way was found to all together",
        ),
    ],
)
def test_what_cannot_be_met_is_named(goal, parts, reason):
    with pytest.raises(PlanningError, match=reason):
        calls(worlds.kitchen(), goal, *parts)


def test_a_specification_of_what_is_not_there_is_refused():
    with pytest.raises(UnknownNameError, match="Unknown entity 'zebra'"):
        calls(worlds.kitchen(), ["in(can, box)"], "always(not holding(zebra))")


def check(calls_made, *parts: str, goal=()):
    plan = Plan(
        instruction="",
        goal=goal,
        calls=tuple(calls_made),
        planner="somebody",
        specification=Specification(parts=parts),
    )
    return PlanChecker(CARDS.values()).check(plan, worlds.kitchen()).reasons


def test_the_checker_refuses_what_violates_a_specification_and_says_which_call():
    opened = SkillCall(skill="open", args={"thing": "drawer"})
    assert check([opened], "always(not open(drawer))") == (
        "call 1, open(thing=drawer): it would violate always(not open(drawer))",
    )
    assert check([opened], "eventually(holding(can))") == (
        "eventually(holding(can)) would not have come about",
    )
    assert check([], "always(open(drawer))") == ("always(open(drawer)) is violated already",)
    assert "Unknown entity 'zebra'" in check([], "always(not holding(zebra))")[0]
    assert check([opened], "eventually(open(drawer))") == ()
