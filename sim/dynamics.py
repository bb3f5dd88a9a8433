"""What a cell's physics may differ by from its model: friction, masses, joints, servos, payload.

A compiled model is changed in place, and can be changed back: no world is built again.

Damping and dry friction of the joints are given in newton metres, not as shares of the model's,
which has next to none: the servos of `sim.arms` stand for a whole drive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3, Array
from sim.arms import HAND_BODY, PREFIX, TOOL_SITE, ArmSpec, ServoAddresses
from sim.grippers import EMPTY_BODY

_PAYLOAD_RADIUS_M = 0.03
"""A payload is a ball."""
_SLIDING = 0
"""First of a geom's three friction numbers."""

_FRICTION = (0.4, 1.6)
_MASS = (0.5, 2.0)
_JOINT_SHARE = (0.003, 0.02)
_GAIN = (0.7, 1.3)
_PAYLOAD_KG = (0.0, 0.6)
_PAYLOAD_COM_M = 0.04


@dataclass(frozen=True, kw_only=True, slots=True)
class Dynamics:
    """Physics of a cell, by how it differs from the model; without arguments it is the model's.

    Per joint is from base to tip; empty is no difference.

    Attributes:
        friction: Sliding friction of table, fixtures and things, as a share. The fingers' rubber
            keeps its own.
        thing_friction: Of single things on anything but each other, as a further share, by name.
        mass: Of all things, as a share.
        thing_mass: Of single things, as a further share, by name.
        damping_nms_rad: Viscous friction of each joint beyond the model's [N m s/rad].
        dry_friction_nm: Coulomb friction of each joint beyond the model's [N m].
        kp: Of each joint's position servo, as a share.
        kv: Of each joint's velocity servo, as a share.
        payload_kg: What is fixed to the tool and nobody has told the arm, so that its gravity
            compensation does not carry it.
        payload_com_m: Its centre of mass in the tool frame [m], (3,).
    """

    friction: float = 1.0
    thing_friction: Mapping[str, float] = field(default_factory=dict)
    mass: float = 1.0
    thing_mass: Mapping[str, float] = field(default_factory=dict)
    damping_nms_rad: tuple[float, ...] = ()
    dry_friction_nm: tuple[float, ...] = ()
    kp: tuple[float, ...] = ()
    kv: tuple[float, ...] = ()
    payload_kg: float = 0.0
    payload_com_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        shares = {"friction": [self.friction], "mass": [self.mass], "kp": self.kp, "kv": self.kv}
        shares["thing_friction"] = list(self.thing_friction.values())
        shares["thing_mass"] = list(self.thing_mass.values())
        for name, values in shares.items():
            if not all(np.isfinite(one) and one > 0.0 for one in values):
                raise ValueError(f"{name} are shares above 0, not {list(values)}.")
        added = {"damping_nms_rad": self.damping_nms_rad, "dry_friction_nm": self.dry_friction_nm}
        added["payload_kg"] = (self.payload_kg,)
        for name, values in added.items():
            if not all(np.isfinite(one) and one >= 0.0 for one in values):
                raise ValueError(f"{name} cannot be negative, got {list(values)}.")


NOMINAL = Dynamics()
"""The model's own."""


def draw_dynamics(rng: np.random.Generator, arm: ArmSpec, things: tuple[str, ...] = ()) -> Dynamics:
    """A cell as another one of its kind could be.

    Args:
        rng: Draws.
        arm: Whose joints; their friction is drawn between 0.3 and 2 % of their largest torque,
            dry, and at 1 rad/s as much again.
        things: Names of the things that get a mass and a friction of their own.
    """
    joints = len(arm.joints)
    torque_nm = np.array(arm.torque_nm)

    def shares(ends: tuple[float, float], count: int) -> Array:
        low, high = np.log(ends)
        return np.exp(rng.uniform(low, high, count))

    return Dynamics(
        thing_friction=dict(zip(things, shares(_FRICTION, len(things)).tolist(), strict=True)),
        thing_mass=dict(zip(things, shares(_MASS, len(things)).tolist(), strict=True)),
        damping_nms_rad=tuple((torque_nm * shares(_JOINT_SHARE, joints)).tolist()),
        dry_friction_nm=tuple((torque_nm * shares(_JOINT_SHARE, joints)).tolist()),
        kp=tuple(shares(_GAIN, joints).tolist()),
        kv=tuple(shares(_GAIN, joints).tolist()),
        payload_kg=float(rng.uniform(*_PAYLOAD_KG)),
        payload_com_m=(
            *rng.uniform(-_PAYLOAD_COM_M, _PAYLOAD_COM_M, 2).tolist(),
            float(rng.uniform(0.0, _PAYLOAD_COM_M)),
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Nominal:
    """What a model was compiled with, for `apply_dynamics`.

    Attributes:
        geom_friction: (geoms, 3).
        body_mass: (bodies,).
        body_inertia: (bodies, 3).
        body_ipos: (bodies, 3).
        body_gravcomp: (bodies,).
        dof_damping: (degrees of freedom,).
        dof_frictionloss: (degrees of freedom,).
        actuator_gainprm: (actuators, 10).
        actuator_biasprm: (actuators, 10).
    """

    geom_friction: Array
    body_mass: Array
    body_inertia: Array
    body_ipos: Array
    body_gravcomp: Array
    dof_damping: Array
    dof_frictionloss: Array
    actuator_gainprm: Array
    actuator_biasprm: Array

    @classmethod
    def of(cls, model: mujoco.MjModel) -> "Nominal":
        """Copies of a model that nobody has changed yet."""
        return cls(**{name: getattr(model, name).copy() for name in cls.__slots__})

    def restore(self, model: mujoco.MjModel) -> None:
        """Write it back, except for what MuJoCo derives from it."""
        for name in self.__slots__:
            getattr(model, name)[:] = getattr(self, name)


def apply_dynamics(
    model: mujoco.MjModel, nominal: Nominal, servos: ServoAddresses, dynamics: Dynamics
) -> None:
    """Give a tabletop's model other physics, in place of those that it had.

    Args:
        model: Is changed.
        nominal: Of that model, taken when it was compiled.
        servos: Of its arm.
        dynamics: What it should be like. Things that are not there are left out, so that one
            cell's physics fit all its layouts.

    Raises:
        RefusedError: There are values for another number of joints.
    """
    _check_joints(dynamics, len(servos.dofs))
    nominal.restore(model)
    _set_friction(model, dynamics)
    for body in _things(model).values():
        share = dynamics.mass * dynamics.thing_mass.get(model.body(body).name, 1.0)
        model.body_mass[body] *= share
        model.body_inertia[body] *= share
    _set_joints(model, servos, dynamics)
    _set_payload(model, dynamics)
    # Masses are in many derived fields, such as the stiffness that contacts are solved with.
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _check_joints(dynamics: Dynamics, joints: int) -> None:
    for name in ("damping_nms_rad", "dry_friction_nm", "kp", "kv"):
        values = getattr(dynamics, name)
        if values and len(values) != joints:
            raise RefusedError(f"The arm has {joints} joints; {name} are {len(values)}.")


def _things(model: mujoco.MjModel) -> dict[str, int]:
    """Free bodies by name."""
    free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    return {model.body(int(body)).name: int(body) for body in model.jnt_bodyid[free]}


def _set_friction(model: mujoco.MjModel, dynamics: Dynamics) -> None:
    """A contact has the friction of its rougher side, so tables and fixtures are never that."""
    things = _things(model)
    own = {body: dynamics.thing_friction.get(name, 1.0) for name, body in things.items()}
    arm = model.body_rootid[model.body(PREFIX + HAND_BODY).id]
    least = min(1.0, *own.values()) if own else 1.0
    for geom in range(model.ngeom):
        root = int(model.body_rootid[model.geom_bodyid[geom]])
        if root != arm:
            model.geom_friction[geom, _SLIDING] *= dynamics.friction * own.get(root, least)


def _set_joints(model: mujoco.MjModel, servos: ServoAddresses, dynamics: Dynamics) -> None:
    if dynamics.damping_nms_rad:
        model.dof_damping[servos.dofs] += dynamics.damping_nms_rad
    if dynamics.dry_friction_nm:
        model.dof_frictionloss[servos.dofs] += dynamics.dry_friction_nm
    for actuators, shares in zip(servos.rate_ctrl, (dynamics.kp, dynamics.kv), strict=True):
        if shares:
            model.actuator_gainprm[actuators] *= np.array(shares)[:, None]
            model.actuator_biasprm[actuators] *= np.array(shares)[:, None]


def _set_payload(model: mujoco.MjModel, dynamics: Dynamics) -> None:
    if dynamics.payload_kg == 0.0:
        return
    body = model.body(PREFIX + EMPTY_BODY).id
    com = _T_body_tool(model, body) @ np.array(dynamics.payload_com_m)
    model.body_mass[body] = dynamics.payload_kg
    model.body_ipos[body] = com
    model.body_inertia[body] = 0.4 * dynamics.payload_kg * _PAYLOAD_RADIUS_M**2
    model.body_gravcomp[body] = 0.0


def _T_body_tool(model: mujoco.MjModel, body: int) -> SE3:
    """The tool in a body that moves with it."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    site = model.site(PREFIX + TOOL_SITE).id
    T_base_body = SE3(data.xmat[body].reshape(3, 3), data.xpos[body])
    T_base_tool = SE3(data.site_xmat[site].reshape(3, 3), data.site_xpos[site])
    return T_base_body.inverse() @ T_base_tool
