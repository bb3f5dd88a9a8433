"""Instructions as network inputs."""

import numpy as np

from policies.contract import LANGUAGE_SIZE
from policies.features import Float32
from robot_skills.core.policy import TextEncoder


class Sentences:
    """Embeds instructions, each once.

    Args:
        encoder: MiniLM by default, loaded when it is first needed.
    """

    def __init__(self, encoder: TextEncoder | None = None) -> None:
        self._encoder = encoder
        self._known: dict[str, Float32] = {}

    def embed(self, instruction: str) -> Float32:
        """Embedding of an instruction, (1, 384); zeros, which mean no goal, without one."""
        if not instruction:
            return np.zeros((1, LANGUAGE_SIZE), dtype=np.float32)
        if instruction not in self._known:
            if self._encoder is None:
                from policies.text import MiniLmEncoder

                self._encoder = MiniLmEncoder()
            self._known[instruction] = self._encoder.encode([instruction]).astype(np.float32)
        return self._known[instruction]
