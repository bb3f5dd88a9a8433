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


class SentenceFocus(nn.Module):
    """What a sentence makes of what is seen: their products, which sums cannot stand in for.

    "The red cube" picks some of the numbers that are seen and leaves the others. That is a product
    of words and numbers (low-rank bilinear pooling, Kim et al., 2017); layers that add the two
    learn it slowly, and never exactly.

    Args:
        seen: Length of what is seen.
        embedding: Length of an encoded sentence.
        width: Length of the result.
    """

    def __init__(self, seen: int, embedding: int, width: int) -> None:
        super().__init__()
        self.see = nn.Linear(seen, width)
        self.weigh = nn.Linear(embedding, width)
        self.join = nn.Linear(width, width)

    def forward(self, seen: Tensor, sentence: Tensor) -> Tensor:
        """Features (B, width) of what is seen (B, S) in the light of a sentence (B, E)."""
        return self.join(self.see(seen) * self.weigh(sentence))
