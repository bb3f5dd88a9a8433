"""A cube that glides over the table and is to be grasped: a task for which timing matters.

The table is without friction, so that the cube keeps its speed until fingers stop it. The policy is
the zoo's, trained on things that stand still. It works in a frame that moves with the cube: what it
is told and what it answers is carried along. Where the cube is, a camera has seen a while ago.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np

from robot_skills.app.gating import gate_here
from robot_skills.app.trials import loaded_policy, looker
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.events import EventList
from robot_skills.core.plan import SkillCall
from robot_skills.core.policy import Policy, PolicyInput, PolicyOutput, PolicyWrapper
from robot_skills.core.predicates import holding
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3, Array
from robot_skills.skills.asking import ContinuingPolicy
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.policy_skill import PolicySkillConfig
from robot_skills.skills.runner import SkillContext, run_skill
from sim.objects import ObjectPlacement
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import TruthPerceiver, truth_scene

CUBE = "red_cube"
_SIZE_M = 0.04
_SPEED_M_S = (0.08, 0.12)
_LIFTED_M = 0.01
_EXECUTE_STEPS = 2
_TABLE = ("table_plane", "table")


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """What is known of when things were seen.

    Attributes:
        camera_s: How late a camera truly is.
        known_camera_s: How late it is thought to be.
        known_state_s: How old states are thought to be.
    """

    camera_s: float = 0.0
    known_camera_s: float = 0.0
    known_state_s: float = 0.0


class Tracker:
    """Where the cube is, as a late camera tells.

    Args:
        cell: The simulated cell.
        velocity_m_s: Of the cube, in the base frame, (3,); the belt's is known.
        knowledge: Of the times.
    """

    def __init__(self, cell: SimRobot, velocity_m_s: Array, knowledge: Knowledge) -> None:
        self._cell, self._velocity, self._knowledge = cell, velocity_m_s, knowledge
        self._seen: deque[tuple[float, Array]] = deque(maxlen=256)
        self.look(cell)
        self._start = self._seen[-1][1]
        cell.on_step.append(self.look)

    def look(self, cell: SimRobot) -> None:
        """Take a picture."""
        p = truth_scene(cell.world)[CUBE].T_base_entity.p
        self._seen.append((cell.clock.now_s(), p))

    def belief(self) -> tuple[Array, Array]:
        """How far the cube is by the time of the newest state, and its velocity."""
        known = self._knowledge
        shown_s = self._cell.clock.now_s() - known.camera_s
        stamps = [stamp_s for stamp_s, _ in self._seen]
        path = np.stack([p for _, p in self._seen])
        p = np.array([np.interp(shown_s, stamps, path[:, i]) for i in range(3)])
        offset = p - self._start
        if offset[2] > _LIFTED_M:
            return offset * (1.0, 1.0, 0.0), np.zeros(3)
        return offset + self._velocity * (
            known.known_camera_s - known.known_state_s
        ), self._velocity


class CarriedPolicy(PolicyWrapper):
    """A policy in a frame that moves with what its first token is about.

    Args:
        policy: Trained on things that stand still.
        belief: Says how far the thing has moved by the time of the newest state, and its velocity.
    """

    def __init__(self, policy: Policy, belief: Callable[[], tuple[Array, Array]]) -> None:
        super().__init__(policy)
        self._belief = belief

    @property
    def can_continue(self) -> bool:
        """Whether a prefix is heeded."""
        return isinstance(self._policy, ContinuingPolicy) and self._policy.can_continue

    def infer(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> PolicyOutput:
        """A chunk that goes along with the thing."""
        shift_m, velocity_m_s = self._belief()
        first, *rest = inputs.tokens
        anchor = first.T_base_anchor
        token = replace(first, T_base_anchor=SE3(anchor.R, anchor.p + shift_m))
        past = self.period_s * np.arange(len(inputs.opening) - 1, -1, -1, dtype=np.float64)
        history = _carried(inputs.T_base_tool, velocity_m_s, past)
        carried = replace(inputs, T_base_tool=history, tokens=(token, *rest))
        if prefix is not None and isinstance(self._policy, ContinuingPolicy):
            until = -self.period_s * np.arange(1, len(prefix.opening) + 1, dtype=np.float64)
            prefix = replace(prefix, T_base_tool=_carried(prefix.T_base_tool, velocity_m_s, until))
            output = self._policy.infer(carried, prefix)
        else:
            output = self._policy.infer(carried)
        ahead = self.period_s * np.arange(1, len(output.opening) + 1, dtype=np.float64)
        return replace(output, T_base_tool=_carried(output.T_base_tool, velocity_m_s, ahead))


def _carried(T_base_tool: Array, velocity_m_s: Array, after_s: Array) -> Array:
    moved = T_base_tool.copy()
    moved[:, :3, 3] += after_s[:, None] * velocity_m_s
    return moved


def gliding_trial(seed: int, wrap: Callable[[Robot], Robot], knowledge: Knowledge) -> bool:
    """Whether the gliding cube is in the hand at the end.

    Args:
        seed: Of the start and the speed.
        wrap: Makes the robot late, and takes latencies off.
        knowledge: Of the camera that watches the cube.
    """
    rng = np.random.default_rng(seed)
    speed_m_s = rng.uniform(*_SPEED_M_S)
    p_start = (rng.uniform(0.42, 0.54), rng.uniform(-0.3, -0.22), 0.5 * _SIZE_M)
    cube = ObjectPlacement(
        name=CUBE,
        label="cube",
        colour="red",
        rgb=np.array([0.8, 0.1, 0.1]),
        extents_m=np.full(3, _SIZE_M),
        mass_kg=0.06,
        T_base_object=SE3.from_yaw(rng.uniform(-0.4, 0.4), p_start),
    )
    cell = SimRobot("panda", layout=Layout(objects=(cube,)))
    cell.connect()
    try:
        events = EventList()
        robot = wrap(gate_here(cell, events))
        robot.clock.sleep_until(1.0)
        velocity_m_s = np.array([0.0, speed_m_s, 0.0])
        tracker = Tracker(cell, velocity_m_s, knowledge)

        def load(directory: Path) -> Policy:
            return CarriedPolicy(loaded_policy(directory), tracker.belief)

        perceiver = TruthPerceiver(cell.world)
        look = looker(robot, perceiver)
        context = SkillContext(
            robot=robot,
            library=SkillLibrary.load(zoo_dir(), load),
            look=look,
            events=events,
            scene=look(),
            seed=seed,
            policy_config=PolicySkillConfig(execute_steps=_EXECUTE_STEPS),
        )
        _push_off(cell, velocity_m_s)
        run_skill(SkillCall(skill="grasp", args={"object": CUBE}), context)
        return holding(truth_scene(cell.world), CUBE)
    finally:
        cell.close()


def _push_off(cell: SimRobot, velocity_m_s: Array) -> None:
    """Take the table's friction away, and set the cube going."""
    model, data = cell.world.model, cell.world.data
    for name in _TABLE:
        geom = model.geom(name).id
        model.geom_priority[geom] = 2
        model.geom_friction[geom] = 1e-6
    body = model.body(CUBE)
    first = int(model.jnt_dofadr[body.jntadr[0]])
    data.qvel[first : first + 3] = velocity_m_s
    mujoco.mj_forward(model, data)
