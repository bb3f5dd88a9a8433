"""A hand's recorder, with a recorder that answers when the test says so."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from robot_skills.app.nodes import teleop_records
from robot_skills.app.nodes.teleop_records import RecorderClient
from robot_skills.core.annotation import Outcome
from robot_skills.data.recorder import Discarded, EpisodeHeader, Failed, Saved

HEADER = EpisodeHeader(task="push", start_s=0.0, started="2026-01-01T00:00:00.000+00:00", origin={})
TWICE = "What was asked before is still being done: ask again."


class Future:
    def __init__(self):
        self.then, self.answer = None, None

    def add_done_callback(self, then):
        self.then = then

    def result(self):
        return self.answer


class OneAtATime:
    """The recorder's service: refuses what is asked before its last answer."""

    def __init__(self):
        self.asked, self.open, self.ready = [], [], True

    def service_is_ready(self):
        return self.ready

    def call_async(self, request):
        future = Future()
        self.asked.append(request.action)
        if self.open:
            future.answer = SimpleNamespace(accepted=False, reason=TWICE, episode=-1)
            future.add_done_callback = lambda then: then(future)
        else:
            self.open.append(future)
        return future

    def say(self, *, accepted=True, reason="", episode=0):
        future = self.open.pop()
        future.answer = SimpleNamespace(accepted=accepted, reason=reason, episode=episode)
        future.then(future)


@pytest.fixture
def service():
    return OneAtATime()


@pytest.fixture
def client(service):
    ros = SimpleNamespace(
        create_client=lambda kind, name: service,
        create_publisher=lambda *_: None,
        create_subscription=lambda *_: None,
    )
    return RecorderClient(SimpleNamespace(node=ros))


def test_an_episode_that_ends_before_it_was_said_to_have_begun_is_saved(client, service):
    client.begin(HEADER)
    client.commit(Outcome.SUCCESS)
    assert client.poll() == []
    assert service.asked == ["start"]
    service.say()
    assert service.asked == ["start", "save"]
    service.say(episode=3)
    (saved,) = client.poll()
    assert isinstance(saved, Saved)
    assert saved.number == 3


def test_an_end_is_asked_for_at_once_where_the_beginning_is_settled(client, service):
    client.begin(HEADER)
    service.say()
    client.discard()
    assert service.asked == ["start", "discard"]
    service.say()
    assert isinstance(client.poll()[0], Discarded)


def test_what_was_never_begun_is_not_ended(client, service):
    client.begin(HEADER)
    client.commit(Outcome.SUCCESS)
    service.say(accepted=False, reason="The disk is full.")
    assert service.asked == ["start"]
    assert client.poll() == [Failed(reason="The disk is full.")]
    client.begin(HEADER)
    service.say()
    assert service.asked == ["start", "start"]
    assert client.poll() == []


def test_a_recorder_that_is_gone_ends_the_wait(client, service, monkeypatch):
    monkeypatch.setattr(teleop_records, "_SILENT_S", 0.0)
    client.begin(HEADER)
    client.commit(Outcome.SUCCESS)
    (failed,) = client.poll()
    assert isinstance(failed, Failed)
    assert "not been heard of" in failed.reason
    assert client.poll() == []


def test_without_a_recorder_nothing_begins(client, service):
    service.ready = False
    client.begin(HEADER)
    (failed,) = client.poll()
    assert isinstance(failed, Failed)
    assert "There is no recorder" in failed.reason
