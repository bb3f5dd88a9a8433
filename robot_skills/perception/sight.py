"""One look, without memory: observation in; table, fixtures and free things out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import PerceptionError
from robot_skills.core.scene import TABLE, Entity
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import Observation
from robot_skills.perception.boxes import fit_box
from robot_skills.perception.cloud import Cloud, fuse, join
from robot_skills.perception.fixtures import CATALOGUE, FixtureKind, find_fixtures
from robot_skills.perception.table import Plane, find_table
from robot_skills.perception.things import Thing, find_things

_TABLE_THICKNESS_M = 0.05
_GAP_SHARE = 0.9
"""Of the gap between the fingers, to keep clear of the fingers themselves."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SightConfig:
    """What is looked at and what is left out.

    Attributes:
        cameras: Cameras to fuse, in this order.
        lower_m: Lowest corner of the volume that is looked at, in the base frame, (3,). It leaves
            out the robot's base.
        upper_m: Highest corner, (3,).
        above_table_m: Points lower than this over the table belong to it.
        hand_half_m: Half width of the hand around the tool's axis.
        hand_length_m: How far the hand and wrist reach back from the tool's origin.
        fingertip_m: How far the fingertips reach beyond the tool's origin.
        held_m: How far below the tool's origin a held thing may reach.
        gripper_width_m: Between the fingers at opening 1.
        catalogue: Kinds of fixtures, in the order in which they are looked for.
        oldest_s: How old a picture may be when it is looked at.
    """

    cameras: tuple[str, ...] = ("front", "wrist")
    lower_m: Array = field(default_factory=lambda: np.array([0.21, -0.50, -0.30]))
    upper_m: Array = field(default_factory=lambda: np.array([0.90, 0.62, 0.32]))
    above_table_m: float = 0.004
    hand_half_m: float = 0.13
    hand_length_m: float = 0.35
    fingertip_m: float = 0.016
    held_m: float = 0.17
    gripper_width_m: float = 0.08
    catalogue: tuple[FixtureKind, ...] = CATALOGUE
    oldest_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.cameras:
            raise ValueError("Perception needs at least one camera.")
        if self.oldest_s <= 0.0:
            raise ValueError("The age that a picture may have must be above zero.")
        if np.any(np.asarray(self.lower_m) >= np.asarray(self.upper_m)):
            raise ValueError("The volume that is looked at needs lower < upper.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sight:
    """What one look shows.

    Attributes:
        table: Entity of the table.
        fixtures: What stands fast, as far as it is seen.
        things: Free things that stand on something.
        in_hand: Per arm, the thing between its fingers.
        cameras: Cameras that looked.
    """

    table: Entity
    fixtures: tuple[Entity, ...]
    things: tuple[Thing, ...]
    in_hand: Mapping[str, Thing]
    cameras: tuple[str, ...]


def see(
    observation: Observation, config: SightConfig, known: Mapping[str, Entity] | None = None
) -> Sight:
    """Look once.

    Args:
        observation: With frames of all cameras of the config.
        config: What to look at.
        known: Fixtures of earlier looks, by name; one that an arm hides now still stands there.

    Raises:
        PerceptionError: A camera is missing, has no depth, or no table is seen.
    """
    missing = [name for name in config.cameras if name not in observation.cameras]
    if missing:
        raise PerceptionError(
            f"No frame of camera {', '.join(missing)}; the observation has "
            f"{', '.join(sorted(observation.cameras)) or 'none'}."
        )
    cloud = _without_robot(observation, config)
    plane = find_table(cloud.points_m)
    height = plane.height_m(cloud.points_m)
    flat = cloud.select(np.abs(height) < config.above_table_m)
    table = _table_entity(plane, flat.points_m, observation)
    above = cloud.select(height > config.above_table_m)
    stamp_s = observation.stamp_s
    fixtures = find_fixtures(above, flat, plane, stamp_s, config.catalogue, known)
    things = find_things(fixtures.rest, plane, (*fixtures.entities, *fixtures.hidden))
    in_hand = {}
    held: list[Thing] = []
    for name, arm in observation.arms.items():
        gripped = [t for t in things if _gripped(t, arm.T_base_tool, arm.opening, config)]
        if gripped:
            # A finger across a thing leaves several pieces of it in view.
            cloud = join([t.cloud for t in gripped])
            in_hand[name] = Thing(cloud=cloud, box=fit_box(cloud, gripped[0].box.bottom_m))
            held += gripped
    return Sight(
        table=table,
        fixtures=fixtures.entities,
        things=tuple(t for t in things if t not in held and not t.floats),
        in_hand=in_hand,
        cameras=config.cameras,
    )


def _without_robot(observation: Observation, config: SightConfig) -> Cloud:
    """What the cameras show in the volume that is looked at, and of what hangs from the hands."""
    frames = {name: observation.cameras[name] for name in config.cameras}
    tools_m = [arm.T_base_tool.p[2] for arm in observation.arms.values()]
    highest = [config.upper_m[2], *(z + config.fingertip_m for z in tools_m)]
    cloud = fuse(frames, config.lower_m, np.array([*config.upper_m[:2], max(highest)]))
    keep = cloud.points_m[:, 2] <= config.upper_m[2]
    for arm in observation.arms.values():
        local = arm.T_base_tool.inverse() @ cloud.points_m
        between = _between_fingers(local, arm.opening, config)
        keep = keep & ~_of_hand(local, config) | _below_fingers(local, config) | between
    return cloud.select(keep)


def _below_fingers(local: Array, config: SightConfig) -> NDArray[np.bool_]:
    """Points, in the tool frame, where something that the fingers hold would be."""
    return (
        (np.abs(local[:, 0]) < config.hand_half_m)
        & (np.abs(local[:, 1]) < config.hand_half_m)
        & (local[:, 2] >= config.fingertip_m)
        & (local[:, 2] < config.held_m)
    )


def _between_fingers(local: Array, opening: float, config: SightConfig) -> NDArray[np.bool_]:
    """Points, in the tool frame, in the gap between the fingers, where only a held thing can be."""
    gap_m = _GAP_SHARE * opening * config.gripper_width_m
    return (
        (np.abs(local[:, 0]) < config.hand_half_m)
        & (np.abs(local[:, 1]) < 0.5 * gap_m)
        & (np.abs(local[:, 2]) < config.fingertip_m)
    )


def _of_hand(local: Array, config: SightConfig) -> NDArray[np.bool_]:
    """Points, in the tool frame, of the hand and the wrist."""
    return (
        (np.abs(local[:, 0]) < config.hand_half_m)
        & (np.abs(local[:, 1]) < config.hand_half_m)
        & (local[:, 2] < config.fingertip_m)
        & (local[:, 2] > -config.hand_length_m)
    )


def may_hold(opening: float) -> bool:
    """Whether the fingers are neither fully open nor together."""
    return 0.05 < opening < 0.97


def _gripped(thing: Thing, T_base_tool: SE3, opening: float, config: SightConfig) -> bool:
    """Whether the fingers are closed on a thing: it reaches up between them and fills the gap."""
    if not may_hold(opening):
        return False
    local = T_base_tool.inverse() @ thing.cloud.points_m
    if local[:, 2].min() > config.fingertip_m + 0.012:
        return False
    upper = local[local[:, 2] < local[:, 2].min() + 0.03]
    between = abs(np.median(upper[:, 1])) < 0.025 and abs(np.median(upper[:, 0])) < 0.06
    gap_m = opening * config.gripper_width_m
    # A finger may hide part of the width; more than the gap it cannot be.
    fills = -0.03 < np.ptp(upper[:, 1]) - gap_m < 0.02
    clear = thing.lowest_m - thing.box.bottom_m > 0.01
    return bool(between and (fills or clear))


def _table_entity(plane: Plane, points_m: Array, observation: Observation) -> Entity:
    lower, upper = points_m[:, :2].min(axis=0), points_m[:, :2].max(axis=0)
    x, y = 0.5 * (lower + upper)
    top = plane.at(float(x), float(y))
    return Entity(
        name=TABLE,
        label=TABLE,
        T_base_entity=SE3.from_translation((x, y, top - 0.5 * _TABLE_THICKNESS_M)),
        extents_m=np.array([*(upper - lower), _TABLE_THICKNESS_M]),
        stamp_s=observation.stamp_s,
        movable=False,
    )
