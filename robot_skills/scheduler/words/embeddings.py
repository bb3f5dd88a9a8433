"""Sentence embeddings that are computed once: names of things are compared again and again."""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.policy import TextEncoder


class RememberingEncoder:
    """An encoder that encodes every text once.

    Implements `robot_skills.core.policy.TextEncoder`.

    Args:
        encoder: Encodes what is new.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit-length embeddings, (len(texts), d)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])
