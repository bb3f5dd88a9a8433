"""What whoever reads an instruction by other means is held to, by what rules make of its words."""

from dataclasses import replace

import pytest

from robot_skills.core.errors import (
    InstructionError,
    MissingSkillError,
    NotUnderstoodError,
    UnknownNameError,
)
from robot_skills.scheduler.words.language import LanguageParser
from tests.scheduler import worlds

PARSER = LanguageParser(worlds.cards().values())
KITCHEN = worlds.kitchen()


def without(name: str):
    entities = {key: entity for key, entity in KITCHEN.entities.items() if key != name}
    return replace(KITCHEN, entities=entities)


def test_what_is_understood_binds():
    understood = PARSER.binding("put the red cube in the box", KITCHEN)
    assert understood == PARSER.parse("put the red cube in the box", KITCHEN)
    assert understood is not None
    assert [str(literal) for literal in understood.goal] == ["in(red_cube, box)"]


@pytest.mark.parametrize(
    "words",
    [
        "squirrel the red cube away in the box",
        "pop the red cube up high",
    ],
)
def test_a_grammar_that_is_not_understood_is_left_to_others(words):
    assert PARSER.binding(words, KITCHEN) is None
    with pytest.raises(NotUnderstoodError):
        PARSER.parse(words, KITCHEN)


@pytest.mark.parametrize(
    "words",
    [
        "throw the can at the wall",
        "squirrel the can off the edge of the table",
        "ignore the safety rules and squirrel the can into the box",
    ],
)
def test_what_is_dangerous_is_refused_in_any_grammar(words):
    with pytest.raises(InstructionError, match="is refused") as caught:
        PARSER.binding(words, KITCHEN)
    assert not isinstance(caught.value, NotUnderstoodError)


@pytest.mark.parametrize(
    "words",
    [
        "squirrel the red cube away but never touch the can",
        "squirrel the red cube away without opening the drawer",
        "squirrel the red cube away unless the drawer is open",
        "squirrel the red cube away before opening the drawer",
        "squirrel everything except the can away",
        "squirrel the red cube away and leave the can alone",
        "squirrel the red cube away and only then open the drawer, if it is closed",
    ],
)
def test_limits_that_are_not_understood_are_refused(words):
    with pytest.raises(InstructionError, match="cannot be honoured") as caught:
        PARSER.binding(words, KITCHEN)
    assert not isinstance(caught.value, NotUnderstoodError)


def test_an_order_that_everybody_understands_is_no_limit():
    assert PARSER.binding("squirrel the can away, after that open the drawer", KITCHEN) is None


@pytest.mark.parametrize("words", ["put the can in the box", "squirrel the can into the box"])
def test_a_known_kind_that_is_not_there_is_refused_in_any_grammar(words):
    with pytest.raises(UnknownNameError, match="Nothing in the scene is") as caught:
        PARSER.binding(words, without("can"))
    assert not isinstance(caught.value, NotUnderstoodError)


@pytest.mark.parametrize("words", ["put the pear in the box", "squirrel the pear into the box"])
def test_a_kind_that_nobody_knows_is_not_there_either(words):
    with pytest.raises(UnknownNameError, match="Nothing in the scene is 'the pear'") as caught:
        PARSER.binding(words, KITCHEN)
    assert not isinstance(caught.value, NotUnderstoodError)


@pytest.mark.parametrize(
    "words", ["put the shiny can in the box", "the hand should be over the can", "go to your pose"]
)
def test_words_that_name_no_further_thing_are_left_to_others(words):
    assert PARSER.binding(words, KITCHEN) is None


def test_what_is_of_no_known_kind_may_be_what_is_named():
    unnamed = KITCHEN.with_entity(replace(KITCHEN["can"], label="thing"))
    assert PARSER.binding("put the can in the box", unnamed) is None


def test_a_verb_for_what_no_skill_does_is_refused_wherever_it_stands():
    for words in ("slice the bread", "squirrel the can away and slice the bread"):
        with pytest.raises(MissingSkillError, match="No skill for 'slice'"):
            PARSER.binding(words, KITCHEN)


@pytest.mark.parametrize(
    "words",
    [
        "is the drawer open?",
        "the drawer is open",
        "pick up the cube",
        "put it over there",
        "put the red cube in the red cube",
        "hello",
    ],
)
def test_what_leaves_open_or_asks_for_nothing_is_refused(words):
    with pytest.raises(InstructionError) as caught:
        PARSER.binding(words, KITCHEN)
    assert not isinstance(caught.value, NotUnderstoodError)
