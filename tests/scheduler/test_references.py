"""Pronouns, things that were named before, and those that are told apart by where they are."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import FULL, HELD, KITCHEN, TWINS, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (KITCHEN, "see the bottle? put the red cube beside it", "beside(red_cube, bottle)"),
        (KITCHEN, "do you see the milk over there? pick it up", "holding(milk)"),
        (KITCHEN, "take the can. put it in the box.", "in(can, box)"),
        (KITCHEN, "The red cube: put it in the box.", "in(red_cube, box)"),
        (KITCHEN, "as for the can, put it in the box", "in(can, box)"),
        (KITCHEN, "pick up the red cube and put it on the green one", "on(red_cube, green_cube)"),
        (
            KITCHEN,
            "put the red cube in the box and do the same with the blue one",
            "in(blue_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put the red cube in the box, same for the green cube",
            "in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put the can in the box and the milk in there too",
            "in(can, box) & in(milk, box)",
        ),
        (
            KITCHEN,
            "open the drawer, then put the can in it, then close it",
            "closed(drawer) & in(can, drawer)",
        ),
        (
            KITCHEN,
            "put the red cube in the box and then the other cubes as well",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (HELD, "put what you are holding in the box", "in(can, box)"),
        (HELD, "put the thing in your hand into the box", "in(can, box)"),
        (HELD, "put it in the drawer", "in(can, drawer)"),
        (TWINS, "put the red cube next to the blue cube in the box", "in(red_cube, box)"),
        (
            TWINS,
            "put the red cube that isn't next to the blue cube in the box",
            "in(red_cube_2, box)",
        ),
        (
            KITCHEN,
            "grab the can and the milk and put them both in the box",
            "in(can, box) & in(milk, box)",
        ),
        (
            TWINS,
            "put the blue cube in the box and leave the other cubes where they are",
            "in(blue_cube, box)",
        ),
        (FULL, "put the thing that's in the box on the table", "on(red_cube, table)"),
        (FULL, "put the cube from the drawer into the box", "in(green_cube, box)"),
        (KITCHEN, "there's a can on the table. Put it in the box.", "in(can, box)"),
        (KITCHEN, "You see the red cube? I want it in the box.", "in(red_cube, box)"),
        (
            KITCHEN,
            "The drawer: open it, put the can inside, close it.",
            "closed(drawer) & in(can, drawer)",
        ),
        (FULL, "put that cube in the drawer into the box", "in(green_cube, box)"),
        (FULL, "the cube in the box belongs in the drawer", "in(red_cube, drawer)"),
        (TWINS, "take the big red cube", "holding(red_cube_2)"),
        (TWINS, "take the small red one", "holding(red_cube)"),
        (
            TWINS,
            "put the smaller of the red cubes in the box and the bigger one in the drawer",
            "in(red_cube, box) & in(red_cube_2, drawer)",
        ),
        (
            TWINS,
            "put one can in the box and the other one in the drawer",
            "in(can, box) & in(can_2, drawer)",
        ),
        (HELD, "place it on the red cube", "on(can, red_cube)"),
        (HELD, "put down what you have in your hand", "on(can, table)"),
        (HELD, "let go of it", "hand_empty()"),
        (HELD, "drop it", "on(can, table)"),
        (HELD, "put it in the box and then pick up the milk", "holding(milk) & in(can, box)"),
        (
            KITCHEN,
            "open the drawer and put the red cube in it and the can in the box",
            "in(can, box) & in(red_cube, drawer) & open(drawer)",
        ),
        (KITCHEN, "put the can in the box and leave it there", "in(can, box)"),
        (KITCHEN, "put the can in the drawer and leave it open", "in(can, drawer) & open(drawer)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "with the can, do this: put it in the box"),
        (KITCHEN, "put the former in the box"),
        (FULL, "swap"),
        (TWINS, "put the other can in the box"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
