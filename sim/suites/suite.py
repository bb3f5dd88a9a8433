"""What an external suite's task offers: a start, steps, a verdict, and its own demonstrations.

A task speaks in arrays named like the features of a LeRobot dataset, so that what was recorded and
what a policy meets at run time cannot differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.dataset import Demonstration

STATE, ACTION = "observation.state", "action"
IMAGE = "observation.images."
"""Prefix of pictures, (H, W, 3) uint8; the same name with `_depth` is depth [m], (H, W)."""

Sensed = Mapping[str, NDArray]
"""One observation: `STATE` (S,) float32, and pictures and depth of the cameras asked for."""


class SuiteTask(Protocol):
    """One task, steppable. Same seed and same actions give the same episode, bit for bit."""

    @property
    def instruction(self) -> str:
        """What is to be done, in words; may change with `reset`."""
        ...

    @property
    def max_steps(self) -> int:
        """Steps after which an episode has failed."""
        ...

    def reset(self, seed: int) -> Sensed:
        """Start episode `seed`."""
        ...

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Carry out one action, (A,), for one period."""
        ...

    def succeeded(self) -> bool:
        """Whether the task is done, as the suite itself judges it."""
        ...

    def frame(self) -> NDArray[np.uint8]:
        """A picture for people, (H, W, 3)."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """Which pictures to take.

    Attributes:
        cameras: Names of cameras; none for state only.
        camera_px: Picture size (width, height).
    """

    cameras: tuple[str, ...] = ()
    camera_px: tuple[int, int] = (96, 96)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec:
    """A task by name; nothing is loaded until it is opened.

    Attributes:
        name: ``suite:task``.
        robot: Name of the arm.
        fps: Steps per second.
        state_names: Layout of `STATE`.
        action_names: Layout of `ACTION`.
        cameras: Cameras that can be asked for.
        open: Make the task steppable.
        demonstrate: The demonstration of one seed; raises `sim.demonstrate.AttemptFailed` where the
            expert did not succeed.
    """

    name: str
    robot: str
    fps: int
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    cameras: tuple[str, ...]
    open: Callable[[Recording], SuiteTask]
    demonstrate: Callable[[tuple[int, int], Recording], Demonstration]
