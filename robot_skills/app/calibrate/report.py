"""The page about a calibration: what was found, how well, and from which pictures."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from calibration.depth_noise import DepthNoise
from calibration.hand_eye import HandEye
from calibration.intrinsics import Intrinsics
from calibration.latency import Latency
from calibration.lens import PARAMETERS
from calibration.record import Record
from calibration.rig import Rig
from robot_skills.app.calibrate import depth_report, figures, latency_report
from robot_skills.app.calibrate.cell_lines import pose_field
from robot_skills.app.calibrate.files import write_bytes

Facts = Sequence[tuple[str, str]]


def write_report(path: Path, record: Record, digest: str, refused: Mapping[str, str]) -> None:
    """Write the page.

    Args:
        path: Of the page.
        record: The calibration.
        digest: Its hash.
        refused: Why which picture could not be used.

    Raises:
        StorageError: It cannot be written.
    """
    write_bytes(path, render_report(record, digest, refused).encode())


def render_report(record: Record, digest: str, refused: Mapping[str, str]) -> str:
    """The page as HTML."""
    result, cameras = record.result, " and ".join(record.cameras)
    match result:
        case Intrinsics():
            title = f"Lens of {cameras}"
            facts, drawn = _lens_facts(result), figures.lens_figures(result)
        case HandEye():
            title = f"Mount of {cameras}"
            facts, drawn = _mount_facts(result), figures.mount_figures(result)
        case Rig():
            title = f"Rig of {cameras}"
            facts, drawn = _rig_facts(result), figures.rig_figures(result)
        case DepthNoise():
            title = f"Depth of {cameras}"
            facts = depth_report.depth_facts(result)
            drawn = depth_report.depth_figures(result)
        case Latency():
            title = f"Latencies of {result.robot}"
            facts = latency_report.latency_facts(result)
            drawn = latency_report.latency_figures(result)
    devices = [
        (name, one.serial or "-", f"{one.size_px[0]} x {one.size_px[1]}")
        for name, one in record.cameras.items()
    ]
    return _template().render(
        title=title,
        record=record,
        digest=digest,
        devices=devices,
        facts=facts,
        figures=drawn,
        left_out={**refused, **result.rejected},
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("calibration_report.html.j2")


def _lens_facts(found: Intrinsics) -> Facts:
    numbers = zip(PARAMETERS, found.lens.numbers(), found.sigma, strict=True)
    return [
        ("views", str(len(found.view_px))),
        ("corners off", f"{found.rms_px:.3f} px"),
        ("in held-out views", f"{found.held_out_px:.3f} px"),
        ("covered", f"{100 * found.coverage.share:.0f} %"),
        ("tilts apart", f"{np.rad2deg(found.tilt_rad):.0f}°"),
        *((name, f"{value:.5g} ± {sigma:.2g}") for name, value, sigma in numbers if sigma > 0.0),
    ]


def _mount_facts(found: HandEye) -> Facts:
    return [
        ("on the", found.mount.value),
        ("T_mount_camera", pose_field(found.T_mount_camera)),
        ("known to", f"{1e3 * found.sigma_m:.2f} mm, {np.rad2deg(found.sigma_rad):.3f}°"),
        ("views", str(len(found.views))),
        ("corners off", f"{found.rms_px:.3f} px"),
        (
            "left out in turn",
            f"{1e3 * found.left_out_m:.2f} mm, {np.rad2deg(found.left_out_rad):.3f}°",
        ),
        (
            "the arm itself, per axis",
            f"{1e3 * found.robot_sigma_m:.2f} mm, {np.rad2deg(found.robot_sigma_rad):.3f}°",
        ),
        (
            "closed forms apart",
            f"{1e3 * found.methods_m:.2f} mm, {np.rad2deg(found.methods_rad):.3f}°",
        ),
        ("arm turned by up to", f"{np.rad2deg(found.turn_rad):.0f}°"),
    ]


def _rig_facts(found: Rig) -> Facts:
    facts = [("views", str(len(found.views)))]
    for camera, T in found.T_rig_camera.items():
        facts.append((camera, f"{pose_field(T)}, {found.rms_px[camera]:.3f} px"))
    return facts
