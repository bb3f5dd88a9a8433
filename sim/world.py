"""The simulated tabletop: one arm, a table, fixtures and free objects in one MuJoCo model."""

from functools import lru_cache

import mujoco
import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3, Array
from sim.appearance import cover_table
from sim.arms import (
    ARMS,
    HAND_BODY,
    PREFIX,
    TOOL_SITE,
    ArmSpec,
    build_arm,
    find_servos,
)
from sim.dynamics import NOMINAL, Dynamics, Nominal, apply_dynamics
from sim.fixtures import (
    BAR_RADIUS_M,
    CUPBOARD_HINGE,
    DRAWER_SLIDE,
    add_button,
    add_container,
    add_cupboard,
    add_drawer,
    add_socket,
    add_switch,
    add_zone,
)
from sim.grippers import GRIPPER_ACTUATOR
from sim.meshes import add_fast_visuals
from sim.objects import add_object
from sim.parts import COLLISION_GROUP, DRAWN_GROUP, WORLD_BIT
from sim.placements import Layout
from sim.switching import Switching

PHYSICS_STEP_S = 0.002
FRONT_CAMERA = "front"
T_BASE_FRONT = SE3.look_at((1.15, 0.05, 0.75), (0.47, 0.08, 0.03))
"""Optical frame of the fixed camera opposite the robot."""
FRONT_FOVY_DEG = 57.0
FILM_CAMERA = "film"
"""Third-person view for people; perception does not get it."""
_T_BASE_FILM = SE3.look_at((1.32, -0.98, 0.95), (0.33, 0.05, 0.16))
_FILM_FOVY_DEG = 44.0
WRIST_CAMERA = "wrist"
WRIST_FOVY_DEG = 72.0
"""Wide enough to see the whole workspace from home."""
CAMERAS = (FRONT_CAMERA, WRIST_CAMERA)
FOVY_DEG = {FRONT_CAMERA: FRONT_FOVY_DEG, WRIST_CAMERA: WRIST_FOVY_DEG}
"""Vertical field of view [deg]."""
_SETTLE_STEPS = 100
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


class TabletopWorld:
    """A compiled model with its state, and where things are in it.

    Everything is expressed in the arm's base frame, which is the model's world frame.

    Args:
        arm: Key in `ARMS`.
        layout: What stands where.
        dynamics: How its physics differ from the model's.

    Raises:
        UnknownNameError: There is no such arm.
        RefusedError: The dynamics are those of another number of joints.
    """

    def __init__(self, arm: str, layout: Layout, dynamics: Dynamics = NOMINAL) -> None:
        if arm not in ARMS:
            raise unknown_name("arm", arm, ARMS)
        self.arm: ArmSpec = ARMS[arm]
        self.layout = layout
        self.model: mujoco.MjModel = self._spec().compile()
        self.data = mujoco.MjData(self.model)
        model, spec = self.model, self.arm
        self.servos = find_servos(model, spec, PREFIX, PREFIX)
        self.gripper_ctrl: int = model.actuator(f"{PREFIX}gripper/{GRIPPER_ACTUATOR}").id
        self.gripper_qpos: int = int(model.joint(PREFIX + spec.gripper_joint).qposadr[0])
        self.tool_site: int = model.site(PREFIX + TOOL_SITE).id
        self.finger_bodies: tuple[frozenset[int], frozenset[int]] = (
            self._subtree(PREFIX + spec.fingers[0]),
            self._subtree(PREFIX + spec.fingers[1]),
        )
        self.switching = Switching(
            self.model,
            self.data,
            button_on=None if layout.T_base_button is None else layout.button_on,
            switch_on=None if layout.T_base_switch is None else layout.switch_on,
        )
        self._nominal = Nominal.of(model)
        self._kinematics_fresh = False
        if dynamics != NOMINAL:
            self.set_dynamics(dynamics)
        self.reset()

    def _spec(self) -> mujoco.MjSpec:
        """Editable model of the cell; a cell with more in it adds that here."""
        return build_world(self.arm, self.layout)

    def set_dynamics(self, dynamics: Dynamics) -> None:
        """Go on with other physics; `reset` keeps them.

        Raises:
            RefusedError: They are those of another number of joints.
        """
        apply_dynamics(self.model, self._nominal, self.servos, dynamics)

    def reset(self) -> None:
        """Back to the start of the episode: arm at home, things at rest where the layout says."""
        mujoco.mj_resetData(self.model, self.data)
        home = np.array(self.arm.home_q_rad)
        self.data.qpos[self.servos.qpos] = home
        self.data.act[self.servos.setpoint_act] = home
        self._start_gripper_open()
        self._start_fixtures(self.data)
        self.switching.reset()
        mujoco.mj_step(self.model, self.data, nstep=_SETTLE_STEPS)
        self.data.time = 0.0
        self._kinematics_fresh = False

    def rearrange(self) -> None:
        """Put the things back where the layout says, at rest; the arm stays where it is."""
        model, data = self.model, self.data
        start = mujoco.MjData(model)
        self._start_fixtures(start)
        arm = model.body_rootid[model.jnt_bodyid[self._joint_of(int(self.servos.dofs[0]))]]
        for joint in range(model.njnt):
            if model.body_rootid[model.jnt_bodyid[joint]] == arm:
                continue
            q, v = _joint_slices(model, joint)
            data.qpos[q], data.qvel[v] = start.qpos[q], 0.0
        self.switching.reset()
        self._kinematics_fresh = False

    def _start_fixtures(self, data: mujoco.MjData) -> None:
        drawer, cupboard = self.layout.drawer, self.layout.cupboard
        if drawer is not None:
            data.qpos[self.model.joint(DRAWER_SLIDE).qposadr[0]] = drawer.opening_m
        if cupboard is not None:
            angle_rad = cupboard.opening_m / BAR_RADIUS_M
            data.qpos[self.model.joint(CUPBOARD_HINGE).qposadr[0]] = angle_rad

    def _joint_of(self, dof: int) -> int:
        return int(self.model.dof_jntid[dof])

    def physics_state(self) -> Array:
        """All that decides how the physics goes on; `restore_physics` takes it."""
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        return state

    def restore_physics(self, state: Array) -> None:
        """Go on from what `physics_state` gave for the same arm and layout.

        Raises:
            ValueError: It is of another arm or layout.
        """
        size = mujoco.mj_stateSize(self.model, _STATE)
        if state.shape != (size,):
            raise ValueError(f"the state has {state.size} numbers, this world has {size}")
        mujoco.mj_setState(self.model, self.data, state, _STATE)
        mujoco.mj_forward(self.model, self.data)
        self._kinematics_fresh = False

    def step(self, n_physics: int) -> None:
        """Advance by physics steps under the present controls, in one call into MuJoCo."""
        mujoco.mj_step(self.model, self.data, nstep=n_physics)
        self.switching.update()
        self._kinematics_fresh = False

    def moved(self) -> None:
        """Somebody has changed joint positions: what depends on them is out of date."""
        self._kinematics_fresh = False

    def refresh(self) -> None:
        """Bring poses up to date with the joints; after a step MuJoCo's lag by one physics step."""
        if not self._kinematics_fresh:
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_comPos(self.model, self.data)
            mujoco.mj_camlight(self.model, self.data)
            self._kinematics_fresh = True

    def T_base_body(self, name: str) -> SE3:
        """Pose of a body by name."""
        self.refresh()
        body = self.model.body(name).id
        return SE3(self.data.xmat[body].reshape(3, 3), self.data.xpos[body])

    def T_base_tool(self) -> SE3:
        """Pose of the tool."""
        self.refresh()
        site = self.tool_site
        return SE3(self.data.site_xmat[site].reshape(3, 3), self.data.site_xpos[site])

    def joint_value(self, name: str) -> float:
        """Position of a hinge or slide joint by name."""
        return float(self.data.qpos[self.model.joint(name).qposadr[0]])

    def opening(self) -> float:
        """Gripper opening in [0, 1]."""
        opening = self.arm.opening_of_q(float(self.data.qpos[self.gripper_qpos]))
        return min(max(opening, 0.0), 1.0)

    def command_opening(self, opening: float) -> None:
        """Ask the gripper for an opening in [0, 1]."""
        q = self.arm.q_of_opening(min(max(opening, 0.0), 1.0))
        self.data.ctrl[self.gripper_ctrl] = q

    def _start_gripper_open(self) -> None:
        self.command_opening(1.0)
        for name, q in self.arm.gripper_open_q.items():
            self.data.qpos[self.model.joint(PREFIX + name).qposadr[0]] = q

    def _subtree(self, name: str) -> frozenset[int]:
        root = self.model.body(name).id
        members = {root}
        for body in range(root + 1, self.model.nbody):
            if int(self.model.body_parentid[body]) in members:
                members.add(body)
        return frozenset(members)


def build_world(arm: ArmSpec, layout: Layout) -> mujoco.MjSpec:
    """Editable model of a cell; compile it or change it first."""
    world = mujoco.MjSpec()
    world.modelname = f"tabletop_{arm.name}"
    world.compiler.degree = False
    world.option.timestep = PHYSICS_STEP_S
    world.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    world.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    world.option.impratio = 10.0
    _add_room(world, layout)
    world.attach(_drawn_arm(arm.name).copy(), prefix=PREFIX, frame=world.worldbody.add_frame())
    _add_camera(world.body(PREFIX + HAND_BODY), WRIST_CAMERA, arm.T_hand_camera, WRIST_FOVY_DEG)
    if layout.drawer is not None:
        add_drawer(world, layout.drawer.T_base_cabinet)
    if layout.T_base_box is not None:
        add_container(world, layout.T_base_box)
    if layout.T_base_button is not None:
        add_button(world, layout.T_base_button)
    if layout.cupboard is not None:
        add_cupboard(world, layout.cupboard.T_base_cupboard, layout.cupboard.left)
    if layout.T_base_switch is not None:
        add_switch(world, layout.T_base_switch)
    if layout.T_base_zone is not None:
        add_zone(world, layout.T_base_zone)
    if layout.T_base_socket is not None:
        add_socket(world, layout.T_base_socket)
    for item in layout.objects:
        add_object(world, item)
    if layout.friction != 1.0:
        _scale_friction(world, layout.friction)
    return world


def _scale_friction(world: mujoco.MjSpec, share: float) -> None:
    """Of everything, the fingers included: a contact has the friction of its rougher side."""
    for geom in world.geoms:
        geom.friction = [share * float(geom.friction[0]), *geom.friction[1:]]


@lru_cache(maxsize=4)
def _drawn_arm(name: str) -> mujoco.MjSpec:
    """The arm with light twins of its heavy meshes; making it costs more than all the rest."""
    spec = build_arm(ARMS[name])
    add_fast_visuals(spec)
    return spec


def _add_room(world: mujoco.MjSpec, layout: Layout) -> None:
    body, look, height_m = world.worldbody, layout.appearance, layout.table_height_m
    # The table is felt as a plane, which is cheaper than a box, and seen as a slab.
    body.add_geom(
        name="table_plane",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        pos=[0.0, 0.0, height_m],
        size=[2.0, 2.0, 0.1],
        group=COLLISION_GROUP,
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        friction=[1.0, 0.01, 0.0005],
    )
    table = body.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[0.35, 0.0, height_m - 0.025],
        size=[0.60, 0.70, 0.025],
        group=DRAWN_GROUP,
        contype=0,
        conaffinity=0,
    )
    cover_table(world, table, layout.table_rgb, look)
    body.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        pos=[0.0, 0.0, -0.75],
        size=[4.0, 4.0, 0.1],
        rgba=[0.62, 0.62, 0.60, 1.0],
        group=DRAWN_GROUP,
        contype=0,
        conaffinity=0,
    )
    world.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.86, 0.89, 0.92],
        rgb2=[0.56, 0.60, 0.65],
        width=64,
        height=384,
    )
    body.add_light(
        name="ceiling",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0.6, -0.3, 2.0],
        dir=look.light_direction.tolist(),
        diffuse=[look.light] * 3,
        specular=[0.1, 0.1, 0.1],
        castshadow=True,
    )
    world.visual.headlight.ambient = [look.ambient] * 3
    world.visual.headlight.diffuse = [0.35, 0.35, 0.35]
    world.visual.headlight.specular = [0.0, 0.0, 0.0]
    _add_camera(body, FRONT_CAMERA, T_BASE_FRONT @ look.T_front_moved, FRONT_FOVY_DEG)
    _add_camera(body, FILM_CAMERA, _T_BASE_FILM, _FILM_FOVY_DEG)


def _add_camera(body: mujoco.MjsBody, name: str, T_body_camera: SE3, fovy_deg: float) -> None:
    # MuJoCo's cameras look along -z with +y up; optical frames along +z with +y down.
    T = T_body_camera @ SE3.from_rotvec((np.pi, 0.0, 0.0))
    body.add_camera(name=name, pos=T.p.tolist(), quat=T.wxyz().tolist(), fovy=fovy_deg)


def _joint_slices(model: mujoco.MjModel, joint: int) -> tuple[slice, slice]:
    """Of a joint in the positions and in the velocities."""
    sizes = {
        mujoco.mjtJoint.mjJNT_FREE: (7, 6),
        mujoco.mjtJoint.mjJNT_BALL: (4, 3),
    }
    nq, nv = sizes.get(mujoco.mjtJoint(model.jnt_type[joint]), (1, 1))
    q, v = int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])
    return slice(q, q + nq), slice(v, v + nv)
