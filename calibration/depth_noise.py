"""How noisy the depth of a stereo camera is: a model fitted to recordings.

A flat target at several distances says how far readings are off (`calibration.depth_flat`), a box
in front of something flat where there are none (`calibration.depth_box`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.depth_box import BoxHoles, fit_box
from calibration.depth_flat import LEAST_DISTANCES, FlatNoise, fit_flat
from calibration.depth_frames import DepthSeries, check_series
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import Lens

_MOST_EXPONENT_OFF = 0.7
_MOST_UNSURE = 0.5
_LEAST_JUMP = 30.0
"""Standard deviations of a reading between box and background."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DepthNoise:
    """A fitted model of the noise of one camera.

    Attributes:
        lens: Of the frames.
        unit_m: Depth is a multiple of it.
        flat: Noise of readings.
        box: Holes.
        rejected: Why which series was left out, by name.
    """

    lens: Lens
    unit_m: float
    flat: FlatNoise
    box: BoxHoles
    rejected: Mapping[str, str]

    @property
    def unsure(self) -> float:
        """Standard deviation of the noise's size, as a share of it."""
        sigma_w, error = self.flat.sigma_w
        return error / max(sigma_w, 1e-12)

    def unbiased(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth without the camera's scale and offset; holes stay."""
        found = (depth_m - self.flat.offset_m[0]) / self.flat.scale[0]
        return np.where(depth_m > 0.0, found, 0.0).astype(np.float32)


def fit_depth_noise(
    flat: Sequence[DepthSeries], box: Sequence[DepthSeries], lens: Lens, unit_m: float
) -> DepthNoise:
    """Fit a model to recordings.

    Args:
        flat: A flat target that fills the middle of the picture, one series per distance.
        box: A box in front of something flat; of several series the first that can be used.
        lens: Of the frames.
        unit_m: Depth is a multiple of it.

    Raises:
        CalibrationRefused: The recordings do not show what is needed, or contradict the model.
    """
    if len(flat) < LEAST_DISTANCES:
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"The flat target is needed at {LEAST_DISTANCES} distances or more, there are "
            f"{len(flat)}: record it nearer and further away.",
        )
    if not box:
        raise CalibrationRefused(Cause.NO_BOX, "There is no recording of a box.")
    check_series([*flat, *box], lens.size_px)
    noise = fit_flat(flat, lens.lens_px[2:], unit_m)
    _check_noise(noise)
    holes, rejected = _first_box(box, lens, noise)
    return DepthNoise(lens=lens, unit_m=unit_m, flat=noise, box=holes, rejected=rejected)


def _first_box(
    box: Sequence[DepthSeries], lens: Lens, noise: FlatNoise
) -> tuple[BoxHoles, dict[str, str]]:
    rejected: dict[str, str] = {}
    total_w = float(np.mean([view.total_w for view in noise.views.values()]))
    refused: CalibrationRefused | None = None
    for one in box:
        try:
            found = fit_box(one, lens.lens_px[0], total_w, noise.dropout[0])
            if found.jump_w < _LEAST_JUMP * total_w:
                raise CalibrationRefused(
                    Cause.NO_BOX,
                    f"{one.name}: the box is hardly nearer than what is behind it: move it "
                    "towards the camera.",
                )
        except CalibrationRefused as error:
            refused, rejected[one.name] = error, str(error)
            continue
        return found, rejected
    assert refused is not None
    raise refused


def _check_noise(noise: FlatNoise) -> None:
    exponent, error = noise.exponent
    if abs(exponent - 2.0) > max(_MOST_EXPONENT_OFF, 3.0 * error):
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"The noise grows with the distance to the power of {exponent:.1f} ± {error:.1f}; that "
            "of a stereo camera grows with its square. Is the camera one, and did it stand still?",
        )
    sigma_w, unsure = noise.sigma_w
    if sigma_w <= 0.0 or unsure > _MOST_UNSURE * sigma_w:
        raise CalibrationRefused(
            Cause.NOT_ACCURATE,
            f"The noise differs between the distances by more than {100 * _MOST_UNSURE:.0f} % of "
            "it: record more frames, of one target and in one light.",
        )
