"""Typing errors are read as what they are meant for; real words never are."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import KITCHEN, SHOP, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (KITCHEN, "put teh red cube in the box", "in(red_cube, box)"),
        (KITCHEN, "plaec the gren cube in the box", "in(green_cube, box)"),
        (KITCHEN, "opne the drawer", "open(drawer)"),
        (KITCHEN, "open the drwaer", "open(drawer)"),
        (KITCHEN, "clsoe the drawr", "closed(drawer)"),
        (KITCHEN, "pick up the botle", "holding(bottle)"),
        (KITCHEN, "put the redcube in the box", "in(red_cube, box)"),
        (KITCHEN, "put the bleu cube inthe box", "in(blue_cube, box)"),
        (KITCHEN, "put the cann in the bxo", "in(can, box)"),
        (KITCHEN, "put red cube box", "in(red_cube, box)"),
        (KITCHEN, "put green cube drawer", "in(green_cube, drawer)"),
        (KITCHEN, "grean cube into box pls", "in(green_cube, box)"),
        (KITCHEN, "trun on the buton", "turned_on(button)"),
        (KITCHEN, "turn the buttn on", "turned_on(button)"),
        (SHOP, "swich on teh swicth", "turned_on(switch)"),
        (KITCHEN, "take teh mlik", "holding(milk)"),
        (KITCHEN, "stak the red cube on the blue cube", "on(red_cube, blue_cube)"),
        (KITCHEN, "pres the button", "turned_on(button)"),
        (KITCHEN, "put the red cuube in the boxx", "in(red_cube, box)"),
        (KITCHEN, "plase put the can on teh tabel", "on(can, table)"),
        (KITCHEN, "dont open the drawer, put the can in the box", "in(can, box)"),
        (KITCHEN, "put the braed nxet to the can", "beside(bread, can)"),
        (
            KITCHEN,
            "open teh drawer adn put the red cube inside",
            "in(red_cube, drawer) & open(drawer)",
        ),
        (
            KITCHEN,
            "put te red cube in teh drawer and colse it",
            "closed(drawer) & in(red_cube, drawer)",
        ),
        (KITCHEN, "put the red cueb on the bleu one", "on(red_cube, blue_cube)"),
        (KITCHEN, "plese oepn teh drawer", "open(drawer)"),
        (KITCHEN, "stakc the green cube on teh red cube", "on(green_cube, red_cube)"),
        (KITCHEN, "put the botttle in the box", "in(bottle, box)"),
        (KITCHEN, "put the cereall box in the box", "in(cereal, box)"),
        (KITCHEN, "put everyting red in the box", "in(red_cube, box)"),
        (
            KITCHEN,
            "put all cubse in the box",
            "in(blue_cube, box) & in(green_cube, box) & in(red_cube, box)",
        ),
        (KITCHEN, "PUT THE CAN IN THE BOX!!!", "in(can, box)"),
        (KITCHEN, "pickup the can", "holding(can)"),
        (KITCHEN, "pick-up the can", "holding(can)"),
        (KITCHEN, "putt the can insde the box", "in(can, box)"),
        (KITCHEN, "mvoe the can to the box", "in(can, box)"),
        (KITCHEN, "trn the button on", "turned_on(button)"),
        (KITCHEN, "clsoe drawer", "closed(drawer)"),
        (SHOP, "opne cuboard", "open(cupboard)"),
        (KITCHEN, "can in box", "in(can, box)"),
        (KITCHEN, "drawer open", "open(drawer)"),
        (SHOP, "put the pegg in the sockett", "inserted(peg, socket)"),
        (SHOP, "pess the buttom", "turned_on(button)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "pu the red cube in the box"),
        (KITCHEN, "put yelow cube box"),
        (KITCHEN, "put the pear in the box"),
        (KITCHEN, "put the cap in the box"),
        (KITCHEN, "put the bean in the box"),
        (KITCHEN, "pikc up the bred"),
        (KITCHEN, "pick upp the canned"),
        (KITCHEN, "put the can in2 the box"),
        (SHOP, "trun of the swich"),
        (KITCHEN, "red cube box"),
        (KITCHEN, "can -> box"),
        (KITCHEN, "pick up the gren cub"),
        (KITCHEN, "put the yellow cube in the box"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
