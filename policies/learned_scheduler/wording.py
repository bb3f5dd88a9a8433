"""Words as features: of every word of an instruction, and of what things and skills are called."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from policies.features import Float32
from policies.text import MiniLmEncoder

WORD_SIZE = 768
"""Numbers of a word: by itself (384), then in its sentence (384)."""
_REMEMBERED = 4096
"""Texts."""


class Wording:
    """Features of words by MiniLM, which stays as it is; each text is encoded once.

    Args:
        encoder: Loads its weights when it is first asked.
        remembered: How many texts are kept in memory; None for all.
    """

    def __init__(
        self, encoder: MiniLmEncoder | None = None, remembered: int | None = _REMEMBERED
    ) -> None:
        encoder = encoder or MiniLmEncoder()

        def tokens(text: str) -> NDArray[np.float16]:
            return encoder.tokens(text).astype(np.float16)

        self._sentence = lru_cache(maxsize=remembered)(tokens)
        self._name = lru_cache(maxsize=remembered)(lambda text: _mean(encoder.tokens(text)))

    def sentence(self, text: str) -> Float32:
        """Of every word piece of a text, (pieces, WORD_SIZE)."""
        return self._sentence(text).astype(np.float32)

    def name(self, text: str) -> Float32:
        """Of a name as a whole, (WORD_SIZE,); zeros of an empty one, which means unknown."""
        return self._name(text) if text else np.zeros(WORD_SIZE, dtype=np.float32)


def _mean(pieces: Float32) -> Float32:
    """Mean over the word pieces, without the marks of beginning and end."""
    return pieces[1:-1].mean(axis=0)
