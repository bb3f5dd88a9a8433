"""The collecting loop: what the hand does reaches the arm and the dataset, whatever goes wrong."""

import os
import subprocess

import numpy as np
import pytest

from robot_skills.app.collect.session import Motion, Phase, SessionConfig
from robot_skills.core.annotation import Outcome
from robot_skills.core.events import EventKind
from robot_skills.core.teleop import Wish
from robot_skills.data.reader import read_recorded
from robot_skills.data.recorder import RecorderConfig
from tests.app.collect.stations import Rig
from tests.fakes import PERIOD_S


@pytest.fixture
def rig(tmp_path, request):
    made = Rig(tmp_path / "fake", **getattr(request, "param", {}))
    yield made
    made.close()


def idle(rig):
    return rig.session.phase is Phase.IDLE


def record(rig, steps=20, wish=Wish.SUCCESS):
    rig.session.wish(Wish.START)
    rig.steps(steps, z=0.5)
    rig.session.wish(wish)
    rig.until(lambda: idle(rig))


def test_an_episode_holds_what_was_seen_asked_and_sent(rig):
    record(rig)
    episode = read_recorded(rig.store.entry(0), rig.store)
    arm, sent = episode.arms["arm"], episode.sent["arm"]
    assert (episode.task, episode.outcome) == ("raise the hand", Outcome.SUCCESS)
    assert len(arm.stamp_s) == 20
    assert len(episode.cameras["front"].stamp_s) == 20
    np.testing.assert_allclose(episode.cameras["front"].stamp_s, arm.stamp_s, atol=1e-9)
    # What is sent for the next step is where the fake arm is then.
    later = np.searchsorted(sent.stamp_s, arm.stamp_s[5:] - 1e-9)
    np.testing.assert_allclose(sent.T_base_tool[later, 2, 3], arm.T_base_tool[5:, 2, 3], atol=1e-6)
    assert arm.T_base_tool[-1, 2, 3] > arm.T_base_tool[0, 2, 3] + 0.02
    np.testing.assert_allclose(
        episode.numbers["observation.height"].values[:, 0], arm.T_base_tool[:, 2, 3]
    )
    kinds = {event.kind for event in episode.events}
    assert {EventKind.INSTRUCTION, EventKind.OPERATOR, EventKind.GATE} <= kinds


def test_each_episode_starts_from_another_seed(rig):
    record(rig)
    record(rig)
    assert rig.station.seeds == [0, 1, 2]
    assert [entry.manifest.origin["seed"] for entry in rig.store.entries()] == ["0", "1"]


def test_each_episode_begins_with_time_at_zero_and_is_not_run_ahead(rig):
    rig.session.wish(Wish.START)
    rig.steps(20, z=0.5)
    rig.hand.ask([Wish.DISCARD])
    rig.session.step()
    assert rig.station.clock.now_s() == pytest.approx(PERIOD_S)


def test_letting_go_stops_the_arm_and_is_written_as_a_hold(rig):
    rig.session.wish(Wish.START)
    rig.steps(10, z=0.5)
    stops = rig.station.robot.stops
    rig.steps(1, z=0.5, held=False)
    assert rig.station.robot.stops == stops + 1
    assert rig.session.motion is Motion.IDLE
    height = rig.session.observation.arms["arm"].T_base_tool.p[2]
    rig.steps(10, held=False)
    assert rig.session.observation.arms["arm"].T_base_tool.p[2] == pytest.approx(height, abs=1e-9)
    rig.session.wish(Wish.SAVE)
    rig.until(lambda: idle(rig))
    sent = read_recorded(rig.store.entry(0), rig.store).sent["arm"]
    assert sent.T_base_tool[-1, 2, 3] == pytest.approx(height, abs=1e-9)


def test_a_hand_that_falls_silent_stops_the_arm(rig):
    rig.steps(5, z=0.5)
    assert rig.session.motion is Motion.MOVING
    rig.steps(3)
    assert rig.session.motion is Motion.IDLE


def test_after_an_episode_the_hand_has_to_let_go_before_it_moves_again(rig):
    rig.session.wish(Wish.START)
    rig.steps(5, z=0.5)
    rig.session.wish(Wish.SUCCESS)
    commands = len(rig.station.robot.commands)
    rig.steps(5, z=0.5)
    assert len(rig.station.robot.commands) == commands
    rig.steps(2, z=0.0, held=False)
    rig.steps(3, z=0.5)
    assert len(rig.station.robot.commands) > commands


def test_the_emergency_stop_latches_until_it_is_released_and_the_hand_lets_go(rig):
    rig.steps(5, z=0.5)
    rig.session.wish(Wish.ESTOP)
    commands = len(rig.station.robot.commands)
    rig.steps(5, z=0.5)
    assert rig.session.motion is Motion.ESTOP
    rig.session.wish(Wish.RELEASE)
    rig.steps(5, z=0.5)
    assert len(rig.station.robot.commands) == commands
    rig.steps(2, z=0.0, held=False)
    rig.steps(3, z=0.5)
    assert len(rig.station.robot.commands) > commands


def test_discard_keeps_nothing_and_redo_marks_the_last(rig):
    record(rig, wish=Wish.DISCARD)
    assert rig.store.numbers() == []
    record(rig)
    rig.session.wish(Wish.REDO)
    rig.until(lambda: rig.session.phase is Phase.RECORDING)
    assert rig.store.entry(0).annotation.discarded


def test_subtasks_said_while_recording_are_spans(rig):
    rig.session.wish(Wish.START)
    rig.session.describe(None, "reach")
    rig.steps(10, z=0.5)
    rig.session.describe(None, "rise")
    rig.steps(10, z=0.5)
    rig.session.wish(Wish.SUCCESS)
    rig.until(lambda: idle(rig))
    subtasks = read_recorded(rig.store.entry(0), rig.store).subtasks
    assert [subtask.words for subtask in subtasks] == ["reach", "rise"]
    assert subtasks[0].end_s == pytest.approx(10 * PERIOD_S)


@pytest.mark.parametrize(
    "rig", [{"config": SessionConfig(save_when_done=True, start_by_itself=True)}], indirect=True
)
def test_a_session_can_begin_and_end_episodes_by_itself(rig):
    rig.steps(20, z=0.5)
    assert rig.session.phase is Phase.RECORDING
    rig.station.done = True
    rig.until(lambda: rig.session.saved != [])
    assert rig.store.entry(0).outcome is Outcome.SUCCESS


@pytest.mark.parametrize("rig", [{"config": SessionConfig(episodes=2)}], indirect=True)
def test_a_session_ends_when_it_has_enough(rig):
    record(rig)
    assert not rig.session.finished
    record(rig)
    assert rig.session.finished


def test_an_unplugged_camera_holds_the_arm_marks_a_gap_and_comes_back(rig):
    rig.session.wish(Wish.START)
    rig.steps(20, z=0.2)
    rig.station.robot.unplugged = True
    rig.steps(20, z=0.2)
    assert rig.session.motion is Motion.HELD
    assert "Camera front is gone." in rig.session.notices[-1].text
    rig.station.robot.unplugged = False
    rig.steps(10, z=0.0, held=False)
    rig.steps(10, z=0.2)
    assert rig.session.motion is Motion.MOVING
    rig.session.wish(Wish.SUCCESS)
    rig.until(lambda: idle(rig))
    entry = rig.store.entry(0)
    stats = entry.manifest.streams["/camera/front"]
    (gap,) = stats.gaps
    assert gap[1] - gap[0] == pytest.approx(21 * PERIOD_S)
    assert stats.dropped == 20
    events = read_recorded(entry, rig.store).events
    states = [event.data["state"] for event in events if event.kind is EventKind.SENSOR]
    assert states == ["lost", "back"]


def test_a_device_that_is_unplugged_lets_go_and_the_episode_goes_on(rig):
    rig.session.wish(Wish.START)
    rig.steps(5, z=0.5)
    rig.hand.lose("unplugged")
    rig.steps(2)
    assert rig.session.motion is Motion.IDLE
    assert rig.session.phase is Phase.RECORDING


def test_a_jump_of_the_wall_clock_changes_nothing(rig, monkeypatch):
    import datetime as real
    import time

    rig.session.wish(Wish.START)
    rig.steps(10, z=0.5)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + 3600.0)
    rig.steps(10, z=0.5)
    monkeypatch.setattr(time, "time", lambda: wall() - 3600.0)
    rig.steps(10, z=0.5)
    rig.session.wish(Wish.SUCCESS)
    rig.until(lambda: idle(rig))
    entry = rig.store.entry(0)
    assert entry.manifest.duration_s == pytest.approx(30 * PERIOD_S)
    assert entry.manifest.streams["/arm/state"].gaps == ()
    stamps = read_recorded(entry, rig.store).arms["arm"].stamp_s
    np.testing.assert_allclose(np.diff(stamps), PERIOD_S, atol=1e-9)
    assert real.datetime.fromisoformat(entry.manifest.started).tzinfo is not None


def test_a_recorder_that_dies_stops_the_arm_and_says_so(rig):
    rig.session.wish(Wish.START)
    rig.steps(5, z=0.5)
    rig.recorder._process.kill()
    rig.until(lambda: rig.session.phase is Phase.NONE)
    assert rig.session.motion in (Motion.HELD, Motion.IDLE)
    assert "Recording has stopped" in rig.session.notices[-1].text


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own with room for a few seconds."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_every_earlier_episode_and_holds_the_arm(small_disk):
    rig = Rig(small_disk / "fake", recorder=RecorderConfig(reserve_bytes=0, journal=True))
    rng = np.random.default_rng(0)
    try:
        record(rig)
        before = rig.store.root_hash()
        rig.session.wish(Wish.START)
        # Something that does not compress fills what is left.
        (small_disk / "other").write_bytes(rng.bytes(2_600_000))
        rig.until(lambda: (idle(rig) and rig.session.saved != []) or _noise(rig, rng), steps=4000)
        assert "Recording has stopped" in rig.session.notices[-1].text
        assert "No space left" in rig.session.notices[-1].text
        assert rig.session.motion in (Motion.HELD, Motion.IDLE)
        commands = len(rig.station.robot.commands)
        rig.steps(5, z=0.5)
        rig.steps(1, z=0.5)
        assert rig.store.leftovers() == []
        assert rig.store.root_hash() == before
        assert [damage for _, found in rig.store.verify() for damage in found] == []
        (small_disk / "other").unlink()
        rig.steps(2, z=0.0, held=False)
        record(rig)
        assert rig.store.numbers() == [0, 1]
        assert len(rig.station.robot.commands) >= commands
    finally:
        rig.close()


def _noise(rig, rng):
    """Write noise through the camera; False, so that the loop goes on."""
    from robot_skills.core.se3 import SE3
    from robot_skills.core.types import RgbdFrame

    now_s = rig.station.clock.now_s()
    rig.rings["front"].write(
        RgbdFrame(
            stamp_s=now_s,
            rgb=rng.integers(0, 256, (24, 32, 3), dtype=np.uint8),
            depth_m=rng.uniform(0.1, 5.0, (24, 32)).astype(np.float32),
            K=np.eye(3),
            T_base_camera=SE3.identity(),
        )
    )
    rig.push(0.1)
    return False
