"""What a sentence asks of an arm: "a little down", "5 cm forward", "close the gripper".

The idea that a short sentence is an action is that of CLIP-RT (Kang et al., 2024,
arXiv:2411.00508). There a network picks the sentence; here a person types it, and a small grammar
decides what is meant. What it does not understand it refuses, and no word is passed over that
could turn the meaning round.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.core.errors import InstructionError

UNDERSTOOD = (
    "left, right, forward, back, up, down; turn, tilt or roll with one of these; 'a little', "
    "'a lot', '5 cm' or '20 degrees'; open or close the gripper, 'halfway', '30 percent'; again; "
    "stop; joined by 'and'"
)

_MOVES: Mapping[str, tuple[float, float, float]] = {
    "forward": (1.0, 0.0, 0.0),
    "back": (-1.0, 0.0, 0.0),
    "left": (0.0, 1.0, 0.0),
    "right": (0.0, -1.0, 0.0),
    "up": (0.0, 0.0, 1.0),
    "down": (0.0, 0.0, -1.0),
}
# Seen from behind the arm: turning left is counter-clockwise from above, tilting up points the
# fingers of a hand that hangs down forward, and rolling left lowers its left side.
_TURNS: Mapping[tuple[str, str], tuple[float, float, float]] = {
    ("turn", "left"): (0.0, 0.0, 1.0),
    ("turn", "right"): (0.0, 0.0, -1.0),
    ("tilt", "up"): (0.0, -1.0, 0.0),
    ("tilt", "forward"): (0.0, -1.0, 0.0),
    ("tilt", "down"): (0.0, 1.0, 0.0),
    ("tilt", "back"): (0.0, 1.0, 0.0),
    ("tilt", "left"): (-1.0, 0.0, 0.0),
    ("tilt", "right"): (1.0, 0.0, 0.0),
    ("roll", "left"): (-1.0, 0.0, 0.0),
    ("roll", "right"): (1.0, 0.0, 0.0),
}
_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("forwards", "ahead"), "forward"),
    **dict.fromkeys(("backward", "backwards"), "back"),
    **dict.fromkeys(("leftward", "leftwards"), "left"),
    **dict.fromkeys(("rightward", "rightwards"), "right"),
    **dict.fromkeys(("upward", "upwards", "higher", "raise", "lift"), "up"),
    **dict.fromkeys(("downward", "downwards", "lower"), "down"),
    **dict.fromkeys(("rotate", "twist", "spin", "yaw"), "turn"),
    "pitch": "tilt",
    **dict.fromkeys(("bit", "slightly", "tiny", "touch", "tad"), "little"),
    **dict.fromkeys(("far", "much"), "lot"),
    **dict.fromkeys(("centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
    **dict.fromkeys(("millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("degree", "degrees", "°"), "deg"),
    "percent": "%",
    "halfway": "half",
    **dict.fromkeys(("fully", "completely", "wide"), "all"),
    **dict.fromkeys(("grip", "grasp", "shut", "squeeze"), "close"),
    "release": "open",
    **dict.fromkeys(("fingers", "jaws"), "gripper"),
    **dict.fromkeys(("halt", "freeze", "wait", "hold"), "stop"),
    **dict.fromkeys(("repeat", "more"), "again"),
}
_PHRASES: Mapping[str, str] = {
    r"\b(counter|anti)[ -]?clockwise\b": "turn left",
    r"\bclockwise\b": "turn right",
    r"\blet go( of it)?\b": "open",
    r"\ball the way\b": "all",
}
_NUMBERS: Mapping[str, int] = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "ninety": 90},
}
_UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "deg": float(np.deg2rad(1.0))}
_FILLERS = frozenset(
    {"move", "go", "do", "it", "that", "the", "a", "an", "arm", "hand", "tool", "robot", "to"}
    | {"please", "by", "your", "of", "towards", "just"}
)
_NEGATIONS = frozenset(
    {"not", "never", "no", "nor", "without", "except", "dont", "cannot", "cant", "wont", "avoid"}
)
_TOKEN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|[a-z]+|[%°,]|\S")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_LONGEST = 200
_VERBS = frozenset({"turn", "tilt", "roll"})


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsConfig:
    """How far words go.

    Attributes:
        steps_m: Distance of "a little", of plain words and of "a lot".
        turns_rad: The same of rotations.
        largest_m: Longest distance that may be asked for.
        largest_rad: Largest rotation that may be asked for.
        speed_m_s: Slowest speed at which the operator is expected to carry out a step.
        turn_rate_rad_s: The same of rotations.
        settle_s: Time that every step has beyond that.
    """

    steps_m: tuple[float, float, float] = (0.01, 0.05, 0.10)
    turns_rad: tuple[float, float, float] = (np.deg2rad(5.0), np.deg2rad(15.0), np.deg2rad(45.0))
    largest_m: float = 0.20
    largest_rad: float = float(np.deg2rad(90.0))
    speed_m_s: float = 0.10
    turn_rate_rad_s: float = 0.5
    settle_s: float = 1.0

    def __post_init__(self) -> None:
        for steps, largest in (
            (self.steps_m, self.largest_m),
            (self.turns_rad, self.largest_rad),
        ):
            if list(steps) != sorted(steps) or not steps[0] > 0.0 or steps[-1] > largest:
                raise ValueError("Steps of words have to grow, up to the largest at most.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spoken:
    """What a sentence means.

    Attributes:
        p_m: Displacement in base axes, (3,).
        turn_rad: Rotation vector in base axes, (3,).
        opening: Gripper opening in [0, 1]; None leaves it.
        stop: Whether to stop; then nothing else is said.
        again: Whether to do the last thing again; then nothing else is said.
    """

    p_m: np.ndarray
    turn_rad: np.ndarray
    opening: float | None = None
    stop: bool = False
    again: bool = False


def parse_words(text: str, config: WordsConfig | None = None) -> Spoken:
    """Understand one sentence.

    A sentence with the word "stop" in it stops, whatever else it says. An amount that is given once
    counts for all moves of a sentence, or for all turns.

    Raises:
        InstructionError: Not understood, or farther than may be asked for. Nothing moves.
    """
    config = config or WordsConfig()
    tokens = _tokens(text)
    if "stop" in tokens or tokens == ["no"]:
        return Spoken(p_m=np.zeros(3), turn_rad=np.zeros(3), stop=True)
    if any(token in _NEGATIONS for token in tokens):
        raise not_understood(text, "a negation asks for nothing; say 'stop' to stop")
    words = [token for token in tokens if token not in _FILLERS]
    if not words:
        raise not_understood(text, "it says nothing to do")
    if words in (["again"], ["once", "again"]):
        return Spoken(p_m=np.zeros(3), turn_rad=np.zeros(3), again=True)
    parts = [_Part.read(text, part) for part in _split(words)]
    return _combined(text, parts, config)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One part of a sentence, between "and"s.

    Attributes:
        verb: "move", "turn", "tilt", "roll", "open" or "close".
        directions: Names in `_MOVES`.
        amount: "little", "lot", "half", "all", a number with its unit, or None.
    """

    verb: str
    directions: tuple[str, ...]
    amount: str | tuple[float, str] | None

    @classmethod
    def read(cls, text: str, words: list[str]) -> "_Part":
        verbs: list[str] = []
        directions: list[str] = []
        amounts: list[str | tuple[float, str]] = []
        rest = iter(words)
        for word in rest:
            if word in _VERBS or word in ("open", "close"):
                verbs.append(word)
            elif word in _MOVES:
                directions.append(word)
            elif word in ("little", "lot", "half", "all"):
                amounts.append(word)
            elif _NUMBER.fullmatch(word):
                amounts.append((float(word), next(rest, "")))
            elif word != "gripper":
                raise not_understood(text, f"{word!r} is not understood")
        if len(set(verbs)) > 1 or len(amounts) > 1:
            raise not_understood(text, "that is two things at once; join them by 'and'")
        verb = verbs[0] if verbs else "move"
        if verb in ("open", "close") and directions:
            raise not_understood(text, "a gripper opens and closes, without a direction")
        return cls(
            verb=verb,
            directions=tuple(dict.fromkeys(directions)),
            amount=amounts[0] if amounts else None,
        )


def _tokens(text: str) -> list[str]:
    if len(text) > _LONGEST:
        raise not_understood(text[:_LONGEST], f"a sentence has at most {_LONGEST} letters")
    plain = text.lower().replace("'", "").replace("’", "").rstrip(" .!")
    for pattern, meaning in _PHRASES.items():
        plain = re.sub(pattern, meaning, plain)
    tokens = [str(_NUMBERS.get(token, token)) for token in _TOKEN.findall(plain)]
    return [_SYNONYMS.get(token, token) for token in tokens]


def _split(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ("and", ","):
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _combined(text: str, parts: list[_Part], config: WordsConfig) -> Spoken:
    moving = [part for part in parts if part.verb not in ("open", "close")]
    gripping = [part for part in parts if part.verb in ("open", "close")]
    if len(gripping) > 1:
        raise not_understood(text, "the gripper can do one thing at a time")
    p_m, turn_rad = np.zeros(3), np.zeros(3)
    for part in moving:
        amount = part.amount or _shared_amount(part, moving)
        if not part.directions:
            raise not_understood(text, f"{part.verb!r} needs a direction")
        for direction in part.directions:
            if part.verb == "move":
                step_m = _size(text, amount, config.steps_m, config.largest_m, ("mm", "cm", "m"))
                p_m = _added(text, p_m, step_m * np.array(_MOVES[direction]))
            else:
                axis = _TURNS.get((part.verb, direction))
                if axis is None:
                    raise not_understood(text, f"{part.verb!r} does not go {direction}")
                size_rad = _size(text, amount, config.turns_rad, config.largest_rad, ("deg",))
                turn_rad = _added(text, turn_rad, size_rad * np.array(axis))
    opening = _opening(text, gripping[0]) if gripping else None
    if np.linalg.norm(p_m) > config.largest_m + 1e-9:
        raise not_understood(text, f"that is more than {config.largest_m * 100:.0f} cm in all")
    if np.linalg.norm(turn_rad) > config.largest_rad + 1e-9:
        raise not_understood(
            text, f"that is more than {np.rad2deg(config.largest_rad):.0f} degrees in all"
        )
    return Spoken(p_m=p_m, turn_rad=turn_rad, opening=opening)


def _shared_amount(part: _Part, others: list[_Part]) -> str | tuple[float, str] | None:
    """The amount of a part without one: that of its kind (moves, turns) if only one was given."""
    kind = [other for other in others if (other.verb == "move") == (part.verb == "move")]
    given = [other.amount for other in kind if other.amount is not None]
    return given[0] if len(given) == 1 else None


def _added(text: str, total: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Sum of two steps, each along one axis that none has used before."""
    if np.any((total != 0.0) & (step != 0.0)):
        raise not_understood(text, "one direction is given twice, or with its opposite")
    return total + step


def _size(
    text: str,
    amount: str | tuple[float, str] | None,
    steps: tuple[float, float, float],
    largest: float,
    units: tuple[str, ...],
) -> float:
    """Metres or radians of an amount."""
    match amount:
        case None:
            return steps[1]
        case "little":
            return steps[0]
        case "lot":
            return steps[2]
        case (value, unit) if unit in units:
            size = value * _UNITS[unit]
        case _:
            raise not_understood(text, f"an amount needs one of the units {', '.join(units)}")
    if not 0.0 < size <= largest + 1e-9:
        shown = largest / _UNITS[units[-1]] if units == ("deg",) else largest * 100.0
        unit = "degrees" if units == ("deg",) else "cm"
        raise not_understood(text, f"one step is above zero and at most {shown:.0f} {unit}")
    return size


def _opening(text: str, part: _Part) -> float:
    match part.amount:
        case None | "all":
            share = 1.0
        case "half":
            share = 0.5
        case (value, "%") if 0.0 <= value <= 100.0:
            share = value / 100.0
        case _:
            raise not_understood(text, "a gripper goes all the way, halfway, or so many percent")
    return share if part.verb == "open" else 1.0 - share


def not_understood(text: str, why: str) -> InstructionError:
    """The refusal of a sentence, with what would have been understood."""
    return InstructionError(f"Cannot do {text.strip()!r}: {why}. Understood: {UNDERSTOOD}.")
