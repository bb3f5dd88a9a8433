"""The words of a question: which skills and which things of a run it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from robot_skills.app.explain.account import Account
from robot_skills.app.explain.phrases import shipped_cards
from robot_skills.core.plan import SkillCall

TROUBLE = frozenset({"fail", "wrong", "stop", "end", "refuse", "give"})
"""Words of a question about how the run ended, not about a step."""
ANEW = frozenset({"again", "twice", "repeat", "retry"})
"""Words of a question about another attempt."""
_IRREGULAR = {
    "took": "take",
    "taken": "take",
    "went": "go",
    "gone": "go",
    "slid": "slide",
    "swung": "swing",
    "gave": "give",
}
_ENDINGS = (("ed", ""), ("d", ""), ("ing", ""), ("ing", "e"), ("s", ""))
_PHRASE = re.compile(
    r"\b(?:the|an?) ([a-z]+(?: [a-z]+)*?)"
    r"(?= (?:in|on|into|onto|from|to|beside|and|first|before|after|again|then|with|at)\b|[^a-z ]|$)"
)
_NO_THINGS = frozenset({"step", "run", "task", "plan", "time", "end", "hand", "arm", "robot"})
_NUMBERED = re.compile(r"_\d+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a question names.

    Attributes:
        words: Its words, verbs as cards have them.
        skills: That it names; each of them may be meant.
        things: That it names, all together.
        unseen: What else it speaks of as of a thing; nothing of the kind was seen.
    """

    words: frozenset[str]
    skills: frozenset[str]
    things: frozenset[str]
    unseen: tuple[str, ...] = ()

    def fits(self, call: SkillCall) -> bool:
        """Whether a call is of one of the skills, and of all the things."""
        skill = not self.skills or call.skill in self.skills
        return skill and self.things <= set(call.args.values())


def read_about(account: Account, text: str) -> About:
    """What a question in small letters names of a run."""
    of_run = {step.call.skill for step in account.steps}
    of_run |= {call.skill for plan in account.plans for call in plan.calls}
    verbs = _verbs() | {name: frozenset({name}) for name in of_run - _verbs().keys()}
    known = frozenset(verb for forms in verbs.values() for verb in forms) | TROUBLE | ANEW
    words = frozenset(_stem(word, known) for word in re.findall(r"[a-z]+", text))
    if "wrong" in words:
        # Something went wrong; nobody went anywhere.
        words -= {"go"}
    return About(
        words=words,
        skills=frozenset(skill for skill, forms in verbs.items() if words & forms),
        things=_things(account, text),
        unseen=tuple(_unseen(account, text, known)),
    )


def _unseen(account: Account, text: str, known: frozenset[str]) -> Iterator[str]:
    """Phrases after an article that no thing has a name like."""
    kinds = {_kind(name) for name in account.entities}
    for phrase in _PHRASE.findall(text):
        kind = phrase.split()[-1]
        if kind not in kinds and _stem(kind, known) not in known and kind not in _NO_THINGS:
            yield phrase


def _things(account: Account, text: str) -> frozenset[str]:
    """Things that are named in full, or by their kind where there is a single one of it."""
    words = set(re.findall(r"[a-z0-9]+", text))
    named = {name for name in account.entities if set(name.split("_")) <= words}
    longest = {
        name for name in named if not any(name in other.split("_") for other in named - {name})
    }
    kinds: dict[str, list[str]] = {}
    for name in account.entities:
        kinds.setdefault(_kind(name), []).append(name)
    told = {kind for name in longest for kind in name.split("_")}
    alone = {names[0] for kind, names in kinds.items() if kind in words - told and len(names) == 1}
    return frozenset(longest | alone)


def _kind(name: str) -> str:
    return _NUMBERED.sub("", name).split("_")[-1]


@cache
def _verbs() -> dict[str, frozenset[str]]:
    """Verbs that ask for each shipped skill: its name, and the first word of every form."""
    return {
        name: frozenset({name, *(form.split()[0] for form in card.verbs)})
        for name, card in shipped_cards().items()
    }


def _stem(word: str, known: frozenset[str]) -> str:
    """A verb as a card has it: ``opened``, ``opening`` and ``opens`` are ``open``."""
    if word in known:
        return word
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending) + instead
        for candidate in (stem, stem[:-1]):
            # "grabbed" and "putting" double the last letter.
            doubled = candidate != stem and stem[-2:] == 2 * stem[-1:]
            if word.endswith(ending) and candidate in known and (candidate == stem or doubled):
                return candidate
    return _IRREGULAR.get(word, word)
