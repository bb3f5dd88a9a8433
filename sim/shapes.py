"""What an arm looks like, for viewers that know nothing of MuJoCo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3
from sim.arms import ARMS, build_arm
from sim.meshes import add_fast_visuals
from sim.parts import COLLISION_GROUP


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shape:
    """The mesh of one part.

    Attributes:
        link: The body that it moves with.
        vertices: In the link's frame [m], (n, 3).
        faces: Indices of vertices, (m, 3).
        rgb: Colour, 0 to 255 each.
    """

    link: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]
    rgb: tuple[int, int, int]


class ArmShapes:
    """Meshes of an arm with its gripper, and where its links are.

    Args:
        arm: Kind of arm.

    Raises:
        UnknownNameError: There is no such arm.
    """

    def __init__(self, arm: str) -> None:
        if arm not in ARMS:
            raise unknown_name("arm", arm, ARMS)
        self._arm = ARMS[arm]
        spec = build_arm(self._arm)
        add_fast_visuals(spec, keep_full=False)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._qpos = [self._model.joint(name).qposadr[0] for name in self._arm.joints]
        self._lead = self._model.joint(self._arm.gripper_joint).qposadr[0]
        self._coupled = [
            equality
            for equality in range(self._model.neq)
            if self._model.eq_type[equality] == mujoco.mjtEq.mjEQ_JOINT
        ]

    def shapes(self) -> list[Shape]:
        """All visible meshes."""
        model = self._model
        visible = [
            geom
            for geom in range(model.ngeom)
            if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH
            and model.geom_group[geom] != COLLISION_GROUP
        ]
        return [self._shape(geom) for geom in visible]

    def poses(self, q_rad: Sequence[float], opening: float) -> Mapping[str, SE3]:
        """``T_base_link`` of every link.

        Args:
            q_rad: Joint positions, (n,).
            opening: Of the gripper, in [0, 1].
        """
        data = self._data
        data.qpos[self._qpos] = q_rad
        data.qpos[self._lead] = self._arm.q_of_opening(opening)
        for equality in self._coupled:
            follower, leader = (
                self._model.jnt_qposadr[joint[equality]]
                for joint in (self._model.eq_obj1id, self._model.eq_obj2id)
            )
            offset, slope = self._model.eq_data[equality, :2]
            data.qpos[follower] = offset + slope * data.qpos[leader]
        mujoco.mj_kinematics(self._model, data)
        return {
            self._model.body(body).name: SE3(data.xmat[body].reshape(3, 3), data.xpos[body])
            for body in range(1, self._model.nbody)
        }

    def _shape(self, geom: int) -> Shape:
        model = self._model
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        face, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        R = np.zeros(9)
        mujoco.mju_quat2Mat(R, model.geom_quat[geom])
        vertices = model.mesh_vert[first : first + count] @ R.reshape(3, 3).T + model.geom_pos[geom]
        material = model.geom_matid[geom]
        rgba = model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
        red, green, blue = (round(255 * float(channel)) for channel in rgba[:3])
        return Shape(
            link=model.body(model.geom_bodyid[geom]).name,
            vertices=vertices.astype(np.float32),
            faces=model.mesh_face[face : face + faces].astype(np.uint32),
            rgb=(red, green, blue),
        )
