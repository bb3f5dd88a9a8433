"""A tabletop without physics: calls come about at once, or go wrong in one of the ways they do.

Thousands of runs can be imagined in the time of a simulated one. Only boxes are moved; what can be
said about them follows from the same predicates as everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from robot_skills.core.binding import Anchor, AnchorSpec, bind
from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.free_spots import free_spot_on_table
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import clear, in_, on
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from sim.fixture_entities import drawer_entity
from sim.placements import Layout
from sim.truth import layout_scene

T_BASE_HOME = SE3.from_rotvec((np.pi, 0.0, 0.0), (0.45, 0.0, 0.45))
"""Where the hand is between calls, pointing down."""
_AIMS = {
    "on": Anchor.TOP,
    "in": Anchor.ACCESS,
    "inserted": Anchor.ACCESS,
    "beside": Anchor.SPOT_BESIDE,
    "over": Anchor.OVER,
    "alongside": Anchor.ALONGSIDE,
}
"""What the second thing of an effect, or its only one, is aimed at by."""
_ASIDE_M = (0.03, 0.10)
"""How far a thing is moved that a hand has touched and not taken."""
_SLAMMED = 0.15
"""How often a drawer is moved by a hand that has failed to put something into it."""


def imagined_scene(layout: Layout) -> Scene:
    """The scene that a layout begins with, the hand at rest."""
    return replace(layout_scene(layout), tools={DEFAULT_ARM: T_BASE_HOME})


def fulfilled(scene: Scene, effects: Sequence[Literal]) -> Scene:
    """The scene after a call that did what it promises.

    Args:
        scene: Before.
        effects: What the call promises.

    Raises:
        RefusedError: There is no such place, or no room in it.
    """
    scene = replace(scene, tools={DEFAULT_ARM: T_BASE_HOME})
    # What says most exactly where a thing goes comes last: beside another thing, on the table.
    for effect in sorted(effects, key=lambda literal: literal.predicate == "beside"):
        if not effect.negated:
            scene = _brought_about(scene, effect)
    return scene


def gone_wrong(scene: Scene, effects: Sequence[Literal], rng: np.random.Generator) -> Scene:
    """The scene after a call that went wrong, in one of the ways that skills do.

    Nothing has happened; the thing was pushed aside, or knocked off what it stood on; it was
    dropped on the table, or on another thing; what opens and closes stopped half way, or was moved
    by the way. Once in a while that is what was wanted all the same.

    Args:
        scene: Before.
        effects: What the call would have brought about.
        rng: Of what happens.
    """
    ways: list[Callable[[], Scene]] = [lambda: scene]
    for effect in effects:
        first = scene[effect.args[0]] if effect.args else None
        if first is None or effect.negated:
            continue
        if effect.predicate in ("open", "closed"):
            ways.append(lambda thing=first: _half_way(scene, thing, rng))
        elif first.held_by is not None:
            ways.append(lambda thing=first: _dropped(scene, thing))
            ways.append(lambda thing=first: _dropped_on_something(scene, thing, rng))
        elif effect.predicate in ("holding", "on"):
            ways.append(lambda thing=first: _pushed_aside(scene, thing, rng))
            ways.append(lambda thing=first: _knocked_off(scene, thing))
    try:
        after = ways[int(rng.integers(len(ways)))]()
    except PlanningError:
        return scene
    targets = [literal.args[1] for literal in effects if literal.predicate == "in"]
    jointed = [after[name] for name in targets if after[name].articulation is not None]
    if jointed and rng.random() < _SLAMMED:
        return _half_way(after, jointed[0], rng)
    return after


def _brought_about(scene: Scene, effect: Literal) -> Scene:
    match effect.predicate:
        case "holding":
            return scene.with_entity(_held(scene[effect.args[0]]))
        case "open" | "closed":
            thing = scene[effect.args[0]]
            joint = thing.articulation
            if joint is None:
                raise RefusedError(f"{thing.name!r} has nothing that opens.")
            return _slid(scene, thing, joint.upper_m if effect.predicate == "open" else 0.0)
        case "turned_on" | "turned_off":
            return scene.with_entity(_switched(scene[effect.args[0]], effect.predicate))
        case "over" | "alongside":
            aim = _aim(scene, effect, None)
            return replace(scene, tools={DEFAULT_ARM: SE3(T_BASE_HOME.R, aim.p)})
        case "on" | "in" | "inserted" | "beside":
            thing = scene[effect.args[0]]
            return scene.with_entity(_standing(thing, _aim(scene, effect, thing).p))
        case _:
            return scene


def _aim(scene: Scene, effect: Literal, thing: Entity | None) -> SE3:
    """Where a thing, or the hand, is brought by an effect."""
    aim = AnchorSpec(entity=effect.args[-1], anchor=_AIMS[effect.predicate])
    moved = [] if thing is None else [AnchorSpec(entity=thing.name, anchor=Anchor.BOX)]
    return bind([*moved, aim], scene, T_BASE_HOME).tokens[-1].T_base_anchor


def _held(thing: Entity) -> Entity:
    return replace(thing, held_by=DEFAULT_ARM, T_base_entity=SE3(np.eye(3), T_BASE_HOME.p))


def _standing(thing: Entity, p_base_spot: Array) -> Entity:
    """The thing, held no more, with its base at a point."""
    up = np.array([0.0, 0.0, 0.5 * thing.extents_m[2]])
    T_base_thing = SE3(thing.T_base_entity.R, p_base_spot + up)
    return replace(thing, held_by=None, T_base_entity=T_base_thing)


def _switched(thing: Entity, state: str) -> Entity:
    if thing.control is None:
        raise RefusedError(f"{thing.name!r} has nothing that switches.")
    return replace(thing, control=replace(thing.control, on=state == "turned_on"))


def _slid(scene: Scene, thing: Entity, value_m: float) -> Scene:
    """What opens and closes at another joint value, with what is in it, if it slides."""
    joint = thing.articulation
    assert joint is not None
    if joint.hinge_entity is not None:
        T_entity_handle = joint.handle_at(value_m)
        joint = replace(joint, value_m=value_m, T_entity_handle=T_entity_handle)
        return scene.with_entity(replace(thing, articulation=joint))
    way = thing.T_base_entity.R @ joint.axis_entity * (value_m - joint.value_m)
    for inside in [e for e in scene if e.movable and in_(scene, e.name, thing.name)]:
        T = inside.T_base_entity
        scene = scene.with_entity(replace(inside, T_base_entity=SE3(T.R, T.p + way)))
    down = SE3.from_translation((0.0, 0.0, -0.5 * thing.extents_m[2]))
    return scene.with_entity(drawer_entity(thing.T_base_entity @ down, value_m))


def _half_way(scene: Scene, thing: Entity, rng: np.random.Generator) -> Scene:
    assert thing.articulation is not None
    return _slid(scene, thing, float(rng.uniform(0.0, thing.articulation.upper_m)))


def _dropped(scene: Scene, thing: Entity) -> Scene:
    spot = free_spot_on_table(scene, thing)
    return scene.with_entity(_standing(thing, spot))


def _dropped_on_something(scene: Scene, thing: Entity, rng: np.random.Generator) -> Scene:
    """On one of the things that nothing stands on; on the table where there is none."""
    others = [e for e in scene if e.movable and e.name not in (thing.name, TABLE)]
    below = [e for e in others if e.held_by is None and clear(scene, e.name)]
    if not below:
        return _dropped(scene, thing)
    chosen = below[int(rng.integers(len(below)))]
    top = np.array([*chosen.T_base_entity.p[:2], chosen.top_m])
    return scene.with_entity(_standing(thing, top))


def _pushed_aside(scene: Scene, thing: Entity, rng: np.random.Generator) -> Scene:
    if not on(scene, thing.name, TABLE) or not clear(scene, thing.name):
        return scene
    angle_rad, far_m = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(*_ASIDE_M)
    way = far_m * np.array([np.cos(angle_rad), np.sin(angle_rad), 0.0])
    T = thing.T_base_entity
    return scene.with_entity(replace(thing, T_base_entity=SE3(T.R, T.p + way)))


def _knocked_off(scene: Scene, thing: Entity) -> Scene:
    stands_on = any(on(scene, thing.name, e.name) for e in scene if e.movable)
    return _dropped(scene, thing) if stands_on and clear(scene, thing.name) else scene
