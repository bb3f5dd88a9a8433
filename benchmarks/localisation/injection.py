"""What an injected fault may touch, and when it begins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hardware.safety_gate import SafetyGate
from robot_skills.core.collision import CollisionModel
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.limits import ArmLimits
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import Planner, SkillCall
from robot_skills.core.policy import Policy
from robot_skills.core.robot import Kinematics, Robot
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.layers import Layer
from sim.robot import SimRobot
from sim.tabletop.tasks import Instance

HOME = "home"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GateParts:
    """What a safety gate is made of."""

    limits: ArmLimits
    kinematics: Kinematics
    collisions: CollisionModel

    def gate(self) -> SafetyGate:
        """The gate."""
        return SafetyGate(self.limits, self.kinematics, collisions=self.collisions)


class Injection(EventSink):
    """One fault in one run; this one changes nothing.

    It waits for the plan, draws a call whose skill suits it, and begins when that call does, or
    `delay_s` later. Kinds of faults override what they touch.

    Args:
        rng: Of everything that is drawn.
        instance: The task of the run.
    """

    layer: Layer | None = None
    skills: tuple[str, ...] = ()
    """Skills during which it may begin; any when empty."""
    from_start = False
    """Whether it is there before anything is seen."""
    last_call = True
    """Whether it may begin during the last call."""

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        self.rng = rng
        self.instance = instance
        self.delay_s = 0.0
        self.calls: tuple[SkillCall, ...] = ()
        self.call: SkillCall | None = None
        self.begun = self.from_start
        self._number = -1
        self._due_s: float | None = None
        self._now_s: Callable[[], float] = lambda: 0.0

    # When it begins

    def emit(self, event: Event) -> None:
        """Follow the run: a plan, and calls that begin."""
        data = event.data
        if event.kind is EventKind.PLAN and not self.calls:
            self.calls = tuple(SkillCall(skill=c["skill"], args=c["args"]) for c in data["calls"])
            self.planned()
        elif event.kind is EventKind.SKILL_START and data["skill"] != HOME:
            call = SkillCall(skill=data["skill"], args=data["args"])
            if self._due_s is None and self.call is not None and call == self.call:
                self._due_s = event.stamp_s + self.delay_s

    def planned(self) -> None:
        """Draw the call during which it begins."""
        if self.from_start:
            return
        fitting = [
            i
            for i, call in enumerate(self.calls)
            if (not self.skills or call.skill in self.skills)
            and (self.last_call or i + 1 < len(self.calls))
        ]
        if fitting:
            self._number = int(self.rng.choice(fitting))
            self.call = self.calls[self._number]

    def watch(self, sim: SimRobot) -> None:
        """Begin in time; called after every control step."""
        if self.is_on() and not self.begun:
            self.begun = True
            self.happen(sim)

    def is_on(self) -> bool:
        """Whether it goes wrong now."""
        return self.begun or (self._due_s is not None and self._now_s() >= self._due_s)

    def keep_time(self, now_s: Callable[[], float]) -> None:
        """Where time is read."""
        self._now_s = now_s

    def things_ahead(self) -> tuple[str, ...]:
        """Entities that the calls behind the chosen one are about, and it is not."""
        chosen = set() if self.call is None else set(self.call.args.values())
        ahead = [name for call in self.calls[self._number + 1 :] for name in call.args.values()]
        return tuple(dict.fromkeys(name for name in ahead if name not in chosen | {TABLE}))

    # What it touches

    def happen(self, sim: SimRobot) -> None:
        """Change the simulated world itself."""

    def robot(self, robot: Robot) -> Robot:
        return robot

    def gate(self, parts: GateParts) -> SafetyGate:
        return parts.gate()

    def perceiver(self, perceiver: Perceiver) -> Perceiver:
        return perceiver

    def planner(self, planner: Planner) -> Planner:
        return planner

    def policy(self, skill: str, policy: Policy) -> Policy:
        return policy

    @property
    def checks_plans(self) -> bool:
        """Whether plans are checked before they are carried out."""
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: What goes wrong.
        make: Makes it for one run.
        tasks: Names of tasks in which it may happen.
        count: How often it is injected.
    """

    name: str
    make: Callable[[np.random.Generator, Instance], Injection]
    tasks: tuple[str, ...]
    count: int
