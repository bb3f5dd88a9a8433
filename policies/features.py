"""From recorded states to network inputs and back, all relative to the current tool frame.

A policy that only sees where things are *from the tool* does not care where the robot stands, which
arm it is, or how the table is turned (UMI, Chi et al., 2024). The same functions serve whole
datasets and one live input, so training and running cannot drift apart.

Arrays of states are (N, n, S): N windows of n states, oldest first, in the order of `STATE_NAMES`,
or of `state_names` of another number of entities.
"""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    TOKEN_SLOTS,
    PolicyInput,
    encode_state,
    pose_to_vector,
    vector_to_pose,
)
from robot_skills.core.se3 import Array, rot6d_to_matrix

Float32 = NDArray[np.float32]

STATE_SIZE = len(STATE_NAMES)
ACTION_SIZE = len(ACTION_NAMES)

TOOL = slice(STATE_NAMES.index("tool.x"), STATE_NAMES.index("tool.r6") + 1)
OPENING = STATE_NAMES.index("tool.opening")
TABLE = STATE_NAMES.index("table.z")
ENTITIES = slice(STATE_NAMES.index("entity0.present"), None)
TOKEN_SIZE = (STATE_SIZE - ENTITIES.start) // TOKEN_SLOTS
# Columns of one entity slot: present, pose (9), sizes (3), value.
PRESENT, ANCHOR, EXTENTS, VALUE = 0, slice(1, 10), slice(10, 13), 13

NEAR_M = (0.01, 0.05)
"""Lengths that matter: positions are also given as tanh(p / near), so that 2 mm stand out close by
while 30 cm still fit the range."""

_AXES = ("x", "y", "z")
_ROT6D = ("r1", "r2", "r3", "r4", "r5", "r6")
_LENGTH_FLOOR, _UNITLESS_FLOOR = 5e-3, 2e-2


def feature_names(observation_steps: int, slots: int = TOKEN_SLOTS) -> tuple[str, ...]:
    """Names of the network's inputs, in order."""
    ages = range(observation_steps - 1, 0, -1)
    names = [f"tool[-{age}].{name}" for age in ages for name in (*_AXES, *_ROT6D)]
    names += [f"opening[-{age}]" for age in range(observation_steps - 1, -1, -1)]
    names += _scaled_names(["table.z"])
    names += [f"gravity.{axis}" for axis in _AXES]
    for slot in range(slots):
        names.append(f"entity{slot}.present")
        names += _scaled_names([f"entity{slot}.{axis}" for axis in _AXES])
        names += [f"entity{slot}.{name}" for name in _ROT6D]
        names += [f"entity{slot}.size_{axis}" for axis in _AXES]
        names.append(f"entity{slot}.value")
    return tuple(names)


def feature_floor(observation_steps: int, slots: int = TOKEN_SLOTS) -> Float32:
    """Smallest standard deviation to divide each feature by, (F,).

    A feature that hardly varies in the data (the size of the only object) must not blow up small
    differences when the policy meets another one.
    """
    lengths = (".x", ".y", ".z", ".size_x", ".size_y", ".size_z", ".value")
    return np.array(
        [
            _LENGTH_FLOOR if name.endswith(lengths) and "gravity" not in name else _UNITLESS_FLOOR
            for name in feature_names(observation_steps, slots)
        ],
        dtype=np.float32,
    )


def action_floor(horizon: int) -> Float32:
    """Smallest standard deviation to divide each action number by, (H, A)."""
    return np.tile(np.array([0.002] * 3 + [0.02] * 6 + [0.05], dtype=np.float32), (horizon, 1))


def observation_features(states: Float32) -> Float32:
    """Network inputs, (N, F), of histories of recorded states, (N, n, S)."""
    now = states[:, -1]
    R_base_tool = rot6d_to_matrix(now[:, TOOL][:, 3:]).astype(np.float32)
    p_base_tool = now[:, TOOL][:, :3]
    parts = [
        _relative_poses(states[:, :-1, TOOL], R_base_tool, p_base_tool).reshape(len(states), -1),
        states[:, :, OPENING],
        _scaled(now[:, TABLE, None] - p_base_tool[:, 2:]),
        -R_base_tool[:, 2, :],
    ]
    tokens = now[:, ENTITIES].reshape(len(states), -1, TOKEN_SIZE)
    anchors = _relative_poses(tokens[:, :, ANCHOR], R_base_tool, p_base_tool)
    entity = np.concatenate(
        [
            tokens[:, :, :1],
            _scaled(anchors[:, :, :3]),
            anchors[:, :, 3:],
            tokens[:, :, EXTENTS],
            tokens[:, :, VALUE, None],
        ],
        axis=-1,
    )
    entity *= tokens[:, :, PRESENT, None]
    parts.append(entity.reshape(len(states), -1))
    return np.concatenate(parts, axis=-1)


def action_targets(states: Float32, actions: Float32) -> Float32:
    """Chunks relative to the newest tool pose, (N, H, A), of recorded actions (N, H, A)."""
    now = states[:, -1, TOOL]
    R_base_tool = rot6d_to_matrix(now[:, 3:]).astype(np.float32)
    poses = _relative_poses(actions[:, :, :9], R_base_tool, now[:, :3])
    return np.concatenate([poses, actions[:, :, 9:]], axis=-1)


def absolute_actions(states: Float32, chunks: Float32) -> Float32:
    """Recorded actions (N, H, A) of chunks relative to the newest tool pose; the way back."""
    now = states[:, -1, TOOL]
    R_base_tool = rot6d_to_matrix(now[:, 3:]).astype(np.float32)
    n, h = chunks.shape[:2]
    rows = chunks[:, :, :9].reshape(n, 3 * h, 3) @ np.swapaxes(R_base_tool, -1, -2)
    rows = rows.reshape(n, h, 3, 3)
    rows[:, :, 0] += now[:, None, :3]
    opening = np.clip(chunks[:, :, 9:], 0.0, 1.0)
    return np.concatenate([rows.reshape(n, h, 9), opening], axis=-1)


def input_states(inputs: PolicyInput) -> Float32:
    """One live input as a history of recorded states, (1, n, S)."""
    states = np.repeat(encode_state(inputs)[None], len(inputs.opening), axis=0)
    states[:, TOOL] = pose_to_vector(inputs.T_base_tool)
    states[:, OPENING] = inputs.opening
    return states[None]


def chunk_poses(T_base_tool: Array, chunk: Float32) -> tuple[Array, Array]:
    """Poses in the base frame (H, 4, 4) and openings (H,) in [0, 1] of one relative chunk (H, A).

    Args:
        T_base_tool: The tool pose that the chunk is relative to, (4, 4).
        chunk: Network output in metres, rotation columns and opening.
    """
    precise = chunk.astype(np.float64)
    return T_base_tool @ vector_to_pose(precise[:, :9]), np.clip(precise[:, 9], 0.0, 1.0)


def _relative_poses(poses: Float32, R_base_tool: Float32, p_base_tool: Float32) -> Float32:
    """Pose vectors (N, m, 9) in the base frame, expressed in the tool frame."""
    n, m = poses.shape[:2]
    rows = poses.reshape(n, m, 3, 3).copy()
    rows[:, :, 0] -= p_base_tool[:, None]
    # A row vector times R is R^T times the vector.
    return (rows.reshape(n, 3 * m, 3) @ R_base_tool).reshape(n, m, 9)


def _scaled(lengths: Float32) -> Float32:
    return np.concatenate([lengths, *(np.tanh(lengths / near) for near in NEAR_M)], axis=-1)


def _scaled_names(names: list[str]) -> list[str]:
    return names + [f"{name}/{near}" for near in NEAR_M for name in names]
