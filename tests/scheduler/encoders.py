"""An encoder for tests: words that somebody declared alike are alike, all others are strangers."""

import hashlib
from collections.abc import Iterable

import numpy as np


class ThesaurusEncoder:
    """Texts of one group share a direction; every other text has one of its own."""

    def __init__(self, *groups: Iterable[str]) -> None:
        self._groups = [set(group) for group in groups]
        self.calls = 0

    def encode(self, texts: list[str]) -> np.ndarray:
        self.calls += 1
        return np.stack([self._direction(text) for text in texts])

    def _direction(self, text: str) -> np.ndarray:
        own = _random_direction(text)
        shared = [
            _random_direction(f"group {i}") for i, group in enumerate(self._groups) if text in group
        ]
        total = 0.4 * own + sum(shared, np.zeros_like(own))
        return (total / np.linalg.norm(total)).astype(np.float32)


def _random_direction(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    direction = np.random.default_rng(seed).normal(size=256)
    return direction / np.linalg.norm(direction)
