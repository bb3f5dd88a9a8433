"""Heads: how chunks are learned and sampled, all behind `ChunkHead`."""

from policies.config import Head, SamplerConfig
from policies.heads.consistency import ConsistencyHead
from policies.heads.diffusion import DiffusionHead
from policies.heads.flow import FlowHead
from policies.heads.head import ChunkHead, Predict
from policies.heads.regression import RegressionHead
from policies.heads.score import ScoreHead

__all__ = ["ChunkHead", "Predict", "build_head"]


def build_head(config: SamplerConfig) -> ChunkHead:
    """The head that a config asks for.

    Raises:
        ValueError: When the settings contradict the head.
    """
    match config.head:
        case Head.DIFFUSION:
            return DiffusionHead(config)
        case Head.SCORE:
            return ScoreHead(config)
        case Head.FLOW:
            return FlowHead(config)
        case Head.CONSISTENCY:
            return ConsistencyHead(config)
        case Head.REGRESSION:
            return RegressionHead(config)
