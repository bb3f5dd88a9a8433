"""Linear temporal logic over finite traces (LTLf), as data.

The logic of De Giacomo and Vardi, *Linear Temporal Logic and Linear Dynamic Logic on Finite Traces*
(2013). Its atoms are literals over the predicates of `robot_skills.core.predicates`, and calls.

A trace has one position for every look and one for every call that begins. What holds at a
position is what the latest look shows; a call is made at its own position alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from robot_skills.core.plan import Literal, SkillCall

ANY = "any"
"""In place of a skill: whichever."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call is made now.

    Attributes:
        skill: Its skill, or `ANY`.
        args: Values that are all among the arguments of the call, in whatever role.
    """

    skill: str
    args: tuple[str, ...] = ()

    def matches(self, call: SkillCall) -> bool:
        return self.skill in (ANY, call.skill) and set(self.args) <= set(call.args.values())


@dataclass(frozen=True, slots=True)
class Constant:
    """True or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The operand does not hold now."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class And:
    """Every operand holds now."""

    operands: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some operand holds now."""

    operands: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class Next:
    """There is another position, and the operand holds there."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class WeakNext:
    """The operand holds at the next position, if there is one."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class Eventually:
    """The operand holds now or later."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class Always:
    """The operand holds from now on to the end."""

    operand: "Formula"


@dataclass(frozen=True, slots=True)
class Until:
    """The right operand holds now or later, and up to then the left one does."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True, slots=True)
class WeakUntil:
    """The left operand holds until the right one does, or to the end."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True, slots=True)
class Release:
    """The right operand holds up to where the left one holds too, or to the end."""

    left: "Formula"
    right: "Formula"


type Atom = Literal | Called
type Unary = Not | Next | WeakNext | Eventually | Always
type Binary = Until | WeakUntil | Release
type Formula = Constant | Atom | And | Or | Unary | Binary
type Valuation = Callable[[Atom], bool]
"""Whether an atom is true at a position."""

TRUE, FALSE = Constant(True), Constant(False)

UNARY: dict[str, type[Unary]] = {
    "next": Next,
    "weak_next": WeakNext,
    "eventually": Eventually,
    "always": Always,
}
"""Operators of one operand by their names in text."""
BINARY: dict[str, type[Binary]] = {
    "until": Until,
    "weak_until": WeakUntil,
    "release": Release,
}
"""Operators of two operands by their names in text."""
CALL = "call"
"""Name of the atom of a call in text: ``call(open, drawer)``."""
_NAMES = {operator: name for name, operator in (*UNARY.items(), *BINARY.items())}
_TIGHTNESS: dict[type, int] = {Or: 1, And: 2}


@cache
def text(formula: Formula) -> str:
    """A formula as text, which `reader.parse_formula` reads back."""
    match formula:
        case Constant(value):
            return "true" if value else "false"
        case Literal():
            return str(formula)
        case Called(skill, args):
            return f"{CALL}({', '.join((skill, *args))})"
        case Not(operand):
            return f"not {_tight(operand, 3)}"
        case And(operands):
            return " and ".join(_tight(operand, 2) for operand in operands)
        case Or(operands):
            return " or ".join(_tight(operand, 1) for operand in operands)
        case Next(operand) | WeakNext(operand) | Eventually(operand) | Always(operand):
            return f"{_NAMES[type(formula)]}({text(operand)})"
        case Until(left, right) | WeakUntil(left, right) | Release(left, right):
            return f"{_NAMES[type(formula)]}({text(left)}, {text(right)})"


def _tight(formula: Formula, tightness: int) -> str:
    """The text of an operand, in parentheses where it would fall apart without."""
    loose = _TIGHTNESS.get(type(formula), 4) <= tightness
    return f"({text(formula)})" if loose else text(formula)


def negation(formula: Formula) -> Formula:
    """The negation, without a double one."""
    match formula:
        case Constant(value):
            return Constant(not value)
        case Not(operand):
            return operand
        case _:
            return Not(formula)


def conjunction(operands: Iterable[Formula]) -> Formula:
    """All of them, in one canonical order, without what is repeated or says nothing."""
    return _joined(operands, And, Or, FALSE, TRUE)


def disjunction(operands: Iterable[Formula]) -> Formula:
    """Any of them, in one canonical order, without what is repeated or says nothing."""
    return _joined(operands, Or, And, TRUE, FALSE)


def _joined(
    operands: Iterable[Formula],
    join: type[And] | type[Or],
    dual: type[And] | type[Or],
    decides: Constant,
    neutral: Constant,
) -> Formula:
    parts: set[Formula] = set()
    for operand in operands:
        parts |= set(operand.operands) if isinstance(operand, join) else {operand}
    parts.discard(neutral)
    if decides in parts or any(negation(part) in parts for part in parts):
        return decides
    absorbed = {
        part for part in parts if isinstance(part, dual) and not parts.isdisjoint(part.operands)
    }
    left = sorted(parts - absorbed, key=text)
    if not left:
        return neutral
    return left[0] if len(left) == 1 else join(tuple(left))


def implication(condition: Formula, consequence: Formula) -> Formula:
    """The consequence holds where the condition does."""
    return disjunction((negation(condition), consequence))


@cache
def normal_form(formula: Formula) -> Formula:
    """An equivalent formula, simplified and with negations before atoms only."""
    match formula:
        case Not(operand):
            return _negated(operand)
        case And(operands):
            return conjunction(map(normal_form, operands))
        case Or(operands):
            return disjunction(map(normal_form, operands))
        case Next(operand) | WeakNext(operand) | Eventually(operand) | Always(operand):
            return _simple(type(formula)(normal_form(operand)))
        case Until(left, right) | WeakUntil(left, right) | Release(left, right):
            return _simple(type(formula)(normal_form(left), normal_form(right)))
        case Literal(predicate=predicate, args=args, negated=True):
            return Not(Literal(predicate=predicate, args=args))
        case _:
            return formula


def _negated(formula: Formula) -> Formula:
    """The normal form of a negation."""
    match formula:
        case Constant(value):
            return Constant(not value)
        case Not(operand):
            return normal_form(operand)
        case And(operands):
            return disjunction(map(_negated, operands))
        case Or(operands):
            return conjunction(map(_negated, operands))
        case Next(operand):
            return _simple(WeakNext(_negated(operand)))
        case WeakNext(operand):
            return _simple(Next(_negated(operand)))
        case Eventually(operand):
            return _simple(Always(_negated(operand)))
        case Always(operand):
            return _simple(Eventually(_negated(operand)))
        case Until(left, right):
            return _simple(Release(_negated(left), _negated(right)))
        case Release(left, right):
            return _simple(Until(_negated(left), _negated(right)))
        case WeakUntil(left, right):
            neither = conjunction((_negated(left), _negated(right)))
            return _simple(Until(_negated(right), neither))
        case Literal(predicate=predicate, args=args, negated=True):
            return Literal(predicate=predicate, args=args)
        case _:
            return Not(formula)


def _simple(formula: Formula) -> Formula:
    """A temporal operator over normal forms, reduced where its operands say enough."""
    match formula:
        case WeakNext(Constant(True)) | Eventually(Constant(True)) | Always(Constant(True)):
            return TRUE
        case Next(Constant(False)) | Eventually(Constant(False)) | Always(Constant(False)):
            return FALSE
        case Eventually(Eventually() as inner) | Always(Always() as inner):
            return inner
        case Until(_, Constant() as right) | Release(_, Constant() as right):
            return right
        case WeakUntil(Constant(True), _) | WeakUntil(_, Constant(True)):
            return TRUE
        case Until(Constant(True), right):
            return _simple(Eventually(right))
        case Until(Constant(False), right) | WeakUntil(Constant(False), right):
            return right
        case Release(Constant(True), right):
            return right
        case WeakUntil(left, Constant(False)):
            return _simple(Always(left))
        case Release(Constant(False), right):
            return _simple(Always(right))
        case _:
            return formula


def parts(formula: Formula) -> tuple[Formula, ...]:
    """What has to be satisfied, each on its own: the conjuncts, in the order of the formula."""
    if isinstance(formula, And):
        return tuple(part for operand in formula.operands for part in parts(operand))
    return (formula,)


def atoms(formula: Formula) -> Iterator[Atom]:
    """Every atom of a formula, as often as it occurs; literals without their negation."""
    match formula:
        case Literal(predicate=predicate, args=args):
            yield Literal(predicate=predicate, args=args)
        case Called():
            yield formula
        case And(operands) | Or(operands):
            for operand in operands:
                yield from atoms(operand)
        case (
            Not(operand) | Next(operand) | WeakNext(operand) | Eventually(operand) | Always(operand)
        ):
            yield from atoms(operand)
        case Until(left, right) | WeakUntil(left, right) | Release(left, right):
            yield from atoms(left)
            yield from atoms(right)
        case Constant():
            return
