"""Demonstrations from LeRobot v3 datasets: their numbers in memory, checked.

The parquet files are read directly: LeRobot's own loader costs ten seconds to import and feeds a
small network more slowly than it trains. Everything that does not fit is refused before training.
"""

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.contract import Frame, ObserveConfig, PolicyContract, VectorSpec
from policies.features import ENTITIES, OPENING, PRESENT, TABLE, TOKEN_SIZE, TOOL, Float32
from robot_skills.core.errors import DatasetError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES, slots_of

LABEL_VALID, DONE, SUCCESS = "label_valid", "done", "next.success"
_OPTIONAL = (LABEL_VALID, DONE, SUCCESS)
_INDEX = ("episode_index", "frame_index", "task_index")

_DONE_S = 0.2
"""Without a column that says when the work was done, the last moments of an episode are."""
_FARTHEST_M = 5.0
_FASTEST_M_S = 5.0
_ROTATION_TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo:
    """What a dataset says about itself.

    Attributes:
        directory: Where it is.
        fps: Frames per second.
        robot: Robot type, where it is told.
        frames: Number of frames.
        features: LeRobot's description of each feature.
    """

    directory: Path
    fps: float
    robot: str | None
    frames: int
    features: dict[str, dict]

    def names(self, key: str) -> tuple[str, ...]:
        """Layout of a vector feature.

        Raises:
            DatasetError: There is no such feature, or it is no vector of numbers.
        """
        feature = self.features.get(key)
        if feature is None:
            raise DatasetError(
                f"Dataset {self.directory} lacks {key}. "
                f"It has: {', '.join(sorted(self.features)) or 'none'}."
            )
        shape = feature.get("shape")
        if not isinstance(shape, list) or len(shape) != 1 or "float" not in str(feature["dtype"]):
            raise DatasetError(
                f"Dataset {self.directory}: {key} is {feature.get('dtype')} of shape {shape}; "
                "a vector of floats is needed."
            )
        found = feature.get("names")
        if isinstance(found, dict):
            found = next(iter(found.values()), None)
        if not isinstance(found, list):
            found = [f"{key}.{i}" for i in range(shape[0])]
        if len(found) != shape[0]:
            raise DatasetError(
                f"Dataset {self.directory}: {key} has {len(found)} names for {shape[0]} numbers."
            )
        return tuple(str(name) for name in found)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Demonstrations:
    """All frames of the successful episodes, episode after episode.

    Attributes:
        fps: Frames per second.
        states: Recorded states, (M, S).
        actions: Recorded actions, (M, A).
        label_valid: False where the executed action was a deliberate perturbation, (M,).
        done: True where the work is finished, (M,).
        episode_ends: One past the last frame of each episode, (E,).
        skipped_episodes: Episodes left out because they did not succeed.
        rows: Which frame of its dataset each frame is, (M,).
        source: Which dataset each frame is from, (M,).
        task: Index into `tasks`, (M,).
        tasks: Instructions.
    """

    fps: float
    states: Float32
    actions: Float32
    label_valid: NDArray[np.bool_]
    done: NDArray[np.bool_]
    episode_ends: NDArray[np.int64]
    skipped_episodes: int = 0
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    source: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    task: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    tasks: tuple[str, ...] = ()

    @property
    def episode_of(self) -> NDArray[np.int64]:
        """Episode of each frame, (M,)."""
        lengths = np.diff(self.episode_ends, prepend=0)
        return np.repeat(np.arange(len(lengths)), lengths)


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


def open_dataset(directory: Path) -> DatasetInfo:
    """Read what a LeRobot v3 dataset says about itself.

    Raises:
        DatasetError: When it is missing or no LeRobot v3 dataset.
    """
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
    features = info.get("features")
    robot = info.get("robot_type")
    return DatasetInfo(
        directory=directory,
        fps=float(fps),
        robot=robot if isinstance(robot, str) else None,
        frames=int(info.get("total_frames") or 0),
        features=features if isinstance(features, dict) else {},
    )


def contract_of(
    info: DatasetInfo, observe: ObserveConfig, observation_steps: int, horizon: int
) -> PolicyContract:
    """What a policy trained on a dataset sees and answers.

    Raises:
        DatasetError: When the dataset lacks something that is to be seen.
    """
    state, action = info.names(observe.state), info.names(observe.action)
    unknown = [pattern for pattern in observe.leave_out if not fnmatch.filter(state, pattern)]
    if unknown:
        raise DatasetError(
            f"Dataset {info.directory}: {observe.state} has no {', '.join(unknown)} to leave out. "
            f"It has: {', '.join(state)}."
        )
    hidden = {name for pattern in observe.leave_out for name in fnmatch.filter(state, pattern)}
    state = tuple(name for name in state if name not in hidden)
    is_skill = slots_of(state) is not None and action == ACTION_NAMES
    frame = observe.frame or (Frame.TOOL if is_skill else Frame.GIVEN)
    if frame is Frame.TOOL and not is_skill:
        raise DatasetError(
            f"Dataset {info.directory}: frame TOOL needs the {len(STATE_NAMES)} names "
            f"{STATE_NAMES[0]} ... {STATE_NAMES[-1]} in {observe.state} and the "
            f"{len(ACTION_NAMES)} of a tool action, found {_outline(state)} and {_outline(action)}."
        )
    absent = [
        spec.key for spec in (*observe.images, *observe.clouds) if spec.key not in info.features
    ]
    if absent:
        cameras = [key for key in info.features if key.startswith("observation.images.")]
        raise DatasetError(
            f"Dataset {info.directory} lacks {', '.join(absent)}. "
            f"Its cameras: {', '.join(sorted(cameras)) or 'none'}."
        )
    try:
        return PolicyContract(
            fps=info.fps,
            observation_steps=observation_steps,
            horizon=horizon,
            frame=frame,
            state=VectorSpec(key=observe.state, names=list(state)),
            action=VectorSpec(key=observe.action, names=list(action)),
            images=observe.images,
            clouds=observe.clouds,
            language=observe.language,
            anchors=observe.anchors,
        )
    except ValueError as error:
        raise DatasetError(f"Dataset {info.directory} does not fit: {error}") from None


def _outline(names: Sequence[str]) -> str:
    return f"{len(names)}: {names[0]} ... {names[-1]}" if names else "none"


def load_datasets(
    directories: Sequence[Path], observe: ObserveConfig, observation_steps: int, horizon: int
) -> tuple[PolicyContract, Demonstrations]:
    """Read and check LeRobot v3 datasets that belong together.

    Raises:
        DatasetError: When one is missing, unreadable, does not hold what training needs, or does
            not go with the others.
    """
    if not directories:
        raise DatasetError("Training needs at least one dataset.")
    infos = [open_dataset(directory) for directory in directories]
    contracts = [contract_of(info, observe, observation_steps, horizon) for info in infos]
    contract = contracts[0]
    for info, other in zip(infos[1:], contracts[1:], strict=True):
        _check_same(infos[0], info, contract, other)
    parts = [_load(info, contract, observe, source=i) for i, info in enumerate(infos)]
    data = _joined(parts)
    contract, data = _without_constants(directories, contract, data, observe)
    shortest = int(np.diff(data.episode_ends, prepend=0).max())
    if horizon > shortest:
        raise DatasetError(
            f"A horizon of {horizon} steps is longer than every episode (at most {shortest} "
            "steps); choose a shorter --horizon."
        )
    return contract, data


def load_demonstrations(directory: Path) -> Demonstrations:
    """Read and check one dataset of skill demonstrations.

    Raises:
        DatasetError: When it is missing, unreadable, or does not hold what training needs.
    """
    observe = ObserveConfig(frame=Frame.TOOL)
    info = open_dataset(directory)
    return _load(info, contract_of(info, observe, 2, 1), observe, source=0)


def _check_same(
    first: DatasetInfo, info: DatasetInfo, contract: PolicyContract, other: PolicyContract
) -> None:
    if info.fps != first.fps:
        raise DatasetError(
            f"Datasets of one training need one frame rate: {first.directory} has {first.fps:g}, "
            f"{info.directory} has {info.fps:g} frames per second."
        )
    # Tool-frame data does not depend on the arm; joint angles do.
    if contract.frame is Frame.GIVEN and info.robot != first.robot:
        raise DatasetError(
            f"Datasets of one training need one robot: {first.directory} is of {first.robot}, "
            f"{info.directory} of {info.robot}."
        )
    if other != contract:
        raise DatasetError(
            f"Dataset {info.directory} has another layout of state, action or cameras "
            f"than {first.directory}."
        )


def _load(
    info: DatasetInfo, contract: PolicyContract, observe: ObserveConfig, source: int
) -> Demonstrations:
    directory = info.directory
    columns = _read_columns(info, contract)
    frames = len(columns["episode_index"])
    if frames != info.frames:
        raise DatasetError(
            f"Dataset {directory} holds {frames} frames, but its info.json promises "
            f"{info.frames}; it is incomplete."
        )
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise DatasetError(f"Dataset {directory}: {name} holds values that are not finite.")
    names = info.names(contract.state.key)
    seen = [names.index(name) for name in contract.state.names]
    columns[contract.state.key] = np.ascontiguousarray(columns[contract.state.key][:, seen])
    data = _successful(info, contract, columns)
    if contract.frame is Frame.TOOL:
        _check_tool_frame(directory, data)
    return replace(data, source=np.full(len(data.states), source, dtype=np.int64))


def _joined(parts: list[Demonstrations]) -> Demonstrations:
    """Several datasets as one."""
    if len(parts) == 1:
        return parts[0]
    tasks = sorted({task for part in parts for task in part.tasks})
    offset, ends, task = 0, [], []
    for part in parts:
        ends.append(part.episode_ends + offset)
        offset += len(part.states)
        places = np.array([tasks.index(name) for name in part.tasks], dtype=np.int64)
        task.append(places[part.task] if len(places) else part.task)

    def joined(name: str) -> NDArray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Demonstrations(
        fps=parts[0].fps,
        states=joined("states"),
        actions=joined("actions"),
        label_valid=joined("label_valid"),
        done=joined("done"),
        episode_ends=np.concatenate(ends),
        skipped_episodes=sum(part.skipped_episodes for part in parts),
        rows=joined("rows"),
        source=joined("source"),
        task=np.concatenate(task),
        tasks=tuple(tasks),
    )


def _without_constants(
    directories: Sequence[Path],
    contract: PolicyContract,
    data: Demonstrations,
    observe: ObserveConfig,
) -> tuple[PolicyContract, Demonstrations]:
    """Refuse numbers that never change, or leave them out where that is asked for."""
    still = _constant(contract.action.names, data.actions)
    seen = _constant(contract.state.names, data.states) if contract.frame is Frame.GIVEN else []
    hopeless = len(still) == len(contract.action.names) or len(seen) == len(contract.state.names)
    # Of tool-frame actions, rotations that never change are usual, and turn with the tool.
    refused = [*seen, *(still if contract.frame is Frame.GIVEN or hopeless else [])]
    if hopeless or (refused and not observe.allow_constant):
        where = ", ".join(str(directory) for directory in directories)
        advice = (
            "nothing can be learned from that."
            if hopeless
            else "record what they should be, or accept them as they are with --allow-constant."
        )
        raise DatasetError(f"Dataset {where} never changes in {', '.join(refused)}; {advice}")
    if not seen:
        return contract, data
    moves = np.array([name not in seen for name in contract.state.names])
    kept = [name for name, moved in zip(contract.state.names, moves, strict=True) if moved]
    state = VectorSpec(key=contract.state.key, names=kept)
    return replace(contract, state=state), replace(data, states=data.states[:, moves])


def _constant(names: Sequence[str], values: Float32) -> list[str]:
    spread = np.ptp(values, axis=0)
    return [name for name, change in zip(names, spread, strict=True) if change == 0.0]


def _check_tool_frame(directory: Path, data: Demonstrations) -> None:
    """Refuse numbers that cannot be metres, rotations and openings."""
    p = data.states[:, TOOL][:, :3]
    if np.abs(p).max() > _FARTHEST_M:
        raise DatasetError(
            f"Dataset {directory}: the tool is {np.abs(p).max():.0f} m from the base; "
            "positions must be in metres."
        )
    for name, poses in (("state", data.states[:, TOOL]), ("action", data.actions[:, :9])):
        lengths = np.linalg.norm(poses[:, 3:].reshape(-1, 2, 3), axis=-1)
        if np.abs(lengths - 1.0).max() > _ROTATION_TOLERANCE:
            raise DatasetError(
                f"Dataset {directory}: the rotation columns of the {name} are not of length one."
            )
    for name, opening in (("state", data.states[:, OPENING]), ("action", data.actions[:, 9])):
        if opening.min() < -0.01 or opening.max() > 1.01:
            raise DatasetError(
                f"Dataset {directory}: the opening in the {name} spans {opening.min():.3g} to "
                f"{opening.max():.3g}; it must be in [0, 1], 1 = open."
            )
    inside = np.diff(data.episode_of) == 0
    speed = np.linalg.norm(np.diff(p, axis=0), axis=1)[inside] * data.fps
    if len(speed) and speed.max() > _FASTEST_M_S:
        raise DatasetError(
            f"Dataset {directory}: the tool moves at {speed.max():.1f} m/s; frames are missing, "
            "or the frame rate is wrong."
        )
    _check_entities(directory, data)


def _check_entities(directory: Path, data: Demonstrations) -> None:
    tokens = data.states[:, ENTITIES].reshape(len(data.states), -1, TOKEN_SIZE)
    present = tokens[:, :, PRESENT]
    if not np.isin(present, (0.0, 1.0)).all():
        raise DatasetError(f"Dataset {directory}: an entity is neither present (1) nor absent (0).")
    if np.abs(data.states[:, TABLE]).max() > _FARTHEST_M:
        raise DatasetError(f"Dataset {directory}: the table's height is not in metres.")


def _read_columns(info: DatasetInfo, contract: PolicyContract) -> dict[str, NDArray]:
    """Needed columns of all parquet files, joined, as float32 arrays (M,) or (M, k)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = info.directory
    paths = sorted((directory / "data").glob("chunk-*/file-*.parquet"))
    if not paths:
        raise DatasetError(f"Dataset {directory} has no data/chunk-*/file-*.parquet.")
    vectors = {key: len(info.names(key)) for key in (contract.state.key, contract.action.key)}
    optional = [name for name in _OPTIONAL if name in info.features]
    names = [*vectors, *optional, *_INDEX, "timestamp"]
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
        return {
            name: _to_array(directory, name, table.column(name), vectors.get(name))
            for name in names
        }
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"Dataset {directory} has columns of odd type: {reason}") from None


def _to_array(directory: Path, name: str, column, size: int | None) -> NDArray:
    """One column as (M, k) for the vectors and (M,) for the rest."""
    flat = column.combine_chunks()
    rows = len(flat)
    while hasattr(flat, "flatten") and hasattr(flat.type, "value_type"):
        flat = flat.flatten()
    whole = name.endswith("_index")
    values = np.asarray(
        flat.to_numpy(zero_copy_only=False), dtype=np.int64 if whole else np.float32
    )
    if values.size != rows * (size or 1):
        raise DatasetError(
            f"Dataset {directory}: {name} needs {size or 1} numbers per frame, "
            f"found {values.size} for {rows} frames."
        )
    return values.reshape(rows) if size is None else values.reshape(rows, size)


def _successful(
    info: DatasetInfo, contract: PolicyContract, columns: dict[str, NDArray]
) -> Demonstrations:
    """Keep the episodes that end in success, in order."""
    directory = info.directory
    episode, frame = columns["episode_index"], columns["frame_index"]
    breaks = np.flatnonzero(np.diff(episode) != 0) + 1
    starts = np.concatenate([[0], breaks])
    ends = np.concatenate([breaks, [len(episode)]])
    expected = np.arange(len(episode)) - np.repeat(starts, ends - starts)
    if len(np.unique(episode[starts])) != len(starts) or not np.array_equal(frame, expected):
        raise DatasetError(f"Dataset {directory}: the frames of its episodes are not in order.")
    if np.abs(columns["timestamp"] - expected / info.fps).max() > 0.5 / info.fps:
        raise DatasetError(
            f"Dataset {directory}: its time stamps do not fit {info.fps:g} frames per second; "
            "frame rates are mixed, or frames are missing."
        )
    succeeded = np.ones(len(starts), dtype=bool)
    if SUCCESS in columns:
        succeeded = np.array(
            [columns[SUCCESS][a:b].any() for a, b in zip(starts, ends, strict=True)], dtype=bool
        )
    if not succeeded.any():
        raise DatasetError(f"Dataset {directory}: none of its {len(starts)} episodes succeeded.")
    keep = np.repeat(succeeded, ends - starts)
    if DONE in columns:
        done = columns[DONE] > 0.5
    else:
        done = expected >= np.repeat(ends - starts, ends - starts) - max(1, _DONE_S * info.fps)
    if not done[keep].any():
        raise DatasetError(f"Dataset {directory}: no frame is marked done, so no end is learned.")
    valid = columns[LABEL_VALID] > 0.5 if LABEL_VALID in columns else np.ones(len(keep), bool)
    return Demonstrations(
        fps=info.fps,
        states=columns[contract.state.key][keep],
        actions=columns[contract.action.key][keep],
        label_valid=valid[keep],
        done=done[keep],
        episode_ends=np.cumsum((ends - starts)[succeeded]),
        skipped_episodes=int((~succeeded).sum()),
        rows=np.flatnonzero(keep),
        task=columns["task_index"][keep],
        tasks=_tasks(directory),
    )


def _tasks(directory: Path) -> tuple[str, ...]:
    """Instructions by task index; none where the dataset has no readable list."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = directory / "meta" / "tasks.parquet"
    try:
        table = pq.read_table(path).to_pydict()
    except (OSError, pa.ArrowException):
        return ()
    index = table.pop("task_index", [])
    words = next(iter(table.values()), [])
    ordered = sorted(zip(index, words, strict=False))
    if [place for place, _ in ordered] != list(range(len(ordered))):
        raise DatasetError(f"Dataset {directory}: meta/tasks.parquet does not number its tasks.")
    return tuple(str(task) for _, task in ordered)
