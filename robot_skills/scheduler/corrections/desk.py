"""Takes corrections in while a run goes on, and says how its calls and its plan are wanted.

Words come from any thread; they are read and heeded by the thread that runs the skill, at the next
control period. Nothing that is said can end a run: what is not understood, cannot be or cannot be
kept is answered, and the robot goes on.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from robot_skills.core.binding import TokenBinding
from robot_skills.core.errors import PlanningError, RefusedError, RobotSkillsError
from robot_skills.core.events import EventKind
from robot_skills.core.plan import Plan, SkillCall
from robot_skills.core.policy import TextEncoder
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.scheduler.corrections.amending import (
    Parse,
    amended,
    concerns,
    swapped,
    with_addition,
    without_addition,
)
from robot_skills.scheduler.corrections.call_wishes import CallWishes
from robot_skills.scheduler.corrections.changes import (
    LONGEST_WORDS,
    Also,
    Correction,
)
from robot_skills.scheduler.corrections.distilling import Distiller, Meant, Situation
from robot_skills.scheduler.corrections.heeded import Amend, InEffect, Step
from robot_skills.scheduler.corrections.intents import Undo
from robot_skills.scheduler.corrections.places import Place, matters
from robot_skills.scheduler.corrections.reading import CorrectionReader
from robot_skills.scheduler.corrections.scopes import (
    call_scope,
    call_situation,
    goal_scope,
    goal_situation,
)
from robot_skills.scheduler.corrections.store import CorrectionStore
from robot_skills.skills.card import SkillCard
from robot_skills.skills.heeding import Wanted

HEEDS, REMEMBERS, REFUSES, FORGETS = "heeds", "remembers", "refuses", "forgets"
"""What the events of a desk say that is done."""
_MOST_WAITING = 50

Emit = Callable[..., None]
"""Tells everybody a decision: its kind, and JSON values by name; as `Executive.emit`."""


class CorrectionDesk:
    """Implements `robot_skills.skills.heeding.Heed` and `executive.Amender`.

    Args:
        cards: The skills by name.
        encoder: Sentence embeddings, for open wording and to compare situations.
        parse: Reads additions, as the planner does.
        store: Open store; None keeps corrections for the run alone.
    """

    def __init__(
        self,
        cards: Mapping[str, SkillCard],
        encoder: TextEncoder,
        parse: Parse,
        store: CorrectionStore | None = None,
    ) -> None:
        self._cards = cards
        self._parse = parse
        self._reader = CorrectionReader(encoder)
        self._distiller = Distiller(cards, parse, encoder)
        self._store = store
        self._effects = InEffect(store, encoder)
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, str]] = []
        self._emit: Emit = _to_nobody
        self._now_s: Callable[[], float] = _never
        self._replan: Callable[[Plan, Scene], Plan] = _as_it_is
        self._plan: Plan | None = None
        self._scene: Scene | None = None
        self._calls = CallWishes(self._effects, self._distiller.place)
        self._pending: list[tuple[Amend, str]] = []

    def meet(
        self, emit: Emit, now_s: Callable[[], float], replan: Callable[[Plan, Scene], Plan]
    ) -> None:
        """Get to know the run's surroundings, before the first run.

        Args:
            emit: Told every decision.
            now_s: Time on the project clock.
            replan: Finds calls for what a plan wants, and accepts them; raises `RefusedError`.
        """
        self._emit, self._now_s, self._replan = emit, now_s, replan
        self._reader.warm_up()

    def say(self, words: str, at_s: float = 0.0) -> None:
        """Say something about what is being done; from any thread.

        Args:
            words: As they were said.
            at_s: Time on the project clock from which on they count as said.

        Raises:
            RefusedError: Nobody has listened for long.
        """
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                raise RefusedError(f"{_MOST_WAITING} corrections wait to be heard: say it later.")
            self._waiting.append((at_s, words[: LONGEST_WORDS + 1]))

    @property
    def going_to_m(self) -> Array | None:
        """Where the present call goes, in the base frame, (3,); None between calls."""
        return self._calls.going_to_m

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    # -- before a run ----------------------------------------------------------------------------

    def recalled(self, plan: Plan, scene: Scene) -> Plan:
        """The first plan of a run with what is remembered for it.

        Raises:
            RefusedError: The file of corrections holds something else.
            StorageError: It cannot be read.
        """
        self._effects.begin()
        self._pending.clear()
        self._calls.forget()
        for literal in plan.goal:
            if any(name not in scene for name in literal.args):
                continue
            situation = goal_situation(literal, scene)
            for correction in self._effects.remembered(goal_scope(literal, scene), situation):
                if not concerns(plan, correction, scene):
                    continue
                plan = self._with_remembered(plan, correction, situation, scene)
        for call in plan.calls:
            self._recall_call(call, scene)
        self._plan, self._scene = plan, scene
        return plan

    def _with_remembered(
        self, plan: Plan, correction: Correction, situation: str, scene: Scene
    ) -> Plan:
        try:
            new = self._replan(amended(plan, correction, scene, self._parse), scene)
        except RefusedError as error:
            self._tell(REFUSES, correction.words, f"{correction}: {error}", correction.number)
            return plan
        revert = self._revert(plan, new, correction, scene)
        self._effects.note(
            Step(correction=correction, situation=situation, remembered=True, revert=revert)
        )
        self._tell(REMEMBERS, correction.words, str(correction), correction.number)
        return new

    def _revert(self, old: Plan, new: Plan, correction: Correction, scene: Scene) -> Amend:
        if isinstance(correction.change, Also):
            more = self._parse(correction.change.words, scene)
            return partial(without_addition, more=more, before=old)
        before, after = next(
            pair
            for one, other in zip(old.goal, new.goal, strict=True)
            for pair in zip(one.args, other.args, strict=True)
            if pair[0] != pair[1]
        )
        return partial(swapped, old=after, new=before)

    def _recall_call(self, call: SkillCall, scene: Scene) -> None:
        """Say what is remembered for a call, once."""
        if any(name not in scene for name in self._things(call)):
            return
        card = self._cards[call.skill]
        scope, situation = call_scope(card, call, scene), call_situation(card, call, scene)
        for correction in self._effects.remembered(scope, situation):
            if not matters(correction, scene):
                continue
            step = Step(correction=correction, situation=situation, remembered=True)
            if self._effects.note(step):
                self._tell(REMEMBERS, correction.words, str(correction), correction.number)

    def _things(self, call: SkillCall) -> list[str]:
        words = {p.name for p in self._cards[call.skill].parameters if p.choices}
        return [value for name, value in call.args.items() if name not in words]

    # -- while a skill runs ----------------------------------------------------------------------

    def begins(self, call: SkillCall, scene: Scene, binding: TokenBinding) -> None:
        """See `robot_skills.skills.heeding.Heed`."""
        self._scene = scene
        self._recall_call(call, scene)
        card = self._cards[call.skill]
        problem = self._calls.begins(Place(card=card, call=call, scene=scene, binding=binding))
        if problem:
            self._tell(REFUSES, "", f"{call} goes as usual: {problem}")

    def wanted(self) -> Wanted:
        """See `robot_skills.skills.heeding.Heed`."""
        self._attend()
        return self._calls.wanted

    # -- between skills --------------------------------------------------------------------------

    def amended(self, rest: Plan, scene: Scene) -> tuple[Plan, str] | None:
        """See `robot_skills.scheduler.executive.Amender`."""
        self._plan, self._scene = rest, scene
        self._calls.ended()
        self._attend()
        if not self._pending:
            return None
        plan, reasons = rest, []
        for amend, words in self._pending:
            try:
                plan = self._replan(amend(plan), scene)
                reasons.append(f"corrected: {words!r}")
            except RefusedError as error:
                self._tell(REFUSES, words, str(error))
        self._pending.clear()
        if not reasons:
            return None
        self._plan = plan
        return plan, "; ".join(reasons)

    # -- what is said ----------------------------------------------------------------------------

    def _attend(self) -> None:
        """Heed what was said meanwhile."""
        if not self._waiting:
            return
        now_s = self._now_s()
        with self._lock:
            due = [words for at_s, words in self._waiting if at_s <= now_s]
            self._waiting = [item for item in self._waiting if item[0] > now_s]
        for words in due:
            try:
                self._take(words)
            except RobotSkillsError as error:
                self._tell(REFUSES, words, str(error))

    def _take(self, words: str) -> None:
        said = self._reader.read(words)
        if self._plan is None or self._scene is None:
            raise RefusedError("Nothing is being done that could be corrected.")
        place = self._calls.place
        now = Situation(
            plan=self._plan,
            scene=self._scene,
            call=None if place is None else place.call,
            shifts_m=self._calls.shifts_m,
        )
        if isinstance(said, Undo):
            self._undo(words, now)
            return
        meant = self._distiller.distil(said, words, now, self._effects.of)
        if meant.call is not None:
            self._heed_call(meant, meant.call, now)
        else:
            self._heed_goal(meant, now)

    def _heed_call(self, meant: Meant, call: SkillCall, now: Situation) -> None:
        before = self._effects.said(meant.correction)
        step = Step(
            correction=meant.correction, situation=meant.correction.situation, before=before
        )
        self._effects.note(step)
        try:
            self._calls.foresee(call, now.scene)
        except PlanningError:
            self._effects.drop()
            raise
        self._keep(meant, now.plan)

    def _heed_goal(self, meant: Meant, now: Situation) -> None:
        if meant.swap is not None:
            old, new = meant.swap
            amend: Amend = partial(swapped, old=old, new=new)
            revert: Amend = partial(swapped, old=new, new=old)
        else:
            more = self._parse(_added(meant.correction), now.scene)
            amend = partial(with_addition, more=more)
            revert = partial(without_addition, more=more, before=now.plan)
        self._change_plan(amend, now, meant.correction.words)
        situation = meant.correction.situation
        self._effects.note(Step(correction=meant.correction, situation=situation, revert=revert))
        self._keep(meant, now.plan)

    def _change_plan(self, amend: Amend, now: Situation, words: str) -> None:
        """Go on with another plan as soon as the present call is over, or at once where it has no
        part in that. Raises `RefusedError` when there is none."""
        self._plan = plan = self._replan(amend(now.plan), now.scene)
        self._pending.append((amend, words))
        if now.call is not None and plan.calls[:1] != (now.call,):
            self._calls.give_up(f"given up for a correction: {words!r}")

    def _keep(self, meant: Meant, plan: Plan) -> None:
        """Keep a correction, and tell everybody that it is heeded."""
        correction, problem = meant.correction, ""
        if meant.lasting:
            correction, problem = self._effects.keep(plan.instruction)
        note = f" (not kept: {problem})" if problem else ""
        self._tell(HEEDS, correction.words, f"{correction}{note}", correction.number)

    def _undo(self, words: str, now: Situation) -> None:
        undone = self._effects.undo(self._calls.situation)
        if undone is None:
            raise RefusedError("There is no correction to undo.")
        step, problem = undone
        if step.revert is not None:
            self._change_plan(step.revert, now, words)
        else:
            self._calls.renew()
        note = f" (still kept: {problem})" if problem else ""
        self._tell(FORGETS, words, f"{step.correction}{note}", step.correction.number)

    def _tell(self, does: str, words: str, text: str, number: int | None = None) -> None:
        data: dict[str, Any] = {"does": does, "words": words, "text": text, "number": number}
        self._emit(EventKind.CORRECTION, **data)


def _added(correction: Correction) -> str:
    assert isinstance(correction.change, Also)
    return correction.change.words


def _to_nobody(_kind: EventKind, **_data: Any) -> None:
    return None


def _never() -> float:
    return 0.0


def _as_it_is(plan: Plan, _scene: Scene) -> Plan:
    return plan
