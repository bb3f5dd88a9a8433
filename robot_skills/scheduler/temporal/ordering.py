"""In which order of time things are wished for, as formulas."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robot_skills.core.plan import Literal, Specification
from robot_skills.core.predicates import PASSING, holds
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal.formula import (
    Formula,
    Not,
    WeakUntil,
    conjunction,
    parts,
    text,
)
from robot_skills.scheduler.words.acts import Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What one clause asks for; `ordered` when the words put it behind what was asked before."""

    ask: Ask
    ordered: bool = False


def specification_of(formulas: Iterable[Formula]) -> Specification | None:
    """The formulas as the specification of a plan; None when there are none."""
    each = dict.fromkeys(text(part) for formula in formulas for part in parts(formula))
    return Specification(parts=tuple(each)) if each else None


def order(wishes: Sequence[Wish], scene: Scene) -> list[Formula]:
    """That nothing comes about before what the words put before it.

    Of what holds already, what is done on the way to something else, and where the hand is, no
    order is demanded; nor is anything to wait for what a hand holds, which has to let go first.
    """
    formulas: list[Formula] = []
    before: list[Literal] = []
    for i, wish in enumerate(wishes):
        own = [literal for literal in wish.ask.literals if literal.predicate not in PASSING]
        things = {literal.args[:1] for literal in own}
        if wish.ask.weak and things & _things(wishes[i + 1 :]):
            continue
        earlier = [literal for literal in before if literal not in own]
        if wish.ordered and not all(holds(scene, literal) for literal in earlier):
            new = [literal for literal in own if not holds(scene, literal)]
            formulas += [WeakUntil(Not(literal), conjunction(earlier)) for literal in new]
        before = [literal for literal in before if literal.args[:1] not in things]
        before += [literal for literal in own if literal.predicate != "holding"]
    return formulas


def _things(wishes: Iterable[Wish]) -> set[tuple[str, ...]]:
    """What wishes are about."""
    return {literal.args[:1] for wish in wishes for literal in wish.ask.literals}
