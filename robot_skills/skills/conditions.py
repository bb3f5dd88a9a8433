"""Whether a call may start and whether it did what it promises, as seen, and in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import holds, in_, on
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Result of checking literals on a scene.

    Attributes:
        literals: What was checked.
        unmet: What of it does not hold.
        reason: Which literals do not hold and what was seen instead; empty when all hold.
    """

    literals: tuple[Literal, ...]
    unmet: tuple[Literal, ...]
    reason: str

    @property
    def ok(self) -> bool:
        return not self.unmet


def check_literals(literals: tuple[Literal, ...], scene: Scene) -> Check:
    """Check literals on a scene; what names an entity that is not there does not hold."""
    unmet = tuple(literal for literal in literals if not _holds_as_seen(literal, scene))
    reason = "; ".join(f"{literal} does not hold: {_seen(literal, scene)}" for literal in unmet)
    return Check(literals=literals, unmet=unmet, reason=reason)


def check_preconditions(card: SkillCard, args: Mapping[str, str], scene: Scene) -> Check:
    """Whether a call may start.

    Raises:
        RefusedError: The arguments are not such as the skill takes.
    """
    card.check_args(args, scene)
    return check_literals(card.preconditions(args), scene)


def check_effects(card: SkillCard, args: Mapping[str, str], scene: Scene) -> Check:
    """Whether a call did what it promises."""
    return check_literals(card.effects(args), scene)


def describe(entity: Entity, scene: Scene) -> str:
    """Where an entity is and in what state, in words."""
    if entity.name == TABLE:
        return "the table is there"
    parts = []
    if entity.held_by is not None:
        parts.append(f"held by {entity.held_by}")
    else:
        holders = [e for e in scene if e.name not in (entity.name, TABLE)]
        parts += [f"in {e.name}" for e in holders if in_(scene, entity.name, e.name)]
        parts += [f"on {e.name}" for e in holders if on(scene, entity.name, e.name)]
        if not parts and TABLE in scene and on(scene, entity.name, TABLE):
            parts.append(f"on {TABLE}")
    x, y, z = entity.T_base_entity.p
    parts.append(f"at ({x:.2f}, {y:.2f}, {z:.2f}) m")
    if entity.articulation is not None:
        parts.append(f"open by {100.0 * entity.articulation.value_m:.1f} cm")
    if not entity.visible:
        parts.append("as last seen")
    return f"{entity.name} is {', '.join(parts)}"


def _holds_as_seen(literal: Literal, scene: Scene) -> bool:
    try:
        return holds(scene, literal)
    except UnknownNameError:
        return False


def _seen(literal: Literal, scene: Scene) -> str:
    """What the scene shows of the things that a literal is about."""
    if not literal.args:
        held = [entity.name for entity in scene if entity.held_by is not None]
        return f"the hand holds {', '.join(held) or 'nothing'}"
    return ", ".join(
        describe(scene[name], scene) if name in scene else f"{name} was not seen"
        for name in dict.fromkeys(literal.args)
        if name != TABLE
    )
