"""What somebody speaks of who says what must not be done: states, and calls that bring them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.plan import Literal
from robot_skills.core.predicates import PASSING, holds
from robot_skills.scheduler.temporal.formula import Called, Formula, disjunction
from robot_skills.scheduler.temporal.ordering import Wish
from robot_skills.scheduler.temporal.sentences import everything, is_touch, split_or
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.acts import Ask
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.tokens import joined, strip_end, strip_start
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """Something that can be done.

    Attributes:
        act: It is being done now.
        never: What shows that it was done; what it leads to, unless that is so already.
    """

    act: Formula
    never: Formula


class PlainReader(Protocol):
    """Reads words that speak of no time. Raises as `LanguageParser.parse` does."""

    def commands(self, tokens: Sequence[str]) -> list[Wish]:
        """What is asked for, in the order of time."""
        ...

    def clause(self, tokens: Sequence[str]) -> Ask:
        """What a single clause asks for."""
        ...

    def is_command(self, tokens: Sequence[str]) -> bool:
        """Whether words begin with a verb that asks for something."""
        ...


class DeedReader:
    """Reads what is said to be done, or not to be.

    Args:
        plain: Reads clauses that speak of no time.
        grounder: Resolves the noun phrases.
        cards: The skills.
    """

    def __init__(self, plain: PlainReader, grounder: Grounder, cards: Iterable[SkillCard]) -> None:
        self._plain = plain
        self._grounder = grounder
        self._cards = tuple(cards)

    def read(self, tokens: list[str]) -> list[Deed]:
        """What the words behind a negation speak of. Raises as `LanguageParser.parse` does."""
        deeds: list[Deed] = []
        verb: list[str] = []
        for part in split_or(tokens):
            part = everything(strip_end(strip_start(part, words.POLITE), words.TRAILING))
            if is_touch(part) or self._plain.is_command(part):
                verb = part[:1]
            elif verb:
                part = [*verb, *part]
            if is_touch(part):
                things = strip_start(part[1:], ("with",))
                names = self._grounder.resolve(joined(things))
                deeds += map(self.touching, names)
            else:
                deeds.append(self.of(self._plain.clause(part)))
        return deeds

    def of(self, ask: Ask) -> Deed:
        """What a clause asks for, as something that can be done."""
        call = ask.by or ask.call
        if call is not None:
            act = Called(call.skill, tuple(call.args.values()))
            return Deed(act=act, never=act)
        acts = {literal: _act(literal, self._cards) for literal in ask.literals}
        scene = self._grounder.scene
        shown = (act if holds(scene, literal) else literal for literal, act in acts.items())
        return Deed(act=disjunction(acts.values()), never=disjunction(shown))

    def touching(self, name: str) -> Deed:
        """Whatever a hand can do to a thing; to be near it is not to touch it."""
        thing = self._grounder.scene[name]
        skills = (
            Called(card.name, (name,))
            for card in self._cards
            if any(
                effect.predicate not in PASSING for case in card.cases for effect in case.effects
            )
            and any(parameter.type.admits(thing) for parameter in card.parameters)
        )
        act = disjunction(skills)
        return Deed(act=act, never=act)


def _act(literal: Literal, cards: Iterable[SkillCard]) -> Formula:
    """The calls that have an effect; the effect itself where no call has it."""
    calls = [call for card in cards for call in _calls(literal, card)]
    return disjunction(calls) if calls else literal


def _calls(literal: Literal, card: SkillCard) -> Iterator[Called]:
    for case in card.cases:
        for effect in case.effects:
            if effect.predicate != literal.predicate or effect.negated != literal.negated:
                continue
            bound = _bound(effect, literal)
            if bound is not None:
                yield Called(card.name, (*bound, *case.when.values()))


def _bound(effect: Literal, literal: Literal) -> tuple[str, ...] | None:
    """What the arguments of a call are when its effect is to be the literal."""
    if len(effect.args) != len(literal.args):
        return None
    pairs = list(zip(effect.args, literal.args, strict=True))
    fixed = [(said, wanted) for said, wanted in pairs if not said.startswith("{")]
    if any(said != wanted for said, wanted in fixed):
        return None
    return tuple(wanted for said, wanted in pairs if said.startswith("{"))
