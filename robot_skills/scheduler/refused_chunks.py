"""Whose fault a refused chunk is: the skill's that made it, the gate's, or the driver's."""

from collections import Counter

from robot_skills.scheduler.layers import Layer
from robot_skills.scheduler.run_record import RefusedChunk, Try

_OVER = 1.05
"""Share of a limit that still counts as within it."""
_FRESH_S = 0.1
"""An arm's state is no older than this when whoever sends it is sound."""
_REFUSED_SHARE = 0.25
"""An attempt with more refused chunks than this was held up by the gate."""
_AROUND_M, _ABOVE_M = 0.12, 0.4
"""Room around and above the tool's start and what a call is about, where its work is."""

_NEVER_SOUND = frozenset({"non_finite", "stamps", "late", "rotation", "opening", "unreachable"})
_NOT_THE_GATES = frozenset({"lease", "state"})


def decisive_refusal(attempt: Try) -> RefusedChunk | None:
    """The gate's verdict that the attempt came to grief by; None when it did by something else."""
    held_up = len(attempt.refusals) > _REFUSED_SHARE * attempt.chunks
    codes = Counter(refused.code for refused in attempt.refusals)
    code = attempt.refused_by or (codes.most_common(1)[0][0] if codes and held_up else "")
    matching = [refused for refused in attempt.refusals if refused.code == code]
    return matching[-1] if matching else None


def whose_chunk(attempt: Try, refused: RefusedChunk) -> tuple[Layer, str]:
    """Who is to blame for a chunk that the gate refused, and why."""
    code, details = refused.code, refused.details
    if code in _NOT_THE_GATES:
        return Layer.DRIVER, "the arm cannot be commanded"
    if code == "stale_observation":
        if float(details.get("age_s", _FRESH_S)) < _FRESH_S:
            return Layer.GATE, "no state can be newer"
        return Layer.DRIVER, "the arm says nothing of where it is"
    if code in _NEVER_SOUND:
        return Layer.SKILL, "nobody could carry that out"
    value, allowed = details.get("value"), attempt.max_speed_m_s
    if code == "speed" and value is not None and allowed is not None:
        if value > _OVER * allowed:
            return Layer.SKILL, f"the skill's card allows {allowed:g} m/s"
        return Layer.GATE, f"the skill's card allows {allowed:g} m/s, the gate does not"
    if not _leads_to_its_work(attempt, refused):
        return Layer.SKILL, "that leads away from what the call is about"
    return Layer.GATE, "that leads to what the call is about"


def _leads_to_its_work(attempt: Try, refused: RefusedChunk) -> bool:
    """Whether a chunk ends in the box around the tool's start and what the call is about."""
    end = refused.details.get("leads_to_m")
    if end is None or attempt.before is None or not attempt.from_m:
        return True
    things = attempt.before.things
    about = [things[name].p_m for name in attempt.call.args.values() if name in things]
    places = [attempt.from_m, *about]
    low = [min(values) - _AROUND_M for values in zip(*places, strict=True)]
    high = [max(values) + _AROUND_M for values in zip(*places, strict=True)]
    high[2] += _ABOVE_M - _AROUND_M
    return all(a <= value <= b for a, value, b in zip(low, end, high, strict=True))
