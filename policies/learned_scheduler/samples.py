"""What was right at which moment, in memory and on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.learned_scheduler.encoding import Encoded
from robot_skills.core.errors import StorageError

_ARRAYS = ("numbers", "relations", "calls", "attempts", "options")
_STORED = {"numbers": np.float16, "relations": np.float16, "attempts": np.float16}
"""Types on disk, where they are smaller than in memory; places fit into 16 bits."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sample:
    """One moment, and what was right.

    Attributes:
        moment: In one of the wordings.
        place: Of the call among the options; behind them the end, and not knowing.
        wordings: Of the instruction; any of them will do.
        kinds: What every entity is, for a picture of another one like it; empty where none will do.
    """

    moment: Encoded
    place: int
    wordings: tuple[str, ...]
    kinds: tuple[str, ...]


def save_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples to a file (npz, without pickles).

    Raises:
        StorageError: It cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name in _ARRAYS:
        rows = [getattr(sample.moment, name) for sample in samples]
        flat = [row.reshape(-1) for row in rows]
        arrays[name] = np.concatenate(flat).astype(_STORED.get(name, np.int16))
        arrays[f"{name}.shape"] = np.array([row.shape for row in rows], dtype=np.int32)
    pictures = [list(sample.moment.glimpses.items()) for sample in samples]
    flat_pictures = [picture for each in pictures for _, picture in each]
    arrays["glimpses"] = np.stack(flat_pictures) if flat_pictures else np.zeros(0, dtype=np.uint8)
    texts = [
        {
            "place": sample.place,
            "wordings": sample.wordings,
            "kinds": sample.kinds,
            "labels": sample.moment.labels,
            "colours": sample.moment.colours,
            "glimpses": [place for place, _ in each],
        }
        for sample, each in zip(samples, pictures, strict=True)
    ]
    arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(partial, allow_pickle=False, **arrays)
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from None


def load_samples(path: Path) -> list[Sample]:
    """Read samples.

    Raises:
        StorageError: The file is missing or is none of samples.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        texts = json.loads(arrays["texts"].tobytes())
        rows = {name: _rows(arrays, name) for name in _ARRAYS}
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"{path} holds no samples: {error}.") from None
    pictures = iter(arrays["glimpses"])
    return [
        Sample(
            moment=Encoded(
                instruction=text["wordings"][0],
                labels=tuple(text["labels"]),
                colours=tuple(text["colours"]),
                glimpses={place: next(pictures) for place in text["glimpses"]},
                **{name: rows[name][i] for name in _ARRAYS},
            ),
            place=text["place"],
            wordings=tuple(text["wordings"]),
            kinds=tuple(text["kinds"]),
        )
        for i, text in enumerate(texts)
    ]


def _rows(arrays: dict[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    """The arrays of all samples, each of its own shape."""
    shapes = arrays[f"{name}.shape"]
    ends = np.cumsum(shapes.prod(axis=1))
    wanted = np.float32 if name in _STORED else np.int64
    parts = np.split(arrays[name].astype(wanted), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
