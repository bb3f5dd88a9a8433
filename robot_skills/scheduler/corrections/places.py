"""How far a call can be moved from its usual place, so that it still can do what it is for.

A spot on the table has to stay on the table, free of other things and as far from them as is asked;
in a container or on a thing it has to stay inside; over or next to a thing, where the call's own
effect would be seen to hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.binding import Anchor, TokenBinding
from robot_skills.core.errors import PlanningError
from robot_skills.core.free_spots import (
    DEFAULT_FREE_SPOT,
    FreeSpotConfig,
    footprints,
    free_spot_on_table,
)
from robot_skills.core.plan import SkillCall
from robot_skills.core.predicates import PASSING, unmet
from robot_skills.core.scene import TABLE, Entity, Scene, distance_to_rectangle
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.corrections.changes import EDGE, Correction, Room, spoken
from robot_skills.skills.card import SkillCard, SkillCase
from robot_skills.skills.heeding import FARTHEST_M, goes_to

_GRIP_M = 0.03
"""Farthest that the place of a grip, a push or a press is moved."""
_DROP_M = 0.06
"""Greatest height from which a thing is let go above where it is put."""
_LEAST_SHARE = 0.5
"""Share of a wanted way that a free spot has to lie in its direction."""
_NARROW_M = 0.03
"""Gap to other things that does where nothing has the usual one."""
_ASIDE_M = 0.1
"""Farthest that a free spot may lie from the one that was asked for."""
_SPOTS = (Anchor.TOP, Anchor.SPOT_BESIDE)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Place:
    """Where a call goes as usual.

    Attributes:
        card: Of its skill.
        call: The call.
        scene: That it starts from.
        binding: Its tokens as usual.
    """

    card: SkillCard
    call: SkillCall
    scene: Scene
    binding: TokenBinding

    @property
    def case(self) -> SkillCase:
        return self.card.case(self.call.args)

    @property
    def anchor(self) -> Anchor:
        return self.case.tokens[goes_to(self.case)].anchor

    @property
    def entity(self) -> Entity:
        """What the place belongs to."""
        return self.scene[self.call.args[self.case.tokens[goes_to(self.case)].argument]]

    @property
    def moved(self) -> Entity | None:
        """What is put there."""
        things = [token for token in self.case.tokens if token.anchor is Anchor.BOX]
        return self.scene[self.call.args[things[0].argument]] if things else None

    @property
    def T_base_usual(self) -> SE3:
        return self.binding.tokens[goes_to(self.case)].T_base_anchor

    @property
    def free(self) -> bool:
        """Whether it is a spot on the table, of which there are many."""
        beside = self.anchor is Anchor.SPOT_BESIDE
        return beside or (self.anchor is Anchor.TOP and self.entity.name == TABLE)


def gap_m(place: Place, p_base: Array, to: str) -> float:
    """Gap between what is put at a point and the nearest thing of that name, or the table's rim.

    Raises:
        PlanningError: There is no such thing.
    """
    radius_m = _radius_m(place.moved)
    if to == EDGE:
        lower, upper = _table_bounds(place.scene)
        return float(min((p_base[:2] - lower).min(), (upper - p_base[:2]).min())) - radius_m
    gaps = [
        float(distance_to_rectangle(p_base[None, :2], T_base_box, size)[0]) - radius_m
        for entity in named(place.scene, to)
        for T_base_box, size in footprints(entity)
    ]
    if not gaps:
        raise PlanningError(f"There is no {to} in the scene.")
    return min(gaps)


def matters(correction: Correction, scene: Scene) -> bool:
    """Whether a scene has what a correction keeps away from, if it keeps away from anything."""
    change = correction.change
    return not isinstance(change, Room) or change.to == EDGE or bool(named(scene, change.to))


def named(scene: Scene, to: str) -> list[Entity]:
    """The things that a gap is kept to."""
    return [entity for entity in scene if to in (entity.label, spoken(entity))]


def shift_to(place: Place, offset_m: Array, rooms: Sequence[Room] = ()) -> Array:
    """How far the place is moved when an offset and gaps are wanted, (3,), in the base frame.

    Args:
        place: As usual.
        offset_m: Wanted offset in the base frame, (3,).
        rooms: Wanted gaps.

    Raises:
        PlanningError: That cannot be; says why.
    """
    if not (np.any(offset_m) or rooms):
        return np.zeros(3)
    shift = _spot_shift(place, offset_m, rooms) if place.free else np.array(offset_m)
    if float(np.linalg.norm(shift)) > FARTHEST_M:
        raise PlanningError(f"that is more than {100 * FARTHEST_M:.0f} cm from its usual place")
    problem = _problem(place, shift)
    if problem:
        raise PlanningError(problem)
    return shift


def _spot_shift(place: Place, offset_m: Array, rooms: Sequence[Room]) -> Array:
    """On the table: the free spot nearest to the wanted one that keeps all gaps."""
    usual = place.T_base_usual.p
    wanted = usual[:2] + offset_m[:2]
    moves = bool(np.any(offset_m[:2]))
    if not moves and all(gap_m(place, usual, room.to) >= room.gap_m for room in rooms):
        return np.array(offset_m)
    for margin_m in (DEFAULT_FREE_SPOT.margin_m, _NARROW_M):
        try:
            config = _config(place, rooms, usual[:2], offset_m[:2], margin_m)
            beside = place.entity if place.anchor is Anchor.SPOT_BESIDE else None
            spot = free_spot_on_table(place.scene, place.moved, config, beside)
        except (PlanningError, ValueError):
            continue
        if not moves or float(np.linalg.norm(spot[:2] - wanted)) <= _ASIDE_M:
            return np.array([*(spot[:2] - usual[:2]), offset_m[2]])
    where = " and ".join(["free there", *map(str, rooms)])
    raise PlanningError(f"no spot on the table is {where}")


def _config(
    place: Place, rooms: Sequence[Room], usual_m: Array, offset_m: Array, margin_m: float
) -> FreeSpotConfig:
    """Raises `ValueError` when no part of the table is as far from its rim, or that way."""
    usual = DEFAULT_FREE_SPOT
    least_m = usual_m + _LEAST_SHARE * offset_m
    lower, upper = _table_bounds(place.scene)
    rim_m = max((room.gap_m for room in rooms if room.to == EDGE), default=0.0)
    inside_m = rim_m + _radius_m(place.moved)
    apart_m: dict[str, float] = {}
    for room in rooms:
        for entity in named(place.scene, room.to):
            apart_m[entity.name] = max(room.gap_m, apart_m.get(entity.name, 0.0))
    return replace(
        usual,
        lower_m=np.maximum(np.where(offset_m > 0.0, least_m, usual.lower_m), lower + inside_m),
        upper_m=np.minimum(np.where(offset_m < 0.0, least_m, usual.upper_m), upper - inside_m),
        margin_m=margin_m,
        about_m=usual_m + offset_m,
        apart_m=apart_m,
    )


def _problem(place: Place, shift: Array) -> str:
    """What would be wrong with a place that is moved; empty when nothing is."""
    match place.anchor:
        case Anchor.OVER | Anchor.ALONGSIDE:
            return _unseen_effect(place, shift)
        case Anchor.TOP | Anchor.SPOT_BESIDE | Anchor.ACCESS:
            if not -1e-9 <= shift[2] <= _DROP_M:
                return f"it is let go between 0 and {100 * _DROP_M:.0f} cm above its place"
            return "" if place.free else _outside(place, shift)
        case _:
            if float(np.linalg.norm(shift)) > _GRIP_M:
                return f"{place.call.skill} is moved by at most {100 * _GRIP_M:.0f} cm"
            return ""


def _unseen_effect(place: Place, shift: Array) -> str:
    """Whether the hand would not be where the call's effect holds."""
    T_base_tool = SE3(place.T_base_usual.R, place.T_base_usual.p + shift)
    scene = replace(place.scene, tools={**place.scene.tools, DEFAULT_ARM: T_base_tool})
    effects = place.card.effects(place.call.args)
    missed = unmet(scene, tuple(e for e in effects if e.predicate in PASSING))
    return f"{missed[0]} would not hold there" if missed else ""


def _outside(place: Place, shift: Array) -> str:
    """Whether a thing would not be inside of, or on, what it is put in or on."""
    token = place.binding.tokens[goes_to(place.case)]
    entity = place.entity
    area, extents_m = entity.T_base_entity, entity.extents_m
    room_m = 0.0
    if place.anchor is Anchor.ACCESS and entity.access is not None:
        area, extents_m = area @ entity.access.T_entity_region, entity.access.extents_m
        room_m = _radius_m(place.moved)
    local = area.inverse() @ (token.T_base_anchor.p + shift)
    half = np.maximum(0.5 * extents_m[:2] - room_m, 0.0)
    if place.anchor is Anchor.TOP:
        # A thing whose centre comes too near to the rim of what it stands on falls.
        half = 0.5 * half
    if np.all(np.abs(local[:2]) <= half + 1e-9):
        return ""
    return f"that is not inside {entity.name}" if room_m else f"it would not stand on {entity.name}"


def _table_bounds(scene: Scene) -> tuple[Array, Array]:
    """Lowest and highest x and y of the table."""
    table = scene[TABLE]
    half = 0.5 * np.abs(table.T_base_entity.R[:2, :2]) @ table.extents_m[:2]
    return table.T_base_entity.p[:2] - half, table.T_base_entity.p[:2] + half


def _radius_m(thing: Entity | None) -> float:
    return 0.0 if thing is None else 0.5 * float(np.linalg.norm(thing.extents_m[:2]))
