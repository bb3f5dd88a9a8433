"""Reading a recorded dataset for training: our frame cache beside LeRobot's loader.

Run with ``python -m benchmarks.read``. Random windows with one 96x96 camera, in batches of 64;
decoding, for us once and for LeRobot per sample, is timed by itself.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.result import BenchResult, table
from benchmarks.train import BATCH, CAMERA, PX, alone, peer_batches, record

REPEATS = 3
_BATCHES, _PEER_BATCHES, _WARM_UP = 300, 12, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One measurement.

    Attributes:
        samples_s: Windows per second, once everything is open.
        opening_s: Time until the first window: decoding, for us.
    """

    samples_s: float
    opening_s: float


def run() -> list[BenchResult]:
    """Windows per second of both."""
    with tempfile.TemporaryDirectory(prefix="bench-read-") as folder:
        dataset = Path(folder) / "dataset"
        record(dataset)
        found: dict[str, list[Reading]] = {"ours": [], "peer": []}
        for _ in range(REPEATS):
            found["ours"].append(alone(_ours, dataset))
            found["peer"].append(alone(_peer, dataset))
    rates = {name: median(r.samples_s for r in readings) for name, readings in found.items()}
    return [
        BenchResult(
            ours=rates["ours"],
            peer=rates["peer"],
            limit=None,
            ratio=rates["ours"] / rates["peer"],
            unit="windows read per second, state and one camera",
            repeats=REPEATS,
            detail=(
                f"batch {BATCH}, {PX}x{PX} pictures; ours: decoded once in "
                f"{found['ours'][0].opening_s:.1f} s, then memory-mapped, augmentation and "
                "features too; peer: LeRobotDataset and a torch loader with two workers"
            ),
        )
    ]


def _ours(dataset: Path) -> Reading:
    from policies.config import TrainConfig
    from policies.contract import ImageSpec, ObserveConfig
    from policies.dataset import load_datasets
    from policies.pictures import open_pictures
    from policies.sources import WindowSource

    image = ImageSpec(key=f"observation.images.{CAMERA}", height=PX, width=PX)
    config = TrainConfig(batch_size=BATCH, observe=ObserveConfig(images=[image]))
    started_s = time.perf_counter()
    contract, data = load_datasets(
        [dataset], config.observe, config.observation_steps, config.horizon
    )
    pictures = open_pictures([dataset], contract, progress=False)
    source = WindowSource(data, contract, config, pictures)
    opened_s = time.perf_counter()
    for _ in source.batches(0, _BATCHES):
        pass
    seconds = time.perf_counter() - opened_s
    return Reading(samples_s=_BATCHES * BATCH / seconds, opening_s=opened_s - started_s)


def _peer(dataset: Path) -> Reading:
    started_s = time.perf_counter()
    first_s = started_s
    for i, _ in enumerate(peer_batches(dataset, _PEER_BATCHES + _WARM_UP)):
        if i == _WARM_UP - 1:
            first_s = time.perf_counter()
    seconds = time.perf_counter() - first_s
    return Reading(samples_s=_PEER_BATCHES * BATCH / seconds, opening_s=first_s - started_s)


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
