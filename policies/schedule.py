"""How the learning rate of small networks goes up and down."""

import math


def warm_cosine(step: int, steps: int, peak: float, warm_up: float) -> float:
    """Learning rate of a step: linearly up, then down to nothing with a cosine.

    Args:
        step: The first is 1.
        steps: Of the whole training.
        peak: The largest rate.
        warm_up: Share of the steps in which it rises.
    """
    up = max(1, round(warm_up * steps))
    if step <= up:
        return peak * step / up
    left = (steps - step) / max(1, steps - up)
    return peak * 0.5 * (1.0 - math.cos(math.pi * left))
