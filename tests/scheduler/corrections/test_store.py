"""Corrections in a file: round trips, foreign files, and several who use it."""

import json
import sqlite3
import subprocess
import sys

import pytest

from robot_skills.core.errors import RefusedError, StorageError, UnknownNameError
from robot_skills.scheduler.corrections.changes import (
    EDGE,
    Also,
    Choose,
    Correction,
    Level,
    Pace,
    Room,
    Scope,
    Shift,
    change_from_json,
    change_to_json,
)
from robot_skills.scheduler.corrections.store import CorrectionStore

SCOPE = Scope(
    level=Level.CALL,
    name="place",
    words={"relation": "on"},
    kinds={"object": "movable", "target": "table"},
)
NASTY = "to the right'; DROP TABLE correction; -- \u202e\n"


def correction(change=None, words="to the right") -> Correction:
    return Correction(
        scope=SCOPE,
        change=change or Shift(offset_m=(0.0, -0.05, 0.0)),
        words=words,
        situation="put can on table",
    )


@pytest.mark.parametrize(
    "change",
    [
        Shift(offset_m=(0.01, -0.02, 0.03)),
        Pace(speed=0.5),
        Room(to=EDGE, gap_m=0.2),
        Choose(label="cube", colour="blue"),
        Choose(label="cube", rank="leftmost"),
        Also(words="close the drawer"),
    ],
)
def test_every_change_survives_the_file(tmp_path, change):
    with CorrectionStore(tmp_path / "c.sqlite") as store:
        number = store.add(correction(change), "put the can on the table").number
    with CorrectionStore(tmp_path / "c.sqlite") as store:
        (kept,) = store.all()
    assert kept.number == number
    assert kept.correction.change == change
    assert kept.correction.scope == SCOPE
    assert kept.correction.situation == "put can on table"


def test_words_are_data_whatever_they_say(tmp_path):
    with CorrectionStore(tmp_path / "c.sqlite") as store:
        store.add(correction(words=NASTY), NASTY)
        (kept,) = store.all()
    assert kept.correction.words == kept.instruction == NASTY


def test_a_correction_can_be_revised_marked_and_deleted(tmp_path):
    with CorrectionStore(tmp_path / "c.sqlite") as store:
        first = store.add(correction(), "x")
        assert first.number is not None
        store.revise(Correction(**{**_fields(first), "change": Pace(speed=0.5)}))
        store.unwanted(first.number, "put milk on table")
        kept = store.get(first.number)
        assert kept.correction.change == Pace(speed=0.5)
        assert kept.unwanted == ("put milk on table",)
        store.delete(first.number)
        assert store.all() == []
        with pytest.raises(UnknownNameError, match="no correction 1"):
            store.delete(first.number)


def _fields(one: Correction) -> dict:
    names = ("scope", "change", "words", "situation", "number")
    return {name: getattr(one, name) for name in names}


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\1" * 999]
)
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="corrections"), CorrectionStore(path):
        pass
    assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(RefusedError, match="no file of corrections"), CorrectionStore(path):
        pass


def test_a_newer_layout_is_refused(tmp_path):
    path = tmp_path / "c.sqlite"
    with CorrectionStore(path):
        pass
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(RefusedError, match="update robot-skills"), CorrectionStore(path):
        pass


def test_a_place_that_cannot_be_written_is_refused():
    from pathlib import Path

    with pytest.raises(RefusedError), CorrectionStore(Path("/proc/nowhere/c.sqlite")):
        pass


def test_a_row_that_says_something_else_is_refused_with_its_number(tmp_path):
    path = tmp_path / "c.sqlite"
    with CorrectionStore(path) as store:
        store.add(correction(), "x")
    with sqlite3.connect(path) as other:
        other.execute('UPDATE correction SET change = \'{"kind": "shift"}\'')
    with CorrectionStore(path) as store, pytest.raises(RefusedError):
        store.all()


def test_while_another_process_writes_it_says_so(tmp_path):
    path = tmp_path / "c.sqlite"
    with CorrectionStore(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another process"):
            store.add(correction(), "x")
        other.execute("ROLLBACK")
        other.close()
        assert store.add(correction(), "x").number == 1


def test_a_process_that_is_killed_leaves_what_it_had_kept(tmp_path):
    path = tmp_path / "c.sqlite"
    program = (
        "import os, sys; from pathlib import Path;"
        "from tests.scheduler.corrections.test_store import correction;"
        "from robot_skills.scheduler.corrections.store import CorrectionStore;"
        "store = CorrectionStore(Path(sys.argv[1])).open();"
        "store.add(correction(), 'x'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    assert done.returncode == -9
    with CorrectionStore(path) as store:
        assert len(store.all()) == 1


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"kind": "permission"},
        {"kind": "shift", "offset_m": [0.0, 0.0]},
        {"kind": "shift", "offset_m": [0.0, float("nan"), 0.0]},
        {"kind": "shift", "offset_m": [9.0, 0.0, 0.0]},
        {"kind": "pace", "speed": 3.0},
        {"kind": "pace", "speed": "fast"},
        {"kind": "room", "to": "edge", "gap_m": 5.0},
        {"kind": "choose", "label": "cube"},
        {"kind": "also", "words": "x" * 10_000},
        {"kind": "also", "words": "open the drawer", "file": "/etc/passwd"},
    ],
)
def test_what_goes_beyond_the_limits_is_no_change(data):
    with pytest.raises(RefusedError):
        change_from_json(data)


def test_json_of_a_change_is_plain():
    text = json.dumps(change_to_json(Shift(offset_m=(0.0, -0.05, 0.0))), allow_nan=False)
    assert change_from_json(json.loads(text)) == Shift(offset_m=(0.0, -0.05, 0.0))
