"""RealSense cameras, through the SDK's own software device: the driver's code, no hardware."""

import gc
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

from hardware.cameras.pose import OnTool
from hardware.cameras.realsense import RealSenseCamera, lens_of, metres
from hardware.cameras.realsense_device import (
    DepthFilters,
    RealSenseConfig,
    _why_not,
    open_realsense,
)
from hardware.cameras.stream import StreamConfig
from robot_skills.core.clock import MonotonicClock
from robot_skills.core.errors import MissingDependencyError, PerceptionError, RefusedError
from robot_skills.core.se3 import SE3
from tests.hardware.cameras.software_realsense import K, Showing, SoftwareRealSense, numbered
from tests.realsense_sdk import realsense_or_skip
from tests.ros_domain import claim_domain

rs = realsense_or_skip()

PATIENT = StreamConfig(stale_s=2.0, pause_s=0.05, longest_pause_s=0.1)


def settings(**changes):
    return RealSenseConfig(
        **{"name": "front", "width_px": 64, "height_px": 48, "stream": PATIENT} | changes
    )


def made(software, T_base_camera=None, clock=None, **changes):
    return RealSenseCamera(
        clock or MonotonicClock(),
        settings(**changes),
        T_base_camera or SE3.identity(),
        partial(open_realsense, find_devices=lambda: [one.device for one in software]),
    )


def test_frames_carry_colours_depth_lens_number_and_device_time():
    software, clock = SoftwareRealSense(), MonotonicClock()
    camera = made([software], clock=clock)
    camera.connect()
    try:
        with Showing(software, numbered):
            frames = [camera.read() for _ in range(5)]
    finally:
        camera.close()
    for frame in frames:
        assert frame.number is not None
        assert (frame.rgb == frame.number % 251).all()
        depth_mm = np.rint(1000.0 * frame.depth_m)
        np.testing.assert_array_equal(depth_mm, np.full((48, 64), 1000 + frame.number))
        assert frame.device_s == pytest.approx(100.0 + frame.number / 30.0)
        assert frame.stamp_s <= frame.received_s <= clock.now_s()
        np.testing.assert_allclose(frame.K, K, atol=1e-4)
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(numbers)


def test_millimetres_stay_whole_though_the_sdk_tells_their_size_as_a_short_float():
    depth = np.arange(65536, dtype=np.uint16)[None]
    short = float(np.float32(0.001))
    np.testing.assert_array_equal(metres(depth, short), (depth * 0.001).astype(np.float32))


def test_next_frame_leaves_none_out():
    software = SoftwareRealSense()
    camera = made([software])
    camera.connect()
    try:
        with Showing(software, numbered):
            frames = [camera.next_frame(1.0) for _ in range(10)]
    finally:
        camera.close()
    numbers = [frame.number for frame in frames if frame is not None]
    assert len(numbers) >= 9
    np.testing.assert_array_equal(np.diff(numbers), 1)


def test_depth_of_a_sensor_beside_the_colours_is_aligned_to_them():
    software = SoftwareRealSense(offset_m=(0.1, 0.0, 0.0))

    def step(number):
        rgb, depth = numbered(number)
        depth[:] = 2000
        depth[:, 32:] = 1000
        return rgb, depth

    camera = made([software])
    camera.connect()
    try:
        with Showing(software, step):
            depth_m = camera.read().depth_m[24]
    finally:
        camera.close()
    # What is 1 m away moves by f * 0.1 m / 1 m = 4.2 px, what is 2 m away by half as much.
    assert np.median(depth_m[5:30]) == 2.0
    assert np.median(depth_m[40:]) == 1.0
    near = int(np.argmax(depth_m == 1.0))
    assert 32 + 3 <= near <= 32 + 5


def test_a_camera_on_the_wrist_is_where_the_tool_was_when_it_saw():
    software = SoftwareRealSense()
    asked = []

    def T_base_tool_at(stamp_s):
        asked.append(stamp_s)
        return SE3.from_translation((0.5, 0.0, 0.3))

    mount = OnTool(
        T_tool_camera=SE3.from_translation((0.0, 0.1, 0.0)), T_base_tool_at=T_base_tool_at
    )
    camera = made([software], mount)
    camera.connect()
    try:
        with Showing(software, numbered):
            frame = camera.read()
    finally:
        camera.close()
    np.testing.assert_allclose(frame.T_base_camera.p, [0.5, 0.1, 0.3])
    assert frame.stamp_s in asked


@pytest.mark.parametrize(
    "filters",
    [
        DepthFilters(decimation=2),
        DepthFilters(spatial=True),
        DepthFilters(temporal=True),
        DepthFilters(hole_filling=True),
        DepthFilters(decimation=2, spatial=True, temporal=True, hole_filling=True),
    ],
)
def test_filtered_depth_is_aligned_to_the_colours_and_about_where_it_was(filters):
    software = SoftwareRealSense()

    def holed(number):
        rgb, depth = numbered(0)
        depth[20:24, 20:24] = 0
        return rgb, depth

    camera = made([software], filters=filters)
    camera.connect()
    try:
        with Showing(software, holed):
            frames = [camera.read() for _ in range(4)]
    finally:
        camera.close()
    depth = frames[-1].depth_m
    assert depth.shape == (48, 64)
    # Pixels at the rim have no neighbours to be aligned from.
    inner = depth[6:-6, 6:-6]
    assert np.mean(np.isclose(inner, 1.0, atol=0.03)) > 0.94
    assert (depth[21:23, 21:23] > 0.0).all() == filters.hole_filling or filters.spatial


@pytest.mark.parametrize(
    "model",
    [
        rs.distortion.brown_conrady,
        rs.distortion.modified_brown_conrady,
        rs.distortion.inverse_brown_conrady,
    ],
)
def test_undistorted_pixels_are_where_the_sdk_projects_them(model):
    software = SoftwareRealSense(coefficients=(0.1, -0.05, 0.01, -0.008, 0.02), model=model)
    K_lens, straight = lens_of(software.lens)
    assert straight is not None
    for row, column in ((0, 0), (10, 50), (24, 32), (47, 63)):
        ray = np.linalg.solve(K_lens, [column, row, 1.0])
        pixel = rs.rs2_project_point_to_pixel(software.lens, ray.tolist())
        found = straight.columns[row, column], straight.rows[row, column]
        np.testing.assert_allclose(found, pixel, atol=1e-2)


def test_lenses_that_are_not_understood_are_refused():
    software = SoftwareRealSense(coefficients=(0.1,) * 5, model=rs.distortion.ftheta)
    with pytest.raises(RefusedError, match="not understood"):
        lens_of(software.lens)


def test_a_camera_that_falls_silent_is_named_and_comes_back():
    software = SoftwareRealSense()
    impatient = StreamConfig(
        stale_s=0.1, silence_s=0.2, first_s=0.3, pause_s=0.05, longest_pause_s=0.1
    )
    camera = made([software], stream=impatient)
    camera.connect()
    try:
        with Showing(software, numbered) as showing:
            _wait_for_read(camera)
            showing.plugged = False
            time.sleep(0.3)
            with pytest.raises(PerceptionError, match="front gives no pictures"):
                camera.read()
            opened = camera.opened
            until_s = time.monotonic() + 10.0
            while camera.opened == opened:
                assert time.monotonic() < until_s
                camera.next_frame(0.05)
            showing.plugged = True
            _wait_for_read(camera)
            assert camera.problem == ""
    finally:
        camera.close()


def _wait_for_read(camera, timeout_s=20.0):
    until_s = time.monotonic() + timeout_s
    while True:
        try:
            return camera.read()
        except PerceptionError:
            assert time.monotonic() < until_s


def test_an_unplugged_device_is_named_before_it_falls_silent():
    software = SoftwareRealSense()
    plugged = [software]
    camera = made(plugged)
    camera.connect()

    class Info:
        def was_removed(self, device):
            return device.get_info(rs.camera_info.serial_number) == "123"

    try:
        with Showing(software, numbered):
            camera.read()
            plugged.clear()
            camera._pictures._framesets._changed(Info())
            assert camera.next_frame(0.1) is None
            assert camera.problem == "it was unplugged"
            time.sleep(0.1)
            assert camera.next_frame(0.1) is None
            assert "no RealSense is connected" in camera.problem
            plugged.append(software)
            _wait_for_read(camera)
    finally:
        camera.close()


def test_what_is_not_there_is_named():
    two = [SoftwareRealSense("123"), SoftwareRealSense("456")]
    with pytest.raises(MissingDependencyError, match="no RealSense is connected"):
        made([]).connect()
    with pytest.raises(MissingDependencyError, match=r"serial 99, which.*Connected: 123, 456"):
        made(two, serial="99").connect()
    with pytest.raises(MissingDependencyError, match=r"give it a serial.*123, 456"):
        made(two).connect()
    with pytest.raises(MissingDependencyError, match="no RealSense is connected"):
        RealSenseCamera(MonotonicClock(), settings(serial="99"), SE3.identity()).connect()


def test_the_device_with_the_serial_is_opened():
    first, second = SoftwareRealSense("123"), SoftwareRealSense("456")
    camera = made([first, second], serial="456")
    camera.connect()
    try:
        with Showing(second, lambda number: numbered(7)):
            assert (camera.read().rgb == 7).all()
    finally:
        camera.close()


def test_a_slow_port_is_refused_unless_it_is_allowed():
    software = SoftwareRealSense(usb="2.1")
    with pytest.raises(RefusedError, match=r"USB 2\.1 port"):
        made([software]).connect()
    camera = made([software], usb2=True)
    camera.connect()
    camera.close()


def test_sizes_that_the_device_lacks_are_refused():
    with pytest.raises(RefusedError, match="no colours and depth of 1280 x 720 at 30 Hz"):
        made([SoftwareRealSense()], width_px=1280, height_px=720).connect()


def test_a_device_in_use_is_named():
    error = RuntimeError(
        "xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy"
    )
    found = _why_not(error, settings())
    assert isinstance(found, MissingDependencyError)
    assert "in use by another program" in str(found)


def test_a_machine_without_the_sdk_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(MissingDependencyError, match=r"robot-skills\[realsense\]"):
        RealSenseCamera(MonotonicClock(), settings(), SE3.identity()).connect()


def test_what_was_recorded_is_played_bit_for_bit_and_ends(tmp_path):
    file = str(tmp_path / "table.db3")
    software = SoftwareRealSense()
    camera = made([software], record=file)
    camera.connect()
    try:
        with Showing(software, numbered):
            seen = [camera.next_frame(1.0) for _ in range(12)]
    finally:
        camera.close()
    del software, camera
    gc.collect()
    player = RealSenseCamera(MonotonicClock(), settings(playback=file), SE3.identity())
    player.connect()
    played = {}
    try:
        until_s = time.monotonic() + 20.0
        while "over" not in player.problem:
            assert time.monotonic() < until_s
            frame = player.next_frame(0.2)
            if frame is not None:
                played[frame.number] = frame
        # It does not begin again.
        assert player.next_frame(0.01) is None
        assert player.opened == 1
    finally:
        player.close()
    common = [frame for frame in seen if frame is not None and frame.number in played]
    assert len(common) >= 8
    for frame in common:
        again = played[frame.number]
        np.testing.assert_array_equal(again.rgb, frame.rgb)
        np.testing.assert_array_equal(again.depth_m, frame.depth_m)
        assert again.device_s == pytest.approx(frame.device_s)


def test_recordings_are_not_overwritten_and_have_to_be_there(tmp_path):
    there = tmp_path / "there.db3"
    there.touch()
    with pytest.raises(RefusedError, match="exists already"):
        made([SoftwareRealSense()], record=str(there)).connect()
    with pytest.raises(RefusedError, match="end in"):
        made([SoftwareRealSense()], record=str(tmp_path / "a.mp4")).connect()
    with pytest.raises(RefusedError, match="no folder"):
        made([SoftwareRealSense()], record=str(tmp_path / "no" / "a.db3")).connect()
    with pytest.raises(RefusedError, match="no recording"):
        made([], playback=str(tmp_path / "none.db3")).connect()
    with pytest.raises(RefusedError, match="cannot be played"):
        made([], playback=str(there)).connect()
    with pytest.raises(ValueError, match="not both"):
        settings(record="a.db3", playback="b.db3")


def test_what_mujoco_draws_comes_through_the_driver():
    pytest.importorskip("mujoco")
    from sim.layout import default_layout
    from sim.servo_cell import CellEyes, ServoCell

    eyes = CellEyes.of("panda", default_layout(0), (64, 48))
    try:
        drawn = eyes.draw(ServoCell("panda", default_layout(0)).pose(), "front", 0.0)
    finally:
        eyes.close()
    depth_mm = np.rint(1000.0 * drawn.depth_m).astype(np.uint16)
    software = SoftwareRealSense(K=drawn.K)
    camera = made([software], drawn.T_base_camera)
    camera.connect()
    try:
        with Showing(software, lambda number: (np.array(drawn.rgb), depth_mm)):
            frame = camera.read()
    finally:
        camera.close()
    np.testing.assert_array_equal(frame.rgb, drawn.rgb)
    np.testing.assert_allclose(frame.K, drawn.K, rtol=1e-6)
    there = frame.depth_m > 0.0
    assert there.mean() > 0.9
    np.testing.assert_allclose(frame.depth_m[there], drawn.depth_m[there], atol=0.6e-3)


def test_a_process_that_opens_a_camera_may_use_ros_afterwards():
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    program = (
        "from hardware.cameras.realsense_device import import_realsense\n"
        "from hardware.ros2.runtime import RosNode\n"
        "import_realsense().context()\n"
        f"RosNode('after', domain={claim_domain()}).close()\n"
        "print('its work is done', flush=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120.0, check=False
    )
    assert "its work is done" in ended.stdout
    # Two libraries that do not bear each other make a crash only now.
    assert ended.returncode == 0
