"""What is fixed to the tool: its mass and centre of mass, from static poses.

A payload's potential energy is ``g (m z_tool + z_row . m c)``, where ``z_row`` is the last row of
``R_base_tool`` and ``c`` the centre of mass in the tool frame. Its derivatives by the joints are
the torques that hold it, and are linear in ``m`` and ``m c`` (Atkeson et al., *Estimation of
inertial parameters of manipulator loads and links*, 1986).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array

_GRAVITY_M_S2 = 9.81
_STEP_RAD = 1e-4
_LEVER_M = 0.1
"""By which masses and moments are made alike."""
_LEAST_POSES = 4
_WORST_RMS = 3.0
_MOST_SIGMA_M = 0.03
_LEAST_SIGMAS = 3.0
"""A mass that is less sure to be there has no centre."""
_DRAWS = 600
_AWAY_RAD = 1.2
_WRIST = 3
"""So many last joints are turned as far as they go; the others stay near, off the table."""
_LEAST_HEIGHT_M = 0.15
_LEAST_APART = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StaticPose:
    """An arm at rest.

    Attributes:
        q_rad: Joints, (n,).
        tau_nm: What they exert beyond carrying the arm itself, (n,).
    """

    q_rad: Array
    tau_nm: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Payload:
    """What is fixed to a tool.

    Attributes:
        mass_kg: Its mass.
        com_m: Its centre of mass in the tool frame, (3,).
        sigma_kg: Standard deviation of the mass.
        sigma_com_m: The largest of the centre of mass, in any direction.
        covariance: Of mass [kg] and moments [kg m], (4, 4).
        condition: How much better the best known combination of them is known than the worst.
        rms_nm: Torques that are left over.
        poses: How many poses.
    """

    mass_kg: float
    com_m: Array
    sigma_kg: float
    sigma_com_m: float
    covariance: Array
    condition: float
    rms_nm: float
    poses: int

    def known_com_m(self) -> Array:
        """The centre of mass, (3,).

        Raises:
            CalibrationRefused: The poses do not determine it.
        """
        if self.mass_kg < _LEAST_SIGMAS * self.sigma_kg or self.sigma_com_m > _MOST_SIGMA_M:
            raise CalibrationRefused(
                Cause.NOT_DETERMINED,
                f"The centre of mass is known to {1e3 * self.sigma_com_m:.0f} mm, "
                f"{1e3 * _MOST_SIGMA_M:.0f} mm are wanted, of {self.mass_kg:.3f} kg: take more "
                "poses, with the tool turned to all sides.",
            )
        return self.com_m


def identify_payload(
    kinematics: Kinematics, poses: Sequence[StaticPose], sigma_nm: float
) -> Payload:
    """Find a payload by linear least squares.

    Args:
        kinematics: Of the arm.
        poses: The arm at rest.
        sigma_nm: Noise of the torques, standard deviation.

    Raises:
        CalibrationRefused: Too few poses, all turned alike, or torques that no payload explains.
    """
    if len(poses) < _LEAST_POSES:
        raise CalibrationRefused(
            Cause.FEW_VIEWS, f"{len(poses)} static poses, at least {_LEAST_POSES} are needed."
        )
    Y = np.concatenate([payload_torques(kinematics, one.q_rad) for one in poses])
    tau = np.concatenate([one.tau_nm for one in poses])
    scale = np.array([1.0, *[_LEVER_M] * 3])
    strengths = np.linalg.svd(Y * scale, compute_uv=False)
    if strengths[-1] < _LEAST_APART * strengths[0]:
        raise CalibrationRefused(
            Cause.ONE_AXIS,
            "The tool was turned alike in all poses: the centre of mass along it cannot be found. "
            "Turn it about two axes.",
        )
    found = np.linalg.lstsq(Y, tau, rcond=None)[0]
    rms_nm = float(np.sqrt(np.mean((Y @ found - tau) ** 2)))
    if rms_nm > _WORST_RMS * sigma_nm:
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"Torques are {rms_nm:.2f} N m from those of any payload, the noise is {sigma_nm:.2f}: "
            "let the arm come to rest before each pose, touch nothing, and take off what the arm "
            "itself weighs.",
        )
    covariance: Array = np.asarray(
        max(sigma_nm, rms_nm) ** 2 * np.linalg.inv(Y.T @ Y), dtype=np.float64
    )
    mass_kg, com_m = float(found[0]), found[1:] / found[0]
    by_all = np.column_stack([-com_m, np.eye(3)]) / mass_kg
    spread = by_all @ covariance @ by_all.T
    return Payload(
        mass_kg=mass_kg,
        com_m=com_m,
        sigma_kg=float(np.sqrt(covariance[0, 0])),
        sigma_com_m=float(np.sqrt(np.linalg.eigvalsh(spread)[-1])),
        covariance=covariance,
        condition=float(strengths[0] / strengths[-1]),
        rms_nm=rms_nm,
        poses=len(poses),
    )


def payload_torques(kinematics: Kinematics, q_rad: Array) -> Array:
    """Torques that hold a payload, by its mass and moments, (n, 4)."""
    rows = []
    for joint in range(len(q_rad)):
        step = np.zeros(len(q_rad))
        step[joint] = _STEP_RAD
        ends = [kinematics.forward(q_rad + sign * step) for sign in (-1.0, 1.0)]
        low, high = (np.array([T.p[2], *T.R[2]]) for T in ends)
        rows.append(_GRAVITY_M_S2 * (high - low) / (2.0 * _STEP_RAD))
    return np.array(rows)


def payload_poses(
    kinematics: Kinematics,
    limits: ArmLimits,
    home_q_rad: Array,
    count: int,
    rng: np.random.Generator,
) -> tuple[Array, ...]:
    """Joints of static poses that say most about a payload.

    Of many drawn poses those are taken, one after the other, that make the summed variances of mass
    and moments smallest (A-optimal).

    Args:
        kinematics: Of the arm.
        limits: Of the arm; the tool stays in its workspace, and well above the table.
        home_q_rad: Joints that poses are drawn around, (n,).
        count: How many poses.
        rng: Draws.

    Raises:
        CalibrationRefused: Too few drawn poses are allowed.
    """
    lower, upper = home_q_rad - _AWAY_RAD, home_q_rad + _AWAY_RAD
    lower[-_WRIST:], upper[-_WRIST:] = (
        limits.joint.lower_rad[-_WRIST:],
        limits.joint.upper_rad[-_WRIST:],
    )
    drawn = rng.uniform(lower, upper, (_DRAWS, len(home_q_rad)))
    allowed = [q for q in drawn if _is_allowed(kinematics, limits, q)]
    if len(allowed) < count:
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"{len(allowed)} of {_DRAWS} drawn poses are allowed, {count} are wanted: begin from a "
            "pose in the middle of the workspace.",
        )
    scale = np.array([1.0, *[_LEVER_M] * 3])
    each = [payload_torques(kinematics, q) * scale for q in allowed]
    known, chosen = 1e-3 * np.eye(4), list[int]()
    for _ in range(count):
        rest = [i for i in range(len(allowed)) if i not in chosen]
        best = min(rest, key=lambda i: float(np.trace(np.linalg.inv(known + each[i].T @ each[i]))))
        chosen.append(best)
        known = known + each[best].T @ each[best]
    return tuple(allowed[i] for i in chosen)


def _is_allowed(kinematics: Kinematics, limits: ArmLimits, q_rad: Array) -> bool:
    joint, box = limits.joint, limits.cartesian
    if (q_rad < joint.lower_rad).any() or (q_rad > joint.upper_rad).any():
        return False
    p = kinematics.forward(q_rad).p
    inside = (p >= box.workspace_lower_m).all() and (p <= box.workspace_upper_m).all()
    return bool(inside) and float(p[2]) >= _LEAST_HEIGHT_M
