"""A camera, its process and its node: what others see of it over real DDS."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hardware.cameras.process import CameraProcessConfig
from hardware.ros2.camera import RosCamera, RosCameraConfig
from hardware.ros2.camera_topics import CameraTopics
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock
from robot_skills.app.bringup.cell import facts_of
from robot_skills.app.bringup.plans import PlanName, plan_of
from robot_skills.app.cells import find_cell, gate_setup, load_cell, watch_setup
from robot_skills.app.nodes.camera import CameraNodeSetup, camera_setup, main, run_camera
from robot_skills.core.errors import PerceptionError, RefusedError, UnknownNameError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame
from tests.hardware.cameras.told_camera import SHAPE, K, picture, told

CONTEXT = multiprocessing.get_context("spawn")
SPACE = f"cell_{os.getpid()}"
"""Others may run these tests in the same domain at the same time."""
OK, ERROR, STALE = b"\x00", b"\x02", b"\x03"


class Published:
    """A camera's node in a process, and a robot's side that hears it."""

    def __init__(self, folder, **setup):
        self.file = folder / "told"
        self.tell("ok")
        config = CameraProcessConfig(
            name="front",
            width_px=SHAPE[1],
            height_px=SHAPE[0],
            stale_s=2.0,
            pause_s=0.5,
            longest_pause_s=0.5,
        )
        self.process = CONTEXT.Process(
            target=run_camera,
            args=(
                CameraNodeSetup(
                    process=config,
                    make_camera=partial(told, file=self.file),
                    namespace=SPACE,
                    **setup,
                ),
            ),
        )
        self.process.start()
        self.node = RosNode("listener", namespace=SPACE)
        self.camera = RosCamera(
            self.node,
            RosCameraConfig(name="front", T_mount_camera=SE3.identity(), stale_s=2.0),
            MachineClock(),
        )
        self.health = []
        self._subscribe()
        self.node.start()

    def _subscribe(self):
        from diagnostic_msgs.msg import DiagnosticStatus

        self.node.node.create_subscription(DiagnosticStatus, "front/health", self.health.append, 10)

    def tell(self, word):
        written = self.file.with_suffix(".new")
        written.write_text(word)
        written.replace(self.file)

    def hears(self, level, word=""):
        return (
            bool(self.health) and self.health[-1].level == level and word in self.health[-1].message
        )

    def known(self):
        return {pair.key: pair.value for pair in self.health[-1].values}

    def child(self):
        """Process of the camera itself."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            found = file.read().split()
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/children") as file:
                found += file.read().split()
        for pid in map(int, found):
            with open(f"/proc/{pid}/cmdline") as file:
                if "spawn_main" in file.read():
                    return pid
        raise AssertionError(found)

    def end(self):
        self.node.close()
        self.process.terminate()
        self.process.join(timeout=20.0)
        if self.process.is_alive():
            self.process.kill()


@pytest.fixture
def published(tmp_path):
    made = Published(tmp_path)
    try:
        wait_until(lambda: made.hears(OK))
        yield made
    finally:
        made.end()


def wait_until(so, timeout_s=30.0):
    until_s = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def number_of(frame):
    """What the picture says its number is, as long as there are few."""
    return round(1000.0 * float(frame.depth_m[0, 0])) - 1000


def test_a_robot_sees_what_the_camera_saw(published):
    seen = {}
    wait_until(
        lambda: seen.setdefault(number_of(f := published.camera.read()), f) and len(seen) >= 5
    )
    for number, frame in seen.items():
        rgb, depth_m = picture(number)
        np.testing.assert_array_equal(frame.rgb, rgb)
        np.testing.assert_allclose(frame.depth_m, depth_m, atol=0.5e-3)
        np.testing.assert_array_equal(frame.K, K)
        assert frame.stamp_s <= frame.received_s
    wait_until(lambda: int(published.known()["frames"]) >= 5)
    known = published.known()
    assert known["state"] == "running"
    assert known["restarts"] == known["frozen"] == "0"


@pytest.mark.parametrize(
    ("word", "level", "reason"),
    [
        ("unplugged", STALE, "told camera"),
        ("frozen", STALE, "frozen"),
        ("wide", ERROR, "40 x 24"),
        ("zoom", ERROR, "intrinsics changed"),
    ],
)
def test_what_is_wrong_is_said_and_that_it_is_over(published, word, level, reason):
    published.tell(word)
    wait_until(lambda: published.hears(level, reason))
    said = len(published.health)
    # It goes on saying so, since silence could be anything.
    wait_until(lambda: len(published.health) >= said + 5)
    assert published.hears(level, reason)
    published.tell("ok")
    wait_until(lambda: published.hears(OK))
    published.camera.read()


def test_a_killed_driver_is_named_and_comes_back(published):
    os.kill(published.child(), signal.SIGKILL)
    wait_until(lambda: any("SIGKILL" in said.message for said in published.health))
    wait_until(lambda: published.hears(OK))
    published.camera.read()


def test_no_process_is_left_of_a_node_that_was_killed(published):
    child = published.child()
    published.process.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{child}"))
    with pytest.raises(PerceptionError, match="front gives no pictures"):
        wait_until(lambda: published.camera.read() is None)


# Cells


def cell_with(tmp_path, camera):
    text = tmp_path / "cell.yaml"
    shipped = find_cell("ur5e_realsense").read_text()
    before, _, after = shipped.partition("cameras:\n")
    network = after[after.index("network:") :]
    text.write_text(f"{before}cameras:\n{camera}\n{network}")
    return load_cell(text)


POSE = """    mount: base
    T_mount_camera: {xyz: [1.0, 0.0, 0.5], wxyz: [0.0, 1.0, 0.0, 0.0]}"""


def test_a_cell_says_which_realsense():
    setup = camera_setup(load_cell("ur5e_realsense"), "front")
    made = setup.make_camera(MachineClock())
    assert made.name == "front"
    assert (made._config.width_px, made._config.height_px, made._config.rate_hz) == (640, 480, 30)
    assert setup.process.stale_s == 0.2
    assert setup.has_depth


def test_a_cell_says_which_webcam_and_what_its_lens_is_like(tmp_path):
    cell = cell_with(
        tmp_path,
        "  web:\n    driver: uvc\n    device: /dev/video7\n    size_px: [320, 240]\n"
        f"    rate_hz: 15\n    lens_px: [300.0, 301.0, 160.0, 121.0]\n{POSE}",
    )
    setup = camera_setup(cell, "web")
    made = setup.make_camera(MachineClock())
    assert made._config.device == "/dev/video7"
    np.testing.assert_array_equal(
        made._config.K, [[300.0, 0.0, 160.0], [0.0, 301.0, 121.0], [0.0, 0.0, 1.0]]
    )
    assert not setup.has_depth


def test_a_webcam_without_a_lens_is_refused(tmp_path):
    cell = cell_with(tmp_path, f"  web:\n    driver: uvc\n    device: /dev/video7\n{POSE}")
    with pytest.raises(RefusedError, match="lens_px"):
        camera_setup(cell, "web")


def test_cameras_that_others_publish_are_refused(tmp_path):
    cell = cell_with(tmp_path, f"  front:\n    driver: ros\n{POSE}")
    with pytest.raises(RefusedError, match="published by its driver"):
        camera_setup(cell, "front")
    with pytest.raises(UnknownNameError, match=r"frnt.*mean 'front'"):
        camera_setup(cell, "frnt")


def test_wrong_arguments_are_refused_in_a_line(capsys):
    assert main(["--cell", "ur5e_realsense"]) == 2
    assert "--camera" in capsys.readouterr().err
    assert main(["--cell", "ur5e_realsense", "--camera", "wrist"]) == 2
    assert "Available: front" in capsys.readouterr().err


# Cameras that others publish


def watched_cell(tmp_path):
    return cell_with(
        tmp_path,
        "  front:\n    driver: ros\n    colour: /their/colour\n    size_px: [32, 24]\n"
        f"    rate_hz: 30\n    lens_px: [60.0, 60.0, 15.5, 11.5]\n    frozen_frames: 20\n{POSE}",
    )


def test_a_cell_says_what_is_watched(tmp_path):
    cell = watched_cell(tmp_path)
    (watched,) = watch_setup(cell, "front").cameras
    assert watched.camera.topics()[0] == "/their/colour"
    assert (watched.size_px, watched.stale_s) == ((32, 24), 0.2)
    assert watched.watch.frozen_frames == 20
    np.testing.assert_array_equal(watched.watch.K[:2, 2], [15.5, 11.5])
    assert gate_setup(cell).sensors == ("front",)
    facts = facts_of(str(cell.path))
    assert facts.cameras == ("front",)
    node = next(one for one in plan_of(PlanName.BRINGUP, facts).nodes if one.name == "camera_front")
    assert node.ready.topics == ("/front/health",)
    with pytest.raises(UnknownNameError, match=r"frnt.*mean 'front'"):
        watch_setup(cell, "frnt")


def test_the_node_of_a_camera_that_another_driver_publishes_says_how_it_is(tmp_path):
    from diagnostic_msgs.msg import DiagnosticStatus

    text = watched_cell(tmp_path).path.read_text().replace("    colour: /their/colour\n", "")
    file = tmp_path / "watched.yaml"
    file.write_text(text)
    health = []
    driver = RosNode("their_driver", namespace=f"{SPACE}_theirs")
    topics = CameraTopics(driver, "front")
    driver.node.create_subscription(DiagnosticStatus, "front/health", health.append, 10)
    arguments = ["--cell", str(file), "--camera", "front", "--namespace", f"{SPACE}_theirs"]
    node = subprocess.Popen([sys.executable, "-m", "robot_skills.app.nodes.camera", *arguments])
    lens = np.array([[60.0, 0.0, 15.5], [0.0, 60.0, 11.5], [0.0, 0.0, 1.0]])
    sent = itertools.count()

    def publish():
        rgb, depth_m = picture(next(sent))
        topics.publish(
            RgbdFrame(
                stamp_s=time.monotonic(),
                rgb=rgb,
                depth_m=depth_m,
                K=lens,
                T_base_camera=SE3.identity(),
            )
        )

    def until(level, word, send):
        until_s = time.monotonic() + 60.0
        while not (health and health[-1].level == level and word in health[-1].message):
            assert time.monotonic() < until_s, health[-1:]
            send()
            driver.spin_once(0.02)

    try:
        until(STALE, "nothing came on front/color/image_raw", lambda: None)
        until(OK, "pictures come", publish)
        until(STALE, "nothing came on front/color/image_raw for", lambda: None)
        until(OK, "pictures come", publish)
        # It watches, and sends no pictures of its own.
        assert driver.node.count_publishers("front/color/image_raw") == 1
        assert driver.node.count_publishers("front/health") == 1
        node.terminate()
        assert node.wait(timeout=20.0) == 0
    finally:
        node.kill()
        node.wait()
        driver.close()
