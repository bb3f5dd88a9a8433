"""The grammar of corrections: words to intents, or nothing where they are of another kind."""

from collections.abc import Collection, Iterable, Sequence

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.corrections import lexicon as words
from robot_skills.scheduler.corrections.changes import EDGE
from robot_skills.scheduler.corrections.intents import (
    Addition,
    Apart,
    Instead,
    Move,
    Said,
    Speed,
    Undo,
)
from robot_skills.scheduler.words import lexicon as known
from robot_skills.scheduler.words.tokens import (
    PUNCTUATION,
    at,
    find_all,
    joined,
    strip_end,
    strip_start,
)
from robot_skills.scheduler.words.verbs import verb

STANDS_FOR = "amount"
"""Word that stands for the distance that was named."""
_LITTLE_M, _USUAL_M, _LOT_M = 0.02, 0.05, 0.10
_LITTLE_SPEED, _USUAL_SPEED, _LOT_SPEED = 0.7, 0.5, 0.35
_PUT = frozenset({"put", "place", "set", "drop", "lay", "leave"})
_KEEP = frozenset({"keep", "stay", "leave", "put", "place", "set", "hold", "please"})
_PLAIN = words.FILLERS | {STANDS_FOR}
_BETWEEN = _PLAIN | {"anything", "any", "put", "place", "ever", "standing", "least", "stand"}
_ROBOT = frozenset({"you", "yourself", "robot", "base", "me", "us", "here", "there"})
_DETERMINERS = known.ARTICLES | known.OTHER | known.INDEFINITE


def by_grammar(tokens: Sequence[str], amount_m: float | None) -> Said | None:
    """What words mean; None where no rule fits.

    Args:
        tokens: Lower-case words and punctuation, in which `STANDS_FOR` stands for a distance.
        amount_m: That distance.

    Raises:
        InstructionError: A rule fits, but it stays open what is meant.
    """
    if list(tokens[:2]) == ["right", ","]:
        tokens = tokens[2:]
    plain = [token for token in tokens if token not in PUNCTUATION]
    text = joined(plain)
    if text in words.UNDO:
        return Undo()
    if not plain or text in words.CONFIRMATIONS:
        return None
    if text in words.RETURNS:
        raise InstructionError(
            f"{text!r} can mean nearer to the robot, or as it was: say 'further back', or "
            "'undo that'."
        )
    for found in (
        _apart(plain, amount_m),
        _move(plain, amount_m),
        _speed(plain),
        _never_there(plain),
        _instead(plain),
        _addition(plain),
    ):
        if found is not None:
            return found
    return None


def _apart(plain: list[str], amount_m: float | None) -> Apart | None:
    """ "not next to the milk", "too close to the edge", "10 cm away from the box"."""
    away = next(iter(find_all(plain, words.AWAY)), None)
    beside = next(iter(find_all(plain, words.NEXT_TO)), None)
    found = away or beside
    if found is None:
        return None
    i, said = found
    before, phrase = plain[:i], _named(plain[i + len(said.split()) :])
    turned = _has(before, (*words.NEGATIONS, *words.INVERTED)) or said.startswith(("too ", "so "))
    if not phrase or set(phrase) <= _ROBOT | known.ARTICLES or turned == (away is not None):
        return None
    allowed = _without(before, (*words.NEGATIONS, *words.INVERTED, *words.LITTLE, *words.LOT))
    if not (set(allowed) <= _BETWEEN or allowed[0] in _KEEP):
        return None
    rim = _has(phrase, words.EDGES)
    more = away is not None or _has(before, words.INVERTED) or said.startswith(("too ", "so "))
    return Apart(phrase=EDGE if rim else joined(phrase), gap_m=amount_m, more=more)


def _move(plain: list[str], amount_m: float | None) -> Move | None:
    """ "a bit higher and 3 cm to the right", "too far left"."""
    offset_m = [0.0, 0.0, 0.0]
    found = find_all(plain, words.DIRECTIONS)
    if not found:
        return None
    turned = _has(plain, words.INVERTED)
    rest = _without(plain, (*words.DIRECTIONS, *words.INVERTED, *words.LITTLE, *words.LOT))
    if turned:
        rest = _without(rest, words.NEGATIONS)
    if not set(rest) <= _PLAIN | words.SPEAKERS:
        return None
    if set(rest) & words.SPEAKERS:
        raise InstructionError(
            "Left and right are those of the robot, which looks away from its base: say 'to the "
            "left' or 'to the right'."
        )
    several = len({words.DIRECTIONS[text] for _, text in found}) > 1
    if several and amount_m is not None:
        raise InstructionError("A distance goes with one direction: say one after the other.")
    size_m = _size(plain, turned, (_LITTLE_M, _USUAL_M, _LOT_M)) if amount_m is None else amount_m
    for direction in {words.DIRECTIONS[text]: None for _, text in found}:
        for axis, sign in enumerate(direction):
            offset_m[axis] += (-sign if turned else sign) * size_m
    if not any(offset_m):
        raise InstructionError("That is back and forth: say one direction.")
    return Move(offset_m=(offset_m[0], offset_m[1], offset_m[2]), placing=bool(set(plain) & _PUT))


def _speed(plain: list[str]) -> Speed | None:
    """ "more gently", "not so fast"."""
    slower, faster = _has(plain, words.SLOWER), _has(plain, words.FASTER)
    turns = (*words.INVERTED, *words.NEGATIONS)
    turned = _has(plain, turns)
    rest = _without(plain, (*words.SLOWER, *words.FASTER, *turns, *words.LITTLE, *words.LOT))
    if slower == faster or not set(rest) <= _PLAIN | {"with", "handle", "treat"}:
        return None
    share = _size(plain, turned, (_LITTLE_SPEED, _USUAL_SPEED, _LOT_SPEED))
    return Speed(factor=share if slower != turned else 1.0 / share)


def _never_there(plain: list[str]) -> Addition | None:
    """ "not on top of the plate", whatever it is that is put there."""
    start = strip_start(plain, words.NEGATIONS)
    if len(start) == len(plain):
        return None
    for relation, said in (("on", words.ON_TOP), ("in", words.INSIDE)):
        found = next(iter(find_all(start, said)), None)
        if found is None:
            continue
        i, text = found
        phrase = start[i + len(text.split()) :]
        if phrase and set(start[:i]) <= _BETWEEN:
            return Addition(words=f"never put anything {relation} {joined(_named(phrase))}")
    return None


def _instead(plain: list[str]) -> Instead | None:
    """ "the blue one instead", "not that one, the other", "i meant the left cube"."""
    marked = _has(plain, words.INSTEAD)
    rest = _without(plain, words.INSTEAD)
    if rest and rest[0] == "not":
        wrong = _noun_phrase_end(rest[1:])
        behind = strip_start(rest[1 + wrong :], words.MEANT)
        if wrong and not behind:
            return Instead(phrase="the other one")
        if wrong:
            rest, marked = behind, True
    phrase = strip_start(rest, words.MEANT)
    phrase = strip_end(phrase, ("please", "of them", "robot"))
    if not phrase or phrase[0] not in _DETERMINERS | known.RANKINGS | _colours():
        return None
    length = _noun_phrase_end(phrase)
    if length != len(phrase) and not marked:
        return None
    return Instead(phrase=joined(phrase))


def _addition(plain: list[str]) -> Addition | None:
    """ "close the drawer afterwards", "never touch the can"."""
    rest = strip_end(strip_start(plain, words.AFTERWARDS), words.AFTERWARDS)
    bare = strip_start(rest, words.NEGATIONS)
    if not rest or not bare:
        return None
    if verb(bare) is not None or bare[0] in ("touch", "keep", "leave", "let"):
        return Addition(words=joined(rest))
    return None


def _named(phrase: list[str]) -> list[str]:
    """A noun phrase without what stands behind it."""
    ends = (
        "please",
        f"by {STANDS_FOR}",
        f"by at least {STANDS_FOR}",
        STANDS_FOR,
        "instead",
        "though",
    )
    return strip_end(phrase, ends) if phrase else phrase


def _noun_phrase_end(tokens: Sequence[str]) -> int:
    """Length of the determiner, adjectives and noun at the start; 0 where none stands there."""
    if not tokens or tokens[0] not in _DETERMINERS | _colours():
        return 0
    length = 1
    while length < len(tokens) and length < 4:
        word = tokens[length]
        if word in known.ARTICLES or _has([word], (*words.MEANT, *words.NEGATIONS)):
            break
        length += 1
        if word in known.THINGS or word in known.LABELS:
            break
    return length


def _colours() -> frozenset[str]:
    return frozenset(known.COLOURS)


def _size(plain: Sequence[str], turned: bool, sizes: tuple[float, float, float]) -> float:
    """How much is asked for: little, as usual, or a lot. "Too far" says nothing of that."""
    little, usual, lot = sizes
    if _has(plain, words.LITTLE):
        return little
    return lot if _has(plain, words.LOT) and not turned else usual


def _has(tokens: Sequence[str], phrases: Iterable[str]) -> bool:
    return any(at(tokens, i, phrase) for phrase in phrases for i in range(len(tokens)))


def _without(tokens: Sequence[str], phrases: Collection[str]) -> list[str]:
    """The tokens less all of these phrases, the longest first."""
    rest = list(tokens)
    for i, text in reversed(find_all(rest, phrases)):
        del rest[i : i + len(text.split())]
    return rest
