"""The console in a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest

from robot_skills.console.app_link import (
    PUBLISH_PERIOD_S,
    ConsoleProcess,
    Describe,
    HandEvent,
    HandGone,
    Instruct,
    Say,
    WishEvent,
)
from robot_skills.console.config import ConsoleConfig
from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.teleop import Rate, Wish
from tests.console import fakes
from tests.console.clients import Page
from tests.console.conftest import TOKEN


def _until(condition, timeout_s: float = 15.0):
    """What `condition` returns, as soon as it is true."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("It did not happen.")


def _config() -> ConsoleConfig:
    return ConsoleConfig(port=0, token=TOKEN, heartbeat_s=1.0, lease_s=10.0)


def _port(console: ConsoleProcess) -> int:
    return int(console.url.split(":")[2].split("/")[0])


@pytest.fixture(scope="module")
def linked():
    rings = [
        FrameRing(name, RingSize(height_px=fakes.HEIGHT_PX, width_px=fakes.WIDTH_PX, slots=3))
        for name in fakes.CAMERAS
    ]
    process = ConsoleProcess(_config(), library=fakes.library, scene=fakes.scene, rings=rings)
    with process as console:
        yield console


def _take(link, found: list) -> list:
    found.extend(link.events())
    return found


def test_events_arrive_typed_and_in_order(linked):
    found: list = []
    with Page(_port(linked)) as page:
        page.take()
        page.hand(opening=0.5)
        _until(lambda: _take(linked.link, found))
        page.send("describe", task="sweep")
        page.send("say", words="a little down")
        page.send("instruct", instruction="tidy up")
        page.send("wish", wish="start")
        page.send("away")
        _until(lambda: HandGone() in _take(linked.link, found))
    hand = found[0]
    assert isinstance(hand, HandEvent)
    assert isinstance(hand.sample.motion, Rate)
    assert hand.sample.opening == 0.5
    assert hand.sample.stamp_s <= time.monotonic()
    assert found[1:] == [
        Describe(task="sweep", subtask=None),
        Say(words="a little down"),
        Instruct(instruction="tidy up"),
        WishEvent(wish=Wish.START),
        HandGone(),
    ]


def test_emergency_stop_comes_before_what_was_asked_earlier(linked):
    with Page(_port(linked)) as page:
        page.take()
        page.send("say", words="up")
        page.send("wish", wish="estop")
        page.send("say", words="down")
        page.send("describe", task="end")
        _until(lambda: any(isinstance(e, Describe) for e in linked.link._events))
    assert linked.link.events()[0] == WishEvent(wish=Wish.ESTOP)


def test_statuses_and_frames_reach_the_page(linked):
    backend = fakes.FakeBackend(task="stack the cubes")
    with Page(_port(linked)) as page:
        for _ in range(100):
            linked.link.publish(backend.status())
            linked.link.publish_frame("front", fakes.frame_at("front", time.monotonic()))
            message = page.wait("status")
            if message["status"]["episode"]["task"] == "stack the cubes":
                break
        page.send("watch", views=["front/colour"])
        assert len(page.wait("picture")["picture"]) > 1000


def test_publishing_too_often_is_dropped_and_unknown_cameras_are_refused(linked):
    frame = fakes.frame_at("wrist", 1.0)
    before = linked.link._rings["wrist"].head
    for _ in range(50):
        linked.link.publish_frame("wrist", frame)
    assert linked.link._rings["wrist"].head < before + 50
    with pytest.raises(UnknownNameError, match="wrist"):
        linked.link.publish_frame("wirst", frame)
    small = fakes.RgbdFrame(
        stamp_s=0.0,
        rgb=np.zeros((4, 4, 3), np.uint8),
        depth_m=np.zeros((4, 4), np.float32),
        K=np.eye(3),
        T_base_camera=fakes.SE3.identity(),
    )
    time.sleep(2 * PUBLISH_PERIOD_S)
    with pytest.raises(ValueError, match="holds"):
        linked.link.publish_frame("wrist", small)


def test_killed_console_means_that_the_hand_is_gone():
    console = ConsoleProcess(_config())
    console.start()
    page = Page(_port(console))
    page.take()
    page.hand()
    assert _until(console.link.events)
    assert console.link.alive
    assert console._process is not None
    assert console._process.pid is not None
    os.kill(console._process.pid, signal.SIGKILL)
    _until(lambda: not console.link.alive)
    assert console.link.events() == (HandGone(),)
    console.link.publish(fakes.FakeBackend().status())
    console.stop()
    console.stop()
    page.close()


def test_address_that_is_taken_is_refused(linked):
    config = ConsoleConfig(port=_port(linked), token=TOKEN)
    with pytest.raises(RefusedError, match="listen"):
        ConsoleProcess(config).start()


def test_console_ends_when_the_control_process_is_killed():
    script = """
        import time
        from robot_skills.console.app_link import ConsoleProcess
        from robot_skills.console.config import ConsoleConfig
        if __name__ == "__main__":
            console = ConsoleProcess(ConsoleConfig(port=0))
            console.start()
            print(console._process.pid, flush=True)
            time.sleep(60)
    """
    control = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert control.stdout is not None
    console = psutil.Process(int(control.stdout.readline()))
    control.kill()
    control.wait()
    control.stdout.close()
    _until(lambda: not console.is_running() or console.status() == psutil.STATUS_ZOMBIE)
