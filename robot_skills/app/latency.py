"""Wall times, summed up the way that matters: how long an arm may have to wait."""

from collections.abc import Sequence

import numpy as np

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def distribution(latencies_ms: Sequence[float]) -> dict[str, float]:
    """Number of calls and percentiles of their wall times [ms]; at least one is needed."""
    ms = np.asarray(latencies_ms)
    return {"n": len(ms)} | {name: float(np.quantile(ms, q)) for name, q in PERCENTILES.items()}
