"""Demonstrations of the simulator as LeRobot v3 datasets: where `sim` meets `robot_skills.data`.

Columns: ``observation.state`` and ``action`` as the demonstration lays them out, ``label_valid``
(0 where the action was a deliberate disturbance and must not be imitated), ``done`` (1 once the
work is finished), ``next.success``; the instruction is the task, and what the expert was doing is
the subtask in LeRobot's language columns. Cameras are video, depth is ``(H, W, 1)`` in metres with
``is_depth_map``.
"""

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import DatasetError

if TYPE_CHECKING:
    from robot_skills.data.lerobot.layout import Layout
    from robot_skills.data.lerobot.rows import Rows
    from sim.dataset import Demonstration
    from sim.generate import GenerateReport, Job

_DEPTH_MAX_M = 10.0
_CRF = 30


def generate_dataset(config: "Job", out: Path, workers: int = 2) -> "GenerateReport":
    """Make a LeRobot v3 dataset of verified demonstrations; see `sim.generate.generate`."""
    from sim.generate import generate

    return generate(config, out, write_demonstrations, workers)


def write_demonstrations(
    demonstrations: Iterable["Demonstration"], root: Path, *, fps: int, robot_type: str, count: int
) -> None:
    """Write a LeRobot v3 dataset to `root`, which must not exist; it appears whole or not at all.

    Args:
        demonstrations: Episodes in order.
        root: Dataset folder.
        fps: Control rate of the demonstrations.
        robot_type: Name of the arm.
        count: How many episodes will come, for the progress bar.

    Raises:
        DatasetError: The folder exists already, no demonstration came, one does not fit in with
            the first, or they were recorded with different lenses.
    """
    from tqdm import tqdm

    from robot_skills.data.lerobot.layout import OpticsBook
    from robot_skills.data.lerobot.writer import LeRobotWriter

    if root.exists():
        raise DatasetError(f"Dataset folder {root} exists already; choose another --out.")
    partial = root.with_name(f"{root.name}.writing")
    shutil.rmtree(partial, ignore_errors=True)
    writer, layout, optics = None, None, OpticsBook()
    bar = tqdm(demonstrations, total=count, desc="writing LeRobot v3", file=sys.stderr)
    try:
        for number, demonstration in enumerate(bar):
            mine = _layout(demonstration)
            layout = layout or mine
            layout.check(mine, f"Demonstration {number}")
            writer = writer or LeRobotWriter(
                partial,
                layout,
                fps=fps,
                robot_type=robot_type,
                codec="libsvtav1",
                crf=_CRF,
                depth_max_m=_DEPTH_MAX_M,
            )
            rows = _rows(demonstration, fps)
            for index, pictures in enumerate(_pictures(demonstration)):
                writer.add_row(rows, index, pictures)
            writer.end_episode(rows)
            for name, one in demonstration.optics.items():
                optics.add(name, one.K, one.T_base_camera)
        if writer is None:
            raise DatasetError("There is not one demonstration to write.")
        writer.finish()
    finally:
        if writer is not None:
            writer.close()
    if optics.changed_lenses:
        raise DatasetError("Demonstrations were recorded with different lenses.")
    optics.write(partial)
    partial.replace(root)


def _layout(demonstration: "Demonstration") -> "Layout":
    from robot_skills.data.lerobot.layout import Layout, depth_key, rgb_key

    features: dict[str, dict] = {
        "observation.state": _vector(demonstration.state_names),
        "action": _vector(demonstration.action_names),
        "label_valid": _vector(None),
        "done": _vector(None),
        "next.success": {"dtype": "bool", "shape": (1,), "names": None},
    }
    axes = ["height", "width", "channels"]
    for name, rgb in demonstration.rgb.items():
        features[rgb_key(name)] = {"dtype": "video", "shape": rgb.shape[1:], "names": axes}
    for name, depth_m in demonstration.depth_m.items():
        features[depth_key(name)] = {
            "dtype": "video",
            "shape": (*depth_m.shape[1:], 1),
            "names": axes,
            "info": {"is_depth_map": True},
        }
    return Layout(
        features=features, rgb=tuple(demonstration.rgb), depth=tuple(demonstration.depth_m)
    )


def _vector(names: tuple[str, ...] | None) -> dict:
    if names is None:
        return {"dtype": "float32", "shape": (1,), "names": None}
    return {"dtype": "float32", "shape": (len(names),), "names": list(names)}


def _rows(demonstration: "Demonstration", fps: int) -> "Rows":
    from robot_skills.data.lerobot.rows import Column, Rows

    count = len(demonstration.state)
    last = np.arange(count) == count - 1
    return Rows(
        fps=fps,
        task=demonstration.task,
        columns={
            "observation.state": Column(
                names=demonstration.state_names, values=demonstration.state
            ),
            "action": Column(names=demonstration.action_names, values=demonstration.action),
            "label_valid": Column(
                names=("label_valid",), values=demonstration.label_valid[:, None]
            ),
            "done": Column(names=("done",), values=demonstration.done[:, None]),
            "next.success": Column(names=("next.success",), values=last[:, None]),
        },
        cameras={},
        subtasks=tuple(_subtasks(demonstration.phases, fps)),
        outcome=Outcome.SUCCESS,
    )


def _subtasks(phases: tuple[str, ...], fps: int) -> Iterator[Subtask]:
    """One per stretch of equal words."""
    starts = [i for i, words in enumerate(phases) if i == 0 or words != phases[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(phases)], strict=True):
        yield Subtask(start_s=start / fps, end_s=end / fps, words=phases[start])


def _pictures(demonstration: "Demonstration") -> Iterator[dict[str, NDArray]]:
    from robot_skills.data.lerobot.layout import depth_key, rgb_key

    for i in range(len(demonstration.state)):
        found: dict[str, NDArray] = {rgb_key(k): rgb[i] for k, rgb in demonstration.rgb.items()}
        for name, depth_m in demonstration.depth_m.items():
            found[depth_key(name)] = depth_m[i][..., None]
        yield found
