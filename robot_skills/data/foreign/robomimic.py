"""robomimic's and MimicGen's HDF5 files.

``data/demo_<i>`` holds ``actions``, ``obs/<key>``, ``rewards``, ``dones`` and ``states``. They
become ``action``, ``observation.<key>``, ``next.reward``, ``next.done`` and ``states``; pictures in
``obs`` become cameras. Where the tool and fingers of robosuite are observed, they are also put
together as ``observation.state``. Rows are one control step apart.

MimicGen's ``datagen_info/subtask_term_signals/<name>`` rise from 0 to 1 when a subtask ends.
"""

import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import DatasetError, unknown_name
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.arrays import (
    Content,
    camera_series,
    content_of,
    joined,
    number_series,
    paired_cameras,
)
from robot_skills.data.foreign.files import library, reading
from robot_skills.data.series import CameraSeries, EpisodeData, NumberSeries

STATE = "observation.state"
_STATE_KEYS = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
_CONTROL_HZ = 20.0
"""robosuite's own, where a file does not tell."""
_VECTORS = {"actions": "action", "rewards": "next.reward", "dones": "next.done", "states": "states"}
_SIGNALS = "datagen_info/subtask_term_signals"


class Robomimic:
    """A file of robomimic (`data.series.EpisodeSource`).

    Args:
        path: The file.
        filter_key: Takes only the episodes listed in ``mask/<filter_key>``, such as ``train``.
    """

    def __init__(self, path: Path, *, filter_key: str | None = None) -> None:
        self._path, self._filter = path, filter_key

    @property
    def name(self) -> str:
        return self._path.stem

    @property
    def kind(self) -> str:
        return "robomimic HDF5"

    def __len__(self) -> int:
        return len(self._demos)

    def episode(self, index: int) -> EpisodeData:
        if not 0 <= index < len(self):
            raise DatasetError(f"{self._path} has no episode {index}; it has {len(self)}.")
        return self._open(lambda file: self._episode(file, self._demos[index]))

    @cached_property
    def _demos(self) -> list[str]:
        """Names of the episodes, in the order of their numbers."""
        return self._open(self._listed)

    def _listed(self, file: Any) -> list[str]:
        data = file.get("data")
        if data is None:
            raise DatasetError(f"{self._path} has no group 'data'. It has: {', '.join(file)}.")
        names = sorted((name for name in data if re.fullmatch(r"demo_\d+", name)), key=_number)
        if self._filter is None:
            return names
        masks = file.get("mask", {})
        if self._filter not in masks:
            raise unknown_name(f"filter key of {self._path.name}", self._filter, masks)
        wanted = {_text(name) for name in masks[self._filter][()]}
        if wanted - set(names):
            missing = ", ".join(sorted(wanted - set(names)))
            raise DatasetError(f"{self._path}: mask {self._filter} lists {missing}, not in it.")
        return [name for name in names if name in wanted]

    def _open[T](self, read: Callable[[Any], T]) -> T:
        h5py = library("h5py", "robomimic's HDF5")
        with reading(self._path, KeyError, ValueError, RuntimeError), h5py.File(self._path) as file:
            return read(file)

    def _episode(self, file: Any, name: str) -> EpisodeData:
        h5py = library("h5py", "robomimic's HDF5")
        demo, about = file["data"][name], _about(file, self._path)
        period_s = 1.0 / about.control_hz
        found = {key: demo[key] for key in _VECTORS if isinstance(demo.get(key), h5py.Dataset)}
        if "actions" not in found:
            raise DatasetError(f"{self._path}: {name} has no actions. It has: {', '.join(demo)}.")
        observed = demo.get("obs", {})
        found |= {f"obs/{key}": observed[key] for key in observed if _is_array(observed[key], h5py)}
        count = self._length(name, demo, found)
        stamp_s = np.arange(count, dtype=np.float64) * period_s
        numbers, left_out = self._numbers(found, stamp_s)
        signals = demo.get(_SIGNALS, {})
        return EpisodeData(
            task=about.task,
            start_s=0.0,
            end_s=count * period_s,
            period_s=period_s,
            outcome=_outcome(numbers),
            numbers=numbers,
            cameras=self._cameras(name, found, stamp_s),
            subtasks=_subtasks({key: signals[key][()] for key in signals}, period_s),
            origin=f"{self.kind} {self.name}, {name}",
            meta=about.meta | ({"left_out": ", ".join(left_out)} if left_out else {}),
        )

    def _length(self, name: str, demo: Any, found: dict[str, Any]) -> int:
        count = len(found["actions"])
        differing = {key: len(one) for key, one in found.items() if len(one) != count}
        announced = int(demo.attrs.get("num_samples", count))
        if differing or announced != count or not count:
            raise DatasetError(
                f"{self._path}: {name} has {count} actions, num_samples says {announced}, other "
                f"lengths are {differing or 'the same'}."
            )
        return count

    def _numbers(
        self, found: dict[str, Any], stamp_s: Array
    ) -> tuple[dict[str, NumberSeries], list[str]]:
        numbers: dict[str, NumberSeries] = {}
        left_out = []
        for key, stored in found.items():
            content = content_of(key, stored.shape, stored.dtype)
            name = _VECTORS.get(key) or f"observation.{key.removeprefix('obs/')}"
            if content is Content.NUMBERS:
                short = name.removeprefix("observation.")
                numbers[name] = number_series(short, np.asarray(stored[()]), stamp_s)
            elif content is Content.OTHER:
                left_out.append(key)
        parts = {key: numbers.get(f"observation.{key}") for key in _STATE_KEYS}
        known = {key: one for key, one in parts.items() if one is not None}
        if len(known) == len(_STATE_KEYS) and STATE not in numbers:
            numbers[STATE] = joined(known)
        return numbers, left_out

    def _cameras(self, demo: str, found: dict[str, Any], stamp_s: Array) -> dict[str, CameraSeries]:
        kinds: dict[Content, dict[str, Any]] = {Content.RGB: {}, Content.DEPTH: {}}
        for key, stored in found.items():
            content = content_of(key, stored.shape, stored.dtype)
            if content in kinds:
                kinds[content][key.removeprefix("obs/")] = (key, stored.shape[1:3])
        cameras = {}
        for name, (rgb, depth) in paired_cameras(kinds[Content.RGB], kinds[Content.DEPTH]).items():
            sizes = {one[1] for one in (rgb, depth) if one is not None}
            if len(sizes) != 1:
                raise DatasetError(f"{self._path}: {name} has pictures of several sizes: {sizes}.")
            cameras[name] = camera_series(
                name,
                stamp_s,
                sizes.pop(),
                rgb=rgb and self._reader(demo, rgb[0]),
                depth=depth and self._reader(demo, depth[0]),
            )
        return cameras

    def _reader(self, demo: str, key: str) -> Callable[[int], NDArray]:
        """Reads single pictures; the file is open only while it does."""
        return lambda index: self._open(lambda file: np.asarray(file[f"data/{demo}/{key}"][index]))


class _About:
    """What a file says about its environment."""

    def __init__(self, env: dict[str, Any], task: str) -> None:
        kwargs = env.get("env_kwargs")
        hz = kwargs.get("control_freq") if isinstance(kwargs, dict) else None
        told = isinstance(hz, int | float) and hz > 0
        self.control_hz = float(hz) if told and hz is not None else _CONTROL_HZ
        self.task = task or str(env.get("env_name") or "")
        self.meta = {} if told else {"control_hz": f"{_CONTROL_HZ:g}, assumed"}


def _about(file: Any, path: Path) -> _About:
    attributes = file["data"].attrs
    env = _json(attributes.get("env_args"), path)
    said = _json(attributes.get("problem_info"), path).get("language_instruction")
    task = " ".join(map(str, said)) if isinstance(said, list) else str(said or "")
    return _About(env, task)


def _json(value: Any, path: Path) -> dict[str, Any]:
    if value is None:
        return {}
    with reading(path, ValueError):
        found = json.loads(_text(value))
    return found if isinstance(found, dict) else {}


def _is_array(stored: Any, h5py: Any) -> bool:
    return isinstance(stored, h5py.Dataset) and stored.ndim > 0


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _number(name: str) -> int:
    return int(name.rsplit("_", 1)[1])


def _outcome(numbers: dict[str, NumberSeries]) -> Outcome:
    """A reward of 1 is success; without one nobody knows, for rewards may be shaped or absent."""
    rewards = numbers.get("next.reward")
    reached = rewards is not None and bool((rewards.values >= 1.0).any())
    return Outcome.SUCCESS if reached else Outcome.UNKNOWN


def _subtasks(signals: dict[str, NDArray], period_s: float) -> tuple[Subtask, ...]:
    """A subtask lasts from the end of the one before to the first rise of its signal."""
    ends = {
        name: int(np.flatnonzero(values > 0)[0]) for name, values in signals.items() if values.any()
    }
    found: list[Subtask] = []
    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        start_s = found[-1].end_s if found else 0.0
        words = name.replace("_", " ")
        found.append(Subtask(start_s=start_s, end_s=end * period_s, words=words))
    return tuple(found)
