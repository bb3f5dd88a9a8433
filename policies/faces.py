"""Two faces of one policy: a task's, in recorded numbers, and a skill's, in poses and tokens.

The task face (`policies.task_policy.TaskFace`) speaks in arrays named like the features of a
LeRobot dataset, which is what foreign checkpoints and remote servers understand; here it also
describes itself. The skill face is `core.policy.Policy`. A policy that was trained on a skill
dataset can show either, because such a dataset *is* the skill face written down (`STATE_NAMES`,
`ACTION_NAMES`). numpy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.contract import Channels, depth_key
from policies.task_policy import History, TaskChunk, TaskPolicy
from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    TOKEN_SLOTS,
    EntityToken,
    Policy,
    PolicyInput,
    PolicyOutput,
    PolicyWrapper,
    encode_state,
    pose_to_vector,
    vector_to_pose,
)
from robot_skills.core.se3 import SE3

STATE = "observation.state"

Float32 = NDArray[np.float32]
Pixels = tuple[int, int] | None
"""Height and width of a picture; None where any will do."""

SURROUNDINGS = "observation.environment_state"
"""Where LeRobot's policies, which insist on more than a robot's state, may see a skill's rest."""

_LEAST_ROTATION = 1e-3
_TOOL = slice(0, 9)
_OPENING = STATE_NAMES.index("tool.opening")
_TABLE = STATE_NAMES.index("table.z")
_ENTITIES = STATE_NAMES.index("entity0.present")
_SKILL_PARTS = {
    (STATE, len(STATE_NAMES)): slice(0, None),
    (STATE, _TABLE): slice(0, _TABLE),
    (SURROUNDINGS, len(STATE_NAMES)): slice(0, None),
    (SURROUNDINGS, len(STATE_NAMES) - _TABLE): slice(_TABLE, None),
}
"""Features and sizes under which a skill can be seen, and which part of its state they are."""
_TOKEN_SIZE = (len(STATE_NAMES) - _ENTITIES) // TOKEN_SLOTS


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSizes:
    """What a task-faced policy is given and answers.

    Attributes:
        numbers: Size of each vector that is seen, per feature.
        pictures: Size of each colour picture that is seen, per feature.
        depths: Size of each depth picture that is seen.
        action: Numbers in one action.
        language: Whether the instruction matters.
    """

    numbers: Mapping[str, int]
    pictures: Mapping[str, Pixels]
    action: int
    depths: Mapping[str, Pixels] = field(default_factory=dict)
    language: bool = False


class DescribedTask(Protocol):
    """A policy in recorded numbers that says what it sees and answers."""

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

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk.

        Raises:
            RefusedError: The history is not what this policy was made for.
        """
        ...


class TaskWrapper:
    """What runs a task-faced policy as a skill's; `infer` is what differs.

    Args:
        task: The policy.
        instruction: What it is told.
        ending: A skill's policy that is asked for `done` instead.

    Raises:
        RefusedError: Its period is not known.
    """

    def __init__(
        self, task: DescribedTask, instruction: str = "", ending: Policy | None = None
    ) -> None:
        if task.period_s is None:
            raise RefusedError(
                "The policy does not say how many steps per second it was trained with; "
                "declare its fps."
            )
        self._task, self._instruction, self._ending = task, instruction, ending
        self._period_s = task.period_s

    @property
    def period_s(self) -> float:
        return self._period_s

    @property
    def horizon(self) -> int:
        return self._task.horizon

    @property
    def observation_steps(self) -> int:
        both = [self._task, self._ending] if self._ending else [self._task]
        return max(policy.observation_steps for policy in both)

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._task.reset(seed)
        if self._ending is not None:
            self._ending.reset(seed)

    def _done(self, inputs: PolicyInput, chunk: TaskChunk) -> float:
        if self._ending is None:
            return chunk.done
        return self._ending.infer(newest(inputs, self._ending.observation_steps)).done


class SkillOfTask(TaskWrapper):
    """Runs a task-faced policy as a skill. Implements `core.policy.Policy`.

    Args:
        task: Trained on a skill dataset: state and action in the layout of `core.policy`. What
            is not the tool may have been moved to `SURROUNDINGS`, or copied there.
        instruction: What it is told; only policies that know language care.
        ending: A skill's policy that is asked for `done` instead.

    Raises:
        RefusedError: The layouts differ, it needs cameras, or its period is not known.
    """

    def __init__(
        self, task: DescribedTask, instruction: str = "", ending: Policy | None = None
    ) -> None:
        self._parts = _skill_parts(task.sizes)
        super().__init__(task, instruction, ending)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        """One chunk in poses. Raises as the task's `infer` does."""
        states = input_history(newest(inputs, self._task.observation_steps))
        history = {key: states[:, part] for key, part in self._parts.items()}
        chunk = self._task.infer(history, self._instruction)
        precise = chunk.actions.astype(np.float64)
        return PolicyOutput(
            T_base_tool=vector_to_pose(precise[:, _TOOL]),
            opening=np.clip(precise[:, 9], 0.0, 1.0),
            done=self._done(inputs, chunk),
        )


class TaskOfSkill(PolicyWrapper):
    """Shows the task face of a skill's policy. Implements `DescribedTask`."""

    @property
    def sizes(self) -> FeatureSizes:
        return FeatureSizes(
            numbers={STATE: len(STATE_NAMES)}, pictures={}, action=len(ACTION_NAMES)
        )

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk; the instruction is not looked at.

        Raises:
            RefusedError: The state is missing or has another size.
        """
        checked = check_history(history, self.sizes, self.observation_steps)
        output = self._policy.infer(history_input(checked[STATE]))
        poses = pose_to_vector(output.T_base_tool)
        chunk = np.concatenate([poses, output.opening[:, None]], axis=-1)
        return TaskChunk(actions=chunk.astype(np.float32), done=output.done)


class DescribedPolicy:
    """One of our policies with its description. Implements `DescribedTask`."""

    def __init__(self, policy: TaskPolicy) -> None:
        self._policy = policy
        self._sizes = _contract_sizes(policy)

    @property
    def period_s(self) -> float:
        return self._policy.contract.period_s

    @property
    def horizon(self) -> int:
        return self._policy.contract.horizon

    @property
    def observation_steps(self) -> int:
        return self._policy.observation_steps

    @property
    def sizes(self) -> FeatureSizes:
        return self._sizes

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk. Raises `RefusedError` when the history is not what the policy sees."""
        checked = check_history(history, self._sizes, self.observation_steps)
        return self._policy.infer(checked, instruction)


def _contract_sizes(policy: TaskPolicy) -> FeatureSizes:
    contract = policy.contract
    colours = [image.key for image in contract.images if image.channels is not Channels.DEPTH]
    colours += [cloud.key for cloud in contract.clouds if cloud.colour]
    depths = [image.key for image in contract.images if image.channels is not Channels.RGB]
    depths += [cloud.key for cloud in contract.clouds]
    return FeatureSizes(
        numbers={contract.state.key: policy.state_size},
        pictures=dict.fromkeys(colours),
        depths=dict.fromkeys(map(depth_key, depths)),
        action=len(contract.action.names),
        language=contract.language,
    )


def check_history(history: History, sizes: FeatureSizes, steps: int) -> dict[str, NDArray]:
    """The features that a policy wants, nothing else, with their shapes and values checked.

    Args:
        history: What there is; more features than wanted may be in it.
        sizes: What is wanted.
        steps: Wanted length.

    Raises:
        RefusedError: A feature is missing, has another shape or type, or is not finite.
    """
    wanted: dict[str, tuple[int | None, ...]] = {key: (n,) for key, n in sizes.numbers.items()}
    wanted |= {key: (*(px or (None, None)), 3) for key, px in sizes.pictures.items()}
    wanted |= {key: px or (None, None) for key, px in sizes.depths.items()}
    missing = sorted(set(wanted) - set(history))
    if missing:
        raise RefusedError(
            f"The policy sees {', '.join(missing)}, which is not observed. "
            f"Observed: {', '.join(sorted(history)) or 'nothing'}."
        )
    checked = {}
    for key, shape in wanted.items():
        array = np.asarray(history[key])
        if not _fits(array.shape, (steps, *shape)):
            words = ", ".join("any" if size is None else str(size) for size in (steps, *shape))
            raise RefusedError(f"{key} has shape {array.shape}; the policy wants ({words}).")
        if key not in sizes.pictures:
            array = _finite(key, array)
        elif array.dtype != np.uint8:
            raise RefusedError(f"{key} is {array.dtype}; pictures are uint8.")
        checked[key] = array
    return checked


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size == want if want is not None else size > 0
        for size, want in zip(shape, wanted, strict=True)
    )


def _finite(key: str, array: NDArray) -> Float32:
    if array.dtype.kind not in "fiu":
        raise RefusedError(f"{key} is {array.dtype}; numbers are wanted.")
    numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise RefusedError(f"{key} holds values that are not finite.")
    return numbers


def newest(inputs: PolicyInput, steps: int) -> PolicyInput:
    """The same input with the last `steps` of its history."""
    return replace(inputs, T_base_tool=inputs.T_base_tool[-steps:], opening=inputs.opening[-steps:])


def input_history(inputs: PolicyInput) -> Float32:
    """Recorded states (n, len(STATE_NAMES)) of a live input; tokens are those of now."""
    states = np.repeat(encode_state(inputs)[None], len(inputs.opening), axis=0)
    states[:, _TOOL] = pose_to_vector(inputs.T_base_tool)
    states[:, _OPENING] = inputs.opening
    return states


def history_input(states: Float32) -> PolicyInput:
    """A live input from recorded states (n, len(STATE_NAMES)); undoes `input_history`.

    Rotations are made orthonormal on the way, so the two agree to rounding only.

    Raises:
        RefusedError: A rotation is none.
    """
    now = states[-1].astype(np.float64)
    slots = now[_ENTITIES:].reshape(TOKEN_SLOTS, _TOKEN_SIZE)
    tokens = tuple(
        EntityToken(
            T_base_anchor=SE3.from_matrix(_poses(slot[1:10])),
            extents_m=slot[10:13],
            value=float(slot[13]),
        )
        for slot in slots
        if slot[0] >= 0.5
    )
    return PolicyInput(
        T_base_tool=_poses(states[:, _TOOL].astype(np.float64)),
        opening=states[:, _OPENING].astype(np.float64),
        tokens=tokens,
        table_height_m=float(now[_TABLE]),
    )


def _poses(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Poses (..., 4, 4) of vectors (..., 9) that a stranger may have sent."""
    across = np.cross(vectors[..., 3:6], vectors[..., 6:9])
    if not (np.linalg.norm(across, axis=-1) > _LEAST_ROTATION).all():
        raise RefusedError(f"{STATE} holds a pose whose rotation is none (r1 to r6).")
    return vector_to_pose(vectors)


def _skill_parts(sizes: FeatureSizes) -> dict[str, slice]:
    """Which columns of the recorded state each feature is. Raises `RefusedError`."""
    seen = {**sizes.numbers, **dict.fromkeys((*sizes.pictures, *sizes.depths))}
    parts = {key: _SKILL_PARTS.get((key, size or 0)) for key, size in seen.items()}
    covered = {i for part in parts.values() if part for i in range(len(STATE_NAMES))[part]}
    if None in parts.values() or len(covered) < len(STATE_NAMES):
        listed = ", ".join(f"{key} ({size or 'picture'})" for key, size in seen.items())
        raise RefusedError(
            f"A skill sees {STATE} ({len(STATE_NAMES)}), or that in two parts, {STATE} ({_TABLE}) "
            f"and {SURROUNDINGS} ({len(STATE_NAMES) - _TABLE}); this policy sees {listed}."
        )
    if sizes.action != len(ACTION_NAMES):
        raise RefusedError(
            f"A skill answers {len(ACTION_NAMES)} numbers, this policy {sizes.action}."
        )
    return {key: part for key, part in parts.items() if part is not None}
