"""Learning speed on one recorded dataset: our trainer beside LeRobot's loader and policies.

Run with ``python -m benchmarks.train``. Every measurement is a process of its own, sides take
turns, and both get the same processor threads. The peer runs as `lerobot-train` runs it: its
dataset class, a torch loader, its DiffusionPolicy (or ACT) with its own settings. Its dataset holds
nothing but what is read, and the decoder that was faster counts.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.loader import PYAV, alone, decoders, lean, peer_alone
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
        datasets = alone(record, Path(folder))
        return [_compared(datasets[kind], kind) for kind in ("state", "camera")]


def record(folder: Path) -> dict[str, Path]:
    """Demonstrations of a grasp: a dataset with numbers only, and one with a camera."""
    from robot_skills.app.demonstrations import generate_dataset
    from sim.generate import GenerateConfig

    whole = folder / "whole"
    config = GenerateConfig(task="grasp", episodes=_EPISODES, cameras=(CAMERA,), camera_px=(PX, PX))
    generate_dataset(config, whole)
    kept = {"state": [], "camera": [f"observation.images.{CAMERA}"]}
    for kind, cameras in kept.items():
        lean(whole, cameras, folder / kind)
    return {kind: folder / kind for kind in kept}


def _compared(dataset: Path, kind: str) -> BenchResult:
    jobs: dict[str, Callable[[], Speed]] = {"ours": partial(alone, _ours, dataset, kind)}
    policies = {"DiffusionPolicy": _diffusion} | ({"ACT": _act} if kind == "camera" else {})
    for decoder in decoders() if kind == "camera" else (PYAV,):
        for name, job in policies.items():
            where = f"{name}, {decoder}" if kind == "camera" else name
            jobs[where] = partial(peer_alone, job, dataset, kind, decoder)
    speeds: dict[str, list[Speed]] = {name: [] for name in jobs}
    for _ in range(REPEATS):
        for name, job in jobs.items():
            speeds[name].append(job())
    rates = {name: median(s.samples_s for s in found) for name, found in speeds.items()}
    memory = {name: median(s.memory_mb for s in found) for name, found in speeds.items()}
    tried = ", ".join(f"{name}: {rate:.0f}" for name, rate in rates.items() if name != "ours")
    peer = max(rate for name, rate in rates.items() if name.startswith("DiffusionPolicy"))
    what = "state only" if kind == "state" else f"state and one {PX}x{PX} camera"
    return BenchResult(
        ours=rates["ours"],
        peer=peer,
        limit=None,
        ratio=rates["ours"] / peer,
        unit=f"training samples/s, {what}",
        repeats=REPEATS,
        detail=(
            f"batch {BATCH}, {_THREADS} threads, loading included; ours: residual MLP diffusion; "
            "peer: LeRobot's DiffusionPolicy, down_dims (128, 256), the best of its dataset and "
            f"loader ({tried}); peak memory: ours {memory['ours']:.0f} MB, peer "
            f"{min(mb for name, mb in memory.items() if name != 'ours'):.0f} MB; "
            f"wanted: {WANTED[kind]:.0f}x"
        ),
    )


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


def _diffusion(dataset: Path, kind: str, decoder: str) -> Speed:
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

    return _peer(dataset, kind, decoder, config)


def _act(dataset: Path, kind: str, decoder: str) -> Speed:
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

    return _peer(dataset, kind, decoder, config)


def _peer(dataset: Path, kind: str, decoder: str, make_config: Callable[..., Any]) -> Speed:
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
        video_backend=decoder,
        return_uint8=True,
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
        for key in data.meta.camera_keys:
            batch[key] = batch[key].to(torch.float32) / 255.0
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
    from torch.utils.data import DataLoader, RandomSampler

    sampler = RandomSampler(
        data, replacement=True, num_samples=samples, generator=torch.Generator().manual_seed(0)
    )
    loader = DataLoader(
        data,
        BATCH,
        sampler=sampler,
        num_workers=2 if kind == "camera" else 0,
        drop_last=True,
    )
    yield from loader


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
