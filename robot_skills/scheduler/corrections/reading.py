"""What somebody says while a robot works, as an intent that is not bound to any scene yet.

Directions, speeds, gaps and choices have a grammar of their own, in which no word is passed over
that could turn the meaning round; what is to be done besides, or never, is left to the planner's
parser. Open wording is compared with prototypes by sentence embeddings, as CLIP-RT (Kang et al.,
2024, arXiv:2411.00508) goes from sentences to motions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_skills.core.errors import InstructionError
from robot_skills.core.policy import TextEncoder
from robot_skills.scheduler.corrections import lexicon as words
from robot_skills.scheduler.corrections.changes import LONGEST_WORDS
from robot_skills.scheduler.corrections.grammar import STANDS_FOR, by_grammar
from robot_skills.scheduler.corrections.intents import Said
from robot_skills.scheduler.words.tokens import joined, shown, strip_start, tokenise

UNDERSTOOD = (
    "where ('3 cm to the right', 'a bit higher', 'further back'), how ('more gently'), away from "
    "what ('not so close to the edge', 'not next to the milk'), which ('the blue one instead'), "
    "what else or what never ('close the drawer afterwards', 'never touch the can'), 'undo that'"
)
_AMOUNT = re.compile(
    rf"(?:(?P<number>\d{{1,4}}(?:\.\d{{1,3}})?)|\b(?P<word>{'|'.join(words.NUMBERS)}))"
    rf"\s*(?P<unit>{'|'.join(words.UNITS)})\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingConfig:
    """When open wording counts as understood.

    Attributes:
        similarity: Least cosine similarity to the nearest prototype.
        margin: How much nearer it has to be than to any that means something else.
    """

    similarity: float = 0.55
    margin: float = 0.05


class CorrectionReader:
    """Reads what somebody says about what a robot does.

    Args:
        encoder: Sentence embeddings for open wording; without it unknown words are refused.
        config: When open wording counts as understood.
    """

    def __init__(
        self, encoder: TextEncoder | None = None, config: ReadingConfig | None = None
    ) -> None:
        self._encoder = encoder
        self._config = config or ReadingConfig()
        self._prototypes = [
            (sentence, meaning)
            for meaning, sentences in words.PROTOTYPES.items()
            for sentence in sentences
        ] + [(sentence, "") for sentence in words.FOREIGN]
        self._embeddings: np.ndarray | None = None

    def warm_up(self) -> None:
        """Load what open wording needs, so that no correction waits for it."""
        if self._encoder is not None and self._embeddings is None:
            sentences = [sentence for sentence, _ in self._prototypes]
            self._embeddings = self._encoder.encode(sentences)

    def read(self, said: str) -> Said:
        """What was meant.

        Raises:
            InstructionError: It is empty, too long or not understood; says what would be.
        """
        tokens, amount_m = _tokens(said)
        found = by_grammar(tokens, amount_m)
        if found is None:
            meaning = self._nearest(tokens)
            found = by_grammar(*_tokens(meaning)) if meaning else None
        if found is None:
            raise InstructionError(
                f"The correction {shown(said)} is not understood. Say {UNDERSTOOD}."
            )
        return found

    def _nearest(self, tokens: Sequence[str]) -> str:
        """The known correction that open wording stands for; empty when there is none."""
        if self._encoder is None:
            return ""
        self.warm_up()
        assert self._embeddings is not None
        scores = self._embeddings @ self._encoder.encode([joined(tokens)])[0]
        best: dict[str, float] = {}
        for (_, meaning), score in zip(self._prototypes, scores, strict=True):
            best[meaning] = max(best.get(meaning, -1.0), float(score))
        first, second = sorted(best, key=lambda meaning: -best[meaning])[:2]
        sure = best[first] >= best[second] + self._config.margin
        return first if sure and best[first] >= self._config.similarity else ""


def _tokens(said: str) -> tuple[list[str], float | None]:
    """Words without their openers, and the distance that they name, which one word stands for.

    Raises:
        InstructionError: Too long, empty, without words, or with several distances.
    """
    if len(said) > LONGEST_WORDS:
        raise InstructionError(
            f"The correction has {len(said)} characters, at most {LONGEST_WORDS} are read."
        )
    if not said.strip():
        raise InstructionError(f"The correction is empty. Say {UNDERSTOOD}.")
    amounts = list(_AMOUNT.finditer(said.lower()))
    if len(amounts) > 1:
        raise InstructionError(f"{shown(said)} names several distances: say one at a time.")
    plain, amount_m = said.lower(), None
    if amounts:
        (found,) = amounts
        count = float(found["number"]) if found["number"] else words.NUMBERS[found["word"]]
        amount_m = count * words.UNITS[found["unit"]]
        plain = f"{plain[: found.start()]} {STANDS_FOR} {plain[found.end() :]}"
    tokens = tokenise(plain, 2 * LONGEST_WORDS)
    return strip_start(tokens, words.OPENERS) or tokens, amount_m
