"""Trains a denoiser of depth, step after step of what `robot-skills train-depth` does."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from policies.depth import (
    CleanFrame,
    DepthConfig,
    DepthDenoiser,
    DepthNetwork,
    DepthNetworkConfig,
    DepthTraining,
    load_frames,
    save_depth,
    save_frames,
    train_depth,
)
from policies.snapshot import Snapshots
from robot_skills.app.depth_scores import PLAIN_REPAIRS, Repair, denoised_by, score, total
from robot_skills.app.pool import in_order
from robot_skills.app.train_depth import TrainDepthOptions
from sim.stereo_depth import StereoDepth, StereoNoise, draw_stereo
from sim.stereo_scenes import SIZES_PX, clean_frames

DRAWN = "drawn"
HELD_OUT_SEED = 100_000
WORKSPACE_M = 1.5
"""What an arm is about is no further away."""
Camera = Callable[[np.random.Generator], StereoDepth]


def train_denoiser(options: TrainDepthOptions) -> DepthConfig:
    """Render what is missing, train, measure, and write the checkpoint.

    Raises:
        RefusedError: The noise cannot be read.
        StorageError: Something cannot be written.
    """
    camera = camera_of(options.noise)
    frames = rendered(options.work, options.seed, options.layouts, options.workers)
    recipe = DepthTraining(seed=options.seed, steps=options.steps, threads=options.threads)
    command = _command(options)
    snapshots = Snapshots(
        folder=options.work / f"training_{options.seed}",
        recipe={
            "command": command,
            "training": recipe.to_json(),
            "network": DepthNetworkConfig().to_json(),
        },
    )
    network = _trained(frames, partial(spoilt, camera), recipe, snapshots)
    config = DepthConfig(
        training=recipe.to_json(),
        data={"command": command, "frames": len(frames)},
        measured=_measured(network, options, camera),
    )
    save_depth(options.out, config, network)
    return config


def camera_of(noise: str) -> Camera:
    """Which camera to imitate next; without a bias, which a calibration takes off.

    Raises:
        RefusedError: There is no such file, or it is of something else.
    """
    if noise == DRAWN:
        return lambda rng: replace(draw_stereo(rng), scale=1.0, offset_m=0.0)
    from robot_skills.app.calibrate.depth_camera import stereo_of_file

    fitted = replace(stereo_of_file(Path(noise)), scale=1.0, offset_m=0.0)
    return lambda rng: fitted


def spoilt(camera: Camera, frame: CleanFrame, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a camera would measure of a frame."""
    return StereoNoise(camera(rng), rng)(frame.rgb, frame.depth_m, frame.K)


def rendered(work: Path, seed: int, layouts: int, workers: int) -> list[CleanFrame]:
    """Frames of random layouts; what was rendered before is only read."""
    files = [work / "frames" / f"{seed}_{i:05d}.npz" for i in range(layouts)]
    missing = [(file, i) for i, file in enumerate(files) if not file.exists()]
    calls = [partial(_render, file, seed, i) for file, i in missing]
    for _ in tqdm(in_order(calls, workers), total=len(calls), desc="rendering", file=sys.stderr):
        pass
    return [frame for file in files for frame in load_frames(file)]


def _render(file: Path, seed: int, index: int) -> None:
    frames = clean_frames(np.random.default_rng((seed, index)), SIZES_PX[index % len(SIZES_PX)])
    save_frames(file, [CleanFrame(rgb=f.rgb, depth_m=f.depth_m, K=f.K) for f in frames])


def _trained(
    frames: Sequence[CleanFrame],
    spoil: Callable[[CleanFrame, np.random.Generator], NDArray[np.float32]],
    recipe: DepthTraining,
    snapshots: Snapshots,
) -> DepthNetwork:
    with tqdm(total=recipe.steps, desc="training", unit="step", file=sys.stderr) as bar:

        def progress(step: int, loss: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        return train_depth(frames, spoil, recipe, snapshots=snapshots, progress=progress)


def _measured(
    network: DepthNetwork, options: TrainDepthOptions, camera: Camera
) -> dict[str, dict[str, float]]:
    """How far depth is off in layouts that were not learned from."""
    frames = rendered(options.work, HELD_OUT_SEED, options.held_out, options.workers)
    repairs: dict[str, Repair] = {**PLAIN_REPAIRS, "clean": denoised_by(DepthDenoiser(network))}
    scores = {name: [] for name in repairs}
    for i, frame in enumerate(frames):
        raw_m = spoilt(camera, frame, np.random.default_rng((HELD_OUT_SEED, i)))
        for name, repair in repairs.items():
            scores[name].append(score(repair(frame.rgb, raw_m), frame.depth_m, 0.0, WORKSPACE_M))
    return {
        f"all pixels within {WORKSPACE_M} m, holes filled": {
            f"{name}_mm": 1e3 * total(each).filled_rmse_m for name, each in scores.items()
        },
        f"readings within {WORKSPACE_M} m": {
            f"{name}_mm": 1e3 * total(each).read_rmse_m for name, each in scores.items()
        },
    }


def _command(options: TrainDepthOptions) -> str:
    """What makes the same checkpoint again."""
    return (
        f"robot-skills train-depth --out {options.out.name} --noise {options.noise} "
        f"--layouts {options.layouts} --held-out {options.held_out} --steps {options.steps} "
        f"--seed {options.seed}"
    )
