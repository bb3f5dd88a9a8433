"""Demonstrations as a LeRobot v3 dataset, written through LeRobot's own API.

Columns: ``observation.state`` and ``action`` in the order of `core.policy.STATE_NAMES` and
`ACTION_NAMES`, ``label_valid`` (0 where the action was a deliberate disturbance and must not be
imitated), ``done`` (1 once the skill's work is finished), ``next.success``; the instruction is the
task, and what the expert was doing is the subtask in LeRobot's language columns. Cameras are video,
depth is ``(H, W, 1)`` in metres with ``is_depth_map``.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES

CAMERAS_FILE = "cameras.json"
"""In ``meta/``: intrinsics ``K`` of each recorded camera [px], row by row, and ``T_base_camera``,
null where the camera moves."""


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
        """What two demonstrations have in common.

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


def write_lerobot(
    demonstrations: Iterable[Demonstration], root: Path, *, fps: int, robot_type: str, count: int
) -> None:
    """Write a LeRobot v3 dataset to `root`, which must not exist; it appears whole or not at all.

    Args:
        demonstrations: Episodes in order.
        root: Dataset folder.
        fps: Control rate of the demonstrations.
        robot_type: Name of the arm.
        count: How many episodes will come, for the progress bar.

    Raises:
        DatasetError: The folder exists already, or no demonstration came.
    """
    from tqdm import tqdm

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from datasets import disable_progress_bars
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    disable_progress_bars()
    if root.exists():
        raise DatasetError(f"Dataset folder {root} exists already; choose another --out.")
    partial = root.with_name(f"{root.name}.writing")
    shutil.rmtree(partial, ignore_errors=True)
    dataset = None
    phases: list[tuple[str, ...]] = []
    optics: dict[str, Optics] = {}
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    bar = tqdm(demonstrations, total=count, desc="writing LeRobot v3", file=terminal)
    for demonstration in bar:
        if dataset is None:
            dataset = LeRobotDataset.create(
                repo_id=f"robot-skills/{root.name}",
                fps=fps,
                features=_features(demonstration),
                root=partial,
                robot_type=robot_type,
                use_videos=bool(demonstration.rgb),
                # Named, because looking for the other decoder fills the terminal with its errors.
                video_backend="pyav",
            )
        for frame in _frames(demonstration):
            dataset.add_frame(frame)
        with _encoders_muted():
            dataset.save_episode()
        phases.append(demonstration.phases)
        for name, mine in demonstration.optics.items():
            optics[name] = optics[name].agrees(mine) if name in optics else mine
    terminal.close()
    if dataset is None:
        raise DatasetError("There is not one demonstration to write.")
    dataset.finalize()
    _write_subtasks(partial, phases, fps)
    _write_optics(partial, optics)
    partial.replace(root)


def _write_optics(root: Path, optics: Mapping[str, Optics]) -> None:
    if not optics:
        return
    record = {
        name: {
            "K": one.K.ravel().tolist(),
            "T_base_camera": None
            if one.T_base_camera is None
            else one.T_base_camera.ravel().tolist(),
        }
        for name, one in optics.items()
    }
    (root / "meta" / CAMERAS_FILE).write_text(json.dumps(record, indent=2) + "\n")


@contextmanager
def _encoders_muted() -> Iterator[None]:
    """Keep what video encoders print on file descriptor 2 away from the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _features(demonstration: Demonstration) -> dict[str, dict]:
    scalar = {"dtype": "float32", "shape": (1,), "names": None}
    features: dict[str, dict] = {
        "observation.state": {
            "dtype": "float32",
            "shape": (len(demonstration.state_names),),
            "names": list(demonstration.state_names),
        },
        "action": {
            "dtype": "float32",
            "shape": (len(demonstration.action_names),),
            "names": list(demonstration.action_names),
        },
        "label_valid": scalar,
        "done": scalar,
        "next.success": {"dtype": "bool", "shape": (1,), "names": None},
    }
    for name, pictures in demonstration.rgb.items():
        features[f"observation.images.{name}"] = {
            "dtype": "video",
            "shape": pictures.shape[1:],
            "names": ["height", "width", "channels"],
        }
    for name, depth in demonstration.depth_m.items():
        features[f"observation.images.{name}_depth"] = {
            "dtype": "video",
            "shape": (*depth.shape[1:], 1),
            "names": ["height", "width", "channels"],
            "info": {"is_depth_map": True},
        }
    return features


def _frames(demonstration: Demonstration) -> Iterable[dict]:
    last = len(demonstration.state) - 1
    for tick in range(last + 1):
        frame = {
            "observation.state": demonstration.state[tick],
            "action": demonstration.action[tick],
            "label_valid": demonstration.label_valid[tick : tick + 1],
            "done": demonstration.done[tick : tick + 1],
            "next.success": np.array([tick == last]),
            "task": demonstration.task,
        }
        for name, pictures in demonstration.rgb.items():
            frame[f"observation.images.{name}"] = pictures[tick]
        for name, depth in demonstration.depth_m.items():
            frame[f"observation.images.{name}_depth"] = depth[tick][..., None]
        yield frame


def _write_subtasks(root: Path, phases: list[tuple[str, ...]], fps: int) -> None:
    """Fill LeRobot's language columns: one subtask row per phase, from the tick it starts."""
    from lerobot.annotations.steerable_pipeline.reader import iter_episodes
    from lerobot.annotations.steerable_pipeline.staging import EpisodeStaging
    from lerobot.annotations.steerable_pipeline.writer import LanguageColumnsWriter
    from lerobot.datasets.io_utils import load_info, write_info
    from lerobot.datasets.language import language_feature_info

    staging = root / "subtasks.staging"
    records = list(iter_episodes(root))
    for record in records:
        words = phases[record.episode_index]
        starts = [i for i, word in enumerate(words) if i == 0 or word != words[i - 1]]
        rows = [
            {
                "role": "assistant",
                "content": words[i],
                "style": "subtask",
                "timestamp": float(np.float32(i / fps)),
            }
            for i in starts
        ]
        EpisodeStaging(staging, record.episode_index).write("plan", rows)
    LanguageColumnsWriter().write_all(records, staging, root)
    info = load_info(root)
    info.features = {**info.features, **language_feature_info()}
    write_info(info, root)
    shutil.rmtree(staging)
