"""Which of the corrections that are kept is wanted in a new situation.

What a correction is about has to be the same: the skill and its words, or the predicate, and the
kinds of the things. That leaves situations that differ in things of one kind, so of corrections
that say the same kind of thing the one whose situation is nearest in meaning counts, by sentence
embeddings, as in *Distilling and Retrieving Generalizable Knowledge for Robot Manipulation via
Language Corrections* (Zha et al., 2023, arXiv:2311.10678). A situation in which it was not wanted
takes part, too: where that is the nearest, it is left alone.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from robot_skills.core.policy import TextEncoder
from robot_skills.scheduler.corrections.changes import Correction, Scope
from robot_skills.scheduler.corrections.store import Kept


class Recall:
    """Finds corrections for situations.

    Args:
        encoder: Sentence embeddings.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, np.ndarray] = {}

    def of(self, kept: Sequence[Kept], scope: Scope, situation: str) -> list[Correction]:
        """The corrections to heed, at most one of those that contradict each other.

        Args:
            kept: All that are kept.
            scope: What is about to be done.
            situation: The same in words.
        """
        best: dict[tuple[str, str], tuple[float, int, Correction | None]] = {}
        for item in kept:
            if item.correction.scope != scope:
                continue
            about = item.correction.about
            for said, wanted in _situations(item):
                # Of two that are alike the newer one counts, and what was not wanted before all.
                rank = (self._similarity(said, situation), item.number + (not wanted))
                if rank > best.get(about, (-np.inf, 0))[:2]:
                    best[about] = (*rank, item.correction if wanted else None)
        return [correction for _, _, correction in best.values() if correction is not None]

    def _similarity(self, one: str, other: str) -> float:
        return float(self._embedding(one) @ self._embedding(other))

    def _embedding(self, text: str) -> np.ndarray:
        if text not in self._known:
            self._known[text] = self._encoder.encode([text])[0]
        return self._known[text]


def _situations(item: Kept) -> Iterable[tuple[str, bool]]:
    yield item.correction.situation, True
    for said in item.unwanted:
        yield said, False
