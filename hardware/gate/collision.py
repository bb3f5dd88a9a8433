"""Whether a joint path stays clear of the arm itself and of what stands around it.

What is guaranteed of an accepted chunk, as far as the shapes and places that are known are true:

- On the straight joint path from where the arm is through its waypoints, with the gripper going
  evenly along, every pair of bodies keeps its margin: at every waypoint, and at samples between
  them so close together that in between nothing comes nearer by more than half of `_STEP_M`.
  Samples are left out only where bodies are too far apart to meet in between.
- An arm that is stopped where it passes a waypoint, as fast as it passes it, comes to rest without
  touching anything: every joint then brakes on its own as fast as it can, so that the arm leaves
  the path. The margins may be used up by that. Fingers may go as deep as when they are told to.

What is left to the margins: the gate in motion rounds corners, the arm trails its setpoints, and
it may be stopped between two waypoints. Along the shipped skills' motions setpoints stray up to
10 mm from the judged path while it is followed, and up to 30 mm when it is stopped.
"""

from dataclasses import dataclass

import numpy as np

from hardware.gate.braking import Braking
from robot_skills.core.collision import CollisionModel
from robot_skills.core.limits import JointLimits
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState

_STEP_M = 0.01
"""Farthest that any two bodies move against each other between two samples where they are near."""
_MOST_STEPS = 32
"""Between two waypoints. Farther apart than that, speed limits have refused them before."""
_GIVE_M = 5e-4
"""Bodies that are too near already may come nearer by this: states are never quite still."""
_BRAKING_SAMPLES = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JudgedPath:
    """A chunk as the joints carry it out.

    Attributes:
        stamp_s: Times of the waypoints, (H,).
        q_rad: Joints there, (H, n).
        opening: Of the gripper there, (H,).
    """

    stamp_s: Array
    q_rad: Array
    opening: Array

    def speeds_rad_s(self) -> Array:
        """Joint speeds at the waypoints, (H, n): those of the path that `JointPath` makes."""
        speeds = np.zeros_like(self.q_rad)
        if len(speeds) > 1:
            slopes = np.diff(self.q_rad, axis=0) / np.diff(self.stamp_s)[:, None]
            speeds[0] = slopes[0]
            speeds[1:-1] = 0.5 * (slopes[:-1] + slopes[1:])
        return speeds


@dataclass(frozen=True, kw_only=True, slots=True)
class Trespass:
    """Where a path comes too near to something.

    Attributes:
        waypoint: Number of the waypoint at which that is, or before.
        when: In words.
        bodies: Which come too near.
        short_m: By how much less than they have to keep they are apart.
    """

    waypoint: int
    when: str
    bodies: tuple[str, str]
    short_m: float

    def __str__(self) -> str:
        one, other = self.bodies
        return f"{self.when} {one} comes {1e3 * self.short_m:.1f} mm too near to {other}"


def trespass(
    model: CollisionModel, limits: JointLimits, path: JudgedPath, arm: ArmState
) -> Trespass | None:
    """The first place where a path comes too near to something; None where it nowhere does.

    Bodies that are too near already may only get away from each other.

    Args:
        model: Knows the distances.
        limits: How fast the joints can brake.
        path: Where the arm is to go.
        arm: Where it is.
    """
    q = np.concatenate([arm.q_rad[None], path.q_rad])
    opening = np.concatenate([[arm.opening], path.opening])
    opening = np.minimum(np.maximum(opening, 0.0), 1.0)
    room_m = model.room(q, opening)
    if not room_m.shape[1]:
        return None
    return _on_the_way(model, q, opening, room_m) or _when_stopped(
        model, limits, path, opening, room_m
    )


def _on_the_way(model: CollisionModel, q: Array, opening: Array, room_m: Array) -> Trespass | None:
    at = _with_between(_steps(model, q, opening, room_m))
    whole = at % 1.0 == 0.0
    rooms_m = np.empty((len(at), room_m.shape[1]))
    rooms_m[whole] = room_m
    if not whole.all():
        rooms_m[~whole] = model.room(*_between(q, opening, at[~whole]))
    # What is too near may not come nearer than it was at best until it is clear.
    allowed_m = np.minimum(np.maximum.accumulate(rooms_m, axis=0)[:-1] - _GIVE_M, 0.0)
    short_m = allowed_m - rooms_m[1:]
    bad = (short_m > 0.0).any(axis=1)
    if not bad.any():
        return None
    first = int(bad.argmax())
    pair = int(short_m[first].argmax())
    place = float(at[first + 1])
    waypoint = max(int(np.ceil(place)) - 1, 0)
    return Trespass(
        waypoint=waypoint,
        when=f"{'at' if place % 1.0 == 0.0 else 'on the way to'} waypoint {waypoint}",
        bodies=model.pairs[pair],
        short_m=float(-rooms_m[first + 1, pair]),
    )


def _steps(model: CollisionModel, q: Array, opening: Array, room_m: Array) -> Array:
    """Into how many steps each stretch between two waypoints has to be divided, (H,)."""
    moved_m = np.abs(np.diff(q, axis=0)) @ model.reach_m.T
    moved_m += np.abs(np.diff(opening))[:, None] * model.opening_reach_m
    # Bodies lose at most what the joints move them, and have to gain it back.
    least_m = 0.5 * (room_m[:-1] + room_m[1:] - moved_m)
    needed = np.where(least_m >= 0.0, 1.0, np.ceil(moved_m / _STEP_M)).max(axis=1)
    return np.minimum(np.maximum(needed, 1.0), _MOST_STEPS)


def _with_between(steps: Array) -> Array:
    """Places along the path, counted in waypoints, with those between them."""
    parts = [np.array([0.0])]
    for i, count in enumerate(steps.astype(int)):
        parts += [i + np.arange(1, count) / count, np.array([i + 1.0])]
    return np.concatenate(parts)


def _between(q: Array, opening: Array, at: Array) -> tuple[Array, Array]:
    """Joints and openings at places along a path."""
    before = np.floor(at).astype(int)
    share = at - before
    q_there = q[before] + share[:, None] * (q[before + 1] - q[before])
    return q_there, opening[before] + share * (opening[before + 1] - opening[before])


def _when_stopped(
    model: CollisionModel, limits: JointLimits, path: JudgedPath, opening: Array, room_m: Array
) -> Trespass | None:
    """Where an arm that is stopped at a waypoint runs into something before it rests."""
    speeds = path.speeds_rad_s()
    speeds = np.minimum(np.maximum(speeds, -limits.velocity_rad_s), limits.velocity_rad_s)
    stop = Braking(
        path.q_rad,
        speeds,
        np.zeros_like(speeds),
        limits.acceleration_rad_s2,
        limits.jerk_rad_s3,
    )
    farthest_rad = np.maximum(stop.highest_rad - path.q_rad, path.q_rad - stop.lowest_rad)
    spare_m = np.maximum(model.margin_m, 0.0)
    # Who is too near already has been told to get away, and is not kept from it here.
    left_m = np.maximum(room_m[1:], 0.0) + spare_m
    tight = np.flatnonzero((farthest_rad @ model.reach_m.T > left_m).any(axis=1))
    if not len(tight):
        return None
    times_s = stop.duration_s * np.arange(1, _BRAKING_SAMPLES + 1) / _BRAKING_SAMPLES
    q = np.stack([stop.at(float(time_s))[0][tight] for time_s in times_s], axis=1)
    openings = np.repeat(opening[1:][tight], _BRAKING_SAMPLES)
    stopped_m = model.room(q.reshape(-1, q.shape[-1]), openings)
    allowed_m = np.repeat(np.minimum(room_m[1:][tight], 0.0), _BRAKING_SAMPLES, axis=0) - spare_m
    short_m = allowed_m - stopped_m
    bad = (short_m > _GIVE_M).any(axis=1)
    if not bad.any():
        return None
    first = int(bad.argmax())
    pair = int(short_m[first].argmax())
    waypoint = int(tight[first // _BRAKING_SAMPLES])
    return Trespass(
        waypoint=waypoint,
        when=f"too fast: stopped at waypoint {waypoint}",
        bodies=model.pairs[pair],
        short_m=float(-stopped_m[first, pair]),
    )
