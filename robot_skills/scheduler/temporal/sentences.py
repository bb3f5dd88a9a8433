"""Where the sentences of an instruction begin and end, and what each does with time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.temporal import lexicon as said
from robot_skills.scheduler.temporal.lexicon import Relation
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.tokens import (
    at,
    base_form,
    find_all,
    joined,
    longest_start,
    shown,
    strip_end,
    strip_start,
)


class Kind(Enum):
    """What a sentence does with time."""

    PLAIN = "plain"
    PROHIBITION = "prohibition"
    KEEPING = "keeping"
    NEVER_IS = "never is"
    STAYS = "stays"
    RULE = "rule"
    CONDITION = "condition"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A piece of an instruction that is understood on its own.

    Attributes:
        kind: What it does.
        words: Of it, less those that say its kind.
        ordered: Whether the words put it behind what was spoken before.
    """

    kind: Kind
    words: tuple[str, ...]
    ordered: bool = False


_JOINTS = frozenset({",", "and", "but", "&"})
_STOPS = frozenset({";", ".", "!"})
_SLID = ("open", "closed", "shut")
_REST = ("all", "other", "things")
_STAYING = ("remaining", "staying", "being", "kept", "still")
_ANYWHERE = ("without", "while keeping", "while leaving", "while never", "while not", "keeping")
"""Openings that need no comma before them."""


def speaks_of_time(tokens: Sequence[str]) -> bool:
    """Whether there is anything for this grammar in an instruction."""
    marks = {*words.NEGATIONS, *words.CONDITIONS, "keep", "keeping", "only", "whilst", "either"}
    marks |= {"mustn't", "shouldn't", "otherwise", "remain", "remains", "stay", "stays", "leave"}
    marks |= {"anytime", "refrain", "maintain", "staying", "remaining", "kept", "neither"}
    return not marks.isdisjoint(tokens) or bool(find_all(tokens, said.RULES))


def shortened(tokens: Sequence[str]) -> list[str]:
    """The same with one word where several mean no more, and "while" for "with the drawer open"."""
    rest = list(tokens)
    for i, text in reversed(find_all(tokens, said.SAID_SHORTER)):
        rest[i : i + len(text.split())] = [said.SAID_SHORTER[text]]
    for i in reversed([i for i, token in enumerate(rest) if token == "with"]):
        behind = _until_joint(rest[i + 1 :])
        if len(behind) > 1 and behind[-1] in _SLID:
            state = [*(w for w in behind[:-1] if w not in _STAYING), "is", behind[-1]]
            rest[i : i + 1 + len(behind)] = ["while", *state]
    return rest


def sentences(tokens: Sequence[str], is_command: Callable[[Sequence[str]], bool]) -> list[Sentence]:
    """The sentences of an instruction, in the order in which they are spoken.

    Args:
        tokens: Of the instruction.
        is_command: Whether words begin with a verb that asks for something.
    """
    found: list[Sentence] = []
    ordered = False
    for part in _parts(tokens):
        rest = list(part)
        while rest:
            rest, begins = _opened(rest)
            ordered = ordered or begins
            if not rest:
                break
            sentence, rest = _first(rest, is_command)
            found.append(Sentence(kind=sentence.kind, words=sentence.words, ordered=ordered))
            ordered = False
    return found


def _subordinate(tokens: Sequence[str]) -> tuple[list[str], Relation, list[str]] | None:
    """Main clause, relation and subordinate clause of a sentence; None where it has none."""
    if tokens and (head := opening(tokens, said.RELATIONS)):
        rest = list(tokens[len(head.split()) :])
        if "," not in rest:
            return None
        comma = rest.index(",")
        return _bare(rest[comma + 1 :]), said.RELATIONS[head], rest[:comma]
    marks = [(i, text) for i, text in find_all(tokens, said.RELATIONS) if i > 0]
    if not marks:
        return None
    i, text = marks[0]
    return _bare(tokens[:i]), said.RELATIONS[text], _bare(tokens[i + len(text.split()) :])


def opening(tokens: Sequence[str], phrases: Sequence[str] | dict[str, Relation]) -> str:
    """The longest of the phrases that tokens begin with; empty when none."""
    return longest_start(tokens, phrases) if tokens else ""


def _bare(tokens: Sequence[str]) -> list[str]:
    """Without what joins it to its neighbours."""
    rest = list(tokens)
    while rest and rest[0] in _JOINTS:
        rest = rest[1:]
    while rest and rest[-1] in _JOINTS:
        rest = rest[:-1]
    return rest


def _parts(tokens: Sequence[str]) -> list[list[str]]:
    """Pieces between full stops; "otherwise" goes on with the piece before it."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token in _STOPS:
            parts.append([])
        else:
            parts[-1].append(token)
    joined_parts: list[list[str]] = []
    for part in filter(None, parts):
        if joined_parts and opening(_bare(part), said.OTHERWISE):
            joined_parts[-1] += [",", *part]
        else:
            joined_parts.append(part)
    return joined_parts


def _opened(tokens: list[str]) -> tuple[list[str], bool]:
    """What follows openings that say nothing, and whether these put it behind what came before."""
    meaning = (*said.RELATIONS, *said.KEEPINGS, *said.PROHIBITIONS)
    before = list(tokens)
    rest = before
    while True:
        stripped = _bare(rest)
        if stripped and not opening(stripped, meaning):
            stripped = strip_start(stripped, (*words.POLITE, *words.AFTER))
        if stripped == rest:
            break
        rest = stripped
    skipped = before[: len(before) - len(rest)]
    return rest, bool(find_all(skipped, words.AFTER))


def _first(
    tokens: list[str], is_command: Callable[[Sequence[str]], bool]
) -> tuple[Sentence, list[str]]:
    """The first sentence of some words, and the words behind it."""
    kind, head = _kind(tokens)
    if kind is Kind.CONDITION:
        return Sentence(kind=kind, words=tuple(tokens)), []
    body = tokens[len(head.split()) :]
    led = head == "" and bool(opening(tokens, said.RELATIONS))
    main = not led and kind is not Kind.RULE
    for i in range(1, len(body)):
        apart = kind is not Kind.PROHIBITION and any(at(body, i, text) for text in _ANYWHERE)
        if apart:
            return Sentence(kind=kind, words=tuple(_bare(body[:i]))), body[i:]
        if body[i] not in _JOINTS and not any(at(body, i, text) for text in words.AFTER):
            continue
        if body[i] == "," and not main:
            # Behind this comma comes the main clause.
            main = True
            continue
        behind, _ = _opened(body[i:])
        if not behind or body[i - 1] in _JOINTS:
            continue
        if _kind(behind)[0] is not Kind.PLAIN or behind[0] == "only":
            return Sentence(kind=kind, words=tuple(_bare(body[:i]))), body[i:]
        if kind is not Kind.PLAIN and is_command(behind):
            return Sentence(kind=kind, words=tuple(_bare(body[:i]))), body[i:]
    return Sentence(kind=kind, words=tuple(_bare(body))), []


def _kind(tokens: Sequence[str]) -> tuple[Kind, str]:
    """What a sentence that begins with these words does, and the words that say so."""
    if head := opening(tokens, said.RULES):
        return Kind.RULE, head
    if opening(tokens, ("if", "in case", "unless", "provided that")):
        return Kind.CONDITION, ""
    if head := opening(tokens, said.PROHIBITIONS):
        return Kind.PROHIBITION, head
    if head := opening(tokens, said.KEEPINGS):
        kept = head.split()[-1] not in ("leave", "leaving", "hold")
        if kept or _left_alone(tokens[len(head.split()) :]):
            return Kind.KEEPING, head
    here = [] if opening(tokens, said.RELATIONS) else _until_joint(tokens)
    for kind, forms in ((Kind.NEVER_IS, said.NEVER_IS), (Kind.STAYS, said.STAYS)):
        if any(i > 0 for i, _ in find_all(here, forms)):
            return kind, ""
    return Kind.PLAIN, ""


def _left_alone(tokens: Sequence[str]) -> bool:
    """Whether "leave ..." means that something stays as it is."""
    here = joined(_until_joint(tokens))
    return here.endswith((*said.LEFT_ALONE, *words.STATES))


def _until_joint(tokens: Sequence[str]) -> list[str]:
    """The words before the first comma, "and" or full stop."""
    ends = _JOINTS | _STOPS
    end = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
    return list(tokens[:end])


def is_touch(tokens: Sequence[str]) -> bool:
    """Whether words begin with a verb for whatever a hand can do to a thing."""
    if not tokens:
        return False
    moved = base_form(tokens[0]) == "move" and not find_all(tokens, words.RELATIONS)
    return tokens[0] in said.TOUCHES or moved


def with_relation(tokens: list[str]) -> tuple[list[str], Relation | None, list[str]]:
    """Main clause of a sentence, and its subordinate clause if it has one."""
    found = _subordinate(tokens)
    return (tokens, None, []) if found is None else found


def around(tokens: list[str], forms: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and behind the first of some forms."""
    places = [item for item in find_all(tokens, forms) if item[0] > 0]
    if not places:
        raise not_understood(joined(tokens[-1:]), tokens)
    i, form = places[0]
    return tokens[:i], tokens[i + len(form.split()) :]


def relation_of(tokens: list[str]) -> tuple[Relation | None, list[str]]:
    """The relation and clause that words begin with, if any."""
    head = opening(tokens, said.RELATIONS)
    return (said.RELATIONS[head], tokens[len(head.split()) :]) if head else (None, [])


def split_or(tokens: list[str]) -> list[list[str]]:
    """The pieces between "or" and "nor"."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token in ("or", "nor"):
            parts.append([])
        elif token not in ("either", "neither"):
            parts[-1].append(token)
    return [part for part in ([word for word in part if word != ","] for part in parts) if part]


def everything(tokens: list[str]) -> list[str]:
    """Behind a negation "anything" is everything, and "any cube" every cube."""
    replaced = {"anything": "everything", "any": "all", "something": "everything"}
    rest = [replaced.get(word, word) for word in tokens]
    places = find_all(rest, ("everything else",))
    return rest if not places else [*rest[: (i := places[0][0])], *_REST, *rest[i + 2 :]]


def split_otherwise(tokens: list[str]) -> tuple[list[str], list[str]]:
    """What is to be done if something is so, and what otherwise."""
    places = find_all(tokens, said.OTHERWISE)
    if not places:
        return tokens, []
    i, text = places[0]
    behind = strip_start(tokens[i + len(text.split()) :], words.POLITE)
    return strip_end(tokens[:i], (",", "and", "but")), behind


def with_object(command: list[str], thing: list[str]) -> list[str]:
    """A command with another object: "put it in the box" said of "the milk"."""
    ends = [i for i, _ in find_all(command, words.RELATIONS) if i > 0]
    if ends and any(i == 0 for i, _ in find_all(thing, words.RELATIONS)):
        return [*command[: ends[-1]], *thing]
    return [command[0], *thing, *(command[ends[0] :] if ends else ())]


def not_understood(word: str, tokens: Sequence[str]) -> InstructionError:
    """The error for a word of time that is said as nobody here understands it."""
    return InstructionError(
        f"{word!r} cannot be honoured as it is said in {shown(joined(tokens))}: say it in a "
        "sentence of its own."
    )
