"""Reading a recorded dataset for training: our frame cache beside LeRobot's loader.

Run with ``python -m benchmarks.read``. Random windows in batches of 64 out of the same episodes,
with two cameras and with the state only; and what the cache costs beside decoding every picture
once. LeRobot runs with each of its settings, and the best of them counts.

What is ours to choose is chosen in the peer's favour: its datasets hold nothing but what is read
(it decodes all the cameras that a dataset has), its pictures stay bytes, each sample has one
picture per camera, warming up is not timed, and torchcodec finds PyAV's FFmpeg where the system
has none.
"""

import itertools
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.loader import PYAV, TORCHCODEC, alone, decoders, lean, peer_alone
from benchmarks.result import BenchResult, table
from benchmarks.train import BATCH

if TYPE_CHECKING:
    from policies.config import TrainConfig

REPEATS = 3
WANTED = {"cameras": 30.0, "state": 300.0}
"""How many times faster than the peer we mean to be."""

CAMERAS = ("front", "wrist")
PX = 128
_EPISODES = 20
_OBSERVATION_STEPS, _HORIZON = 2, 16
_WHAT = {"cameras": f"state and two {PX}x{PX} cameras", "state": "state only"}
_BATCHES = {"cameras": (400, 10), "state": (4000, 30)}
"""Timed batches of ours and of the peer."""
_WARM_UP = (64, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How LeRobot's loader is run.

    Attributes:
        workers: Processes of the torch loader.
        backend: What decodes its videos; None where there are none.
    """

    workers: int
    backend: str | None = None

    def __str__(self) -> str:
        workers = f"{self.workers} workers"
        return workers if self.backend is None else f"{self.backend}, {workers}"


_SETTINGS = {
    "cameras": [
        Setting(workers=workers, backend=backend)
        for backend, workers in itertools.product((PYAV, TORCHCODEC), (0, 2))
    ],
    "state": [Setting(workers=workers) for workers in (0, 2)],
}


def run() -> list[BenchResult]:
    """Windows per second of both, with cameras and without; then the cost of the cache."""
    with tempfile.TemporaryDirectory(prefix="bench-read-") as folder:
        datasets = alone(record, Path(folder))
        return [
            _compared(datasets["cameras"], "cameras"),
            _compared(datasets["state"], "state"),
            _cost(datasets["cameras"], Path(folder) / "cache"),
        ]


def record(folder: Path) -> dict[str, Path]:
    """Demonstrations of a grasp: a dataset with two cameras, and one with numbers only.

    The peer's own tool takes depth and language out, which it would read with every sample.
    """
    from robot_skills.app.demonstrations import generate_dataset
    from sim.generate import GenerateConfig

    whole = folder / "whole"
    size = (PX, PX)
    generate_dataset(
        GenerateConfig(task="grasp", episodes=_EPISODES, cameras=CAMERAS, camera_px=size), whole
    )
    kept = {"cameras": [_key(camera) for camera in CAMERAS], "state": []}
    for kind, cameras in kept.items():
        lean(whole, cameras, folder / kind)
    return {kind: folder / kind for kind in kept}


def _key(camera: str) -> str:
    return f"observation.images.{camera}"


# Windows per second


def _compared(dataset: Path, kind: str) -> BenchResult:
    ours: list[float] = []
    backends = (None, *decoders())
    peers: dict[Setting, list[float]] = {
        setting: [] for setting in _SETTINGS[kind] if setting.backend in backends
    }
    for _ in range(REPEATS):
        ours.append(alone(_ours, dataset, kind))
        for setting, rates in peers.items():
            rates.append(peer_alone(_peer, dataset, kind, setting))
    middle = {setting: median(rates) for setting, rates in peers.items()}
    best = max(middle, key=lambda setting: middle[setting])
    tried = [f"{setting}: {rate:.0f}" for setting, rate in middle.items()]
    tried += [f"{setting}: does not load" for setting in _SETTINGS[kind] if setting not in middle]
    rate = median(ours)
    return BenchResult(
        ours=rate,
        peer=middle[best],
        limit=None,
        ratio=rate / middle[best],
        unit=f"windows read per second, {_WHAT[kind]}",
        repeats=REPEATS,
        detail=(
            f"batch {BATCH}, {_OBSERVATION_STEPS} states, {_HORIZON} actions; ours: features and "
            "noise included; peer: LeRobotDataset and a torch loader at its best setting, of "
            f"{'; '.join(tried)}; wanted: {WANTED[kind]:.0f}x"
        ),
    )


def _config(kind: str) -> "TrainConfig":
    from policies.config import TrainConfig
    from policies.contract import ImageSpec, ObserveConfig

    # Whole pictures, as the peer's are.
    images = [ImageSpec(key=_key(camera), height=PX, width=PX, crop=1.0) for camera in CAMERAS]
    return TrainConfig(
        batch_size=BATCH,
        observation_steps=_OBSERVATION_STEPS,
        horizon=_HORIZON,
        observe=ObserveConfig(images=images if kind == "cameras" else []),
    )


def _ours(dataset: Path, kind: str) -> float:
    from policies.dataset import load_datasets
    from policies.pictures import open_pictures
    from policies.sources import WindowSource

    config = _config(kind)
    contract, data = load_datasets(
        [dataset], config.observe, config.observation_steps, config.horizon
    )
    pictures = open_pictures([dataset], contract, progress=False) if kind == "cameras" else None
    source = WindowSource(data, contract, config, pictures)
    first, count = _WARM_UP[0], _BATCHES[kind][0]
    for _ in source.batches(0, first):
        pass
    started_s = time.perf_counter()
    for _ in source.batches(first, first + count):
        pass
    return count * BATCH / (time.perf_counter() - started_s)


def _peer(dataset: Path, kind: str, setting: Setting) -> float:
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata
    from torch.utils.data import DataLoader, RandomSampler

    fps = LeRobotDatasetMetadata("bench/read", root=dataset).fps
    past = range(1 - _OBSERVATION_STEPS, 1)
    chunk = range(past.start, past.start + _HORIZON)
    data = LeRobotDataset(
        "bench/read",
        root=dataset,
        delta_timestamps={
            "observation.state": [i / fps for i in past],
            "action": [i / fps for i in chunk],
        },
        # Named, because looking for the other decoder fills the terminal with its errors.
        video_backend=setting.backend or PYAV,
        return_uint8=True,
    )
    first, count = _WARM_UP[1], _BATCHES[kind][1]
    sampler = RandomSampler(
        data,
        replacement=True,
        num_samples=BATCH * (first + count),
        generator=torch.Generator().manual_seed(0),
    )
    loader = DataLoader(data, BATCH, sampler=sampler, num_workers=setting.workers)
    started_s = 0.0
    for i, _ in enumerate(loader):
        if i == first - 1:
            started_s = time.perf_counter()
    return count * BATCH / (time.perf_counter() - started_s)


# The cost of the cache


def _cost(dataset: Path, cache_dir: Path) -> BenchResult:
    """Time to fill the cache, beside decoding the same pictures and throwing them away."""
    found = [alone(_filled_and_decoded, dataset, cache_dir / str(i)) for i in range(REPEATS)]
    filling_s, decoding_s = (median(times) for times in zip(*found, strict=True))
    return BenchResult(
        ours=filling_s,
        peer=decoding_s,
        limit=None,
        ratio=decoding_s / filling_s,
        unit="seconds to fill the cache of two cameras; peer: one pass of decoding",
        repeats=REPEATS,
        detail=(
            f"{_EPISODES} episodes, {PX}x{PX}; filling: {filling_s / decoding_s:.2f} passes, "
            "resizing, writing and waiting for the disk included; a pass: our decoder, nothing "
            "written; both as bytes RGB"
        ),
    )


def _filled_and_decoded(dataset: Path, cache_dir: Path) -> tuple[float, float]:
    """Seconds of both."""
    from policies.cache import open_cache
    from policies.dataset import load_datasets

    config = _config("cameras")
    contract, _ = load_datasets([dataset], config.observe, _OBSERVATION_STEPS, _HORIZON)
    # Once before: libraries are loaded, and the videos are in memory for both.
    _decode_all(dataset)
    started_s = time.perf_counter()
    open_cache(dataset, contract, cache_dir, progress=False)
    filled_s = time.perf_counter()
    _decode_all(dataset)
    return filled_s - started_s, time.perf_counter() - filled_s


def _decode_all(dataset: Path) -> None:
    from policies.cache.frames import RecordedFrames

    frames = RecordedFrames(dataset)
    for camera in CAMERAS:
        for _ in frames.colours(_key(camera)):
            pass


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
