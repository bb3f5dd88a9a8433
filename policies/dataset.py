"""Demonstrations from a LeRobot v3 dataset, as windows in memory.

The parquet files are read directly: LeRobot's own loader costs ten seconds to import and feeds a
small network more slowly than it trains. Everything that does not fit is refused before training.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.features import Float32
from robot_skills.core.errors import DatasetError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES

STATE, ACTION = "observation.state", "action"
LABEL_VALID, DONE, SUCCESS = "label_valid", "done", "next.success"
_VECTORS = {STATE: STATE_NAMES, ACTION: ACTION_NAMES}
_SCALARS = (LABEL_VALID, DONE, SUCCESS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Demonstrations:
    """All frames of the successful episodes, episode after episode.

    Attributes:
        fps: Frames per second.
        states: Recorded states, (M, S), base frame.
        actions: Recorded actions, (M, A), base frame.
        label_valid: False where the executed action was a deliberate perturbation, (M,).
        done: True where the skill has finished its work, (M,).
        episode_ends: One past the last frame of each episode, (E,).
        skipped_episodes: Episodes left out because they did not succeed.
    """

    fps: float
    states: Float32
    actions: Float32
    label_valid: NDArray[np.bool_]
    done: NDArray[np.bool_]
    episode_ends: NDArray[np.int64]
    skipped_episodes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Windows:
    """Which frames make up each window; one window per frame, edges padded with the edge frame.

    Attributes:
        past: Frames of the observation history, oldest first, (M, n).
        future: Frames whose actions make up the chunk, (M, H).
        valid: Which steps of the chunk may be imitated, (M, H). Everything after a perturbation
            is left out too: the expert's way back is no answer to a state before it.
    """

    past: NDArray[np.int64]
    future: NDArray[np.int64]
    valid: NDArray[np.bool_]


def make_windows(data: Demonstrations, observation_steps: int, horizon: int) -> Windows:
    """Windows of `observation_steps` states and `horizon` actions around every frame."""
    ends = data.episode_ends
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    first = np.repeat(starts, lengths)[:, None]
    last = np.repeat(ends - 1, lengths)[:, None]
    frame = np.arange(len(data.states))[:, None]
    past = np.maximum(frame + np.arange(1 - observation_steps, 1), first)
    future = np.minimum(frame + np.arange(horizon), last)
    valid = np.logical_and.accumulate(data.label_valid[future], axis=1)
    return Windows(past=past, future=future, valid=valid)


def load_demonstrations(directory: Path) -> Demonstrations:
    """Read and check a LeRobot v3 dataset directory.

    Raises:
        DatasetError: When it is missing, unreadable, or does not hold what training needs.
    """
    info = _read_info(directory)
    columns = _read_columns(directory)
    frames = len(columns["episode_index"])
    if frames != info.get("total_frames"):
        raise DatasetError(
            f"Dataset {directory} holds {frames} frames, but its info.json promises "
            f"{info.get('total_frames')}; it is incomplete."
        )
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise DatasetError(f"Dataset {directory}: {name} holds values that are not finite.")
    return _successful(directory, float(info["fps"]), columns)


def _read_info(directory: Path) -> dict:
    path = directory / "meta" / "info.json"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{directory} is no LeRobot dataset: meta/info.json cannot be read ({error.strerror})."
        ) from None
    except ValueError:
        raise DatasetError(f"Dataset {directory}: meta/info.json is not JSON.") from None
    version = info.get("codebase_version") if isinstance(info, dict) else None
    if not isinstance(version, str) or not version.startswith("v3."):
        raise DatasetError(f"Dataset {directory} has format {version!r}; v3.x is needed.")
    fps = info.get("fps")
    if not isinstance(fps, int | float) or isinstance(fps, bool) or not 0 < fps <= 1000:
        raise DatasetError(f"Dataset {directory} has fps {fps!r}; a positive number is needed.")
    _check_features(directory, info.get("features"))
    return info


def _check_features(directory: Path, features: object) -> None:
    features = features if isinstance(features, dict) else {}
    missing = [name for name in (*_VECTORS, *_SCALARS) if name not in features]
    if missing:
        raise DatasetError(
            f"Dataset {directory} lacks {', '.join(missing)}. "
            f"It has: {', '.join(sorted(features)) or 'none'}."
        )
    for name, wanted in _VECTORS.items():
        found = features[name].get("names")
        found = found.get("axes", found) if isinstance(found, dict) else found
        if not isinstance(found, list) or tuple(found) != wanted:
            raise DatasetError(
                f"Dataset {directory}: {name} needs the {len(wanted)} names {wanted[0]} ... "
                f"{wanted[-1]}, found {_outline(found)}."
            )


def _outline(names: object) -> str:
    if not isinstance(names, list) or not names:
        return repr(names)
    return f"{len(names)}: {names[0]} ... {names[-1]}"


def _read_columns(directory: Path) -> dict[str, NDArray]:
    """Needed columns of all parquet files, joined, as float32 arrays (M,) or (M, k)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted((directory / "data").glob("chunk-*/file-*.parquet"))
    if not paths:
        raise DatasetError(f"Dataset {directory} has no data/chunk-*/file-*.parquet.")
    names = [*_VECTORS, *_SCALARS, "episode_index", "frame_index"]
    tables = []
    for path in paths:
        try:
            tables.append(pq.read_table(path, columns=names, memory_map=True))
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DatasetError(f"Dataset file {path} cannot be read: {reason}") from None
        absent = set(names) - set(tables[-1].column_names)
        if absent:
            raise DatasetError(f"Dataset file {path} lacks {', '.join(sorted(absent))}.")
    try:
        table = pa.concat_tables(tables)
        return {name: _to_array(directory, name, table.column(name)) for name in names}
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"Dataset {directory} has columns of odd type: {reason}") from None


def _to_array(directory: Path, name: str, column) -> NDArray:
    """One column as (M, k) for the vectors and (M,) for the rest."""
    flat = column.combine_chunks()
    rows = len(flat)
    while hasattr(flat, "flatten") and hasattr(flat.type, "value_type"):
        flat = flat.flatten()
    whole = name.endswith("_index")
    values = np.asarray(
        flat.to_numpy(zero_copy_only=False), dtype=np.int64 if whole else np.float32
    )
    size = len(_VECTORS.get(name, (name,)))
    if values.size != rows * size:
        raise DatasetError(
            f"Dataset {directory}: {name} needs {size} numbers per frame, "
            f"found {values.size} for {rows} frames."
        )
    return values.reshape(rows, size) if name in _VECTORS else values.reshape(rows)


def _successful(directory: Path, fps: float, columns: dict[str, NDArray]) -> Demonstrations:
    """Keep the episodes that end in success, in order."""
    episode, frame = columns["episode_index"], columns["frame_index"]
    breaks = np.flatnonzero(np.diff(episode) != 0) + 1
    starts = np.concatenate([[0], breaks])
    ends = np.concatenate([breaks, [len(episode)]])
    expected = np.arange(len(episode)) - np.repeat(starts, ends - starts)
    if len(np.unique(episode[starts])) != len(starts) or not np.array_equal(frame, expected):
        raise DatasetError(f"Dataset {directory}: the frames of its episodes are not in order.")
    succeeded = np.array(
        [columns[SUCCESS][a:b].any() for a, b in zip(starts, ends, strict=True)], dtype=bool
    )
    if not succeeded.any():
        raise DatasetError(f"Dataset {directory}: none of its {len(starts)} episodes succeeded.")
    keep = np.repeat(succeeded, ends - starts)
    if not columns[DONE][keep].any():
        raise DatasetError(f"Dataset {directory}: no frame is marked done, so no end is learned.")
    return Demonstrations(
        fps=fps,
        states=columns[STATE][keep],
        actions=columns[ACTION][keep],
        label_valid=columns[LABEL_VALID][keep] > 0.5,
        done=columns[DONE][keep] > 0.5,
        episode_ends=np.cumsum((ends - starts)[succeeded]),
        skipped_episodes=int((~succeeded).sum()),
    )
