"""Inverse kinematics of one arm by damped least squares.

Notation (Buss, *Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and
damped least squares methods*, 2009):

=======  =======================================================
``e``    tool error: position [m] and rotation [rad], base axes, (6,)
``J``    tool Jacobian, (6, n)
``lam``  damping
``dq``   ``J^T (J J^T + lam^2 I)^-1 e``, plus a pull to home in the null space of J
=======  =======================================================
"""

from collections.abc import Sequence
from functools import lru_cache

import mujoco
import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3, Array
from sim.arms import ARMS, TOOL_SITE, ArmSpec, build_arm

_DAMPING = 0.02
_POSTURE_GAIN = 0.05
_MAX_STEP_RAD = 0.25
_POSITION_TOLERANCE_M = 5e-5
_ROTATION_TOLERANCE_RAD = 3e-4
_MAX_ITERATIONS = 12
_MAX_ITERATIONS_FAR = 60
_FAR_M = 0.08
_FAR_RAD = 0.5
_TURN_WEIGHT = 0.02


@lru_cache(maxsize=4)
def _model(name: str) -> mujoco.MjModel:
    return build_arm(ARMS[name], visuals=False).compile()


class SiteKinematics:
    """`robot_skills.core.robot.Kinematics` of a site of a model.

    Args:
        model: Holds the arm; its world is the arm's base.
        joints: Names in the model, base to tip.
        site: Name of the tool.
        range_rad: Lowest and highest positions, (n,) each.
        home_q_rad: What joints that are not needed are drawn to, (n,).
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        joints: Sequence[str],
        site: str,
        range_rad: tuple[Array, Array],
        home_q_rad: Sequence[float],
    ) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        found = [model.joint(name) for name in joints]
        self._qpos = np.array([joint.qposadr[0] for joint in found])
        self._dofs = np.array([joint.dofadr[0] for joint in found])
        self._site = model.site(site).id
        self._lower, self._upper = range_rad
        self._home = np.array(home_q_rad)
        self._jacobian = np.zeros((6, model.nv))
        self._damping = _DAMPING**2 * np.eye(6)
        self._error = np.zeros(6)
        self._quat = np.zeros(4)
        self._spin = np.zeros(3)
        self._redundant = len(found) > 6
        # Fewer than six joints cannot turn the tool as they like: its place comes first.
        self._turn_weight = 1.0 if len(found) >= 6 else _TURN_WEIGHT

    def forward(self, q_rad: Array) -> SE3:
        """`T_base_tool` at joint positions (n,)."""
        self._move(q_rad)
        return SE3(self._data.site_xmat[self._site].reshape(3, 3), self._data.site_xpos[self._site])

    def follow(self, q_rad: Array, T_base_tool: Array) -> tuple[Array, Array]:
        """Joint path (H, n) along poses (H, 4, 4) from `q_rad`, and position errors [m] (H,)."""
        poses = np.asarray(T_base_tool, dtype=np.float64)
        path = np.empty((len(poses), len(self._qpos)))
        errors = np.empty(len(poses))
        q = np.array(q_rad, dtype=np.float64)
        for i, T in enumerate(poses):
            q, errors[i] = self.solve(q, T)
            path[i] = q
        return path, errors

    def solve(self, q_rad: Array, T_base_tool: Array) -> tuple[Array, float]:
        """Joints (n,) near `q_rad` that put the tool at one pose (4, 4), and the error left [m]."""
        q = np.array(q_rad, dtype=np.float64)
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(T_base_tool[:3, :3]).reshape(9))
        p = T_base_tool[:3, 3]
        off_m, off_rad = self._measure(q, p, quat)
        far = off_m > _FAR_M or off_rad > _FAR_RAD
        # The damped inverse lets a little of the posture's pull leak into the tool's error, so one
        # pull per pose, in the first step, and the steps after it mend the error.
        pull = _POSTURE_GAIN * (self._home - q) if self._redundant else None
        for _ in range(_MAX_ITERATIONS_FAR if far else _MAX_ITERATIONS):
            if off_m < _POSITION_TOLERANCE_M and off_rad < _ROTATION_TOLERANCE_RAD:
                break
            q = q + self._step(pull)
            pull = None
            np.maximum(q, self._lower, out=q)
            np.minimum(q, self._upper, out=q)
            off_m, off_rad = self._measure(q, p, quat)
        return q, off_m

    def _move(self, q_rad: Array) -> None:
        self._data.qpos[self._qpos] = q_rad
        mujoco.mj_kinematics(self._model, self._data)

    def _measure(self, q_rad: Array, p: Array, quat: Array) -> tuple[float, float]:
        """Write the error of the tool at `q_rad` and return its two norms."""
        self._move(q_rad)
        rotation = self._data.site_xmat[self._site]
        mujoco.mju_mat2Quat(self._quat, rotation)
        mujoco.mju_subQuat(self._spin, quat, self._quat)
        self._error[:3] = p - self._data.site_xpos[self._site]
        self._error[3:] = self._turn_weight * (rotation.reshape(3, 3) @ self._spin)
        off_m = float(self._error[:3] @ self._error[:3]) ** 0.5
        return off_m, float(self._spin @ self._spin) ** 0.5

    def _step(self, pull: Array | None) -> Array:
        """One damped step from where `_measure` left the arm; `pull` is a wish for the joints."""
        mujoco.mj_comPos(self._model, self._data)
        jac = self._jacobian
        mujoco.mj_jacSite(self._model, self._data, jac[:3], jac[3:], self._site)
        jac[3:] *= self._turn_weight
        J = jac[:, self._dofs]
        gram = J @ J.T + self._damping
        if pull is not None:
            dq = pull + J.T @ np.linalg.solve(gram, self._error - J @ pull)
        else:
            dq = J.T @ np.linalg.solve(gram, self._error)
        largest = float(np.abs(dq).max())
        return dq if largest <= _MAX_STEP_RAD else dq * (_MAX_STEP_RAD / largest)


class ArmKinematics(SiteKinematics):
    """Kinematics of an arm with its gripper, on its own copy of the arm's model."""

    def __init__(self, arm: ArmSpec) -> None:
        limits = arm.limits.joint
        super().__init__(
            _model(arm.name),
            joints=arm.joints,
            site=TOOL_SITE,
            range_rad=(limits.lower_rad, limits.upper_rad),
            home_q_rad=arm.home_q_rad,
        )


def kinematics_of(arm: str) -> ArmKinematics:
    """Kinematics of an arm by name, so that processes can be told which.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    return ArmKinematics(ARMS[arm])
