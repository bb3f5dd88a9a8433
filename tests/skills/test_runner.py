"""One attempt at a call, from preconditions to effects, on the fake robot behind the real gate."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hardware.gated_robot import GatedRobot, gate_robot
from hardware.safety_gate import SafetyGate
from policies.runtime import PolicyProcess
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import (
    ActionRefused,
    CheckpointError,
    PerceptionError,
    RobotFault,
    UnknownNameError,
)
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.policy import PolicyOutput
from robot_skills.core.robot import RobotWrapper
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.policy_skill import PolicySkillConfig
from robot_skills.skills.runner import SkillContext, run_skill
from robot_skills.skills.stitching import Compensation
from tests.fakes import (
    LIMITS,
    PERIOD_S,
    R_DOWN,
    T_HOME,
    ZOO,
    FakeCamera,
    FakeKinematics,
    FakePerceiver,
    FakePolicy,
    FakeRobot,
    FakeWorld,
    bin_,
    cube,
    drawer,
    grasp_script,
    place_script,
    still_script,
)

GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
HOME = SkillCall(skill="home")
RETREAT = SkillCall(skill="retreat")


def place(relation: str, target: str) -> SkillCall:
    args = {"object": "red_cube", "relation": relation, "target": target}
    return SkillCall(skill="place", args=args)


class Cell:
    """A fake cell with policies for grasp and place."""

    def __init__(self, *things, **policies) -> None:
        self.policies = {
            "grasp": FakePolicy(grasp_script),
            "place": FakePolicy(place_script),
            "open": FakePolicy(still_script),
            **policies,
        }
        self.robot = FakeRobot(FakeWorld(*(things or (cube(), bin_()))))
        self.robot.connect()
        self.events = EventList()
        self.gated = gate_robot(self.robot, self.events)
        self.perceiver = FakePerceiver(self.robot.world)
        self.looks = 0
        self.context = SkillContext(
            robot=self.gated,
            library=SkillLibrary.load(ZOO, lambda path: self.policies[path.name]),
            look=self.look,
            events=self.events,
        )

    def look(self):
        self.looks += 1
        return self.perceiver.look(self.robot.observe())

    def run(self, call, **changes):
        return run_skill(call, replace(self.context, **changes))

    @property
    def tool(self) -> SE3:
        return self.robot.observe().arms[DEFAULT_ARM].T_base_tool


def test_grasp_succeeds_and_the_thing_stays_held_on_the_way_home():
    cell = Cell()
    result, scene = cell.run(GRASP)
    assert result.outcome is Outcome.SUCCESS, result.reason
    assert result.ok
    assert result.chunks > 3
    assert result.refused_chunks == 0
    assert scene["red_cube"].held_by == DEFAULT_ARM
    assert cell.tool.allclose(T_HOME, atol=1e-3)


class _SeeingPolicy(FakePolicy):
    """Looks through a camera."""

    cameras = ("front",)


def test_a_policy_that_sees_gets_new_frames_with_every_question_and_its_words():
    policy = _SeeingPolicy(grasp_script)
    Cell(grasp=policy).run(GRASP)
    assert all(set(asked.frames) == {"front"} for asked in policy.inputs)
    stamps = [asked.frames["front"].stamp_s for asked in policy.inputs]
    assert stamps == sorted(set(stamps))
    assert {asked.instruction for asked in policy.inputs} == {"grasp red cube"}


def test_a_policy_that_does_not_see_costs_no_pictures():
    policy = FakePolicy(grasp_script)
    Cell(grasp=policy).run(GRASP)
    assert not any(asked.frames for asked in policy.inputs)


@pytest.mark.parametrize("call", [place("in", "box"), place("on", "table")])
def test_place_puts_the_held_thing_where_it_was_told(call):
    cell = Cell()
    _, scene = cell.run(GRASP)
    result, scene = cell.run(call, scene=scene)
    assert result.outcome is Outcome.SUCCESS, result.reason
    assert scene.held(DEFAULT_ARM) is None


def test_scripted_home_keeps_a_held_thing_held():
    cell = Cell()
    _, scene = cell.run(GRASP)
    cell.run(RETREAT, scene=scene)
    result, scene = cell.run(HOME, scene=scene)
    assert result.outcome is Outcome.SUCCESS, result.reason
    assert scene["red_cube"].held_by == DEFAULT_ARM


def test_the_policy_sees_tokens_that_move_with_the_tool_only_while_held():
    cell = Cell()
    _, scene = cell.run(GRASP)
    cell.run(place("in", "box"), scene=scene)
    grasped = [inputs.tokens[0].T_base_anchor for inputs in cell.policies["grasp"].inputs]
    assert all(T.allclose(grasped[0]) for T in grasped)
    for inputs in cell.policies["place"].inputs:
        T_base_tool = SE3.from_matrix(inputs.T_base_tool[-1])
        offset = inputs.tokens[0].T_base_anchor.p - T_base_tool.p
        assert np.allclose(offset, 0.0, atol=1e-6)


def test_a_call_whose_preconditions_fail_moves_nothing_and_says_which():
    cell = Cell()
    result, _ = cell.run(place("in", "box"))
    assert result.outcome is Outcome.FAILED
    assert "holding(red_cube) does not hold" in result.reason
    assert "red_cube is on table" in result.reason
    assert cell.robot.commands == []
    assert not cell.events.of_kind(EventKind.SKILL_START)


def test_a_thing_that_nobody_sees_fails_the_call_in_words():
    cell = Cell()
    result, _ = cell.run(SkillCall(skill="grasp", args={"object": "blue_cube"}))
    assert result.outcome is Outcome.FAILED
    assert "'blue_cube'" in result.reason
    assert "red_cube" in result.reason


def test_an_argument_of_the_wrong_type_fails_the_call():
    cell = Cell(cube(), drawer())
    result, _ = cell.run(SkillCall(skill="open", args={"thing": "red_cube"}))
    assert result.outcome is Outcome.FAILED
    assert "articulated" in result.reason


def test_done_without_effect_fails_and_says_what_was_seen():
    cell = Cell(grasp=FakePolicy(still_script))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.FAILED
    assert "holding(red_cube) does not hold: red_cube is on table" in result.reason


def test_a_policy_that_never_finishes_times_out():
    cell = Cell(grasp=FakePolicy(still_script, finishes=False))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.TIMEOUT
    assert "not done after 12 s" in result.reason
    assert "holding(red_cube)" in result.reason
    assert result.duration_s >= 12.0


def test_effects_that_hold_after_a_timeout_count_as_success():
    cell = Cell(grasp=FakePolicy(grasp_script, finishes=False))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.SUCCESS
    assert "not done after 12 s" in result.reason


def test_a_stop_request_ends_the_skill_where_it_is():
    cell = Cell()

    def stop() -> bool:
        return cell.robot.clock.now_s() >= 0.5

    result, _ = cell.run(GRASP, stop_requested=stop)
    assert result.outcome is Outcome.STOPPED
    assert cell.robot.stops == 1
    assert not cell.tool.allclose(T_HOME, atol=1e-3)


def test_a_stop_request_ends_the_way_home_too():
    cell = Cell()
    cell.robot.place_tool(SE3(R_DOWN, np.array([0.6, 0.3, 0.1])))
    result, _ = cell.run(HOME, stop_requested=lambda: cell.robot.clock.now_s() >= 0.3)
    assert result.outcome is Outcome.STOPPED


class _Wild(FakePolicy):
    """Asks for the impossible at its first `bad` chunks."""

    def __init__(self, script, bad: int, value: float = np.nan) -> None:
        super().__init__(script)
        self._bad = bad
        self._value = value

    def infer(self, inputs) -> PolicyOutput:
        if self._bad == 0:
            return super().infer(inputs)
        self._bad -= 1
        T = np.tile(inputs.T_base_tool[-1], (self.horizon, 1, 1))
        T[5:, 0, 3] = self._value
        return PolicyOutput(T_base_tool=T, opening=np.ones(self.horizon), done=0.0)


def test_refused_chunks_are_sampled_anew():
    cell = Cell(grasp=_Wild(grasp_script, bad=3))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.SUCCESS, result.reason
    assert result.refused_chunks == 3
    codes = [event.data["verdict"] for event in cell.events.of_kind(EventKind.CHUNK)]
    assert codes[:4] == ["non_finite"] * 3 + ["ok"]


class _Towards(FakePolicy):
    """From wherever the tool is, straight to one place at 0.4 m/s."""

    goal = np.array([0.65, 0.0, 0.3])

    def infer(self, inputs) -> PolicyOutput:
        T = np.tile(inputs.T_base_tool[-1], (self.horizon, 1, 1))
        offset = self.goal - T[0, :3, 3]
        length_m = max(float(np.linalg.norm(offset)), 1e-9)
        ahead_m = 0.4 * self.period_s * np.arange(1, self.horizon + 1)
        T[:, :3, 3] += offset / length_m * np.minimum(ahead_m, length_m)[:, None]
        return PolicyOutput(T_base_tool=T, opening=np.ones(self.horizon), done=0.0)


def test_a_motion_that_the_joints_cannot_follow_is_done_more_slowly():
    # As near a singularity: the tool's pace is harmless, but the joints are too slow for it.
    cell = Cell(grasp=_Towards(still_script))
    joint = replace(LIMITS.joint, velocity_rad_s=np.full(6, 0.25))
    gate = SafetyGate(replace(LIMITS, joint=joint), FakeKinematics())
    gated = GatedRobot(cell.robot, {DEFAULT_ARM: gate}, cell.events)
    now_s = cell.robot.clock.now_s

    result, _ = cell.run(GRASP, robot=gated, stop_requested=lambda: now_s() >= 8.0)
    codes = [event.data["verdict"] for event in cell.events.of_kind(EventKind.CHUNK)]
    assert codes[:2] == ["joint_velocity", "ok"]
    assert result.outcome is Outcome.STOPPED, result.reason
    assert np.allclose(cell.tool.p, _Towards.goal, atol=1e-3)
    for command in cell.robot.commands:
        p = command.arms[DEFAULT_ARM].T_base_tool[:, :3, 3]
        speeds = np.abs(np.diff(p, axis=0)) / np.diff(command.stamp_s)[:, None]
        assert speeds.max(initial=0.0) <= 0.25 * (1.0 + 1e-6)


class _TouchesInTheEnd(RobotWrapper):
    """Behind a gate that finds the last waypoints of a whole chunk too near to something."""

    def command(self, chunk):
        if len(chunk) >= FakePolicy.horizon:
            raise ActionRefused("collision", "the last waypoint comes too near to the table")
        return super().command(chunk)


def test_of_a_chunk_that_touches_in_the_end_the_beginning_is_done():
    cell = Cell()
    result, _ = cell.run(GRASP, robot=_TouchesInTheEnd(cell.gated))
    assert result.outcome is Outcome.SUCCESS, result.reason
    lengths = {len(command) for command in cell.robot.commands}
    assert PolicySkillConfig().execute_steps in lengths
    assert FakePolicy.horizon not in lengths


def test_a_policy_that_is_refused_again_and_again_ends_in_a_fault_with_the_reason():
    cell = Cell(grasp=_Wild(grasp_script, bad=1000))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.FAULT
    assert "non_finite" in result.reason
    assert cell.robot.commands == []


def test_a_chunk_out_of_the_workspace_never_reaches_the_robot():
    # Far enough ahead in time that only the place is wrong, not the speed.
    class _Away(FakePolicy):
        def infer(self, inputs) -> PolicyOutput:
            T = np.tile(inputs.T_base_tool[-1], (self.horizon, 1, 1))
            T[:, 0, 3] += 0.015 * np.arange(1, self.horizon + 1)
            return PolicyOutput(T_base_tool=T, opening=np.ones(self.horizon), done=0.0)

    cell = Cell(grasp=_Away(grasp_script))
    result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.FAULT
    assert "workspace" in result.reason
    assert max(c.arms[DEFAULT_ARM].T_base_tool[:, 0, 3].max() for c in cell.robot.commands) <= 0.8


def test_a_robot_fault_ends_the_skill_as_a_fault():
    cell = Cell()

    class _Broken(FakePolicy):
        def infer(self, inputs) -> PolicyOutput:
            cell.robot.close()
            return super().infer(inputs)

    cell.policies["grasp"] = _Broken(grasp_script)
    result, _ = cell.run(GRASP, scene=cell.look())
    assert result.outcome is Outcome.FAULT
    assert "not connected" in result.reason


def test_a_camera_that_is_lost_stops_a_policy_that_sees_and_is_named():
    cell = Cell()
    stops = []

    class _Unplugs(_SeeingPolicy):
        def infer(self, inputs) -> PolicyOutput:
            if len(self.inputs) == 2:
                unplug()
            return super().infer(inputs)

    class _Blind(FakeCamera):
        def read(self):
            raise PerceptionError("sensor_lost(front): no pictures come")

    def unplug():
        robot = cell.robot
        robot._camera = _Blind(robot.clock)
        stop = robot.stop
        robot.stop = lambda: (stops.append(robot.clock.now_s()), stop())

    cell.policies["grasp"] = _Unplugs(grasp_script)
    result, _ = cell.run(GRASP, scene=cell.look())
    assert result.outcome is Outcome.FAILED
    assert result.reason == "sensor_lost(front): no pictures come"
    assert stops
    assert cell.events.events[-1].kind is EventKind.SKILL_END


def test_effects_that_cannot_be_seen_fail_with_the_reason():
    cell = Cell()
    scene = cell.look()

    def blind():
        raise PerceptionError("Camera 'front' gave no frame.")

    result, latest = cell.run(GRASP, scene=scene, look=blind)
    assert result.outcome is Outcome.FAILED
    assert "Camera 'front' gave no frame" in result.reason
    assert latest is scene


def test_the_scene_is_looked_at_only_when_none_is_given():
    cell = Cell()
    _, scene = cell.run(GRASP)
    assert cell.looks == 2
    cell.run(place("in", "box"), scene=scene)
    assert cell.looks == 3


def test_events_tell_the_whole_attempt_in_order():
    cell = Cell()
    cell.run(GRASP, seed=7)
    kinds = [event.kind for event in cell.events.events if event.kind is not EventKind.GATE]
    assert kinds[:2] == [EventKind.PRECONDITIONS, EventKind.SKILL_START]
    assert kinds[-3:] == [EventKind.LOOK, EventKind.EFFECTS, EventKind.SKILL_END]
    assert set(kinds[2:-3]) == {EventKind.CHUNK}
    assert all(e.data["latency_ms"] >= 0.0 for e in cell.events.of_kind(EventKind.CHUNK))
    assert cell.policies["grasp"].seeds == [7]
    stamps = [event.stamp_s for event in cell.events.events]
    assert stamps == sorted(stamps)


def test_the_same_seed_gives_the_same_run_bit_for_bit():
    def poses():
        cell = Cell()
        cell.run(GRASP, seed=3)
        return np.concatenate([c.arms[DEFAULT_ARM].T_base_tool for c in cell.robot.commands])

    assert np.array_equal(poses(), poses())


def test_an_unknown_skill_and_a_missing_policy_are_refused_before_anything_moves():
    cell = Cell()
    with pytest.raises(UnknownNameError, match="Did you mean 'grasp'"):
        cell.run(SkillCall(skill="grap"))
    library = SkillLibrary.load(ZOO)
    with pytest.raises(CheckpointError, match="grasp"):
        cell.run(GRASP, library=library)
    assert cell.robot.commands == []


def test_no_free_spot_on_the_table_fails_with_the_reason():
    crowd = [
        cube(f"blue_cube_{i}", 0.36 + 0.08 * (i % 5), -0.26 + 0.08 * (i // 5)) for i in range(35)
    ]
    held = cube("red_cube", 0.3, 0.45)
    cell = Cell(held, *crowd)
    _, scene = cell.run(GRASP)
    assert scene["red_cube"].held_by == DEFAULT_ARM
    result, _ = cell.run(place("on", "table"), scene=scene)
    assert result.outcome is Outcome.FAILED
    assert "No free spot" in result.reason


def test_retreat_moves_straight_up():
    cell = Cell()
    start = SE3(R_DOWN, np.array([0.6, 0.2, 0.1]))
    cell.robot.place_tool(start)
    result, _ = cell.run(RETREAT)
    assert result.outcome is Outcome.SUCCESS
    assert np.allclose(cell.tool.p - start.p, [0.0, 0.0, 0.1], atol=1e-3)


def test_home_rises_above_everything_before_it_crosses_the_table():
    tall = cube("blue_cube", 0.55, 0.1, size_m=0.2)
    cell = Cell(tall)
    cell.robot.place_tool(SE3(R_DOWN, np.array([0.65, 0.25, 0.05])))
    result, _ = cell.run(HOME)
    assert result.outcome is Outcome.SUCCESS
    for command in cell.robot.commands:
        for T in command.arms[DEFAULT_ARM].T_base_tool:
            beside = np.linalg.norm(T[:2, 3] - [0.65, 0.25]) < 1e-6
            assert beside or T[2, 3] >= 0.249


def test_a_robot_fault_before_a_look_is_not_swallowed():
    cell = Cell()
    cell.robot.close()
    with pytest.raises(RobotFault):
        cell.run(GRASP)


@pytest.mark.parametrize("compensation", [Compensation.BLEND, Compensation.CONTINUE])
def test_answers_that_come_late_are_waited_for_and_fitted_in(compensation):
    cell = Cell()
    how = PolicySkillConfig(latency_steps=3, compensation=compensation)
    result, _ = cell.run(GRASP, policy_config=how)
    assert result.outcome is Outcome.SUCCESS, result.reason
    first = cell.robot.commands[0]
    asked_s = cell.events.of_kind(EventKind.SKILL_START)[0].stamp_s
    # Three periods late: the waypoints until then were never commanded.
    assert first.stamp_s[0] == pytest.approx(asked_s + 4 * PERIOD_S)


def test_a_policy_that_can_continue_is_told_what_the_arm_follows_meanwhile():
    cell = Cell()
    told = []

    class Continuing(FakePolicy):
        can_continue = True

        def infer(self, inputs, prefix=None):
            following = None if not cell.robot.commands else cell.robot.commands[-1]
            told.append((prefix, following, cell.robot.clock.now_s()))
            return super().infer(inputs)

    cell.policies["grasp"].__class__ = Continuing
    cell.run(GRASP, policy_config=PolicySkillConfig(latency_steps=2))
    # Before the first chunk the arm stands still.
    assert np.allclose(told[0][0].T_base_tool, T_HOME.matrix(), atol=1e-9)
    for prefix, following, now_s in told[1:]:
        assert len(prefix.opening) == 2
        for k, pose in enumerate(prefix.T_base_tool, start=1):
            T, _ = following.sample(DEFAULT_ARM, now_s + k * PERIOD_S)
            assert T.allclose(SE3.from_matrix(pose), atol=1e-9)


class WaitingClock(ManualClock):
    """Really waits, at five times the speed."""

    def sleep_until(self, stamp_s: float) -> None:
        time.sleep(0.2 * max(0.0, stamp_s - self.now_s()))
        super().sleep_until(stamp_s)


class SlowPolicy(FakePolicy):
    """Thinks for several of the `WaitingClock`'s periods."""

    def infer(self, inputs):
        time.sleep(0.8 * PERIOD_S)
        return super().infer(inputs)


def test_a_policy_in_its_own_process_moves_an_arm_that_does_not_wait(monkeypatch):
    cell = Cell()
    cell.robot.clock.__class__ = WaitingClock
    ahead_s = []
    command = cell.robot.command

    def commanded(chunk):
        ahead_s.append(chunk.stamp_s[0] - cell.robot.clock.now_s())
        return command(chunk)

    monkeypatch.setattr(cell.robot, "command", commanded)
    with PolicyProcess(partial(SlowPolicy, cell.policies["grasp"]._script)) as process:
        cell.policies["grasp"] = process
        result, _ = cell.run(GRASP)
    assert result.outcome is Outcome.SUCCESS, result.reason
    # Whatever the policy took, no waypoint was commanded for a time that had passed.
    assert ahead_s
    assert min(ahead_s) > 0.0


def test_without_latency_nothing_is_told():
    cell = Cell()
    told = []

    class Continuing(FakePolicy):
        can_continue = True

        def infer(self, inputs, prefix=None):
            told.append(prefix)
            return super().infer(inputs)

    cell.policies["grasp"].__class__ = Continuing
    cell.run(GRASP)
    assert told
    assert set(told) == {None}
