"""Words and plans for reaching, pushing, pressing, inserting, doors, and putting beside."""

import pytest

from robot_skills.core.errors import (
    InstructionError,
    MissingSkillError,
    PlanningError,
    UnknownNameError,
)
from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.words.language import LanguageParser, Understanding
from robot_skills.scheduler.world_model import WorldModel, card_predicates, ground_call
from tests.scheduler import worlds

CARDS = worlds.zoo_cards()


def understand(instruction: str, scene: Scene) -> Understanding:
    return LanguageParser(CARDS.values()).parse(instruction, scene)


def calls(instruction: str, scene: Scene) -> list[str]:
    planned = RulesPlanner(CARDS.values()).plan(instruction, scene)
    verdict = PlanChecker(CARDS.values()).check(planned, scene)
    assert verdict.accepted, verdict.reasons
    return [f"{call.skill} {' '.join(call.args.values())}".strip() for call in planned.calls]


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("press the button", ["turned_on(button)"]),
        ("push the button", ["turned_on(button)"]),
        ("turn on the switch", ["turned_on(switch)"]),
        ("turn the switch on", ["turned_on(switch)"]),
        ("switch the button lamp on", ["turned_on(button)"]),
        ("flip the switch", ["turned_on(switch)"]),
        ("the switch should be on", ["turned_on(switch)"]),
        ("I want the switch turned on", ["turned_on(switch)"]),
        ("open the cupboard", ["open(cupboard)"]),
        ("swing the cupboard door open", ["open(cupboard)"]),
        ("pull the door open", ["open(cupboard)"]),
        ("insert the peg into the hole", ["inserted(peg, socket)"]),
        ("plug the peg into the socket", ["inserted(peg, socket)"]),
        ("put the peg in the socket", ["inserted(peg, socket)"]),
        ("put the red cube next to the can", ["beside(red_cube, can)"]),
        ("place the can beside the socket", ["beside(can, socket)"]),
        ("put the red cube close to the can", ["beside(red_cube, can)"]),
        ("put the red cube near the can", ["beside(red_cube, can)"]),
        ("put the red cube on the zone", ["on(red_cube, zone)"]),
        ("move the red cube to the purple square", ["on(red_cube, zone)"]),
        ("put both cubes on the zone", ["on(red_cube, zone)", "on(blue_cube, zone)"]),
        ("go over the red cube", ["over(red_cube)"]),
        ("move above the can", ["over(can)"]),
        ("hover over the socket", ["over(socket)"]),
        ("go next to the can", ["alongside(can)"]),
    ],
)
def test_words_ask_for(instruction, wanted):
    assert [str(g) for g in understand(instruction, worlds.workshop()).goal] == wanted


def test_pressing_changes_what_is():
    on = worlds.workshop(button_on=True, switch_on=True)
    assert str(understand("press the button", on).goal[0]) == "turned_off(button)"
    assert understand("turn the switch on", on).goal == (
        Literal(predicate="turned_on", args=("switch",)),
    )
    assert calls("turn the switch on", on) == []
    assert calls("turn the switch off", on) == ["press switch off"]


def test_pushing_is_a_call_of_its_own_and_carrying_is_not():
    scene = worlds.workshop()
    assert calls("push the red cube onto the zone", scene) == ["push red_cube zone"]
    assert calls("put the red cube on the zone", scene) == [
        "grasp red_cube",
        "place red_cube on zone",
    ]


def test_what_is_asked_in_passing_is_done_on_the_way():
    scene = worlds.workshop()
    understood = understand("go over the can, then go next to the red cube", scene)
    assert understood.milestones == ((Literal(predicate="over", args=("can",)),),)
    assert calls("go over the can, then press the button and go next to the red cube", scene) == [
        "reach can over",
        "press button on",
        "reach red_cube alongside",
    ]
    assert calls("hover over the can and then go home", scene) == ["reach can over", "home"]


def test_a_long_instruction_is_planned_in_the_order_of_the_words():
    words = (
        "open the cupboard, push the red cube onto the zone, put the peg into the socket, "
        "turn the switch on and close the cupboard"
    )
    assert calls(words, worlds.workshop()) == [
        "open cupboard",
        "push red_cube zone",
        "grasp peg",
        "insert peg socket",
        "press switch on",
        "close cupboard",
    ]


def test_a_thing_is_put_beside_another():
    assert calls("put the red cube next to the can", worlds.workshop()) == [
        "grasp red_cube",
        "place red_cube beside can",
    ]


def test_a_hand_that_holds_something_puts_it_down_first():
    scene = worlds.workshop(held="red_cube")
    assert calls("press the button", scene) == ["place red_cube on table", "press button on"]


@pytest.mark.parametrize(
    ("instruction", "error", "reason"),
    [
        ("press the can", UnknownNameError, "No skill for 'press the can'"),
        ("turn the can off", UnknownNameError, "No skill for 'turn the can off'"),
        ("push the can", InstructionError, "marked area.*zone"),
        ("push the can to the socket", InstructionError, "marked area.*zone"),
        ("go to the table", InstructionError, "what thing"),
        ("push the blue cube onto the zone", None, None),
        ("push the peg onto the zone", PlanningError, "305 mm from the middle of zone"),
        ("insert the can into the socket", PlanningError, "does not fit"),
        ("put the red cube behind the can", InstructionError, "not a relation"),
        ("turn the light on", InstructionError, "ambiguous.*switch, button"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(instruction, error, reason):
    scene = worlds.workshop()
    if error is None:
        assert calls(instruction, scene) == ["push blue_cube zone"]
        return
    with pytest.raises(error, match=reason):
        calls(instruction, scene)


def test_every_call_ends_where_the_tool_was():
    scene = worlds.workshop()
    model = WorldModel(scene, card_predicates(CARDS.values()))
    reach = ground_call(CARDS["reach"], {"object": "can", "side": "over"})
    over = model.apply(model.initial(), reach.effects)
    literal = Literal(predicate="over", args=("can",))
    assert model.holds(over, literal)
    press = ground_call(CARDS["press"], {"control": "button", "state": "on"})
    assert not model.holds(model.apply(over, press.effects), literal)


def test_what_is_taken_from_its_hole_is_inserted_no_more():
    scene = worlds.workshop(held="peg")
    model = WorldModel(scene, card_predicates(CARDS.values()))
    insert = ground_call(CARDS["insert"], {"object": "peg", "socket": "socket"})
    state = model.apply(model.initial(), insert.effects)
    inserted = Literal(predicate="inserted", args=("peg", "socket"))
    assert model.holds(state, inserted)
    grasp = ground_call(CARDS["grasp"], {"object": "peg"})
    assert not model.holds(model.apply(state, grasp.effects), inserted)


def test_a_call_names_what_it_presses():
    planned = RulesPlanner(CARDS.values()).plan("turn on the switch", worlds.workshop())
    assert planned.calls == (SkillCall(skill="press", args={"control": "switch", "state": "on"}),)


def test_a_skill_that_is_missing_is_described_so_that_it_can_be_taught():
    without = [card for name, card in CARDS.items() if name != "press"]
    with pytest.raises(MissingSkillError, match=r"no skill has the effect turned_on") as caught:
        RulesPlanner(without).plan("turn the button on", worlds.workshop())
    error = caught.value
    assert (error.verb, error.parameters) == ("press", {"control": "control"})
    assert error.effects == ("turned_on({control})",)
    assert "Missing: a skill press(control: control) with turned_on({control})." in str(error)


def test_a_verb_that_nobody_knows_is_described_by_what_it_was_said_of():
    with pytest.raises(MissingSkillError, match="No skill for 'pour'") as caught:
        RulesPlanner(CARDS.values()).plan("pour the can into the socket", worlds.workshop())
    error = caught.value
    assert (error.verb, error.effects) == ("pour", ())
    assert error.parameters == {"object": "movable", "target": "container"}


def test_nothing_is_put_into_a_cupboard_whose_door_shows_it_from_the_front():
    with pytest.raises(PlanningError, match="put in from above, and cupboard has no opening"):
        calls("put the red cube in the cupboard", worlds.workshop())


def test_a_plan_that_puts_something_into_an_open_cupboard_is_refused():
    target = {"object": "red_cube", "relation": "in", "target": "cupboard"}
    into = (
        SkillCall(skill="open", args={"thing": "cupboard"}),
        SkillCall(skill="grasp", args={"object": "red_cube"}),
        SkillCall(skill="place", args=target),
    )
    plan = Plan(instruction="", goal=(), calls=into, planner="test")
    verdict = PlanChecker(CARDS.values()).check(plan, worlds.workshop())
    assert "accepts(cupboard) would not hold" in "".join(verdict.reasons)


def test_what_goes_on_the_table_is_not_put_beside_anything():
    made = calls("turn the switch on and put the can on the table", worlds.workshop(held="can"))
    assert made == ["place can on table", "press switch on"]
