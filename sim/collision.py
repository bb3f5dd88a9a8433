"""Distances between the parts of an arm, and to what stands around it, on MuJoCo's geometry.

Which pairs are looked at follows from the model, never from a list of names. Left out are

1. parts between which fewer than two of the arm's joints lie: they are one piece, a link and the
   next, which meet at their joint, or the hand and its own fingers, which are meant to touch;
2. parts of the arm that are too near one another in its rest pose: their hulls are fatter than they
   are, or they touch by construction;
3. parts of the arm that never get away from one another, whatever the joints do: the same.

What is left out by 2 and 3 is named by `CollisionGeometry.left_out`. Parts that no joint of the arm
moves are never compared with table and boxes, all others are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.collision import Surroundings
from robot_skills.core.errors import unknown_name
from robot_skills.core.scene import TABLE
from robot_skills.core.se3 import Array
from sim.arms import ARMS, ArmSpec, build_arm
from sim.parts import COLLISION_GROUP, quat

_NEAR_M = 0.03
"""Room below which it is told exactly."""
_FAR_M = 0.3
"""Distances are looked for up to this."""
_TRIES = 200
"""Random joint positions after which parts count as never getting away from one another."""
_OPENINGS = 21
_NUDGES_M = 1e-5 * np.array([[1.0, 2.0, 3.0], [-3.0, 1.0, 2.0], [2.0, -3.0, 1.0], [-1.0, -2.0, 3.0],
                             [3.0, 1.0, -2.0], [-2.0, 3.0, -1.0]])  # fmt: skip
"""By which a geom is moved where MuJoCo finds no distance; in no direction that things lie in."""
_PLACES = "surroundings/"
"""Before the names of what stands around the arm."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmGeometry:
    """An arm's model, and what in it is what.

    Attributes:
        spec: The arm with its tool, base at the origin. Only geoms of `COLLISION_GROUP` count.
        joints: Names, base to tip.
        range_rad: Lowest and highest positions, (n,) each.
        home_q_rad: Rest pose, (n,).
        fingers: Bodies that may touch the table.
        open_gripper: Puts an opening in [0, 1] into a state; None where no part depends on it.
    """

    spec: mujoco.MjSpec
    joints: tuple[str, ...]
    range_rad: tuple[Array, Array]
    home_q_rad: Sequence[float]
    fingers: tuple[str, ...]
    open_gripper: Callable[[mujoco.MjModel, mujoco.MjData, float], None] | None = None


class CollisionGeometry:
    """`robot_skills.core.collision.CollisionModel` of an arm's geometry.

    Args:
        arm: The arm with its tool; its model is taken over.
        surroundings: What stands around it, and which margins are kept.
    """

    def __init__(self, arm: ArmGeometry, surroundings: Surroundings) -> None:
        _add_surroundings(arm.spec, surroundings)
        self._arm = arm
        self._model = model = arm.spec.compile()
        self._data = mujoco.MjData(model)
        self._opening = -1.0
        self._joints = np.array([model.joint(name).id for name in arm.joints])
        self._qpos = model.jnt_qposadr[self._joints]
        self._table = _ids(model, mujoco.mjtObj.mjOBJ_GEOM, _PLACES + TABLE)
        pairs, margins = _pairs(model, arm, surroundings, self._joints)
        self._use(pairs, margins)
        keep = self._never_too_near()
        self.left_out = tuple(self._names(pair) for pair in pairs[~keep])
        """Pairs of bodies that are not looked at."""
        self._use(pairs[keep], margins[keep])
        self._named = tuple(self._names(pair) for pair in self._pairs)

    def _use(self, pairs: NDArray[np.int_], margins: Array) -> None:
        self._pairs, self._margins = pairs, margins
        self._reach_m = _reaches(self._model, pairs, self._joints)
        self._opening_reach_m = self._widest_motions()

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return self._named

    @property
    def reach_m(self) -> Array:
        return self._reach_m

    @property
    def margin_m(self) -> Array:
        return self._margins

    @property
    def opening_reach_m(self) -> Array:
        return self._opening_reach_m

    def room(self, q_rad: Array, opening: Array) -> Array:
        if not len(self._pairs):
            return np.zeros((len(q_rad), 0))
        places = np.empty((len(q_rad), self._model.ngeom, 3))
        for i, q in enumerate(q_rad):
            self._move(q, float(opening[i]))
            places[i] = self._data.geom_xpos
        room_m = self._at_least(places) - self._margins
        # What was found last, and where, with how much it can have changed since.
        found_m = np.full(len(self._pairs), -np.inf)
        found_q = np.repeat(q_rad[:1], len(self._pairs), axis=0)
        found_opening = np.full(len(self._pairs), float(opening[0]))
        for i, q in enumerate(q_rad):
            moved_m = (np.abs(q - found_q) * self._reach_m).sum(axis=1)
            moved_m += np.abs(opening[i] - found_opening) * self._opening_reach_m
            np.maximum(room_m[i], found_m - moved_m, out=room_m[i])
            near = np.flatnonzero(room_m[i] < _NEAR_M)
            if not len(near):
                continue
            self._move(q, float(opening[i]))
            for pair in near:
                found_m[pair] = self._distance(pair) - self._margins[pair]
            room_m[i, near] = found_m[near]
            found_q[near], found_opening[near] = q, opening[i]
        return room_m

    def _at_least(self, places: Array) -> Array:
        """Lowest distances that spheres around the geoms allow, (H, P)."""
        one, other = self._pairs.T
        radius = self._model.geom_rbound
        apart = np.linalg.norm(places[:, one] - places[:, other], axis=-1)
        # A plane has no sphere; it is level.
        above = places[:, other, 2] - places[:, one, 2]
        to_table = np.isin(one, self._table)
        return np.where(to_table, above, apart - radius[one]) - radius[other]

    def _distance(self, pair: int) -> float:
        """Distance of the geoms of a pair where they are.

        MuJoCo's own search sometimes stalls and says exactly 0 for meshes that are apart (its issue
        3383; 3.3.5 and later). It does not when they are a hair elsewhere; what says 0 every time
        is taken for touching.
        """
        one, other = self._pairs[pair].tolist()
        model, data = self._model, self._data
        place = data.geom_xpos[other]
        for off_m in (0.0, *_NUDGES_M):
            place += off_m
            found_m = mujoco.mj_geomDistance(model, data, one, other, _FAR_M, None)
            place -= off_m
            if found_m != 0.0:
                return found_m - float(np.abs(off_m).sum())
        return 0.0

    def _move(self, q_rad: Array, opening: float) -> None:
        self._data.qpos[self._qpos] = q_rad
        if self._arm.open_gripper is not None and opening != self._opening:
            self._opening = opening
            self._arm.open_gripper(self._model, self._data, opening)
        mujoco.mj_kinematics(self._model, self._data)

    def _names(self, pair: NDArray[np.int_]) -> tuple[str, str]:
        return self._name(int(pair[1])), self._name(int(pair[0]))

    def _name(self, geom: int) -> str:
        name = self._model.geom(geom).name
        if name.startswith(_PLACES):
            return name.removeprefix(_PLACES)
        return self._model.body(self._model.geom_bodyid[geom]).name

    def _never_too_near(self) -> NDArray[np.bool_]:
        """Which pairs are not too near by construction."""
        arm = self._arm
        lower, upper = arm.range_rad
        rng = np.random.default_rng(0)
        q_rad = rng.uniform(lower, upper, (_TRIES, len(lower)))
        ever_clear = (self.room(q_rad, np.ones(_TRIES)) > 0.0).any(axis=0)
        at_rest = self.room(np.array([arm.home_q_rad]), np.ones(1))[0] > 0.0
        of_itself = self._model.geom_bodyid[self._pairs[:, 0]] != 0
        return (ever_clear & at_rest) | ~of_itself

    def _widest_motions(self) -> Array:
        """How far opening the gripper moves the second of every pair, if it went on as fastest."""
        home = np.array(self._arm.home_q_rad)
        places = []
        for opening in np.linspace(0.0, 1.0, _OPENINGS):
            self._move(home, float(opening))
            places.append(self._data.geom_xpos.copy())
        steps = np.linalg.norm(np.diff(np.array(places), axis=0), axis=-1).max(axis=0)
        return _OPENINGS * steps[self._pairs[:, 1]]


def _add_surroundings(spec: mujoco.MjSpec, surroundings: Surroundings) -> None:
    if surroundings.table_z_m is not None:
        spec.worldbody.add_geom(
            name=_PLACES + TABLE,
            type=mujoco.mjtGeom.mjGEOM_PLANE,
            pos=[0.0, 0.0, surroundings.table_z_m],
            size=[2.0, 2.0, 0.1],
            group=COLLISION_GROUP,
        )
    for box in surroundings.boxes:
        spec.worldbody.add_geom(
            name=_PLACES + box.name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=box.T_base_box.p.tolist(),
            quat=quat(box.T_base_box),
            size=(0.5 * box.size_m).tolist(),
            group=COLLISION_GROUP,
        )


def _ids(model: mujoco.MjModel, kind: mujoco.mjtObj, name: str) -> list[int]:
    found = mujoco.mj_name2id(model, kind, name)
    return [found] if found >= 0 else []


def _pairs(
    model: mujoco.MjModel,
    arm: ArmGeometry,
    surroundings: Surroundings,
    joints: NDArray[np.int_],
) -> tuple[NDArray[np.int_], Array]:
    """Geoms that must not touch, (P, 2), and by how much they keep away from each other, (P,)."""
    moved_by = _joints_below(model, joints)[model.geom_bodyid]
    around = [model.geom(i).name.startswith(_PLACES) for i in range(model.ngeom)]
    felt = [i for i in range(model.ngeom) if model.geom_group[i] == COLLISION_GROUP]
    fingers = {model.body(name).id for name in arm.fingers}
    pairs, margins = [], []
    for other in felt:
        for one in felt:
            if around[one] and not around[other] and moved_by[other] > 0:
                touches = model.geom_bodyid[other] in fingers and one in _ids(
                    model, mujoco.mjtObj.mjOBJ_GEOM, _PLACES + TABLE
                )
                pairs.append((one, other))
                margins.append(-surroundings.finger_depth_m if touches else surroundings.margin_m)
            elif not around[one] and not around[other] and moved_by[other] - moved_by[one] >= 2:
                pairs.append((one, other))
                margins.append(surroundings.self_margin_m)
    return np.array(pairs, dtype=np.int_).reshape(-1, 2), np.array(margins)


def _joints_below(model: mujoco.MjModel, joints: NDArray[np.int_]) -> NDArray[np.int_]:
    """How many of the arm's joints move each body."""
    moved_by = np.zeros(model.nbody, dtype=np.int_)
    for body in range(1, model.nbody):
        first, count = model.body_jntadr[body], model.body_jntnum[body]
        mine = np.isin(np.arange(first, first + count), joints).sum()
        moved_by[body] = moved_by[model.body_parentid[body]] + mine
    return moved_by


def _reaches(model: mujoco.MjModel, pairs: NDArray[np.int_], joints: NDArray[np.int_]) -> Array:
    """Farthest that the second of every pair can be from each joint that moves it alone, (P, n).

    As if everything between them was stretched out.
    """
    moved_by = _joints_below(model, joints)[model.geom_bodyid]
    reaches = np.zeros((len(pairs), len(joints)))
    for row, (one, other) in enumerate(pairs):
        body = int(model.geom_bodyid[other])
        far_m = float(np.linalg.norm(model.geom_pos[other]) + model.geom_rbound[other])
        while body > 0:
            first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
            for joint in np.flatnonzero((joints >= first) & (joints < first + count)):
                if joint >= moved_by[one]:
                    anchor_m = np.linalg.norm(model.jnt_pos[joints[joint]])
                    reaches[row, joint] = far_m + float(anchor_m)
            far_m += float(np.linalg.norm(model.body_pos[body])) + _slides(model, body)
            body = int(model.body_parentid[body])
    return reaches


def _slides(model: mujoco.MjModel, body: int) -> float:
    first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
    slide = mujoco.mjtJoint.mjJNT_SLIDE
    return sum(
        float(np.abs(model.jnt_range[joint]).max())
        for joint in range(first, first + count)
        if model.jnt_type[joint] == slide
    )


# The simulated arms


def arm_collisions(arm: str, surroundings: Surroundings | None = None) -> CollisionGeometry:
    """Of a simulated arm with its gripper, by name, so that processes can be told which.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    return CollisionGeometry(geometry_of(ARMS[arm]), surroundings or Surroundings())


def geometry_of(arm: ArmSpec) -> ArmGeometry:
    """Geometry of a simulated arm with its gripper."""
    limits = arm.limits.joint
    return ArmGeometry(
        spec=build_arm(arm, visuals=False),
        joints=arm.joints,
        range_rad=(limits.lower_rad, limits.upper_rad),
        home_q_rad=arm.home_q_rad,
        fingers=arm.fingers,
        open_gripper=_Opening(arm),
    )


class _Opening:
    """Puts an arm's gripper to an opening, with all the joints that follow its lead."""

    def __init__(self, arm: ArmSpec) -> None:
        self._arm = arm
        self._lead = -1

    def __call__(self, model: mujoco.MjModel, data: mujoco.MjData, opening: float) -> None:
        if self._lead < 0:
            self._find(model)
        q = self._arm.q_of_opening(min(max(opening, 0.0), 1.0))
        data.qpos[self._lead] = q
        data.qpos[self._followers] = self._polynomials @ (q ** np.arange(5.0))

    def _find(self, model: mujoco.MjModel) -> None:
        self._lead = int(model.joint(self._arm.gripper_joint).qposadr[0])
        coupled = np.flatnonzero(model.eq_type == mujoco.mjtEq.mjEQ_JOINT)
        self._followers = model.jnt_qposadr[model.eq_obj1id[coupled]]
        self._polynomials = model.eq_data[coupled, :5].copy()
