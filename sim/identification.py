"""The tabletop as a simulator for identification: physics and a motion in, sensor streams out.

The arm rests at the motion's start before it begins, so that a rollout is seconds, and nothing is
drawn.
"""

from collections.abc import Callable, Mapping

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3, Array
from sim.arms import ArmSpec
from sim.dynamics import NOMINAL, Dynamics
from sim.objects import ObjectPlacement
from sim.placements import Layout
from sim.world import PHYSICS_STEP_S, TabletopWorld

_REST_STEPS = 100
"""Before a motion: several times as long as the servos need to come to rest."""
_GRIPPER_STEPS = 400
_TICK_S = 1e-9
JOINT_FRICTION = 0.01
"""Dry friction of every joint where its parameter is 1, as a share of its largest torque; damping
is as large at 1 rad/s."""

Simulator = Callable[[Mapping[str, float], Motion, Mapping[str, SE3]], Streams]
"""Values of parameters, a motion and where things rest before it: what sensors would say."""


class IdentificationCell:
    """Plays motions on one arm and layout, with any physics.

    Args:
        arm: Key in `sim.arms.ARMS`.
        layout: What stands where; a rollout may begin with the things elsewhere.

    Raises:
        UnknownNameError: There is no such arm.
    """

    def __init__(self, arm: str, layout: Layout) -> None:
        self._world = TabletopWorld(arm, layout)
        self._grips: dict[float, Array] = {}
        root = self._world.model.body_rootid[self._world.model.site_bodyid[self._world.tool_site]]
        model = self._world.model
        joints = np.flatnonzero(model.body_rootid[model.jnt_bodyid] == root)
        own = np.isin(model.jnt_dofadr[joints], self._world.servos.dofs)
        self._gripper_qpos = model.jnt_qposadr[joints[~own]]

    @property
    def arm(self) -> ArmSpec:
        return self._world.arm

    @property
    def things(self) -> tuple[ObjectPlacement, ...]:
        return self._world.layout.objects

    def run(
        self, dynamics: Dynamics, motion: Motion, things: Mapping[str, SE3] | None = None
    ) -> Streams:
        """What sensors without noise would say.

        Args:
            dynamics: Physics of the cell.
            motion: Is played as far as the joints' speeds allow.
            things: Where things rest at the start, `T_base_thing`; those left out are where the
                layout says.

        Raises:
            RefusedError: The motion's period is no multiple of the physics' step, or the motion or
                the dynamics are those of another arm.
            UnknownNameError: There is no such thing.
        """
        steps = round(motion.period_s / PHYSICS_STEP_S)
        if steps < 1 or abs(steps * PHYSICS_STEP_S - motion.period_s) > _TICK_S:
            raise RefusedError(
                f"The period has to be a multiple of {PHYSICS_STEP_S} s, got {motion.period_s} s."
            )
        world, data = self._world, self._world.data
        joints = motion.q_rad.shape[1]
        if joints != len(world.arm.joints):
            raise RefusedError(
                f"The motion is one of {joints} joints, {world.arm.name} has "
                f"{len(world.arm.joints)}."
            )
        grip = self._grip(motion.start_opening)
        world.set_dynamics(dynamics)
        self._start(motion, grip, things or {})
        largest = world.arm.limits.joint.velocity_rad_s * motion.period_s
        names = [item.name for item in world.layout.objects]
        q, dq, tau = (np.empty(motion.q_rad.shape) for _ in range(3))
        poses = {name: np.tile(np.eye(4), (len(q), 1, 1)) for name in names}
        for i, setpoint in enumerate(motion.q_rad):
            step = setpoint - data.act[world.servos.setpoint_act]
            rate = np.clip(step, -largest, largest) / motion.period_s
            data.ctrl[world.servos.rate_ctrl] = rate
            world.command_opening(float(motion.opening[i]))
            world.step(steps)
            q[i], dq[i] = data.qpos[world.servos.qpos], data.qvel[world.servos.dofs]
            tau[i] = data.qfrc_actuator[world.servos.dofs]
            for name in names:
                poses[name][i] = world.T_base_body(name).matrix()
        return Streams(q_rad=q, dq_rad_s=dq, tau_nm=tau, T_base_things=poses)

    def _start(self, motion: Motion, grip: Array, things: Mapping[str, SE3]) -> None:
        """Arm and things at rest where they are when the motion begins."""
        world, data, model = self._world, self._world.data, self._world.model
        mujoco.mj_resetData(model, data)
        data.qpos[self._gripper_qpos] = grip
        data.qpos[world.servos.qpos] = motion.start_q_rad
        data.act[world.servos.setpoint_act] = motion.start_q_rad
        known = [item.name for item in world.layout.objects]
        for name, T in things.items():
            if name not in known:
                raise unknown_name("thing", name, known)
            at = int(model.joint(name).qposadr[0])
            data.qpos[at : at + 7] = [*T.p, *T.wxyz()]
        world.command_opening(motion.start_opening)
        world.step(_REST_STEPS)

    def _grip(self, opening: float) -> Array:
        """Joints of the gripper at rest at an opening, with nothing in it."""
        if opening not in self._grips:
            world = self._world
            world.set_dynamics(NOMINAL)
            world.reset()
            world.command_opening(opening)
            world.step(_GRIPPER_STEPS)
            self._grips[opening] = world.data.qpos[self._gripper_qpos].copy()
        return self._grips[opening]


def sensed(streams: Streams, noise: SensorNoise, rng: np.random.Generator) -> Streams:
    """Streams as sensors with noise give them."""

    def noisy(values: Array | None, sigma: float) -> Array | None:
        return None if values is None else values + sigma * rng.standard_normal(values.shape)

    return Streams(
        q_rad=streams.q_rad + noise.q_rad * rng.standard_normal(streams.q_rad.shape),
        dq_rad_s=noisy(streams.dq_rad_s, noise.dq_rad_s),
        tau_nm=noisy(streams.tau_nm, noise.tau_nm),
        T_base_things={
            name: _seen(poses, noise, rng) for name, poses in streams.T_base_things.items()
        },
    )


def record_rollout(
    cell: IdentificationCell,
    dynamics: Dynamics,
    motion: Motion,
    noise: SensorNoise,
    rng: np.random.Generator,
    looks: int = 10,
) -> Rollout:
    """A rollout as a real cell with these physics would record it.

    Args:
        cell: Plays it.
        dynamics: The truth.
        motion: What is commanded.
        noise: Of the sensors.
        rng: Of the noise.
        looks: At the things at rest before the motion; their mean is where it says they were.
    """
    clean = cell.run(dynamics, motion)
    things = {}
    for item in cell.things:
        rest = np.tile(item.T_base_object.matrix(), (looks, 1, 1))
        things[item.name] = _mean(_seen(rest, noise, rng))
    return Rollout(motion=motion, things=things, streams=sensed(clean, noise, rng), looks=looks)


def dynamics_of(values: Mapping[str, float], arm: ArmSpec) -> Dynamics:
    """Physics by the parameters that identification looks for.

    Args:
        values: By name, each above 0: ``damping`` and ``dry friction`` of all joints, in units of
            `JOINT_FRICTION`; ``position gain`` and ``velocity gain`` of all servos, as shares; the
            same with a joint's number behind it, from 1, as a further share; and ``mass THING`` and
            ``friction THING``, as shares. What is not named is the model's; joints without a value
            have no friction.
        arm: Has the joints.

    Raises:
        UnknownNameError: There is no such parameter.
    """
    count = len(arm.joints)
    joints = {name: _per_joint(values, name, count) for name in _JOINT_PARAMETERS}
    numbers = ["", *(f" {joint + 1}" for joint in range(count))]
    known = [name + number for name in _JOINT_PARAMETERS for number in numbers]
    things: dict[str, dict[str, float]] = {"mass": {}, "friction": {}}
    for name, value in values.items():
        stem, _, thing = name.partition(" ")
        if stem in things and thing:
            things[stem][thing] = value
        elif name not in known:
            raise unknown_name("parameter", name, (*known, "mass THING", "friction THING"))
    largest = JOINT_FRICTION * np.array(arm.torque_nm)
    return Dynamics(
        thing_mass=things["mass"],
        thing_friction=things["friction"],
        damping_nms_rad=_tuple(largest * joints["damping"]),
        dry_friction_nm=_tuple(largest * joints["dry friction"]),
        kp=_tuple(joints["position gain"]),
        kv=_tuple(joints["velocity gain"]),
    )


_JOINT_PARAMETERS: Mapping[str, float] = {
    "damping": 0.0,
    "dry friction": 0.0,
    "position gain": 1.0,
    "velocity gain": 1.0,
}
"""What joints have where no value names them."""


def _per_joint(values: Mapping[str, float], name: str, joints: int) -> Array:
    common = values.get(name)
    others = _JOINT_PARAMETERS[name] if common is None else common
    unit = 1.0 if common is None else common
    own = [values.get(f"{name} {joint + 1}") for joint in range(joints)]
    return np.array([others if one is None else unit * one for one in own])


def _tuple(values: Array) -> tuple[float, ...]:
    return tuple(values.tolist())


def simulator_of(cell: IdentificationCell) -> Simulator:
    """A cell as a function of named parameters."""

    def run(values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3]) -> Streams:
        return cell.run(dynamics_of(values, cell.arm), motion, things)

    return run


def _mean(poses: Array) -> SE3:
    return SE3(Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix(), poses[:, :3, 3].mean(0))


def _seen(poses: Array, noise: SensorNoise, rng: np.random.Generator) -> Array:
    out = poses.copy()
    out[:, :3, 3] += noise.place_m * rng.standard_normal((len(poses), 3))
    turns = Rotation.from_rotvec(noise.turn_rad * rng.standard_normal((len(poses), 3)))
    out[:, :3, :3] = poses[:, :3, :3] @ turns.as_matrix()
    return out
