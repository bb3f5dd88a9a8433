"""`robot-skills run --listen`, `correct` and `corrections`, from end to end."""

import json
import os
import sqlite3
import subprocess
import sys
import time

import pytest

from robot_skills.app.cli import main
from robot_skills.app.corrections.desk import default_corrections
from robot_skills.app.corrections.listening import corrections_config, listen
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.data.episode_log import read_episode
from sim.layout import default_layout

FAST = ("--scene", "truth", "--no-video")
DRAWER_CLOSED = next(
    seed
    for seed in range(100)
    if (drawer := default_layout(seed).drawer) is not None and drawer.opening_m == 0.0
)


def told(capsys, *args: object) -> tuple[int, dict]:
    """Exit code and JSON of a command."""
    code = main([*map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_run_is_corrected_meanwhile_and_afterwards_and_the_next_one_remembers(tmp_path, capsys):
    file = tmp_path / "c.sqlite"
    run = ("run", "open the drawer", *FAST, "--seed", DRAWER_CLOSED, "--corrections", file)
    first = tmp_path / "first"
    said = ("--correct-at", "0.5: not so fast", "0.6: asdf qwer")
    code, _ = told(capsys, *run, "--out", first, *said)
    assert code == 0
    events = read_episode(first / "episode.mcap").of_kind(EventKind.CORRECTION)
    assert [event.data["does"] for event in events] == ["heeds", "refuses"]

    code, answer = told(capsys, "correct", first, "1 cm higher", "--corrections", file)
    assert (code, answer["number"]) == (0, 2)
    code, answer = told(capsys, "corrections", "list", "--corrections", file)
    assert [one["change"]["kind"] for one in answer["corrections"]] == ["pace", "shift"]

    second = tmp_path / "second"
    told(capsys, *run, "--out", second)
    events = read_episode(second / "episode.mcap").of_kind(EventKind.CORRECTION)
    assert {event.data["number"] for event in events} == {1, 2}
    assert {event.data["does"] for event in events} == {"remembers"}

    for words, args in (
        ("a bit higher", ("--skill", "insert")),
        ("the purple one instead", ()),
        ("undo that", ()),
        ("", ()),
        ("x" * 100_000, ()),
        ("not next to the unicorn", ()),
        ("9 m to the left", ()),
    ):
        code, answer = told(capsys, "correct", first, words, "--corrections", file, *args)
        assert code == 2, words
        assert answer["exit_code"] == 2


def test_corrections_are_added_shown_and_deleted(tmp_path, capsys):
    at = ("--corrections", tmp_path / "c.sqlite")
    about = ("--about", "place(on, movable, table)")
    assert told(capsys, "corrections", "add", "a bit to the right", *about, *at)[0] == 0
    goal = ("--about", "in(movable, drawer)")
    assert told(capsys, "corrections", "add", "close the drawer afterwards", *goal, *at)[0] == 0
    code, shown = told(capsys, "corrections", "show", 1, *at)
    assert code == 0
    assert shown["change"] == {"kind": "shift", "offset_m": [0.0, -0.02, 0.0]}
    assert told(capsys, "corrections", "delete", 1, *at)[0] == 0
    assert told(capsys, "corrections", "show", 1, *at)[0] == 2
    _, listed = told(capsys, "corrections", "list", *at)
    assert [one["words"] for one in listed["corrections"]] == ["close the drawer afterwards"]


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ("foo", "place(on, movable, table)"),
        ("higher", "plaice(on)"),
        ("higher", "place(on)"),
        ("higher", "place(under, movable, table)"),
        ("higher", "in(movable, drawer)"),
        ("close the drawer afterwards", "place(on, movable, table)"),
        ("close the drawer afterwards", "in(movable)"),
        ("higher", "DROP TABLE correction"),
    ],
)
def test_what_cannot_be_added_is_refused(tmp_path, capsys, words, about):
    file = tmp_path / "c.sqlite"
    code, answer = told(
        capsys, "corrections", "add", words, "--about", about, "--corrections", file
    )
    assert code == 2
    assert answer["error"]
    assert not file.exists()


def test_files_that_cannot_be_used_are_refused_before_anything_moves(tmp_path, capsys):
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE theirs (x)")
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100)
    for file in (foreign, text, tmp_path, "/proc/nowhere/c.sqlite"):
        args = ("run", "open the drawer", *FAST, "--corrections", file)
        code, answer = told(capsys, *args)
        assert code == 2, file
        assert not answer["success"]
        assert told(capsys, "corrections", "list", "--corrections", file)[0] == 2
    assert text.read_text() == "no database " * 100


@pytest.mark.parametrize("said", ["2.5", "soon: higher", "-1: higher", "nan: higher", "2: "])
def test_a_time_that_is_none_is_refused(said):
    with pytest.raises(RefusedError, match="correct-at"):
        corrections_config(False, None, [said])


def test_nobody_listens_unless_asked_to_and_the_own_file_is_in_the_data_directory(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert corrections_config(False, None, ()) is None
    config = corrections_config(True, None, ())
    assert config is not None
    assert config.path == default_corrections() == tmp_path / "robot-skills" / "corrections.sqlite"


class Desk:
    """Hears what is typed; a full one refuses."""

    def __init__(self, room: int = 100) -> None:
        self.heard: list[str] = []
        self.room = room

    def say(self, words: str, at_s: float = 0.0) -> None:
        if len(self.heard) >= self.room:
            raise RefusedError("full")
        self.heard.append(words)


def test_lines_are_passed_on_and_an_endless_or_closed_stream_ends_nothing():
    desk, full = Desk(), Desk(room=1)
    for heard, said in ((desk, b"a bit higher\n\n  slower \nlouder"), (full, b"one\n" * 1000)):
        reading, writing = os.pipe()
        listen(heard, reading)  # type: ignore[arg-type]
        os.write(writing, said)
        os.close(writing)
    listen(Desk(), 10_000)  # type: ignore[arg-type]
    until_s = time.monotonic() + 10.0
    while (len(desk.heard) < 3 or not full.heard) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert desk.heard == ["a bit higher", "slower", "louder"]
    assert full.heard == ["one"]


def test_a_run_ends_though_the_standard_input_stays_open(tmp_path):
    """As on a terminal at which nobody types."""
    reading, writing = os.pipe()
    arguments = ["run", "go home", *FAST, "--listen", "--corrections", tmp_path / "c.sqlite"]
    done = subprocess.run(
        [sys.executable, "-m", "robot_skills.app.cli", *map(str, arguments)],
        stdin=reading,
        capture_output=True,
        timeout=120,
        check=False,
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 0, done.stderr.decode()
