"""Episodes on a fixed grid of times."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, UnknownNameError
from robot_skills.core.policy import ACTION_NAMES, pose_to_vector, vector_to_pose
from robot_skills.core.se3 import rotation_angle
from robot_skills.data.lerobot import Told, align
from robot_skills.data.series import NumberSeries
from tests.data.lerobot.factory import make_episode, poses

EPISODE = make_episode()


def numbers(values, period_s: float = 0.05, names=("a",)) -> NumberSeries:
    rows = np.reshape(values, (-1, len(names)))
    return NumberSeries(names=names, stamp_s=100.0 + np.arange(len(rows)) * period_s, values=rows)


def test_rows_cover_the_episode_and_end_before_it() -> None:
    assert len(align(EPISODE, 20)) == 20
    assert len(align(EPISODE, 30)) == 30
    assert len(align(EPISODE, 7)) == 7


def test_trim_takes_a_part() -> None:
    rows = align(EPISODE, 20, trim_s=(0.5, 0.75))
    assert len(rows) == 5
    whole = align(EPISODE, 20)
    np.testing.assert_array_equal(
        rows.columns["observation.state"].values, whole.columns["observation.state"].values[10:15]
    )
    with pytest.raises(DatasetError, match="Nothing is left"):
        align(EPISODE, 20, trim_s=(2.0, None))


def test_state_is_tool_opening_and_joints_at_the_time_of_the_row() -> None:
    state = align(EPISODE, 20).columns["observation.state"]
    arm = EPISODE.arms["arm"]
    assert state.names[:10] == ACTION_NAMES
    assert state.names[10:] == tuple(f"joint{i}.pos" for i in range(1, 8))
    # A row every five samples, so nothing has to be interpolated.
    np.testing.assert_allclose(state.values[:, 10:], arm.q_rad[:100:5], atol=1e-6)
    np.testing.assert_allclose(
        state.values[:, :9], pose_to_vector(arm.T_base_tool[:100:5]), atol=1e-6
    )


def test_rotations_between_samples_stay_rotations() -> None:
    state = align(EPISODE, 33).columns["observation.state"].values
    R = vector_to_pose(state[:, :9])[:, :3, :3]
    np.testing.assert_allclose(np.linalg.norm(state[:, 3:6], axis=1), 1.0, atol=1e-6)
    steps = rotation_angle(np.swapaxes(R[:-1], 1, 2) @ R[1:])
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.05)


def test_action_is_where_the_arm_was_told_to_be_one_period_later() -> None:
    rows = align(EPISODE, 20)
    sent = EPISODE.sent["arm"]
    action = rows.columns["action"]
    assert action.names == ACTION_NAMES
    np.testing.assert_allclose(action.values[:, 9], sent.opening[:20], atol=1e-6)
    np.testing.assert_allclose(
        action.values[:, :9], pose_to_vector(sent.T_base_tool[:20]), atol=1e-6
    )


def test_requested_action_is_beside_the_sent_one_or_in_its_place() -> None:
    rows = align(EPISODE, 20)
    asked = align(EPISODE, 20, action=Told.REQUESTED)
    assert "action.requested" not in asked.columns
    np.testing.assert_array_equal(
        asked.columns["action"].values, rows.columns["action.requested"].values
    )
    assert (asked.columns["action"].values != rows.columns["action"].values).any()


def test_before_the_first_command_the_action_is_where_the_arm_is() -> None:
    sent = EPISODE.sent["arm"]
    late = replace(
        sent,
        stamp_s=sent.stamp_s[10:],
        T_base_tool=sent.T_base_tool[10:],
        opening=sent.opening[10:],
    )
    rows = align(replace(EPISODE, sent={"arm": late}), 20)
    state, action = rows.columns["observation.state"].values, rows.columns["action"].values
    np.testing.assert_allclose(action[:9, :10], state[1:10, :10], atol=1e-6)
    np.testing.assert_allclose(action[10, :9], pose_to_vector(late.T_base_tool[0]), atol=1e-6)


def test_each_row_shows_the_nearest_picture_and_says_when_it_was_taken() -> None:
    rows = align(EPISODE, 20)
    front = rows.cameras["front"]
    stamp_s, row_s = front.series.stamp_s, 100.0 + np.arange(20) / 20
    expected = np.abs(stamp_s[:, None] - row_s[None]).argmin(axis=0)
    np.testing.assert_array_equal(front.index, expected)
    assert front.worst_offset_s <= 1.0 / 15.0
    captured_s = rows.columns["capture_ns.front"].values[:, 0] * 1e-9
    np.testing.assert_allclose(captured_s, stamp_s[expected] - 100.0, atol=1e-8)
    assert rows.columns["capture_ns.front"].values.dtype == np.int64


def test_pictures_of_rows_are_drawn_once_each() -> None:
    episode = make_episode()
    camera = align(episode, 60).cameras["front"]
    shown = list(camera.pictures())
    assert len(shown) == len(camera.index)
    assert episode.cameras["front"].pictures.drawn == len(episode.cameras["front"].stamp_s)
    for (rgb, _), index in zip(shown, camera.index, strict=True):
        np.testing.assert_array_equal(rgb, episode.cameras["front"].pictures.rgb(int(index)))


def test_camera_that_moves_has_no_pose() -> None:
    cameras = align(EPISODE, 20).cameras
    assert cameras["wrist"].T_base_camera is None
    np.testing.assert_array_equal(cameras["front"].T_base_camera, np.eye(4))


def test_success_is_on_the_last_row_and_done_from_its_moment() -> None:
    columns = align(EPISODE, 20).columns
    assert columns["next.success"].values.ravel().tolist() == [False] * 19 + [True]
    assert columns["done"].values.ravel().tolist() == [0.0] * 16 + [1.0] * 4
    assert (columns["label_valid"].values == 1.0).all()
    failed = align(replace(EPISODE, outcome=Outcome.FAILURE), 20).columns
    assert not failed["next.success"].values.any()
    assert not failed["done"].values.any()


def test_recorded_vectors_of_the_same_name_win() -> None:
    episode = replace(
        EPISODE,
        numbers={
            "observation.state": numbers(np.arange(20.0)),
            "action": numbers(np.arange(20.0) + 0.5),
            "observation.wrench": numbers(np.linspace(0.0, 1.0, 40), names=("f", "t")),
            "motor.current": numbers(np.zeros(20)),
        },
    )
    rows = align(episode, 20)
    np.testing.assert_allclose(rows.columns["observation.state"].values[:, 0], np.arange(20.0))
    np.testing.assert_allclose(rows.columns["action"].values[:, 0], np.arange(20.0) + 0.5)
    assert len(rows.columns["observation.arm"].names) == 17
    assert rows.columns["action.arm"].names == ACTION_NAMES
    assert rows.left_out == ("motor.current",)
    assert "motor.current" in align(episode, 20, also=["motor.current"]).columns
    with pytest.raises(UnknownNameError, match=r"Did you mean 'motor\.current'"):
        align(episode, 20, also=["motor.curent"])


def test_whole_numbers_and_actions_are_held_others_interpolated() -> None:
    episode = replace(
        EPISODE,
        arms={},
        sent={},
        requested={},
        numbers={
            "observation.mode": numbers([0.0, 1.0, 3.0], period_s=0.5),
            "observation.force": numbers([0.5, 1.0, 3.0], period_s=0.5),
            "action": numbers([0.5, 1.0, 3.0], period_s=0.5),
        },
    )
    columns = align(episode, 4).columns
    assert columns["observation.mode"].values.ravel().tolist() == [0.0, 0.0, 1.0, 1.0]
    assert columns["observation.force"].values.ravel().tolist() == [0.5, 0.75, 1.0, 2.0]
    assert columns["action"].values.ravel().tolist() == [0.5, 0.5, 1.0, 1.0]


def test_several_arms_stand_side_by_side() -> None:
    both = {name: EPISODE.arms["arm"] for name in ("left", "right")}
    told = {name: EPISODE.sent["arm"] for name in both}
    rows = align(replace(EPISODE, arms=both, sent=told, requested={}), 20)
    assert len(rows.columns["observation.state"].names) == 34
    assert rows.columns["action"].names[10] == "right.tool.x"


def test_subtasks_move_with_the_trim() -> None:
    found = align(EPISODE, 20, trim_s=(0.2, 0.9)).subtasks
    assert [one.words for one in found] == ["reach", "grasp"]
    np.testing.assert_allclose([one.start_s for one in found], [0.0, 0.2], atol=1e-9)
    np.testing.assert_allclose([one.end_s for one in found], [0.2, 0.7], atol=1e-9)


def test_episode_without_numbers_is_refused() -> None:
    empty = replace(EPISODE, arms={}, sent={}, requested={})
    with pytest.raises(DatasetError, match="neither arms nor vectors"):
        align(empty, 20)


def test_poses_of_the_factory_are_poses() -> None:
    R = poses(5)[:, :3, :3]
    np.testing.assert_allclose(R @ np.swapaxes(R, 1, 2), np.tile(np.eye(3), (5, 1, 1)), atol=1e-9)
