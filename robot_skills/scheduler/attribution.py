"""Whose fault it was: the layer and the skill, judged by the events of a run alone.

What went wrong first, and was not put right afterwards, is looked into; of a run that succeeded all
the same, what made another attempt or another plan necessary. The rules, in the order in which they
are asked:

1. an error names its layer: a robot's fault the driver, a look that fails perception, a checkpoint
   the skill, and so does a process of skills that is gone;
2. an arm or gripper that does not move as it is told is the driver's, and so is one that does not
   come home although the gate lets it;
3. what cannot have happened as it was seen (`robot_skills.scheduler.oddities`) is perception's;
4. a call whose preconditions no call before it has promised is the plan's, and so is a goal that no
   call has promised;
5. a refused chunk is the skill's when no sound skill would have made it, else the gate's: one that
   leads to what the call is about, no faster than the skill's card allows;
6. a hand that closed on nothing just where a thing is believed to be, and still is, says that
   perception is wrong;
7. whatever remains is the skill's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import dist
from typing import Any

from robot_skills.core.errors import (
    CheckpointError,
    PerceptionError,
    RobotFault,
    SkillServerFault,
    UnknownNameError,
    UnusableSkillError,
)
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.scheduler.layers import Layer
from robot_skills.scheduler.oddities import Doubt, Oddity, find_oddities
from robot_skills.scheduler.plan_checker import PlanRefusedError
from robot_skills.scheduler.record_reader import read_record
from robot_skills.scheduler.refused_chunks import decisive_refusal, whose_chunk
from robot_skills.scheduler.run_record import (
    Broken,
    GoalMissed,
    PlanBroken,
    Refusal,
    RunRecord,
    Trouble,
    Try,
)

_AIM_M = 0.06
"""A tool that comes no nearer than this, sideways, was aimed beside."""
_CLOSED = 0.06
"""An opening below which nothing is between the fingers."""
_SHUT = 0.5
"""A gripper that was never told to close farther than this was not to take anything."""
_STAYED_M = 0.01
"""A thing that is seen no farther than this from where it was has not been touched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Whose fault it was, and how one can tell.

    Attributes:
        layer: At fault.
        skill: Skill of the call during which it came about; empty before any call.
        args: Arguments of that call.
        reason: Why, in words.
        stamp_s: Of the event that shows it, on the project clock.
        event: Kind of that event.
    """

    layer: Layer
    skill: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    reason: str
    stamp_s: float
    event: EventKind

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"

    @property
    def place(self) -> str:
        """The layer, and the call where there was one, in words."""
        call = f" during {self.skill}({', '.join(self.args.values())})" if self.skill else ""
        return f"{self.layer.value}{call}"

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "layer": self.layer.value,
            "skill": self.skill or None,
            "args": dict(self.args),
            "reason": self.reason,
            "evidence": {"event": self.event.value, "stamp_s": self.stamp_s},
        }


def attribute(events: Iterable[Event]) -> Fault | None:
    """Whose fault it was that a run failed, was refused or had trouble.

    Args:
        events: Of one run, in order.

    Returns:
        None when nothing went wrong, or somebody asked to stop.
    """
    record = read_record(events)
    if record.stopped:
        return None
    if record.refusal is not None:
        return _refused(record.refusal)
    return _Judge(record).fault()


def attribute_attempts(events: Iterable[Event]) -> tuple[Fault | None, ...]:
    """Whose fault each attempt's failure was, whatever became of the run.

    Args:
        events: Of one run, in order.

    Returns:
        One per attempt, in the order in which they ended; None for those that went well, and for
        those that somebody stopped.
    """
    record = read_record(events)
    judge = _Judge(record)
    return tuple(
        judge.of_try(attempt) if attempt in record.troubles else None for attempt in record.tries
    )


def _refused(refusal: Refusal) -> Fault:
    match refusal.error:
        case PlanRefusedError.__name__:
            layer = Layer.PLAN
        case UnusableSkillError.__name__ | CheckpointError.__name__:
            layer = Layer.SKILL
        case UnknownNameError.__name__:
            layer = Layer.PERCEPTION
        case _:
            layer = Layer.INSTRUCTION
    return Fault(
        layer=layer,
        skill=refusal.skill,
        args=refusal.args,
        reason=refusal.reason,
        stamp_s=refusal.stamp_s,
        event=EventKind.REFUSED,
    )


class _Judge:
    """Looks into one run."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._oddities = find_oddities(record)

    def fault(self) -> Fault | None:
        trouble = self._decisive()
        match trouble:
            case None:
                return self._sure_oddity()
            case Try():
                return self.of_try(trouble)
            case PlanBroken():
                return self._odd_after(trouble) or self._left(trouble)
            case GoalMissed():
                return self._odd_after(trouble) or self._missed(trouble)
            case Broken():
                layer = _layer_of(trouble.error)
                return self._at(layer, self._last(trouble), trouble.reason, trouble)

    def _decisive(self) -> Trouble | None:
        """The first trouble that nothing has put right; else the first."""
        troubles = self._record.troubles
        lasting = [trouble for trouble in troubles if not self._mended(trouble)]
        return next(iter(lasting or troubles), None)

    def _mended(self, trouble: Trouble) -> bool:
        if not isinstance(trouble, Try):
            return self._record.believed
        later = self._record.tries[self._record.tries.index(trouble) + 1 :]
        return any(other.ok and other.call == trouble.call for other in later)

    # Attempts

    def of_try(self, attempt: Try) -> Fault:
        """Whose fault a failed attempt was; what it leaves open, another at the call may tell."""
        same = [other for other in self._record.troubles if isinstance(other, Try)]
        for other in same[same.index(attempt) :]:
            if other.call == attempt.call:
                fault = self._told_by(other)
                if fault is not None:
                    return fault
        return self._at(Layer.SKILL, attempt, attempt.reason, attempt)

    def _told_by(self, attempt: Try) -> Fault | None:
        """What an attempt by itself tells of whose fault it was."""
        if attempt.error:
            return self._at(_layer_of(attempt.error), attempt, attempt.reason, attempt)
        if attempt.stuck:
            stuck = attempt.stuck[0]
            fault = self._at(Layer.DRIVER, attempt, stuck.message, attempt, EventKind.DRIVER)
            return replace(fault, stamp_s=stuck.stamp_s)
        odd = self._odd_during(attempt)
        if odd is not None:
            return odd
        if attempt.outcome is Outcome.FAULT and not attempt.refused_by:
            return self._at(Layer.DRIVER, attempt, attempt.reason, attempt)
        if not attempt.began:
            return self._not_begun(attempt)
        refused = decisive_refusal(attempt)
        if refused is not None:
            layer, why = whose_chunk(attempt, refused)
            reason = f"{refused.code}: {refused.message}; {why}"
            fault = self._at(layer, attempt, reason, attempt, EventKind.GATE)
            return replace(fault, stamp_s=refused.stamp_s)
        return self._aimed_beside(attempt) or self._grasped_in_vain(attempt)

    def _not_begun(self, attempt: Try) -> Fault:
        before = self._record.tries[: self._record.tries.index(attempt)]
        maker = _promised_by(attempt.needed, before)
        if maker is None:
            reason = f"{attempt.reason}; no call before it was to bring that about"
            return self._at(Layer.PLAN, attempt, reason, attempt, EventKind.PRECONDITIONS)
        reason = f"what it had brought about did not last: {attempt.reason}"
        return self._at(Layer.SKILL, maker, reason, attempt, EventKind.PRECONDITIONS)

    def _aimed_beside(self, attempt: Try) -> Fault | None:
        nearest_m = attempt.nearest_m
        farthest = max(nearest_m, key=lambda name: nearest_m[name], default=None)
        if farthest is None or nearest_m[farthest] <= _AIM_M:
            return None
        away = f"{100.0 * nearest_m[farthest]:.0f} cm"
        reason = f"the tool came no nearer than {away} to {farthest}: {attempt.reason}"
        return self._at(Layer.SKILL, attempt, reason, attempt)

    def _grasped_in_vain(self, attempt: Try) -> Fault | None:
        missed = _closed_on_nothing(attempt)
        if not missed:
            return None
        reason = f"the hand closed on nothing where {missed} is believed to be, and still is"
        for oddity in self._oddities:
            # It was seen to jump there, perhaps because the hand had touched it.
            if oddity.stamp_s <= attempt.end_s and missed in oddity.names:
                return self._at(
                    Layer.PERCEPTION, oddity.during, f"{oddity.text}; {reason}", attempt
                )
        return self._at(Layer.PERCEPTION, attempt, reason, attempt)

    # What is not one attempt's

    def _left(self, broken: PlanBroken) -> Fault:
        last = self._last(broken)
        layer = Layer.PLAN if last is None else Layer.SKILL
        return self._at(layer, last, broken.reason, broken, broken.event)

    def _missed(self, missed: GoalMissed) -> Fault:
        text = f"{', '.join(missed.unmet)} does not hold when all calls have been made"
        maker = _promised_by(missed.unmet, self._record.tries[: missed.attempts])
        if maker is None:
            reason = f"{text}, and none of them was to bring that about"
            return self._at(Layer.PLAN, None, reason, missed, EventKind.GOAL)
        return self._at(Layer.SKILL, maker, f"{text} any more", missed, EventKind.GOAL)

    def _last(self, trouble: GoalMissed | PlanBroken | Broken) -> Try | None:
        made = self._record.tries[: trouble.attempts]
        return made[-1] if made else None

    def _odd_during(self, attempt: Try) -> Fault | None:
        """Perception's fault, if it had told anything odd by the end of an attempt.

        A thing that somebody may have moved matters where the attempt is about it.
        """
        about = set(attempt.call.args.values())
        for oddity in self._oddities:
            bears = oddity.doubt is Doubt.MOVED and about & oddity.names
            if oddity.stamp_s <= attempt.end_s and (oddity.doubt is Doubt.NONE or bears):
                return _odd(oddity)
        return None

    def _odd_after(self, trouble: PlanBroken | GoalMissed) -> Fault | None:
        """The same of what was seen after the last attempt, whatever it is about."""
        last = self._last(trouble)
        for oddity in self._oddities:
            bears = oddity.doubt is Doubt.MOVED and oddity.during is last
            if oddity.stamp_s <= trouble.stamp_s and (oddity.doubt is Doubt.NONE or bears):
                return _odd(oddity)
        return None

    def _sure_oddity(self) -> Fault | None:
        """What perception has told and nothing else explains, though nobody had trouble with it."""
        sure = (oddity for oddity in self._oddities if oddity.doubt is Doubt.NONE)
        return next(map(_odd, sure), None)

    def _at(
        self,
        layer: Layer,
        attempt: Try | None,
        reason: str,
        trouble: Trouble,
        event: EventKind = EventKind.SKILL_END,
    ) -> Fault:
        call = SkillCall(skill="") if attempt is None else attempt.call
        if isinstance(trouble, Broken):
            event = EventKind.RUN_END
        stamp_s = trouble.end_s if isinstance(trouble, Try) else trouble.stamp_s
        return Fault(
            layer=layer,
            skill=call.skill,
            args=call.args,
            reason=reason,
            stamp_s=stamp_s,
            event=event,
        )


def _odd(oddity: Oddity) -> Fault:
    call = SkillCall(skill="") if oddity.during is None else oddity.during.call
    return Fault(
        layer=Layer.PERCEPTION,
        skill=call.skill,
        args=call.args,
        reason=oddity.text,
        stamp_s=oddity.stamp_s,
        event=EventKind.LOOK,
    )


def _promised_by(literals: Iterable[str], tries: Iterable[Try]) -> Try | None:
    """The last of the attempts after which one of the literals was seen to hold.

    What a later call was to undo has been undone as it should.
    """
    maker: Try | None = None
    for attempt in tries:
        for literal in literals:
            if attempt.ok and literal in attempt.promised:
                maker = attempt
            elif attempt.ok and f"not {literal}" in attempt.promised:
                maker = None
    return maker


def _layer_of(error: str) -> Layer:
    """Whose an error is, by the name of its type."""
    match error:
        case RobotFault.__name__:
            return Layer.DRIVER
        case PerceptionError.__name__ | UnknownNameError.__name__:
            return Layer.PERCEPTION
        case UnusableSkillError.__name__ | CheckpointError.__name__ | SkillServerFault.__name__:
            return Layer.SKILL
        case _:
            return Layer.PLAN


def _closed_on_nothing(attempt: Try) -> str:
    """The thing that a hand wanted to take where it is not; empty when something else happened."""
    wanted = [name for name in attempt.call.args.values() if f"holding({name})" in attempt.promised]
    if not wanted or attempt.before is None or attempt.after is None:
        return ""
    closed = attempt.least_told is not None and attempt.least_told < _SHUT
    empty = attempt.least_opening is not None and attempt.least_opening < _CLOSED
    was, now = (look.things.get(wanted[0]) for look in (attempt.before, attempt.after))
    if not (closed and empty) or was is None or now is None or not now.visible:
        return ""
    return wanted[0] if dist(was.p_m, now.p_m) < _STAYED_M else ""
