"""`robot-skills calibrate latency` from a recording to the cell file, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.errors import CalibrationRefused
from calibration.latency import Anchor, Latency
from calibration.record import load_record
from robot_skills.app.calibrate.command import main
from robot_skills.app.calibrate.latency import unknown_latencies
from robot_skills.app.calibrate.latency_collect import CollectConfig, collect_series
from robot_skills.app.calibrate.latency_files import read_recording, write_recording
from robot_skills.app.calibrate.options import CalibrateLatency
from robot_skills.app.cells import find_cell, load_cell
from robot_skills.core.errors import RefusedError
from robot_skills.core.latencies import ArmLatencies
from sim.latency import Delays, delayed
from tests.calibration.late_recording import (
    ACTION_S,
    CAMERA_S,
    GRIPPER_S,
    STATE_S,
    late_recording,
)
from tests.data.recording import small_dataset
from tests.fakes import FakeRobot

_BAR_S = 0.002


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("latency") / "late.npz"
    recording = late_recording()
    seen = {"front": recording.cameras["wrist"]}
    clocks = {"front": recording.clocks["wrist"]}
    write_recording(path, replace(recording, cameras=seen, clocks=clocks))
    return path


def _cell(tmp_path) -> Path:
    path = tmp_path / "my_cell.yaml"
    path.write_text(find_cell("ur5e_realsense").read_text())
    return path


def _options(recorded, out, **changes) -> CalibrateLatency:
    return CalibrateLatency(**{"out": out, "from_recording": recorded, "robot": "ur5e", **changes})


def test_latencies_are_found_and_written_into_the_cell_file(recorded, tmp_path):
    cell, out, report = _cell(tmp_path), tmp_path / "latency.json", tmp_path / "latency.html"
    before = cell.read_text()
    result = main(_options(recorded, out, cell=cell, write=True, report=report, serial="0815"))
    found = load_record(out).result
    assert isinstance(found, Latency)
    assert (found.anchor, found.robot) == (Anchor.CLOCK, "ur5e (0815)")
    written = load_cell(cell)
    latencies = written.robot.latencies
    assert latencies.action_s == pytest.approx(ACTION_S, abs=_BAR_S)
    assert latencies.gripper_s == pytest.approx(GRIPPER_S, abs=_BAR_S)
    assert latencies.state_s == pytest.approx(STATE_S, abs=_BAR_S)
    assert written.cameras["front"].latency_s == pytest.approx(CAMERA_S, abs=_BAR_S)
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert all(line in cell.read_text() for line in comments)
    assert "<svg" in report.read_text()
    assert result.payload["robot_fields"]["action_latency_s"] == f"{latencies.action_s:.4f}"
    assert unknown_latencies(written).robot.latencies == ArmLatencies()
    assert unknown_latencies(written).cameras["front"].latency_s == 0.0


def test_latencies_of_another_robot_do_not_replace_any(recorded, tmp_path):
    out = tmp_path / "latency.json"
    main(_options(recorded, out))
    before = out.read_bytes()
    with pytest.raises(CalibrationRefused, match="another file"):
        main(_options(recorded, out, robot="panda"))
    assert out.read_bytes() == before


def test_nothing_is_saved_of_a_recording_that_is_refused(recorded, tmp_path):
    recording, still = read_recording(recorded, 0, ()), tmp_path / "still.npz"
    T = recording.measured.T_base_tool
    measured = replace(recording.measured, T_base_tool=np.tile(T[0], (len(T), 1, 1)))
    write_recording(still, replace(recording, measured=measured))
    out, cell = tmp_path / "latency.json", _cell(tmp_path)
    main(_options(recorded, out))
    before, cell_before = out.read_bytes(), cell.read_bytes()
    with pytest.raises(CalibrationRefused, match="hardly moves"):
        main(_options(still, out, cell=cell, write=True))
    assert (out.read_bytes(), cell.read_bytes()) == (before, cell_before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera": ("left",)}, "no camera 'left'"),
        ({"write": True}, "--cell"),
        ({"speed_m_s": 3.0}, "--speed-m-s"),
        ({"from_recording": Path("nowhere.npz")}, "no recording nowhere.npz"),
    ],
)
def test_contradictions_are_named(recorded, tmp_path, changes, message):
    with pytest.raises(RefusedError, match=message):
        main(_options(recorded, tmp_path / "latency.json", **changes))
    assert not (tmp_path / "latency.json").exists()


def test_a_recording_is_not_written_over(recorded):
    with pytest.raises(RefusedError, match="there already"):
        write_recording(recorded, read_recording(recorded, 0, ()))


def test_a_recording_is_read_as_it_was_written(recorded, tmp_path):
    recording = replace(read_recording(recorded, 0, ()), step_s=0.05)
    write_recording(tmp_path / "again.npz", recording)
    again = read_recording(tmp_path / "again.npz", 0, ())
    assert again.step_s == recording.step_s
    assert np.array_equal(again.told.T_base_tool, recording.told.T_base_tool)
    assert np.array_equal(again.clocks["front"].shown_s, recording.clocks["front"].shown_s)


def test_a_damaged_recording_is_refused(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(RefusedError, match="no recording that can be used"):
        read_recording(path, 0, ())


def test_a_payload_is_json(recorded, tmp_path):
    result = main(_options(recorded, tmp_path / "latency.json"))
    assert json.loads(json.dumps(result.payload))["kind"] == "latency"


def test_an_arm_is_moved_and_brought_back():
    inner = FakeRobot()
    robot = delayed(inner, Delays(action_s=0.06, state_s=0.03), np.random.default_rng(0))
    robot.connect()
    start = inner.observe().arms["arm"].T_base_tool
    config = CollectConfig(seconds=8.0, speed_m_s=0.1)
    recording = collect_series(robot, config, np.random.default_rng(1))
    assert inner.observe().arms["arm"].T_base_tool.allclose(start, atol=1e-6)
    assert np.ptp(recording.measured.T_base_tool[:, :3, 3], axis=0).min() > 0.01
    speed = np.abs(np.diff(recording.told.T_base_tool[:, :3, 3], axis=0)).max() / 0.05
    assert speed < 0.15


@pytest.mark.parametrize("value", ["-0.1", "3.0"])
def test_a_cell_file_with_impossible_latencies_is_refused(tmp_path, value):
    cell = _cell(tmp_path)
    cell.write_text(cell.read_text().replace("robot:\n", f"robot:\n  action_latency_s: {value}\n"))
    with pytest.raises(RefusedError, match="action_latency_s"):
        load_cell(cell)


def test_a_recorded_dataset_is_read(tmp_path):
    small_dataset(tmp_path / "data", episodes=1)
    recording = read_recording(tmp_path / "data", 0, ())
    assert len(recording.told.stamp_s) > 1
    assert len(recording.measured.stamp_s) > 1
    assert all(len(seen.grey) == len(seen.stamp_s) for seen in recording.cameras.values())
    assert recording.cameras
    with pytest.raises(RefusedError, match="no episode 7"):
        read_recording(tmp_path / "data", 7, ())
