"""Words to intents, and what is refused with a question."""

import pytest

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.corrections.changes import EDGE, LONGEST_WORDS
from robot_skills.scheduler.corrections.intents import (
    Addition,
    Apart,
    Instead,
    Move,
    Speed,
    Undo,
)
from robot_skills.scheduler.corrections.lexicon import PROTOTYPES
from robot_skills.scheduler.corrections.reading import CorrectionReader
from tests.scheduler.encoders import ThesaurusEncoder

READER = CorrectionReader()


@pytest.mark.parametrize(
    ("said", "offset_m"),
    [
        ("no, to the right", (0.0, -0.05, 0.0)),
        ("a bit higher", (0.0, 0.0, 0.02)),
        ("3 cm further back", (-0.03, 0.0, 0.0)),
        ("2.5cm left", (0.0, 0.025, 0.0)),
        ("half a centimetre down", (0.0, 0.0, -0.005)),
        ("two inches forward please", (0.0508, 0.0, 0.0)),
        ("much further to the left", (0.0, 0.10, 0.0)),
        ("too far to the right", (0.0, 0.05, 0.0)),
        ("not so high", (0.0, 0.0, -0.05)),
        ("a bit higher and to the left", (0.0, 0.02, 0.02)),
        ("right, a bit lower", (0.0, 0.0, -0.02)),
        ("farther away from the robot", (0.05, 0.0, 0.0)),
    ],
)
def test_offsets_are_those_of_the_robots_base(said, offset_m):
    found = READER.read(said)
    assert isinstance(found, Move)
    assert found.offset_m == pytest.approx(offset_m)


def test_speaking_of_putting_something_down_is_noted():
    assert READER.read("put it more to the right") == Move(offset_m=(0.0, -0.05, 0.0), placing=True)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("more gently", Speed(factor=0.5)),
        ("a bit slower", Speed(factor=0.7)),
        ("not so fast", Speed(factor=0.5)),
        ("too slow", Speed(factor=2.0)),
        ("do not put it near the edge", Apart(phrase=EDGE)),
        ("too close to the edge", Apart(phrase=EDGE, more=True)),
        ("keep 20 cm away from the edge", Apart(phrase=EDGE, gap_m=0.2, more=True)),
        ("not next to the milk", Apart(phrase="the milk")),
        ("further away from the green cube", Apart(phrase="the green cube", more=True)),
        ("the blue one instead", Instead(phrase="the blue one")),
        ("the other cube", Instead(phrase="the other cube")),
        ("not the red one but the blue one", Instead(phrase="the blue one")),
        ("close the drawer afterwards", Addition(words="close the drawer")),
        ("not on top of the plate", Addition(words="never put anything on the plate")),
        ("don't touch the can", Addition(words="do not touch the can")),
        ("undo that", Undo()),
        ("no, as before", Undo()),
    ],
)
def test_other_corrections_have_their_meaning(said, meant):
    assert READER.read(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "!!!",
        "x" * (LONGEST_WORDS + 1),
        "what is the weather like",
        "nach rechts bitte",
        "that's right",
        "not to the right",
        "to my right",
        "put it back",
        "higher and lower",
        "nan cm to the left",
        "3 cm left and 5 cm up",
        "the drawer to the right",
    ],
)
def test_what_is_not_understood_or_open_is_refused_with_what_would_be(said):
    with pytest.raises(InstructionError) as refused:
        READER.read(said)
    assert len(str(refused.value)) < 600


def test_commands_are_left_to_the_planners_parser_whatever_they_say():
    assert READER.read("'; DROP TABLE correction; --") == Addition(words="drop table correction")


def test_open_wording_stands_for_the_nearest_prototype():
    sentence = PROTOTYPES["slower"][0]
    encoder = ThesaurusEncoder([sentence, "treat this like a raw egg"])
    assert CorrectionReader(encoder).read("treat this like a raw egg") == Speed(factor=0.5)


def test_open_wording_that_is_near_to_nothing_is_refused():
    with pytest.raises(InstructionError, match="not understood"):
        CorrectionReader(ThesaurusEncoder()).read("treat this like a raw egg")
