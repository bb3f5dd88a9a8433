"""A small reaching problem as a LeRobot v3 dataset: go to an entity, close the gripper, stay."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robot_skills.core.policy import (
    ACTION_NAMES,
    STATE_NAMES,
    EntityToken,
    PolicyInput,
    encode_action,
    encode_state,
)
from robot_skills.core.se3 import SE3, Array, interpolate

FPS = 20
STEP_M = 0.02
DOWN = SE3.from_rotvec((np.pi, 0.0, 0.0))
"""Tool orientation that points down."""


def random_token(rng: np.random.Generator) -> EntityToken:
    return EntityToken(
        T_base_anchor=SE3.from_yaw(
            rng.uniform(-0.6, 0.6), (rng.uniform(0.4, 0.6), rng.uniform(-0.1, 0.1), 0.03)
        ),
        extents_m=np.full(3, 0.05) + rng.uniform(-0.01, 0.01, 3),
    )


def random_start(rng: np.random.Generator) -> SE3:
    return SE3(DOWN.R, np.array([0.5, 0.0, 0.2]) + rng.uniform(-0.03, 0.03, 3))


def goal_of(token: EntityToken) -> SE3:
    return SE3(token.T_base_anchor.R @ DOWN.R, token.T_base_anchor.p)


def expert_action(T_base_tool: SE3, opening: float, token: EntityToken) -> tuple[SE3, float]:
    """One control step of the scripted expert."""
    goal = goal_of(token)
    distance_m, _ = T_base_tool.distance_to(goal)
    if distance_m < 1e-4:
        return goal, max(0.0, opening - 0.25)
    fraction = min(1.0, STEP_M / distance_m)
    return SE3.from_matrix(interpolate(T_base_tool.matrix(), goal.matrix(), fraction)), 1.0


def history(poses: list[SE3], openings: list[float], token: EntityToken) -> PolicyInput:
    """Input of a policy with two observation steps."""
    return PolicyInput(
        T_base_tool=np.stack([pose.matrix() for pose in ([poses[0], *poses])[-2:]]),
        opening=np.array([openings[0], *openings][-2:]),
        tokens=(token,),
        table_height_m=0.0,
    )


def episode_columns(rng: np.random.Generator, frames: int = 24) -> dict[str, Array]:
    token, pose, opening = random_token(rng), random_start(rng), 1.0
    states, actions, done = [], [], []
    for _ in range(frames):
        states.append(encode_state(history([pose], [opening], token)))
        done.append(np.float32(opening < 0.1))
        pose, opening = expert_action(pose, opening, token)
        actions.append(encode_action(pose, opening))
    success = np.zeros(frames, dtype=bool)
    success[-1] = True
    return {
        "observation.state": np.stack(states),
        "action": np.stack(actions),
        "label_valid": np.ones(frames, dtype=np.float32),
        "done": np.array(done),
        "next.success": success,
    }


def write_dataset(directory: Path, episodes: list[dict[str, Array]]) -> Path:
    """Write episodes as LeRobot v3 lays them out: metadata and one parquet file."""
    lengths = [len(episode["action"]) for episode in episodes]
    columns = {name: np.concatenate([ep[name] for ep in episodes]) for name in episodes[0]}
    arrays = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        if values.ndim == 2
        else pa.array(values)
        for name, values in columns.items()
    }
    arrays["episode_index"] = pa.array(np.repeat(np.arange(len(lengths)), lengths))
    frames = np.concatenate([np.arange(n) for n in lengths])
    arrays["frame_index"] = pa.array(frames)
    arrays["timestamp"] = pa.array((frames / FPS).astype(np.float32))
    arrays["task_index"] = pa.array(np.zeros(len(frames), dtype=np.int64))
    path = directory / "data" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(arrays), path)
    scalar = {"dtype": "float32", "shape": [1], "names": None}
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "robot_type": "point",
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "features": {
            "observation.state": _vector(STATE_NAMES),
            "action": _vector(ACTION_NAMES),
            "label_valid": scalar,
            "done": scalar,
            "next.success": {"dtype": "bool", "shape": [1], "names": None},
        },
    }
    (directory / "meta").mkdir()
    (directory / "meta" / "info.json").write_text(json.dumps(info))
    tasks = pa.table({"task_index": [0], "task": ["reach the thing"]})
    pq.write_table(tasks, directory / "meta" / "tasks.parquet")
    return directory


def _vector(names: tuple[str, ...]) -> dict:
    return {"dtype": "float32", "shape": [len(names)], "names": list(names)}


def reaching_dataset(directory: Path, episodes: int = 60, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    return write_dataset(directory, [episode_columns(rng) for _ in range(episodes)])
