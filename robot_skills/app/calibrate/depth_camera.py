"""A fitted camera as the simulator imitates it."""

from dataclasses import replace
from pathlib import Path

from calibration.depth_noise import DepthNoise
from calibration.errors import CalibrationRefused, Cause
from calibration.record import load_record
from sim.stereo_depth import D435, StereoDepth


def stereo_of_file(path: Path) -> StereoDepth:
    """The camera of a calibration file.

    Raises:
        CalibrationRefused: It is missing, damaged, or of another kind.
    """
    record = load_record(path)
    if not isinstance(record.result, DepthNoise):
        raise CalibrationRefused(
            Cause.OTHER_KIND,
            f"{path} is a calibration of kind {record.kind}, not of depth: make one with "
            "`robot-skills calibrate depth`.",
        )
    return stereo_of(record.result)


def stereo_of(found: DepthNoise) -> StereoDepth:
    """The camera that was found; what the recordings do not show is that of a D435."""
    flat, box = found.flat, found.box
    focal_px, baseline_m = found.lens.lens_px[0], box.baseline_m[0]
    focal_baseline = focal_px * baseline_m
    camera = replace(
        D435,
        baseline_m=baseline_m,
        focal_px=focal_px,
        subpixel_px=flat.sigma_w[0] * focal_baseline,
        disparity_step_px=flat.step_w[0] * focal_baseline,
        depth_unit_m=found.unit_m,
        correlation_px=flat.correlation_px[0],
        fixed_share=min(flat.fixed_share[0], 1.0),
        scale=flat.scale[0],
        offset_m=flat.offset_m[0],
        shadow_share=min(box.shadow_share[0], 1.0),
        edge_jump_px=D435.edge_jump_px * focal_px / D435.focal_px,
        edge_width_px=box.edge_width_px,
        edge_hole_share=box.edge_hole_share[0],
        flying_share=box.flying_share[0],
        dropout_share=flat.dropout[0],
        flicker=flat.flicker[0],
    )
    if box.dark is not None:
        camera = replace(camera, dark_level=box.dark.level, dark_hole_share=box.dark.hole_share)
    if box.shiny is not None:
        camera = replace(camera, shiny_level=box.shiny.level, shiny_hole_share=box.shiny.hole_share)
    return camera
