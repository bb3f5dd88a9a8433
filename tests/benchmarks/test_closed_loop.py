"""What is published of runs that somebody meddled with, and one such run."""

from dataclasses import replace

import pytest

from benchmarks.closed_loop import page
from benchmarks.closed_loop.__main__ import measure, summaries
from benchmarks.closed_loop.trial import CLOSED, OPEN, Row, closed_loop_trial, says_gone
from sim.disturbances import ChangeKind
from sim.tabletop.long_horizon import LONG_TASKS

NAMES = [task.task.name for task in LONG_TASKS]
ROW = Row(
    task=NAMES[0],
    kind="moved",
    strategy=CLOSED,
    index=0,
    thing="red_cube",
    during="grasp(red_cube)",
    happened=True,
    alternative=False,
    right=True,
    reached=True,
    believed=True,
    reason="the goal holds",
    calls=6,
    replans=1,
    false_replans=0,
    sim_s=30.0,
    after_s=20.0,
)


def rows(kind: str, index: int, closed: bool, opened: bool) -> list[Row]:
    one = replace(ROW, kind=kind, index=index)
    return [
        replace(one, strategy=who, right=right, reached=right)
        for who, right in ((CLOSED, closed), (OPEN, opened))
    ]


def test_pairs_of_trials_are_counted_per_task_and_kind_and_all_together():
    made = rows("moved", 0, True, False) + rows("moved", 1, True, True)
    made += rows("removed", 0, False, False) + rows("none", 0, True, True)
    found = {(tuple(x["tasks"]), tuple(x["kinds"])): x for x in summaries(made, "truth")}
    moved = found[(NAMES[0],), ("moved",)]
    assert (moved["n"], moved["closed_right"], moved["open_right"]) == (2, 2, 1)
    assert moved["ahead"] == 0.5
    changed = found[tuple(NAMES), ("moved", "removed")]
    assert (changed["n"], changed["closed_right"]) == (3, 2)
    assert (NAMES[1],) not in {tasks for tasks, _ in found}


def test_a_trial_that_only_one_side_made_is_no_pair():
    made = rows("moved", 0, True, False)[:1]
    assert list(summaries(made, "truth")) == []


@pytest.mark.parametrize(
    ("reason", "gone"),
    [
        ("red_cube is gone: it was last seen at (0.4, 0.0, 0.0) m", True),
        ("bread is gone: it was last seen at (0.4, 0.0, 0.0) m", False),
        ("in(red_cube, box) does not hold", False),
    ],
)
def test_only_a_reason_that_names_the_thing_as_gone_is_right(reason, gone):
    assert says_gone(reason, "red_cube") is gone


def test_the_chapter_has_a_line_per_task_and_kind():
    made = [row for kind in ("none", "moved", "removed") for row in rows(kind, 0, True, False)]
    text = page.chapter(list(summaries(made, "truth")))
    assert text.count(f"| {NAMES[0]} |") == 3
    assert "| **all** | a change | 100 (34-100) | 0 (0-66) | +100" in text


def test_trials_that_are_written_down_are_not_made_again(tmp_path):
    wanted = ([ChangeKind.NONE], [OPEN], "truth", 1, tmp_path)
    first = measure(1, *wanted)
    assert [row.task for row in first] == NAMES
    log = tmp_path / "trials_truth.jsonl"
    written = log.read_text()
    assert measure(1, *wanted) == first
    assert log.read_text() == written


def test_who_looks_does_with_another_thing_and_who_does_not_goes_on_without():
    closed = closed_loop_trial(1, ChangeKind.REMOVED, CLOSED, "truth", 0)
    opened = closed_loop_trial(1, ChangeKind.REMOVED, OPEN, "truth", 0)
    assert (closed.thing, closed.during) == (opened.thing, opened.during)
    assert closed.happened
    assert opened.happened
    assert closed.alternative
    assert closed.reached
    assert closed.right
    assert not opened.right
