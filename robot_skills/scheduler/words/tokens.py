"""Words and punctuation of an instruction, and small searches in them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.words import lexicon as words

PUNCTUATION = frozenset({",", ";", ".", "!", "?", "&"})


def tokenise(instruction: str, max_characters: int) -> list[str]:
    """Lower-case words and punctuation of an instruction.

    Raises:
        InstructionError: It is empty, too long, or has no words.
    """
    text = unicodedata.normalize("NFKC", instruction).strip()
    if not text:
        raise InstructionError("The instruction is empty. Say what to do, as in 'open the drawer'.")
    if len(text) > max_characters:
        raise InstructionError(
            f"The instruction has {len(text)} characters, at most {max_characters} are read."
        )
    text = text.lower().replace("\u2019", "'").replace("`", "'")
    text = " , ".join(text.splitlines())
    for mark, plain in _MARKS:
        text = re.sub(mark, plain, text)
    written = re.findall(r"[a-z0-9_]+(?:'[a-z]+)?|[,;.!?&]", text)
    tokens = [token for word in written for token in _in_full(word)]
    if not any(token[0].isalpha() for token in tokens):
        raise InstructionError(f"{shown(instruction)} has no words that can be read.")
    while tokens[-1] in PUNCTUATION - {"?"}:
        tokens.pop()
    return tokens


_MARKS = (
    (r"-(?=most\b)", ""),
    (r"(?<=\w)/(?=\w)", " or "),
    (r"\.{2,}", " , "),
    (r"(?<=\d)\.(?=\d)", "_"),
    (r"\b\d+[.)](?=\s)", " , "),
    (r"(?<=\s)[-\u2013]+(?=\s)|\u2014|--+|[:()\[\]]", " , "),
)
"""Marks, as patterns, and what is read in their place."""


def _in_full(word: str) -> list[str]:
    """A contraction as the words that it stands for."""
    if word in words.SHORT_FORMS:
        return words.SHORT_FORMS[word].split()
    stem, mark, end = word.partition("'")
    if not mark:
        return [word]
    if end == "t" and stem.endswith("n"):
        return [stem[:-1], "not"]
    if end == "s" and stem not in words.CONTRACTED_WITH_IS:
        return [word]
    return [stem, words.CONTRACTIONS[end]] if end in words.CONTRACTIONS else [word]


def at(tokens: Sequence[str], i: int, phrase: str) -> bool:
    """Whether a phrase stands at position i."""
    parts = phrase.split() or [phrase]
    return i >= 0 and list(tokens[i : i + len(parts)]) == parts


def find_all(tokens: Sequence[str], phrases: Iterable[str]) -> list[tuple[int, str]]:
    """Positions and texts of phrases, the longest at each place, not overlapping."""
    table = _by_first_word(tuple(phrases))
    rest = list(tokens)
    found: list[tuple[int, str]] = []
    i = 0
    while i < len(rest):
        parts = _longest_at(rest, i, table)
        if parts:
            found.append((i, " ".join(parts)))
        i += max(len(parts), 1)
    return found


def longest_start(tokens: Sequence[str], phrases: Iterable[str]) -> str:
    """The longest of the phrases that tokens begin with; empty when none."""
    return " ".join(_longest_at(list(tokens), 0, _by_first_word(tuple(phrases))))


def until(tokens: Sequence[str], stops: Iterable[str]) -> list[str]:
    """The tokens before the first of the stops."""
    end = next((i for i, token in enumerate(tokens) if token in stops), len(tokens))
    return list(tokens[:end])


def without(tokens: Sequence[str], word: str) -> list[str]:
    """The tokens less the first `word`."""
    i = list(tokens).index(word)
    return [*tokens[:i], *tokens[i + 1 :]]


def strip_start(tokens: Sequence[str], phrases: Iterable[str]) -> list[str]:
    """Drop phrases and punctuation from the start until something else comes."""
    table = _by_first_word(tuple(phrases))
    rest = list(tokens)
    while rest:
        length = 1 if rest[0] in PUNCTUATION else len(_longest_at(rest, 0, table))
        if not length:
            break
        rest = rest[length:]
    return rest


def strip_end(tokens: Sequence[str], phrases: Iterable[str]) -> list[str]:
    """Drop phrases from the end, but never everything."""
    table = _by_last_word(tuple(phrases))
    rest = list(tokens)
    while rest:
        fitting = (p for p in table.get(rest[-1], ()) if rest[-len(p) :] == p)
        length = len(next(fitting, ()))
        if not length or length >= len(rest):
            break
        rest = rest[:-length]
    return rest


@lru_cache(maxsize=256)
def _by_first_word(phrases: tuple[str, ...]) -> Mapping[str, list[list[str]]]:
    """The words of phrases by the first of them, the longest first."""
    return _grouped(phrases, 0)


@lru_cache(maxsize=256)
def _by_last_word(phrases: tuple[str, ...]) -> Mapping[str, list[list[str]]]:
    """The words of phrases by the last of them, the longest first."""
    return _grouped(phrases, -1)


def _grouped(phrases: Iterable[str], place: int) -> Mapping[str, list[list[str]]]:
    table: dict[str, list[list[str]]] = {}
    for parts in sorted((text.split() for text in phrases), key=len, reverse=True):
        table.setdefault(parts[place], []).append(parts)
    return table


def _longest_at(tokens: list[str], i: int, table: Mapping[str, list[list[str]]]) -> Sequence[str]:
    """The longest phrase of a table at position i; empty when there is none."""
    fitting = (p for p in table.get(tokens[i], ()) if tokens[i : i + len(p)] == p)
    return next(fitting, ())


def joined(tokens: Iterable[str]) -> str:
    return " ".join(tokens)


def shown(text: str, length: int = 60) -> str:
    """A quoted piece of what was said, on one line."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= length else f"{plain[:length]}...")


def base_form(word: str) -> str:
    """The base form of an inflected verb that is known, else the word itself."""
    return _BASES.get(word, word)


def inflections(verb: str) -> tuple[str, ...]:
    """Forms of a base verb: itself, -s, -ing, -ed."""
    if verb.endswith("e"):
        return verb, f"{verb}s", f"{verb[:-1]}ing", f"{verb}d"
    doubled = len(verb) <= 4 and verb[-1] in "tbpg" and verb[-2] in "aeiou"
    root = verb + verb[-1] if doubled else verb
    return verb, f"{verb}s", f"{verb}es", f"{root}ing", f"{root}ed"


_BASES: dict[str, str] = {
    form: verb
    for phrase in (
        *words.FOREIGN_VERBS,
        *(verb for verb, _ in words.PARTICLE_VERBS),
        *(phrase for phrases in words.VERBS.values() for phrase in phrases),
    )
    for verb in [phrase.split()[0]]
    for form in inflections(verb)
}
