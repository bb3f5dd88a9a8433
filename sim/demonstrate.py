"""One demonstration: set a scene up, let the expert work under disturbances, verify, record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.binding import Anchor, AnchorSpec, TokenBinding, bind
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal
from robot_skills.core.policy import PolicyInput, encode_action, encode_state
from robot_skills.core.predicates import unmet
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, RgbdFrame, single_arm_chunk
from sim.dataset import Demonstration, Optics
from sim.dynamics import NOMINAL, Dynamics
from sim.experts import EXPERTS, Expert, ExpertMaker, MotionStyle, make_expert
from sim.experts.motion import Mover
from sim.latency import DelayedRobot, Delays
from sim.robot import SimRobot
from sim.scenarios import Scenario, draw_scenario
from sim.truth import truth_scene

CONTROL_HZ = 20
_PERIOD_S = 1.0 / CONTROL_HZ
_MAX_TICKS = 400
_TAIL_TICKS = 10
"""Ticks recorded after the work is done, from which the termination head learns to stop."""
_SETTLE_TICKS = 10
PUSHES_HZ = 0.35
"""How often a hand that demonstrates is pushed off its way."""
_CALM = MotionStyle(
    speed_m_s=0.35,
    turn_rate_rad_s=1.5,
    acceleration_m_s2=1.0,
    hover_m=0.08,
    funnel_m=0.04,
    depth_m=0.03,
    settle_ticks=9,
)
"""Moves that are not demonstrations."""


class AttemptFailed(Exception):
    """The attempt did not end as the skill promises. Its text is a short reason to be counted."""


@dataclass(slots=True)
class Disturbance:
    """Pushes the hand off its way now and then, so that the data shows the way back.

    The idea is DART's (Laskey et al., 2017): the expert keeps answering rightly from states that it
    would not have come to by itself. Ticks under a push are marked and never imitated.
    """

    rng: np.random.Generator
    rate_hz: float = PUSHES_HZ
    largest_m: float = 0.03
    largest_rad: float = 0.15
    _left: int = 0
    _offset_m: Array | None = None
    _turn_rad: Array | None = None

    def step(self) -> tuple[Array, Array] | None:
        """Offset [m] and turn [rad] to push by at this tick, or None."""
        if self._left == 0:
            if self.rng.random() >= self.rate_hz * _PERIOD_S:
                return None
            self._left = int(self.rng.integers(4, 10))
            direction = self.rng.normal(size=3)
            direction /= np.linalg.norm(direction)
            self._offset_m = direction * self.rng.uniform(0.2, 1.0) * self.largest_m / self._left
            turn = np.array([0.0, 0.0, self.rng.uniform(-1.0, 1.0) * self.largest_rad])
            self._turn_rad = turn / self._left
        self._left -= 1
        assert self._offset_m is not None
        assert self._turn_rad is not None
        return self._offset_m, self._turn_rad


def demonstrate(
    skill: str,
    *,
    seed: tuple[int, int],
    arm: str,
    cameras: Sequence[str] = (),
    camera_px: tuple[int, int] = (128, 128),
) -> Demonstration:
    """Demonstrate a skill once in a random scene.

    Args:
        skill: Name of a skill that has an expert.
        seed: Decides everything: the scene, the style, the disturbances.
        arm: Name of a simulated arm.
        cameras: Cameras to record with depth at every tick.
        camera_px: Picture size (width, height).

    Raises:
        AttemptFailed: The scene could not be set up, the expert took too long, or its effects do
            not hold in the simulator's truth.
    """
    rng = np.random.default_rng(seed)
    scenario = draw_scenario(skill, rng)
    return demonstrate_in(
        scenario, EXPERTS[skill], rng, arm=arm, cameras=cameras, camera_px=camera_px
    )


def demonstrate_in(
    scenario: Scenario,
    expert: ExpertMaker,
    rng: np.random.Generator,
    *,
    arm: str,
    cameras: Sequence[str] = (),
    camera_px: tuple[int, int] = (128, 128),
    pushes_hz: float = PUSHES_HZ,
    dynamics: Dynamics = NOMINAL,
    delays: Delays | None = None,
) -> Demonstration:
    """Demonstrate once from a given start.

    Args:
        scenario: The start, and what has to hold at the end.
        expert: Makes the expert.
        rng: Of the style and the disturbances.
        arm: Name of a simulated arm.
        cameras: Cameras to record with depth at every tick.
        camera_px: Picture size (width, height).
        pushes_hz: How often the hand is pushed off its way; 0 never does.
        dynamics: Of the cell.
        delays: How late arm, gripper and states are while the expert works; None is in time.

    Raises:
        AttemptFailed: See `demonstrate`.
    """
    robot = SimRobot(arm=arm, layout=scenario.layout, camera_size_px=camera_px, dynamics=dynamics)
    robot.connect()
    try:
        prepare(robot, scenario, rng)
        acting = robot if delays is None else DelayedRobot(robot, delays, rng)
        disturbance = Disturbance(
            rng, rate_hz=pushes_hz, largest_m=scenario.push_m, largest_rad=scenario.push_rad
        )
        scene = truth_scene(robot.world)
        demonstration = _record(acting, scene, scenario, expert, disturbance, tuple(cameras))
        _verify(robot, scenario.effects)
    finally:
        robot.close()
    return demonstration


def prepare(robot: SimRobot, scenario: Scenario, rng: np.random.Generator) -> None:
    """Bring the cell to where the scenario starts: settle, pick up what is to be held.

    Raises:
        AttemptFailed: The thing to be held was not got hold of.
    """
    _hold_still(robot, _SETTLE_TICKS)
    if scenario.held is not None:
        scene = truth_scene(robot.world)
        tool = robot.observe().arms[DEFAULT_ARM].T_base_tool
        thing = AnchorSpec(entity=scenario.held, anchor=Anchor.BOX)
        binding = bind([thing], scene, tool)
        expert = make_expert(
            "grasp", binding.tokens_at(tool), tool, MotionStyle.draw(rng), _PERIOD_S
        )
        if not run_expert(robot, expert):
            raise AttemptFailed("setting up: the grasp took too long")
        _verify(robot, (Literal(predicate="holding", args=(scenario.held,)),))
    opening = 0.0 if scenario.held is not None else scenario.opening
    move_to(robot, scenario.start(robot.home(DEFAULT_ARM)), opening)


def run_expert(robot: SimRobot, expert: Expert, max_ticks: int = _MAX_TICKS) -> bool:
    """Let an expert work undisturbed and unrecorded; whether it finished."""
    for _ in range(max_ticks):
        state = robot.observe().arms[DEFAULT_ARM]
        step = expert.act(state.T_base_tool, state.opening)
        tick(robot, step.T_base_tool, step.opening)
        if step.done:
            return True
    return False


def move_to(robot: SimRobot, goal: SE3, opening: float, max_ticks: int = 120) -> None:
    """Straight move of the tool in free space, at a moderate speed."""
    mover = Mover(robot.observe().arms[DEFAULT_ARM].T_base_tool, _CALM, _PERIOD_S)
    for _ in range(max_ticks):
        target = mover.towards(goal)
        tick(robot, target, opening)
        if max(target.distance_to(goal)) < 1e-3:
            break
    _hold_still(robot, 4)


def tick(robot: Robot, T_base_tool: SE3, opening: float) -> None:
    """One control period towards one waypoint."""
    then_s = robot.clock.now_s() + _PERIOD_S
    chunk = single_arm_chunk(np.array([then_s]), T_base_tool.matrix()[None], np.array([opening]))
    robot.command(chunk)
    robot.clock.sleep_until(then_s)


def _hold_still(robot: SimRobot, ticks: int) -> None:
    robot.clock.sleep_until(robot.clock.now_s() + ticks * _PERIOD_S)


def _anchors(*pairs: tuple[str, str]) -> list[AnchorSpec]:
    return [AnchorSpec(entity=name, anchor=Anchor(anchor)) for name, anchor in pairs]


def _record(
    robot: Robot,
    scene: Scene,
    scenario: Scenario,
    make: ExpertMaker,
    disturbance: Disturbance,
    cameras: tuple[str, ...],
) -> Demonstration:
    rng = disturbance.rng
    tool = robot.observe().arms[DEFAULT_ARM].T_base_tool
    try:
        binding = _off(bind(_anchors(*scenario.tokens), scene, tool), scenario, rng)
    except RefusedError as refusal:
        raise AttemptFailed(f"nothing to act on: {type(refusal).__name__}") from refusal
    style = MotionStyle.draw(rng)
    expert = make(binding.tokens_at(tool), tool, style, _PERIOD_S)
    rows = _Rows()
    done_ticks = 0
    for _ in range(_MAX_TICKS):
        observation = robot.observe(cameras)
        state = observation.arms[DEFAULT_ARM]
        push = disturbance.step() if done_ticks == 0 else None
        if push is None:
            step = expert.act(state.T_base_tool, state.opening)
            target, opening, phase, done = (step.T_base_tool, step.opening, step.phase, step.done)
        else:
            # What the gripper does and how far the work has come stay as they were.
            target, opening, phase, done = (
                expert.displace(*push),
                rows.last_opening(state.opening),
                rows.last_phase(),
                False,
            )
        rows.add(
            state=_state_vector(state.T_base_tool, state.opening, binding, scene.table_height_m),
            action=encode_action(target, opening),
            valid=push is None,
            done=done,
            phase=phase,
        )
        for name in cameras:
            rows.add_picture(name, observation.cameras[name])
        tick(robot, target, opening)
        done_ticks += done
        if done_ticks > _TAIL_TICKS:
            return rows.demonstration(scenario.task)
    raise AttemptFailed("the expert took too long")


def _off(binding: TokenBinding, scenario: Scenario, rng: np.random.Generator) -> TokenBinding:
    """The tokens with the last one as wrong as perception would have it."""
    if scenario.token_off_m == 0.0:
        return binding
    *others, last = binding.tokens
    offset_m = np.array([*rng.normal(0.0, scenario.token_off_m, 2), 0.0])
    turn = SE3.from_yaw(rng.normal(0.0, scenario.token_off_rad), (0.0, 0.0, 0.0)).R
    T = last.T_base_anchor
    moved = replace(last, T_base_anchor=SE3(turn @ T.R, T.p + offset_m))
    return replace(binding, tokens=(*others, moved))


def _state_vector(
    tool: SE3, opening: float, binding: TokenBinding, table_height_m: float
) -> np.ndarray:
    return encode_state(
        PolicyInput(
            T_base_tool=tool.matrix()[None],
            opening=np.array([opening]),
            tokens=binding.tokens_at(tool),
            table_height_m=table_height_m,
        )
    )


def _verify(robot: SimRobot, effects: tuple[Literal, ...]) -> None:
    missing = unmet(truth_scene(robot.world), effects)
    if missing:
        raise AttemptFailed("not so: " + ", ".join(literal.predicate for literal in missing))


class _Rows:
    """Collects one demonstration tick by tick."""

    def __init__(self) -> None:
        self._state: list[np.ndarray] = []
        self._action: list[np.ndarray] = []
        self._valid: list[float] = []
        self._done: list[float] = []
        self._phases: list[str] = []
        self._rgb: dict[str, list[np.ndarray]] = {}
        self._depth: dict[str, list[np.ndarray]] = {}
        self._optics: dict[str, Optics] = {}

    def last_opening(self, otherwise: float) -> float:
        return float(self._action[-1][-1]) if self._action else otherwise

    def last_phase(self) -> str:
        return self._phases[-1] if self._phases else "approach"

    def add(
        self, *, state: np.ndarray, action: np.ndarray, valid: bool, done: bool, phase: str
    ) -> None:
        self._state.append(state)
        self._action.append(action)
        self._valid.append(float(valid))
        self._done.append(float(done))
        self._phases.append(phase)

    def add_picture(self, name: str, frame: RgbdFrame) -> None:
        self._rgb.setdefault(name, []).append(frame.rgb)
        self._depth.setdefault(name, []).append(frame.depth_m)
        seen = Optics(K=frame.K, T_base_camera=frame.T_base_camera.matrix())
        self._optics[name] = self._optics[name].agrees(seen) if name in self._optics else seen

    def demonstration(self, task: str) -> Demonstration:
        return Demonstration(
            task=task,
            state=np.stack(self._state),
            action=np.stack(self._action),
            label_valid=np.array(self._valid, dtype=np.float32),
            done=np.array(self._done, dtype=np.float32),
            phases=tuple(self._phases),
            rgb={name: np.stack(pictures) for name, pictures in self._rgb.items()},
            depth_m={name: np.stack(depth) for name, depth in self._depth.items()},
            optics=self._optics,
        )
