"""How long a planner thinks, beside how long the encoder takes to read the sentence."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.instructions.candidates import REFUSALS, Ask
from benchmarks.instructions.instruction import Instruction
from benchmarks.instructions.scenes import load_scene
from policies.text import MiniLmEncoder
from robot_skills.core.policy import TextEncoder

LONG_SCENE = "workbench"
LONG_TEXT = "put the red cube, the green cube and the blue cube in the box"
"""A plan of six calls among ten things."""
_WARM_UP = "please put the leftmost cube away, would you"


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Milliseconds of a planner.

    Attributes:
        planned: Instructions for which it made a plan.
        plan_ms: Median over these; None when there are none.
        plan_p95_ms: Their 95th percentile.
        refuse_ms: Median over the other instructions; None when there are none.
        encode_ms: Median over all that MiniLM takes to encode the words.
        long_ms: Of `LONG_TEXT`.
        long_calls: Calls of its plan; None when it is refused.
        long_entities: Things in its scene, the table not among them.
    """

    planned: int
    plan_ms: float | None
    plan_p95_ms: float | None
    refuse_ms: float | None
    encode_ms: float
    long_ms: float
    long_calls: int | None
    long_entities: int

    @property
    def ratio(self) -> float | None:
        """How many times as long as the encoding of the words a plan takes."""
        return None if self.plan_ms is None else self.plan_ms / self.encode_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planned:
    """Time of one instruction, and calls of the plan; None when there is none."""

    took_ms: float
    calls: int | None


def timed(make: Callable[[], Ask], instructions: Sequence[Instruction], repeats: int = 3) -> Timing:
    """Time a planner, which meets no instruction twice.

    Args:
        make: Makes a planner that has met no instruction yet.
        instructions: What it is asked.
        repeats: New planners; per instruction the median over them counts.
    """
    encoder = _warm_encoder()
    plans, long = [], []
    for _ in range(repeats):
        ask = make()
        for scene in dict.fromkeys((LONG_SCENE, *(one.scene for one in instructions))):
            _plan(ask, scene, _WARM_UP)
        plans.append([_plan(ask, one.scene, one.text) for one in instructions])
        long.append(_plan(ask, LONG_SCENE, LONG_TEXT))
    each_ms = np.median([[one.took_ms for one in repeat] for repeat in plans], axis=0)
    planned = np.array([one.calls is not None for one in plans[0]])
    return Timing(
        planned=int(planned.sum()),
        plan_ms=_percentile(each_ms[planned], 50),
        plan_p95_ms=_percentile(each_ms[planned], 95),
        refuse_ms=_percentile(each_ms[~planned], 50),
        encode_ms=float(np.median([_encode(encoder, one.text) for one in instructions])),
        long_ms=float(np.median([one.took_ms for one in long])),
        long_calls=long[0].calls,
        long_entities=len(load_scene(LONG_SCENE)) - 1,
    )


@cache
def _warm_encoder() -> TextEncoder:
    encoder = MiniLmEncoder()
    encoder.encode([_WARM_UP])
    return encoder


def _plan(ask: Ask, scene: str, text: str) -> _Planned:
    seen, calls = load_scene(scene), None
    start = time.perf_counter()
    with suppress(*REFUSALS):
        calls = len(ask(text, seen).calls)
    return _Planned(took_ms=1000.0 * (time.perf_counter() - start), calls=calls)


def _encode(encoder: TextEncoder, text: str) -> float:
    start = time.perf_counter()
    encoder.encode([text])
    return 1000.0 * (time.perf_counter() - start)


def _percentile(values_ms: np.ndarray, percent: float) -> float | None:
    return float(np.percentile(values_ms, percent)) if len(values_ms) else None
