"""Sentences as conditioning."""

import math

from torch import Tensor, nn

from policies.contract import LANGUAGE_SIZE


class LanguageEncoder(nn.Module):
    """Small projection of a MiniLM sentence embedding (Reimers & Gurevych, 2019).

    The sentence model is frozen, so phrasings that it places close together stay close here; a
    large head would only learn the training sentences by heart. Zeros, which no sentence has, mean
    "no goal"; the biases answer for them.
    """

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LANGUAGE_SIZE, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )

    def forward(self, sentences: Tensor) -> Tensor:
        """Embedding (B, E) of unit-length sentence embeddings (B, 384)."""
        # Entries of a unit vector this long are tiny; layers start best from variance one.
        return self.layers(sentences * math.sqrt(LANGUAGE_SIZE))
