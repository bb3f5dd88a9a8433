"""How far depth is off, raw and repaired, in scenes that nothing was learned from; and how fast."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.depth.skills import CAMERA_KINDS, denoiser
from robot_skills.app.depth_scores import PLAIN_REPAIRS, DepthScore, Repair, denoised_by, score
from robot_skills.app.depth_training import WORKSPACE_M
from sim.stereo_depth import StereoDepth, StereoNoise, draw_stereo
from sim.stereo_scenes import clean_frames

SIZE_PX = (320, 240)
DRAWN = "drawn"
KINDS = (*CAMERA_KINDS, DRAWN)
PIXELS = ("in range", "within 1.5 m", "read raw", "off edges")
"""Of the camera's range; of these, within an arm's reach; of these, those that the raw depth has a
reading for, and those that are not at an edge."""
_EDGE_PX, _EDGE_M = 2, 0.05
"""So near to a jump of depth a pixel is at an edge."""
SEED = 200_000
_WARM_UP, _TIMED = 5, 40


def trial(kind: str, index: int) -> dict[str, Any]:
    """Eight frames of one layout."""
    rng = np.random.default_rng((SEED, index))
    camera = draw_stereo(rng) if kind == DRAWN else CAMERA_KINDS[kind]
    found: dict[tuple[str, str], DepthScore] = {}
    noise: dict[int, StereoNoise] = {}
    for i, frame in enumerate(clean_frames(np.random.default_rng((SEED, index)), SIZE_PX)):
        # Frames come from two cameras in turn.
        one = noise.setdefault(i % 2, StereoNoise(camera, rng.spawn(1)[0]))
        raw_m = unbiased(one(frame.rgb, frame.depth_m, frame.K), camera)
        for name, repair in _repairs().items():
            repaired = repair(frame.rgb, raw_m)
            for pixels, true_m in _truths(frame.depth_m, raw_m).items():
                furthest_m = camera.furthest_m
                if pixels != "in range":
                    furthest_m = min(furthest_m, WORKSPACE_M)
                got = score(repaired, true_m, camera.nearest_m, furthest_m)
                found[name, pixels] = found.get((name, pixels), DepthScore()) + got
    scores: dict[str, dict[str, Any]] = {name: {} for name, _ in found}
    for (name, pixels), one in found.items():
        scores[name][pixels] = asdict(one)
    return {"part": "errors", "camera": kind, "index": index, "scores": scores}


def _truths(depth_m: NDArray[np.float32], raw_m: NDArray[np.float32]) -> dict[str, Any]:
    """Exact depth, without the pixels that do not count."""
    kernel = np.ones((2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1), np.uint8)
    jump = np.asarray(cv2.dilate(depth_m, kernel)) - np.asarray(cv2.erode(depth_m, kernel))
    return {
        "in range": depth_m,
        "within 1.5 m": depth_m,
        "read raw": np.where(raw_m > 0.0, depth_m, np.float32(0.0)),
        "off edges": np.where(jump < _EDGE_M, depth_m, np.float32(0.0)),
    }


def unbiased(raw_m: np.ndarray, camera: StereoDepth) -> np.ndarray:
    """Without scale and offset, which a calibration knows."""
    return np.where(raw_m > 0.0, (raw_m - camera.offset_m) / camera.scale, 0.0).astype(np.float32)


def timing() -> dict[str, Any]:
    """How long the denoiser takes for a frame, on one core and on two."""
    frame = next(iter(clean_frames(np.random.default_rng(SEED), SIZE_PX, poses=1)))
    run = partial(denoiser(), frame.rgb, frame.depth_m)
    one, two = (_took_s(run, threads) for threads in (1, 2))
    return {
        "part": "timing",
        "ms": 1e3 * float(np.median(one)),
        "p95_ms": 1e3 * float(np.quantile(one, 0.95)),
        "two_cores_ms": 1e3 * float(np.median(two)),
        "two_cores_p95_ms": 1e3 * float(np.quantile(two, 0.95)),
    }


def _took_s(run: Callable[[], object], threads: int) -> list[float]:
    """Of each of some calls."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for _ in range(_WARM_UP):
            run()
        took_s = []
        for _ in range(_TIMED):
            start_s = time.perf_counter()
            run()
            took_s.append(time.perf_counter() - start_s)
    finally:
        torch.set_num_threads(before)
    return took_s


def _repairs() -> dict[str, Repair]:
    return {**PLAIN_REPAIRS, "clean": denoised_by(denoiser())}
