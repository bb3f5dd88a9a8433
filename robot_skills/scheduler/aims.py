"""What foreseen calls are held to, whoever thinks of them: what is wanted, and nothing besides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from robot_skills.core.plan import Literal, Plan, Specification
from robot_skills.scheduler.relevance import about, relevant, tidy
from robot_skills.scheduler.temporal.planning import begun, foreseen, on_the_way
from robot_skills.scheduler.temporal.progress import Progress
from robot_skills.scheduler.world_model import GroundCall, State, WorldModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is wanted, from a state on, and how far that has come.

    Attributes:
        model: Of the scene.
        state: What holds.
        goal: What has to hold at the end.
        progress: Of what has to be satisfied, and to come about on the way.
    """

    model: WorldModel
    state: State
    goal: tuple[Literal, ...]
    progress: Progress

    @classmethod
    def of(cls, plan: Plan, model: WorldModel) -> "Aim":
        """What is left of a plan, in the scene of a model.

        Raises:
            InstructionError: Its specification cannot be read.
            UnknownNameError: It names a predicate that does not exist.
        """
        state = model.initial()
        progress = begun(plan.specification or Specification(parts=()), model, state)
        if plan.milestones:
            progress = progress.joined(begun(on_the_way(plan.milestones), model, state))
        return cls(model=model, state=state, goal=plan.goal, progress=progress)

    @property
    def reached(self) -> bool:
        """Whether all of it is so."""
        return self.progress.accepted and not self.model.unmet(self.state, self.goal)

    def admitted(self, calls: Iterable[GroundCall]) -> list[GroundCall]:
        """The calls that may come next.

        Such can be made, change something, violate nothing, are about what is wanted, and leave
        nothing where nobody wants it.
        """
        wanted = (*self.goal, *self.progress.literals())
        names = relevant(self.model, self.state, wanted) | self.progress.names()
        return [
            call
            for call in calls
            if about(call, names)
            and tidy(call, wanted)
            and not self.model.unmet(self.state, call.preconditions)
            and self._leads_on(call)
        ]

    def is_reached_by(self, calls: Iterable[GroundCall]) -> bool:
        """Whether calls lead to it, each of which may come next in its turn."""
        aim = self
        for call in calls:
            if not aim.admitted([call]):
                return False
            aim = aim.behind(call)
        return aim.reached

    def behind(self, call: GroundCall) -> "Aim":
        """What is left behind a call that does what its card says."""
        state, progress = foreseen(self.progress, self.model, self.state, call)
        return replace(self, state=state, progress=progress)

    def _leads_on(self, call: GroundCall) -> bool:
        """Whether it changes something, and violates nothing."""
        after = self.behind(call)
        return after != self and not after.progress.violated
