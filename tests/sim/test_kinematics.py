import mink
import mujoco
import numpy as np
import pytest

from robot_skills.core.se3 import SE3, interpolate
from sim.arms import ARMS, GEN3, TOOL_SITE, build_arm
from sim.kinematics import ArmKinematics


@pytest.fixture(params=sorted(ARMS))
def arm(request):
    return ARMS[request.param]


def reachable_poses(arm, rng: np.random.Generator, count: int) -> list[SE3]:
    """Tool poses over the table, leaning and turned at random."""
    poses = []
    while len(poses) < count:
        p = rng.uniform([0.32, -0.30, 0.03], [0.68, 0.35, 0.35])
        if np.linalg.norm(p[:2]) > 0.70:
            continue
        if arm is GEN3 and p[0] > 0.55 and p[2] > 0.25:
            # Its sixth joint does not go far enough to point down there.
            continue
        lean = SE3.from_rotvec([*rng.uniform(-0.3, 0.3, 2), 0.0])
        turn = SE3.from_yaw(rng.uniform(-1.2, 1.2), p)
        poses.append(turn @ SE3.from_rotvec((np.pi, 0.0, 0.0)) @ lean)
    return poses


def path_from_home(kinematics: ArmKinematics, home: np.ndarray, goal: SE3, steps: int):
    start = kinematics.forward(home).matrix()
    fraction = np.arange(1, steps + 1) / steps
    return interpolate(
        np.tile(start, (steps, 1, 1)), np.tile(goal.matrix(), (steps, 1, 1)), fraction
    )


def mink_solution(arm, goal: SE3) -> SE3:
    """Tool pose that mink's differential inverse kinematics comes to."""
    model = build_arm(arm, visuals=False).compile()
    configuration = mink.Configuration(model)
    q = configuration.q.copy()
    q[: len(arm.home_q_rad)] = arm.home_q_rad
    configuration.update(q)
    task = mink.FrameTask(TOOL_SITE, "site", position_cost=1.0, orientation_cost=1.0)
    task.set_target(mink.SE3.from_matrix(goal.matrix()))
    posture = mink.PostureTask(model, cost=1e-4)
    posture.set_target(q)
    for _ in range(200):
        velocity = mink.solve_ik(
            configuration,
            [task, posture],
            0.1,
            solver="daqp",
            damping=1e-6,
            limits=[mink.ConfigurationLimit(model)],
        )
        configuration.integrate_inplace(velocity, 0.1)
    data = configuration.data
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, TOOL_SITE)
    return SE3(data.site_xmat[site].reshape(3, 3), data.site_xpos[site])


def test_follow_reaches_random_poses_within_limits(arm):
    rng = np.random.default_rng(0)
    kinematics, home = ArmKinematics(arm), np.array(arm.home_q_rad)
    for goal in reachable_poses(arm, rng, 30):
        q, errors = kinematics.follow(home, path_from_home(kinematics, home, goal, 20))
        off_m, off_rad = kinematics.forward(q[-1]).distance_to(goal)
        assert off_m < 1e-3
        assert off_rad < np.deg2rad(0.5)
        assert errors.max() < 1e-3
        assert np.all(q >= arm.limits.joint.lower_rad)
        assert np.all(q <= arm.limits.joint.upper_rad)


def test_reaches_the_poses_that_mink_reaches(arm):
    rng = np.random.default_rng(1)
    kinematics, home = ArmKinematics(arm), np.array(arm.home_q_rad)
    compared = 0
    for goal in reachable_poses(arm, rng, 5):
        q, _ = kinematics.solve(home, goal.matrix())
        theirs = mink_solution(arm, goal)
        if theirs.distance_to(goal)[0] > 1e-3:
            continue
        off_m, off_rad = kinematics.forward(q).distance_to(theirs)
        assert off_m < 1e-3
        assert off_rad < np.deg2rad(0.5)
        compared += 1
    assert compared >= 4


def test_neighbouring_waypoints_get_neighbouring_joints(arm):
    rng = np.random.default_rng(2)
    kinematics, home = ArmKinematics(arm), np.array(arm.home_q_rad)
    goal = reachable_poses(arm, rng, 1)[0]
    q, _ = kinematics.follow(home, path_from_home(kinematics, home, goal, 40))
    assert np.abs(np.diff(q, axis=0)).max() < 0.15


def test_error_of_an_unreachable_pose_is_reported(arm):
    kinematics, home = ArmKinematics(arm), np.array(arm.home_q_rad)
    far = SE3.from_rotvec((np.pi, 0.0, 0.0), (1.6, 0.0, 0.3))
    _, errors = kinematics.follow(home, far.matrix()[None])
    assert errors[0] > 0.1


def test_same_question_gets_the_same_answer(arm):
    kinematics, home = ArmKinematics(arm), np.array(arm.home_q_rad)
    goal = reachable_poses(arm, np.random.default_rng(3), 1)[0].matrix()
    first, _ = kinematics.solve(home, goal)
    kinematics.solve(home + 0.1, goal)
    again, _ = kinematics.solve(home, goal)
    assert np.array_equal(first, again)
