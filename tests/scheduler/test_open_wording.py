"""Open wording with the sentence embeddings that are shipped."""

import pytest

from policies.text import MiniLmEncoder
from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.scheduler.words.language import LanguageParser
from tests.scheduler import worlds


@pytest.fixture(scope="module")
def parser() -> LanguageParser:
    return LanguageParser(worlds.cards().values(), MiniLmEncoder())


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("park the red cube inside the drawer", "in(red_cube, drawer)"),
        ("situate the can on the drawer", "on(can, drawer)"),
        ("transport the milk to the box", "in(milk, box)"),
        ("yank the drawer open", "open(drawer)"),
        ("swing the cabinet open", "open(drawer)"),
        ("bang the drawer shut", "closed(drawer)"),
        ("obtain the can", "holding(can)"),
        ("snatch the bottle", "holding(bottle)"),
        ("elevate the red cube", "holding(red_cube)"),
        ("put the cornflake in the tray", "in(cereal, box)"),
        ("put the pepsi in the box", "in(can, box)"),
    ],
)
def test_unlisted_words_are_understood(parser, instruction, wanted):
    understood = parser.parse(instruction, worlds.kitchen())
    assert [str(literal) for literal in understood.goal] == [wanted]
    assert any("understood as" in note for note in understood.wording)


@pytest.mark.parametrize(
    "instruction",
    [
        "tickle the red cube",
        "sharpen the can",
        "google the milk",
        "compile the drawer",
        "unravel the box",
        "blorb the can",
        "split the bread",
        "soak the bread in the box",
        "translate the can into the box",
        "dip the bread in the box",
        "tilt the milk",
        "put the zebra in the box",
        "put the moon in the box",
        "put the banana in the box",
        "put the beverage in the box",
    ],
)
def test_nonsense_is_refused(parser, instruction):
    with pytest.raises(UnknownNameError):
        parser.parse(instruction, worlds.kitchen())


def test_text_that_is_no_instruction_is_refused(parser):
    for words in (
        "lorem ipsum dolor sit amet",
        "the quick brown fox jumps",
        "colourless green ideas",
    ):
        with pytest.raises(RefusedError):
            parser.parse(words, worlds.kitchen())
