"""Corrections as data: what was corrected, and how it is wanted instead.

A correction is lifted from where it was said to what it was about (a kind of call, or a kind of
goal), so that it can be kept and used where other things stand elsewhere. It is data alone: it can
name no file, change no limit and give no permission, whatever was said.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from robot_skills.core.errors import RefusedError
from robot_skills.core.scene import Entity
from robot_skills.skills.heeding import FARTHEST_M, SLOWEST

MOVABLE = "movable"
"""Kind of everything that can be picked up; what cannot has the kind that its label says."""
EDGE = "edge"
"""What a gap is kept to when it is the rim of the table."""
WIDEST_M = 0.6
"""Widest gap that can be asked for."""
LONGEST_WORDS = 300
"""Characters that are read of what somebody says."""


class Level(Enum):
    """What a correction is about."""

    CALL = "call"
    """How calls of a skill are carried out."""
    GOAL = "goal"
    """What is to be achieved."""


def kind_of(entity: Entity) -> str:
    """What an entity counts as when a correction is carried over."""
    return MOVABLE if entity.movable else entity.label


def spoken(entity: Entity) -> str:
    """An entity as a person calls it, whatever number it has in the scene."""
    return f"{entity.colour} {entity.label}".strip().replace("_", " ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Which calls, or which goals, a correction is about.

    Attributes:
        level: Calls or goals.
        name: Of the skill, or of the predicate.
        words: Arguments of the skill that are words, for example relation: on.
        kinds: For every other argument, by name or number, the kind of what fills it.
    """

    level: Level
    name: str
    words: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        inner = ", ".join([*self.words.values(), *self.kinds.values()])
        return f"{self.name}({inner})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """Somewhere else than usual, by an offset in the base frame."""

    offset_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "offset_m", tuple(map(float, self.offset_m)))
        if len(self.offset_m) != 3 or not math.hypot(*self.offset_m) <= FARTHEST_M:
            raise RefusedError(
                f"A correction moves a call by at most {100 * FARTHEST_M:.0f} cm in all, not by "
                f"{_metres(self.offset_m)}."
            )

    def __str__(self) -> str:
        return _metres(self.offset_m)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """At a share of the usual speed."""

    speed: float

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= 1.0:
            raise RefusedError(f"A speed is between {SLOWEST:g} and 1 times the usual one.")

    def __str__(self) -> str:
        return f"at {100 * self.speed:.0f} % of the usual speed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """With a gap to things of a label, or to the rim of the table."""

    to: str
    gap_m: float

    def __post_init__(self) -> None:
        if not 0.0 < self.gap_m <= WIDEST_M:
            raise RefusedError(f"A gap is between 0 and {100 * WIDEST_M:.0f} cm wide.")

    def __str__(self) -> str:
        what = "the edge of the table" if self.to == EDGE else f"any {self.to}"
        return f"{100 * self.gap_m:.0f} cm away from {what}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choose:
    """The thing of this colour, or the one that ranks first, where several are alike.

    Attributes:
        label: Of the things that are alike.
        colour: Of the one that is wanted; empty when it is told by its rank.
        rank: A word such as ``"leftmost"``; empty when it is told by its colour.
    """

    label: str
    colour: str = ""
    rank: str = ""

    def __post_init__(self) -> None:
        if bool(self.colour) == bool(self.rank):
            raise RefusedError("A choice goes by a colour or by a rank.")

    def __str__(self) -> str:
        return f"the {self.colour or self.rank} {self.label}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Also:
    """Something more to achieve, or something never to do, in words that the planner's parser
    reads again in every scene."""

    words: str

    def __post_init__(self) -> None:
        if not 0 < len(self.words) <= LONGEST_WORDS:
            raise RefusedError(f"An addition has 1 to {LONGEST_WORDS} characters.")

    def __str__(self) -> str:
        return f"also: {self.words}"


Change = Shift | Pace | Room | Choose | Also
_KINDS: Mapping[str, type[Change]] = {
    "shift": Shift,
    "pace": Pace,
    "room": Room,
    "choose": Choose,
    "also": Also,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What somebody wants otherwise.

    Attributes:
        scope: What it is about.
        change: What is wanted.
        words: What was said.
        situation: In which situation, in words.
        number: In the store; None while it is not kept.
    """

    scope: Scope
    change: Change
    words: str
    situation: str
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.change}, for {self.scope}"

    @property
    def about(self) -> tuple[str, str]:
        """What only one correction of a scope can say something of."""
        match self.change:
            case Room(to=to):
                return "room", to
            case Choose(label=label):
                return "choose", label
            case Also(words=words):
                return "also", words
            case change:
                return type(change).__name__.lower(), ""


def change_to_json(change: Change) -> dict[str, Any]:
    """JSON values of a change."""
    kind = next(name for name, type_ in _KINDS.items() if isinstance(change, type_))
    values = {item.name: getattr(change, item.name) for item in fields(change)}
    return {"kind": kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}


def change_from_json(data: Any) -> Change:
    """A change as `change_to_json` wrote it. Raises `RefusedError` for anything else."""
    if not isinstance(data, dict) or data.get("kind") not in _KINDS:
        raise RefusedError(f"No change of a known kind: {_shown(data)}.")
    values = {name: value for name, value in data.items() if name != "kind"}
    try:
        return _KINDS[data["kind"]](**_checked(values))
    except (TypeError, ValueError) as error:
        raise RefusedError(f"A change that says something else: {error}.") from None


def scope_to_json(scope: Scope) -> dict[str, Any]:
    """JSON values of a scope."""
    return {
        "level": scope.level.value,
        "name": scope.name,
        "words": dict(scope.words),
        "kinds": dict(scope.kinds),
    }


def scope_from_json(data: Any) -> Scope:
    """A scope as `scope_to_json` wrote it. Raises `RefusedError` for anything else."""
    try:
        return Scope(
            level=Level(data["level"]),
            name=str(data["name"]),
            words={str(k): str(v) for k, v in data["words"].items()},
            kinds={str(k): str(v) for k, v in data["kinds"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RefusedError(f"No scope of a correction: {_shown(data)}.") from None


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of fields; numbers have to be numbers, and words to be short."""
    for name, value in values.items():
        numbers: Iterable[Any] = value if isinstance(value, list) else [value]
        if name.endswith("_m") or name == "speed":
            if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
                raise ValueError(f"{name} is {_shown(value)}")
        elif not isinstance(value, str) or len(value) > LONGEST_WORDS:
            raise ValueError(f"{name} is {_shown(value)}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _metres(offset_m: Iterable[float]) -> str:
    """An offset in the base frame, in words."""
    names = (("forward", "back"), ("left", "right"), ("up", "down"))
    parts = [
        f"{100 * abs(value):.1f} cm {ahead if value > 0 else behind}"
        for value, (ahead, behind) in zip(offset_m, names, strict=True)
        if abs(value) >= 5e-4
    ]
    return ", ".join(parts) or "nowhere else"


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 80 else f"{text[:80]}..."
