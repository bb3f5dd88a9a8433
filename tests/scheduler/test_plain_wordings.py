"""Commands and wanted states as people word them."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import FULL, HELD, KITCHEN, SHOP, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (SHOP, "stick the peg in its hole", "inserted(peg, socket)"),
        (SHOP, "place the red cube on the purple area", "on(red_cube, zone)"),
        (SHOP, "push the red cube onto the zone", "on(red_cube, zone)"),
        (SHOP, "flip the switch", "turned_on(switch)"),
        (SHOP, "hit the light switch", "turned_on(switch)"),
        (SHOP, "open the cupboard door", "open(cupboard)"),
        (SHOP, "swing the cupboard open", "open(cupboard)"),
        (KITCHEN, "set the can down next to the bottle", "beside(can, bottle)"),
        (KITCHEN, "take the can and drop it into the box", "in(can, box)"),
        (KITCHEN, "get the milk and put it in the box", "in(milk, box)"),
        (KITCHEN, "I want you to shove the drawer closed", "closed(drawer)"),
        (KITCHEN, "shut the drawer", "closed(drawer)"),
        (KITCHEN, "lay the bread on the drawer", "on(bread, drawer)"),
        (KITCHEN, "stow the can in the drawer", "in(can, drawer)"),
        (KITCHEN, "stack the cubes", "on(green_cube, blue_cube) & on(red_cube, green_cube)"),
        (
            KITCHEN,
            "put the red cube onto the green cube and the green cube onto the blue cube",
            "on(green_cube, blue_cube) & on(red_cube, green_cube)",
        ),
        (KITCHEN, "return the can to the table", "on(can, table)"),
        (KITCHEN, "switch the button on", "turned_on(button)"),
        (KITCHEN, "light up the button", "turned_on(button)"),
        (
            KITCHEN,
            "put the bread, can and milk in the box",
            "in(bread, box) & in(can, box) & in(milk, box)",
        ),
        (KITCHEN, "move the bread over to the box", "in(bread, box)"),
        (KITCHEN, "move your hand above the can", "over(can)"),
        (KITCHEN, "hover over the can", "over(can)"),
        (KITCHEN, "pick the can up and hold it", "holding(can)"),
        (KITCHEN, "lift the bread", "holding(bread)"),
        (
            KITCHEN,
            "I want the drawer closed with the bread inside.",
            "closed(drawer) & in(bread, drawer)",
        ),
        (KITCHEN, "I'd like to see the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "make sure the button is on and the can is in the box",
            "in(can, box) & turned_on(button)",
        ),
        (
            FULL,
            "make sure the button is off and the box is empty",
            "on(red_cube, table) & turned_off(button)",
        ),
        (
            KITCHEN,
            "the drawer should be open with the red cube in it",
            "in(red_cube, drawer) & open(drawer)",
        ),
        (KITCHEN, "the red cube belongs in the box", "in(red_cube, box)"),
        (KITCHEN, "the can and the milk should both be in the box", "in(can, box) & in(milk, box)"),
        (KITCHEN, "by the time you're done the can has to be in the box", "in(can, box)"),
        (
            KITCHEN,
            "in the end, I want all cubes in the box and the drawer open",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box) & open(drawer)",
        ),
        (KITCHEN, "the button needs to be on", "turned_on(button)"),
        (KITCHEN, "the can lives in the box", "in(can, box)"),
        (KITCHEN, "get the drawer open", "open(drawer)"),
        (KITCHEN, "the can is supposed to be in the box", "in(can, box)"),
        (
            KITCHEN,
            "when you're finished, the can should be in the box and the drawer should be open",
            "in(can, box) & open(drawer)",
        ),
        (
            KITCHEN,
            "I want the bread in the drawer, and the drawer shut",
            "closed(drawer) & in(bread, drawer)",
        ),
        (KITCHEN, "I want to find the can in the box when I get back", "in(can, box)"),
        (KITCHEN, "when I come back I want the drawer to be open", "open(drawer)"),
        (KITCHEN, "have the can in the box", "in(can, box)"),
        (KITCHEN, "have the drawer open and the can in the box", "in(can, box) & open(drawer)"),
        (
            KITCHEN,
            "leave the drawer open with the red cube in it",
            "in(red_cube, drawer) & open(drawer)",
        ),
        (KITCHEN, "the drawer should contain the red cube", "in(red_cube, drawer)"),
        (KITCHEN, "the box should hold the can and the milk", "in(can, box) & in(milk, box)"),
        (KITCHEN, "I'd like the red cube to end up on the blue one", "on(red_cube, blue_cube)"),
        (KITCHEN, "there should be a cube in the box", "in(red_cube, box)"),
        (KITCHEN, "there should be nothing in the box", ""),
        (FULL, "there should be nothing in the box", "on(red_cube, table)"),
        (FULL, "nothing should be in the box", "on(red_cube, table)"),
        (KITCHEN, "the button should be lit", "turned_on(button)"),
        (
            KITCHEN,
            "the button ought to be on and the drawer closed",
            "closed(drawer) & turned_on(button)",
        ),
        (
            KITCHEN,
            "get the bread into the drawer and have it closed",
            "closed(drawer) & in(bread, drawer)",
        ),
        (KITCHEN, "make it so that the can is in the box", "in(can, box)"),
        (
            KITCHEN,
            "I need the red cube to be inside the drawer and the drawer to be closed",
            "closed(drawer) & in(red_cube, drawer)",
        ),
        (KITCHEN, "end state: can in box, drawer open", "in(can, box) & open(drawer)"),
        (
            KITCHEN,
            "both the can and the milk need to be in the box",
            "in(can, box) & in(milk, box)",
        ),
        (KITCHEN, "see to it that the red cube sits on the blue cube", "on(red_cube, blue_cube)"),
        (KITCHEN, "ensure the can stands next to the bottle", "beside(can, bottle)"),
        (KITCHEN, "the goal is to have the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "the desired result is the drawer open and the can in the box",
            "in(can, box) & open(drawer)",
        ),
        (HELD, "free your hand", "hand_empty()"),
        (HELD, "empty your hand", "hand_empty()"),
        (KITCHEN, "make sure that the drawer is shut", "closed(drawer)"),
        (FULL, "the red cube should be in the box", "in(red_cube, box)"),
        (FULL, "ensure the button is on", "turned_on(button)"),
        (KITCHEN, "check that the drawer is closed", "closed(drawer)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (SHOP, "Insert the peg."),
        (KITCHEN, "build a tower out of the cubes"),
        (
            KITCHEN,
            "the red cube should be on top of the green cube, which should be on the blue one",
        ),
        (FULL, "no cubes should be in the box"),
        (KITCHEN, "make the can be in the box"),
        (KITCHEN, "the table should have no cubes on it"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
