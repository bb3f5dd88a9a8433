"""What an instruction is, what is right for it, and how the two files of them are read.

A file is a list of entries. Steps are literals over the predicates of the core, or calls written as
``call home()`` with all or some of their arguments:

========== ===================================================================================
id         unique in both files
scene      one of `benchmarks.instructions.scenes.RECIPES`
text       the words
kinds      what is hard about it; the first is what it is counted as
goal       literals that hold at the end, joined by ``&``; a list of them are alternatives;
           ``nothing`` when nothing is to be done
refuse     why it is right to refuse it or to ask back, see `Reason`; with a goal besides, either
           is right
order      steps that come about one after the other, joined by ``then``
never      steps that hold or are made at no time
untouched  things that no call may name
only       false where other things may be changed too
========== ===================================================================================
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.skills.card import parse_literal

type Step = Literal | SkillCall
"""A literal that comes about, or a call that has these arguments, maybe among others."""

_CALL = re.compile(r"call (?P<skill>\w+)\((?P<args>[^()]*)\)")
_NOTHING = "nothing"


class Half(Enum):
    """One of the two files: what planners may be tuned on, and what they may not."""

    TUNED = "tuned"
    HELD_OUT = "held-out"

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(__file__).with_name(f"{self.value.replace('-', '_')}.yaml")


class Reason(Enum):
    """Why an instruction is to be refused, or asked back."""

    NOT_THERE = "not_there"
    NO_SKILL = "no_skill"
    IMPOSSIBLE = "impossible"
    AMBIGUOUS = "ambiguous"
    UNSAFE = "unsafe"
    QUESTION = "question"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """One written instruction; the top of this file says what its entries mean.

    Attributes:
        id: Unique.
        scene: Name of the scene in which it is given.
        text: The words.
        kinds: What is hard about it, the main thing first.
        goals: Alternatives, each a conjunction; empty when it has to be refused.
        refuse: Why refusing is right; None when it is not.
        order: What comes about one after the other.
        never: What holds or is made at no time.
        untouched: Things that no call may name.
        only: Whether everything that the goal does not imply has to stay as it was.
    """

    id: str
    scene: str
    text: str
    kinds: tuple[str, ...]
    goals: tuple[tuple[Literal, ...], ...] = ()
    refuse: Reason | None = None
    order: tuple[Step, ...] = ()
    never: tuple[Step, ...] = ()
    untouched: tuple[str, ...] = ()
    only: bool = True

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError(f"Instruction {self.id!r} needs at least one kind.")
        if not self.goals and self.refuse is None:
            raise ValueError(f"Instruction {self.id!r} needs a goal, a reason to refuse, or both.")
        if not self.goals and (self.order or self.never or self.untouched):
            raise ValueError(f"Instruction {self.id!r} says how, but has no goal.")

    @property
    def must_refuse(self) -> bool:
        """Whether no plan is right."""
        return not self.goals

    @property
    def names(self) -> frozenset[str]:
        """Entities that its expectations speak of."""
        literals = [literal for goal in self.goals for literal in goal]
        steps = (*self.order, *self.never)
        literals += [step for step in steps if isinstance(step, Literal)]
        return frozenset(self.untouched).union(*(literal.args for literal in literals))


def load(half: Half) -> tuple[Instruction, ...]:
    """The instructions of a half.

    Raises:
        RefusedError: Its file says something that it cannot say; names the entry.
    """
    entries = yaml.safe_load(half.path.read_text(encoding="utf-8"))
    return tuple(_instruction(entry) for entry in entries)


def parse_step(text: str) -> Step:
    """Read a literal, or a call such as ``call grasp(object=can)``.

    Raises:
        RefusedError: It is neither.
        UnknownNameError: There is no such predicate.
    """
    match = _CALL.fullmatch(text.strip())
    if match is None:
        return parse_literal(text)
    pairs = [pair.partition("=") for pair in match["args"].split(",") if pair.strip()]
    return SkillCall(
        skill=match["skill"], args={name.strip(): value.strip() for name, _, value in pairs}
    )


def _instruction(entry: Mapping[str, Any]) -> Instruction:
    named = str(entry.get("id", entry))
    unknown = entry.keys() - {item.name for item in fields(Instruction)} - {"goal"}
    if unknown or "goals" in entry:
        raise RefusedError(f"Instruction {named}: unknown {sorted(unknown or {'goals'})}.")
    more = {key: entry[key] for key in ("id", "scene", "text", "only") if key in entry}
    try:
        return Instruction(
            **more,
            kinds=tuple(entry["kinds"]),
            goals=tuple(_goal(text) for text in _listed(entry.get("goal", []))),
            refuse=Reason(entry["refuse"]) if "refuse" in entry else None,
            order=tuple(parse_step(text) for text in _split(entry.get("order", ""), "then")),
            never=tuple(parse_step(text) for text in _listed(entry.get("never", []))),
            untouched=tuple(_listed(entry.get("untouched", []))),
        )
    except (RefusedError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(f"Instruction {named}: {error}") from None


def _goal(text: str) -> tuple[Literal, ...]:
    return () if text == _NOTHING else tuple(map(parse_literal, _split(text, "&")))


def _split(text: str, word: str) -> list[str]:
    return text.split(f" {word} ") if text else []


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
