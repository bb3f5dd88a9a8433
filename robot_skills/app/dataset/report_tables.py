"""Tables of the report about a dataset, as values that the page only has to lay out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robot_skills.app.dataset.subsets import Spread, action_spread, occupied
from robot_skills.app.dataset.survey import EpisodeSummary
from robot_skills.core.annotation import Outcome
from robot_skills.data.schema import DatasetSchema

_CELL_M = 0.05
_MOST_ROWS = 2000
_Z95 = 1.959963984540054

Groups = Mapping[str, Sequence[EpisodeSummary]]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    if n == 0:
        return 0.0, 1.0
    rate, z2 = successes / n, _Z95**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def subset_rows(
    groups: Groups, motion: Spread | None, looks: Spread | None
) -> list[dict[str, Any]]:
    """Size, diversity, coverage and consistency of every subset."""
    rows = []
    for name, episodes in groups.items():
        tools = [e.tool for e in episodes if e.tool is not None]
        rows.append(
            {
                "name": name,
                "episodes": len(episodes),
                "seconds": sum(e.duration_s for e in episodes),
                "motion_m": None if motion is None else motion.diversity.get(name),
                "look": None if looks is None else looks.diversity.get(name),
                "cells": occupied(np.concatenate([t.p for t in tools]), _CELL_M) if tools else None,
                "action_spread": action_spread(
                    [t.states for t in tools], [t.actions for t in tools]
                ),
            }
        )
    return rows


def success_rows(groups: Groups) -> list[dict[str, Any]]:
    """Rates of success among the episodes of which it is known how they ended."""
    rows = []
    for name, episodes in groups.items():
        good = sum(e.outcome is Outcome.SUCCESS for e in episodes)
        bad = sum(e.outcome is Outcome.FAILURE for e in episodes)
        n = good + bad
        low, high = wilson(good, n)
        rows.append(
            {
                "name": name,
                "n": n,
                "unknown": len(episodes) - n,
                "rate": good / n if n else None,
                "low": low,
                "high": high,
                "numbers": {"successes": good, "n": n, "ci95": [low, high]},
            }
        )
    return rows


def stream_rows(episodes: Sequence[EpisodeSummary], schema: DatasetSchema) -> list[dict[str, Any]]:
    """What every stream did in all episodes together."""
    expected = {f"/camera/{camera.name}": camera.hz for camera in schema.cameras}
    steady = {"/arm/state", *(f"/numbers/{one.name}" for one in schema.numbers)}
    rows = []
    for name in dict.fromkeys(name for e in episodes for name in e.streams):
        if name not in expected and name not in steady:
            continue  # Decisions have no rate.
        found = [e.streams[name] for e in episodes if name in e.streams]
        aligned = [
            e.alignment[camera]
            for camera in [name.removeprefix("/camera/")]
            for e in episodes
            if camera in e.alignment
        ]
        count, dropped = sum(s.count for s in found), sum(s.dropped + s.lost for s in found)
        rows.append(
            {
                "name": name.removeprefix("/"),
                "expected_hz": expected.get(name, 1.0 / schema.control_period_s),
                "rate_hz": float(np.median([s.rate_hz for s in found])),
                "worst_hz": min(s.rate_hz for s in found),
                "jitter_ms": 1e3 * float(np.median([s.jitter_s for s in found])),
                "dropped": dropped,
                "dropped_percent": 100.0 * dropped / max(count + dropped, 1),
                "gaps": sum(len(s.gaps) for s in found),
                "longest_ms": 1e3 * max(s.longest_gap_s for s in found),
                "latency_ms": 1e3 * float(np.median([s.latency_s for s in found])),
                "off_ms": 1e3 * float(np.median([a.median_s for a in aligned]))
                if aligned
                else None,
                "worst_off_ms": 1e3 * max(a.worst_s for a in aligned) if aligned else None,
            }
        )
    return rows


def episode_rows(
    episodes: Sequence[EpisodeSummary],
    reasons: Mapping[int, Sequence[str]],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """One row per episode, of very many only so many."""
    colours = {name: i for i, name in enumerate(names)}
    return [
        {
            "number": e.number,
            "task": e.task,
            "colour": colours.get(e.subset, len(names) - 1),
            "outcome": e.outcome.value,
            "tone": {Outcome.SUCCESS: "good", Outcome.FAILURE: "bad"}.get(e.outcome, "open"),
            "label": e.label,
            "duration_s": e.duration_s,
            "motion": None if e.tool is None else e.tool.motion,
            "odd": len(reasons.get(e.number, ())),
        }
        for e in episodes[:_MOST_ROWS]
    ]
