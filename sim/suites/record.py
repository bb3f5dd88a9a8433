"""Collects one demonstration of a suite's task, step by step."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from sim.dataset import Demonstration, Optics
from sim.suites.suite import IMAGE, STATE, Sensed

_DEPTH = "_depth"


class CameraLog:
    """Names what cameras took as datasets do, and keeps what is known of the cameras.

    Attributes:
        optics: Of every camera so far; without a pose for those that moved.
    """

    def __init__(self) -> None:
        self.optics: dict[str, Optics] = {}

    def named(
        self,
        camera: str,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        K: Array,
        T_base_camera: SE3,
    ) -> dict[str, NDArray]:
        """One camera's part of an observation."""
        seen = Optics(K=K, T_base_camera=T_base_camera.matrix())
        known = self.optics.get(camera)
        self.optics[camera] = seen if known is None else known.agrees(seen)
        return {f"{IMAGE}{camera}": rgb, f"{IMAGE}{camera}{_DEPTH}": depth_m}


class Rows:
    """The steps of one demonstration.

    Args:
        state_names: Layout of the state.
        action_names: Layout of the action.
    """

    def __init__(self, state_names: tuple[str, ...], action_names: tuple[str, ...]) -> None:
        self._names = state_names, action_names
        self._sensed: list[Sensed] = []
        self._action: list[NDArray[np.float32]] = []
        self._valid: list[float] = []
        self._done: list[float] = []
        self._phases: list[str] = []

    def add(
        self, sensed: Sensed, action: NDArray[np.float32], *, valid: bool, done: bool, phase: str
    ) -> None:
        """Add one step.

        Args:
            sensed: What was seen.
            action: What was done about it.
            valid: Whether that is to be imitated.
            done: Whether the work is finished.
            phase: What the expert is doing, in words.
        """
        self._sensed.append(sensed)
        self._action.append(action)
        self._valid.append(float(valid))
        self._done.append(float(done))
        self._phases.append(phase)

    def demonstration(self, task: str, optics: Mapping[str, Optics] | None = None) -> Demonstration:
        """All steps, with the instruction and what is known of the cameras."""
        pictures = [key for key in self._sensed[0] if key.startswith(IMAGE)]
        stacked = {key: np.stack([row[key] for row in self._sensed]) for key in pictures}
        return Demonstration(
            task=task,
            state=np.stack([row[STATE] for row in self._sensed]),
            action=np.stack(self._action),
            label_valid=np.array(self._valid, dtype=np.float32),
            done=np.array(self._done, dtype=np.float32),
            phases=tuple(self._phases),
            rgb={k.removeprefix(IMAGE): v for k, v in stacked.items() if not k.endswith(_DEPTH)},
            depth_m={
                k.removeprefix(IMAGE).removesuffix(_DEPTH): v
                for k, v in stacked.items()
                if k.endswith(_DEPTH)
            },
            optics=dict(optics or {}),
            state_names=self._names[0],
            action_names=self._names[1],
        )
