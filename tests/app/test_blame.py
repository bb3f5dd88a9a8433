"""`robot-skills blame` reads a log and names layer and skill."""

import json

from fake_episode import METADATA, write_fake_episode

from robot_skills.app.cli import main
from robot_skills.app.report import ReportInputs, render_report
from robot_skills.core.events import Event, EventKind
from robot_skills.data.episode_log import EpisodeLog, read_episode


def write_faulty(path) -> None:
    grasp = {"skill": "grasp", "args": {"object": "red_cube"}}
    with EpisodeLog(path, METADATA) as log:
        for stamp_s, kind, data in (
            (0.0, EventKind.INSTRUCTION, {"text": METADATA["instruction"]}),
            (0.1, EventKind.PLAN, {"calls": [grasp], "goal": ["holding(red_cube)"]}),
            (0.2, EventKind.PRECONDITIONS, {**grasp, "unmet": []}),
            (0.2, EventKind.SKILL_START, grasp),
            (0.9, EventKind.DRIVER, {"arm": "arm", "part": "joint 2", "message": "joint 2 stalls"}),
            (5.0, EventKind.SKILL_END, {**grasp, "outcome": "timeout", "reason": "not done"}),
            (5.0, EventKind.RUN_END, {"success": False, "reason": "gave up"}),
        ):
            log.emit(Event(stamp_s=stamp_s, kind=kind, data=data))


def test_a_run_with_trouble_is_told_with_layer_skill_and_evidence(tmp_path, capsys):
    write_faulty(tmp_path / "episode.mcap")
    assert main(["blame", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["fault"]["layer"], told["fault"]["skill"]) == ("driver", "grasp")
    assert told["fault"]["reason"] == "joint 2 stalls"
    assert told["fault"]["evidence"]["event"] == "driver"
    assert not told["success"]


def test_a_log_can_be_named_itself_and_is_told_in_words(tmp_path, capsys):
    write_faulty(tmp_path / "episode.mcap")
    assert main(["blame", str(tmp_path / "episode.mcap")]) == 0
    out = capsys.readouterr().out
    assert "cause   driver during grasp(red_cube): joint 2 stalls" in out


def test_a_folder_without_a_log_is_refused(tmp_path, capsys):
    assert main(["blame", str(tmp_path)]) == 2
    assert "no episode log" in capsys.readouterr().err


def test_the_report_names_the_cause(tmp_path):
    write_faulty(tmp_path / "episode.mcap")
    page = render_report(read_episode(tmp_path / "episode.mcap"), ReportInputs())
    assert "<b>cause:</b> driver during grasp(red_cube): joint 2 stalls" in page


def test_the_report_of_trouble_that_was_got_over_names_it_too(tmp_path):
    write_fake_episode(tmp_path / "episode.mcap")
    page = render_report(read_episode(tmp_path / "episode.mcap"), ReportInputs())
    assert "<b>cause:</b> skill during grasp(red_cube)" in page
