"""Our robots, teleoperators and cameras inside LeRobot's classes, in this process."""

import os
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")

from hardware.lerobot_actions import TOOL_KEYS, ActionCoder, ActionSpace
from hardware.lerobot_link import RobotLink, find, offer
from robot_skills.core.errors import (
    ActionRefused,
    MissingDependencyError,
    PerceptionError,
    RefusedError,
    RobotFault,
    UnknownNameError,
)
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from sim.robot import SimRobot
from tests.fakes import LIMITS, T_HOME, FakeKinematics, FakeRobot
from tests.plugins.hardware_plugins import write_hand
from tests.realsense_sdk import realsense_or_skip


@pytest.fixture
def make_robot(tmp_path):
    from lerobot_robot_robot_skills import RobotSkillsRobot, RobotSkillsRobotConfig

    made = []

    def make(robot=None, sizes=None, **settings):
        config = RobotSkillsRobotConfig(
            **({"id": "test", "calibration_dir": tmp_path, "views": []} | settings)
        )
        made.append(RobotSkillsRobot(config, robot, sizes))
        return made[-1]

    yield make
    for robot in made:
        if robot.is_connected:
            robot.disconnect()


@pytest.fixture
def make_teleoperator(tmp_path):
    from lerobot_teleoperator_robot_skills import (
        RobotSkillsTeleoperator,
        RobotSkillsTeleoperatorConfig,
    )

    made = []

    def make(**settings):
        config = RobotSkillsTeleoperatorConfig(
            **({"id": "test", "calibration_dir": tmp_path} | settings)
        )
        made.append(RobotSkillsTeleoperator(config))
        return made[-1]

    yield make
    for teleoperator in made:
        if teleoperator.is_connected:
            teleoperator.disconnect()


def tool(observation):
    return np.array([observation[key] for key in TOOL_KEYS[:3]])


def action_from(observation, keys, **changes):
    return {key: observation[key] for key in keys} | changes


# Actions


@pytest.mark.parametrize("space", ActionSpace)
def test_actions_go_to_poses_and_back(space):
    coder = ActionCoder(space, LIMITS, FakeKinematics())
    state = _fake_state()
    T = SE3.from_rotvec([0.1, -0.2, 0.3], [0.5, 0.1, 0.2]) @ SE3(T_HOME.R, np.zeros(3))
    action = coder.encode(T, 0.3, state)
    assert tuple(action) == coder.keys
    assert all(key.endswith(".pos") for key in action)
    back, opening = coder.decode(action | {"something.else": 1.0})
    np.testing.assert_allclose(back.matrix(), T.matrix(), atol=1e-9)
    assert opening == pytest.approx(0.3)


def _fake_state():
    robot = FakeRobot()
    robot.connect()
    return robot.observe().arms[DEFAULT_ARM]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tool.x.pos", np.nan, "non_finite"),
        ("tool.opening.pos", np.inf, "non_finite"),
        ("tool.r1.pos", 0.0, "rotation"),
    ],
)
def test_actions_that_tell_no_pose_are_refused(key, value, code):
    coder = ActionCoder(ActionSpace.TOOL, LIMITS, FakeKinematics())
    state = _fake_state()
    with pytest.raises(ActionRefused) as refused:
        coder.decode(coder.encode(T_HOME, 1.0, state) | {key: value})
    assert refused.value.code == code


def test_two_equal_axes_are_no_rotation():
    coder = ActionCoder(ActionSpace.TOOL, LIMITS, FakeKinematics())
    action = coder.encode(T_HOME, 1.0, _fake_state())
    action |= {f"tool.r{i + 3}.pos": action[f"tool.r{i}.pos"] for i in (1, 2, 3)}
    with pytest.raises(ActionRefused, match="same"):
        coder.decode(action)


def test_joints_out_of_range_are_named():
    coder = ActionCoder(ActionSpace.JOINTS, LIMITS, FakeKinematics())
    action = dict.fromkeys(coder.keys, 0.0) | {"joint2.pos": 30.0}
    with pytest.raises(ActionRefused, match=r"joint2\.pos is 30"):
        coder.decode(action)


def test_a_missing_key_is_named():
    coder = ActionCoder(ActionSpace.TOOL, LIMITS, FakeKinematics())
    with pytest.raises(RefusedError, match=r"tool\.y\.pos"):
        coder.decode({key: 0.0 for key in coder.keys if key != "tool.y.pos"})


def test_a_robot_is_found_by_name_for_as_long_as_it_lives():
    with pytest.raises(RefusedError, match="robot_skills"):
        find("nobody")
    one, two = (
        RobotLink(robot=FakeRobot(), arm=DEFAULT_ARM, space=ActionSpace.TOOL, period_s=0.05)
        for _ in range(2)
    )
    offer("one", one)
    assert find() is one
    offer("two", two)
    assert find("two") is two
    with pytest.raises(RefusedError, match="one, two"):
        find()
    with pytest.raises(UnknownNameError, match="one"):
        find("three")
    del two
    assert find() is one


# The robot


def test_features_are_what_is_observed(make_robot):
    robot = make_robot(views=["front", "wrist"], width=64, height=48)
    features = robot.observation_features
    assert features["front"] == (48, 64, 3)
    assert features["wrist_depth"] == (48, 64, 1)
    assert set(robot.action_features) == set(TOOL_KEYS)
    assert set(robot.cameras) == {"front", "wrist"}
    robot.connect()
    seen = robot.get_observation()
    assert set(seen) == set(features)
    for key, kind in features.items():
        if isinstance(kind, tuple):
            assert seen[key].shape == kind
        else:
            assert key.endswith(".pos")
            assert type(seen[key]) is float
    assert seen["front"].dtype == np.uint8
    assert seen["front_depth"].dtype == np.uint16
    assert 200 < np.median(seen["front_depth"]) < 3000


def test_depth_can_be_left_out(make_robot):
    assert "front_depth" not in make_robot(views=["front"], depth=False).observation_features


def test_without_connecting_nothing_works(make_robot):
    from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

    robot = make_robot()
    for use in (robot.get_observation, lambda: robot.send_action({}), robot.disconnect):
        with pytest.raises(DeviceNotConnectedError):
            use()
    robot.connect()
    with pytest.raises(DeviceAlreadyConnectedError):
        robot.connect()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets real-time priority")
def test_while_it_is_open_no_encoder_comes_before_an_arms_gate(make_robot):
    robot = make_robot()
    robot.connect()
    try:
        with pytest.raises(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    finally:
        robot.disconnect()
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_in_lockstep_every_action_is_one_control_period(make_robot, arm):
    robot = make_robot(arm=arm)
    robot.connect()
    clock = find("test").robot.clock
    start = robot.get_observation()
    assert clock.now_s() == 0.0
    for step in range(1, 21):
        wanted = action_from(start, TOOL_KEYS)
        wanted["tool.y.pos"] += 0.004 * step
        sent = robot.send_action(wanted)
        assert clock.now_s() == pytest.approx(0.05 * step)
        assert sent == pytest.approx(wanted, abs=1e-6)
    for _ in range(10):
        robot.send_action(sent)
    moved = tool(robot.get_observation()) - tool(start)
    np.testing.assert_allclose(moved, [0.0, 0.08, 0.0], atol=0.008)


def test_joint_actions_move_the_joints(make_robot):
    robot = make_robot(arm="ur5e", actions="joints")
    assert list(robot.action_features) == [*(f"joint{i}.pos" for i in range(1, 7)), TOOL_KEYS[-1]]
    robot.connect()
    start = robot.get_observation()
    for step in range(1, 21):
        wanted = action_from(start, robot.action_features)
        wanted["joint1.pos"] += 0.01 * step
        wanted["tool.opening.pos"] = 0.2
        assert robot.send_action(wanted) == pytest.approx(wanted)
    for _ in range(15):
        robot.send_action(wanted)
    end = robot.get_observation()
    assert end["joint1.pos"] - start["joint1.pos"] == pytest.approx(0.2, abs=0.02)
    assert end["joint2.pos"] == pytest.approx(start["joint2.pos"], abs=0.02)
    assert end["tool.opening.pos"] < 0.4


@pytest.mark.parametrize(
    "change",
    [
        {"tool.x.pos": np.nan},
        {"tool.z.pos": -0.5},
        {"tool.y.pos": 0.4},
        {"tool.r1.pos": 0.0, "tool.r2.pos": 0.0, "tool.r3.pos": 0.0},
        {"tool.opening.pos": 7.0},
    ],
)
def test_what_the_gate_refuses_is_not_done_and_what_is_done_is_told(make_robot, change, caplog):
    robot = make_robot()
    robot.connect()
    start = robot.get_observation()
    for _ in range(5):
        sent = robot.send_action(action_from(start, TOOL_KEYS) | change)
    assert sent == pytest.approx(action_from(start, TOOL_KEYS), abs=5e-3)
    assert np.linalg.norm(tool(robot.get_observation()) - tool(start)) < 5e-3
    assert sum("refused" in record.message for record in caplog.records) == 1
    again = action_from(start, TOOL_KEYS)
    again["tool.y.pos"] += 0.01
    assert robot.send_action(again) == pytest.approx(again, abs=1e-6)


def test_what_is_sent_is_what_the_gate_let_through(make_robot):
    robot = make_robot()
    robot.connect()
    start = action_from(robot.get_observation(), TOOL_KEYS)
    assert robot.send_action(start | {"tool.opening.pos": 1.04})["tool.opening.pos"] == 1.0


def test_in_real_time_the_simulation_follows_the_wall(make_robot, monkeypatch):
    from lerobot_robot_robot_skills import pacing

    wall = [100.0]
    monkeypatch.setattr(pacing.time, "monotonic", lambda: wall[0])
    robot = make_robot(pace="realtime")
    robot.connect()
    clock = find("test").robot.clock
    for passed_s, expected_s in ((0.0, 0.0), (0.1, 0.1), (0.1, 0.2), (5.0, 0.45), (0.1, 0.55)):
        wall[0] += passed_s
        robot.get_observation()
        assert clock.now_s() == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source": "mars"}, "sim, ros"),
        ({"actions": "thoughts"}, "tool, joints"),
        ({"pace": "slow"}, "lockstep"),
        ({"period_s": 0.0}, "period_s"),
        ({"width": 4}, "too small"),
        ({"arm": "leg"}, "panda"),
        ({"views": ["periscope"]}, "front"),
    ],
)
def test_wrong_settings_are_refused_and_the_right_ones_named(make_robot, settings, reason):
    with pytest.raises((ValueError, UnknownNameError), match=reason):
        make_robot(**settings)


def test_over_ros_unknown_controllers_are_refused_and_features_need_no_ros(make_robot):
    from lerobot_robot_robot_skills import RosArm, RosView

    ros = RosArm(views={"front": RosView(width=64, height=48)})
    robot = make_robot(source="ros", ros=ros, views=None)
    assert robot.observation_features["front_depth"] == (48, 64, 1)
    with pytest.raises(UnknownNameError, match="forward_position"):
        make_robot(source="ros", ros=replace(ros, controller="telepathy"))


def test_any_robot_of_ours_can_be_given_from_python(make_robot):
    fake = FakeRobot()
    robot = make_robot(fake, {"front": (24, 32)}, views=None)
    robot.connect()
    seen = robot.get_observation()
    assert seen["front_depth"][0, 0, 0] == 1000
    wanted = action_from(seen, TOOL_KEYS)
    wanted["tool.x.pos"] += 0.01
    robot.send_action(wanted)
    assert fake.commands[-1].arms[DEFAULT_ARM].T_base_tool[0, 0, 3] == pytest.approx(0.46)
    assert fake.commands[-1].stamp_s[0] == pytest.approx(fake.clock.now_s() + 0.05)


def test_pictures_of_another_size_than_promised_are_refused(make_robot):
    robot = make_robot(FakeRobot(), {"front": (48, 64)}, views=None)
    robot.connect()
    with pytest.raises(PerceptionError, match=r"32 x 24 px.*64 x 48"):
        robot.get_observation()


def test_a_command_that_lerobot_does_not_have_is_told(monkeypatch, capsys):
    from lerobot_robot_robot_skills.__main__ import main

    monkeypatch.setattr("sys.argv", ["-m", "recrod"])
    assert main() == 2
    assert "record" in capsys.readouterr().out


def test_actions_in_time_never_come_to_an_end_between_each_other(make_robot):
    fake = FakeRobot()
    robot = make_robot(fake, {"front": (24, 32)}, views=None)
    robot.connect()
    robot.send_action(robot.get_observation())
    assert fake.commands[-1].stamp_s[-1] - fake.clock.now_s() > 2.0 * fake.control_period_s


# The teleoperator


def test_a_hand_moves_the_arm_and_a_released_one_lets_it_stay(
    make_robot, make_teleoperator, tmp_path
):
    hand = write_hand(
        tmp_path / "hand.jsonl",
        5.0,
        held=lambda t: 0.5 < t < 1.6,
        y=lambda t: 0.03 * max(t - 0.5, 0.0),
        width_m=lambda t: 0.08 if t < 1.0 else 0.0,
    )
    robot = make_robot()
    teleoperator = make_teleoperator(device="file", path=str(hand))
    assert list(teleoperator.action_features) == list(robot.action_features)
    teleoperator.connect()
    robot.connect()
    start, actions = tool(robot.get_observation()), []
    for _ in range(80):
        robot.get_observation()
        actions.append(teleoperator.get_action())
        robot.send_action(actions[-1])
    path = np.array([tool(action) for action in actions])
    openings = np.array([action["tool.opening.pos"] for action in actions])
    np.testing.assert_allclose(path[:9], np.tile(path[0], (9, 1)))
    np.testing.assert_allclose(path[0], start)
    assert path[40, 1] - start[1] == pytest.approx(0.032, abs=0.008)
    np.testing.assert_array_equal(path[40:], np.tile(path[40], (40, 1)))
    assert openings[15] > 0.9
    assert openings[-1] < 0.1
    np.testing.assert_allclose(tool(robot.get_observation()), path[-1], atol=5e-3)


def test_a_hand_without_our_robot_is_refused(make_teleoperator, tmp_path):
    hand = write_hand(tmp_path / "hand.jsonl", 1.0)
    with pytest.raises(RefusedError, match="robot_skills"):
        make_teleoperator(device="file", path=str(hand)).connect()


def test_a_recorded_hand_that_is_not_there_is_named(make_robot, make_teleoperator):
    robot = make_robot()
    robot.connect()
    with pytest.raises(MissingDependencyError, match=r"/nowhere/hand\.jsonl cannot be read"):
        make_teleoperator(device="file", path="/nowhere/hand.jsonl").connect()


def test_a_hand_on_a_robot_that_is_not_connected_is_told(make_robot, make_teleoperator, tmp_path):
    robot = make_robot()
    teleoperator = make_teleoperator(
        device="file", path=str(write_hand(tmp_path / "hand.jsonl", 1.0))
    )
    teleoperator.connect()
    with pytest.raises(RobotFault):
        teleoperator.get_action()
    assert not robot.is_connected


def test_an_emergency_stop_holds_until_it_is_released(make_robot, make_teleoperator, tmp_path):
    hand = tmp_path / "hand.jsonl"
    write_hand(hand, 5.0, y=lambda t: 0.05 * t)
    lines = hand.read_text().splitlines()
    for at, wish in ((50, "estop"), (150, "release")):
        lines[at] = lines[at].replace("}", f', "wishes": ["{wish}"]}}')
    hand.write_text("\n".join(lines) + "\n")
    robot = make_robot()
    teleoperator = make_teleoperator(device="file", path=str(hand))
    teleoperator.connect()
    robot.connect()
    ys = []
    for _ in range(90):
        robot.send_action(teleoperator.get_action())
        ys.append(tool(robot.get_observation())[1])
    assert ys[19] - ys[0] > 0.02
    assert ys[58] - ys[24] < 2e-3
    assert ys[85] - ys[58] > 0.02


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"device": "nose"}, "keyboard"),
        ({"device": "file"}, "path"),
        ({"device": "stream", "socket": "unix"}, "path"),
        ({"device": "stream", "socket": "pigeon"}, "udp"),
        ({"device": "stream", "port": 0}, "port"),
        ({"speed_fraction": 2.0}, "share"),
    ],
)
def test_wrong_devices_are_refused(make_teleoperator, settings, reason):
    with pytest.raises(ValueError, match=reason):
        make_teleoperator(**settings)


def test_a_keyboard_on_another_terminal_moves_the_arm(make_robot, make_teleoperator):
    import os
    import pty

    master, slave = pty.openpty()
    try:
        robot = make_robot()
        teleoperator = make_teleoperator(device="keyboard", terminal=os.ttyname(slave))
        teleoperator.connect()
        robot.connect()
        start = tool(robot.get_observation())
        for _ in range(20):
            os.write(master, b"w")
            robot.send_action(teleoperator.get_action())
        moved = tool(robot.get_observation()) - start
        assert np.linalg.norm(moved) > 0.02
        teleoperator.disconnect()
    finally:
        os.close(master)
        os.close(slave)


def test_a_terminal_that_is_not_there_is_told(make_robot, make_teleoperator):
    make_robot()
    with pytest.raises(RefusedError, match="/dev/pts/nowhere"):
        make_teleoperator(terminal="/dev/pts/nowhere").connect()


# The camera


@pytest.fixture
def make_camera():
    from lerobot_camera_robot_skills import RobotSkillsCamera, RobotSkillsCameraConfig

    made = []

    def make(**settings):
        made.append(RobotSkillsCamera(RobotSkillsCameraConfig(**settings)))
        return made[-1]

    yield make
    for camera in made:
        if camera.is_connected:
            camera.disconnect()


def test_a_simulated_camera_gives_colours_and_depth_of_one_frame(make_camera):
    camera = make_camera(width=64, height=48, fps=20, use_depth=True)
    camera.connect()
    for rgb, depth in (
        (camera.read_latest(), camera.read_latest_depth()),
        (camera.async_read(), camera.async_read_depth()),
        (camera.read(), camera.read_depth()),
    ):
        assert (rgb.shape, rgb.dtype) == ((48, 64, 3), np.uint8)
        assert (depth.shape, depth.dtype) == ((48, 64, 1), np.uint16)
        assert 200 < np.median(depth) < 3000


def test_depth_that_was_not_asked_for_is_refused(make_camera):
    camera = make_camera()
    camera.connect()
    assert camera.read_latest().shape == (128, 128, 3)
    with pytest.raises(RuntimeError, match="use_depth"):
        camera.read_latest_depth()


def test_a_camera_that_is_not_open_gives_nothing(make_camera):
    from lerobot.utils.errors import DeviceNotConnectedError

    camera = make_camera(use_depth=True)
    for read in (camera.read, camera.read_latest, camera.read_latest_depth, camera.disconnect):
        with pytest.raises(DeviceNotConnectedError):
            read()


class StuckSource:
    """Always the same frame, or none."""

    name = "stuck"

    def __init__(self):
        robot = FakeRobot()
        robot.connect()
        self.frame = robot.observe(["front"]).cameras["front"]
        self.problem = None

    def connect(self):
        pass

    def read(self):
        if self.problem is not None:
            raise self.problem
        return self.frame

    def close(self):
        pass


def test_a_stuck_camera_gives_its_newest_frame_once_and_then_times_out(make_camera):
    camera = make_camera(width=32, height=24, use_depth=True)
    camera._source = source = StuckSource()
    camera.connect()
    camera.async_read(timeout_ms=20)
    camera.async_read_depth(timeout_ms=20)
    with pytest.raises(TimeoutError, match="no new frame"):
        camera.async_read(timeout_ms=20)
    assert camera.read_latest(max_age_ms=60_000).shape == (24, 32, 3)
    with pytest.raises(TimeoutError, match="old"):
        camera.read_latest(max_age_ms=0)
    source.problem = PerceptionError("unplugged")
    with pytest.raises(TimeoutError, match="unplugged"):
        camera.read_latest(max_age_ms=0)


def test_a_camera_of_another_size_than_promised_is_refused(make_camera):
    camera = make_camera(width=64, height=48)
    camera._source = StuckSource()
    with pytest.raises(RefusedError, match="32 x 24"):
        camera.connect()
    assert not camera.is_connected


def test_a_camera_can_be_one_of_the_robot(make_robot, make_camera):
    robot = make_robot()
    camera = make_camera(source="robot", name="wrist", width=128, height=128, use_depth=True)
    camera.connect()
    robot.connect()
    assert camera.read_latest().shape == (128, 128, 3)


def test_recorded_frames_are_replayed(make_camera, tmp_path):
    from hardware.cameras.replay import write_frames

    frame = StuckSource().frame
    frames = [
        replace(frame, stamp_s=0.05 * i, depth_m=np.full((24, 32), 1.0 + i, np.float32))
        for i in range(3)
    ]
    write_frames(tmp_path / "frames.npz", frames)
    path = str(tmp_path / "frames.npz")
    camera = make_camera(source="replay", path=path, width=32, height=24, use_depth=True)
    camera.connect()
    seen = set()
    for _ in range(8):
        camera.async_read(timeout_ms=5000)
        seen.add(int(camera.async_read_depth()[0, 0, 0]))
    assert seen == {1000, 2000, 3000}


def test_a_realsense_recording_is_played(make_camera, tmp_path):
    realsense_or_skip()
    import gc

    from hardware.cameras.realsense import RealSenseCamera
    from tests.hardware.cameras.software_realsense import Showing, SoftwareRealSense, numbered
    from tests.hardware.cameras.test_realsense import made

    file = str(tmp_path / "table.db3")
    software = SoftwareRealSense()
    recorder: RealSenseCamera | None = made([software], record=file)
    recorder.connect()
    try:
        with Showing(software, numbered):
            # Three seconds: what plays them does not wait for who is slow to look.
            for _ in range(90):
                recorder.next_frame(1.0)
    finally:
        recorder.close()
    del software, recorder
    gc.collect()
    settings = {"source": "realsense", "path": file, "width": 64, "height": 48, "fps": 30}
    camera = make_camera(**settings, use_depth=True)
    camera.connect()
    rgb, depth = camera.async_read(timeout_ms=5000), camera.async_read_depth()
    assert (depth == depth[0, 0, 0]).all()
    assert int(rgb[0, 0, 0]) == (int(depth[0, 0, 0]) - 1000) % 251


def test_a_realsense_that_is_not_there_is_told(make_camera):
    realsense_or_skip()
    camera = make_camera(source="realsense", serial="000000000000")
    with pytest.raises(RefusedError, match="RealSense"):
        camera.connect()
    assert not camera.is_connected


def test_our_robot_takes_lerobots_cameras_beside_its_own(make_robot):
    from lerobot_camera_robot_skills import RobotSkillsCameraConfig

    side = RobotSkillsCameraConfig(width=64, height=48, fps=20, use_depth=True, name="front")
    robot = make_robot(views=["wrist"], cameras={"side": side})
    assert robot.observation_features["side_depth"] == (48, 64, 1)
    robot.connect()
    assert robot.get_observation()["side_depth"].shape == (48, 64, 1)
    with pytest.raises(RefusedError, match="wrist"):
        make_robot(views=["wrist"], cameras={"wrist": side})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source": "dream"}, "sim, robot, ros"),
        ({"use_rgb": False}, "use_depth"),
        ({"source": "replay"}, "path"),
    ],
)
def test_wrong_cameras_are_refused(make_camera, settings, reason):
    with pytest.raises(ValueError, match=reason):
        make_camera(**settings)


def test_cameras_that_can_be_found_can_be_made(make_camera):
    from lerobot_camera_robot_skills import RobotSkillsCamera

    found = RobotSkillsCamera.find_cameras()
    assert {camera["name"] for camera in found} == set(SimRobot().cameras)
