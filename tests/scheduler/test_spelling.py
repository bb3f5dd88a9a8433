"""Which known word a typing error stands for, if any."""

import pytest

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.words.spelling import Speller, distance
from tests.scheduler.wordings import CARDS, KITCHEN, SomeWords

SPELLER = Speller(CARDS.values(), SomeWords())


def spelled(words: str) -> str:
    return " ".join(SPELLER.spelled(words.split(), KITCHEN).tokens)


def test_swapped_and_doubled_letters_are_nearer_than_others():
    assert distance("teh", "the") < distance("tue", "the")
    assert distance("boxx", "box") < distance("boxe", "box")
    assert distance("yelow", "yellow") < distance("yeliow", "yellow")
    assert distance("gteen", "green") < distance("gpeen", "green")
    assert distance("cube", "cube") == 0.0


def test_what_is_no_word_becomes_the_nearest_one_and_says_so():
    found = SPELLER.spelled(["clsoe", "teh", "drawr"], KITCHEN)
    assert found.tokens == ["close", "the", "drawer"]
    assert found.wording == (
        "'clsoe' understood as 'close'",
        "'teh' understood as 'the'",
        "'drawr' understood as 'drawer'",
    )


def test_words_that_ran_into_each_other_are_parted():
    assert spelled("put the redcube inthe box") == "put the red cube in the box"


@pytest.mark.parametrize("word", ["pear", "cap", "unscrew", "crush", "someone", "red_cube", "3"])
def test_what_is_a_word_or_a_name_stays(word):
    assert spelled(f"take the {word}") == f"take the {word}"


def test_what_is_near_to_nothing_stays_unknown():
    assert spelled("take the xylophone") == "take the xylophone"


def test_what_is_as_near_to_two_words_is_asked_for():
    with pytest.raises(InstructionError, match=r"may mean 'm.*', 'm"):
        spelled("mooe the can")


def test_of_two_words_the_one_that_names_a_thing_in_sight_is_meant():
    assert spelled("press the buttom") == "press the button"
