"""A simulated person who watches a run and corrects it until it goes as it was wanted."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.corrections.families import Task, Taste, Wish, content
from robot_skills.app.wiring import Cell
from robot_skills.core.events import Event, EventKind
from robot_skills.core.predicates import closed, in_
from robot_skills.core.types import DEFAULT_ARM
from sim.fixtures import BOX, DRAWER
from sim.robot import CONTROL_PERIOD_S

_LOOKS_EVERY_S = 0.5
"""Time from one glance to the next; nobody corrects faster than that."""
MOST = 4
"""Corrections after which a person gives up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """How long it took from words to the first command that was made with them in mind.

    Attributes:
        words: That were said.
        level: ``call`` or ``goal``.
        sim_s: Simulated time.
        wall_s: Wall time of computing meanwhile, physics included.
    """

    words: str
    level: str
    sim_s: float
    wall_s: float


@dataclass(kw_only=True)
class User:
    """An `EventSink` that is also asked at every control step.

    Attributes:
        task: What is to be done.
        taste: What the user wants.
        wordings: To choose from.
        rng: Chooses.
        patience: How many corrections are said at most.
        said: What was said so far, with and without success.
        refused: Of these, what was not understood or could not be.
        remembered: Numbers of the corrections that were remembered by themselves.
        kept: Numbers of those that were said and kept.
        reactions: To what was said.
    """

    task: Task
    taste: Taste
    wordings: Sequence[str]
    rng: np.random.Generator
    patience: int = MOST
    said: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    remembered: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cell: Cell | None = None
        self._next_s = 0.0
        self._call: dict[str, str] = {}
        self._plan: list[dict[str, object]] = []
        self._asked: tuple[str, float, float] | None = None
        self._level = ""
        self._promised = False

    def watch(self, cell: Cell) -> None:
        """Begin to watch."""
        self._cell = cell
        cell.sim.on_step.append(lambda _: self._glance())

    def emit(self, event: Event) -> None:
        match event.kind:
            case EventKind.SKILL_START:
                self._call = {"skill": event.data["skill"], **event.data["args"]}
                self._next_s = event.stamp_s + _LOOKS_EVERY_S
            case EventKind.SKILL_END:
                self._call = {}
            case EventKind.PLAN:
                self._plan, self._promised = event.data["calls"], False
            case EventKind.CORRECTION:
                self._answered(event)
            case EventKind.GATE if event.data["accepted"] and self._level:
                assert self._asked is not None
                words, at_s, wall_s = self._asked
                # Words may come just behind the question for them: a period later at most.
                took_s = event.stamp_s - at_s + CONTROL_PERIOD_S
                self.reactions.append(
                    Reaction(
                        words=words,
                        level=self._level,
                        sim_s=took_s,
                        wall_s=time.perf_counter() - wall_s,
                    )
                )
                self._asked, self._level = None, ""

    def met(self, cell: Cell) -> bool:
        """Whether all went as it was wanted, in the simulator's truth."""
        scene, task = cell.truth(), self.task
        match task.wish:
            case None:
                return True
            case Wish.CLOSE:
                return closed(scene, DRAWER)
            case Wish.WHICH:
                return in_(scene, task.thing, BOX)
            case Wish.HEIGHT:
                return content(task, self.taste, scene.tools[DEFAULT_ARM].p, scene)
        return content(task, self.taste, scene[task.thing].T_base_entity.p, scene)

    def _answered(self, event: Event) -> None:
        data = event.data
        if data["does"] == "remembers":
            self.remembered.append(data["number"])
        elif data["does"] == "refuses":
            self.refused.append(data["words"])
            self._asked = None
        elif data["does"] == "heeds" and self._asked is not None:
            self.kept.append(data["number"])
            self._promised = self.task.wish in (Wish.WHICH, Wish.CLOSE)
            # Only what changes the present motion has a time of reaction.
            level = "goal" if self.task.wish in (Wish.WHICH, Wish.CLOSE) else "call"
            self._level = "" if self.task.wish is Wish.CLOSE else level

    def _glance(self) -> None:
        cell = self._cell
        if cell is None or cell.desk is None or len(self.said) >= self.patience or not self._call:
            return
        now_s = cell.sim.clock.now_s()
        if now_s < self._next_s or self._promised or self._pleased(cell):
            return
        self._next_s = now_s + _LOOKS_EVERY_S
        words = str(self.rng.choice(list(self.wordings))).format(**self.task.said)
        self.said.append(words)
        self._asked = (words, now_s, time.perf_counter())
        cell.desk.say(words)

    def _pleased(self, cell: Cell) -> bool:
        """Whether what is being done now looks right, or says nothing of what is wanted."""
        task, skill = self.task, self._call["skill"]
        match task.wish:
            case None:
                return True
            case Wish.WHICH:
                return skill != "grasp" or self._call["object"] == task.thing
            case Wish.CLOSE:
                return skill != "place" or any(call["skill"] == "close" for call in self._plan)
        assert cell.desk is not None
        p_m = cell.desk.going_to_m
        wanted = "reach" if task.wish is Wish.HEIGHT else "place"
        if skill != wanted or p_m is None:
            return True
        return content(task, self.taste, p_m, cell.truth())
