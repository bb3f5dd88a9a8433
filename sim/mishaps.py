"""Things that go wrong on purpose, so that there are failures to learn from.

Some befall what is believed of the scene, the others the world itself while a skill runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.scene import TABLE, Scene
from robot_skills.core.se3 import SE3, Array
from sim.disturbances import AWAY_M, put
from sim.truth import held_objects
from sim.world import TabletopWorld

_FIRST_TICK = 4
_LAST_TICK = {"grasp": 60, "place": 36, "insert": 60}
"""Control periods after which most attempts are decided, so that nothing need go wrong any more."""
_MISPLACED_M = 0.025
"""Standard deviation along either side, at most."""
_CLEARANCE_M = 0.09
"""Between the centres of a thing that is moved and any other."""


class MishapKind(Enum):
    """What goes wrong."""

    NONE = "none"
    """Nothing but the perception noise that there always is."""
    BLURRED = "blurred"
    """Everything is seen centimetres off."""
    MISPLACED = "misplaced"
    """What the thing is to be put into is seen millimetres off."""
    MISTAKEN = "mistaken"
    """Another thing is taken for the one that was asked for."""
    MOVED = "moved"
    """The thing, or what it is to be put on, is pushed aside meanwhile."""
    REMOVED = "removed"
    """The thing is taken away meanwhile."""
    SLIPPERY = "slippery"
    """The thing has lost its grip on everything, from some moment on."""
    STUCK = "stuck"
    """The gripper stays as it is from some moment on."""
    WEAK = "weak"
    """The gripper has hardly any force, from some moment on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mishap:
    """One thing that goes wrong in one attempt.

    Attributes:
        kind: What.
        tick: Control period of the skill at which it happens to the world.
        strength: How badly, in [0, 1].
    """

    kind: MishapKind
    tick: int
    strength: float


SHARES: Mapping[str, Mapping[MishapKind, float]] = {
    "grasp": {
        MishapKind.NONE: 0.34,
        MishapKind.BLURRED: 0.20,
        MishapKind.MISTAKEN: 0.04,
        MishapKind.MOVED: 0.14,
        MishapKind.REMOVED: 0.08,
        MishapKind.SLIPPERY: 0.10,
        MishapKind.STUCK: 0.06,
        MishapKind.WEAK: 0.04,
    },
    "place": {
        MishapKind.NONE: 0.28,
        MishapKind.BLURRED: 0.08,
        MishapKind.MOVED: 0.14,
        MishapKind.REMOVED: 0.16,
        MishapKind.SLIPPERY: 0.14,
        MishapKind.STUCK: 0.08,
        MishapKind.WEAK: 0.12,
    },
    "insert": {
        MishapKind.NONE: 0.28,
        MishapKind.MISPLACED: 0.52,
        MishapKind.REMOVED: 0.04,
        MishapKind.SLIPPERY: 0.08,
        MishapKind.WEAK: 0.08,
    },
}
"""How often what happens, per skill."""


def draw_mishap(skill: str, rng: np.random.Generator) -> Mishap:
    """Something to go wrong, or nothing.

    Raises:
        UnknownNameError: Nothing is known that could go wrong with the skill.
    """
    if skill not in SHARES:
        raise unknown_name("skill with mishaps", skill, SHARES)
    kinds = list(SHARES[skill])
    shares = np.array([SHARES[skill][kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
    return Mishap(
        kind=kind,
        tick=int(rng.integers(_FIRST_TICK, _LAST_TICK[skill])),
        strength=float(rng.random()),
    )


class Blur:
    """Perception that is wrong in the same way in every look of one attempt.

    Args:
        mishap: Decides how wrong it is.
        thing: What the skill is about.
        rng: Of the errors.
        into: What the thing is to be put into, where there is such a thing.
    """

    def __init__(
        self, mishap: Mishap, thing: str, rng: np.random.Generator, into: str | None = None
    ) -> None:
        self._mishap, self._thing, self._rng, self._into = mishap, thing, rng, into
        self._errors: dict[str, Array] = {}
        self._twin: str | None = None

    def believed(self, scene: Scene) -> Scene:
        """The scene as it would be perceived."""
        for entity in list(scene):
            if entity.name != TABLE:
                error = self._error(entity.name)
                T_base_seen = SE3(
                    SE3.from_yaw(error[3], np.zeros(3)).R @ entity.T_base_entity.R,
                    entity.T_base_entity.p + error[:3],
                )
                # Fixtures have the sizes of their models.
                sizes = np.clip(1.0 + error[4:], 0.6, 1.6) if entity.movable else 1.0
                seen = replace(
                    entity, T_base_entity=T_base_seen, extents_m=entity.extents_m * sizes
                )
                scene = scene.with_entity(seen)
        return self._mistaken(scene) if self._mishap.kind is MishapKind.MISTAKEN else scene

    def _error(self, name: str) -> Array:
        """Shift [m], turn [rad] and relative errors of the sizes, (7,)."""
        if name not in self._errors:
            blurred = self._mishap.kind is MishapKind.BLURRED
            worse = 1.0 + 5.0 * self._mishap.strength if blurred else 1.0
            sigma = np.array([0.003, 0.003, 0.0015, 0.04, 0.03, 0.03, 0.03])
            if name == self._into and self._mishap.kind is MishapKind.MISPLACED:
                sigma[:2] = _MISPLACED_M * self._mishap.strength
            self._errors[name] = worse * sigma * self._rng.standard_normal(7)
        return self._errors[name]

    def _mistaken(self, scene: Scene) -> Scene:
        """The thing where another one is; a held thing is beyond doubt."""
        thing = scene[self._thing]
        others = [e for e in scene if e.movable and e.name != thing.name and e.held_by is None]
        if thing.held_by is not None or not others:
            return scene
        if self._twin is None:
            self._twin = others[int(self._rng.integers(len(others)))].name
        other = scene[self._twin]
        return scene.with_entity(
            replace(thing, T_base_entity=other.T_base_entity, extents_m=other.extents_m)
        ).with_entity(replace(other, T_base_entity=thing.T_base_entity, extents_m=thing.extents_m))


def happen(
    mishap: Mishap, world: TabletopWorld, thing: str, onto: str | None, rng: np.random.Generator
) -> None:
    """Let it happen to the world; what only befalls perception changes nothing.

    Nothing happens either once a thing that is to be put somewhere has left the hand: nobody who
    watches the hand could know of it.

    Args:
        mishap: What happens.
        world: Where.
        thing: What the skill is about.
        onto: What the thing is to be put on, where there is such a thing.
        rng: Of directions.
    """
    if onto is not None and thing not in held_objects(world):
        return
    free = {item.name for item in world.layout.objects}
    match mishap.kind:
        case MishapKind.MOVED:
            _push_aside(world, onto if onto in free else thing, mishap.strength, rng)
        case MishapKind.REMOVED:
            put(world, thing, SE3.from_translation(AWAY_M))
        case MishapKind.SLIPPERY:
            _lose_friction(world, thing, 10.0 ** (-3.0 + 1.7 * mishap.strength))
        case MishapKind.STUCK:
            _freeze_gripper(world)
        case MishapKind.WEAK:
            _weaken_gripper(world, 10.0 ** (-3.5 + 2.0 * mishap.strength))
        case _:
            pass


def _push_aside(world: TabletopWorld, name: str, strength: float, rng: np.random.Generator) -> None:
    """Move a thing by 2 to 12 cm to where nothing stands, if there is such a place."""
    p = world.T_base_body(name).p
    others = [
        world.T_base_body(item.name).p[:2] for item in world.layout.objects if item.name != name
    ]
    for _ in range(16):
        angle = rng.uniform(0.0, 2.0 * np.pi)
        aside = (0.02 + 0.10 * strength) * np.array([np.cos(angle), np.sin(angle)])
        spot = p[:2] + aside
        if all(np.linalg.norm(spot - other) >= _CLEARANCE_M for other in others):
            put(world, name, SE3(world.T_base_body(name).R, np.array([*spot, p[2]])))
            return


def _lose_friction(world: TabletopWorld, name: str, sliding: float) -> None:
    geoms = np.flatnonzero(world.model.geom_bodyid == world.model.body(name).id)
    world.model.geom_friction[geoms] = (sliding, 1e-4, 1e-5)
    # Else the larger friction of two things that touch would count.
    world.model.geom_priority[geoms] = 2


def _freeze_gripper(world: TabletopWorld) -> None:
    model, actuator = world.model, world.gripper_ctrl
    now = float(world.data.ctrl[actuator])
    model.actuator_ctrllimited[actuator] = 1
    model.actuator_ctrlrange[actuator] = (now - 1e-6, now + 1e-6)


def _weaken_gripper(world: TabletopWorld, part: float) -> None:
    model, actuator = world.model, world.gripper_ctrl
    model.actuator_gainprm[actuator] *= part
    model.actuator_biasprm[actuator] *= part
