"""What a twin hides: everything in which a real cell differs from the simulation of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3
from sim.arms import ARMS
from sim.dynamics import Dynamics, draw_dynamics
from sim.latency import Delays
from sim.objects import OBJECT_NAMES, PEG
from sim.stereo_depth import D435, StereoDepth, draw_stereo
from sim.twin.optics import TrueLens, TrueSensor
from sim.world import CAMERAS, FRONT_CAMERA


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrueCamera:
    """A camera as it is.

    Attributes:
        T_nominal_true: The true optical frame in the one that the camera is taken to have.
        lens: Its lens.
        sensor: Its colours.
        stereo: Its depth; None measures it without error.
    """

    T_nominal_true: SE3
    lens: TrueLens
    sensor: TrueSensor
    stereo: StereoDepth | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Hidden:
    """One twin's truth.

    Attributes:
        seed: It was drawn from.
        arm: Key in `sim.arms.ARMS`.
        cameras: By name.
        dynamics: Its physics.
        delays: How late everything is.
    """

    seed: int
    arm: str
    cameras: Mapping[str, TrueCamera]
    dynamics: Dynamics
    delays: Delays


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinRanges:
    """How far twins are from the simulation: standard deviations (`_sigma`), or least and most.

    The defaults are those of a cell that was put up with a tape measure and data sheets.

    Attributes:
        place_sigma_m: Of a camera's place, per axis.
        turn_sigma_rad: Of its rotation, per axis.
        focal_sigma: Of a focal length, as a share.
        centre_sigma: Of a lens's centre, as a share of the picture's width.
        distortion_sigma: Of k1, k2, p1, p2, k3.
        exposure_sigma: Of the logarithm of the brightness.
        white_sigma: Of the logarithm of a colour's gain.
        noise: Of pixels, of 255, least and most.
        camera_s: Latency of pictures.
        state_s: Latency of what is measured of the arm.
        action_s: Latency of the arm.
        gripper_s: Latency of the gripper.
    """

    place_sigma_m: float = 0.012
    turn_sigma_rad: float = float(np.deg2rad(1.2))
    focal_sigma: float = 0.012
    centre_sigma: float = 0.008
    distortion_sigma: tuple[float, float, float, float, float] = (0.03, 0.01, 5e-4, 5e-4, 0.0)
    exposure_sigma: float = 0.06
    white_sigma: float = 0.02
    noise: tuple[float, float] = (0.5, 2.5)
    camera_s: tuple[float, float] = (0.03, 0.15)
    state_s: tuple[float, float] = (0.0, 0.03)
    action_s: tuple[float, float] = (0.02, 0.15)
    gripper_s: tuple[float, float] = (0.02, 0.2)


USUAL_RANGES = TwinRanges()


def draw_hidden(seed: int, arm: str = "panda", ranges: TwinRanges = USUAL_RANGES) -> Hidden:
    """The truth of one twin.

    Args:
        seed: Decides everything.
        arm: Key in `sim.arms.ARMS`.
        ranges: How far from the simulation.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    # One generator per part, so that what is added to one leaves the others as they were.
    physics, lateness, *eyes = np.random.SeedSequence(seed).spawn(2 + len(CAMERAS))
    return Hidden(
        seed=seed,
        arm=arm,
        cameras={
            name: _camera(name, np.random.default_rng(eye), ranges)
            for name, eye in zip(CAMERAS, eyes, strict=True)
        },
        dynamics=draw_dynamics(np.random.default_rng(physics), ARMS[arm], (*OBJECT_NAMES, PEG)),
        delays=_delays(np.random.default_rng(lateness), ranges),
    )


def _camera(name: str, rng: np.random.Generator, ranges: TwinRanges) -> TrueCamera:
    place, turn = rng.standard_normal((2, 3))
    k1, k2, p1, p2, k3 = (float(k) for k in rng.standard_normal(5) * ranges.distortion_sigma)
    focal, squeeze = 1.0 + ranges.focal_sigma * rng.standard_normal(), 1e-3 * rng.standard_normal()
    x, y = (float(off) for off in ranges.centre_sigma * rng.standard_normal(2))
    exposure = ranges.exposure_sigma * rng.standard_normal()
    red, green, blue = (
        float(gain) for gain in np.exp(exposure + ranges.white_sigma * rng.standard_normal(3))
    )
    noise = float(rng.uniform(*ranges.noise))
    return TrueCamera(
        T_nominal_true=SE3.from_rotvec(ranges.turn_sigma_rad * turn, ranges.place_sigma_m * place),
        lens=TrueLens(
            focal=(float(focal), float(focal * (1.0 + squeeze))),
            centre=(x, y),
            distortion=(k1, k2, p1, p2, k3),
        ),
        sensor=TrueSensor(gain=(red, green, blue), noise=noise),
        stereo=_stereo(name, rng),
    )


def _stereo(name: str, rng: np.random.Generator) -> StereoDepth:
    """Nobody looks from a metre away with a camera for what is near."""
    drawn = draw_stereo(rng)
    if name != FRONT_CAMERA:
        return drawn
    return replace(
        drawn,
        baseline_m=D435.baseline_m,
        focal_px=D435.focal_px,
        nearest_m=D435.nearest_m,
        furthest_m=D435.furthest_m,
    )


def _delays(rng: np.random.Generator, ranges: TwinRanges) -> Delays:
    camera_s, state_s, action_s, gripper_s = (
        float(rng.uniform(*ends))
        for ends in (ranges.camera_s, ranges.state_s, ranges.action_s, ranges.gripper_s)
    )
    return Delays(camera_s=camera_s, state_s=state_s, action_s=action_s, gripper_s=gripper_s)
