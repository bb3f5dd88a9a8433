"""What prohibitions, and words that something stays as it is, mean as formulas.

Their scopes are those of *Patterns in Property Specifications for Finite-State Verification*
(Dwyer, Avrunin and Corbett, 1999): globally, before, after, and while something is so.
"""

from robot_skills.scheduler.temporal.deeds import Deed
from robot_skills.scheduler.temporal.formula import (
    Always,
    Formula,
    Not,
    WeakUntil,
    conjunction,
    disjunction,
    implication,
)
from robot_skills.scheduler.temporal.lexicon import Relation


def prohibited(deed: Deed, relation: Relation | None, state: Formula) -> Formula:
    """A deed is not done, or not at the times that a relation to a state names."""
    match relation:
        case None:
            return Always(Not(deed.never))
        case Relation.UNTIL:
            return WeakUntil(Not(deed.never), state)
        case Relation.AFTER:
            return Always(implication(state, Always(Not(deed.act))))
        case Relation.UNLESS:
            return Always(implication(deed.act, state))
        case Relation.WHILE | Relation.IF | Relation.WHENEVER:
            return Always(Not(conjunction((state, deed.act))))


def kept(what: Formula, relation: Relation, state: Formula) -> Formula:
    """Something stays as it is at the times that a relation to a state names."""
    match relation:
        case Relation.UNTIL:
            return WeakUntil(what, state)
        case Relation.AFTER:
            return Always(implication(state, Always(what)))
        case Relation.UNLESS:
            return Always(disjunction((what, state)))
        case Relation.WHILE | Relation.IF | Relation.WHENEVER:
            return Always(implication(state, what))
