"""Demonstrations under physics and in rooms that are drawn anew for each: a randomisation, as the
simulator takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from calibration.codec import encode
from calibration.latency import Found
from calibration.randomisation import Randomisation, Scale, Spread
from robot_skills.app.sim2real.looks import LOOK_NAMES, any_look, with_look
from robot_skills.core.errors import RefusedError
from sim.arms import ARMS
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, demonstrate_in
from sim.dynamics import Dynamics
from sim.experts import EXPERTS
from sim.latency import Delays
from sim.scenarios import draw_scenario

_DYNAMICS, _DELAYS, _SEEN = "dynamics", "delays", "seen"
PLACE = f"{_SEEN}.place_m"
"""Standard deviation of where things are seen. The trainer adds it to its inputs, and these:"""
EXPOSURE, WHITE, PIXEL = (f"{_SEEN}.{name}" for name in ("exposure", "white", "pixel"))
"""Of pictures: standard deviations of the logarithms of brightness and of each colour's gain, and
of each pixel's noise, of 255."""
_SCALARS = ("friction", "mass", "payload_kg")
_PER_JOINT = ("damping_nms_rad", "dry_friction_nm", "kp", "kv")
_DELAYED = tuple(field.name for field in fields(Delays))
_UNCALIBRATED = "nobody has measured it"


def names_of(arm: str) -> tuple[str, ...]:
    """Parameters that the simulation of an arm can be randomised in."""
    joints = range(len(ARMS[arm].joints))
    return (
        *(f"{_DYNAMICS}.{name}" for name in _SCALARS),
        *(f"{_DYNAMICS}.{name}.{i}" for name in _PER_JOINT for i in joints),
        *(f"{_DELAYS}.{name}" for name in _DELAYED),
        *LOOK_NAMES,
        *(PLACE, EXPOSURE, WHITE, PIXEL),
    )


def unknown_cell(arm: str) -> dict[str, Spread]:
    """What is known of a cell that nobody has measured: the widest ranges."""
    torque_nm = ARMS[arm].torque_nm

    def share(low: float, high: float) -> Spread:
        return Spread(
            mean=1.0, sigma=0.35, low=low, high=high, scale=Scale.LOG, source=_UNCALIBRATED
        )

    def added(most: float) -> Spread:
        return Spread(mean=0.4 * most, sigma=0.3 * most, low=0.0, high=most, source=_UNCALIBRATED)

    found = {"friction": share(0.4, 1.6), "mass": share(0.5, 2.0), "payload_kg": added(0.6)}
    for i, torque in enumerate(torque_nm):
        found[f"damping_nms_rad.{i}"] = found[f"dry_friction_nm.{i}"] = added(0.02 * torque)
        found[f"kp.{i}"] = found[f"kv.{i}"] = share(0.7, 1.3)
    spreads = {f"{_DYNAMICS}.{name}": spread for name, spread in found.items()}
    for name, most_s in (("state_s", 0.03), ("action_s", 0.15), ("gripper_s", 0.2)):
        spreads[f"{_DELAYS}.{name}"] = added(most_s)
    spreads[PLACE] = added(0.03)
    for name, usual in ((EXPOSURE, 0.1), (WHITE, 0.03), (PIXEL, 2.0)):
        spreads[name] = Spread(
            mean=usual, sigma=0.0, low=usual, high=usual, source="usual of cameras"
        )
    return spreads | any_look()


def around(
    arm: str, action: Found, gripper: Found | None, front: tuple[float, float] | None = None
) -> dict[str, Spread]:
    """What is known of a cell that was calibrated, and whose latencies are taken off on the robot.

    Args:
        arm: Key in `sim.arms.ARMS`.
        action: How late the arm was measured to be.
        gripper: The same of the gripper; None where it was not found.
        front: How well place [m] and rotation [rad] of the fixed camera are known, per axis; None
            where it was not calibrated.
    """
    spreads = unknown_cell(arm)
    if front is not None:
        spreads |= any_look(front)
    for name, late in (("action_s", action), ("gripper_s", gripper)):
        if late is None:
            continue
        spreads[f"{_DELAYS}.{name}"] = Spread(
            mean=0.0,
            sigma=late.sigma_s,
            low=0.0,
            high=4.0 * late.sigma_s,
            source=f"measured as {late.latency_s:.3f} s and taken off",
        )
    del spreads[f"{_DELAYS}.state_s"], spreads[PLACE]
    return spreads


def dynamics_of(values: Mapping[str, float], arm: str) -> Dynamics:
    """The physics that parameters mean; those left out are the model's.

    Raises:
        RefusedError: A parameter is not one of the simulation's.
    """
    _check(values, arm)
    joints = len(ARMS[arm].joints)
    usual = {"damping_nms_rad": 0.0, "dry_friction_nm": 0.0, "kp": 1.0, "kv": 1.0}

    def joint_values(name: str) -> tuple[float, ...]:
        keys = [f"{_DYNAMICS}.{name}.{i}" for i in range(joints)]
        return tuple(values.get(key, usual[name]) for key in keys)

    return Dynamics(
        friction=values.get(f"{_DYNAMICS}.friction", 1.0),
        mass=values.get(f"{_DYNAMICS}.mass", 1.0),
        payload_kg=values.get(f"{_DYNAMICS}.payload_kg", 0.0),
        damping_nms_rad=joint_values("damping_nms_rad"),
        dry_friction_nm=joint_values("dry_friction_nm"),
        kp=joint_values("kp"),
        kv=joint_values("kv"),
    )


def delays_of(values: Mapping[str, float]) -> Delays:
    """How late things are by parameters; those left out are in time."""
    return Delays(**{name: values.get(f"{_DELAYS}.{name}", 0.0) for name in _DELAYED})


def _check(values: Mapping[str, float], arm: str) -> None:
    unknown = sorted(set(values) - set(names_of(arm)))
    if unknown:
        raise RefusedError(f"The simulation of {arm} has no parameter {', '.join(unknown)}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomisedJob:
    """`sim.generate.Job`: demonstrations of a skill, each in a cell that is drawn for it.

    The first half widens from what was identified to the whole ranges; the second has them all.

    Attributes:
        task: Name of the skill.
        robot: Key in `sim.arms.ARMS`.
        episodes: Successful demonstrations wanted.
        seed: Of the whole run.
        randomisation: What cells are drawn from.
        cameras: Cameras to record with depth; none records state only.
        camera_px: Picture size (width, height).
    """

    task: str
    robot: str
    episodes: int
    seed: int
    randomisation: Randomisation
    cameras: tuple[str, ...] = ()
    camera_px: tuple[int, int] = (128, 128)

    @property
    def fps(self) -> int:
        return CONTROL_HZ

    def level(self, i: int) -> float:
        """Of attempt i."""
        return min(1.0, 2.0 * (i + 1) / self.episodes)

    def demonstrate(self, i: int) -> Demonstration:
        """Attempt i. Raises `AttemptFailed`."""
        rng = np.random.default_rng((self.seed, i))
        values = self.randomisation.draw(rng, self.level(i))
        delays = delays_of(values)
        scenario = draw_scenario(self.task, rng)
        return demonstrate_in(
            replace(scenario, layout=with_look(scenario.layout, values)),
            EXPERTS[self.task],
            rng,
            arm=self.robot,
            cameras=self.cameras,
            camera_px=self.camera_px,
            dynamics=dynamics_of(values, self.robot),
            delays=None if delays == Delays() else delays,
        )

    def to_json(self) -> dict[str, Any]:
        return encode(self)
