"""Noise on training inputs: what perception and tracking will get wrong."""

import math

import numpy as np

from policies.config import NoiseConfig
from policies.features import (
    ANCHOR,
    ENTITIES,
    EXTENTS,
    PRESENT,
    TABLE,
    TOKEN_SIZE,
    TOOL,
    VALUE,
    Float32,
)
from robot_skills.core.se3 import rot6d_to_matrix, so3_exp

_SMALLEST_SIZE_M = 1e-3


def perturb(states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> Float32:
    """Noisy copy of histories of recorded states, (N, n, S).

    Noise is drawn once per window: perception looks once, and is then wrong in the same way.
    """
    states = states.copy()
    _move_tool(states, noise, rng)
    _move_entities(states, noise, rng)
    shift = rng.normal(0.0, noise.table_m, (len(states), 1))
    states[:, :, TABLE] += shift.astype(np.float32)
    return states


def perturb_sentences(sentences: Float32, noise: NoiseConfig, rng: np.random.Generator) -> Float32:
    """Embedded sentences (N, E) as other words would have them; zeros, no sentence, stay zeros."""
    if noise.sentence == 0.0:
        return sentences
    length = np.linalg.norm(sentences, axis=1, keepdims=True)
    shift = rng.standard_normal(sentences.shape, dtype=np.float32)
    return sentences + (noise.sentence / math.sqrt(sentences.shape[1])) * length * shift


def _move_tool(states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> None:
    """Shift and turn all tool poses of a window alike, so that its velocity stays."""
    n = len(states)
    shift = rng.normal(0.0, noise.tool_m, (n, 1, 3))
    turn = so3_exp(rng.normal(0.0, noise.tool_rad, (n, 1, 3)))
    R_base_tool = rot6d_to_matrix(states[:, :, TOOL][:, :, 3:]) @ turn
    states[:, :, TOOL.start : TOOL.start + 3] += shift.astype(np.float32)
    states[:, :, TOOL.start + 3 : TOOL.stop] = (
        np.swapaxes(R_base_tool, -1, -2)[:, :, :2].reshape(n, -1, 6).astype(np.float32)
    )


def _move_entities(states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> None:
    n, steps = states.shape[:2]
    tokens = states[:, :, ENTITIES].reshape(n, steps, -1, TOKEN_SIZE)
    slots = tokens.shape[2]
    present = tokens[..., PRESENT, None]

    def drawn(sigma: float, size: int) -> Float32:
        return rng.normal(0.0, sigma, (n, 1, slots, size)).astype(np.float32)

    pose = tokens[..., ANCHOR]
    pose[..., :3] += drawn(noise.anchor_m, 3) * present
    yaw = drawn(noise.anchor_yaw_rad, 1)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    columns = pose[..., 3:].reshape(n, steps, slots, 2, 3)
    x, y = columns[..., 0].copy(), columns[..., 1].copy()
    columns[..., 0] = cosine * x - sine * y
    columns[..., 1] = sine * x + cosine * y
    pose[..., 3:] = columns.reshape(pose[..., 3:].shape)
    sizes = tokens[..., EXTENTS] + drawn(noise.extents_m, 3)
    tokens[..., EXTENTS] = np.maximum(sizes, _SMALLEST_SIZE_M) * present
    tokens[..., VALUE, None] += drawn(noise.value_m, 1) * present
    states[:, :, ENTITIES] = tokens.reshape(n, steps, -1)
