"""What instructions say of time: prohibitions, what stays as it is, orders, rules, choices.

Sentences become formulas over finite traces; conditions are judged at once, on the scene as it is.
What is asked for is read as ever, and what is not understood is refused: no half of a sentence is
honoured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import holds
from robot_skills.scheduler.symbolic import contradict
from robot_skills.scheduler.temporal import lexicon as said
from robot_skills.scheduler.temporal.choices import alternatives
from robot_skills.scheduler.temporal.deeds import DeedReader, PlainReader
from robot_skills.scheduler.temporal.formula import (
    TRUE,
    Always,
    Eventually,
    Formula,
    Not,
    Until,
    WeakUntil,
    conjunction,
    disjunction,
    implication,
)
from robot_skills.scheduler.temporal.lexicon import Relation
from robot_skills.scheduler.temporal.ordering import Wish, order
from robot_skills.scheduler.temporal.patterns import kept, prohibited
from robot_skills.scheduler.temporal.sentences import (
    Kind,
    Sentence,
    around,
    is_touch,
    not_understood,
    opening,
    relation_of,
    sentences,
    shortened,
    speaks_of_time,
    split_otherwise,
    with_object,
    with_relation,
)
from robot_skills.scheduler.temporal.states import StateReader
from robot_skills.scheduler.temporal.trace import Position, satisfies
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.acts import Ask
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.tokens import joined, strip_end, strip_start
from robot_skills.skills.card import SkillCard


@dataclass(kw_only=True, slots=True)
class Reading:
    """What an instruction says.

    Attributes:
        wishes: What is asked for, in the order of time.
        formulas: What the whole run has to satisfy.
        wording: How conditions were judged, for the report.
    """

    wishes: list[Wish] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)
    wording: list[str] = field(default_factory=list)


class TemporalReader:
    """Reads the sentences of one instruction, in the order in which they are spoken.

    Args:
        plain: Reads what speaks of no time.
        grounder: Resolves the noun phrases.
        cards: The skills by name.
    """

    def __init__(
        self, plain: PlainReader, grounder: Grounder, cards: Mapping[str, SkillCard]
    ) -> None:
        self._commands = plain.commands
        self._clause = plain.clause
        self._is_command = plain.is_command
        self._grounder = grounder
        self._scene = grounder.scene
        self._cards = cards
        self._deeds = DeedReader(plain, grounder, cards.values())
        self._states = StateReader(plain, grounder, self._deeds)
        self._reading = Reading()

    def read(self, tokens: Sequence[str]) -> Reading:
        """What an instruction says. Raises as `LanguageParser.parse` does."""
        tokens = shortened(tokens)
        if speaks_of_time(tokens):
            self._read(tokens)
        else:
            self._wish(self._commands(tokens))
        return self._reading

    def _read(self, tokens: Sequence[str]) -> None:
        for sentence in sentences(tokens, self._begins):
            self._sentence(sentence)

    def _sentence(self, sentence: Sentence) -> None:
        tokens = strip_end(list(sentence.words), said.ALL_THE_TIME)
        match sentence.kind:
            case Kind.PLAIN:
                self._plain(tokens, sentence.ordered)
            case Kind.PROHIBITION:
                self._prohibit(*with_relation(tokens))
            case Kind.KEEPING:
                self._keep(*with_relation(tokens))
            case Kind.NEVER_IS:
                self._never_is(*around(tokens, said.NEVER_IS))
            case Kind.STAYS:
                self._stays(*around(tokens, said.STAYS))
            case Kind.RULE:
                self._rule(tokens)
            case Kind.CONDITION:
                self._condition(tokens)

    # -- commands --------------------------------------------------------------------------------

    def _plain(self, tokens: list[str], ordered: bool) -> None:
        if head := opening(tokens, words.EARLIER):
            later, self._reading.wishes = self._reading.wishes, []
            self._plain(tokens[len(head.split()) :], ordered=False)
            self._wish(later, ordered=True)
            return
        if tokens[:1] == ["nothing"] and "be" in tokens:
            # "Nothing may be put in the drawer."
            done = tokens[tokens.index("be") + 1 :]
            self._prohibit([*done[:1], "anything", *done[1:]], None, [])
            return
        main, relation, when = with_relation(tokens)
        if relation is not None and opening(tokens, said.RELATIONS):
            first, *others = sentences(main, self._begins) or [Sentence(kind=Kind.PLAIN, words=())]
            limits = {Kind.PROHIBITION: self._prohibit, Kind.KEEPING: self._keep}
            if first.kind in limits:
                limits[first.kind](list(first.words), relation, when)
                for other in others:
                    self._sentence(other)
                return
        if "only" in tokens:
            self._only([word for word in tokens if word != "only"], ordered)
        elif relation is Relation.WHILE:
            self._wish(wishes := self._commands(main), ordered)
            self._demand(self._acts(wishes), self._states.read(when))
        elif relation in (Relation.IF, Relation.UNLESS):
            self._trailing_condition(main, relation, when, ordered)
        elif relation is Relation.UNTIL and "until" in tokens:
            self._achieve(main, when)
        elif "or" in tokens or "either" in tokens:
            self._choice(tokens)
        else:
            self._wish(self._commands(tokens), ordered)

    def _wish(self, wishes: Iterable[Wish], ordered: bool = False) -> None:
        """Add wishes, the first of them behind those before where the words say so."""
        for i, wish in enumerate(wishes):
            late = wish.ordered or (ordered and i == 0)
            self._reading.wishes.append(Wish(ask=wish.ask, ordered=late))

    def _only(self, tokens: list[str], ordered: bool) -> None:
        """Only after something, or only while something is so."""
        main, relation, when = with_relation(tokens)
        if relation is Relation.IF:
            self._trailing_condition(main, relation, when, ordered)
            return
        wishes = self._commands(main) if relation is not None else []
        if not wishes:
            raise not_understood("only", tokens)
        match relation:
            case Relation.AFTER:
                late = self._deeds.of(wishes[-1].ask).never
                self._add(WeakUntil(Not(late), self._states.read(when)))
            case Relation.WHILE | Relation.WHENEVER:
                self._demand(self._acts(wishes[-1:]), self._states.read(when))
            case _:
                raise not_understood("only", tokens)
        self._wish(wishes, ordered)

    def _choice(self, tokens: list[str]) -> None:
        """Either of several things: whichever, but so at the end."""
        ways = [self._commands(choice) for choice in alternatives(tokens, self._begins)]
        self._add(disjunction(self._way(wishes, tokens) for wishes in ways))

    def _way(self, wishes: list[Wish], tokens: list[str]) -> Formula:
        """What one way to choose demands."""
        lasting = [wish for wish in wishes if not wish.ask.weak or wish is wishes[-1]]
        literals = [literal for wish in lasting for literal in wish.ask.literals]
        undone = any(contradict(a, b) for a, b in permutations(literals, 2))
        if not literals or undone or any(wish.ask.call or wish.ask.by for wish in wishes):
            raise not_understood("or", tokens)
        return conjunction((Eventually(Always(conjunction(literals))), *order(wishes, self._scene)))

    def _achieve(self, main: list[str], when: list[str]) -> None:
        """ "Press the button until it is on": what it leads to is wanted, not how often."""
        try:
            asks = [wish.ask for wish in self._commands(main)]
        except RefusedError:
            # "Pull the drawer until it is open" is "pull the drawer open".
            asks = [wish.ask for wish in self._commands([*main, *when[-1:]])]
        if not _EXHAUSTED.isdisjoint(when):
            # "Put the cubes in the box until none is left" is putting all of them there.
            self._wish([Wish(ask=ask) for ask in asks])
            return
        state = self._states.read(when)
        about = {literal.args[:1] for ask in asks for literal in ask.literals}
        wanted = isinstance(state, Literal) and not state.negated and state.predicate in _OPPOSITES
        if not isinstance(state, Literal) or not wanted or about != {state.args[:1]}:
            raise not_understood("until", [*main, "until", *when])
        self._wish([Wish(ask=Ask(literals=(state,)))])

    # -- what must not be, and what has to stay --------------------------------------------------

    def _prohibit(self, tokens: list[str], relation: Relation | None, when: list[str]) -> None:
        """Nothing of what the words say may be done, or not at the times that they name."""
        if tokens[:1] in (["leave"], ["leaving"]) and relation is None:
            self._wish([Wish(ask=self._opposite(tokens[1:]))])
            return
        if tokens[:1] in (["let"], ["letting"]) and "be" in tokens:
            tokens = ["is" if word == "be" else word for word in tokens[1:]]
        head = opening(tokens, said.RELATIONS) if relation is None else ""
        if head and self._reading.wishes:
            # "..., but not before": what was asked for last.
            deeds = [self._deeds.of(self._reading.wishes[-1].ask)]
            relation, when = said.RELATIONS[head], tokens[len(head.split()) :]
        else:
            deeds = self._deeds.read(strip_end(tokens, said.ALL_THE_TIME))
        doing = strip_start(when, ("you", "you are"))
        if relation is Relation.WHILE and self._begins(doing) and doing[0] not in said.HOLDING:
            relation = None
            self._wish(self._commands(doing))
        state = self._states.read(when) if relation is not None else TRUE
        if relation is not None:
            # What follows speaks of the main clause: "do not touch it until ..., then take it".
            self._mention(tokens)
        for deed in deeds:
            self._add(prohibited(deed, relation, state))

    def _opposite(self, tokens: list[str]) -> Ask:
        """What has to hold at the end for something not to be left as it is said."""
        literals = self._clause(tokens).literals
        if not literals or any(literal.predicate not in _OPPOSITES for literal in literals):
            raise not_understood("leave", tokens)
        changed = (replace(x, predicate=_OPPOSITES[x.predicate]) for x in literals)
        return Ask(literals=tuple(changed))

    def _never_is(self, subject: list[str], state: list[str]) -> None:
        """The drawer must never be open."""
        if state and state[0] in said.TOUCHES:
            self._prohibit(["touch", *subject], *relation_of(state[1:]))
            return
        state, relation, when = with_relation(state)
        self._prohibit([*subject, "is", *state], relation, when)

    def _stays(self, subject: list[str], state: list[str]) -> None:
        """The drawer must stay closed."""
        state, relation, when = with_relation(state)
        self._keep([*subject, *state], relation, when)

    def _keep(self, tokens: list[str], relation: Relation | None, when: list[str]) -> None:
        """What has to stay as it is, or as it comes to be."""
        tokens = strip_end(tokens, said.ALL_THE_TIME)
        away = opening(tokens, said.AWAY_FROM)
        bare = strip_end(tokens, said.LEFT_ALONE)
        if away or bare != tokens:
            self._prohibit(["touch", *(tokens[len(away.split()) :] if away else bare)], None, [])
            return
        if self._begins(tokens) and tokens[0].endswith("ing"):
            raise not_understood("keep", tokens)
        literals = self._clause(tokens).literals
        what = conjunction(literals)
        doing = relation is Relation.WHILE and self._begins(strip_start(when, ("you", "you are")))
        if relation is None or doing:
            if all(holds(self._scene, literal) for literal in literals):
                self._add(Always(what))
            else:
                self._add(Always(implication(what, Always(what))))
            self._wish([Wish(ask=Ask(literals=literals))])
            if doing:
                self._wish(self._commands(strip_start(when, ("you", "you are"))))
            return
        self._add(kept(what, relation, self._states.read(when)))

    # -- rules and conditions --------------------------------------------------------------------

    def _rule(self, tokens: list[str]) -> None:
        """Whenever something is so, something is done, or must not be."""
        if "," not in tokens:
            raise not_understood("whenever", tokens)
        comma = tokens.index(",")
        state = self._states.read(tokens[:comma])
        for sentence in sentences(tokens[comma + 1 :], self._begins):
            main, relation, when = with_relation(list(sentence.words))
            match sentence.kind, relation:
                case Kind.PROHIBITION, None:
                    for deed in self._deeds.read(main):
                        self._demand(state, Not(deed.act))
                case Kind.PROHIBITION, Relation.UNTIL:
                    until = self._states.read(when)
                    for deed in self._deeds.read(main):
                        self._demand(state, WeakUntil(Not(deed.act), until))
                case Kind.PLAIN, None:
                    self._demand(state, Eventually(self._wanted(main)))
                case Kind.PLAIN, Relation.UNTIL:
                    wanted = self._wanted(main)
                    later = self._deeds.of(self._clause(when)).act
                    self._demand(state, Until(Not(later), wanted))
                case _:
                    raise not_understood("whenever", tokens)

    def _wanted(self, tokens: Sequence[str]) -> Formula:
        """What has to come about for a command to be carried out."""
        asks = [wish.ask for wish in self._commands(tokens)]
        return conjunction(self._states.done(ask) for ask in asks)

    def _condition(self, tokens: list[str]) -> None:
        """If something is so now, one thing is to be done, otherwise another."""
        relation = said.RELATIONS[head := opening(tokens, said.RELATIONS)]
        rest = tokens[len(head.split()) :]
        when, main = self._split_condition(rest)
        main, more = _split_further(main)
        main, other = split_otherwise(main)
        if when[:1] == ["it"] and not self._grounder.mentions.groups:
            # "If it is not open already, open the drawer."
            self._mention(main)
        true = self._is_so(when) != (relation is Relation.UNLESS)
        self._decide(true, main, other)
        if more:
            self._condition(more)

    def _trailing_condition(
        self, main: list[str], relation: Relation, when: list[str], ordered: bool
    ) -> None:
        when, other = split_otherwise(when)
        when, behind = self._split_next(when)
        self._conditioned(main, relation, when, other, ordered)
        if behind:
            self._read(["then", *behind])

    def _split_next(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        """A condition, and the command that is joined to it."""
        for i in range(1, len(tokens)):
            if tokens[i] in ("and", ",", "then"):
                behind = strip_start(tokens[i:], ("and", "then", "and then"))
                if behind and self._begins(behind):
                    return tokens[:i], behind
        return tokens, []

    def _conditioned(
        self, main: list[str], relation: Relation, when: list[str], other: list[str], ordered: bool
    ) -> None:
        if joined(when) in _THERE_IS_ONE:
            try:
                self._wish(self._commands(main), ordered)
            except UnknownNameError:
                self._reading.wording.append(f"{joined(when)!r} is not so now")
                self._decide(False, main, other)
            return
        # What the condition calls "it" is named by the command before it.
        wishes = self._commands(main)
        true = self._is_so(when) != (relation is Relation.UNLESS)
        if true:
            self._wish(wishes, ordered)
        else:
            self._decide(true, main, other)

    def _decide(self, true: bool, main: list[str], other: list[str]) -> None:
        if true:
            self._read(main)
        elif other:
            # "..., otherwise put the milk there": where the first command would have put it.
            self._mention(main)
            self._read(other if self._begins(other) else with_object(main, other))

    def _mention(self, tokens: Sequence[str]) -> None:
        """Take note of the things that words name, as far as they do."""
        i = 0
        while i < len(tokens):
            length = self._grounder.phrase(tokens[i:])
            phrase = joined(tokens[i : i + length])
            if length and phrase not in words.IT | words.THEM and self._grounder.peek(phrase):
                self._grounder.resolve(phrase)
            i += max(length, 1)

    def _is_so(self, tokens: list[str]) -> bool:
        """Whether a condition holds in the scene as it is."""
        true = satisfies([Position(scene=self._scene).true], self._states.read(tokens))
        self._reading.wording.append(f"{joined(tokens)!r} is {'so' if true else 'not so'} now")
        return true

    def _split_condition(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        """Condition and command: apart by a comma, by "then", or by where the verb begins."""
        for i in range(1, len(tokens)):
            if tokens[i] in (",", "then"):
                return tokens[:i], strip_start(tokens[i + 1 :], ("then",))
            complete = i > 1 and tokens[i - 1] not in _UNFINISHED
            state = tokens[i] in words.STATES and tokens[i - 1] not in words.STATES
            if complete and not state and self._begins(tokens[i:]):
                return tokens[:i], tokens[i:]
        raise not_understood("if", tokens)

    # -- helpers ---------------------------------------------------------------------------------

    def _begins(self, tokens: Sequence[str]) -> bool:
        return self._is_command(tokens) or is_touch(list(tokens))

    def _acts(self, wishes: Iterable[Wish]) -> Formula:
        return disjunction(self._deeds.of(wish.ask).act for wish in wishes)

    def _demand(self, condition: Formula, consequence: Formula) -> None:
        self._add(Always(implication(condition, consequence)))

    def _add(self, formula: Formula) -> None:
        self._reading.formulas.append(formula)


def _split_further(tokens: list[str]) -> tuple[list[str], list[str]]:
    """What is to be done under one condition, and the next condition with what hangs on it."""
    for i in range(1, len(tokens)):
        if tokens[i] in ("if", "unless") and tokens[i + 1 : i + 2] not in (["not"], ["so"]):
            return strip_end(tokens[:i], (",", "and", "but")), tokens[i:]
    return tokens, []


_EXHAUSTED = words.ALL | words.THEM | {"none", "nothing", "no", "empty"}
_OPPOSITES = {
    "open": "closed",
    "closed": "open",
    "turned_on": "turned_off",
    "turned_off": "turned_on",
}
_UNFINISHED = frozenset({"is", "are", "not", "you", "be", "been", "has", "have", "the", "a"})
_THERE_IS_ONE = frozenset(
    f"{there} {one}" for there in ("there is", "you see") for one in ("one", "any")
)
