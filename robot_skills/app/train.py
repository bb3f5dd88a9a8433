"""`robot-skills train`: a policy from its demonstrations."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from robot_skills.app.options import TrainOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.threads import sleep_while_waiting
from robot_skills.core.errors import DatasetError, RefusedError, RobotSkillsError

if TYPE_CHECKING:
    from calibration.randomisation import Randomisation
    from policies.config import TrainConfig
    from policies.contract import CloudSpec

_IMAGES = "observation.images."


def main(options: TrainOptions) -> CommandResult:
    """Train on the datasets that the options name."""
    sleep_while_waiting()
    for dataset in options.dataset:
        if not (dataset / "meta" / "info.json").is_file():
            raise DatasetError(
                f"{dataset} is not a LeRobot dataset: it has no meta/info.json. "
                "`robot-skills generate` makes one."
            )
    try:
        config = config_of(options)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    from policies.trainer import train

    result = train(
        options.dataset,
        options.out,
        config,
        resume=options.resume,
        log_dir=options.out / "logs" if options.log else None,
        wandb_project=options.wandb,
        teacher=options.teacher,
        device=options.device,
    )
    exported = export_too(result.checkpoint) if _is_first_of_team() else None
    calibration = result.calibration
    print(
        f"{result.checkpoint}: {result.steps} steps in {result.seconds:.0f} s, "
        f"loss {result.loss:.4f}, termination loss {result.done_loss:.4f}, "
        f"calibration error {calibration.ece:.3f} on {calibration.n} frames"
    )
    return CommandResult(
        payload={
            "checkpoint": str(result.checkpoint),
            "exported": exported,
            "steps": result.steps,
            "seconds": result.seconds,
            "loss": result.loss,
            "done_loss": result.done_loss,
            "calibration_error": calibration.ece,
            "calibration_n": calibration.n,
        }
    )


def export_too(checkpoint: Path) -> str | None:
    """Make the checkpoint run without torch too; it is as good as before where that fails."""
    from policies.export import export_onnx

    try:
        return str(export_onnx(checkpoint))
    except RobotSkillsError as error:
        print(f"robot-skills: not exported, so it runs with torch: {error}", file=sys.stderr)
        return None


def _is_first_of_team() -> bool:
    """Whether this process speaks for all that train together (`torchrun` numbers them)."""
    return os.environ.get("RANK", "0") == "0"


def config_of(options: TrainOptions) -> "TrainConfig":
    """The recipe that the options ask for.

    Raises:
        ValueError: They contradict each other.
    """
    from dataclasses import replace

    from policies.config import Head, Preset, TrainConfig, Trunk
    from policies.contract import Channels, ImageSpec, ObserveConfig
    from policies.heads.presets import suggested
    from policies.trunks.presets import preset
    from robot_skills.app.sim2real.learning import input_noise

    sampler = replace(
        suggested(Head(options.head)), drop_goal=options.drop_goal, guidance=options.guidance
    )
    if options.inference_steps is not None:
        sampler = replace(sampler, inference_steps=options.inference_steps)
    width, height = options.image_px
    images = [
        ImageSpec(
            key=_key(camera),
            height=height,
            width=width,
            channels=Channels(options.channels),
        )
        for camera in options.cameras
    ]
    return TrainConfig(
        seed=options.seed,
        steps=options.steps,
        max_minutes=options.minutes,
        batch_size=options.batch_size,
        threads=options.threads,
        compile=options.compile,
        horizon=options.horizon,
        network=preset(Trunk(options.trunk), Preset(options.preset)),
        sampler=sampler,
        noise=input_noise(_randomisation(options)),
        observe=ObserveConfig(
            leave_out=list(options.leave_out),
            images=images,
            clouds=[_cloud(options, camera) for camera in options.clouds],
            language=options.language,
            allow_constant=options.allow_constant or all(map(_is_of_a_suite, options.dataset)),
        ),
    )


def _randomisation(options: TrainOptions) -> "Randomisation | None":
    from calibration.randomisation import load_randomisation

    return None if options.randomise is None else load_randomisation(options.randomise)[0]


def _key(camera: str) -> str:
    return camera if camera.startswith(_IMAGES) else _IMAGES + camera


def _cloud(options: TrainOptions, camera: str) -> "CloudSpec":
    """A camera's point cloud; its lens and pose are what the first dataset says.

    Raises:
        DatasetError: It says nothing, or the camera moves.
    """
    from policies.contract import CloudSpec
    from robot_skills.data.foreign.lerobot_info import CAMERAS_FILE

    path = options.dataset[0] / "meta" / CAMERAS_FILE
    try:
        known = json.loads(path.read_bytes())
        optics = known[camera.removeprefix(_IMAGES)]
        K, T_base_camera = optics["K"], optics["T_base_camera"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError(
            f"{path} does not say where the camera {camera} is and what its lens is like; without "
            "that its depth makes no points."
        ) from None
    if T_base_camera is None:
        raise DatasetError(f"The camera {camera} of {options.dataset[0]} moves; a cloud cannot.")
    return CloudSpec(
        key=_key(camera),
        K=K,
        T_base_camera=T_base_camera,
        low_m=list(options.cloud_low_m),
        high_m=list(options.cloud_high_m),
        points=options.cloud_points,
    )


def _is_of_a_suite(dataset: Path) -> bool:
    """Whether we generated it from a suite, whose states are meant to be as they are."""
    try:
        record = json.loads((dataset / "meta" / "generated.json").read_bytes())
        return ":" in record["config"]["task"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
