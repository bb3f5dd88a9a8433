"""Demonstrations over ROS 2: hands, gate and recorder in processes of their own, over DDS."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from robot_skills.core.annotation import Outcome
from robot_skills.data.reader import RecordedEpisodes
from robot_skills.data.store import EpisodeStore
from tests.app.nodes.collecting import PATIENCE_S, Collecting, Person, wait_until
from tests.app.small_cell import SMALL_CELL
from tests.ros_domain import claim_domain


@pytest.fixture(scope="module")
def domain():
    return claim_domain()


@pytest.fixture
def collecting(tmp_path, domain):
    made = Collecting(tmp_path, domain)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.pids_of("gate")
            made.end()


@pytest.fixture
def person(domain):
    made = Person(domain)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.timeout(600)
def test_a_person_records_by_topics_and_a_killed_recorder_costs_the_episode_it_was_at(
    collecting, person
):
    for node in ("gate", "recorder", "teleop"):
        collecting.wait_for(node)
    wait_until(lambda: "teleop/status" in person.heard, lambda: collecting.said)

    first = person.insist("start", notes="by a test")
    assert (first.episode, first.path) == (0, str(collecting.dataset / "episodes/000000"))
    again = person.ask("start")
    assert not again.accepted
    assert "Episode 0 is recording" in again.reason
    person.push(0.06, lambda: collecting.said)
    saved = person.insist("save", outcome="success", notes="a good one")
    assert saved.episode == 0

    second = person.insist("start", task="push it back")
    assert second.episode == 1
    person.say("subtask", '{"words": "go right"}')
    person.say("subtask", '{"no words": 1}')
    person.say("nonsense", "{}")
    person.push(-0.06, lambda: collecting.said)
    assert person.insist("save", outcome="failure").episode == 1

    assert person.insist("start").episode == 2
    os.kill(collecting.pids_of("recorder")[-1], signal.SIGKILL)
    ticks = person.heard["gate/status"].ticks
    person.push(0.06, lambda: collecting.said)
    assert person.heard["gate/status"].ticks > ticks
    collecting.wait_for("recorder", times=2)
    assert len(collecting.pids_of("gate")) == 1
    person.reach_recorder()
    # The number was not used, and there is no third episode.
    assert person.insist("start").episode == 2
    assert person.insist("discard").path == ""
    assert person.ask("save").reason.startswith("There is no episode to save")
    assert collecting.end() == 0

    store = EpisodeStore(collecting.dataset)
    assert store.numbers() == [0, 1]
    assert not [damage for _, found in store.verify() for damage in found]
    assert not store.leftovers()
    check_episodes(RecordedEpisodes(store))


@pytest.mark.timeout(600)
def test_hands_record_by_their_buttons_and_outlive_recorder_and_gate(collecting, person):
    for node in ("gate", "recorder", "teleop"):
        collecting.wait_for(node)

    def teleop():
        return person.heard["teleop/status"]

    def said():
        return f"{teleop()}\n{person.heard.get('recorder/status')}\n{collecting.said}"

    def press_until(word, state):
        """Press a button until the hands are in a state; a refusal is shown, and tried again."""

        def there():
            if teleop().episode == "idle" != state:
                person.wish(word)
                time.sleep(1.0)
            return teleop().episode == state

        wait_until(there, said)

    wait_until(lambda: {"teleop/status", "recorder/status"} <= person.heard.keys())
    press_until("start", "recording")
    person.push(0.05, said)
    person.wish("success")
    wait_until(lambda: person.heard["recorder/status"].episodes == 1, said)
    wait_until(lambda: teleop().episode == "idle", said)

    # A recorder that hangs holds up neither gate nor hand; the hand is told, and goes on.
    press_until("start", "recording")
    recorder = collecting.pids_of("recorder")[-1]
    os.kill(recorder, signal.SIGSTOP)
    try:
        ticks = person.heard["gate/status"].ticks
        person.push(-0.05, said)
        wait_until(lambda: teleop().episode == "idle", said)
        # In its log: on a slow machine another notice comes before this one is read.
        wait_until(lambda: "not been heard of" in collecting.log("teleop"), said)
        person.push(0.05, said)
        assert person.heard["gate/status"].ticks > ticks
    finally:
        os.kill(recorder, signal.SIGCONT)
    # What it still had is there to be ended.
    wait_until(lambda: person.heard["recorder/status"].state == "recording", said)

    def forgotten():
        person.wish("discard")
        time.sleep(1.0)
        return person.heard["recorder/status"].state == "idle"

    wait_until(forgotten, said)

    os.kill(collecting.pids_of("gate")[-1], signal.SIGKILL)
    collecting.wait_for("gate", times=2)
    person.push(-0.05, said)

    person.wish("estop")
    wait_until(lambda: person.heard["gate/status"].state == "estop", said)
    wait_until(lambda: teleop().motion == "estop", said)
    person.wish("release")
    wait_until(lambda: person.heard["gate/status"].state == "idle", said)
    person.push(0.05, said)
    assert collecting.end() == 0
    store = EpisodeStore(collecting.dataset)
    assert [entry.outcome for entry in store.entries()] == [Outcome.SUCCESS]
    assert store.entry(0).manifest.origin["notes"] == "ros-twist"
    assert not [damage for _, found in store.verify() for damage in found]


def check_episodes(recorded):
    left, right = recorded.episode(0), recorded.episode(1)
    assert [left.task, right.task] == ["push it to the left", "push it back"]
    assert [left.outcome, right.outcome] == [Outcome.SUCCESS, Outcome.FAILURE]
    assert [one.words for one in right.subtasks] == ["go right"]
    assert recorded.entries[0].annotation.label == "a good one"
    assert recorded.entries[0].manifest.origin["notes"] == "by a test"
    for episode, way in ((left, 1.0), (right, -1.0)):
        (arm,), (sent,), (asked,) = (
            list(one.values()) for one in (episode.arms, episode.sent, episode.requested)
        )
        moved_m = way * (arm.T_base_tool[-1, 1, 3] - arm.T_base_tool[0, 1, 3])
        assert moved_m > 0.02
        assert way * (sent.T_base_tool[-1, 1, 3] - sent.T_base_tool[0, 1, 3]) > 0.02
        assert len(asked.stamp_s) > 3
        joints = episode.numbers["action.joints"]
        assert abs(joints.values[-1, 0] - joints.values[0, 0]) > 0.04
        assert (np.diff(joints.stamp_s) > 0.0).all()
        assert set(episode.cameras) == {"front", "wrist"}
        for camera in episode.cameras.values():
            assert len(camera.stamp_s) > 3
            assert camera.pictures.rgb(0).shape == (48, 64, 3)
            assert (camera.pictures.depth_m(0) > 0.1).mean() > 0.5


# A recorder alone


class Alone:
    """A recorder without a cell."""

    def __init__(self, folder, dataset, domain, *more):
        cell = folder / "small.yaml"
        cell.write_text(SMALL_CELL)
        command = [sys.executable, "-m", "robot_skills.app.nodes.recorder"]
        command += ["--cell", str(cell), "--domain", str(domain), "--dataset", str(dataset), *more]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def wait_for(self, person):
        def there():
            assert self.process.poll() is None, self.process.stderr.read()
            return "recorder/status" in person.heard

        wait_until(there)

    def refused(self):
        """Its last words, when it has ended because it did not like something."""
        _, said = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 2, said
        return said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


@pytest.mark.timeout(400)
def test_a_recorder_says_what_is_missing_and_keeps_its_dataset_to_itself(tmp_path, domain, person):
    with Alone(tmp_path, tmp_path / "set", domain) as alone:
        alone.wait_for(person)
        refused = person.ask("start")
        assert not refused.accepted
        assert refused.episode == -1
        for words in ("camera/front", "camera/wrist", "no states of the arm come on joint_states"):
            assert words in refused.reason
        assert "Available: discard, reject, save, start" in person.ask("begin").reason
        assert "no saved episode to reject" in person.ask("reject").reason
        assert "There is no episode to discard" in person.ask("discard").reason
        with Alone(tmp_path, tmp_path / "set", domain) as second:
            assert "Another process is recording" in second.refused()


@pytest.mark.timeout(300)
def test_without_room_on_the_disk_nothing_begins(tmp_path, domain, person):
    with Alone(tmp_path, tmp_path / "set", domain, "--reserve-mb", "1e12") as alone:
        alone.wait_for(person)
        assert "have to stay free: make room" in person.ask("start").reason


@pytest.mark.timeout(300)
def test_datasets_of_others_are_refused(tmp_path, domain):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with Alone(tmp_path, tmp_path / "photos", domain) as alone:
        assert "no dataset of recorded episodes" in alone.refused()
    with Alone(tmp_path, tmp_path / "Wrong Name", domain) as alone:
        assert "cannot name a dataset" in alone.refused()
    with Alone(tmp_path, tmp_path / "set", domain, "--reserve-mb", "-1") as alone:
        assert "--reserve-mb cannot be negative" in alone.refused()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["--device", "gamepd"], "Did you mean 'gamepad'"),
        (["--device", "ros-leader"], "no dead-man switch"),
        (["--speed", "2"], "--speed is a share"),
        (["--device", "ros-leader", "--leader", "x.yaml"], "Two leaders"),
    ],
)
def test_hands_that_make_no_sense_are_refused_before_anything_is_started(told, words, capsys):
    from robot_skills.app.nodes import teleop

    assert teleop.main(["--cell", "sim_panda", *told]) == 2
    assert words in capsys.readouterr().err
