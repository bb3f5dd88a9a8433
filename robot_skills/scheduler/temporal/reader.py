"""Formulas from text: ``always(not holding(red_cube) or closed(drawer))``."""

import re
from collections.abc import Iterable
from typing import NoReturn

from robot_skills.core.errors import InstructionError, unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import PREDICATES, arity
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal.formula import (
    ANY,
    BINARY,
    CALL,
    FALSE,
    TRUE,
    UNARY,
    And,
    Called,
    Formula,
    Or,
    atoms,
    implication,
    negation,
)
from robot_skills.skills.card import SkillCard

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[(),])|(?P<other>\S))")
_JOINS = ("and", "or", "implies")
_MOST_CHARACTERS = 4000


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Operators are ``not``, ``and``, ``or``, ``implies`` (from tight to loose), ``next(f)``,
    ``weak_next(f)``, ``eventually(f)``, ``always(f)``, ``until(f, g)``, ``weak_until(f, g)`` and
    ``release(f, g)``. Atoms are ``true``, ``false``, predicates of things such as ``open(drawer)``,
    and calls: ``call(open, drawer)`` is a call of the skill ``open`` that names the drawer,
    ``call(any, drawer)`` one of any skill.

    Raises:
        InstructionError: It cannot be read; says where, and what was expected.
        UnknownNameError: It names a predicate that does not exist.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InstructionError(
            f"The specification has {len(text)} characters, at most {_MOST_CHARACTERS} are read."
        )
    reader = _Reader(text)
    formula = reader.implied()
    reader.end()
    return formula


def refuse_unknown(formula: Formula, scene: Scene, cards: Iterable[SkillCard]) -> None:
    """Refuse what a formula says of things and skills that are not there.

    Raises:
        UnknownNameError: It names one; says what there is.
    """
    skills = {card.name: card for card in cards}
    words = {
        choice
        for card in skills.values()
        for parameter in card.parameters
        for choice in parameter.choices
    }
    for atom in atoms(formula):
        spoken: set[str] = set()
        if isinstance(atom, Called):
            if atom.skill != ANY and atom.skill not in skills:
                raise unknown_name("skill", atom.skill, skills)
            spoken = words
        for name in atom.args:
            if name not in scene and name not in spoken:
                raise unknown_name("entity", name, scene.entities)


class _Reader:
    """Recursive descent, one method per level of tightness."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [
            (found.group("name") or found.group("mark") or found.group("other"), found.end())
            for found in _TOKEN.finditer(text)
        ]
        self._i = 0

    def implied(self) -> Formula:
        left = self._any_of()
        if self._accept("implies"):
            return implication(left, self.implied())
        return left

    def end(self) -> None:
        if self._i < len(self._tokens):
            self._fail(f"the end, or one of {', '.join(_JOINS)}")

    def _any_of(self) -> Formula:
        operands = [self._all_of()]
        while self._accept("or"):
            operands.append(self._all_of())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _all_of(self) -> Formula:
        operands = [self._single()]
        while self._accept("and"):
            operands.append(self._single())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _single(self) -> Formula:
        if self._accept("not"):
            return negation(self._single())
        if self._accept("("):
            inner = self.implied()
            self._expect(")")
            return inner
        name = self._name("a formula")
        if name in ("true", "false"):
            return TRUE if name == "true" else FALSE
        if name in UNARY:
            self._expect("(")
            operand = self.implied()
            self._expect(")")
            return UNARY[name](operand)
        if name in BINARY:
            self._expect("(")
            left = self.implied()
            self._expect(",")
            right = self.implied()
            self._expect(")")
            return BINARY[name](left, right)
        return self._atom(name)

    def _atom(self, name: str) -> Formula:
        if name != CALL and name not in PREDICATES:
            raise unknown_name("predicate or operator", name, (*PREDICATES, *UNARY, *BINARY, CALL))
        self._expect("(")
        args: list[str] = []
        while not self._accept(")"):
            if args:
                self._expect(",")
            args.append(self._name("the name of a thing"))
        if name == CALL:
            if not args:
                raise InstructionError(
                    f"The specification says {CALL}() of no skill: write {CALL}(open, drawer)."
                )
            return Called(args[0], tuple(args[1:]))
        least, most = arity(name)
        if not least <= len(args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise InstructionError(
                f"The specification says {name}({', '.join(args)}), but {name} takes {wanted} "
                f"{'thing' if most == 1 else 'things'}."
            )
        return Literal(predicate=name, args=tuple(args))

    def _next(self) -> str:
        return self._tokens[self._i][0] if self._i < len(self._tokens) else ""

    def _accept(self, token: str) -> bool:
        found = self._next() == token
        self._i += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            self._fail(repr(token))

    def _name(self, what: str) -> str:
        token = self._next()
        if not re.match(r"[A-Za-z_]", token) or token in _JOINS:
            self._fail(what)
        self._i += 1
        return token

    def _fail(self, expected: str) -> NoReturn:
        found = repr(self._next()) if self._next() else "the end"
        behind = self._text[: self._tokens[self._i - 1][1]].strip() if self._i else ""
        where = f"behind {behind[-40:]!r}" if behind else "at its beginning"
        raise InstructionError(
            f"The specification cannot be read {where}: expected {expected}, found {found}."
        )
