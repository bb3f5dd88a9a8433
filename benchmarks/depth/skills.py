"""A skill through exact, raw and cleaned depth, on the same starts."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from policies.depth import CleanDepthRobot, DepthDenoiser
from robot_skills.app.depth_scores import median_filled
from robot_skills.app.stereo_sight import StereoPerceiver
from robot_skills.app.trials import SetupFailed, TrialConfig, skill_trial
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import PerceptionError
from robot_skills.core.robot import Robot
from sim.stereo_depth import D405, D435, StereoDepth
from sim.stereo_robot import StereoRobot
from sim.world import CAMERAS

CAMERA_KINDS: Mapping[str, StereoDepth] = {
    "D435": D435,
    "D405": D405,
    "D435, dark and shiny": replace(
        D435, subpixel_px=0.12, dark_level=0.2, dark_hole_share=0.9, shiny_level=0.9,
        shiny_hole_share=0.8, dropout_share=0.02, edge_hole_share=0.5, flying_share=0.4,
    ),
}  # fmt: skip
"""What is measured with; the last one as a D435 is among dark and shiny things."""
EYES = "eyes"
DEPTHS = ("exact", "raw", "median", "clean", EYES)
"""Exact; as the camera measures; holes filled and smoothed by a median; through the denoiser; and
through the denoiser before what a cell with `clean_depth` recognises things by."""
NOISE_SEEDS = 20
EVALUATION_SEED = 100_000


def trial(skill: str, kind: str, depth: str, index: int) -> dict[str, Any]:
    """One start of a skill; the same for all depths."""
    config = TrialConfig(arm="panda", scene="rgbd", seed=EVALUATION_SEED, zoo=zoo_dir())
    line = {"part": "skill", "skill": skill, "camera": kind, "depth": depth, "index": index}
    wrap = partial(seen_through, kind, depth, index % NOISE_SEEDS)
    try:
        eyes = StereoPerceiver() if depth == EYES else None
        done = skill_trial(config, skill, index, wrap=wrap, perceiver=eyes)
    except SetupFailed as failure:
        return {**line, "set_up": False, "success": False, "reason": str(failure)}
    except PerceptionError as error:
        return {**line, "set_up": True, "success": False, "reason": f"not seen: {error}"}
    return {**line, "set_up": True, "success": done.success, "reason": done.reason}


def seen_through(kind: str, depth: str, noise_seed: int, robot: Robot) -> Robot:
    """The robot with its cameras' depth as it is measured, and repaired."""
    if depth == "exact":
        return robot
    rng = np.random.default_rng((EVALUATION_SEED, noise_seed))
    noisy = StereoRobot(robot, dict.fromkeys(CAMERAS, CAMERA_KINDS[kind]), rng)
    match depth:
        case "raw" | "eyes":
            return noisy
        case "median":
            return CleanDepthRobot(noisy, lambda rgb, raw_m: median_filled(raw_m))
        case _:
            return CleanDepthRobot(noisy, denoiser())


@cache
def denoiser() -> DepthDenoiser:
    """The shipped one, loaded once per process."""
    return DepthDenoiser.load(zoo_dir() / "depth")
