"""How far chunks move when a checkpoint is stored in fewer bits, in millimetres and degrees.

Run with ``python -m benchmarks.rounding``. Every learned skill answers the same recorded
observations with its weights as they were trained and as they would be read again; what is compared
is every waypoint of the chunk. The shipped skills are rounded already: what is looked at are
checkpoints from another training seed (``python -m benchmarks.train_seeds``).
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from policies.checkpoint import load_checkpoint
from policies.checkpoint_files import MANIFEST
from policies.compression import compress
from policies.contract import VECTOR
from policies.dataset import load_demonstrations, make_windows
from policies.features import Float32, chunk_poses, observation_features
from policies.precision import Precision
from policies.torch_engine import TorchEngine
from robot_skills.app.tables import text_table
from robot_skills.core.se3 import SE3

OBSERVATIONS = 500


def compare(checkpoint: Path, dataset: Path, precision: Precision) -> dict[str, Any]:
    """One line: what storing a skill so changes.

    Args:
        checkpoint: Folder of the skill's checkpoint, which has its name.
        dataset: Its demonstrations.
        precision: In what the weights are stored.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = compress(checkpoint, Path(folder) / checkpoint.name, precision)
        whole, rounded = (
            TorchEngine(load_checkpoint(each)) for each in (checkpoint, done.checkpoint)
        )
    off_m, off_rad = [], []
    for states in _observations(whole, dataset):
        before, after = (_poses(engine, states) for engine in (whole, rounded))
        off_m.append(np.linalg.norm(after[:, :3, 3] - before[:, :3, 3], axis=-1))
        off_rad.append(_angles(before[:, :3, :3], after[:, :3, :3]))
    mm, degrees = 1e3 * np.stack(off_m), np.rad2deg(np.stack(off_rad))
    return {
        "skill": checkpoint.name,
        "precision": precision.value,
        "bytes": done.bytes_after,
        "bytes_whole": done.bytes_before,
        "n": len(mm),
        "mm_mean": float(mm.mean()),
        "mm_max": float(mm.max()),
        "deg_mean": float(degrees.mean()),
        "deg_max": float(degrees.max()),
    }


def _observations(engine: TorchEngine, dataset: Path) -> Iterator[Float32]:
    """Histories of recorded states, (1, n, S), spread evenly over the demonstrations."""
    contract = engine.config.contract
    data = load_demonstrations(dataset)
    past = make_windows(data, contract.observation_steps, contract.horizon).past
    for i in np.linspace(0, len(past) - 1, OBSERVATIONS).astype(np.int64):
        yield data.states[past[i]][None]


def _poses(engine: TorchEngine, states: Float32) -> NDArray[np.float64]:
    """Waypoints in the tool frame that was observed, (H, 4, 4)."""
    engine.reset(0)
    chunk, _ = engine.run({VECTOR: engine.features.apply(observation_features(states))})
    return chunk_poses(SE3.identity().matrix(), engine.actions.invert(chunk))[0]


def _angles(R_tool_before: NDArray, R_tool_after: NDArray) -> NDArray[np.float64]:
    """Angle between rotations, (H,) [rad]; the arc of their trace is not exact for small ones."""
    apart = np.linalg.norm(R_tool_after - R_tool_before, axis=(-2, -1))
    return 2.0 * np.arcsin(np.clip(apart / np.sqrt(8.0), 0.0, 1.0))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare every learned skill and print the lines.

    Args:
        argv: Arguments without the program's name; `sys.argv` when None.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rounding", description=__doc__)
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("outputs/seeds/1"),
        help="folder of checkpoints as they were trained, by skill",
    )
    parser.add_argument("--data", type=Path, default=Path("outputs/data"))
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args(argv)
    checkpoints = sorted(path.parent for path in args.checkpoints.glob(f"*/{MANIFEST}"))
    if not checkpoints:
        parser.error(
            f"There is no checkpoint in {args.checkpoints}: train some with python -m "
            "benchmarks.train_seeds, or name another folder with --checkpoints."
        )
    rounded = (Precision.FLOAT16, Precision.INT8)
    pairs = [(checkpoint, precision) for precision in rounded for checkpoint in checkpoints]
    lines = [compare(each, args.data / each.name, precision) for each, precision in tqdm(pairs)]
    if args.json:
        print("\n".join(map(json.dumps, lines)))
        return
    head = ("skill", "precision", "MB", "mm: mean", "max", "degrees: mean", "max")
    keys = ("mm_mean", "mm_max", "deg_mean", "deg_max")
    print(
        text_table(
            head,
            [
                (
                    line["skill"],
                    line["precision"],
                    f"{line['bytes'] / 1e6:.2f}",
                    *(f"{line[key]:.3f}" for key in keys),
                )
                for line in lines
            ],
        )
    )


if __name__ == "__main__":
    main()
