"""Recordings that latencies are found from, as files."""

from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from calibration.latency_pictures import small
from calibration.latency_series import ClockSeries, LatencyRecording, PictureSeries, ToolSeries
from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.data.reader import read_recorded
from robot_skills.data.series import ActionSeries, ArmSeries, CameraSeries
from robot_skills.data.store import EpisodeStore

_TOOL = ("stamp_s", "T_base_tool", "opening")


def write_recording(path: Path, recording: LatencyRecording) -> None:
    """Write a recording.

    Raises:
        RefusedError: The file is there already, or is no .npz.
        StorageError: It cannot be written.
    """
    if path.exists() or path.suffix != ".npz":
        raise RefusedError(f"{path} is there already, or does not end in .npz: name another file.")
    arrays = {"step_s": np.array(recording.step_s)}
    for name, tool in (("told", recording.told), ("measured", recording.measured)):
        arrays |= {f"{name}/{part}": getattr(tool, part) for part in _TOOL}
    for name, seen in recording.cameras.items():
        arrays |= {f"camera/{name}/stamp_s": seen.stamp_s, f"camera/{name}/grey": seen.grey}
    for name, clock in recording.clocks.items():
        arrays |= {
            f"clock/{name}/stamp_s": clock.stamp_s,
            f"clock/{name}/shown_s": clock.shown_s,
            f"clock/{name}/period_s": np.array(clock.period_s),
        }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **arrays)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def read_recording(path: Path, episode: int, cameras: tuple[str, ...]) -> LatencyRecording:
    """A recording, from its file or from an episode of a dataset.

    Args:
        path: Of a file that `write_recording` wrote, or of a dataset's folder.
        episode: Of the dataset.
        cameras: That are wanted; all when empty.

    Raises:
        RefusedError: It cannot be used, or has no such camera.
    """
    recording = _from_dataset(path, episode) if path.is_dir() else _from_file(path)
    for name in cameras:
        if name not in recording.cameras:
            known = ", ".join(recording.cameras) or "none"
            raise RefusedError(f"{path} has no camera {name!r}; it has: {known}.")
    wanted = cameras or tuple(recording.cameras)
    return LatencyRecording(
        told=recording.told,
        measured=recording.measured,
        cameras={name: recording.cameras[name] for name in wanted},
        clocks={name: one for name, one in recording.clocks.items() if name in wanted},
        step_s=recording.step_s,
    )


def _from_file(path: Path) -> LatencyRecording:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        tools = {
            name: ToolSeries(
                stamp_s=arrays[f"{name}/stamp_s"],
                T_base_tool=arrays[f"{name}/T_base_tool"],
                opening=arrays[f"{name}/opening"],
            )
            for name in ("told", "measured")
        }
        cameras = {
            name: PictureSeries(
                stamp_s=arrays[f"camera/{name}/stamp_s"], grey=arrays[f"camera/{name}/grey"]
            )
            for name in _names(arrays, "camera")
        }
        clocks = {
            name: ClockSeries(
                stamp_s=arrays[f"clock/{name}/stamp_s"],
                shown_s=arrays[f"clock/{name}/shown_s"],
                period_s=float(arrays[f"clock/{name}/period_s"]),
            )
            for name in _names(arrays, "clock")
        }
        step_s = float(arrays.get("step_s", 0.0))
    except FileNotFoundError:
        raise RefusedError(f"There is no recording {path}.") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise RefusedError(f"{path} is no recording that can be used: {error}.") from error
    return LatencyRecording(**tools, cameras=cameras, clocks=clocks, step_s=step_s)


def _names(arrays: dict[str, np.ndarray], kind: str) -> list[str]:
    return sorted({key.split("/")[1] for key in arrays if key.startswith(f"{kind}/")})


def _from_dataset(path: Path, episode: int) -> LatencyRecording:
    store = EpisodeStore(path)
    entries = list(store.entries())
    if not 0 <= episode < len(entries):
        raise RefusedError(f"{path} has {len(entries)} episodes: there is no episode {episode}.")
    data = read_recorded(entries[episode], store)
    if DEFAULT_ARM not in data.arms or DEFAULT_ARM not in data.sent:
        raise RefusedError(f"Episode {episode} of {path} has no states or no commands of the arm.")
    return LatencyRecording(
        told=_tool(data.sent[DEFAULT_ARM]),
        measured=_tool(data.arms[DEFAULT_ARM]),
        cameras={name: _pictures(camera) for name, camera in data.cameras.items()},
    )


def _tool(series: ActionSeries | ArmSeries) -> ToolSeries:
    return ToolSeries(
        stamp_s=series.stamp_s, T_base_tool=series.T_base_tool, opening=series.opening
    )


def _pictures(camera: CameraSeries) -> PictureSeries:
    grey = [
        small(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
        for rgb, _ in camera.pictures.in_order()
        if rgb is not None
    ]
    return PictureSeries(stamp_s=camera.stamp_s, grey=np.stack(grey))
