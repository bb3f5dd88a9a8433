"""Which corrections are in effect in a run: those that were said in it, and those remembered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.plan import Plan
from robot_skills.core.policy import TextEncoder
from robot_skills.scheduler.corrections.changes import Correction, Scope
from robot_skills.scheduler.corrections.recalling import Recall
from robot_skills.scheduler.corrections.store import CorrectionStore, Kept

Amend = Callable[[Plan], Plan]
"""Makes another plan of a plan; raises `RefusedError` where that cannot be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One correction in the order in which they came into effect.

    Attributes:
        correction: As it is in effect.
        situation: In which it came into effect, in words.
        remembered: Whether it was kept from another run.
        before: The one of the same run that it replaced.
        revert: Undoes what it did to the plan; None where it did nothing to it.
    """

    correction: Correction
    situation: str
    remembered: bool = False
    before: Correction | None = None
    revert: Amend | None = None


class InEffect:
    """The corrections of one run after the other.

    Args:
        store: Where they are kept; None keeps them for the run alone.
        encoder: Compares situations.
    """

    def __init__(self, store: CorrectionStore | None, encoder: TextEncoder) -> None:
        self._store = store
        self._recall = Recall(encoder)
        self._kept: list[Kept] = []
        self._steps: list[Step] = []
        self._dropped: set[int] = set()

    def begin(self) -> None:
        """Another run begins: only what is kept counts. Raises as `CorrectionStore.all` does."""
        self._steps.clear()
        self._dropped.clear()
        self._kept = self._store.all() if self._store is not None else []

    def remembered(self, scope: Scope, situation: str) -> list[Correction]:
        """What is kept for a situation, less what was taken back in this run."""
        found = self._recall.of(self._kept, scope, situation)
        return [correction for correction in found if correction.number not in self._dropped]

    def of(self, scope: Scope, situation: str) -> list[Correction]:
        """What is in effect: of several that contradict each other, what was said in this run."""
        live = [step.correction for step in self._steps if not step.remembered]
        said = {one.about: one for one in live if one.scope == scope}
        kept = [one for one in self.remembered(scope, situation) if one.about not in said]
        return [*kept, *said.values()]

    def note(self, step: Step) -> bool:
        """A correction comes into effect; whether it was not so already."""
        if step.remembered and any(
            old.remembered
            and old.situation == step.situation
            and old.correction.number == step.correction.number
            for old in self._steps
        ):
            return False
        self._steps.append(step)
        return True

    def drop(self) -> None:
        """What was noted last cannot be heeded after all."""
        self._steps.pop()

    def keep(self, instruction: str) -> tuple[Correction, str]:
        """Keep what was noted last, in place of what it says the same kind of thing as.

        Args:
            instruction: That is being carried out.

        Returns:
            The correction with its number, and why it could not be kept; empty when it was.
        """
        step = self._steps[-1]
        correction, before = step.correction, step.before
        if self._store is None:
            return correction, "no file of corrections is named"
        try:
            if before is not None and before.number is not None:
                correction = replace(correction, number=before.number)
                self._store.revise(correction)
            else:
                correction = self._store.add(correction, instruction)
        except RobotSkillsError as error:
            return correction, str(error)
        self._steps[-1] = replace(step, correction=correction)
        return correction, ""

    def said(self, correction: Correction) -> Correction | None:
        """What was said in this run of the same thing, last."""
        for step in reversed(self._steps):
            same = step.correction.scope == correction.scope
            if same and not step.remembered and step.correction.about == correction.about:
                return step.correction
        return None

    def undo(self, situation: str) -> tuple[Step, str] | None:
        """Take back what came into effect last; what was remembered stays for other situations.

        Args:
            situation: Of what is being done: of what was remembered, that for it is meant.

        Returns:
            What was taken back, and why the file still has it; None when nothing was left.
        """
        if not self._steps:
            return None
        step = self._steps[-1]
        if step.remembered:
            step = next((old for old in reversed(self._steps) if old.situation == situation), step)
        self._steps.remove(step)
        number = step.correction.number
        if number is None:
            return step, ""
        if step.remembered:
            self._dropped.add(number)
        try:
            if self._store is None:
                return step, ""
            if step.remembered:
                self._store.unwanted(number, step.situation)
            elif step.before is not None:
                self._store.revise(replace(step.before, number=number))
            else:
                self._store.delete(number)
        except RobotSkillsError as error:
            return step, str(error)
        return step, ""
