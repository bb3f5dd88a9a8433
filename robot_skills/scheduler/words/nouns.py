"""What things are called: nouns of the scene and the lexicon, and colour words."""

from collections.abc import Mapping, Sequence

from robot_skills.core.scene import Scene
from robot_skills.scheduler.words import lexicon as words

Nouns = Mapping[str, tuple[frozenset[str], bool]]
"""Every noun with the labels it can mean and whether it is plural."""
_COLOURS: Mapping[str, str] = {
    word: basic for basic, others in words.COLOURS.items() for word in (basic, *others)
}


def colour(word: str) -> str:
    """The basic colour of a colour word, or ""."""
    return _COLOURS.get(word, "")


def nouns(scene: Scene) -> Nouns:
    """Every noun with the labels it can mean and whether it is plural.

    What the scene calls a thing itself comes before the lexicon's other words for things.
    """
    found: dict[str, tuple[frozenset[str], bool]] = {}
    for label, others in words.LABELS.items():
        for noun in (label, *others):
            known = found.get(noun, (frozenset(), False))[0]
            found[noun] = (known | {label}, False)
    labels = {e.label for e in scene}
    for label in labels:
        found[label.lower().replace("_", " ")] = (frozenset({label}), False)
    plurals = {_plural(noun): (labels, True) for noun, (labels, _) in found.items()}
    return {**{k: v for k, v in plurals.items() if k not in found}, **found}


def _plural(noun: str) -> str:
    head, _, tail = noun.partition(" of ")
    if head.endswith(("s", "x", "ch", "sh")):
        head += "es"
    elif head == "loaf":
        head = "loaves"
    elif head == "die":
        head = "dice"
    else:
        head += "s"
    return f"{head} of {tail}" if tail else head


def longest_noun(tokens: Sequence[str], known: Nouns) -> tuple[str, frozenset[str], bool] | None:
    for length in range(min(4, len(tokens)), 0, -1):
        text = " ".join(tokens[:length])
        if text in known:
            return text, *known[text]
    return None
