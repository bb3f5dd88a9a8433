import time
from dataclasses import replace

import numpy as np
import pytest

from hardware.teleop import HandOperator, OperatorConfig
from robot_skills.core.clock import ManualClock
from robot_skills.core.se3 import SE3, rotation_angle, so3_exp
from robot_skills.core.teleop import (
    DeviceLost,
    Frame,
    HandPose,
    LeaderJoints,
    Nudge,
    TeleopSample,
    Wish,
)
from robot_skills.core.types import DEFAULT_ARM
from sim.robot import SimRobot
from tests.fakes import LIMITS, PERIOD_S, T_HOME, FakeKinematics, FakeRobot
from tests.hardware.teleop.hands import Desk, openings, poses, push

CONFIG = OperatorConfig()
SPEED_M_S = CONFIG.speed_fraction * LIMITS.cartesian.speed_m_s
TURN_RAD_S = CONFIG.turn_fraction * LIMITS.cartesian.turn_rate_rad_s
AWAY = push((1.0, 0.0, 0.0))


@pytest.fixture
def desk() -> Desk:
    return Desk.on()


def hand(p=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0)) -> HandPose:
    return HandPose(T_device_hand=SE3.from_rotvec(turn, p))


def leader(q_rad) -> LeaderJoints:
    return LeaderJoints(q_rad=np.asarray(q_rad, dtype=float))


def nudge(p=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0), number=1, **kwargs) -> Nudge:
    return Nudge(p_m=np.array(p), turn_rad=np.array(turn), number=number, **kwargs)


# Dead-man switch.


def test_nothing_is_asked_before_the_first_sample_or_while_let_go(desk):
    assert not desk.operator.engaged()
    assert desk.act() is None
    assert desk.tick(AWAY, held=False) is None
    assert not desk.operator.engaged()


def test_a_held_switch_engages_and_holding_still_holds_the_pose(desk):
    chunk = desk.tick(None)
    assert desk.operator.engaged()
    assert len(chunk) == CONFIG.waypoints
    assert np.allclose(poses(chunk), T_HOME.matrix())


def test_a_sample_that_grows_old_counts_as_let_go(desk):
    desk.tick(AWAY)
    assert desk.operator.engaged()
    desk.wait()
    assert not desk.operator.engaged()
    assert desk.act() is None


def test_a_stamp_of_another_clock_does_not_count_as_fresh(desk):
    desk.mailbox.push(TeleopSample(stamp_s=desk.now_s + 5.0, held=True, motion=AWAY))
    assert not desk.operator.engaged()


def test_waypoints_end_soon_so_that_a_dead_loop_stops_the_robot(desk):
    for _ in range(10):
        chunk = desk.tick(AWAY)
    span_s = chunk.stamp_s[-1] - (desk.now_s - PERIOD_S)
    assert span_s == pytest.approx(CONFIG.waypoints * PERIOD_S)
    desk.wait(20)
    reached = desk.tool()
    assert np.allclose(reached.matrix(), poses(chunk)[-1])
    desk.wait(20)
    assert desk.tool().allclose(reached)


# Speeds.


@pytest.mark.parametrize(
    "motion",
    [
        push((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
        push((-1.0, 1.0, 1.0), (0.0, 0.0, -1.0), frame=Frame.TOOL),
        hand((5.0, 5.0, 5.0), (0.0, 0.0, 1.0)),
        nudge((0.2, 0.0, 0.1), (0.0, 0.0, 1.5)),
    ],
)
def test_full_deflection_stays_within_the_operators_speed_and_ramps_up(desk, motion):
    first = hand() if isinstance(motion, HandPose) else motion
    before = poses(desk.tick(first))[0]
    config = OperatorConfig(hand_jump_m=100.0)
    desk = desk if not isinstance(motion, HandPose) else Desk.on(config=config)
    before = poses(desk.tick(first))[0]
    speeds, rates = [], []
    for _ in range(12):
        now = poses(desk.tick(motion))[0]
        speeds.append(np.linalg.norm(now[:3, 3] - before[:3, 3]) / PERIOD_S)
        rates.append(float(rotation_angle(before[:3, :3].T @ now[:3, :3])) / PERIOD_S)
        before = now
    assert max(speeds) <= SPEED_M_S * (1.0 + 1e-6)
    assert max(rates) <= TURN_RAD_S * (1.0 + 1e-6)
    largest = SPEED_M_S * PERIOD_S / CONFIG.ramp_s
    assert np.max(np.diff(speeds)) <= largest * (1.0 + 1e-6)


def test_a_stick_step_takes_a_few_steps_to_top_speed_and_back(desk):
    p = [T_HOME.p[0]]
    for share in (1.0,) * 5 + (0.0,) * 5:
        p.append(poses(desk.tick(push((share, 0.0, 0.0))))[0, 0, 3])
    speeds = np.diff(p) / PERIOD_S
    assert speeds[0] == pytest.approx(SPEED_M_S * PERIOD_S / CONFIG.ramp_s)
    assert np.allclose(speeds[2:5], SPEED_M_S)
    assert 0.0 < speeds[5] < SPEED_M_S
    assert np.allclose(speeds[-2:], 0.0)


def test_axes_of_the_tool_are_turned_into_those_of_the_base(desk):
    for _ in range(6):
        desk.tick(push((0.0, 0.0, 1.0), frame=Frame.TOOL))
    moved = desk.tool().p - T_HOME.p
    assert moved[2] < -0.02
    assert np.allclose(moved[:2], 0.0)


def test_rotations_stay_rotations_after_hundreds_of_steps():
    desk = Desk.on()
    for step in range(300):
        chunk = desk.tick(push(angular=(np.sin(0.01 * step), np.cos(0.013 * step), 0.3)))
    R = poses(chunk)[:, :3, :3]
    assert np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max() < 1e-12


@pytest.mark.parametrize("loop_s", [0.004, 0.013, 0.05, 0.08])
def test_speed_and_acceleration_do_not_depend_on_how_often_the_loop_runs(loop_s):
    desk = Desk.on()
    clock, previous, speeds = desk.robot.clock, T_HOME.p, []
    for step in range(1, round(1.0 / loop_s)):
        desk.say(AWAY if step * loop_s < 0.6 else push())
        desk.robot.command(desk.operator.action(desk.robot.observe()))
        clock.sleep_until(step * loop_s)
        p = desk.tool().p
        speeds.append(float(np.linalg.norm(p - previous)) / loop_s)
        previous = p
    assert max(speeds) == pytest.approx(SPEED_M_S, rel=1e-3)
    assert speeds[-1] == pytest.approx(0.0, abs=1e-9)
    largest = SPEED_M_S * loop_s / CONFIG.ramp_s
    assert np.abs(np.diff(speeds)).max() <= largest * 1.01


def test_a_pose_that_is_not_finite_is_let_go(desk):
    desk.tick(hand())
    assert desk.tick(hand((np.nan, 0.0, 0.0))) is None
    assert "not finite" in desk.operator.refused


# Where it may go.


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_it_brakes_before_the_walls_of_the_workspace_and_stays_inside(desk, axis, sign):
    direction = np.zeros(3)
    direction[axis] = sign
    for _ in range(80):
        chunk = desk.tick(push(direction))
        inside = np.clip(
            poses(chunk)[:, :3, 3],
            LIMITS.cartesian.workspace_lower_m,
            LIMITS.cartesian.workspace_upper_m,
        )
        assert np.allclose(inside, poses(chunk)[:, :3, 3], atol=1e-12)
    wall = LIMITS.cartesian.workspace_upper_m if sign > 0 else LIMITS.cartesian.workspace_lower_m
    assert desk.tool().p[axis] == pytest.approx(wall[axis], abs=2e-3)
    assert desk.verdicts() == {"ok"}
    start = desk.tool().p[axis]
    for _ in range(5):
        desk.tick(push(-direction))
    assert sign * (start - desk.tool().p[axis]) > 0.01


class StuckRobot(FakeRobot):
    """One arm that something holds in place."""

    def _advance(self) -> None:
        self._chunk = None
        super()._advance()


def test_the_command_leads_a_stuck_arm_by_little_and_does_not_wind_up():
    desk = Desk.on(StuckRobot())
    for _ in range(60):
        chunk = desk.tick(AWAY)
    ahead_m = poses(chunk)[0, 0, 3] - desk.tool().p[0]
    assert ahead_m == pytest.approx(CONFIG.lead_m + SPEED_M_S * PERIOD_S)
    assert ahead_m < LIMITS.cartesian.jump_m
    for _ in range(9):
        chunk = desk.tick(push((-1.0, 0.0, 0.0)))
    assert poses(chunk)[0, 0, 3] < desk.tool().p[0]


class SaggingRobot(FakeRobot):
    """One arm that is measured below where it was told to be."""

    def observe(self, cameras=()):
        observation = super().observe(cameras)
        state = observation.arms[DEFAULT_ARM]
        low = SE3(state.T_base_tool.R, state.T_base_tool.p - (0.0, 0.0, 0.004))
        return replace(observation, arms={DEFAULT_ARM: replace(state, T_base_tool=low)})


def test_an_arm_that_sags_is_not_followed_down():
    desk = Desk.on(SaggingRobot())
    first = desk.tick(None)
    for _ in range(50):
        last = desk.tick(None)
    assert np.allclose(poses(first), poses(last))


# Clutch.


def test_a_tracked_hand_moves_the_tool_by_as_much_as_it_moved(desk):
    desk.tick(hand((3.0, 1.0, 2.0), (0.0, 0.0, 0.4)))
    p, turn = np.array((0.05, -0.04, 0.03)), np.array((0.0, 0.0, 0.5))
    goal = HandPose(
        T_device_hand=SE3(so3_exp(turn) @ so3_exp((0.0, 0.0, 0.4)), np.array((3.0, 1.0, 2.0)) + p)
    )
    for _ in range(40):
        desk.tick(goal)
    assert np.allclose(desk.tool().p, T_HOME.p + p, atol=1e-4)
    assert float(rotation_angle(desk.tool().R @ (so3_exp(turn) @ T_HOME.R).T)) < 1e-3


def test_a_hand_can_be_scaled():
    desk = Desk.on(config=OperatorConfig(hand_scale=0.5))
    for x in (0.0, *[0.1] * 40):
        desk.tick(hand((x, 0.0, 0.0)))
    assert desk.tool().p[0] - T_HOME.p[0] == pytest.approx(0.05, abs=1e-4)


def test_the_clutch_indexes_again_so_that_nothing_jumps(desk):
    desk.tick(hand())
    desk.tick(None, held=False)
    chunk = desk.tick(hand((0.4, 0.4, 0.4), (0.0, 0.0, 2.0)))
    assert np.allclose(poses(chunk), T_HOME.matrix(), atol=1e-9)


def test_a_hand_that_jumps_is_let_go_until_it_is_released(desk):
    desk.tick(hand())
    assert desk.tick(hand((0.5, 0.0, 0.0))) is None
    assert "jumped by 0.50 m" in desk.operator.refused
    assert desk.tick(hand((0.5, 0.0, 0.0))) is None
    desk.tick(None, held=False)
    assert desk.operator.refused is None
    assert desk.tick(hand((0.5, 0.0, 0.0))) is not None


# Leaders.


def test_a_leader_that_is_elsewhere_is_refused_by_joint_and_amount(desk):
    q = FakeKinematics().inverse(T_HOME) + np.array([0.1, 0.0, 0.0, 0.0, 0.9, -1.2])
    assert desk.tick(leader(q)) is None
    assert "joint 4 by 0.90 rad" in desk.operator.refused
    assert "joint 5 by 1.20 rad" in desk.operator.refused
    assert "joint 0" not in desk.operator.refused
    assert not desk.operator.engaged()
    # Moving it there while the switch is held is not enough.
    at = leader(FakeKinematics().inverse(T_HOME))
    assert desk.tick(at) is None
    desk.tick(at, held=False)
    assert desk.tick(at) is not None


def test_a_leader_of_another_arm_is_refused(desk):
    assert desk.tick(leader(np.zeros(7))) is None
    assert "7 joints, the arm has 6" in desk.operator.refused


def test_the_arm_comes_to_the_leader_by_small_steps_and_then_follows(desk):
    start = FakeKinematics().inverse(T_HOME)
    goal = start + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.6])
    config, last = CONFIG, start
    turns = []
    for _ in range(40):
        desk.tick(leader(goal))
        now = desk.state().q_rad
        turns.append(np.abs(now - last).max())
        last = now
    assert max(turns) <= config.ramp_rad + 1e-9
    assert np.allclose(last, goal, atol=2e-3)
    for _ in range(30):
        goal = goal + np.array([0.002, 0.0, 0.0, 0.0, 0.0, 0.0])
        desk.tick(leader(goal))
    for _ in range(20):
        desk.tick(leader(goal))
    assert np.allclose(desk.state().q_rad, goal, atol=2e-3)


def test_a_leader_that_jumps_is_let_go_until_it_is_released(desk):
    q = FakeKinematics().inverse(T_HOME)
    desk.tick(leader(q))
    jumped = leader(q + np.array([0.0, 0.0, 0.0, 0.0, 0.6, 0.0]))
    assert desk.tick(jumped) is None
    assert "joint 4 jumped by 0.60 rad" in desk.operator.refused
    assert desk.tick(leader(q)) is None
    desk.tick(leader(q), held=False)
    assert desk.tick(leader(q)) is not None


# Nudges.


def test_a_nudge_is_carried_out_once_and_ends_where_it_was_asked_to(desk):
    step = nudge((0.05, 0.0, -0.02), (0.0, 0.0, 0.2))
    for _ in range(40):
        assert desk.tick(step) is not None
    assert np.allclose(desk.tool().p - T_HOME.p, step.p_m, atol=1e-3)
    assert not desk.operator.nudging
    assert float(rotation_angle(desk.tool().R @ (so3_exp(step.turn_rad) @ T_HOME.R).T)) < 5e-3
    there = desk.tool()
    for _ in range(10):
        desk.tick(step)
    assert desk.tool().allclose(there)


def test_a_nudge_in_tool_axes_goes_along_the_fingers(desk):
    for _ in range(30):
        desk.tick(nudge((0.0, 0.0, 0.05), frame=Frame.TOOL))
    assert desk.tool().p[2] - T_HOME.p[2] == pytest.approx(-0.05, abs=1e-3)


def test_letting_go_ends_a_nudge_for_good(desk):
    step = nudge((0.1, 0.0, 0.0))
    desk.tick(step)
    assert desk.operator.nudging
    desk.tick(step)
    desk.tick(step, held=False)
    stopped = desk.tool()
    for _ in range(10):
        desk.tick(step)
    assert desk.tool().distance_to(stopped)[0] < 1e-9
    for _ in range(40):
        desk.tick(nudge((0.1, 0.0, 0.0), number=2))
    assert desk.tool().p[0] - stopped.p[0] == pytest.approx(0.1, abs=1e-3)


# Gripper.


def test_the_gripper_moves_at_limited_speed_and_stays_when_nothing_is_said(desk):
    said = [openings(desk.tick(None, opening=0.0))[0] for _ in range(15)]
    assert np.max(-np.diff([1.0, *said])) <= CONFIG.opening_rate_s * PERIOD_S + 1e-9
    assert said[-1] == 0.0
    assert openings(desk.tick(None))[0] == 0.0


def test_a_grip_is_kept_through_a_release(desk):
    for _ in range(15):
        desk.tick(None, opening=0.0)
    desk.robot._robot.place_tool(T_HOME, opening=0.4)
    desk.tick(None, opening=0.0)
    desk.robot._robot.place_tool(T_HOME, opening=0.4)
    desk.tick(None, held=False, opening=0.0)
    desk.robot._robot.place_tool(T_HOME, opening=0.4)
    assert openings(desk.tick(None, opening=0.0))[0] == 0.0


def test_a_device_that_remembers_open_does_not_drop_what_others_have_gripped(desk):
    desk.tick(None, opening=1.0)
    desk.tick(None, held=False, opening=1.0)
    desk.robot._robot.place_tool(T_HOME, opening=0.4)
    desk.operator.adopt(0.0, 0.4)
    assert openings(desk.tick(None, opening=1.0))[0] == 0.0
    desk.tick(None, opening=0.0)
    assert openings(desk.tick(None, opening=1.0))[0] > 0.0


def test_without_a_word_about_the_gripper_it_stays_where_it_was_measured(desk):
    desk.robot._robot.place_tool(T_HOME, opening=0.3)
    assert openings(desk.tick(None))[0] == pytest.approx(0.3)


# Wishes and lost devices.


def test_wishes_are_given_once_in_order_and_also_while_let_go(desk):
    desk.say(None, held=False, wishes=(Wish.ESTOP, Wish.RELEASE))
    desk.operator.engaged()
    desk.say(None, held=True, wishes=(Wish.START,))
    desk.operator.action(desk.robot.observe())
    assert desk.operator.wishes() == (Wish.ESTOP, Wish.RELEASE, Wish.START)
    assert desk.operator.wishes() == ()


def come_back(desk: Desk) -> None:
    """Wait until the device was opened again."""
    for _ in range(2000):
        desk.operator.engaged()
        if not desk.operator.lost:
            return
        time.sleep(0.001)
    pytest.fail("The device did not come back.")


def test_a_lost_device_is_let_go_found_again_and_has_to_be_held_anew(desk):
    desk.tick(AWAY)
    desk.mailbox.lose("The pad was unplugged.")
    assert desk.act() is None
    assert desk.operator.lost
    assert desk.operator.refused == "The pad was unplugged."
    desk.wait(25)
    come_back(desk)
    assert desk.tick(AWAY) is None
    assert "release and hold again" in desk.operator.refused
    assert desk.tick(AWAY, held=False) is None
    assert desk.tick(AWAY) is not None


class GoneDevice:
    """Was there once."""

    name = "gone"

    def __init__(self) -> None:
        self.attempts = 0

    def connect(self) -> None:
        self.attempts += 1
        if self.attempts > 1:
            raise DeviceLost("Nobody there.")

    def read(self):
        raise DeviceLost("Nobody there.")

    def close(self) -> None:
        pass


def test_a_device_that_stays_away_is_looked_for_once_a_second():
    clock, device = ManualClock(), GoneDevice()
    operator = HandOperator(device, LIMITS, FakeKinematics(), clock, PERIOD_S)
    operator.connect()
    for step in range(100):
        clock.sleep_until(0.05 * step)
        operator.engaged()
        if operator._reconnection is not None:
            operator._reconnection.wait()
    assert operator.lost
    assert 4 <= device.attempts <= 6
    operator.close()
    operator.close()


def test_a_clock_that_starts_over_lets_go_and_goes_on(desk):
    desk.wait(100)
    desk.tick(AWAY)
    desk.robot.clock._now_s = 0.0
    assert not desk.operator.engaged()
    fresh = Desk.on(FakeRobot(clock=desk.robot.clock))
    fresh.operator, fresh.mailbox = desk.operator, desk.mailbox
    assert np.allclose(poses(fresh.tick(None)), T_HOME.matrix())


def test_closing_lets_go_and_nothing_opens_the_device_again(desk):
    desk.tick(AWAY)
    desk.operator.close()
    desk.operator.close()
    for _ in range(60):
        desk.wait()
        assert not desk.operator.engaged()
    with pytest.raises(DeviceLost):
        desk.mailbox.read()
    desk.operator.connect()
    assert desk.tick(AWAY) is not None


def test_a_configuration_without_limits_is_refused():
    for bad in ({"stale_s": 0.0}, {"speed_fraction": 1.5}, {"waypoints": 0}, {"ramp_rad": -1.0}):
        with pytest.raises(ValueError):
            OperatorConfig(**bad)


# A simulated arm behind its gate.


@pytest.fixture(scope="module")
def panda():
    robot = SimRobot("panda")
    yield robot
    robot.close()


def sim_desk(panda) -> Desk:
    desk = Desk.on(panda)
    panda.reset()
    return desk


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("axis", range(6))
def test_full_deflection_of_a_simulated_arm_passes_its_gate(panda, axis, sign):
    desk = sim_desk(panda)
    V = np.zeros(6)
    V[axis] = sign
    start = desk.tool()
    for _ in range(45):
        desk.tick(push(V[:3], V[3:]))
    assert desk.verdicts() == {"ok"}
    moved = desk.tool().distance_to(start)
    assert max(moved) > 0.1


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_all_axes_at_once_and_reversals_pass_the_gate(arm):
    desk = Desk.on(SimRobot(arm))
    rng = np.random.default_rng(3)
    for _ in range(12):
        V = rng.choice([-1.0, 0.0, 1.0], size=6)
        frame = Frame.TOOL if rng.random() < 0.5 else Frame.BASE
        for _ in range(12):
            desk.tick(push(V[:3], V[3:], frame=frame), opening=float(rng.random()))
    assert desk.verdicts() == {"ok"}
    desk.robot.close()


def test_a_simulated_arm_follows_a_hand_a_leader_and_a_nudge(panda):
    desk = sim_desk(panda)
    start = desk.tool()
    for step in range(60):
        angle = 0.1 * step
        desk.tick(hand((0.1 * np.sin(angle), 0.1 - 0.1 * np.cos(angle), 0.0)))
    desk.tick(None, held=False)
    for _ in range(40):
        desk.tick(nudge((0.0, 0.0, -0.05)))
    assert desk.tool().p[2] == pytest.approx(start.p[2] - 0.05, abs=0.01)
    desk.tick(None, held=False)
    q = desk.state().q_rad
    goal = q + np.array([0.3, 0.0, 0.0, 0.2, 0.0, 0.0, 0.3])
    expected = panda.kinematics(DEFAULT_ARM).forward(goal)
    for _ in range(80):
        desk.tick(leader(goal))
    assert desk.tool().distance_to(expected)[0] < 0.01
    assert desk.verdicts() == {"ok"}


def test_a_simulated_arm_comes_to_rest_when_the_loop_dies(panda):
    desk = sim_desk(panda)
    for _ in range(10):
        desk.tick(AWAY)
    dead = desk.tool()
    desk.wait(20)
    rest = desk.tool()
    assert rest.distance_to(dead)[0] < 0.06
    desk.wait(10)
    assert desk.tool().distance_to(rest)[0] < 1e-3


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_whatever_a_hand_does_passes_the_gate(arm):
    desk = Desk.on(SimRobot(arm))
    rng = np.random.default_rng(11)
    for number in range(8):
        V, p, w = rng.uniform(-1.0, 1.0, 6), rng.uniform(-0.2, 0.2, 3), rng.uniform(-1.0, 1.0, 3)
        q = desk.state().q_rad
        q_goal = q + rng.uniform(-0.7, 0.7, len(q))
        for step in range(40):
            share = min(1.0, step / 20.0)
            motion = (
                push(V[:3], V[3:], frame=Frame.TOOL),
                hand(share * p, share * w),
                leader(q + share * (q_goal - q)),
                nudge(p, w, number=number),
            )[number % 4]
            desk.tick(motion, held=bool(rng.random() < 0.95), opening=float(rng.random()))
        desk.tick(None, held=False)
    assert desk.verdicts() == {"ok"}
    desk.robot.close()
