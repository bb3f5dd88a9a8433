"""What is said of a run that is over: read and distilled as in a run, and kept."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from robot_skills.core.errors import InstructionError, RefusedError
from robot_skills.core.policy import TextEncoder
from robot_skills.scheduler.corrections.amending import Parse
from robot_skills.scheduler.corrections.changes import Correction, Scope, Shift
from robot_skills.scheduler.corrections.distilling import Distiller, Meant, Situation
from robot_skills.scheduler.corrections.intents import Said, Undo
from robot_skills.scheduler.corrections.places import shift_to
from robot_skills.scheduler.corrections.reading import CorrectionReader
from robot_skills.scheduler.corrections.recalling import Recall
from robot_skills.scheduler.corrections.store import CorrectionStore
from robot_skills.skills.card import SkillCard


class Afterwards:
    """Corrects runs that are over.

    Args:
        cards: The skills.
        encoder: Sentence embeddings.
        parse: Reads additions, as the planner does.
        store: Open store.
    """

    def __init__(
        self,
        cards: Iterable[SkillCard],
        encoder: TextEncoder,
        parse: Parse,
        store: CorrectionStore,
    ) -> None:
        known: Mapping[str, SkillCard] = {card.name: card for card in cards}
        self._reader = CorrectionReader(encoder)
        self._distiller = Distiller(known, parse, encoder)
        self._recall = Recall(encoder)
        self._store = store

    def correct(self, words: str, situations: Sequence[Situation]) -> Correction:
        """Keep what words say of a run.

        Args:
            words: As they were said.
            situations: Of its calls, the last first; they are about the first that they suit.

        Returns:
            The correction, with its number.

        Raises:
            RefusedError: They are not understood, suit no call, or ask for what cannot be.
            StorageError: It cannot be written.
        """
        said = self._reader.read(words)
        if isinstance(said, Undo):
            raise InstructionError(
                "The run is over. `robot-skills corrections list` shows what can be deleted."
            )
        problems: list[RefusedError] = []
        for now in situations:
            try:
                meant = self._meant(said, words, now)
            except RefusedError as error:
                problems.append(error)
                continue
            if not meant.lasting:
                raise InstructionError(
                    f"{words!r} says nothing of other runs: the words left no choice, or there is "
                    "nothing to tell the things apart by."
                )
            return self._store.add(meant.correction, now.plan.instruction)
        raise problems[0]

    def _meant(self, said: Said, words: str, now: Situation) -> Meant:
        kept = self._store.all()

        def heeded(scope: Scope, situation: str) -> list[Correction]:
            return self._recall.of(kept, scope, situation)

        meant = self._distiller.distil(said, words, now, heeded)
        change = meant.correction.change
        if meant.call is not None and isinstance(change, Shift):
            place = self._distiller.place(meant.call, now.scene)
            shift_to(place, np.array(change.offset_m))
        return meant
