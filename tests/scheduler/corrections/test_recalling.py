"""Which kept correction counts in which situation."""

from dataclasses import replace

from robot_skills.scheduler.corrections.changes import Correction, Pace, Room, Shift
from robot_skills.scheduler.corrections.recalling import Recall
from robot_skills.scheduler.corrections.store import Kept
from tests.scheduler.corrections.test_store import SCOPE
from tests.scheduler.encoders import ThesaurusEncoder

CANS = ("put can on table", "put tin on table")
CUBES = ("put red cube on table", "put blue cube on table")
RECALL = Recall(ThesaurusEncoder(CANS, CUBES))


def kept(number, change, situation, unwanted=()) -> Kept:
    correction = Correction(
        scope=SCOPE, change=change, words="w", situation=situation, number=number
    )
    return Kept(correction=correction, instruction="", made_utc="", unwanted=tuple(unwanted))


LEFT, RIGHT = Shift(offset_m=(0.0, 0.05, 0.0)), Shift(offset_m=(0.0, -0.05, 0.0))


def recalled(items, situation, scope=SCOPE) -> list:
    return [correction.change for correction in RECALL.of(items, scope, situation)]


def test_of_corrections_that_contradict_each_other_the_nearest_situation_counts():
    items = [kept(1, LEFT, CANS[0]), kept(2, RIGHT, CUBES[0])]
    assert recalled(items, CANS[1]) == [LEFT]
    assert recalled(items, CUBES[1]) == [RIGHT]


def test_of_the_same_situation_the_newer_one_counts():
    items = [kept(1, LEFT, CANS[0]), kept(2, RIGHT, CANS[0])]
    assert recalled(items, CANS[0]) == [RIGHT]


def test_corrections_of_another_kind_go_together():
    items = [kept(1, LEFT, CANS[0]), kept(2, Pace(speed=0.5), CANS[0])]
    items += [kept(3, Room(to="milk", gap_m=0.1), CANS[0]), kept(4, Room(to="edge", gap_m=0.1), "")]
    assert len(recalled(items, CANS[1])) == 4


def test_another_skill_word_or_kind_of_thing_recalls_nothing():
    items = [kept(1, LEFT, CANS[0])]
    for scope in (
        replace(SCOPE, name="push"),
        replace(SCOPE, words={"relation": "in"}),
        replace(SCOPE, kinds={"object": "movable", "target": "zone"}),
    ):
        assert recalled(items, CANS[0], scope) == []


def test_where_it_was_not_wanted_it_is_left_alone_and_elsewhere_it_is_not():
    items = [kept(1, LEFT, CANS[0], unwanted=[CUBES[0]])]
    assert recalled(items, CUBES[1]) == []
    assert recalled(items, CANS[1]) == [LEFT]
