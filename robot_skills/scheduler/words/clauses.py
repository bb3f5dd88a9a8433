"""An instruction as clauses: where one ends, and in which order of time they belong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.tokens import (
    PUNCTUATION,
    at,
    base_form,
    find_all,
    shown,
    strip_end,
    strip_start,
)
from robot_skills.scheduler.words.verbs import state_verb, verb

Begins = Callable[[Sequence[str], Sequence[str]], bool]
"""Whether the words behind an "and" or a comma are a clause; given them and the clause before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """The words of one clause.

    Attributes:
        words: Without openings and endings that say nothing.
        time: Clauses with a smaller number come first; "A after B" is spoken in another order.
        ordered: Whether the words put it behind those that come first ("then", "before").
    """

    words: tuple[str, ...]
    time: int
    ordered: bool = False


def refuse_questions(tokens: Sequence[str], instruction: str) -> None:
    """Raises `InstructionError` when an instruction is a question."""
    plain = strip_start(tokens, words.POLITE)
    if plain and plain[0] in words.QUESTIONS:
        raise InstructionError(f"{shown(instruction)} is a question, not an instruction.")


def refuse_statements(
    tokens: Sequence[str], instruction: str, names_a_thing: Callable[[Sequence[str]], bool]
) -> None:
    """Raises `InstructionError` when an instruction only tells how things are."""
    found = state_verb(tokens)
    subject = tokens[: found[0]] if found is not None and found[1] in ("is", "are") else []
    done = len(tokens) > 1 and tokens[1].endswith("ed") and base_form(tokens[1]) != tokens[1]
    if done and tokens[0] in ("i", "you", "we", "they", "he", "she"):
        raise InstructionError(f"{shown(instruction)} tells what was done, and asks for nothing.")
    about = any(names_a_thing(subject[i:]) for i in range(len(subject)))
    if about and tokens[0] in words.ARTICLES and PUNCTUATION.isdisjoint(tokens):
        raise InstructionError(
            f"{shown(instruction)} tells how things are. Say 'make sure that ...' to have it so."
        )


def refuse_what_is_no_command(tokens: Sequence[str], instruction: str) -> None:
    """Refuse conditions and prohibitions, which nobody has understood before.

    Raises:
        InstructionError: It is one of these.
    """
    for i, token in enumerate(tokens):
        if token in words.NEGATIONS and not (i and at(tokens, i - 1, "but not")):
            raise InstructionError(
                f"{token!r} cannot be honoured as it is said in {shown(instruction)}: say it in a "
                "sentence of its own, such as 'do not open the drawer'."
            )
        if token in words.CONDITIONS:
            raise InstructionError(
                f"{token!r} cannot be honoured as it is said in {shown(instruction)}: this kind of "
                "condition or choice is not understood."
            )


def split_clauses(tokens: Sequence[str], begins: Begins) -> list[Clause]:
    """The clauses of an instruction, in the order in which they are spoken."""
    clauses: list[Clause] = []
    for time, part in _times(list(tokens)):
        joint = ""
        for piece, separator in _split(part, begins):
            joint = separator or joint
            opening = piece[: len(piece) - len(strip_start(piece, words.POLITE))]
            plain = strip_end(piece[len(opening) :], words.TRAILING)
            joint = next((text for _, text in find_all(opening, words.AFTER)), joint)
            if not plain:
                continue
            # "..., but first B" and "..., but do B first" come before what was spoken.
            first = joint in words.EARLIER or (piece[-1] == "first" and bool(clauses))
            now = min([time, *(c.time for c in clauses)]) - 1 if first else time
            clauses.append(Clause(words=tuple(plain), time=now, ordered=joint in words.AFTER))
            joint = ""
    return _in_order(clauses)


def _in_order(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses, of which the first of every later time is behind those of the earlier ones."""
    first = {}
    for i, clause in enumerate(clauses):
        first.setdefault(clause.time, i)
    earliest = min(first, default=0)
    late = {i for time, i in first.items() if time > earliest}
    return [replace(c, ordered=c.ordered or i in late) for i, c in enumerate(clauses)]


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
        if tokens[i] in ("after", "before") and tokens[i + 1] in ("that", "this"):
            continue
        first = 0 if tokens[i] == "before" else 1
        return [(first, tokens[:i]), (1 - first, tokens[i + 1 :])]
    return [(0, tokens)]


def _split(tokens: Sequence[str], begins: Begins) -> list[tuple[list[str], str]]:
    """Pieces, each with what separates it from the one before, where that is more than "and"."""
    strong = dict(_separators(tokens))
    pieces: list[list[str]] = [[]]
    before = [""]
    i = 0
    while i < len(tokens):
        if i in strong:
            if pieces[-1]:
                pieces.append([])
                before.append("")
            before[-1] = strong[i]
            i += len(strong[i].split())
            continue
        weak = tokens[i] in ("and", ",", "&") or _contrast(tokens[i:])
        if weak and pieces[-1] and begins(tokens[i + 1 :], pieces[-1]):
            pieces.append([])
            before.append("")
        elif pieces[-1] if weak else tokens[i] not in PUNCTUATION:
            pieces[-1].append(tokens[i])
        i += 1
    return list(zip(map(_trim, pieces), before, strict=True))


def _contrast(tokens: Sequence[str]) -> bool:
    """Whether words are "but" with a command; "everything but the can" has none."""
    return tokens[0] == "but" and verb(strip_start(tokens[1:], words.POLITE)) is not None


def _separators(tokens: Sequence[str]) -> list[tuple[int, str]]:
    """What always begins a new clause; "next to" is no "next"."""
    return [
        (i, text)
        for i, text in find_all(tokens, (*words.THEN, *words.EARLIER))
        if not (text.split()[-1:] == ["next"] and at(tokens, i + len(text.split()), "to"))
    ]


def _trim(tokens: list[str]) -> list[str]:
    while tokens and tokens[-1] in ("and", ",", "&"):
        tokens = tokens[:-1]
    return tokens
