"""Makes calls one after the other, each as it is predicted after the one before.

What is predicted passes the same checks as any plan; what they refuse gives way to the next best.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.core.next_call import with_attempt
from robot_skills.core.plan import Plan, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.core.sequencer import LastCall
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary, unmet_text
from robot_skills.skills.card import SkillCard

_log = logging.getLogger(__name__)

History = tuple[LastCall, ...]
"""What was done so far, oldest first; attempts in a row at one call are one entry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencingConfig:
    """How long it goes on trying.

    Attributes:
        max_repeats: Most attempts at one call while the same is missing.
        max_foreseen: Most calls that are foreseen.
    """

    max_repeats: int = 5
    max_foreseen: int = 30

    def __post_init__(self) -> None:
        if min(self.max_repeats, self.max_foreseen) < 1:
            raise ValueError("Sequencing needs max_repeats >= 1 and max_foreseen >= 1.")


class Follower(Protocol):
    """Predicts what comes next."""

    @property
    def config(self) -> SequencingConfig:
        """How long it goes on trying."""
        ...

    def ranked_now(
        self, run: Run, cards: Iterable[SkillCard], history: History
    ) -> list[SkillCall | None]:
        """What could come next in a run, most likely first; None stands for being done.

        Raises:
            RefusedError: Nobody can say.
        """
        ...

    def foreseen(
        self, rest: Plan, scene: Scene, first: SkillCall | None = None, history: History = ()
    ) -> Iterator[SkillCall]:
        """Calls that will come next if each does what its card says, from a first one on."""
        ...


class Steps:
    """One run, call after call, as a follower has it.

    Args:
        follower: Says what comes next.
        executive: Carries it out.
        run: Where it stands.
    """

    def __init__(self, follower: Follower, executive: Executive, run: Run) -> None:
        self._follower, self._executive, self._run = follower, executive, run
        self._history: History = ()
        self._results: list[SkillResult] = []
        self._place = 0
        self._problem = ""
        self._attempts: Counter[tuple[str, str]] = Counter()

    def go(self) -> NoReturn:
        executive, run = self._executive, self._run
        while True:
            executive.end_when_stopped()
            run.pass_milestones()
            call = self._next()
            if call is None:
                # Where this look does not show the goal any more, the sequencer is asked again.
                executive.finish(run)
                continue
            self._refuse_to_go_round_in_circles(call)
            last = self._history[-1] if self._history else None
            again = last is not None and last.failures > 0 and last.call == call
            if again:
                of = self._follower.config.max_repeats
                made = len(self._results)
                executive.retry(call, self._results[-1], self._problem, attempt=made + 1, of=of)
            else:
                self._follow(call)
            self._attempt(call, again)

    def _next(self) -> SkillCall | None:
        """The most likely call that may be made now; None when all is done."""
        run = self._run
        try:
            cards = self._executive.cards.values()
            ranking = self._follower.ranked_now(run, cards, self._history)
        except RefusedError as error:
            raise Ended(f"nobody can say what comes next: {error}") from None
        refusals = []
        for call in ranking:
            refusal = self._refusal(call)
            if not refusal:
                return call
            refusals.append(refusal)
            _log.info("%s comes next, but is refused: %s", call or "the end", refusal)
        raise Ended(f"no call can be made now: {refusals[0]}")

    def _refusal(self, call: SkillCall | None) -> str:
        """Why a call, or the end, may not come now; empty when it may."""
        run = self._run
        if call is None:
            return self._missing()
        try:
            alone = replace(run.plan, calls=(call,), goal=(), milestones=(), specification=None)
            self._executive.accept(alone, run.scene)
        except RefusedError as error:
            return str(error)
        return run.monitor.refusal(call, run.scene)

    def _missing(self) -> str:
        """What is not yet as it is wanted, in words."""
        run = self._run
        unmet = goal_unmet(run.scene, run.plan.goal)
        return unmet_text(unmet, run.milestones, run.monitor.progress.pending)

    def _refuse_to_go_round_in_circles(self, call: SkillCall) -> None:
        most = self._follower.config.max_repeats
        missing = self._missing()
        made = self._attempts[str(call), missing]
        if made >= most:
            raise Ended(f"no progress: after {made} attempts at {call} still {missing}")
        self._attempts[str(call), missing] += 1

    def _follow(self, call: SkillCall) -> None:
        """Foresee anew and tell everybody, when the call is not the one that was foreseen."""
        executive, run = self._executive, self._run
        if run.calls[:1] == [call]:
            return
        number = len(run.plans)
        reason = f"{call} comes next" + (f": {self._problem}" if self._problem else "")
        executive.emit(EventKind.REPLAN, reason=reason, number=number)
        rest = run.rest()
        calls = tuple(self._follower.foreseen(rest, run.scene, call, self._history))
        run.follow(replace(rest, calls=calls))
        executive.announce(run, number)

    def _attempt(self, call: SkillCall, again: bool) -> None:
        """Make one attempt and keep in mind what became of it."""
        run = self._run
        result, self._problem = self._executive.attempt(run, call)
        if again:
            del run.skills[self._place]
        self._results = [*self._results, result] if again else [result]
        self._place = len(run.skills)
        run.skills.append(summary(call, self._results))
        self._history = with_attempt(self._history, call, result.ok)
        end_for_good(run, call, result)
        if result.ok:
            run.made(call)
