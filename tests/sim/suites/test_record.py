"""What is known of cameras goes with their pictures."""

import numpy as np

from robot_skills.core.se3 import SE3
from sim.suites import Recording, find_task
from sim.suites.record import CameraLog

RGB, DEPTH = np.zeros((2, 3, 3), np.uint8), np.ones((2, 3), np.float32)
K = np.diag([2.0, 2.0, 1.0])


def test_pictures_are_named_as_in_datasets_and_the_pose_of_what_moves_is_dropped():
    log = CameraLog()
    for x in (0.0, 0.1):
        named = log.named("wrist", RGB, DEPTH, K, SE3.identity())
        assert list(named) == ["observation.images.wrist", "observation.images.wrist_depth"]
        log.named("hand", RGB, DEPTH, K, SE3.from_yaw(x, (x, 0.0, 0.0)))
    pose = log.optics["wrist"].T_base_camera
    assert pose is not None
    np.testing.assert_array_equal(pose, np.eye(4))
    assert log.optics["hand"].T_base_camera is None


def test_a_demonstrations_depth_shows_the_cube_where_the_state_has_it():
    recording = Recording(cameras=("front", "wrist"), camera_px=(96, 96))
    made = find_task("robosuite:lift").demonstrate((0, 0), recording)
    assert made.optics["wrist"].T_base_camera is None
    front, depth_m = made.optics["front"], made.depth_m["front"][0]
    assert front.T_base_camera is not None
    rows, columns = np.nonzero(depth_m)
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=1)
    p_camera = pixels @ np.linalg.inv(front.K).T * depth_m[rows, columns, None]
    p_base = p_camera @ front.T_base_camera[:3, :3].T + front.T_base_camera[:3, 3]
    red = made.rgb["front"][0][rows, columns].astype(int)
    of_cube = p_base[(red[:, 0] > 120) & (red[:, 1] < 80)]
    names = list(made.state_names)
    p_cube = made.state[0][[names.index(f"entity0.{axis}") for axis in "xyz"]]
    assert np.linalg.norm(of_cube.mean(axis=0) - p_cube) < 0.03
