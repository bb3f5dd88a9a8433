"""Memory over looks: stable names, hidden things, what is in the hand and what is in the drawer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.predicates import in_
from robot_skills.core.scene import TABLE, Entity, Scene, canonical_yaw
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.sight_lines import sees_through
from robot_skills.core.types import ArmState, Observation
from robot_skills.perception.colour import same_in_shade
from robot_skills.perception.labels import UNKNOWN
from robot_skills.perception.sight import Sight, may_hold
from robot_skills.perception.things import Recognised, complete

NAMED_BY_COLOUR = ("cube", UNKNOWN)
"""Kinds of which one tells one from another by colour."""
_SAME_PLACE_M = 0.05
_SAME_SIZE_M = 0.012
_OTHER_KIND_COST_M = 1.0
"""Added where labels differ, so that things of the same kind come first."""
_STILL_M = 0.02
_FEWER_POINTS = 0.7
_PIECE_SHARE = 0.6
_PIECE_M = 0.008
_HIDDEN_BACK_M = 0.006
_LOOSENED = 0.12
"""A gripper that opens by so much has let go."""
_BESIDE_M = 0.008
"""Points farther than this outside a thing's box are not its own ..."""
_REST_SHARE = 0.25
"""... and when they are this share of a lump ..."""
_LEAST_REST = 25
"""... and at least so many, they are another thing."""


@dataclass(slots=True)
class _Track:
    """One free thing over time.

    Attributes:
        entity: As last known.
        points: Number of points of the look that its box comes from.
        looks: In how many looks it was seen.
    """

    entity: Entity
    points: int
    looks: int = 1


@dataclass(frozen=True, slots=True)
class _Grip:
    """What an arm holds: the thing's pose in the tool, and the opening at which it holds."""

    name: str
    T_tool_thing: SE3
    opening: float


class Tracker:
    """Turns single looks into scenes of one episode."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self._fixtures: dict[str, Entity] = {}
        self._grips: dict[str, _Grip] = {}
        self._order: list[str] = [TABLE]
        self._seen_before: set[str] = set()
        self._released: set[str] = set()

    @property
    def fixtures(self) -> Mapping[str, Entity]:
        """Fixtures as last known, by name."""
        return self._fixtures

    def update(
        self,
        sight: Sight,
        things: Iterable[Recognised],
        in_hand: Mapping[str, Recognised],
        observation: Observation,
    ) -> Scene:
        """The scene after one more look.

        Args:
            sight: The look.
            things: Its free things, recognised.
            in_hand: The things between fingers, recognised, per arm.
            observation: What the look was made from.
        """
        stamp_s = observation.stamp_s
        self._seen_before = {n for n, track in self._tracks.items() if track.entity.visible}
        self._follow_fixtures(sight.fixtures)
        for track in self._tracks.values():
            track.entity = replace(track.entity, visible=False, held_by=None, gone=False)
        self._loosen(observation)
        held = {grip.name for grip in self._grips.values()}
        self._associate(list(things), held, stamp_s)
        self._follow_hands(in_hand, observation)
        self._forget_ghosts(observation, sight.cameras)
        entities = {TABLE: sight.table, **self._fixtures}
        entities |= {name: track.entity for name, track in self._tracks.items()}
        return Scene(
            stamp_s=stamp_s,
            entities={name: entities[name] for name in self._order},
            opening={name: arm.opening for name, arm in observation.arms.items()},
            tools={name: arm.T_base_tool for name, arm in observation.arms.items()},
        )

    # Fixtures.

    def _follow_fixtures(self, seen: Iterable[Entity]) -> None:
        inside = self._contents()
        before = dict(self._fixtures)
        self._fixtures = {name: replace(e, visible=False) for name, e in before.items()}
        for entity in seen:
            self._fixtures[entity.name] = entity
            if entity.name not in before:
                self._order.append(entity.name)
            elif entity.cavity is not None:
                self._carry(inside.get(entity.name, ()), before[entity.name], entity)

    def _contents(self) -> dict[str, list[str]]:
        """Names of the free things in each container, as last known."""
        entities = {**self._fixtures, **{n: t.entity for n, t in self._tracks.items()}}
        scene = Scene(stamp_s=0.0, entities=entities, opening={})
        return {
            container.name: [name for name in self._tracks if in_(scene, name, container.name)]
            for container in self._fixtures.values()
            if container.cavity is not None
        }

    def _carry(self, names: Iterable[str], before: Entity, now: Entity) -> None:
        """Move remembered things with the cavity that they lie in."""
        if before.cavity is None or now.cavity is None:
            return
        T_before = before.T_base_entity @ before.cavity.T_entity_region
        T_now = now.T_base_entity @ now.cavity.T_entity_region
        if before.articulation is None or now.articulation is None:
            return
        slid_m = abs(now.articulation.value_m - before.articulation.value_m)
        if slid_m < 1e-4:
            return
        for name in names:
            track = self._tracks[name]
            T = T_now @ T_before.inverse() @ track.entity.T_base_entity
            track.entity = replace(track.entity, T_base_entity=_upright(T))

    # Hands.

    def _loosen(self, observation: Observation) -> None:
        """Forget grips of hands that have opened, or whose fingers met."""
        for name, arm in observation.arms.items():
            grip = self._grips.get(name)
            if grip is None:
                continue
            opened = arm.opening > grip.opening + _LOOSENED
            slipped = arm.opening < 0.5 * grip.opening
            if opened or slipped:
                del self._grips[name]
                self._released.add(grip.name)

    def _follow_hands(self, in_hand: Mapping[str, Recognised], observation: Observation) -> None:
        for name, arm in observation.arms.items():
            if name not in self._grips and name in in_hand:
                self._grips[name] = self._take(in_hand[name], arm, observation.stamp_s)
            grip = self._grips.get(name)
            if grip is None:
                continue
            track = self._tracks[grip.name]
            track.entity = replace(
                track.entity,
                T_base_entity=_upright(arm.T_base_tool @ grip.T_tool_thing),
                held_by=name,
                visible=name in in_hand,
                stamp_s=observation.stamp_s,
            )

    def _take(self, seen: Recognised, arm: ArmState, stamp_s: float) -> _Grip:
        """Bind what is between the fingers to a thing that is gone from its place, or a new one.

        Fingers hide much of a held thing, so its colour says more than its label.
        """
        gone = [
            t for t in self._tracks.values() if not t.entity.visible and t.entity.held_by is None
        ]
        alike = (
            [t for t in gone if t.entity.colour == seen.colour]
            or [t for t in gone if same_in_shade(t.entity.colour, seen.colour)]
            or [t for t in gone if t.entity.label in (seen.label, seen.likest)]
            # Whatever it looks like in there: what has just gone from its place is in the hand.
            or [t for t in gone if t.entity.name in self._seen_before]
        )
        if alike:
            tool = arm.T_base_tool.p[:2]
            track = min(
                alike, key=lambda t: float(np.linalg.norm(t.entity.T_base_entity.p[:2] - tool))
            )
        else:
            track = self._new_track(seen, stamp_s)
        track.looks += 1
        track.entity = _pose_in_hand(track.entity, seen, arm.T_base_tool)
        return _Grip(
            name=track.entity.name,
            T_tool_thing=arm.T_base_tool.inverse() @ track.entity.T_base_entity,
            opening=arm.opening,
        )

    # Free things.

    def _associate(self, things: list[Recognised], held: set[str], stamp_s: float) -> None:
        """Give every seen thing a name: the nearest known thing of its kind, else a new one."""
        free = {name for name in self._tracks if name not in held}
        pairs = sorted(
            (cost, i, name)
            for i, seen in enumerate(things)
            for name in free
            if (cost := self._cost(self._tracks[name].entity, seen)) is not None
        )
        taken: dict[int, str] = {}
        for _, i, name in pairs:
            if i not in taken and name not in taken.values():
                taken[i] = name
        known = [track.entity for track in self._tracks.values()]
        before = {name: self._tracks[name].entity for name in taken.values()}
        for i, name in taken.items():
            self._refresh(self._tracks[name], things[i], stamp_s)
        self._find_released(before, {name: things[i] for i, name in taken.items()}, stamp_s)
        for i, seen in enumerate(things):
            if i not in taken and not any(
                self._tracks[entity.name].entity.visible and _is_piece(seen, entity)
                for entity in known
            ):
                self._new_track(seen, stamp_s)

    def _find_released(
        self, before: Mapping[str, Entity], seen: Mapping[str, Recognised], stamp_s: float
    ) -> None:
        """Find what a hand let go among the points of a neighbour that it was taken for.

        Two things of like paint that touch are one lump in a look. When a thing that was let go is
        nowhere, and a known thing seems to have grown, what lies outside of the known thing's old
        box is the missing one.
        """
        for name in sorted(self._released):
            track = self._tracks[name]
            if track.entity.visible or track.entity.held_by is not None:
                self._released.discard(name)
                continue
            for host, look in seen.items():
                points = look.thing.cloud.points_m
                rest = points[_outside(points, before[host])]
                if len(rest) < max(_LEAST_REST, _REST_SHARE * len(points)):
                    continue
                self._tracks[host].entity = replace(before[host], visible=True, stamp_s=stamp_s)
                pose = _resting(track.entity, rest)
                track.entity = replace(
                    track.entity, T_base_entity=pose, visible=True, stamp_s=stamp_s
                )
                self._released.discard(name)
                break

    @staticmethod
    def _cost(entity: Entity, seen: Recognised) -> float | None:
        """How badly a seen thing fits a known one [m]; None when it cannot be the same."""
        away = float(np.linalg.norm(entity.T_base_entity.p - seen.box.T_base_box.p))
        same_colour = entity.colour == seen.colour
        if entity.label in (seen.label, seen.likest):
            if entity.label not in NAMED_BY_COLOUR or same_colour:
                return away
            return None
        # Half hidden or fallen over, a thing may look like another kind; then it still stands where
        # it was, or still has its sizes.
        sizes = np.abs(np.sort(entity.extents_m) - np.sort(seen.box.size_m))
        alike = away < _SAME_PLACE_M or float(sizes.max()) < _SAME_SIZE_M
        return _OTHER_KIND_COST_M + away if same_colour and alike else None

    def _refresh(self, track: _Track, seen: Recognised, stamp_s: float) -> None:
        old = track.entity
        track.looks += 1
        count = len(seen.thing.cloud)
        away = float(np.linalg.norm(old.T_base_entity.p - seen.box.T_base_box.p))
        if away < _STILL_M and count < _FEWER_POINTS * track.points:
            # Mostly hidden where it was: what was measured in full view is better.
            track.entity = replace(old, visible=True, stamp_s=stamp_s)
            return
        better = seen.label == old.label
        box = seen.box if better else complete(seen.thing.box, old.label)
        track.entity = replace(
            old,
            T_base_entity=box.T_base_box,
            extents_m=box.size_m,
            confidence=max(old.confidence, seen.confidence) if better else old.confidence,
            visible=True,
            stamp_s=stamp_s,
        )
        track.points = count

    def _new_track(self, seen: Recognised, stamp_s: float) -> _Track:
        name = self._free_name(seen)
        entity = Entity(
            name=name,
            label=seen.label,
            colour=seen.colour,
            T_base_entity=seen.box.T_base_box,
            extents_m=seen.box.size_m,
            confidence=seen.confidence,
            stamp_s=stamp_s,
        )
        self._tracks[name] = _Track(entity=entity, points=len(seen.thing.cloud))
        self._order.append(name)
        return self._tracks[name]

    def _forget_ghosts(self, observation: Observation, cameras: Iterable[str]) -> None:
        """Drop what was seen a single time and is not there although its place is in full view.

        Seen more often, a thing is real: wherever it went, it stays in the scene, and is said to be
        gone from its place.
        """
        arms = observation.arms.items()
        if any(may_hold(arm.opening) and name not in self._grips for name, arm in arms):
            # What is gone from its place may be in a hand that hides it.
            return
        frames = [observation.cameras[name] for name in cameras]
        for name, track in list(self._tracks.items()):
            entity = track.entity
            if entity.visible or entity.held_by is not None:
                continue
            seen = [t.entity for t in self._tracks.values() if t.entity.visible]
            gone = any(sees_through(frame, entity) for frame in frames)
            if track.looks > 1:
                track.entity = replace(entity, gone=gone)
            elif gone or any(_centre_within(entity, other) for other in seen):
                del self._tracks[name]
                self._order.remove(name)

    def _free_name(self, seen: Recognised) -> str:
        stem = f"{seen.colour}_{seen.label}" if seen.label in NAMED_BY_COLOUR else seen.label
        name, number = stem, 2
        while name in self._order:
            name, number = f"{stem}_{number}", number + 1
        return name


def _outside(points_m: Array, entity: Entity) -> NDArray[np.bool_]:
    """Which points (n, 3) lie beside or above an entity's box."""
    local = entity.T_base_entity.inverse() @ points_m
    half = 0.5 * entity.extents_m + _BESIDE_M
    beside = np.any(np.abs(local[:, :2]) > half[:2], axis=1)
    return beside | (local[:, 2] > half[2])


def _resting(entity: Entity, points_m: Array) -> SE3:
    """Where an entity of known size is when these are the points that show of it, (n, 3)."""
    R = entity.T_base_entity.R
    local = points_m @ R
    middle = R @ (0.5 * (local.min(axis=0) + local.max(axis=0)))
    top = float(points_m[:, 2].max())
    return SE3(R, np.array([middle[0], middle[1], top - 0.5 * float(entity.extents_m[2])]))


def _is_piece(seen: Recognised, entity: Entity) -> bool:
    """Whether a seen thing is a part of a known one, most of which an arm hides now."""
    offsets = np.abs(entity.T_base_entity.inverse() @ seen.thing.cloud.points_m)
    return bool(np.mean(np.all(offsets < 0.5 * entity.extents_m + _PIECE_M, axis=1)) > _PIECE_SHARE)


def _centre_within(entity: Entity, other: Entity) -> bool:
    """Whether the centre of an entity's box is inside another's: two things cannot be there."""
    offset = other.T_base_entity.inverse() @ entity.T_base_entity.p
    return bool(np.all(np.abs(offset) < 0.5 * other.extents_m))


def _upright(T: SE3) -> SE3:
    """The pose with its tilt taken off: entities are upright boxes."""
    return SE3.from_yaw(T.yaw_rad(), T.p)


def _pose_in_hand(entity: Entity, seen: Recognised, T_base_tool: SE3) -> Entity:
    """The known box, between the fingers.

    The fingers align a face with themselves and centre the thing along the closing direction.
    Along the fingers' width and in height it is where its points are.
    """
    points = T_base_tool.inverse() @ seen.thing.cloud.points_m
    box = canonical_yaw(entity, T_base_tool)
    tool_x = T_base_tool.R[:, 0]
    yaw = float(np.arctan2(tool_x[1], tool_x[0]))
    ends = float(points[:, 0].min()), float(points[:, 0].max())
    along = 0.5 * (ends[0] + ends[1])
    half = 0.5 * float(box.extents_m[0])
    if ends[1] - ends[0] < 2.0 * half - _HIDDEN_BACK_M:
        # Only the side towards the camera is seen; the thing reaches back from it.
        faces_camera = float((seen.thing.cloud.view @ tool_x).mean()) > 0.0
        along = ends[1] - half if faces_camera else ends[0] + half
    p = T_base_tool.p + along * tool_x
    lowest_m = float(seen.thing.cloud.points_m[:, 2].min())
    height = lowest_m + 0.5 * float(box.extents_m[2])
    T = SE3.from_yaw(yaw, (p[0], p[1], height))
    return replace(box, T_base_entity=T)
