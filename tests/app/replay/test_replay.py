"""A replay goes to the beginning, follows what was recorded, measures, and stops when refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hardware.gated_robot import gate_robot
from robot_skills.app.replay import ReplayConfig, replay
from robot_skills.app.replay.command import main
from robot_skills.app.replay.files import render, write_report
from robot_skills.app.replay.options import ReplayOptions
from robot_skills.app.replay.tracking import ToolTrack, follow_errors, lag_of
from robot_skills.core.errors import DatasetError, RefusedError, UnknownNameError
from robot_skills.core.events import EventList
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from robot_skills.data.importing import import_episodes
from robot_skills.data.series import ActionSeries, ArmSeries, EpisodeData
from robot_skills.data.store import EpisodeStore
from tests.data import recording
from tests.fakes import PERIOD_S, R_DOWN, FakeRobot


def poses(p):
    T = np.tile(np.eye(4), (len(p), 1, 1))
    T[:, :3, :3] = R_DOWN
    T[:, :3, 3] = p
    return T


def episode(p=None, **changes):
    """A slow move of a tool that was where it was told to be, from 100 s on."""
    if p is None:
        s = np.linspace(0.0, 1.0, 41)
        p = np.stack([0.4 + 0.1 * s, 0.1 * np.sin(3 * s), 0.3 - 0.1 * s], axis=-1)
    n = len(p)
    stamp_s = 100.0 + PERIOD_S * np.arange(n)
    told = ActionSeries(
        stamp_s=stamp_s[1:], T_base_tool=poses(p)[1:], opening=np.linspace(1.0, 0.0, n)[1:]
    )
    arm = ArmSeries(
        stamp_s=stamp_s,
        q_rad=np.zeros((n, 6)),
        dq_rad_s=np.zeros((n, 6)),
        tau_nm=np.zeros((n, 6)),
        T_base_tool=poses(p),
        opening=np.linspace(1.0, 0.0, n),
    )
    values = {
        "task": "move",
        "start_s": 100.0,
        "end_s": float(stamp_s[-1]),
        "period_s": PERIOD_S,
        "arms": {DEFAULT_ARM: arm},
        "sent": {DEFAULT_ARM: told},
        "requested": {DEFAULT_ARM: told},
        "origin": "drawn 0",
    }
    return EpisodeData(**{**values, **changes})


@pytest.fixture
def robot():
    robot = FakeRobot()
    robot.connect()
    return robot


def test_a_robot_that_follows_exactly_is_measured_so(robot):
    report = replay(episode(), robot)
    assert report.finished
    assert report.planned_s == pytest.approx(2.0)
    assert report.done_s == pytest.approx(2.0)
    arm = report.arms[DEFAULT_ARM]
    assert arm.to_recorded is not None
    for found in (arm.to_commanded, arm.to_recorded):
        assert found.lag_s == 0.0
        assert found.as_it_is.position_mm.max < 1e-6
        assert found.as_it_is.rotation_deg.max < 1e-4
        assert found.as_it_is.opening.max < 1e-9


def test_the_way_to_the_beginning_is_slow_and_goes_over_what_stands_there(robot):
    low = SE3(R_DOWN, np.array([0.6, 0.3, 0.05]))
    robot.place_tool(low)
    begun_s = robot.clock.now_s()
    replay(episode(), robot, ReplayConfig(approach_m_s=0.1))
    assert robot.clock.now_s() - begun_s > 3.0
    first = np.array([0.4, 0.0, 0.3])
    for chunk in robot.commands:
        for p in chunk.arms[DEFAULT_ARM].T_base_tool[:, :3, 3]:
            away_m = np.linalg.norm(p[:2] - low.p[:2])
            assert away_m < 1e-6 or p[2] > 0.19
            if np.linalg.norm(p - first) < 1e-6:
                return
    pytest.fail("it never came to the beginning")


def test_half_the_speed_takes_twice_as_long(robot):
    report = replay(episode(), robot, ReplayConfig(speed=0.5))
    assert report.planned_s == pytest.approx(4.0)
    arm = report.arms[DEFAULT_ARM]
    assert arm.to_recorded is not None
    assert arm.to_recorded.as_it_is.position_mm.max < 1.0


def test_what_was_requested_may_be_replayed_instead(robot):
    asked = episode(p=np.linspace([0.4, 0.0, 0.3], [0.4, 0.1, 0.3], 41)).sent
    report = replay(episode(requested=asked), robot, ReplayConfig(told="requested"))
    end = report.arms[DEFAULT_ARM].measured.T_base_tool[-1, :3, 3]
    np.testing.assert_allclose(end, [0.4, 0.1, 0.3], atol=1e-6)


def test_the_gate_stops_it_and_says_why(robot):
    leaving = np.linspace([0.5, 0.0, 0.3], [0.5, 0.8, 0.3], 41)
    report = replay(episode(p=leaving), robot)
    assert not report.finished
    assert report.stopped_code == "workspace"
    assert report.stopped is not None
    assert "the workspace" in report.stopped
    assert 0.5 < report.done_s < 1.6
    assert robot.stops >= 1
    assert report.arms[DEFAULT_ARM].measured.T_base_tool[-1, 1, 3] < 0.55
    assert json.loads(json.dumps(report.to_json()))["finished"] is False


def test_it_is_refused_when_the_beginning_cannot_be_reached(robot):
    report = replay(episode(p=np.tile([0.5, 2.0, 0.3], (41, 1))), robot)
    assert report.stopped_code == "workspace"
    assert report.done_s == 0.0
    assert report.arms == {}
    assert "Stopped" in render(report)


def test_too_fast_is_refused(robot):
    fast = np.linspace([0.4, -0.3, 0.3], [0.4, 0.3, 0.3], 21)
    report = replay(episode(p=fast), robot, ReplayConfig(speed=2.0))
    assert report.stopped_code == "speed"


def test_what_makes_no_sense_is_refused(robot):
    with pytest.raises(DatasetError, match="no sent actions"):
        replay(episode(sent={}), robot)
    other = {"left": episode().sent[DEFAULT_ARM]}
    with pytest.raises(UnknownNameError, match="left"):
        replay(episode(sent=other), robot)
    with pytest.raises(RefusedError, match="speed"):
        ReplayConfig(speed=0.0)


def test_the_lag_of_a_track_is_found():
    time_s = np.arange(0.0, 4.0, 0.05)

    def track(shift_s):
        s = (time_s - shift_s).clip(0.0)
        p = np.stack([0.4 + 0.1 * np.sin(s), 0.1 * np.cos(2 * s), 0.3 + 0 * s], axis=-1)
        return ToolTrack(time_s=time_s, T_base_tool=poses(p), opening=np.ones(len(p)))

    assert lag_of(track(0.12), track(0.0)) == pytest.approx(0.12, abs=0.02)
    found = follow_errors(track(0.12), track(0.0))
    assert found.as_it_is.position_mm.median > 10.0
    assert found.without_lag.position_mm.median < 2.0
    still = replace(track(0.0), T_base_tool=poses(np.tile([0.4, 0.0, 0.3], (len(time_s), 1))))
    assert lag_of(still, still) == 0.0


def test_numbers_plot_and_page_are_written(robot, tmp_path):
    report = replay(episode(), robot)
    files = write_report(tmp_path / "out", report)
    assert sorted(path.name for path in files) == ["replay.html", "replay.json", "replay.png"]
    saved = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert saved["arms"]["arm"]["to_commanded"]["as_it_is"]["position_mm"]["max"] < 1e-6
    assert (tmp_path / "out" / "replay.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out" / "replay.html").read_text()


def test_a_recording_of_an_unknown_robot_needs_one_to_be_named(tmp_path):
    recording.small_dataset(tmp_path / "d", episodes=1, cameras=False)
    with pytest.raises(RefusedError, match="give --robot"):
        main(ReplayOptions(dataset=tmp_path / "d", episode=0))
    with pytest.raises(UnknownNameError, match="sim:panda"):
        main(ReplayOptions(dataset=tmp_path / "d", episode=0, robot="sim:pand"))
    with pytest.raises(UnknownNameError, match="no episode 3"):
        main(ReplayOptions(dataset=tmp_path / "d", episode=3))


class OneEpisode:
    """A source of one episode."""

    name, kind = "drawn", "test"

    def __init__(self, only):
        self._only = only

    def __len__(self):
        return 1

    def episode(self, index):
        return self._only


def simulated_episode():
    """What a simulated Panda did when it was led along a line."""
    from sim.stations import open_station

    station = open_station("sim:panda", (64, 64))
    station.begin(7)
    robot = gate_robot(station.robot, EventList())
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool
    rows, told = [], []
    for step in range(41):
        now_s = robot.clock.now_s()
        rows.append(robot.observe().arms[DEFAULT_ARM])
        share = np.minimum(np.arange(step + 1, step + 5), 40) / 40
        T = np.tile(start.matrix(), (4, 1, 1))
        T[:, :3, 3] += share[:, None] * [0.08, 0.1, -0.1]
        stamp_s = now_s + PERIOD_S * np.arange(1, 5)
        robot.command(single_arm_chunk(stamp_s, T, np.full(4, 0.5)))
        told.append((stamp_s[0], T[0]))
        robot.clock.sleep_until(now_s + PERIOD_S)
    station.close()
    sent = ActionSeries(
        stamp_s=np.array([at_s for at_s, _ in told]),
        T_base_tool=np.stack([T for _, T in told]),
        opening=np.full(len(told), 0.5),
    )
    arm = ArmSeries(
        stamp_s=np.array([row.stamp_s for row in rows]),
        q_rad=np.stack([row.q_rad for row in rows]),
        dq_rad_s=np.stack([row.dq_rad_s for row in rows]),
        tau_nm=np.stack([row.tau_nm for row in rows]),
        T_base_tool=np.stack([row.T_base_tool.matrix() for row in rows]),
        opening=np.array([row.opening for row in rows]),
    )
    return EpisodeData(
        task="move",
        start_s=0.0,
        end_s=2.0,
        period_s=PERIOD_S,
        arms={DEFAULT_ARM: arm},
        sent={DEFAULT_ARM: sent},
        meta={"seed": "7", "robot_type": "panda"},
    )


def test_a_simulated_arm_does_once_more_what_was_recorded(tmp_path):
    store = EpisodeStore(tmp_path / "d")
    import_episodes(OneEpisode(simulated_episode()), store, name="d")
    options = ReplayOptions(
        dataset=tmp_path / "d", episode=0, robot="sim:panda", out=tmp_path / "out"
    )
    result = main(options)
    assert result.exit_code == 0
    found = result.payload["arms"]["arm"]
    assert found["to_commanded"]["without_lag"]["position_mm"]["p95"] < 5.0
    assert found["to_recorded"]["as_it_is"]["position_mm"]["p95"] < 1.0
    assert result.payload["succeeded"] is None
    assert result.payload["notes"] == []
    assert (tmp_path / "out" / "replay.png").is_file()
