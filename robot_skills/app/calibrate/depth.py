"""`robot-skills calibrate depth`: how noisy a camera's depth is, from recordings."""

from calibration.depth_noise import DepthNoise, fit_depth_noise
from calibration.record import Device
from robot_skills.app.calibrate.depth_files import read_series
from robot_skills.app.calibrate.files import LENS, read_lens
from robot_skills.app.calibrate.finishing import check_cell_options, finish, say_refused
from robot_skills.app.calibrate.options import CalibrateDepth
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


def main(options: CalibrateDepth) -> CommandResult:
    """Fit, save, and say what was found."""
    check_cell_options(options)
    if options.unit_mm <= 0.0:
        raise RefusedError(f"--unit-mm must be above zero, it is {options.unit_mm:g}.")
    unit_m = 1e-3 * options.unit_mm
    flat, box = read_series(options.flat, unit_m), read_series(options.box, unit_m)
    device = Device(serial=options.serial, size_px=flat[0].size_px)
    lens = read_lens(options.lens or options.flat / LENS, options.camera, device)
    result = fit_depth_noise(flat, box, lens, unit_m)
    say_refused(result.rejected, options.box)
    print(told(result))
    return CommandResult(payload=finish(options, result, {options.camera: device}, None, {}, {}))


def told(result: DepthNoise) -> str:
    """What was found, for people."""
    flat, box = result.flat, result.box
    near = min(view.distance_m for view in flat.views.values())
    far = max(view.distance_m for view in flat.views.values())
    sigma_w, error = flat.sigma_w
    step_w = flat.step_w[0]
    return "\n".join(
        [
            f"{len(flat.views)} distances from {near:.2f} to {far:.2f} m; the noise grows with the "
            f"distance to the power of {flat.exponent[0]:.2f} ± {flat.exponent[1]:.2f}",
            f"a reading at 1 m is off by {1e3 * sigma_w:.2f} ± {1e3 * error:.2f} mm, "
            f"{100 * flat.fixed_share[0]:.0f} % of the variance stays from frame to frame; "
            + (f"steps of {1e3 * step_w:.2f} mm at 1 m" if step_w else "no steps can be told"),
            f"depth = {flat.scale[0]:.4f} times the distance {1e3 * flat.offset_m[0]:+.1f} mm"
            if any(view.told_m is not None for view in flat.views.values())
            else "distances were not told, so scale and offset are unknown",
            f"imagers {1e3 * box.baseline_m[0]:.1f} ± {1e3 * box.baseline_m[1]:.1f} mm apart",
            f"holes: {_percent(flat.dropout)} anywhere, {_percent(box.shadow_share)} in the "
            f"shadow, {_percent(box.edge_hole_share)} within {box.edge_width_px} px of an edge, "
            f"where {_percent(box.flying_share)} of the readings are between surfaces",
        ]
    )


def _percent(share: tuple[float, float]) -> str:
    return f"{100 * share[0]:.1f} ± {100 * share[1]:.1f} %"
