"""Whether a run conformed to its specification: as it was seen, and in the simulator's truth.

Both are judged afterwards from the trace alone, by `violated_by`, not by what planned or watched.
"""

from collections.abc import Callable, Iterable

from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.plan import SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.data.episode_log import Episode
from robot_skills.scheduler.temporal.trace import Position, trace_of, violated_by


def recorded_trace(episode: Episode) -> tuple[Position, ...]:
    """The trace of a recorded run, as it was seen."""
    return trace_of(episode.events, (look.scene for look in episode.looks))


class TruthTrace(EventSink):
    """Takes down the trace of a run in truth: at every look, at every call, and in between.

    Attributes:
        positions: Of the trace, in order.
    """

    def __init__(self) -> None:
        self.positions: list[Position] = []
        self._truth: Callable[[], Scene] | None = None

    def start(self, truth: Callable[[], Scene]) -> None:
        """Begin, now that it is known who knows the truth."""
        self._truth = truth

    def look(self) -> None:
        """Take down what is now; whoever wants to know what happens between looks calls it."""
        if self._truth is not None:
            self.positions.append(Position(scene=self._truth()))

    def emit(self, event: Event) -> None:
        if event.kind is EventKind.LOOK:
            self.look()
        elif event.kind is EventKind.SKILL_START and self._truth is not None:
            call = SkillCall(skill=str(event.data["skill"]), args=dict(event.data["args"]))
            self.positions.append(Position(scene=self._truth(), call=call))


def told_conformance(
    specification: Specification | None,
    events: Iterable[Event],
    looks: Iterable[Scene],
    truth: TruthTrace,
) -> dict[str, bool | None]:
    """How a run conformed to its specification, as JSON values; None where it has none.

    Args:
        specification: Of the first plan.
        events: Of the run, in order.
        looks: What was seen.
        truth: What was so.
    """
    if specification is None:
        return {"conforms": None, "truth_conforms": None}
    # A run that goes on with a task is judged by what was left of it.
    judged = Specification(parts=specification.rest or specification.parts)
    return {
        "conforms": not violated_by(trace_of(events, looks), judged),
        "truth_conforms": not violated_by(truth.positions, judged),
    }
