"""Where a robot must not go, whoever has planned it: a rule of the plan checker.

Regions are boxes in the base frame. Nothing in them is touched, nothing is put down or pushed into
them, and nothing is pushed through them. Ways through the air are the safety gate's to judge.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robot_skills.core.binding import Anchor, AnchorSpec, bind
from robot_skills.core.errors import RefusedError
from robot_skills.core.free_spots import footprints
from robot_skills.core.plan import SkillCall
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.card import SkillCard

_HAND_M = np.array([0.08, 0.08, 0.08])
"""Room that fingers take up where they go."""
_PUT_DOWN = (Anchor.TOP, Anchor.SPOT_BESIDE, Anchor.ACCESS)
"""Anchors at which a thing is left."""
_WAY_STEPS = 15
_CORNERS = ("lower_m", "upper_m")


class Forbidden:
    """Refuses calls that touch, leave or push something in a forbidden region.

    Args:
        regions: Of the cell, or of whoever gives the instruction.
        cards: Of the skills: they say where a call goes.
    """

    def __init__(self, regions: Iterable[ForbiddenRegion], cards: Iterable[SkillCard]) -> None:
        self._regions = tuple(regions)
        self._cards = {card.name: card for card in cards}

    def __call__(self, call: SkillCall, scene: Scene) -> str | None:
        """The reason to refuse a call; None when there is none."""
        for what, T_base_box, extents_m in self._places(call, scene):
            for region in self._regions:
                if region.meets(T_base_box, extents_m):
                    return f"{what} reaches into the forbidden region {region.name!r}"
        return None

    def _places(self, call: SkillCall, scene: Scene) -> Iterator[tuple[str, SE3, Array]]:
        """All boxes that a call has to do with, each with its name for a refusal."""
        names = [name for name in call.args.values() if name in scene and name != TABLE]
        things = [scene[name] for name in names if scene[name].held_by is None]
        for thing in things:
            yield from _taken_up(thing)
        card = self._cards.get(call.skill)
        if card is None:
            return
        case = card.case(call.args)
        specs = [
            AnchorSpec(entity=call.args[token.argument], anchor=token.anchor)
            for token in case.tokens
        ]
        moved = next((scene[spec.entity] for spec in specs if spec.anchor is Anchor.BOX), None)
        for spec, T_base_anchor in _anchors(specs, scene):
            if spec.anchor not in _PUT_DOWN:
                yield f"the place at {spec.entity} where the hand goes", T_base_anchor, _HAND_M
            elif moved is not None:
                up = SE3.from_translation((0.0, 0.0, 0.5 * float(moved.extents_m[2])))
                T_base_spot = T_base_anchor @ up
                yield f"the spot for {moved.name}", T_base_spot, moved.extents_m
                if any(literal.predicate == "way_free" for literal in case.preconditions):
                    yield from _way(moved, T_base_spot)


def load_regions(path: Path) -> tuple[ForbiddenRegion, ...]:
    """Read regions from a YAML file: ``forbidden``, by name, each ``lower_m`` and ``upper_m``.

    Raises:
        RefusedError: It cannot be read, or says something that a region is not.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedError(f"Forbidden regions {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"Forbidden regions {path} are not YAML: {' '.join(str(error).split())}"
        ) from None
    regions = data["forbidden"] if isinstance(data, dict) and set(data) == {"forbidden"} else None
    if not isinstance(regions, dict) or not regions:
        raise RefusedError(
            f"Forbidden regions {path}: needs one key `forbidden`, with regions by name below it."
        )
    try:
        return tuple(_region(str(name), corners) for name, corners in regions.items())
    except (TypeError, ValueError) as error:
        raise RefusedError(f"Forbidden regions {path}: {error}") from None


def _region(name: str, told: Any) -> ForbiddenRegion:
    if not isinstance(told, Mapping) or set(told) != set(_CORNERS):
        raise ValueError(f"{name!r} needs {' and '.join(_CORNERS)} and nothing else, got {told!r}.")
    corners = {key: np.array(told[key], dtype=np.float64) for key in _CORNERS}
    if not all(np.isfinite(corner).all() for corner in corners.values()):
        raise ValueError(f"the region {name!r} needs finite corners.")
    return ForbiddenRegion(name=name, **corners)


def _taken_up(thing: Entity) -> Iterator[tuple[str, SE3, Array]]:
    """The box of a thing, and all that its joint sweeps over."""
    height = np.array([0.0, 0.0, thing.extents_m[2]])
    for T_base_box, size_m in footprints(thing):
        middle = SE3(T_base_box.R, np.array([*T_base_box.p[:2], thing.T_base_entity.p[2]]))
        yield thing.name, middle, height + np.array([*size_m, 0.0])


def _anchors(specs: list[AnchorSpec], scene: Scene) -> Iterator[tuple[AnchorSpec, SE3]]:
    """Where a call goes beside what it takes, as things stand.

    What there is no place for yet, as in a drawer that is shut, is left out. That is judged
    when its turn comes: executives check each call again in the scene of then.
    """
    moved = [spec for spec in specs if spec.anchor is Anchor.BOX]
    T_base_tool = scene.tools.get(DEFAULT_ARM, SE3.identity())
    for spec in specs:
        if spec in moved:
            continue
        try:
            tokens = bind([*moved, spec], scene, T_base_tool).tokens
        except RefusedError:
            continue
        if len(tokens) > len(moved):
            yield spec, tokens[-1].T_base_anchor


def _way(thing: Entity, T_base_end: SE3) -> Iterator[tuple[str, SE3, Array]]:
    """The boxes that a thing passes on its way over the table."""
    start, end = thing.T_base_entity.p, T_base_end.p
    for share in np.linspace(0.0, 1.0, _WAY_STEPS):
        T_base_box = SE3(thing.T_base_entity.R, start + share * (end - start))
        yield f"a part of the way of {thing.name}", T_base_box, thing.extents_m
