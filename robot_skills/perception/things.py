"""Free things: what remains of the cloud when table, robot and fixtures are taken away."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.scene import Entity
from robot_skills.core.se3 import Array
from robot_skills.perception.boxes import BoxFit, fit_box, top_of
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.colour import colour_word
from robot_skills.perception.labels import LabelModel, label_features
from robot_skills.perception.segments import convex_hull, hull_distance, split_things
from robot_skills.perception.table import Plane

LEAST_HEIGHT_M = 0.012
LEAST_POINTS = 12
LEAST_AREA_M2 = 400e-6
"""Of all that is seen of a thing: a fingernail."""
MOST_SIDE_M = 0.20
"""Wider than this it is furniture or a piece of the robot, nothing to pick up."""
_FRAGMENT_M = 0.005
_FRAGMENT_SHARE = 0.85
FLOATING_M = 0.06
"""A thing whose lowest seen point is so far above everything else is part of the robot."""
_STACK_GAP_M = 0.012
_TOP_BAND_M = 0.004
_CUBE_TOLERANCE_M = 0.010
_SQUARE_TOLERANCE_M = 0.008
CUBE = "cube"
SQUARE_LABELS = ("milk", "bottle", "can", "peg")
"""Kinds with equal horizontal sides, so that a hidden side follows from a seen one."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Thing:
    """One free thing as measured in one look, before anyone says what it is.

    Attributes:
        cloud: Its points.
        box: Its upright box.
    """

    cloud: Cloud
    box: BoxFit

    @property
    def lowest_m(self) -> float:
        """Height of its lowest seen point; the second lowest, so that one stray does not count."""
        return float(np.sort(self.cloud.points_m[:, 2])[1])

    @property
    def floats(self) -> bool:
        """Whether nothing seems to carry it."""
        return self.lowest_m - self.box.bottom_m > FLOATING_M


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recognised:
    """A thing with its name in words.

    Attributes:
        thing: What was measured.
        box: Its box, completed by what its kind is known to look like.
        label: Kind; ``"thing"`` when it is of none that is known.
        likest: The kind that it is most like: half hidden, a thing may seem to be of none.
        confidence: Of the likest.
        colour: Colour word.
    """

    thing: Thing
    box: BoxFit
    label: str
    likest: str
    confidence: float
    colour: str


def find_things(cloud: Cloud, table: Plane, fixtures: Iterable[Entity]) -> list[Thing]:
    """Things in a cloud without table, robot and fixtures; lowest first.

    Args:
        cloud: The points.
        table: Table plane.
        fixtures: Containers and cabinets, which carry things.
    """
    fixtures = tuple(fixtures)
    things: list[Thing] = []
    parts = [part for part in split_things(cloud) if _is_enough(part)]
    # From the lowest up, so that what a thing stands on is known when its turn comes.
    for part in sorted(parts, key=lambda part: float(part.points_m[:, 2].min())):
        bottom_m = support_height(part.points_m, table, fixtures, things)
        if top_of(part.points_m) - bottom_m < LEAST_HEIGHT_M:
            continue
        thing = Thing(cloud=part, box=fit_box(part, bottom_m))
        if thing.box.size_m[:2].max() <= MOST_SIDE_M:
            things.append(thing)
    return [thing for thing in things if not _is_fragment(thing, things)]


def _is_enough(cloud: Cloud) -> bool:
    """Whether so much is seen that it can be a thing."""
    return len(cloud) >= LEAST_POINTS and float((cloud.pixel_m**2).sum()) >= LEAST_AREA_M2


def _is_fragment(thing: Thing, things: Iterable[Thing]) -> bool:
    """Whether it is a piece of another thing's surface: within that one's box, and smaller."""
    p = thing.cloud.points_m
    for other in things:
        if other is thing or len(other.cloud) <= len(thing.cloud):
            continue
        within = other.box.contains_xy(p[:, :2], _FRAGMENT_M)
        within &= (p[:, 2] < other.box.top_m + _FRAGMENT_M) & (p[:, 2] > other.box.bottom_m)
        if within.mean() > _FRAGMENT_SHARE:
            return True
    return False


def recognise(thing: Thing, labels: LabelModel) -> Recognised:
    """Say what a thing is."""
    guess = labels.classify(label_features(thing.cloud, thing.box))
    box = thing.box
    if guess.label == CUBE and box.round_:
        box = fit_box(thing.cloud, box.bottom_m, may_be_round=False)
    return Recognised(
        thing=thing,
        box=complete(box, guess.label),
        label=guess.label,
        likest=guess.likest,
        confidence=guess.confidence,
        colour=colour_word(thing.cloud.rgb, _faces_up(thing)),
    )


def _faces_up(thing: Thing) -> NDArray[np.bool_]:
    """Which points lie on the top face, (n,)."""
    return thing.cloud.points_m[:, 2] > thing.box.top_m - _TOP_BAND_M


def complete(box: BoxFit, label: str) -> BoxFit:
    """Sizes of hidden sides, from what the kind is known to look like."""
    if label == CUBE:
        height = float(box.size_m[2])
        for axis in (0, 1):
            hidden = not (box.lower_seen[axis] and box.upper_seen[axis])
            excess = float(box.size_m[axis]) - height
            if abs(excess) < _CUBE_TOLERANCE_M or (hidden and excess < 0.0):
                box = box.resized(axis, height)
    elif label in SQUARE_LABELS and not box.round_:
        seen = box.lower_seen.astype(int) + box.upper_seen.astype(int)
        better = int(np.argmax(seen))
        side = float(box.size_m[better])
        if seen[0] != seen[1] and abs(box.size_m[1 - better] - side) < _SQUARE_TOLERANCE_M:
            box = box.resized(1 - better, side)
    return box


def support_height(
    points_m: Array, table: Plane, fixtures: Iterable[Entity], things: Iterable[Thing]
) -> float:
    """Height of the highest surface below a thing's lowest points."""
    middle = 0.5 * (points_m[:, :2].min(axis=0) + points_m[:, :2].max(axis=0))
    lowest = float(points_m[:, 2].min())
    heights = [table.at(*middle)]
    for entity in fixtures:
        heights += _surfaces(entity, middle)
    for thing in things:
        if _carries(thing, points_m, middle):
            heights.append(thing.box.top_m)
    below = [h for h in heights if h <= lowest + _STACK_GAP_M]
    return max(below) if below else min(heights)


def _carries(thing: Thing, points_m: Array, middle: Array) -> bool:
    """Whether a thing is below others' points, even when only its sides are seen."""
    if bool(thing.box.contains_xy(middle)[0]):
        return True
    if abs(thing.box.top_m - float(points_m[:, 2].min())) > _STACK_GAP_M:
        return False
    outline = convex_hull(points_m[:, :2])
    under = hull_distance(outline, thing.cloud.points_m[:, :2]) < _STACK_GAP_M
    return bool(under.mean() > 0.6)


def _surfaces(entity: Entity, xy_m: Array) -> list[float]:
    """Heights at which a fixture carries things at a place."""
    heights = []
    if entity.cavity is not None:
        T_base_cavity = entity.T_base_entity @ entity.cavity.T_entity_region
        if _over(xy_m, T_base_cavity.inverse().matrix(), entity.cavity.extents_m):
            heights.append(float(T_base_cavity.p[2] - 0.5 * entity.cavity.extents_m[2]))
    over = _over(xy_m, entity.T_base_entity.inverse().matrix(), entity.extents_m)
    if over and (entity.cavity is None or entity.articulation is not None):
        heights.append(entity.top_m)
    return heights


def _over(xy_m: Array, T_region_base: Array, extents_m: Array) -> bool:
    local = T_region_base[:2, :2] @ xy_m + T_region_base[:2, 3]
    return bool(np.all(np.abs(local) <= 0.5 * extents_m[:2] + 0.004))
