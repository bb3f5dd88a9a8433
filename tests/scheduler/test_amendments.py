"""Sentences that are taken back while they are spoken."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import KITCHEN, OPEN, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (KITCHEN, "put the red, no, the blue cube in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the red cube, no wait, the blue one in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the red cube in the box, no, the blue one", "in(blue_cube, box)"),
        (KITCHEN, "put the red cube in the box... I mean the drawer", "in(red_cube, drawer)"),
        (KITCHEN, "put the can in the drawer - sorry, I mean in the box", "in(can, box)"),
        (KITCHEN, "put the can in the drawer, or rather the box", "in(can, box)"),
        (KITCHEN, "open the drawer, no, actually press the button", "turned_on(button)"),
        (KITCHEN, "open, I mean close the drawer", "closed(drawer)"),
        (OPEN, "open the drawer, I mean close it", "closed(drawer)"),
        (KITCHEN, "turn the button off, no, on", "turned_on(button)"),
        (KITCHEN, "put the can in the box, no, the milk", "in(milk, box)"),
        (KITCHEN, "put the can - no, the milk - in the box", "in(milk, box)"),
        (KITCHEN, "grab the can. Scratch that, grab the milk.", "holding(milk)"),
        (KITCHEN, "pick up the red cube, make that the green one", "holding(green_cube)"),
        (
            KITCHEN,
            "put the red cube in the box. Actually, put it in the drawer.",
            "in(red_cube, drawer)",
        ),
        (KITCHEN, "put the red cube in the box, wait, no, in the drawer", "in(red_cube, drawer)"),
        (KITCHEN, "put the blue cube in the box, not the red one", "in(blue_cube, box)"),
        (KITCHEN, "put not the red but the blue cube in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the blue cube instead of the red one in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the can in the box instead of the drawer", "in(can, box)"),
        (KITCHEN, "take the milk, oops, I meant the can, and put it in the box", "in(can, box)"),
        (
            KITCHEN,
            "put the red cube in the box and the green, sorry, the blue one in the drawer",
            "in(blue_cube, drawer) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put the red cube in the box and the green cube in the drawer, no, the blue one",
            "in(blue_cube, drawer) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put the can into the box, correction: the milk goes in the box",
            "in(milk, box)",
        ),
        (
            KITCHEN,
            "stack the red cube on the green one, no, on the blue one",
            "on(red_cube, blue_cube)",
        ),
        (
            KITCHEN,
            "put the can in the box, on second thought put it in the drawer",
            "in(can, drawer)",
        ),
        (KITCHEN, "put the milk, er, the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "put the can in the box - I take that back, put it in the drawer",
            "in(can, drawer)",
        ),
        (
            KITCHEN,
            "open the drawer... wait, no, don't open it, press the button instead",
            "open(drawer) & turned_on(button)",
        ),
        (KITCHEN, "pick up the green, ah no, red cube", "holding(red_cube)"),
        (KITCHEN, "put the red cube - the blue one, sorry - in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the blue cube in the drawer, I meant the box", "in(blue_cube, box)"),
        (KITCHEN, "the red cube, no the blue cube, goes in the box", "in(blue_cube, box)"),
        (KITCHEN, "put the can into the drawer, my mistake, the box", "in(can, box)"),
        (
            KITCHEN,
            "put the red one in the box. No, sorry, I meant the green one.",
            "in(green_cube, box)",
        ),
        (
            KITCHEN,
            "put the red cube on the green cube, or actually on the blue cube",
            "on(red_cube, blue_cube)",
        ),
        (KITCHEN, "grab the milk - nope, the can", "holding(can)"),
        (KITCHEN, "turn on the button, hold on, open the drawer instead", "open(drawer)"),
        (KITCHEN, "forget the can, put the milk in the box", "in(milk, box)"),
        (KITCHEN, "put the can in the box. Wait. Make it the drawer.", "in(can, drawer)"),
        (KITCHEN, "put can in drawer I mean box", "in(can, box)"),
        (KITCHEN, "put the can, sorry the milk, in the box", "in(milk, box)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "put the red cube in the box, no, don't"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
