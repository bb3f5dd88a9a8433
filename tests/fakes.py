"""Small working stand-ins for every contract, with geometry and no physics.

`FakeRobot` follows its waypoints exactly. `FakeWorld` lets a closing gripper pick up what is
between its fingers and drops what an opening one lets go, so that whole skills can be tried in
milliseconds. Nothing here is used outside the tests.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot_skills.core.camera import pinhole
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import PerceptionError, RobotFault, unknown_name
from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits
from robot_skills.core.plan import Plan
from robot_skills.core.policy import EntityToken, PolicyInput, PolicyOutput
from robot_skills.core.scene import TABLE, Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3, Array, interpolate, so3_exp, so3_log
from robot_skills.core.types import (
    DEFAULT_ARM,
    ActionChunk,
    ArmState,
    Observation,
    RgbdFrame,
    single_arm_chunk,
)

R_DOWN = np.diag([1.0, -1.0, -1.0])
"""Tool pointing down, its x axis along the base's."""
T_HOME = SE3(R_DOWN, np.array([0.45, 0.0, 0.30]))
PERIOD_S = 0.05

LIMITS = ArmLimits(
    joint=JointLimits(
        lower_rad=np.array([-1.0, -1.0, -1.0, -4.0, -4.0, -4.0]),
        upper_rad=np.array([1.0, 1.0, 1.0, 4.0, 4.0, 4.0]),
        velocity_rad_s=np.full(6, 4.0),
        acceleration_rad_s2=np.full(6, 20.0),
    ),
    cartesian=CartesianLimits(
        workspace_lower_m=np.array([0.2, -0.5, -0.01]),
        workspace_upper_m=np.array([0.8, 0.5, 0.6]),
        speed_m_s=1.0,
        turn_rate_rad_s=3.0,
        jump_m=0.10,
        jump_rad=0.5,
    ),
    gripper_width_m=0.08,
)


def table(height_m: float = 0.0) -> Entity:
    return Entity(
        name=TABLE,
        label="table",
        T_base_entity=SE3.from_translation((0.5, 0.0, height_m - 0.01)),
        extents_m=np.array([0.8, 1.2, 0.02]),
        movable=False,
    )


def cube(name: str = "red_cube", x: float = 0.5, y: float = 0.0, size_m: float = 0.04) -> Entity:
    return Entity(
        name=name,
        label="cube",
        colour=name.split("_")[0],
        T_base_entity=SE3.from_translation((x, y, 0.5 * size_m)),
        extents_m=np.full(3, size_m),
    )


def bin_(name: str = "box", x: float = 0.5, y: float = -0.25) -> Entity:
    room = Region(
        T_entity_region=SE3.from_translation((0.0, 0.0, 0.01)),
        extents_m=np.array([0.14, 0.14, 0.06]),
    )
    return Entity(
        name=name,
        label="box",
        T_base_entity=SE3.from_translation((x, y, 0.04)),
        extents_m=np.array([0.16, 0.16, 0.08]),
        cavity=room,
        access=room,
        movable=False,
    )


def drawer(value_m: float = 0.0, upper_m: float = 0.16) -> Entity:
    """A cabinet on the left whose drawer opens towards -y."""
    out = np.array([1.0, 0.0, 0.0])
    room = Region(
        T_entity_region=SE3.from_translation((value_m, 0.0, 0.0)),
        extents_m=np.array([0.16, 0.2, 0.05]),
    )
    open_part = Region(
        T_entity_region=SE3.from_translation((0.1 + 0.5 * value_m, 0.0, 0.0)),
        extents_m=np.array([max(value_m, 1e-3), 0.2, 0.05]),
    )
    return Entity(
        name="drawer",
        label="drawer",
        T_base_entity=SE3.from_yaw(-np.pi / 2, (0.5, 0.36, 0.05)),
        extents_m=np.array([0.2, 0.24, 0.1]),
        articulation=Articulation(
            value_m=value_m,
            upper_m=upper_m,
            axis_entity=out,
            T_entity_handle=SE3.from_translation((0.12 + value_m, 0.0, 0.0)),
            handle_extents_m=np.array([0.02, 0.1, 0.02]),
        ),
        cavity=room,
        access=open_part if value_m > 0.08 else None,
        movable=False,
    )


def door(value_m: float = 0.0, hinge_y: float = 0.1) -> Entity:
    """A cupboard whose door, 0.16 m from its hinge to its handle, turns about an upright hinge."""
    hinge = np.array([0.12, hinge_y, 0.0])
    side = -np.sign(hinge_y)
    closed = SE3.from_translation((0.18, hinge_y + side * 0.16, 0.0))
    axis = np.array([1.0, 0.0, 0.0])
    joint = Articulation(
        value_m=0.0,
        upper_m=0.2,
        axis_entity=axis,
        T_entity_handle=closed,
        handle_extents_m=np.array([0.02, 0.08, 0.02]),
        hinge_entity=hinge,
    )
    return Entity(
        name="cupboard",
        label="cupboard",
        T_base_entity=SE3.from_yaw(-np.pi / 2, (0.5, 0.36, 0.05)),
        extents_m=np.array([0.2, 0.24, 0.1]),
        articulation=replace(joint, value_m=value_m, T_entity_handle=joint.handle_at(value_m)),
        movable=False,
    )


def lamp(on: bool) -> Entity:
    """Something that is switched by being pressed."""
    control = Control(on=on, T_entity_press=SE3.from_translation((0.0, 0.0, 0.02)), travel_m=0.01)
    return replace(cube("lamp"), movable=False, control=control)


def make_scene(*entities: Entity, stamp_s: float = 0.0, opening: float = 1.0) -> Scene:
    """A scene with the table and the given things."""
    things = {entity.name: entity for entity in (table(), *entities)}
    return Scene(stamp_s=stamp_s, entities=things, opening={DEFAULT_ARM: opening})


class FakeKinematics:
    """A gantry with a spherical wrist: joints are the tool's position and rotation vector."""

    def forward(self, q_rad: Array) -> SE3:
        return SE3(so3_exp(q_rad[3:]) @ R_DOWN, q_rad[:3])

    def follow(self, q_rad: Array, T_base_tool: Array) -> tuple[Array, Array]:
        T = np.asarray(T_base_tool)
        q = np.concatenate([T[:, :3, 3], so3_log(T[:, :3, :3] @ R_DOWN.T)], axis=-1)
        return q, np.zeros(len(T))

    def inverse(self, T_base_tool: SE3) -> Array:
        return self.follow(np.zeros(6), T_base_tool.matrix()[None])[0][0]


class FakeWorld:
    """Things that a gripper can pick up and put down; nothing slips or tips over."""

    reach_m = 0.02

    def __init__(self, *entities: Entity) -> None:
        self.entities = {entity.name: entity for entity in (table(), *entities)}
        self._held: tuple[str, SE3] | None = None

    def step(self, T_base_tool: SE3, opening: float) -> None:
        """Let the world follow the hand to its next pose."""
        if self._held is None and opening < 0.5:
            self._pick(T_base_tool)
        elif self._held is not None and opening > 0.5:
            self._drop()
        if self._held is not None:
            name, T_tool_entity = self._held
            moved = replace(self.entities[name], T_base_entity=T_base_tool @ T_tool_entity)
            self.entities[name] = moved

    def scene(self, stamp_s: float, opening: float) -> Scene:
        return Scene(stamp_s=stamp_s, entities=dict(self.entities), opening={DEFAULT_ARM: opening})

    def _pick(self, T_base_tool: SE3) -> None:
        for entity in self.entities.values():
            off_m = float(np.linalg.norm(entity.T_base_entity.p - T_base_tool.p))
            if entity.movable and off_m <= self.reach_m:
                self._held = (entity.name, T_base_tool.inverse() @ entity.T_base_entity)
                self.entities[entity.name] = replace(entity, held_by=DEFAULT_ARM)
                return

    def _drop(self) -> None:
        assert self._held is not None
        entity = self.entities[self._held[0]]
        x, y, _ = entity.T_base_entity.p
        floors = [
            self._floor(other, x, y)
            for other in self.entities.values()
            if other.name != entity.name
        ]
        z = max(floors) + 0.5 * entity.extents_m[2]
        T = SE3.from_yaw(entity.T_base_entity.yaw_rad(), (x, y, z))
        self.entities[entity.name] = replace(entity, T_base_entity=T, held_by=None)
        self._held = None

    @staticmethod
    def _floor(other: Entity, x: float, y: float) -> float:
        """Height at which a thing at (x, y) would rest on another one."""
        local = other.T_base_entity.inverse() @ np.array([x, y, 0.0])
        if np.any(np.abs(local[:2]) > 0.5 * other.extents_m[:2]):
            return -np.inf
        if other.cavity is None:
            return other.top_m
        T_base_room = other.T_base_entity @ other.cavity.T_entity_region
        return float(T_base_room.p[2] - 0.5 * other.cavity.extents_m[2])


class FakeCamera:
    """Sees a plane 1 m away."""

    def __init__(self, clock: ManualClock, name: str = "front") -> None:
        self._clock = clock
        self._name = name
        self._connected = False

    @property
    def name(self) -> str:
        return self._name

    def connect(self) -> None:
        self._connected = True

    def read(self) -> RgbdFrame:
        if not self._connected:
            raise PerceptionError(f"Camera {self._name!r} is not connected.")
        return RgbdFrame(
            stamp_s=self._clock.now_s(),
            rgb=np.full((24, 32, 3), 128, dtype=np.uint8),
            depth_m=np.ones((24, 32), dtype=np.float32),
            K=pinhole(32, 24, np.deg2rad(60.0)),
            T_base_camera=SE3.look_at((1.0, 0.0, 1.0), (0.5, 0.0, 0.0)),
        )

    def close(self) -> None:
        self._connected = False


class FakeRobot:
    """One arm that is at every waypoint on time."""

    def __init__(self, world: FakeWorld | None = None, clock: ManualClock | None = None) -> None:
        self.world = FakeWorld() if world is None else world
        self._clock = ManualClock() if clock is None else clock
        self._camera = FakeCamera(self._clock)
        self._connected = False
        self._chunk: ActionChunk | None = None
        self._T = T_HOME
        self._opening = 1.0
        self._advanced_s = self._clock.now_s()
        self.commands: list[ActionChunk] = []
        self.stops = 0

    @property
    def clock(self) -> ManualClock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return PERIOD_S

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return {DEFAULT_ARM: LIMITS}

    @property
    def cameras(self) -> tuple[str, ...]:
        return (self._camera.name,)

    def kinematics(self, arm: str) -> FakeKinematics:
        self._check_arm(arm)
        return FakeKinematics()

    def home(self, arm: str) -> SE3:
        self._check_arm(arm)
        return T_HOME

    def connect(self) -> None:
        self._camera.connect()
        self._connected = True

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        self._check_connected()
        for name in cameras:
            if name not in self.cameras:
                raise unknown_name("camera", name, self.cameras)
        self._advance()
        state = ArmState(
            stamp_s=self._clock.now_s(),
            q_rad=FakeKinematics().inverse(self._T),
            dq_rad_s=np.zeros(6),
            tau_nm=np.zeros(6),
            T_base_tool=self._T,
            opening=self._opening,
        )
        return Observation(
            stamp_s=self._clock.now_s(),
            arms={DEFAULT_ARM: state},
            cameras={name: self._camera.read() for name in cameras},
        )

    def command(self, chunk: ActionChunk) -> ActionChunk:
        self._check_connected()
        for name in chunk.arms:
            self._check_arm(name)
        self._advance()
        now_s = self._clock.now_s()
        accepted = chunk.after(now_s)
        if accepted is None:
            raise RobotFault("All waypoints are late.")
        arm = accepted.arms[DEFAULT_ARM]
        self._chunk = single_arm_chunk(
            np.concatenate([[now_s], accepted.stamp_s]),
            np.concatenate([self._T.matrix()[None], arm.T_base_tool]),
            np.concatenate([[self._opening], arm.opening]),
        )
        self.commands.append(accepted)
        return accepted

    def stop(self) -> None:
        if self._connected:
            self._advance()
        self._chunk = None
        self.stops += 1

    def close(self) -> None:
        self._connected = False

    def place_tool(self, T_base_tool: SE3, opening: float = 1.0) -> None:
        """Put the hand somewhere at once, to start a test from there."""
        self._T, self._opening, self._chunk = T_base_tool, opening, None
        self.world.step(T_base_tool, opening)

    def _advance(self) -> None:
        """Go through the waypoints that became due, so that the world sees each of them."""
        now_s = self._clock.now_s()
        if self._chunk is not None:
            due = self._chunk.stamp_s[
                (self._chunk.stamp_s > self._advanced_s) & (self._chunk.stamp_s < now_s)
            ]
            for at_s in (*due, now_s):
                self._T, self._opening = self._chunk.sample(DEFAULT_ARM, float(at_s))
                self.world.step(self._T, self._opening)
        self._advanced_s = now_s

    def _check_arm(self, arm: str) -> None:
        if arm not in self.arms:
            raise unknown_name("arm", arm, self.arms)

    def _check_connected(self) -> None:
        if not self._connected:
            raise RobotFault("The fake robot is not connected.")


class FakePerceiver:
    """Knows the world."""

    cameras: tuple[str, ...] = ()

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def reset(self) -> None:
        pass

    def look(self, observation: Observation) -> Scene:
        opening = observation.arms[DEFAULT_ARM].opening
        return self._world.scene(observation.stamp_s, opening)


class FakePlanner:
    """Always has the same plan."""

    name = "fake"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def plan(self, instruction: str, scene: Scene) -> Plan:
        return replace(self._plan, instruction=instruction, planner=self.name)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        return replace(self._plan, instruction=plan.instruction, planner=self.name)


class FakeTeleoperator:
    """Moves the tool up while engaged."""

    def __init__(self) -> None:
        self.held = False

    def connect(self) -> None:
        pass

    def engaged(self) -> bool:
        return self.held

    def action(self, observation: Observation) -> ActionChunk | None:
        if not self.held:
            return None
        state = observation.arms[DEFAULT_ARM]
        up = SE3.from_translation((0.0, 0.0, 0.005)) @ state.T_base_tool
        stamps = np.array([observation.stamp_s + PERIOD_S])
        return single_arm_chunk(stamps, up.matrix()[None], np.array([state.opening]))

    def close(self) -> None:
        self.held = False


Script = Callable[[PolicyInput], list[tuple[SE3, float]]]


class FakePolicy:
    """Goes through corner poses at steady speed, and is done at the last.

    Args:
        script: Corners, each a tool pose and an opening, from the first input of an episode.
        speed_m_s: Between corners; where only the opening changes the tool waits half a second.
        finishes: Whether it ever says that it is done.
    """

    period_s = PERIOD_S
    horizon = 16
    observation_steps = 2

    def __init__(
        self,
        script: Script,
        *,
        speed_m_s: float = 0.4,
        execute_steps: int = 8,
        finishes: bool = True,
    ) -> None:
        self._script = script
        self._speed_m_s = speed_m_s
        self._execute_steps = execute_steps
        self._finishes = finishes
        self._path: list[tuple[Array, float]] = []
        self._at = 0
        self.inputs: list[PolicyInput] = []
        self.seeds: list[int] = []

    def reset(self, seed: int) -> None:
        self._path, self._at = [], 0
        self.seeds.append(seed)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        self.inputs.append(inputs)
        if not self._path:
            self._path = self._timed(inputs)
        rows = [self._path[min(self._at + i, len(self._path) - 1)] for i in range(self.horizon)]
        done = self._finishes and self._at >= len(self._path)
        self._at += self._execute_steps
        return PolicyOutput(
            T_base_tool=np.stack([T for T, _ in rows]),
            opening=np.array([opening for _, opening in rows]),
            done=float(done),
        )

    def _timed(self, inputs: PolicyInput) -> list[tuple[Array, float]]:
        T, path = inputs.T_base_tool[-1], []
        for T_corner, opening in self._script(inputs):
            goal = T_corner.matrix()
            length_m = float(np.linalg.norm(goal[:3, 3] - T[:3, 3]))
            steps = int(np.ceil(length_m / (self._speed_m_s * self.period_s))) or 10
            path += [(interpolate(T, goal, (i + 1) / steps), opening) for i in range(steps)]
            T = goal
        return path


def grasp_script(inputs: PolicyInput) -> list[tuple[SE3, float]]:
    """Over the first token, down, close, up."""
    p = inputs.tokens[0].T_base_anchor.p
    above = SE3(R_DOWN, p + np.array([0.0, 0.0, 0.12]))
    at = SE3(R_DOWN, p)
    return [(above, 1.0), (at, 1.0), (at, 0.0), (above, 0.0)]


def place_script(inputs: PolicyInput) -> list[tuple[SE3, float]]:
    """Over the second token, down, open, up."""
    thing, spot = inputs.tokens
    hang = SE3.from_matrix(inputs.T_base_tool[-1]).p - thing.T_base_anchor.p
    rest = spot.T_base_anchor.p + np.array([0.0, 0.0, 0.5 * thing.extents_m[2]]) + hang
    at = SE3(R_DOWN, rest)
    above = SE3(R_DOWN, rest + np.array([0.0, 0.0, 0.12]))
    return [(above, 0.0), (at, 0.0), (at, 1.0), (above, 1.0)]


def still_script(inputs: PolicyInput) -> list[tuple[SE3, float]]:
    """Stay where the tool is."""
    return [(SE3.from_matrix(inputs.T_base_tool[-1]), float(inputs.opening[-1]))]


ZOO = Path(__file__).parents[1] / "zoo"


def replace_token_positions(
    tokens: tuple[EntityToken, ...], offset_m: tuple[float, float, float]
) -> tuple[EntityToken, ...]:
    """The tokens as someone sees them who is wrong about where things are."""
    moved = SE3.from_translation(offset_m)
    return tuple(replace(t, T_base_anchor=moved @ t.T_base_anchor) for t in tokens)
