"""Chunks, observations, errors and the recorded state."""

import numpy as np
import pytest

from robot_skills.core.camera import backproject, pinhole
from robot_skills.core.errors import (
    PlanningError,
    RefusedError,
    RobotFault,
    RobotSkillsError,
    UnknownNameError,
    unknown_name,
)
from robot_skills.core.events import Event, EventFanOut, EventKind, EventList
from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    EntityToken,
    PolicyInput,
    encode_action,
    encode_state,
    pose_to_vector,
    vector_to_pose,
)
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmChunk, RgbdFrame, single_arm_chunk


def chunk(n: int = 4) -> ActionChunk:
    T = np.stack([SE3.from_yaw(0.1 * i, (0.1 * i, 0.0, 0.0)).matrix() for i in range(n)])
    return single_arm_chunk(np.arange(n) * 0.1, T, np.linspace(0.0, 1.0, n))


def test_after_drops_what_is_not_later():
    rest = chunk().after(0.1)
    assert rest is not None
    assert np.allclose(rest.stamp_s, [0.2, 0.3])
    assert np.allclose(rest.arms[DEFAULT_ARM].T_base_tool[0, 0, 3], 0.2)
    assert chunk().after(0.3) is None
    assert len(chunk().after(-1.0) or ()) == 4


def test_sampling_interpolates_and_holds_at_both_ends():
    T, opening = chunk().sample(DEFAULT_ARM, 0.15)
    assert np.isclose(T.p[0], 0.15)
    assert np.isclose(T.yaw_rad(), 0.15)
    assert np.isclose(opening, 0.5)
    assert chunk().sample(DEFAULT_ARM, -1.0)[0].p[0] == 0.0
    assert np.isclose(chunk().sample(DEFAULT_ARM, 9.0)[0].p[0], 0.3)


def test_a_chunk_needs_waypoints_and_one_row_per_stamp():
    with pytest.raises(ValueError, match="at least one"):
        single_arm_chunk(np.zeros(0), np.zeros((0, 4, 4)), np.zeros(0))
    with pytest.raises(ValueError, match="waypoints for 3 stamps"):
        single_arm_chunk(np.arange(3.0), np.zeros((2, 4, 4)), np.zeros(2))
    with pytest.raises(ValueError, match="opening"):
        ArmChunk(T_base_tool=np.zeros((2, 4, 4)), opening=np.zeros(3))


def test_arrays_are_copied_and_read_only():
    stamps = np.arange(3.0)
    c = single_arm_chunk(stamps, np.tile(np.eye(4), (3, 1, 1)), np.ones(3))
    stamps[0] = 99.0
    assert c.stamp_s[0] == 0.0
    with pytest.raises(ValueError):
        c.stamp_s[0] = 1.0


def test_backprojection_undoes_projection():
    K, T = pinhole(32, 24, 1.0), SE3.look_at((1.0, 0.2, 0.9), (0.5, 0.0, 0.0))
    depth = np.random.default_rng(0).uniform(0.5, 1.5, (24, 32)).astype(np.float32)
    depth[3, 7] = 0.0
    frame = RgbdFrame(stamp_s=0.0, rgb=np.zeros((24, 32, 3)), depth_m=depth, K=K, T_base_camera=T)
    points, pixels = backproject(frame)
    assert len(points) == 24 * 32 - 1
    seen = (T.inverse() @ points) @ K.T
    assert np.allclose(seen[:, 1] / seen[:, 2], pixels[:, 0], atol=1e-4)
    assert np.allclose(seen[:, 0] / seen[:, 2], pixels[:, 1], atol=1e-4)


def test_a_frame_needs_depth_of_its_own_size():
    with pytest.raises(ValueError, match="depth_m"):
        RgbdFrame(
            stamp_s=0.0,
            rgb=np.zeros((4, 4, 3)),
            depth_m=np.zeros((4, 5)),
            K=np.eye(3),
            T_base_camera=SE3.identity(),
        )


def token(x: float) -> EntityToken:
    return EntityToken(
        T_base_anchor=SE3.from_yaw(0.3, (x, 0.1, 0.2)), extents_m=(0.1, 0.2, 0.3), value=0.05
    )


def policy_input(*tokens: EntityToken) -> PolicyInput:
    poses = np.stack([SE3.identity().matrix(), SE3.from_yaw(0.7, (1.0, 2.0, 3.0)).matrix()])
    return PolicyInput(
        T_base_tool=poses, opening=np.array([0.2, 0.9]), tokens=tokens, table_height_m=0.01
    )


def test_the_recorded_state_says_what_its_names_say():
    state = dict(zip(STATE_NAMES, encode_state(policy_input(token(0.5))), strict=True))
    assert [state[f"tool.{axis}"] for axis in "xyz"] == [1.0, 2.0, 3.0]
    assert state["tool.opening"] == pytest.approx(0.9)
    assert state["table.z"] == pytest.approx(0.01)
    assert state["entity0.present"] == 1.0
    assert state["entity0.x"] == pytest.approx(0.5)
    assert state["entity0.size_z"] == pytest.approx(0.3)
    assert state["entity0.value"] == pytest.approx(0.05)
    assert all(v == 0.0 for name, v in state.items() if name.startswith("entity1"))
    pose = np.array(
        [state[f"tool.{name}"] for name in ("x", "y", "z", *map("r{}".format, range(1, 7)))]
    )
    assert np.allclose(vector_to_pose(pose), policy_input().T_base_tool[-1], atol=1e-6)


def test_the_recorded_action_is_a_pose_and_an_opening():
    T = SE3.from_yaw(-0.4, (0.1, 0.2, 0.3))
    action = encode_action(T, 0.25)
    assert action.shape == (len(ACTION_NAMES),)
    assert action.dtype == np.float32
    assert np.allclose(vector_to_pose(action[:9]), T.matrix(), atol=1e-6)
    assert action[9] == 0.25


def test_poses_survive_a_round_trip_through_vectors():
    T = chunk().arms[DEFAULT_ARM].T_base_tool
    assert np.allclose(vector_to_pose(pose_to_vector(T)), T)


def test_a_policy_is_not_given_more_entities_than_it_has_slots():
    with pytest.raises(ValueError, match="at most 2"):
        policy_input(token(0.1), token(0.2), token(0.3))


def test_unknown_names_are_answered_with_the_nearest_and_all():
    error = unknown_name("skill", "Grap", ["place", "grasp"])
    assert isinstance(error, UnknownNameError)
    assert str(error) == "Unknown skill 'Grap'. Did you mean 'grasp'? Available: grasp, place."
    assert "Did you mean" not in str(unknown_name("skill", "zzz", ["grasp"]))
    assert "Available: none" in str(unknown_name("skill", "zzz", []))


def test_exit_codes_follow_the_error_tree():
    assert issubclass(PlanningError, RefusedError)
    assert PlanningError("x").exit_code == 2
    assert RobotFault("x").exit_code == RobotSkillsError.exit_code == 1


def test_events_reach_every_sink_in_order():
    a, b = EventList(), EventList()
    fan_out = EventFanOut(a, b)
    for i, kind in enumerate((EventKind.PLAN, EventKind.CHUNK, EventKind.PLAN)):
        fan_out.emit(Event(stamp_s=float(i), kind=kind))
    assert [e.stamp_s for e in a.events] == [e.stamp_s for e in b.events] == [0.0, 1.0, 2.0]
    assert [e.stamp_s for e in a.of_kind(EventKind.PLAN)] == [0.0, 2.0]
