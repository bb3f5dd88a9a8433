"""Two faces of one policy: a task's, in recorded numbers, and a skill's, in poses and tokens.

The task face speaks in arrays named like the features of a LeRobot dataset, which is what foreign
checkpoints and remote servers understand; the skill face is `core.policy.Policy`. A policy that was
trained on a skill dataset can show either, because such a dataset *is* the skill face written down
(`STATE_NAMES`, `ACTION_NAMES`). numpy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    TOKEN_SLOTS,
    EntityToken,
    Policy,
    PolicyInput,
    PolicyOutput,
    encode_state,
    pose_to_vector,
    vector_to_pose,
)
from robot_skills.core.se3 import SE3

STATE, ACTION = "observation.state", "action"
IMAGES = "observation.images."

Float32 = NDArray[np.float32]
History = Mapping[str, NDArray]
"""The last n observations, oldest first, per feature: numbers (n, S), pictures (n, H, W, 3)."""

_TOOL = slice(0, 9)
_OPENING = STATE_NAMES.index("tool.opening")
_TABLE = STATE_NAMES.index("table.z")
_ENTITIES = STATE_NAMES.index("entity0.present")
_TOKEN_SIZE = (len(STATE_NAMES) - _ENTITIES) // TOKEN_SLOTS


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSizes:
    """What a task-faced policy is given and answers.

    Attributes:
        numbers: Size of each vector that is seen, per feature.
        pictures: Height and width of each picture that is seen, per feature.
        action: Numbers in one action.
        language: Whether the instruction matters.
    """

    numbers: Mapping[str, int]
    pictures: Mapping[str, tuple[int, int]]
    action: int
    language: bool = False


class TaskFace(Protocol):
    """A policy in recorded numbers."""

    @property
    def period_s(self) -> float | None:
        """Time between actions and between observations; None where nobody wrote it down."""
        ...

    @property
    def horizon(self) -> int:
        """Actions in a chunk."""
        ...

    @property
    def observation_steps(self) -> int:
        """Length of the history that `infer` wants."""
        ...

    @property
    def sizes(self) -> FeatureSizes:
        """Features that are seen and answered."""
        ...

    def reset(self, seed: int) -> None:
        """Start a new episode: same seed and same inputs give the same outputs, bit for bit."""
        ...

    def infer(self, history: History, instruction: str) -> tuple[Float32, float]:
        """A chunk (H, A) in recorded units, and the probability that the work is done.

        Raises:
            RefusedError: The history is not what this policy was made for.
        """
        ...


class SkillOfTask:
    """Runs a task-faced policy as a skill. Implements `core.policy.Policy`."""

    def __init__(
        self, task: TaskFace, instruction: str = "", period_s: float | None = None
    ) -> None:
        """Wrap `task`.

        Args:
            task: Trained on a skill dataset: state and action in the layout of `core.policy`.
            instruction: What it is told; only policies that know language care.
            period_s: Time between waypoints, for a policy that does not know its own.

        Raises:
            RefusedError: The layouts differ, it needs cameras, or the period is not known.
        """
        _check_skill_sizes(task.sizes)
        period = task.period_s if period_s is None else period_s
        if period is None:
            raise RefusedError(
                "The policy does not say how many steps per second it was trained with; "
                "declare its fps."
            )
        self._task = task
        self._instruction = instruction
        self._period_s = period

    @property
    def period_s(self) -> float:
        return self._period_s

    @property
    def horizon(self) -> int:
        return self._task.horizon

    @property
    def observation_steps(self) -> int:
        return self._task.observation_steps

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._task.reset(seed)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        """One chunk in poses. Raises as the task's `infer` does."""
        chunk, done = self._task.infer({STATE: input_history(inputs)}, self._instruction)
        precise = chunk.astype(np.float64)
        return PolicyOutput(
            T_base_tool=vector_to_pose(precise[:, _TOOL]),
            opening=np.clip(precise[:, 9], 0.0, 1.0),
            done=done,
        )


class TaskOfSkill:
    """Shows the task face of a skill's policy. Implements `TaskFace`."""

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

    @property
    def sizes(self) -> FeatureSizes:
        return FeatureSizes(
            numbers={STATE: len(STATE_NAMES)}, pictures={}, action=len(ACTION_NAMES)
        )

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)

    def infer(self, history: History, instruction: str) -> tuple[Float32, float]:
        """A chunk (H, A) and the probability of being done; the instruction is not looked at.

        Raises:
            RefusedError: The state is missing or has another size.
        """
        checked = check_history(history, self.sizes, self.observation_steps)
        output = self._policy.infer(history_input(checked[STATE]))
        poses = pose_to_vector(output.T_base_tool)
        chunk = np.concatenate([poses, output.opening[:, None]], axis=-1)
        return chunk.astype(np.float32), output.done


def check_history(history: History, sizes: FeatureSizes, steps: int) -> dict[str, NDArray]:
    """The features that a policy wants, nothing else, with their shapes and values checked.

    Args:
        history: What there is; more features than wanted may be in it.
        sizes: What is wanted.
        steps: Wanted length.

    Raises:
        RefusedError: A feature is missing, has another shape or type, or is not finite.
    """
    wanted: dict[str, tuple[int, ...]] = {key: (n,) for key, n in sizes.numbers.items()}
    wanted |= {key: (*px, 3) for key, px in sizes.pictures.items()}
    missing = sorted(set(wanted) - set(history))
    if missing:
        raise RefusedError(
            f"The policy sees {', '.join(missing)}, which is not observed. "
            f"Observed: {', '.join(sorted(history)) or 'nothing'}."
        )
    checked = {}
    for key, shape in wanted.items():
        array = np.asarray(history[key])
        if array.shape != (steps, *shape):
            raise RefusedError(
                f"{key} has shape {array.shape}; the policy wants {(steps, *shape)}."
            )
        picture = key in sizes.pictures
        if picture and array.dtype != np.uint8:
            raise RefusedError(f"{key} is {array.dtype}; pictures are uint8.")
        if not picture:
            array = _finite(key, array)
        checked[key] = array
    return checked


def _finite(key: str, array: NDArray) -> Float32:
    if array.dtype.kind not in "fiu":
        raise RefusedError(f"{key} is {array.dtype}; numbers are wanted.")
    numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise RefusedError(f"{key} holds values that are not finite.")
    return numbers


def input_history(inputs: PolicyInput) -> Float32:
    """Recorded states (n, len(STATE_NAMES)) of a live input; tokens are those of now."""
    states = np.repeat(encode_state(inputs)[None], len(inputs.opening), axis=0)
    states[:, _TOOL] = pose_to_vector(inputs.T_base_tool)
    states[:, _OPENING] = inputs.opening
    return states


def history_input(states: Float32) -> PolicyInput:
    """A live input from recorded states (n, len(STATE_NAMES)); undoes `input_history`.

    Rotations are made orthonormal on the way, so the two agree to rounding only.
    """
    now = states[-1].astype(np.float64)
    slots = now[_ENTITIES:].reshape(TOKEN_SLOTS, _TOKEN_SIZE)
    tokens = tuple(
        EntityToken(
            T_base_anchor=SE3.from_matrix(vector_to_pose(slot[1:10])),
            extents_m=slot[10:13],
            value=float(slot[13]),
        )
        for slot in slots
        if slot[0] >= 0.5
    )
    return PolicyInput(
        T_base_tool=vector_to_pose(states[:, _TOOL].astype(np.float64)),
        opening=states[:, _OPENING].astype(np.float64),
        tokens=tokens,
        table_height_m=float(now[_TABLE]),
    )


def _check_skill_sizes(sizes: FeatureSizes) -> None:
    odd = sorted(set(sizes.numbers) - {STATE}) + sorted(sizes.pictures)
    if odd or STATE not in sizes.numbers:
        raise RefusedError(
            f"A skill sees {STATE} only; this policy sees "
            f"{', '.join([*sizes.numbers, *sizes.pictures]) or 'nothing'}."
        )
    found = (sizes.numbers[STATE], sizes.action)
    wanted = (len(STATE_NAMES), len(ACTION_NAMES))
    if found != wanted:
        raise RefusedError(
            f"The policy has {found[0]} numbers of state and {found[1]} of action; a skill has "
            f"{wanted[0]} and {wanted[1]}."
        )
