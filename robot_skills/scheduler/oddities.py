"""What cannot have happened as perception tells it: jumps, exchanges and losses between looks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import combinations, pairwise
from math import dist

from robot_skills.scheduler.run_record import RunRecord, Sighting, Thing, Try

_FIXTURE_JUMP_M = 0.025
"""What stands fast may be seen so far off, and no farther."""
_JUMP_M = 0.03
"""A free thing that is farther from where it was has been moved."""
_EXCHANGED_M = 0.03
"""Two things have changed places when each is so near to where the other was ..."""
_APART_M = 0.06
"""... and they were so far apart."""
_AROUND_M = 0.1
"""A hand may touch what is so near to what its call is about."""


class Doubt(Enum):
    """What else may explain an oddity."""

    NONE = "none"
    MOVED = "moved"
    """Somebody may have moved the thing."""
    TOUCHED = "touched"
    """The hand may have, on its way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Oddity:
    """Something that perception tells and that cannot be so.

    Attributes:
        stamp_s: Of the look that tells it.
        text: In words.
        names: What it is about; empty when it is about a camera.
        during: The attempt during which it came about; None before the first.
        doubt: What else may have been, besides that perception is wrong.
    """

    stamp_s: float
    text: str
    names: frozenset[str]
    during: Try | None
    doubt: Doubt = Doubt.NONE


def find_oddities(record: RunRecord) -> tuple[Oddity, ...]:
    """Everything odd in a run, in order."""
    return tuple(_all(record))


def _all(record: RunRecord) -> Iterator[Oddity]:
    if record.sightings:
        yield from _blind(record, None, record.sightings[0])
    for before, after in pairwise(record.sightings):
        yield from _blind(record, before, after)
        during = _during(record, after)
        for text, names, doubt in _between(before, after, during):
            yield Oddity(
                stamp_s=after.stamp_s,
                text=text,
                names=frozenset(names),
                during=during,
                doubt=doubt,
            )


def _during(record: RunRecord, sighting: Sighting) -> Try | None:
    """The attempt that was under way, or the last one before."""
    made = record.tries[: sighting.attempt + 1]
    return made[-1] if made else None


def _blind(record: RunRecord, before: Sighting | None, now: Sighting) -> Iterator[Oddity]:
    """Cameras that have ceased to measure depth."""
    for name, readings in now.readings.items():
        if readings == 0.0 and (before is None or before.readings.get(name, 1.0) > 0.0):
            yield Oddity(
                stamp_s=now.stamp_s,
                text=f"camera {name} measures no depth at all",
                names=frozenset(),
                during=_during(record, now),
            )


def _between(
    before: Sighting, after: Sighting, during: Try | None
) -> Iterator[tuple[str, tuple[str, ...], Doubt]]:
    """What is odd between two looks: in words, of what, and what else it may be."""
    gone = [name for name in before.things if name not in after.things]
    for name in gone:
        yield f"{name}, which was seen before, is not known any more", (name,), Doubt.NONE
    both = {
        name: (before.things[name], after.things[name])
        for name in before.things
        if name in after.things and _free(before.things[name]) and _free(after.things[name])
    }
    about = set() if during is None else set(during.call.args.values())
    exchanged: set[str] = set()
    for one, other in combinations(both, 2):
        if _exchanged(both[one], both[other]):
            exchanged |= {one, other}
            yield f"{one} and {other} have changed places", (one, other), Doubt.NONE
    for name, (was, now) in both.items():
        away_m = dist(was.p_m[:2], now.p_m[:2])
        if name in exchanged:
            continue
        where = f"is seen {100.0 * away_m:.0f} cm from where it was"
        if not was.movable and away_m > _FIXTURE_JUMP_M:
            yield f"{name}, which stands fast, {where}", (name,), Doubt.NONE
        elif was.movable and away_m > _JUMP_M and name not in about:
            doubt = Doubt.TOUCHED if _near(was, about, before) else Doubt.MOVED
            yield f"{name} {where}", (name,), doubt


def _free(thing: Thing) -> bool:
    """Whether it was really seen, and in no hand."""
    return thing.visible and not thing.held


def _exchanged(one: tuple[Thing, Thing], other: tuple[Thing, Thing]) -> bool:
    return (
        dist(one[0].p_m[:2], other[0].p_m[:2]) > _APART_M
        and dist(one[1].p_m[:2], other[0].p_m[:2]) < _EXCHANGED_M
        and dist(other[1].p_m[:2], one[0].p_m[:2]) < _EXCHANGED_M
    )


def _near(thing: Thing, about: Iterable[str], sighting: Sighting) -> bool:
    """Whether a hand that goes to one of the other things may touch it."""
    places = [sighting.things[name].p_m for name in about if name in sighting.things]
    return any(dist(p_m[:2], thing.p_m[:2]) < _AROUND_M for p_m in places)
