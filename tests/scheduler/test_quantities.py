"""How many are meant, and which are not."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import FULL, KITCHEN, TWINS, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (
            KITCHEN,
            "all the cubes go in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "every cube should go into the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put all of the cubes into the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put all three cubes into the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put each of the cubes into the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put all cubes but the red one in the box",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (
            KITCHEN,
            "put all the cubes in the box except the red one",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (
            KITCHEN,
            "put all the cubes but not the red one in the box",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (
            KITCHEN,
            "put all the cubes apart from the blue and the green ones in the box",
            "in(red_cube, box)",
        ),
        (KITCHEN, "put one of the cubes in the box", "in(red_cube, box)"),
        (KITCHEN, "put any one of the cubes in the drawer", "in(red_cube, drawer)"),
        (
            KITCHEN,
            "put one of the cubes in the box, anything but the red one",
            "in(green_cube, box)",
        ),
        (KITCHEN, "put a cube in the box, but not the red one", "in(green_cube, box)"),
        (KITCHEN, "put two cubes in the box", "in(green_cube, box) & in(red_cube, box)"),
        (
            KITCHEN,
            "put two of the three cubes in the box",
            "in(green_cube, box) & in(red_cube, box)",
        ),
        (TWINS, "put both cans on the table", "on(can, table) & on(can_2, table)"),
        (TWINS, "put the two cans on the table", "on(can, table) & on(can_2, table)"),
        (
            TWINS,
            "put both of the red cubes on the drawer",
            "on(red_cube, drawer) & on(red_cube_2, drawer)",
        ),
        (FULL, "take everything out of the drawer", "on(green_cube, table)"),
        (FULL, "empty the box and the drawer", "on(green_cube, table) & on(red_cube, table)"),
        (
            KITCHEN,
            "put the rest of the cubes in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (KITCHEN, "put everything red in the box", "in(red_cube, box)"),
        (KITCHEN, "put a couple of cubes in the box", "in(green_cube, box) & in(red_cube, box)"),
        (
            KITCHEN,
            "I want all the cubes in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "every single cube belongs in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put all cubes except for the green one into the drawer",
            "in(blue_cube, drawer) & in(red_cube, drawer)",
        ),
        (KITCHEN, "put everything that's red in the box", "in(red_cube, box)"),
        (KITCHEN, "put only the red cube in the box", "in(red_cube, box)"),
        (
            KITCHEN,
            "put two of the cubes in the drawer",
            "in(green_cube, drawer) & in(red_cube, drawer)",
        ),
        (KITCHEN, "put any two cubes in the box", "in(green_cube, box) & in(red_cube, box)"),
        (
            KITCHEN,
            "put the three cubes in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (
            TWINS,
            "put both red cubes in the drawer",
            "in(red_cube, drawer) & in(red_cube_2, drawer)",
        ),
        (TWINS, "put each can in the box", "in(can, box) & in(can_2, box)"),
        (FULL, "put everything from the box on the table", "on(red_cube, table)"),
        (FULL, "clear out the box", "on(red_cube, table)"),
        (
            KITCHEN,
            "put the cubes in the box, all but the blue one",
            "in(green_cube, box) & in(red_cube, box)",
        ),
        (
            KITCHEN,
            "put all the cubes in the box but leave the red one where it is",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (
            KITCHEN,
            "put all cubes in the box, but don't touch the red one",
            "in(blue_cube, box) & in(green_cube, box)",
        ),
        (KITCHEN, "put a cube and a can in the box", "in(can, box) & in(red_cube, box)"),
        (KITCHEN, "put 2 cubes in the box", "in(green_cube, box) & in(red_cube, box)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "put everything but the groceries in the box"),
        (KITCHEN, "put both cubes in the box"),
        (FULL, "put both things from the containers on the table"),
        (KITCHEN, "put some cubes in the box"),
        (KITCHEN, "put five cubes in the box"),
        (KITCHEN, "put half of the cubes in the box"),
        (KITCHEN, "put at least two cubes in the box"),
        (KITCHEN, "throw every cube you see in the box"),
        (KITCHEN, "put all the things that are not cubes in the box"),
        (KITCHEN, "put nothing but the red cube in the box"),
        (KITCHEN, "put the four cubes in the box"),
        (FULL, "take both cubes out of where they are and put them on the table"),
        (KITCHEN, "put the bottle, the can and either cube in the box"),
        (KITCHEN, "put one more cube in the box"),
        (KITCHEN, "put no cubes in the box"),
        (KITCHEN, "put none of the cubes in the box"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
