"""An instruction as clauses: where one ends, and in which order of time they belong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler import lexicon as words
from robot_skills.scheduler.tokens import PUNCTUATION, at, find_all, shown, strip_end, strip_start

Begins = Callable[[Sequence[str], Sequence[str]], bool]
"""Whether the words behind an "and" or a comma are a clause; given them and the clause before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """The words of one clause.

    Attributes:
        words: Without openings and endings that say nothing.
        time: Clauses with a smaller number come first; "A after B" is spoken in another order.
    """

    words: tuple[str, ...]
    time: int


def refuse_what_is_no_command(tokens: Sequence[str], instruction: str) -> None:
    """Refuse questions, conditions and prohibitions.

    Raises:
        InstructionError: It is one of these.
    """
    plain = strip_start(tokens, words.POLITE)
    if plain and plain[0] in words.QUESTIONS:
        raise InstructionError(f"{shown(instruction)} is a question, not an instruction.")
    for i, token in enumerate(tokens):
        if token in words.NEGATIONS and not (i and at(tokens, i - 1, "but not")):
            raise InstructionError(
                f"{token!r} cannot be honoured: say what to do, not what to leave."
            )
        if token in words.CONDITIONS:
            raise InstructionError(
                f"{token!r} cannot be honoured: conditions and choices are not understood."
            )


def split_clauses(tokens: Sequence[str], begins: Begins) -> list[Clause]:
    """The clauses of an instruction, in the order in which they are spoken."""
    clauses: list[Clause] = []
    for time, part in _times(list(tokens)):
        for piece in _split(part, begins):
            plain = strip_end(strip_start(piece, words.POLITE), words.TRAILING)
            if plain:
                clauses.append(Clause(words=tuple(plain), time=time))
    return clauses


def _times(tokens: list[str]) -> list[tuple[int, list[str]]]:
    """Parts of an instruction with their place in time, in the order in which they are spoken."""
    start = strip_start(tokens, words.POLITE)
    if start and start[0] in ("after", "before", "once", "when") and "," in start:
        comma = start.index(",")
        first = 1 if start[0] == "before" else 0
        return [(first, start[1:comma]), (1 - first, start[comma + 1 :])]
    for i in range(1, len(tokens) - 1):
        if tokens[i] not in ("before", "after", "once"):
            continue
        if tokens[i] == "after" and tokens[i + 1] in ("that", "this"):
            continue
        first = 0 if tokens[i] == "before" else 1
        return [(first, tokens[:i]), (1 - first, tokens[i + 1 :])]
    return [(0, tokens)]


def _split(tokens: Sequence[str], begins: Begins) -> list[list[str]]:
    strong = dict(_separators(tokens))
    pieces: list[list[str]] = [[]]
    i = 0
    while i < len(tokens):
        if i in strong and pieces[-1]:
            pieces.append([])
            i += len(strong[i].split())
            continue
        weak = tokens[i] in ("and", ",", "&")
        if weak and pieces[-1] and begins(tokens[i + 1 :], pieces[-1]):
            pieces.append([])
        elif (weak and pieces[-1]) or tokens[i] not in PUNCTUATION | {"and"}:
            pieces[-1].append(tokens[i])
        i += 1
    return [_trim(piece) for piece in pieces]


def _separators(tokens: Sequence[str]) -> list[tuple[int, str]]:
    """What always begins a new clause; "next to" is no "next"."""
    return [
        (i, text)
        for i, text in find_all(tokens, words.THEN)
        if not (text.split()[-1:] == ["next"] and at(tokens, i + len(text.split()), "to"))
    ]


def _trim(tokens: list[str]) -> list[str]:
    while tokens and tokens[-1] in ("and", ",", "&"):
        tokens = tokens[:-1]
    return tokens
