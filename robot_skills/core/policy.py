"""Contract of learned policies, and the layout of the state they see and record.

A policy sees the tool and the entities that its call is about, each as an upright box with a pose
(`EntityToken`). It answers with a chunk of tool poses. Recorded data holds the same things in the
base frame; the policy makes them relative to the tool by itself (UMI, Chi et al., 2024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array, matrix_to_rot6d, rot6d_to_matrix
from robot_skills.core.types import RgbdFrame, _frozen

TOKEN_SLOTS = 2
"""Entities that one call can be about: what is moved, and what it is moved to."""

_POSE_NAMES = ("x", "y", "z", "r1", "r2", "r3", "r4", "r5", "r6")
_TOKEN_NAMES = ("present", *_POSE_NAMES, "size_x", "size_y", "size_z", "value")


def state_names(slots: int) -> tuple[str, ...]:
    """Names of a recorded state vector with room for so many entities, in order."""
    return (
        *(f"tool.{name}" for name in _POSE_NAMES),
        "tool.opening",
        "table.z",
        *(f"entity{slot}.{name}" for slot in range(slots) for name in _TOKEN_NAMES),
    )


def slots_of(names: Sequence[str]) -> int | None:
    """Entities that a layout has room for; None where it is not one of `state_names`."""
    slots = (len(names) - len(state_names(0))) // len(_TOKEN_NAMES)
    return slots if slots > 0 and tuple(names) == state_names(slots) else None


STATE_NAMES = state_names(TOKEN_SLOTS)
"""Names of the state vector that is recorded of a skill, in order."""
ACTION_NAMES: tuple[str, ...] = (*(f"tool.{name}" for name in _POSE_NAMES), "tool.opening")
"""Names of the recorded action vector, in order: the tool pose and opening to be at next."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EntityToken:
    """One entity as a policy sees it.

    Attributes:
        T_base_anchor: The frame that matters for the call: a box centre, a handle, a region.
        extents_m: Sizes of the box, handle or region, (3,).
        value: Joint value [m] of an articulated entity; for a thing in a container the height
            [m] of the walls above its base; else 0.
    """

    T_base_anchor: SE3
    extents_m: Array
    value: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "extents_m", _frozen(self.extents_m, (3,), "extents_m"))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PolicyInput:
    """What a policy is given, in the base frame.

    Attributes:
        T_base_tool: The last n tool poses at the policy's period, oldest first, (n, 4, 4).
        opening: Gripper openings at the same times, (n,).
        tokens: Entities of the call, at most `TOKEN_SLOTS`.
        table_height_m: Height of the table in the base frame.
        frames: Newest frame of each camera that the policy asks for (`SeeingPolicy`).
        instruction: What is to be done, in words; few policies care.
    """

    T_base_tool: Array
    opening: Array
    tokens: tuple[EntityToken, ...]
    table_height_m: float
    frames: Mapping[str, RgbdFrame] = field(default_factory=dict)
    instruction: str = ""

    def __post_init__(self) -> None:
        poses = _frozen(self.T_base_tool, (None, 4, 4), "T_base_tool")
        object.__setattr__(self, "T_base_tool", poses)
        object.__setattr__(self, "opening", _frozen(self.opening, (len(poses),), "opening"))
        if len(self.tokens) > TOKEN_SLOTS:
            raise ValueError(f"A call has at most {TOKEN_SLOTS} entities, got {len(self.tokens)}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PolicyOutput:
    """What a policy answers.

    Attributes:
        T_base_tool: Tool poses at 1, 2, ... H periods after the newest input, (H, 4, 4).
        opening: Gripper openings at the same times, (H,), in [0, 1].
        done: Probability that the skill has finished its work at the newest input.
    """

    T_base_tool: Array
    opening: Array
    done: float


class Policy(Protocol):
    """A learned (or scripted) map from what is seen to what to do next."""

    @property
    def period_s(self) -> float:
        """Time between waypoints and between observations of the history."""
        ...

    @property
    def horizon(self) -> int:
        """Waypoints per chunk."""
        ...

    @property
    def observation_steps(self) -> int:
        """Length of the history that `infer` wants."""
        ...

    def reset(self, seed: int) -> None:
        """Start a new episode: same seed and same inputs give the same outputs, bit for bit."""
        ...

    def infer(self, inputs: PolicyInput) -> PolicyOutput: ...


class PolicyWrapper:
    """What stands before another policy, and keeps its times; `infer` is what differs.

    Args:
        policy: The other policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def period_s(self) -> float:
        return self._policy.period_s

    @property
    def horizon(self) -> int:
        return self._policy.horizon

    @property
    def observation_steps(self) -> int:
        return self._policy.observation_steps

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)


@runtime_checkable
class SeeingPolicy(Policy, Protocol):
    """A policy that looks through cameras by itself."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose newest frames `infer` wants; it may be none."""
        ...


@runtime_checkable
class TrainedPolicy(Policy, Protocol):
    """A policy that knows which entities its demonstrations showed."""

    @property
    def entity_counts(self) -> tuple[int, int] | None:
        """Least and greatest number of entities at a time; None where nobody took note."""
        ...

    @property
    def anchors(self) -> frozenset[tuple[str, ...]]:
        """Which frames of them, for each kind of call; empty where nobody took note."""
        ...


class SuccessPredictor(Protocol):
    """Tells, while a skill runs, how likely it is to succeed."""

    def reset(self) -> None:
        """Start a new attempt: forget what was seen."""
        ...

    def probability(self, inputs: PolicyInput) -> float:
        """Probability of success, given all inputs since `reset`; to be asked at every period."""
        ...


class TextEncoder(Protocol):
    """Sentence embeddings."""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit-length embeddings, (len(texts), d); cosine similarity is a dot product."""
        ...


def pose_to_vector(T: Array) -> Array:
    """Position and first two rotation columns, (..., 9), of poses (..., 4, 4)."""
    T = np.asarray(T, dtype=np.float64)
    return np.concatenate([T[..., :3, 3], matrix_to_rot6d(T[..., :3, :3])], axis=-1)


def vector_to_pose(vector: Array) -> Array:
    """Poses (..., 4, 4) of vectors (..., 9); the rotation is made orthonormal."""
    vector = np.asarray(vector, dtype=np.float64)
    T = np.zeros((*vector.shape[:-1], 4, 4))
    T[..., :3, :3] = rot6d_to_matrix(vector[..., 3:9])
    T[..., :3, 3] = vector[..., :3]
    T[..., 3, 3] = 1.0
    return T


def encode_state(inputs: PolicyInput) -> NDArray[np.float32]:
    """The newest state as recorded, (len(STATE_NAMES),), in the order of `STATE_NAMES`."""
    tokens = [*inputs.tokens, *[None] * (TOKEN_SLOTS - len(inputs.tokens))]
    return encode_tokens(inputs.T_base_tool[-1], inputs.opening[-1], inputs.table_height_m, tokens)


def encode_tokens(
    T_base_tool: Array, opening: float, table_height_m: float, tokens: Sequence[EntityToken | None]
) -> NDArray[np.float32]:
    """One state as recorded, in the order of `state_names` of as many slots as there are tokens.

    Args:
        T_base_tool: Tool pose, (4, 4).
        opening: Of the gripper.
        table_height_m: In the base frame.
        tokens: What is in each slot; None for nothing.
    """
    parts = [pose_to_vector(T_base_tool), np.array([opening, table_height_m])]
    for token in tokens:
        if token is None:
            parts.append(np.zeros(len(_TOKEN_NAMES)))
        else:
            pose = pose_to_vector(token.T_base_anchor.matrix())
            parts.append(np.concatenate([[1.0], pose, token.extents_m, [token.value]]))
    return np.concatenate(parts).astype(np.float32)


def encode_action(T_base_tool: SE3, opening: float) -> NDArray[np.float32]:
    """One action as recorded, (len(ACTION_NAMES),), in the order of `ACTION_NAMES`."""
    pose = pose_to_vector(T_base_tool.matrix())
    return np.concatenate([pose, [opening]]).astype(np.float32)
