"""Words and punctuation of an instruction, and small searches in them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler import lexicon as words

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
    tokens = re.findall(r"[a-z0-9_]+(?:'[a-z]+)?|[,;.!?&]", text)
    if not any(token[0].isalpha() for token in tokens):
        raise InstructionError(f"{shown(instruction)} has no words that can be read.")
    while tokens[-1] in PUNCTUATION - {"?"}:
        tokens.pop()
    return tokens


def at(tokens: Sequence[str], i: int, phrase: str) -> bool:
    """Whether a phrase stands at position i."""
    parts = phrase.split() or [phrase]
    return i >= 0 and list(tokens[i : i + len(parts)]) == parts


def find_all(tokens: Sequence[str], phrases: Iterable[str]) -> list[tuple[int, str]]:
    """Positions and texts of phrases, the longest at each place, not overlapping."""
    ordered = sorted(phrases, key=lambda text: -len(text.split()))
    found: list[tuple[int, str]] = []
    i = 0
    while i < len(tokens):
        text = next((p for p in ordered if at(tokens, i, p)), None)
        if text is None:
            i += 1
            continue
        found.append((i, text))
        i += len(text.split())
    return found


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
    ordered = sorted(phrases, key=lambda text: -len(text.split()))
    rest = list(tokens)
    while rest:
        if rest[0] in PUNCTUATION:
            rest = rest[1:]
            continue
        phrase = next((p for p in ordered if at(rest, 0, p)), None)
        if phrase is None:
            break
        rest = rest[len(phrase.split()) :]
    return rest


def strip_end(tokens: Sequence[str], phrases: Iterable[str]) -> list[str]:
    """Drop phrases from the end, but never everything."""
    rest = list(tokens)
    ordered = sorted(phrases, key=lambda text: -len(text.split()))
    while rest:
        phrase = next((p for p in ordered if at(rest, len(rest) - len(p.split()), p)), None)
        if phrase is None or len(phrase.split()) >= len(rest):
            break
        rest = rest[: -len(phrase.split())]
    return rest


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
