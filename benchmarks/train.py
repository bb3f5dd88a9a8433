"""Learning speed on one recorded dataset: our trainer beside LeRobot's loader and policies.

Run with ``python -m benchmarks.train``. Every measurement is a process of its own, sides take
turns, and both get the same processor threads. The peer runs as `lerobot-train` runs it: its
dataset class, a torch loader, its DiffusionPolicy (or ACT) with its own settings.
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.result import BenchResult, table

REPEATS = 3
WANTED = {"state": 10.0, "camera": 5.0}
"""How many times faster than the peer we mean to be."""

CAMERA = "front"
PX = 96
_EPISODES = 12
_STEPS = {"state": (600, 30), "camera": (40, 12)}
"""Timed steps of ours and of the peer."""
_WARM_UP = 4
BATCH = 64
_THREADS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """One measurement.

    Attributes:
        samples_s: Windows learned from per second.
        memory_mb: Peak resident memory of the process.
    """

    samples_s: float
    memory_mb: float


def run() -> list[BenchResult]:
    """Samples per second with a state only, and with one camera."""
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        dataset = Path(folder) / "dataset"
        record(dataset)
        return [_compared(dataset, kind) for kind in ("state", "camera")]


def record(out: Path) -> None:
    """Demonstrations of a grasp with one camera."""
    from sim.generate import GenerateConfig, generate

    config = GenerateConfig(task="grasp", episodes=_EPISODES, cameras=(CAMERA,), camera_px=(PX, PX))
    generate(config, out)


def _compared(dataset: Path, kind: str) -> BenchResult:
    speeds: dict[str, list[Speed]] = {"ours": [], "peer": [], "act": []}
    jobs: dict[str, Callable[[Path, str], Speed]] = {"ours": _ours, "peer": _diffusion}
    if kind == "camera":
        jobs["act"] = _act
    for _ in range(REPEATS):
        for name, job in jobs.items():
            speeds[name].append(alone(job, dataset, kind))
    middle = {
        name: Speed(
            samples_s=median(s.samples_s for s in found),
            memory_mb=median(s.memory_mb for s in found),
        )
        for name, found in speeds.items()
        if found
    }
    ours, peer = middle["ours"], middle["peer"]
    memory = ", ".join(f"{name} {speed.memory_mb:.0f} MB" for name, speed in middle.items())
    act = f"; LeRobot's ACT: {middle['act'].samples_s:.0f}" if "act" in middle else ""
    what = "state only" if kind == "state" else f"state and one {PX}x{PX} camera"
    return BenchResult(
        ours=ours.samples_s,
        peer=peer.samples_s,
        limit=None,
        ratio=ours.samples_s / peer.samples_s,
        unit=f"training samples/s, {what}",
        repeats=REPEATS,
        detail=(
            f"batch {BATCH}, {_THREADS} threads, loading included; ours: residual MLP diffusion; "
            f"peer: LeRobot DiffusionPolicy, down_dims (128, 256), its dataset and loader{act}; "
            f"peak memory: {memory}; wanted: {WANTED[kind]:.0f}x"
        ),
    )


def alone[T](job: Callable[..., T], *arguments: Any) -> T:
    """What a function of a module returns in a fresh process, which may have children."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job, *arguments).result()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _ours(dataset: Path, kind: str) -> Speed:
    from policies.config import TrainConfig
    from policies.contract import ImageSpec, ObserveConfig
    from policies.trainer import train

    steps = _STEPS[kind][0]
    image = ImageSpec(key=f"observation.images.{CAMERA}", height=PX, width=PX)
    config = TrainConfig(
        steps=steps,
        batch_size=BATCH,
        threads=_THREADS,
        held_out=0.0,
        save_every=10**9,
        observe=ObserveConfig(images=[image] if kind == "camera" else []),
    )
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        result = train(dataset, Path(folder) / "out", config, progress=False)
    return Speed(samples_s=steps * BATCH / result.seconds, memory_mb=_peak_mb())


def _diffusion(dataset: Path, kind: str) -> Speed:
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig

    def config(**features: Any) -> Any:
        return DiffusionConfig(
            n_obs_steps=2,
            horizon=16,
            n_action_steps=8,
            down_dims=(128, 256),
            crop_shape=(84, 84),
            pretrained_backbone_weights=None,
            device="cpu",
            **features,
        )

    return _peer(dataset, kind, config)


def _act(dataset: Path, kind: str) -> Speed:
    from lerobot.policies.act.configuration_act import ACTConfig

    def config(**features: Any) -> Any:
        return ACTConfig(
            chunk_size=16,
            n_action_steps=8,
            dim_model=256,
            pretrained_backbone_weights=None,
            device="cpu",
            **features,
        )

    return _peer(dataset, kind, config)


def _peer(dataset: Path, kind: str, make_config: Callable[..., Any]) -> Speed:
    """LeRobot's dataset, loader, policy and optimiser, put together as its trainer does."""
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    from benchmarks.peer import quiet

    quiet()
    torch.set_num_threads(_THREADS)
    torch.manual_seed(0)
    meta = LeRobotDatasetMetadata("bench/train", root=dataset)
    size = meta.features["observation.state"]["shape"][0]
    inputs = {"observation.state": PolicyFeature(type=FeatureType.STATE, shape=(size,))}
    if kind == "camera":
        picture = PolicyFeature(type=FeatureType.VISUAL, shape=(3, PX, PX))
        inputs[f"observation.images.{CAMERA}"] = picture
    else:
        key = "observation.environment_state"
        inputs[key] = PolicyFeature(type=FeatureType.ENV, shape=(size,))
    action = meta.features["action"]["shape"][0]
    config = make_config(
        input_features=inputs,
        output_features={"action": PolicyFeature(type=FeatureType.ACTION, shape=(action,))},
    )
    data = LeRobotDataset(
        "bench/train",
        root=dataset,
        delta_timestamps=_deltas(config, inputs, meta.fps),
        video_backend="pyav",
    )
    pre, _ = make_pre_post_processors(config, dataset_stats=_stats(meta.stats or {}))
    policy = get_policy_class(config.type)(config).train()
    optimiser = config.get_optimizer_preset().build(policy.get_optim_params())
    steps = _STEPS[kind][1]
    batches = _loaded(data, BATCH * (steps + _WARM_UP), kind)
    started_s = 0.0
    for i, batch in enumerate(batches):
        if i == _WARM_UP:
            started_s = time.perf_counter()
        if kind == "state":
            batch["observation.environment_state"] = batch["observation.state"]
        loss, _ = policy.forward(pre(batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimiser.step()
        optimiser.zero_grad()
    return Speed(samples_s=steps * BATCH / (time.perf_counter() - started_s), memory_mb=_peak_mb())


def _deltas(config: Any, inputs: dict[str, Any], fps: int) -> dict[str, list[float]]:
    """Which neighbours of a frame belong to a sample, as LeRobot's trainer asks for them."""
    deltas = {"action": [i / fps for i in config.action_delta_indices]}
    if config.observation_delta_indices is not None:
        seen = [key for key in inputs if key != "observation.environment_state"]
        deltas |= {key: [i / fps for i in config.observation_delta_indices] for key in seen}
    return deltas


def _stats(stats: dict[str, Any]) -> dict[str, Any]:
    return stats | {"observation.environment_state": stats["observation.state"]}


def _loaded(data: Any, samples: int, kind: str) -> Iterator[dict[str, Any]]:
    """Batches from LeRobot's dataset; pictures are decoded by two workers, which was fastest."""
    import torch
    from lerobot.utils.collate import lerobot_collate_fn
    from torch.utils.data import DataLoader, RandomSampler

    sampler = RandomSampler(
        data, replacement=True, num_samples=samples, generator=torch.Generator().manual_seed(0)
    )
    loader = DataLoader(
        data,
        BATCH,
        sampler=sampler,
        num_workers=2 if kind == "camera" else 0,
        collate_fn=lerobot_collate_fn if data.meta.has_language_columns else None,
        drop_last=True,
    )
    yield from loader


def peer_batches(dataset: Path, count: int) -> Iterator[dict[str, Any]]:
    """Batches with one camera as LeRobot's trainer for its DiffusionPolicy reads them."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata

    fps = LeRobotDatasetMetadata("bench/train", root=dataset).fps
    seen = [-1 / fps, 0.0]
    deltas = {
        "observation.state": seen,
        f"observation.images.{CAMERA}": seen,
        "action": [i / fps for i in range(-1, 15)],
    }
    data = LeRobotDataset(
        "bench/train", root=dataset, delta_timestamps=deltas, video_backend="pyav"
    )
    yield from _loaded(data, BATCH * count, "camera")


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
