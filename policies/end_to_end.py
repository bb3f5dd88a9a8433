"""Task-faced policies that see the cameras and are told words, as skills: VLAs end to end.

What was trained on a skill dataset sees the tokens of its call (`policies.faces`). A policy that
was trained on somebody's whole tasks sees pictures, the tool and the words instead; which numbers
mean what is nowhere in its checkpoint, so `EndToEndNotes` say it. numpy only.
"""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from policies.faces import STATE, DescribedTask, TaskWrapper
from policies.json_config import JsonConfig, require
from policies.resize import resize_colours
from policies.task_policy import History
from robot_skills.core.errors import PerceptionError, RefusedError
from robot_skills.core.policy import (
    ACTION_NAMES,
    Policy,
    PolicyInput,
    PolicyOutput,
    pose_to_vector,
    vector_to_pose,
)
from robot_skills.core.se3 import Array, so3_exp, so3_log

_TURN = slice(3, 6)


class ToolNumbers(Enum):
    """How a tool's pose and opening are written as numbers."""

    POSE = "pose"
    """Position [m], first two columns of the rotation, opening: ten, as recorded here."""
    ROTVEC = "rotvec"
    """Position [m], rotation vector [rad], opening: seven."""
    STEPS = "steps"
    """Of actions only: how far the tool moves [m] and turns [rad, base frame] in a period, and the
    opening: seven, as robosuite and LIBERO have it."""

    @property
    def count(self) -> int:
        """How many numbers."""
        return len(ACTION_NAMES) if self is ToolNumbers.POSE else 7


@dataclass(frozen=True, kw_only=True, slots=True)
class EndToEndNotes(JsonConfig):
    """What the numbers and pictures of an end-to-end policy mean here."""

    cameras: dict = field(default_factory=dict)
    """Camera of the cell for every picture: {"observation.images.top": "front"}."""
    state: ToolNumbers = ToolNumbers.POSE
    """What `observation.state` is."""
    action: ToolNumbers = ToolNumbers.POSE
    """What an action is."""
    step_m: float = 1.0
    """Way of an action of 1, for steps."""
    step_rad: float = 1.0
    """Turn of an action of 1, for steps."""
    opening: list[float] = field(default_factory=lambda: [0.0, 1.0])
    """Numbers that stand for a closed and an open gripper, in actions."""
    without: str = ""
    """Words at the beginning of a call that are not told: "do " of "do fold the towel"."""

    def __post_init__(self) -> None:
        require(
            all(isinstance(name, str) for pair in self.cameras.items() for name in pair),
            "cameras are names of cameras by names of pictures.",
        )
        require(self.state is not ToolNumbers.STEPS, "A state is a pose, not steps.")
        require(min(self.step_m, self.step_rad) > 0.0, "step_m and step_rad must be above 0.")
        distinct = len(self.opening) == 2 and self.opening[0] != self.opening[1]
        require(distinct, f"opening is {self.opening}, wanted two different numbers.")


class EndToEndSkill(TaskWrapper):
    """Runs a task-faced policy that looks and is told. Implements `core.policy.SeeingPolicy`.

    Its chunks leave as timed tool poses like those of any skill: the envelope, the stitching and
    the safety gate know no difference.

    Args:
        task: Sees pictures, the tool and words.
        notes: What its numbers mean.
        instruction: What it is told; the words of the call when empty.
        ending: A skill's policy that is asked for `done` instead.

    Raises:
        RefusedError: It sees something that is not noted, or its period is not known.
    """

    def __init__(
        self,
        task: DescribedTask,
        notes: EndToEndNotes,
        instruction: str = "",
        ending: Policy | None = None,
    ) -> None:
        _check_sizes(task, notes)
        super().__init__(task, instruction, ending)
        self._notes = notes

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose newest frames it wants."""
        return tuple(dict.fromkeys(self._notes.cameras[key] for key in self._task.sizes.pictures))

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        """One chunk in poses.

        Raises:
            PerceptionError: A camera that it looks through shows nothing.
            RefusedError: As the task's `infer` does.
        """
        told = self._instruction or inputs.instruction.removeprefix(self._notes.without)
        chunk = self._task.infer(self._history(inputs), told)
        actions = chunk.actions.astype(np.float64)
        return PolicyOutput(
            T_base_tool=self._poses(actions, inputs.T_base_tool[-1]),
            opening=self._opening(actions[:, -1]),
            done=self._done(inputs, chunk),
        )

    def _history(self, inputs: PolicyInput) -> History:
        steps, sizes = self._task.observation_steps, self._task.sizes
        history = {}
        if STATE in sizes.numbers:
            poses, openings = inputs.T_base_tool[-steps:], inputs.opening[-steps:]
            history[STATE] = _written(poses, openings, self._notes.state)
        for key, size in sizes.pictures.items():
            camera = self._notes.cameras[key]
            frame = inputs.frames.get(camera)
            if frame is None:
                raise PerceptionError(f"The policy looks through {camera!r}, which shows nothing.")
            height, width = size or frame.rgb.shape[:2]
            history[key] = resize_colours(frame.rgb, height, width)[None]
        return history

    def _poses(self, actions: Array, T_base_tool: Array) -> Array:
        """Tool poses (H, 4, 4) of actions (H, A), from a pose on."""
        match self._notes.action:
            case ToolNumbers.POSE:
                return vector_to_pose(actions[:, :9])
            case ToolNumbers.ROTVEC:
                return _posed(actions[:, :3], so3_exp(actions[:, _TURN]))
            case ToolNumbers.STEPS:
                p = T_base_tool[:3, 3] + np.cumsum(self._notes.step_m * actions[:, :3], axis=0)
                rotations, R = [], T_base_tool[:3, :3]
                for turn in self._notes.step_rad * actions[:, _TURN]:
                    R = so3_exp(turn) @ R
                    rotations.append(R)
                return _posed(p, np.stack(rotations))

    def _opening(self, numbers: Array) -> Array:
        closed, opened = self._notes.opening
        return np.clip((numbers - closed) / (opened - closed), 0.0, 1.0)


def _written(T_base_tool: Array, opening: Array, layout: ToolNumbers) -> np.ndarray:
    """Poses (n, 4, 4) and openings (n,) as numbers, (n, layout.count)."""
    if layout is ToolNumbers.POSE:
        pose = pose_to_vector(T_base_tool)
    else:
        turns = so3_log(T_base_tool[:, :3, :3])
        pose = np.concatenate([T_base_tool[:, :3, 3], turns], axis=1)
    return np.concatenate([pose, opening[:, None]], axis=1).astype(np.float32)


def _posed(p: Array, R: Array) -> Array:
    """Poses (n, 4, 4) of positions (n, 3) and rotations (n, 3, 3)."""
    poses = np.tile(np.eye(4), (len(p), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = R, p
    return poses


def _check_sizes(task: DescribedTask, notes: EndToEndNotes) -> None:
    """Raises `RefusedError` where the policy sees or answers what nobody can give or take."""
    sizes = task.sizes
    odd = [key for key in (*sizes.numbers, *sizes.depths) if key != STATE]
    odd += [key for key in sizes.pictures if key not in notes.cameras]
    if odd:
        raise RefusedError(
            f"The policy sees {', '.join(sorted(odd))}. End to end it can see {STATE}, the tool, "
            "and colour pictures whose cameras are noted under end_to_end.cameras; noted are "
            f"{', '.join(notes.cameras) or 'none'}."
        )
    if sizes.pictures and task.observation_steps > 1:
        raise RefusedError(
            f"The policy sees the last {task.observation_steps} pictures; a skill shows the newest."
        )
    state = sizes.numbers.get(STATE, notes.state.count)
    for what, found, layout in (
        ("sees a state", state, notes.state),
        ("answers actions", sizes.action, notes.action),
    ):
        if found != layout.count:
            raise RefusedError(
                f"The policy {what} of {found} numbers, but {layout.value!r} is {layout.count}. "
                "Policies of joint angles are not run as skills: what a skill answers are poses of "
                "the tool."
            )
