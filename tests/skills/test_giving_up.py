"""The small file that says when attempts end early."""

import json

import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.skills.giving_up import (
    GIVING_UP_FILE,
    GivingUp,
    read_giving_up,
    write_giving_up,
)

RULE = GivingUp(below=0.3, after=2, from_s=1.5)


def test_a_rule_is_read_as_it_was_written(tmp_path):
    write_giving_up(tmp_path, RULE, {"attempts": 120})
    assert read_giving_up(tmp_path) == RULE
    assert json.loads((tmp_path / GIVING_UP_FILE).read_text())["measured"] == {"attempts": 120}


def test_where_it_does_not_pay_or_nobody_knows_there_is_no_rule(tmp_path):
    assert read_giving_up(tmp_path) is None
    write_giving_up(tmp_path, RULE, {})
    write_giving_up(tmp_path, None, {})
    assert read_giving_up(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": "other", "version": 1}', '{"format": "robot-skills-giving-up"}'],
)
def test_a_file_that_says_something_else_is_refused_with_what_to_do(tmp_path, text):
    (tmp_path / GIVING_UP_FILE).write_text(text)
    with pytest.raises(RefusedError, match="train-success"):
        read_giving_up(tmp_path)


def test_a_rule_with_a_key_too_many_is_refused(tmp_path):
    write_giving_up(tmp_path, RULE, {})
    data = json.loads((tmp_path / GIVING_UP_FILE).read_text())
    data["rule"]["speed"] = 1.0
    (tmp_path / GIVING_UP_FILE).write_text(json.dumps(data))
    with pytest.raises(RefusedError, match="says nothing about when to give up"):
        read_giving_up(tmp_path)


@pytest.mark.parametrize("wrong", [{"below": 0.0}, {"below": 1.1}, {"after": 0}, {"from_s": -1.0}])
def test_contradictions_are_refused(wrong):
    with pytest.raises(ValueError, match="Needs"):
        GivingUp(**{"below": 0.3, "after": 2, "from_s": 1.5, **wrong})
