"""What instructions say of time, over phrasings that no code knows as a whole."""

import numpy as np
import pytest

from robot_skills.core.errors import InstructionError, PlanningError, RefusedError
from robot_skills.core.plan import Plan
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds

CARDS = worlds.zoo_cards()
PLANNER = RulesPlanner(CARDS.values())
BUTTON = worlds.switchable("button", (0.7, -0.3, 0.015), on=False)
SHUT = worlds.kitchen().with_entity(BUTTON)
OPEN = worlds.kitchen(value_m=0.16).with_entity(BUTTON)
UNTOUCHED = (
    "not (call(grasp, bottle) or call(insert, bottle) or call(place, bottle) or call(push, bottle))"
)
CAN_FIRST = ["weak_until(not open(drawer), in(can, box))"]
SHUT_ALWAYS = ["always(closed(drawer))"]
NEVER_OPEN = ["always(not open(drawer))"]


def planned(words: str, scene: Scene) -> Plan:
    plan = PLANNER.plan(words, scene)
    verdict = PlanChecker(CARDS.values()).check(plan, scene)
    assert verdict.accepted, verdict.reasons
    return plan


def asked(words: str, scene: Scene) -> tuple[list[str], list[str]]:
    """Goal and specification."""
    plan = planned(words, scene)
    parts = () if plan.specification is None else plan.specification.parts
    return [str(literal) for literal in plan.goal], list(parts)


def calls(words: str, scene: Scene) -> list[str]:
    return [" ".join((c.skill, *c.args.values())) for c in planned(words, scene).calls]


@pytest.mark.parametrize(
    "words",
    [
        "first put the can in the box, then open the drawer",
        "put the can in the box and only then open the drawer",
        "put the can in the box. After that, open the drawer.",
        "put the can in the box before you open the drawer",
        "before opening the drawer, put the can in the box",
        "open the drawer after you have put the can in the box",
        "open the drawer only after the can is in the box",
        "only open the drawer once the can is in the box",
        "once the can is in the box, open the drawer",
        "as soon as the can is in the box, open the drawer",
        "open the drawer, but first put the can in the box",
        "open the drawer, but put the can in the box first",
        "open the drawer. Before that, put the can in the box.",
        "open the drawer, but not before the can is in the box",
        "put the can in the box and open the drawer. do not open the drawer until the can is in it",
        "until the can is in the box, don't open the drawer. then open the drawer",
        "the can must be in the box before the drawer is opened",
    ],
)
def test_one_thing_comes_before_another(words):
    goal, parts = asked(words.replace("in it", "in the box"), SHUT)
    assert "open(drawer)" in goal
    assert parts == CAN_FIRST
    assert calls(words.replace("in it", "in the box"), SHUT) == [
        "grasp can",
        "place can in box",
        "open drawer",
    ]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("put the can in the box without opening the drawer", NEVER_OPEN),
        ("put the can in the box without ever opening the drawer", NEVER_OPEN),
        ("put the can in the box, but don't open the drawer", NEVER_OPEN),
        ("put the can in the box. Never open the drawer!", NEVER_OPEN),
        ("do not open the drawer, just put the can in the box", NEVER_OPEN),
        ("put the can in the box and at no time open the drawer", NEVER_OPEN),
        ("put the can in the box. the drawer must never be open", NEVER_OPEN),
        ("make sure the drawer is never opened, and put the can in the box", NEVER_OPEN),
        ("put the can in the box, you must not open the drawer", NEVER_OPEN),
        ("avoid opening the drawer, put the can in the box", NEVER_OPEN),
        ("without touching the bottle, put the can in the box", [f"always({UNTOUCHED})"]),
        ("leave the bottle alone and put the can in the box", [f"always({UNTOUCHED})"]),
        ("put the can in the box and keep your hands off the bottle", [f"always({UNTOUCHED})"]),
        ("put the can in the box. the bottle must not be touched", [f"always({UNTOUCHED})"]),
        ("do not move the bottle, put the can in the box", [f"always({UNTOUCHED})"]),
        ("don't pick up the bottle, put the can in the box", ["always(not holding(bottle))"]),
        (
            "put the can in the box, but do not touch the bottle until the drawer is open",
            [f"weak_until({UNTOUCHED}, open(drawer))"],
        ),
        (
            "put the can in the box. never open the drawer while holding something",
            ["always(not (call(open, drawer) and not hand_empty()))"],
        ),
        (
            "put the can in the box, but don't press the button while the drawer is open",
            ["always(not (call(press, button, on) and open(drawer)))"],
        ),
        (
            "put the can in the box. never press the button unless the drawer is open",
            ["always(not call(press, button, on) or open(drawer))"],
        ),
        (
            "put the can in the box. do not press the button without first opening the drawer",
            ["weak_until(not turned_on(button), open(drawer))"],
        ),
        (
            "put the can in the box. never press the button with the drawer open",
            ["always(not (call(press, button, on) and open(drawer)))"],
        ),
        (
            "put the can in the box with the drawer closed",
            ["always(closed(drawer) or not (call(insert, can, box) or call(place, can, box, in)))"],
        ),
        (
            "put the can in the box, but neither open the drawer nor press the button",
            ["always(not open(drawer))", "always(not turned_on(button))"],
        ),
        (
            "put the can in the box. don't open the drawer or press the button",
            ["always(not open(drawer))", "always(not turned_on(button))"],
        ),
    ],
)
def test_what_must_not_be_done(words, parts):
    assert asked(words, SHUT) == (["in(can, box)"], parts)


def test_anything_behind_a_negation_is_everything():
    goal, parts = asked("put the can in the box; do not put anything in the drawer", SHUT)
    assert goal == ["in(can, box)"]
    assert all(f"in({thing}, drawer)" in parts[0] for thing in ("can", "milk", "red_cube"))
    assert parts == asked("put the can in the box. nothing may be put in the drawer", SHUT)[1]
    goal, parts = asked("put the can in the box; do not touch anything else", SHUT)
    assert not any("can" in part for part in parts)
    assert any("bottle" in part for part in parts)


@pytest.mark.parametrize(
    "words",
    [
        "put the can in the box and keep the drawer closed",
        "keep the drawer closed and put the can in the box",
        "keep the drawer shut the whole time. put the can in the box",
        "put the can in the box while keeping the drawer closed",
        "put the can in the box, keeping the drawer shut",
        "the drawer must stay closed while you put the can in the box",
        "make sure the drawer stays closed and put the can in the box",
        "put the can in the box, making sure that the drawer remains closed",
        "leave the drawer closed and put the can in the box",
    ],
)
def test_what_has_to_stay_as_it_is(words):
    goal, parts = asked(words, SHUT)
    assert set(goal) == {"in(can, box)", "closed(drawer)"}
    assert parts == SHUT_ALWAYS


def test_what_is_not_so_yet_has_to_stay_so_once_it_is():
    goal, parts = asked("keep the drawer closed", OPEN)
    assert goal == ["closed(drawer)"]
    assert parts == ["always(always(closed(drawer)) or not closed(drawer))"]
    assert calls("keep the drawer closed", OPEN) == ["close drawer"]


def test_nothing_is_left_open():
    assert asked("never leave the drawer open", OPEN) == (["closed(drawer)"], [])


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("put either the can or the milk in the box", "in(can, box) or in(milk, box)"),
        ("put the can or the milk into the box", "in(can, box) or in(milk, box)"),
        ("put the can in the box or in the drawer", "in(can, box) or in(can, drawer)"),
        ("put the can either in the box or in the drawer", "in(can, box) or in(can, drawer)"),
        ("put the red cube in the box or the drawer", "in(red_cube, box) or in(red_cube, drawer)"),
        ("either open the drawer or put the can in the box", "in(can, box) or open(drawer)"),
        ("pick up either the can or the milk", "holding(can) or holding(milk)"),
        (
            "put the can, the milk or the bread in the box",
            "in(bread, box) or in(can, box) or in(milk, box)",
        ),
    ],
)
def test_a_choice_is_left_open(words, wanted):
    ways = " or ".join(f"eventually(always({way}))" for way in wanted.split(" or "))
    assert asked(words, SHUT) == ([], [ways])
    assert calls(words, SHUT)


def test_a_choice_keeps_the_order_of_the_words():
    found = calls("put the can or the milk in the box, then open the drawer", SHUT)
    assert found == ["grasp can", "place can in box", "open drawer"]
    found = calls("pick up the can or the milk and put it in the box", SHUT)
    assert found == ["grasp can", "place can in box"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            "open the drawer and put the can or the milk in the box",
            ["in(can, box) and open(drawer)", "in(milk, box) and open(drawer)"],
        ),
        (
            "put the can in the box and open the drawer or press the button",
            ["in(can, box) and open(drawer)", "in(can, box) and turned_on(button)"],
        ),
        (
            "put the can in the box and pick up the red or the green cube",
            ["holding(green_cube) and in(can, box)", "holding(red_cube) and in(can, box)"],
        ),
    ],
)
def test_a_choice_is_between_what_stands_beside_it(words, found):
    ways = " or ".join(f"eventually(always({way}))" for way in found)
    assert asked(words, SHUT)[1] == [ways]


def test_what_follows_a_prohibition_is_asked_for():
    words = "until the drawer is open, do not touch the bottle, just put the can in the box"
    goal, parts = asked(words, SHUT)
    assert goal == ["in(can, box)"]
    assert parts == [f"weak_until({UNTOUCHED}, open(drawer))"]


def test_a_rule_for_whenever():
    words = "press the button. whenever the drawer is open, close it before pressing the button"
    assert calls(words, OPEN) == ["close drawer", "press button on"]
    assert calls(words, SHUT) == ["press button on"]
    words = "put the red cube in the drawer. every time the drawer is open, close it"
    assert calls(words, SHUT)[-1] == "close drawer"
    words = "open the drawer and press the button; whenever the drawer is open, do not press it"
    assert calls(words.replace("press it", "press the button"), SHUT) == [
        "press button on",
        "open drawer",
    ]


@pytest.mark.parametrize(
    ("words", "shut", "opened"),
    [
        ("if the drawer is open, close it", [], ["close drawer"]),
        ("close the drawer if it is open", [], ["close drawer"]),
        ("if the drawer is open close it, otherwise open it", ["open drawer"], ["close drawer"]),
        ("if the drawer is open, close it. Otherwise, open it.", ["open drawer"], ["close drawer"]),
        ("if the drawer is not open, open it", ["open drawer"], []),
        ("unless the drawer is open, open it", ["open drawer"], []),
        (
            "if there is a can, put it in the box, otherwise the milk",
            ["grasp can", "place can in box"],
            ["grasp can", "place can in box"],
        ),
        (
            "if there is a peg, put it in the box, otherwise the milk",
            ["grasp milk", "place milk in box"],
            ["grasp milk", "place milk in box"],
        ),
        (
            "if the drawer is open and your hand is empty, press the button",
            [],
            ["press button on"],
        ),
        (
            "if the drawer is open or the can is in the box, press the button",
            [],
            ["press button on"],
        ),
        ("if you are holding something, go home", [], []),
    ],
)
def test_a_condition_is_judged_on_the_scene_as_it_is(words, shut, opened):
    assert calls(words, SHUT) == shut
    assert calls(words, OPEN) == opened
    assert "now" in planned(words, OPEN).wording[0]


def test_how_a_condition_was_judged_is_told():
    wording = planned("if the drawer is open, close it", SHUT).wording
    assert wording == ("'the drawer is open' is not so now",)


@pytest.mark.parametrize(
    ("words", "error", "reason"),
    [
        ("put the red cube in the drawer without opening it", PlanningError, "takes open"),
        ("pick up the can until the drawer is open", InstructionError, "'until' cannot be hono"),
        ("only open the drawer", InstructionError, "'only' cannot be honoured"),
        ("whenever you feel like it put the can in the box", InstructionError, "'whenever'"),
        ("if red, put the can in the box", RefusedError, "does not say what to do"),
        ("never frobnicate the can", RefusedError, "frobnicate"),
        ("do not touch the zebra", RefusedError, "zebra"),
        ("keep the zebra closed", RefusedError, "zebra"),
        ("there is no need to open the drawer", RefusedError, "'no' cannot be honoured"),
        ("put the can in the box while it rains", RefusedError, "rains"),
        ("put the can or the zebra in the box", RefusedError, "zebra"),
        ("put the can in the box because it is red", InstructionError, "'because' cannot"),
        ("open the drawer exactly once", RefusedError, "exactly once"),
    ],
)
def test_what_is_not_understood_is_refused(words, error, reason):
    with pytest.raises(error, match=reason):
        planned(words, SHUT)


def test_what_is_taken_out_first_is_out_before_the_drawer_is_closed():
    scene = worlds.scene(worlds.in_drawer(worlds.cube("red"), 0.16), worlds.drawer(0.16))
    _, parts = asked("take the red cube out of the drawer, then close the drawer", scene)
    assert parts == ["weak_until(not closed(drawer), on(red_cube, table))"]


def test_nothing_waits_for_what_is_held_on_the_way():
    words = "pick up the can, then put it in the box, then open the drawer"
    assert asked(words, SHUT)[1] == CAN_FIRST
    assert asked("pick up the can, then open the drawer", SHUT)[1] == []


def test_words_that_say_nothing_of_time_have_no_specification():
    assert planned("put the can in the box and open the drawer", SHUT).specification is None


_HEAP = tuple(
    word
    for text in (
        "if unless while until never do not keep either or before after only whenever , . and",
        "the drawer open closed is can box put in it touch without otherwise then first but",
    )
    for word in text.split()
)


@pytest.mark.parametrize("seed", range(40))
def test_any_heap_of_such_words_is_planned_or_refused_in_one_line(seed):
    rng = np.random.default_rng(seed)
    refusals = []
    for _ in range(25):
        try:
            planned(" ".join(rng.choice(_HEAP, size=int(rng.integers(2, 12)))), SHUT)
        except RefusedError as error:
            refusals.append(str(error))
    assert not any("\n" in refusal for refusal in refusals)
