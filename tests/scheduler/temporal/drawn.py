"""Random formulas and traces over a few atoms."""

import numpy as np

from robot_skills.core.plan import Literal
from robot_skills.scheduler.temporal.formula import (
    FALSE,
    TRUE,
    Always,
    And,
    Atom,
    Called,
    Eventually,
    Formula,
    Next,
    Not,
    Or,
    Release,
    Until,
    Valuation,
    WeakNext,
    WeakUntil,
)

ATOMS: tuple[Atom, ...] = (
    Literal(predicate="open", args=("drawer",)),
    Literal(predicate="in", args=("can", "box")),
    Called("grasp", ("can",)),
)
_ONE = (Not, Next, WeakNext, Eventually, Always)
_TWO = (Until, WeakUntil, Release)


def formula(rng: np.random.Generator, depth: int = 4) -> Formula:
    """A formula of at most so many operators above each other."""
    kind = int(rng.integers(10)) if depth else 9
    if kind <= 3:
        return _ONE[int(rng.integers(len(_ONE)))](formula(rng, depth - 1))
    if kind <= 5:
        two = formula(rng, depth - 1), formula(rng, depth - 1)
        return _TWO[int(rng.integers(len(_TWO)))](*two)
    if kind <= 8:
        some = tuple(formula(rng, depth - 1) for _ in range(int(rng.integers(2, 4))))
        return And(some) if rng.random() < 0.5 else Or(some)
    choices = (*ATOMS, *ATOMS, TRUE, FALSE)
    return choices[int(rng.integers(len(choices)))]


def trace(rng: np.random.Generator, longest: int = 7) -> list[Valuation]:
    """Which atoms hold at one to so many positions."""
    positions = (
        frozenset(atom for atom in ATOMS if rng.random() < 0.5)
        for _ in range(int(rng.integers(1, longest + 1)))
    )
    return [position.__contains__ for position in positions]
