"""What a correction asks for, before anybody knows which call or thing it is about."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """What was corrected last is to be as before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Somewhere else.

    Attributes:
        offset_m: In the base frame.
        placing: Whether it speaks of putting something down.
    """

    offset_m: tuple[float, float, float]
    placing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Faster or slower by a factor."""

    factor: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """Away from a thing, or from the rim of the table.

    Attributes:
        phrase: Names the thing; `EDGE` for the rim.
        gap_m: How far; None when it was not said.
        more: Whether farther than now is asked for, rather than not next to it.
    """

    phrase: str
    gap_m: float | None = None
    more: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Instead:
    """Another thing in place of one that the words left open."""

    phrase: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """Something to do besides, or never to do: an instruction."""

    words: str


Said = Undo | Move | Speed | Apart | Instead | Addition
