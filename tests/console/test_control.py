"""Who may command, and what becomes of a hand."""

import pytest
from httpx import post

from robot_skills.console.config import ConsoleConfig
from robot_skills.console.hub import Hub
from robot_skills.console.server import ConsoleServer
from robot_skills.core.errors import RefusedError
from robot_skills.core.teleop import Rate, Wish
from tests.console.clients import Page
from tests.console.conftest import TOKEN
from tests.console.fakes import FakeBackend, FakeLibrary

COMMANDS = [
    ("hand", {"held": True, "linear": [1, 0, 0], "angular": [0, 0, 0], "t_ms": 0.0}),
    ("wish", {"wish": "start"}),
    ("wish", {"wish": "release"}),
    ("describe", {"task": "sweep"}),
    ("say", {"words": "a little down"}),
    ("instruct", {"instruction": "tidy up"}),
]


@pytest.mark.parametrize(("kind", "fields"), COMMANDS)
@pytest.mark.parametrize("held", [False, True])
def test_viewers_are_refused_and_told_why(console, kind, fields, held):
    with Page(console.server.port) as holder, Page(console.server.port) as viewer:
        if held:
            holder.take()
        viewer.send(kind, **fields)
        refused = viewer.wait("refused", what=kind)
        assert (holder.hello["you"] if held else "take control") in refused["why"]
    assert console.backend.calls == []
    assert console.backend.samples == []


def test_first_who_asks_has_control_and_the_next_after_it_gave_it_back(console):
    with Page(console.server.port) as first, Page(console.server.port) as second:
        first.take()
        second.send("take")
        assert first.hello["you"] in second.wait("refused", what="take")["why"]
        second.wait("status", holder=first.hello["you"])
        first.send("release")
        second.wait("status", holder=None)
        second.take()


def test_closed_page_loses_control(console):
    with Page(console.server.port) as second:
        first = Page(console.server.port)
        first.take()
        first.close()
        second.wait("status", holder=None)
        second.take()


def test_everybody_may_stop_but_only_the_holder_goes_on(console):
    with Page(console.server.port) as holder, Page(console.server.port) as viewer:
        holder.take()
        viewer.send("wish", wish="estop")
        assert console.backend.wait_for("wish", Wish.ESTOP)
        viewer.send("wish", wish="release")
        viewer.wait("refused", what="wish")
        holder.send("wish", wish="release")
        assert console.backend.wait_for("wish", Wish.RELEASE)


def test_hand_of_the_holder_drives(console):
    with Page(console.server.port) as page:
        page.take()
        page.hand(opening=0.25)
        assert console.backend.wait_until(lambda: console.backend.samples)
        sample = console.backend.samples[-1]
        assert sample.held
        assert isinstance(sample.motion, Rate)
        assert sample.motion.linear[0] == 1.0
        assert sample.opening == 0.25


@pytest.mark.parametrize("leaving", ["close", "release", "away"])
def test_hand_is_gone_once_when_its_page_leaves(console, leaving):
    page = Page(console.server.port)
    page.take()
    page.hand()
    assert console.backend.wait_until(lambda: console.backend.samples)
    if leaving == "close":
        page.close()
    else:
        page.send(leaving)
    assert console.backend.wait_for("hand_gone")
    page.close()
    with Page(console.server.port) as other:
        other.wait("status", holder=None)
    assert console.backend.names() == ["hand_gone"]


def test_cut_connection_means_that_the_hand_is_gone(console):
    page = Page(console.server.port)
    page.take()
    page.hand()
    page.socket.socket.close()
    assert console.backend.wait_for("hand_gone")


def test_silent_page_loses_the_hand_and_then_control():
    backend = FakeBackend()
    config = ConsoleConfig(port=0, token=TOKEN, heartbeat_s=0.08, lease_s=0.4)
    with ConsoleServer(backend, None, config) as server, Page(server.port) as page:
        page.take()
        page.hand()
        assert backend.wait_for("hand_gone")
        page.wait("status", holder=None)
        page.hand(t_ms=1000.0)
        page.wait("refused", what="hand")


def test_hand_that_was_held_up_on_the_way_is_dropped(console):
    with Page(console.server.port) as page:
        page.take()
        page.hand(t_ms=50_000.0)
        page.hand(t_ms=10.0)
        assert console.backend.wait_for("hand_gone")
        assert len(console.backend.samples) == 1


def test_no_hand_drives_that_nobody_watches():
    backend = FakeBackend()
    hub = Hub(backend, ConsoleConfig())
    hub.join("secret", "Operator")
    hub.take_control("secret")
    with pytest.raises(RefusedError, match="watch"):
        hub.hand("secret", {"held": False, "t_ms": 0.0})
    assert backend.samples == []


def test_words_are_passed_on(console):
    with Page(console.server.port) as page:
        page.take()
        page.send("describe", subtask=" reach ")
        page.send("say", words="a little down")
        page.send("instruct", instruction="tidy up")
        assert console.backend.wait_for("describe", (None, "reach"))
        assert console.backend.wait_for("say", "a little down")
        assert console.backend.wait_for("instruct", "tidy up")
        page.send("say", words="  ")
        page.wait("refused", what="say")


def test_views_come_one_by_one(console):
    with Page(console.server.port) as page:
        page.send("watch", views=["front/depth", "moon/colour", 7])
        first = page.wait("picture")["picture"]
        assert b'"view": "front/depth"' in first[:60]
        for _ in range(5):
            page.wait("status")
        assert console.backend.names() == []
        page.send("shown", view="front/depth")
        assert b"front/depth" in page.wait("picture")["picture"][:60]


def _annotate(console, secret, **change):
    headers = {"authorization": f"Bearer {TOKEN}", "x-console-client": secret}
    return post(f"{console.base}/api/episodes/4", headers=headers, json=change)


def test_only_the_holder_annotates(console):
    with Page(console.server.port) as page:
        before = console.library.episodes()
        for secret in ("", "guess", page.hello["secret"]):
            assert _annotate(console, secret, rating=1).status_code == 409
        assert console.library.episodes() == before
        page.take()
        answer = _annotate(console, page.hello["secret"], rating=1, outcome="failure")
        assert answer.json()["rating"] == 1
        assert console.library.episodes()[3].rating == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"rating": 6}, 422),
        ({"outcome": "splendid"}, 422),
        ({"price": 3}, 422),
        ({"trim_s": [3.0]}, 422),
        ({"trim_s": [5.0, 2.0]}, 409),
        ({"subtasks": [{"start_s": 5.0, "end_s": 1.0, "words": "x"}]}, 409),
    ],
)
def test_senseless_annotations_are_refused(console, change, status):
    with Page(console.server.port) as page:
        page.take()
        before = console.library.episodes()
        answer = _annotate(console, page.hello["secret"], **change)
        assert answer.status_code == status
        assert answer.json()["why"]
        assert console.library.episodes() == before


def test_console_without_a_library_has_no_second_tab():
    config = ConsoleConfig(port=0, token=TOKEN)
    with ConsoleServer(FakeBackend(), None, config) as server, Page(server.port) as page:
        assert page.hello["library"] is False


def test_server_stops_while_pages_are_open():
    server = ConsoleServer(FakeBackend(), FakeLibrary(), ConsoleConfig(port=0, token=TOKEN))
    server.start()
    page = Page(server.port)
    page.take()
    page.hand()
    server.stop()
    server.stop()
    page.close()
