"""Rollouts of a policy in a suite's task: the policy's words are the dataset's."""

import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robot_skills.app.trials import Trial
from sim.suites import Recording, SuiteTask, find_task
from sim.suites.suite import IMAGE, Sensed

if TYPE_CHECKING:
    from policies.faces import DescribedTask

DONE = 0.5
"""Probability from which a policy is taken to say that it has finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteTrialConfig:
    """What to roll out.

    Attributes:
        task: ``suite:task``.
        checkpoint: Folder of the policy: ours or LeRobot's.
        seed: First episode.
        execute_steps: Actions carried out of each chunk.
    """

    task: str
    checkpoint: Path
    seed: int
    execute_steps: int = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """How one episode went.

    Attributes:
        success: As the suite judges it.
        steps: Steps taken.
        said_done: Whether the policy said that it had finished when it had, or at the end.
        chunk_ms: Latency of each chunk.
    """

    success: bool
    steps: int
    said_done: bool
    chunk_ms: tuple[float, ...]


def roll_out(task: SuiteTask, policy: "DescribedTask", seed: int, execute_steps: int) -> Rollout:
    """Let a policy act until the task is done or its time is up.

    Args:
        task: Where.
        policy: Who.
        seed: Of the episode and of the policy's sampling.
        execute_steps: Actions carried out of each chunk before the next is asked for.
    """
    return roll_on(task, task.reset(seed), policy, seed, execute_steps)


def roll_on(
    task: SuiteTask, sensed: Sensed, policy: "DescribedTask", seed: int, execute_steps: int
) -> Rollout:
    """Let a policy act in an episode that has begun; else as `roll_out`.

    Args:
        task: Where.
        sensed: Its first observation.
        policy: Who.
        seed: Of the policy's sampling.
        execute_steps: Actions carried out of each chunk before the next is asked for.
    """
    policy.reset(seed)
    history: deque[Sensed] = deque([sensed] * policy.observation_steps, policy.observation_steps)
    latencies: list[float] = []
    actions: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
    place, said_done = 0, False
    for step in range(task.max_steps):
        if place >= min(execute_steps, len(actions)):
            started_s = time.perf_counter()
            chunk = policy.infer(stacked(history), task.instruction)
            latencies.append(1e3 * (time.perf_counter() - started_s))
            actions, place = chunk.actions, 0
            said_done = chunk.done >= DONE
        history.append(task.step(actions[place]))
        place += 1
        if task.succeeded():
            said_done = policy.infer(stacked(history), task.instruction).done >= DONE
            return Rollout(
                success=True, steps=step + 1, said_done=said_done, chunk_ms=tuple(latencies)
            )
    return Rollout(
        success=False, steps=task.max_steps, said_done=said_done, chunk_ms=tuple(latencies)
    )


def stacked(history: deque[Sensed]) -> dict[str, NDArray]:
    """Observations, oldest first, per feature: (n, ...)."""
    return {key: np.stack([sensed[key] for sensed in history]) for key in history[-1]}


def suite_task_trial(config: SuiteTrialConfig, index: int) -> Trial:
    """Roll out one episode; policy and task are opened once per process."""
    task, policy = _opened(config.task, config.checkpoint)
    started_s = time.perf_counter()
    rollout = roll_out(task, policy, config.seed + index, config.execute_steps)
    fps = find_task(config.task).fps
    ended = f"{'done' if rollout.success else 'not done'} after {rollout.steps} steps"
    return Trial(
        index=index,
        task=task.instruction,
        group=config.task,
        success=rollout.success,
        believed=rollout.said_done,
        reason=ended,
        sim_s=rollout.steps / fps,
        wall_s=time.perf_counter() - started_s,
        chunk_ms=float(np.median(rollout.chunk_ms)),
        attempts=1,
    )


@cache
def _opened(task: str, checkpoint: Path) -> tuple[SuiteTask, "DescribedTask"]:
    spec = find_task(task)
    policy = open_policy(checkpoint, spec.state_names)
    return spec.open(wanted_pictures(policy)), policy


def open_policy(checkpoint: Path, state_names: tuple[str, ...]) -> "DescribedTask":
    """A policy of ours, of LeRobot's, or on an openpi server; see `policies.loading`.

    Args:
        checkpoint: Its folder.
        state_names: Layout of the states that it will be shown.

    Raises:
        CheckpointError: There is no usable policy.
    """
    from policies.checkpoint_files import MANIFEST
    from policies.loading import load_task

    if not (checkpoint / MANIFEST).is_file():
        return load_task(checkpoint)
    from policies.faces import DescribedPolicy
    from policies.task_policy import TaskPolicy

    return DescribedPolicy(TaskPolicy.load(checkpoint, state_names=state_names))


def wanted_pictures(policy: "DescribedTask") -> Recording:
    """Cameras and picture size that a policy sees."""
    pictures = {**policy.sizes.pictures, **policy.sizes.depths}
    cameras = tuple(sorted({key.removeprefix(IMAGE).removesuffix("_depth") for key in pictures}))
    sizes = [size for size in pictures.values() if size is not None]
    if not cameras or not sizes:
        return Recording(cameras=cameras)
    height, width = sizes[0]
    return Recording(cameras=cameras, camera_px=(width, height))
