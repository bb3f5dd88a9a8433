"""Runs of fake skills that tell of themselves as real ones do, with a memory."""

from dataclasses import dataclass

from robot_skills.core.events import Event, EventFanOut, EventKind, EventSink
from robot_skills.core.plan import SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.memory.journal import Journal
from robot_skills.scheduler.memory.planner import MemoryPlanner
from robot_skills.scheduler.memory.records import Task, Where
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.runs import call_data, end_data
from robot_skills.skills.conditions import check_effects
from tests.scheduler import worlds
from tests.scheduler.test_executive import FakeWorld, executive

HERE = Where(cell="bench", arm="panda")


class Killed(BaseException):
    """The process is gone: nobody handles it."""


@dataclass
class TellingWorld(FakeWorld):
    """A fake world whose skills emit events.

    Attributes:
        sink: Gets them.
        dies_in: Skill during whose next call the process dies.
    """

    sink: EventSink | None = None
    dies_in: str = ""

    def run(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        self._emit(EventKind.PRECONDITIONS, **call_data(call), checked=[], unmet=[])
        self._emit(EventKind.SKILL_START, **call_data(call))
        if call.skill == self.dies_in:
            raise Killed
        result, after = super().run(call, scene, attempt)
        check = check_effects(worlds.cards()[call.skill], call.args, after)
        checked, unmet = map(str, check.literals), map(str, check.unmet)
        self._emit(EventKind.EFFECTS, **call_data(call), checked=list(checked), unmet=list(unmet))
        self._emit(EventKind.SKILL_END, **end_data(result))
        return result, after

    def _emit(self, kind: EventKind, **data: object) -> None:
        assert self.sink is not None
        self.sink.emit(Event(stamp_s=self.now_s, kind=kind, data=data))


def remembering(
    world: TellingWorld,
    memory: TaskMemory,
    resumes: Task | None = None,
    sinks: tuple[EventSink, ...] = (),
    **more,
) -> Executive:
    """An executive with a memory, as a cell wires it."""
    journal = Journal(memory, HERE, None if resumes is None else resumes.number)
    rules = RulesPlanner(worlds.cards().values())
    planner = MemoryPlanner(rules, memory, lambda: journal.task, resumes)
    world.sink = EventFanOut(*sinks, journal)
    return executive(world, world.sink, planner=planner, **more)
