"""One demonstration in memory and in a file of its own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Optics:
    """How a recorded camera maps points to pixels.

    Attributes:
        K: Intrinsics of the recorded pictures [px], (3, 3).
        T_base_camera: Its pose, (4, 4); None where it moves.
    """

    K: NDArray[np.float64]
    T_base_camera: NDArray[np.float64] | None

    def agrees(self, other: "Optics") -> "Optics":
        """What two moments have in common.

        Raises:
            DatasetError: The intrinsics differ.
        """
        if not np.allclose(self.K, other.K):
            raise DatasetError("Demonstrations were recorded with different lenses.")
        poses = self.T_base_camera, other.T_base_camera
        if poses[0] is None or poses[1] is None or not np.allclose(poses[0], poses[1], atol=1e-6):
            return Optics(K=self.K, T_base_camera=None)
        return self


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Demonstration:
    """One successful demonstration, T control ticks long.

    Attributes:
        task: The instruction in words.
        state: `encode_state` per tick, (T, len(STATE_NAMES)) float32.
        action: `encode_action` per tick, (T, len(ACTION_NAMES)) float32.
        label_valid: 0 where the action must not be imitated, (T,) float32.
        done: 1 from the tick on at which the work is finished, (T,) float32.
        phases: What the expert was doing per tick, T words.
        rgb: Pictures per camera, (T, H, W, 3) uint8; empty when cameras were not asked for.
        depth_m: Depth per camera, (T, H, W) float32.
        state_names: Layout of `state`.
        action_names: Layout of `action`.
        optics: Of the cameras, where they are known.
    """

    task: str
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    label_valid: NDArray[np.float32]
    done: NDArray[np.float32]
    phases: tuple[str, ...]
    rgb: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    depth_m: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    state_names: tuple[str, ...] = STATE_NAMES
    action_names: tuple[str, ...] = ACTION_NAMES
    optics: Mapping[str, Optics] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write to an npz of plain arrays, atomically."""
        arrays: dict[str, NDArray] = {
            "task": np.array(self.task),
            "state": self.state,
            "action": self.action,
            "label_valid": self.label_valid,
            "done": self.done,
            "phases": np.array(self.phases),
            "state_names": np.array(self.state_names),
            "action_names": np.array(self.action_names),
        }
        arrays |= {f"rgb.{name}": pictures for name, pictures in self.rgb.items()}
        arrays |= {f"depth.{name}": depth for name, depth in self.depth_m.items()}
        for name, optics in self.optics.items():
            arrays[f"K.{name}"] = optics.K
            if optics.T_base_camera is not None:
                arrays[f"T_base_camera.{name}"] = optics.T_base_camera
        partial = path.with_suffix(".tmp")
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Demonstration":
        with np.load(path, allow_pickle=False) as arrays:
            named = {name: arrays[name] for name in arrays.files}
        return cls(
            task=str(named["task"]),
            state=named["state"],
            action=named["action"],
            label_valid=named["label_valid"],
            done=named["done"],
            phases=tuple(str(phase) for phase in named["phases"]),
            rgb={k[4:]: v for k, v in named.items() if k.startswith("rgb.")},
            depth_m={k[6:]: v for k, v in named.items() if k.startswith("depth.")},
            state_names=tuple(str(name) for name in named["state_names"]),
            action_names=tuple(str(name) for name in named["action_names"]),
            optics={
                k[2:]: Optics(K=v, T_base_camera=named.get(f"T_base_camera.{k[2:]}"))
                for k, v in named.items()
                if k.startswith("K.")
            },
        )
