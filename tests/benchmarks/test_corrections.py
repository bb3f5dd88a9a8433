"""Simulated users: scenes in which their wishes matter, what they say, and the page about it."""

import numpy as np
import pytest

from benchmarks.corrections.families import Taste, Wish, content, controls, draw
from benchmarks.corrections.page import chapter
from benchmarks.corrections.wordings import HELD_OUT, KINDS, SEEN, wordings
from sim.truth import layout_scene

TASTE = Taste(side="left", colour="blue", disliked="milk")


@pytest.mark.parametrize("wish", [Wish.SIDE, Wish.EDGE, Wish.BESIDE])
def test_left_alone_the_robot_would_put_things_elsewhere_than_wished(wish):
    task = draw(wish, TASTE, 0, np.random.default_rng(3))
    assert not content(task, TASTE, task.usual_m, layout_scene(task.layout))


def test_every_visit_has_words_of_its_own():
    rng = np.random.default_rng(4)
    said = {draw(Wish.CLOSE, TASTE, visit, rng).instruction.split()[0] for visit in range(3)}
    assert said == {"put", "store", "place"}


def test_controls_name_what_is_there():
    for task in controls((Wish.CLOSE,), TASTE, np.random.default_rng(5)):
        names = {entity.name.split("_")[-1] for entity in layout_scene(task.layout)}
        assert names & set(task.instruction.split()), task.instruction


@pytest.mark.parametrize("wish", Wish)
def test_held_out_wordings_are_others_and_as_many(wish):
    seen, held_out = (wordings(wish, TASTE, kind) for kind in KINDS)
    assert not set(seen) & set(held_out)
    assert len(held_out) >= len(seen) >= 5


def test_the_chapter_says_what_was_measured():
    rows = [
        {
            "row": "visits",
            "wish": "all",
            "first_wordings": first,
            "n": 24,
            "corrections": [1.5, 0.25, 0.0],
            "ci95": [(1.0, 2.0), (0.0, 0.5), (0.0, 0.0)],
            "met": 70,
            "met_n": 72,
        }
        for first in ("", SEEN, HELD_OUT)
    ]
    rows.append({"row": "retrievals", "users": 12, "most": 4, "n": 90, "wrong": 1, "controls": 60})
    rows.append({"row": "reaction", "level": "call", "n": 30, "median_s": 0.06, "largest_s": 0.1})
    rows += [
        {"row": "reading", "wordings": kind, "n": 40, "understood": 30, "misread": 2}
        for kind in KINDS
    ]
    text = chapter(rows)
    assert "1.50 (1.00-2.00)" in text
    assert "Remembered by itself 90 times, 1 of them" in text
    assert "except 4 that were taken for something else" in text
    assert "held out 30 of 40" in text
