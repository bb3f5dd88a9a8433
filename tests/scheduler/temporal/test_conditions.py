"""Orders, conditions, prohibitions and choices as people word them."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import FULL, HELD, KITCHEN, OPEN, SHOP, demanded, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (
            KITCHEN,
            "press the button before you put the red cube in the box, and when you're done go home",
            "in(red_cube, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "Open the drawer. Once that's done, put the can in it. When you're done, close it.",
            "closed(drawer) & in(can, drawer)",
        ),
        (
            KITCHEN,
            "start by opening the drawer, then put the bread in it and finish by closing it",
            "closed(drawer) & in(bread, drawer)",
        ),
        (
            KITCHEN,
            "step one: open the drawer. step two: put the bread in it.",
            "in(bread, drawer) & open(drawer)",
        ),
        (
            KITCHEN,
            "1) open the drawer 2) put the bread in it 3) close it",
            "closed(drawer) & in(bread, drawer)",
        ),
        (KITCHEN, "put the can in the box followed by the milk", "in(can, box) & in(milk, box)"),
        (
            KITCHEN,
            "after putting the can in the box, press the button",
            "in(can, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "after you have put the can in the box, turn on the button, and lastly open the drawer",
            "in(can, box) & open(drawer) & turned_on(button)",
        ),
        (KITCHEN, "first the can goes in the box, then the milk", "in(can, box) & in(milk, box)"),
        (
            KITCHEN,
            "put the red cube in the box. Next, the green one. Finally, press the button.",
            "in(green_cube, box) & in(red_cube, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "to begin with, open the drawer; after that the red cube goes in it",
            "in(red_cube, drawer) & open(drawer)",
        ),
        (
            KITCHEN,
            "put the can in the box prior to pressing the button",
            "in(can, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "put the can in the box and as soon as that's done press the button",
            "in(can, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "turn on the button but put the can in the box first",
            "in(can, box) & turned_on(button)",
        ),
        (
            KITCHEN,
            "before anything else, open the drawer. then put the can in it.",
            "in(can, drawer) & open(drawer)",
        ),
        (
            KITCHEN,
            "once the red cube is in the drawer, close it and press the button",
            "closed(drawer) & in(red_cube, drawer) & turned_on(button)",
        ),
        (OPEN, "if the drawer is open, close it", "closed(drawer)"),
        (KITCHEN, "if the drawer is open, close it", ""),
        (KITCHEN, "If the drawer's closed, open it.", "open(drawer)"),
        (KITCHEN, "is the drawer open? if not, open it", "open(drawer)"),
        (OPEN, "is the drawer open? then close it", "closed(drawer)"),
        (KITCHEN, "should the drawer be open, close it", ""),
        (OPEN, "close the drawer if it's open", "closed(drawer)"),
        (KITCHEN, "close the drawer if it is open", ""),
        (KITCHEN, "unless the drawer is open, open it", "open(drawer)"),
        (KITCHEN, "open the drawer unless it is already open", "open(drawer)"),
        (KITCHEN, "if it's not already open, open the drawer", "open(drawer)"),
        (
            KITCHEN,
            "If there's a peg on the table put it in the drawer, otherwise put the can there.",
            "in(can, drawer)",
        ),
        (KITCHEN, "if there is a can put it in the box, if not the bottle", "in(can, box)"),
        (
            KITCHEN,
            "if there is a peg put it in the box, if not put the bottle in it",
            "in(bottle, box)",
        ),
        (KITCHEN, "if you can find an orange cube, put it in the box", ""),
        (KITCHEN, "if you see a bottle, put it in the box", "in(bottle, box)"),
        (KITCHEN, "if the box is empty, put the red cube in it", "in(red_cube, box)"),
        (FULL, "if the box is empty, put the blue cube in it", ""),
        (
            FULL,
            "if there's something in the box, put the blue cube in the drawer",
            "in(blue_cube, drawer)",
        ),
        (FULL, "if the red cube is in the box, take it out", "on(red_cube, table)"),
        (FULL, "if the button is on, turn it off, else turn it on", "turned_off(button)"),
        (FULL, "in case the button is on, switch it off", "turned_off(button)"),
        (FULL, "when the button is on, turn it off", "turned_off(button)"),
        (KITCHEN, "if the button is off and the drawer is closed, open the drawer", "open(drawer)"),
        (HELD, "if you are holding something, put it in the box", "in(can, box)"),
        (KITCHEN, "if you are holding something, put it in the box", ""),
        (KITCHEN, "put the can in the box if there is one", "in(can, box)"),
        (KITCHEN, "put the peg in the box if there is one", ""),
        (KITCHEN, "only if the drawer is open, put the can in it", ""),
        (KITCHEN, "if the milk is next to the can, put it in the box", ""),
        (KITCHEN, "provided the drawer is closed, put the can on it", "on(can, drawer)"),
        (KITCHEN, "if the milk is on the table, put it in the box", "in(milk, box)"),
        (
            KITCHEN,
            "if the drawer is closed then open it and put the bread inside",
            "in(bread, drawer) & open(drawer)",
        ),
        (
            KITCHEN,
            "open the drawer if it's closed and then put the bread in",
            "in(bread, drawer) & open(drawer)",
        ),
        (KITCHEN, "if there is no peg, put the can in the box", "in(can, box)"),
        (KITCHEN, "if there isn't a peg here, put the can in the box", "in(can, box)"),
        (KITCHEN, "put the can in the drawer if it fits, otherwise in the box", "in(can, box)"),
        (KITCHEN, "if the bread fits in the drawer put it there", "in(bread, drawer)"),
        (KITCHEN, "if it fits, put the bread in the drawer", "in(bread, drawer)"),
        (KITCHEN, "if the button isn't on, turn it on", "turned_on(button)"),
        (FULL, "if the button is already on, leave it alone, otherwise turn it on", ""),
        (KITCHEN, "turn on the button unless it's on already", "turned_on(button)"),
        (FULL, "if the box isn't empty, empty it", "on(red_cube, table)"),
        (FULL, "if anything is in the box, take it out", "on(red_cube, table)"),
        (KITCHEN, "if anything is in the box, take it out", ""),
        (KITCHEN, "if nothing is in the box, put the can in it", "in(can, box)"),
        (KITCHEN, "if you don't see a peg, open the drawer", "open(drawer)"),
        (KITCHEN, "if your hand is empty, pick up the can", "holding(can)"),
        (HELD, "if your hand isn't empty, put down what you hold", "on(can, table)"),
        (KITCHEN, "in case there is a peg, put it in the box", ""),
        (KITCHEN, "close the drawer, but only if it is open", ""),
        (OPEN, "close the drawer, but only if it is open", "closed(drawer)"),
        (KITCHEN, "if the drawer happens to be closed, open it", "open(drawer)"),
        (KITCHEN, "if the drawer is open close it, and if it's closed open it", "open(drawer)"),
        (
            KITCHEN,
            "if the drawer is open, put the bread in it; if not, put it in the box",
            "in(bread, box)",
        ),
        (KITCHEN, "put the bread in the drawer if it is open, else in the box", "in(bread, box)"),
        (OPEN, "put the bread in the drawer if it is open, else in the box", "in(bread, drawer)"),
        (KITCHEN, "when there's a can, put it in the box", "in(can, box)"),
        (KITCHEN, "if red_cube is on the table put it in the box", "in(red_cube, box)"),
        (KITCHEN, "if the can or the bottle is in the box, open the drawer", ""),
        (KITCHEN, "if neither the can nor the milk is in the box, open the drawer", "open(drawer)"),
        (KITCHEN, "the drawer - if it's closed, open it", "open(drawer)"),
        (KITCHEN, "put the blue cube in the box without opening the drawer", "in(blue_cube, box)"),
        (KITCHEN, "put the can in the box but don't touch the milk", "in(can, box)"),
        (
            KITCHEN,
            "put the can in the box. Do not, under any circumstances, open the drawer.",
            "in(can, box)",
        ),
        (
            KITCHEN,
            "whatever you do, don't open the drawer. Put the can in the box.",
            "in(can, box)",
        ),
        (
            KITCHEN,
            "put all the cubes in the box, just not the red one",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (KITCHEN, "keep away from the bottle and put the can in the box", "in(can, box)"),
        (KITCHEN, "put the can in the box, but leave the bottle alone", "in(can, box)"),
        (KITCHEN, "you may open the drawer but must not touch the can", "open(drawer)"),
        (
            KITCHEN,
            "put the cubes in the box and nothing else",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (KITCHEN, "no touching the bottle! put the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "make sure you don't open the drawer while you put the can in the box",
            "in(can, box)",
        ),
        (KITCHEN, "don't put the red cube in the box, put the green one in", "in(green_cube, box)"),
        (KITCHEN, "without moving the can, put the milk in the box", "in(milk, box)"),
        (
            KITCHEN,
            "put the can in the box; the drawer has to stay shut",
            "closed(drawer) & in(can, box)",
        ),
        (
            KITCHEN,
            "pick any cube other than the red one and put it in the box",
            "in(green_cube, box)",
        ),
        (KITCHEN, "put the bread in the drawer but don't close it", "in(bread, drawer)"),
        (KITCHEN, "put the can in the box and don't do anything else", "in(can, box)"),
        (
            KITCHEN,
            "put the can in the box, and under no circumstances touch the milk",
            "in(can, box)",
        ),
        (KITCHEN, "the milk is off limits. put the can in the box", "in(can, box)"),
        (KITCHEN, "the bottle stays where it is, put the can in the box", "in(can, box)"),
        (KITCHEN, "take the can, not the milk, and put it in the box", "in(can, box)"),
        (KITCHEN, "put a cube in the box, any cube but the red one", "in(green_cube, box)"),
        (KITCHEN, "put the red cube on the table without using the drawer", "on(red_cube, table)"),
        (KITCHEN, "I don't want the drawer opened. Put the can in the box.", "in(can, box)"),
        (KITCHEN, "I don't want you to touch the milk; put the can in the box", "in(can, box)"),
        (KITCHEN, "you're not supposed to open the drawer. put the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "careful with the bottle, don't touch it, just put the can in the box",
            "in(can, box)",
        ),
        (KITCHEN, "never mind the bottle, put the can in the box", "in(can, box)"),
        (KITCHEN, "put the can in the box - no opening the drawer!", "in(can, box)"),
        (KITCHEN, "as long as the drawer stays closed, put the can in the box", "in(can, box)"),
        (KITCHEN, "put the can in the box with the drawer remaining closed", "in(can, box)"),
        (KITCHEN, "put the can in the box while leaving the milk alone", "in(can, box)"),
        (
            KITCHEN,
            "keep the red cube out of the box and put the other cubes in it",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (KITCHEN, "put a cube that isn't red in the box", "in(green_cube, box)"),
        (KITCHEN, "put the can in the box. Don't you dare touch the bottle.", "in(can, box)"),
        (KITCHEN, "put the can in the box, but please no touching of the bottle", "in(can, box)"),
        (KITCHEN, "grab any of the cubes", "holding(red_cube)"),
        (KITCHEN, "keep pressing the button until it's on", "turned_on(button)"),
        (KITCHEN, "press the button until it is on", "turned_on(button)"),
        (FULL, "press the button until it's off", "turned_off(button)"),
        (FULL, "press the button until it is on", "turned_on(button)"),
        (KITCHEN, "pull the drawer until it is open", "open(drawer)"),
        (OPEN, "push the drawer until it's closed", "closed(drawer)"),
        (KITCHEN, "push the button until it turns on", "turned_on(button)"),
        (KITCHEN, "press the button until it lights up", "turned_on(button)"),
        (KITCHEN, "keep pushing the drawer until it's shut", "closed(drawer)"),
        (
            KITCHEN,
            "keep adding cubes to the box until all of them are in it",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put cubes in the box until they are all in there",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put the cubes into the box one after another until none is left on the table",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (FULL, "take things out of the box until it is empty", "on(red_cube, table)"),
        (FULL, "empty the box until nothing is left in it", "on(red_cube, table)"),
        (KITCHEN, "keep the drawer open until the bread is in it, then close it", "closed(drawer)"),
        (
            KITCHEN,
            "don't press the button until the drawer is open, then press it",
            "turned_on(button)",
        ),
        (KITCHEN, "open the drawer until it is fully open", "open(drawer)"),
        (KITCHEN, "keep the button on until you're finished", "turned_on(button)"),
        (KITCHEN, "toggle the button until it is on", "turned_on(button)"),
        (SHOP, "flip the switch until it's on", "turned_on(switch)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "depending on whether the drawer is open, close or open it"),
        (KITCHEN, "if the can is to the left of the milk, put it in the box"),
        (KITCHEN, "do anything but open the drawer"),
        (KITCHEN, "don't do anything"),
        (KITCHEN, "nobody touches the bottle! put the can in the box"),
        (KITCHEN, "put the groceries anywhere but the box"),
        (KITCHEN, "put the can anywhere except in the drawer"),
        (KITCHEN, "one of the two: open the drawer or press the button"),
        (KITCHEN, "put the can in the box, or the milk if you prefer"),
        (KITCHEN, "put any of the can, the milk or the bottle in the box"),
        (KITCHEN, "pick one: the can or the milk, and put it in the box"),
        (KITCHEN, "put the can in the box or don't"),
        (KITCHEN, "choose between the can and the milk and put it in the box"),
        (KITCHEN, "box or drawer, wherever you like, but put the bread away"),
        (KITCHEN, "wait until the button is on, then open the drawer"),
        (KITCHEN, "hold the can until I say stop"),
        (KITCHEN, "keep pressing the button"),
        (KITCHEN, "wave at me every ten seconds until I'm back"),
        (KITCHEN, "leave the drawer open until the bread is inside, then shut it"),
        (KITCHEN, "hold on to the can until the drawer is open"),
        (KITCHEN, "stack cubes until there are three on top of each other"),
        (KITCHEN, "push it until it closes"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("put either the red or the blue cube in the box, I don't care which", "in(red_cube, box)"),
        ("put the can or the milk in the box, your choice", "in(milk, box)"),
        (
            "put the red cube in the box or in the drawer, whichever is easier",
            "in(red_cube, drawer)",
        ),
        ("open the drawer or press the button, either is fine", "turned_on(button)"),
        ("put the red/blue cube in the box", "in(blue_cube, box)"),
        ("pick up the can or the bottle - you decide", "holding(bottle)"),
    ],
)
def test_a_choice_is_left_to_the_planner(words, part):
    (demand,) = demanded(words, KITCHEN)
    assert f"eventually(always({part}))" in demand
    assert " or " in demand


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            "put the can in the box. Do not, under any circumstances, open the drawer.",
            "open(drawer)",
        ),
        ("whatever you do, don't open the drawer. Put the can in the box.", "open(drawer)"),
        ("make sure you don't open the drawer while you put the can in the box", "open(drawer)"),
        ("don't put the red cube in the box, put the green one in", "in(red_cube, box)"),
    ],
)
def test_what_is_forbidden_never_comes_about(words, part):
    assert demanded(words, KITCHEN) == (f"always(not {part})",)
