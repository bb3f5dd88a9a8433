"""Depth as an active stereo camera measures it, made from clean depth.

Two imagers see a point at depth z with the disparity ``d = f B / z``. What is measured is d, with a
noise that neighbouring pixels share, in steps; so the error of z grows with z squared. Where there
is nothing to match there is no reading, and where two surfaces meet the match is of either, of
something between, or none. Value noise and holes are modelled apart (Liu et al., *Manipulation as
in Simulation*, 2025); the law of the noise is that of Keselman et al., *Intel RealSense
stereoscopic depth cameras*, 2017.

===================  ==============================================================
``d``                disparity, pixels of the imagers
``u``                one Gaussian field per frame: a pixel is a hole where its
                     quantile is below the pixel's chance of being one
===================  ==============================================================
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import Array

Field = NDArray[np.float32]

_QUANTILES = ndtri(np.linspace(0.0, 1.0, 1025)).astype(np.float32)
"""Of the standard normal distribution; the first is that of no chance at all."""
_OVERTAKEN_PX = 0.05
"""By how much a pixel has to be passed by another on the right imager to be hidden by it."""
_SOFT = 0.15
"""Over which share of a threshold the chance of a hole rises from none to all of it."""
_SHARES = (
    "fixed_share",
    "shadow_share",
    "edge_hole_share",
    "flying_share",
    "dark_level",
    "dark_hole_share",
    "shiny_level",
    "shiny_hole_share",
    "grazing_hole_share",
    "dropout_share",
    "flicker",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoDepth:
    """What a stereo camera does to depth; as it stands, a RealSense D435 at 848 x 480.

    Disparities are in pixels of the imagers, everything else that is in pixels, in those of the
    picture that is given. Shares and levels are in [0, 1].

    Attributes:
        baseline_m: Distance of the two imagers.
        focal_px: Focal length of the imagers.
        subpixel_px: Standard deviation of the disparity.
        disparity_step_px: Disparity is a multiple of it.
        depth_unit_m: Depth is a multiple of it.
        correlation_px: Over which the noise of the disparity is smooth (standard deviation of the
            kernel).
        fixed_share: Share of the disparity's variance that is the same in every frame.
        scale: Depth is off by this factor.
        offset_m: And by this much.
        shadow_share: Share of holes in what one imager does not see.
        edge_jump_px: A jump of the disparity that is an edge.
        edge_width_px: How far an edge reaches to both sides.
        edge_hole_share: Share of holes there.
        flying_share: Share of readings there that are between the two surfaces.
        dark_level: Luminance below which too little comes back.
        dark_hole_share: Share of holes there.
        shiny_level: Luminance above which a highlight blinds the imagers.
        shiny_hole_share: Share of holes there.
        grazing_rad: Angle to the normal beyond which a surface is seen too flat.
        grazing_hole_share: Share of holes there.
        dropout_share: Share of holes anywhere.
        hole_size_px: Size of their blots (standard deviation of the kernel).
        flicker: Share of the holes' variance that is new in every frame.
        nearest_m: Nothing nearer is read.
        furthest_m: Nothing further is read.
    """

    baseline_m: float = 0.05
    focal_px: float = 425.0
    subpixel_px: float = 0.08
    disparity_step_px: float = 1.0 / 32.0
    depth_unit_m: float = 0.001
    correlation_px: float = 1.2
    fixed_share: float = 0.4
    scale: float = 1.0
    offset_m: float = 0.0
    shadow_share: float = 0.9
    edge_jump_px: float = 0.7
    edge_width_px: int = 1
    edge_hole_share: float = 0.35
    flying_share: float = 0.25
    dark_level: float = 0.08
    dark_hole_share: float = 0.7
    shiny_level: float = 0.97
    shiny_hole_share: float = 0.4
    grazing_rad: float = 1.35
    grazing_hole_share: float = 0.8
    dropout_share: float = 0.004
    hole_size_px: float = 1.0
    flicker: float = 0.3
    nearest_m: float = 0.17
    furthest_m: float = 6.0

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise RefusedError(f"{name} is a share in [0, 1], not {getattr(self, name)}.")
        for name in ("baseline_m", "focal_px", "edge_jump_px", "scale", "nearest_m"):
            if not getattr(self, name) > 0.0:
                raise RefusedError(f"{name} has to be positive, not {getattr(self, name)}.")
        for name in ("subpixel_px", "disparity_step_px", "depth_unit_m", "correlation_px",
                     "edge_width_px", "hole_size_px"):  # fmt: skip
            if getattr(self, name) < 0.0:
                raise RefusedError(f"{name} cannot be negative, it is {getattr(self, name)}.")
        if self.nearest_m >= self.furthest_m:
            raise RefusedError(
                f"Nothing is between nearest_m {self.nearest_m} and furthest_m {self.furthest_m}."
            )

    @property
    def focal_baseline(self) -> float:
        """Disparity times depth, px m."""
        return self.focal_px * self.baseline_m


D435 = StereoDepth()
"""RealSense D435: 50 mm, 8 hundredths of a pixel."""

D405 = replace(
    D435, baseline_m=0.018, focal_px=430.0, nearest_m=0.07, furthest_m=2.0, shiny_hole_share=0.2
)
"""RealSense D405: 18 mm, without a projector, for what is near."""


def draw_stereo(rng: np.random.Generator) -> StereoDepth:
    """A camera at random: of the baseline of a D435 or a D405, better or worse than usual."""
    kind = D435 if rng.random() < 0.6 else D405
    return replace(
        kind,
        subpixel_px=float(rng.uniform(0.04, 0.16)),
        disparity_step_px=float(rng.choice([1.0 / 32.0, 1.0 / 16.0])),
        correlation_px=float(rng.uniform(0.6, 2.0)),
        fixed_share=float(rng.uniform(0.1, 0.7)),
        scale=float(1.0 + rng.normal(0.0, 0.004)),
        offset_m=float(rng.normal(0.0, 0.001)),
        shadow_share=float(rng.uniform(0.6, 1.0)),
        edge_jump_px=float(rng.uniform(0.4, 1.5)),
        edge_width_px=int(rng.integers(1, 3)),
        edge_hole_share=float(rng.uniform(0.1, 0.7)),
        flying_share=float(rng.uniform(0.05, 0.5)),
        dark_level=float(rng.uniform(0.03, 0.2)),
        dark_hole_share=float(rng.uniform(0.3, 1.0)),
        shiny_level=float(rng.uniform(0.9, 1.0)),
        shiny_hole_share=float(rng.uniform(0.2, 1.0)),
        grazing_rad=float(rng.uniform(1.2, 1.5)),
        grazing_hole_share=float(rng.uniform(0.4, 1.0)),
        dropout_share=float(rng.uniform(0.0, 0.03)),
        hole_size_px=float(rng.uniform(0.5, 2.5)),
        flicker=float(rng.uniform(0.1, 0.6)),
    )


class StereoNoise:
    """Makes the depth of a stereo camera from clean depth, frame by frame.

    What is fixed in a camera is drawn at the first frame and kept, so every camera needs one of its
    own.

    Args:
        config: The camera.
        rng: Of everything that is random.
    """

    def __init__(self, config: StereoDepth, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._fixed: tuple[Field, Field] | None = None

    def __call__(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], K: Array
    ) -> NDArray[np.float32]:
        """The next frame's depth.

        Args:
            rgb: Picture, (H, W, 3).
            depth_m: Clean depth along the optical axis, (H, W), 0 = nothing.
            K: Intrinsics [px] of the picture, (3, 3).

        Returns:
            Measured depth, (H, W), 0 = hole.
        """
        config = self._config
        seen = (depth_m >= config.nearest_m) & (depth_m <= config.furthest_m)
        # Nothing is the same as infinitely far: it has an edge and casts no shadow.
        disparity = np.zeros_like(depth_m, dtype=np.float32)
        np.divide(config.focal_baseline, depth_m, out=disparity, where=depth_m > 0.0)
        low, high = _around(disparity, config.edge_width_px)
        edge = high - low > config.edge_jump_px
        value, blots = self._fields(depth_m.shape)
        chance = self._hole_chance(rgb, depth_m, disparity, edge, K)
        hole = blots < _QUANTILES[(chance * (len(_QUANTILES) - 1)).astype(np.int16)]
        measured = self._fly(disparity, low, high, edge)
        measured += config.subpixel_px * value
        if config.disparity_step_px > 0.0:
            measured = np.round(measured / config.disparity_step_px) * config.disparity_step_px
        read = seen & ~hole & (measured > 0.0)
        z = np.zeros_like(disparity)
        np.divide(config.scale * config.focal_baseline, measured, out=z, where=read)
        z[read] += config.offset_m
        if config.depth_unit_m > 0.0:
            z = np.round(z / config.depth_unit_m) * np.float32(config.depth_unit_m)
        z[(z < config.nearest_m) | (z > config.furthest_m)] = 0.0
        return z.astype(np.float32, copy=False)

    def _fields(self, shape: tuple[int, ...]) -> tuple[Field, Field]:
        """Standard normal fields of the disparity's noise and of the holes in this frame."""
        config = self._config
        if self._fixed is None or self._fixed[0].shape != shape:
            self._fixed = self._draw_fields(shape)
        (fixed_value, fixed_blots), (value, blots) = self._fixed, self._draw_fields(shape)
        return (
            _mixed(fixed_value, value, 1.0 - config.fixed_share),
            _mixed(fixed_blots, blots, config.flicker),
        )

    def _draw_fields(self, shape: tuple[int, ...]) -> tuple[Field, Field]:
        config = self._config
        white = self._rng.standard_normal((2, *shape), dtype=np.float32)
        return _smooth(white[0], config.correlation_px), _smooth(white[1], config.hole_size_px)

    def _fly(self, disparity: Field, low: Field, high: Field, edge: NDArray[np.bool_]) -> Field:
        """Disparities of which some at the edges are between those of the two surfaces."""
        measured = disparity.copy()
        at = np.flatnonzero(edge)
        at = at[self._rng.random(len(at)) < self._config.flying_share]
        near, far = high.flat[at], low.flat[at]
        between = self._rng.random(len(at), dtype=np.float32)
        measured.flat[at] = far + between * (near - far)
        return measured

    def _hole_chance(
        self,
        rgb: NDArray[np.uint8],
        depth_m: Field,
        disparity: Field,
        edge: NDArray[np.bool_],
        K: Array,
    ) -> Field:
        """Chance of every pixel to be a hole, (H, W)."""
        config = self._config
        luminance = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32) / 255.0
        dark = _passed(config.dark_level - luminance, config.dark_level)
        shiny = _passed(luminance - config.shiny_level, 1.0 - config.shiny_level)
        stays = np.full(depth_m.shape, 1.0 - config.dropout_share, dtype=np.float32)
        stays *= 1.0 - config.dark_hole_share * dark
        stays *= 1.0 - config.shiny_hole_share * shiny
        flat = _cos_incidence(depth_m, K) < np.cos(config.grazing_rad)
        stays[flat & ~edge] *= 1.0 - config.grazing_hole_share
        stays[edge] *= 1.0 - config.edge_hole_share
        hidden = _hidden(disparity * np.float32(K[0, 0] / config.focal_px))
        stays[hidden] *= 1.0 - config.shadow_share
        return 1.0 - stays


def _around(disparity: Field, reach_px: int) -> tuple[Field, Field]:
    """Least and largest disparity within a reach of every pixel."""
    kernel = np.ones((2 * reach_px + 1, 2 * reach_px + 1), dtype=np.uint8)
    return (
        np.asarray(cv2.erode(disparity, kernel), dtype=np.float32),
        np.asarray(cv2.dilate(disparity, kernel), dtype=np.float32),
    )


def _hidden(disparity_px: Field) -> NDArray[np.bool_]:
    """Which pixels of the left imager the right one does not see, (H, W).

    A pixel in column x is seen in column ``x - d`` on the right, unless one further to the right
    is seen there or left of there.
    """
    column = np.arange(disparity_px.shape[1], dtype=np.float32) - disparity_px
    ahead = np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(disparity_px.shape, dtype=np.bool_)
    hidden[:, :-1] = ahead[:, 1:] < column[:, :-1] - _OVERTAKEN_PX
    return hidden


def _cos_incidence(depth_m: Field, K: Array) -> Field:
    """Cosine of the angle between ray and normal of the surface, (H, W), from depth's slope."""
    height, width = depth_m.shape
    dz_du = cv2.Sobel(depth_m, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dz_dv = cv2.Sobel(depth_m, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    x = (np.arange(width, dtype=np.float32) - np.float32(K[0, 2])) / np.float32(K[0, 0])
    y = ((np.arange(height, dtype=np.float32) - np.float32(K[1, 2])) / np.float32(K[1, 1]))[:, None]
    nx, ny = -np.float32(K[0, 0]) * dz_du, -np.float32(K[1, 1]) * dz_dv
    nz = depth_m - x * nx - y * ny
    along = x * nx + y * ny + nz
    norm = np.sqrt((nx * nx + ny * ny + nz * nz) * (x * x + y * y + 1.0)) + np.float32(1e-9)
    return np.asarray(np.abs(along) / norm, dtype=np.float32)


def _passed(excess: Field, threshold: float) -> Field:
    """How far a threshold is passed, from 0 to 1."""
    return np.clip(excess / max(_SOFT * threshold, 1e-3), 0.0, 1.0)


def _smooth(white: Field, sigma_px: float) -> Field:
    """Standard normal noise that is smooth over a length."""
    if sigma_px <= 0.0:
        return white
    reach = max(1, round(3.0 * sigma_px))
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma_px, cv2.CV_32F)
    kernel /= np.sqrt(np.sum(kernel**2))
    return np.asarray(cv2.sepFilter2D(white, cv2.CV_32F, kernel, kernel), dtype=np.float32)


def _mixed(fixed: Field, fresh: Field, share: float) -> Field:
    """Two standard normal fields as one, with a share of the variance from the second."""
    mixed = np.float32(np.sqrt(1.0 - share)) * fixed + np.float32(np.sqrt(share)) * fresh
    return np.asarray(mixed, dtype=np.float32)
