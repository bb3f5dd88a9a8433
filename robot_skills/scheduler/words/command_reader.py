"""Reads the clauses of an instruction: verbs with noun phrases, wanted states, forms of cards."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from robot_skills.core.errors import NotUnderstoodError, RefusedError
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.temporal.ordering import Wish
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.acts import Acts, Ask
from robot_skills.scheduler.words.clauses import Clause, refuse_what_is_no_command, split_clauses
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.lexicon import Act
from robot_skills.scheduler.words.open_wording import OpenWording
from robot_skills.scheduler.words.tokens import (
    base_form,
    find_all,
    joined,
    strip_start,
    until,
    without,
)
from robot_skills.scheduler.words.verbs import (
    bare_state,
    match_form,
    refuse_foreign_relations,
    state_verb,
    verb,
)
from robot_skills.skills.card import ParameterType, SkillCard

_PARTICLES = frozenset({"away", "up", "down", "out", "off", "back", "open", "shut", "closed"})


class CommandReader:
    """Reads the clauses of one instruction, in the order in which they are spoken.

    Args:
        cards: The skills by name.
        grounder: Resolves the noun phrases.
        open_wording: Finds the known verb for an unknown one; None where those are refused.
    """

    def __init__(
        self, cards: Mapping[str, SkillCard], grounder: Grounder, open_wording: OpenWording | None
    ) -> None:
        self._acts = Acts(cards, grounder)
        self._cards = cards
        self._grounder = grounder
        self._open = open_wording
        self._last_act: Act | None = None

    @property
    def wording(self) -> list[str]:
        """How open wording was understood."""
        return self._acts.wording

    def begins_clause(self, rest: Sequence[str], before: Sequence[str]) -> bool:
        """Whether what follows "and" or a comma is a clause of its own."""
        rest = strip_start(rest, words.POLITE)
        if not rest:
            return True
        if verb(rest) is not None:
            return True
        if not self._grounder.begins_phrase(rest):
            return not any(i == 0 for i, _ in find_all(rest, _PREPOSITIONS))
        if before and self._grounder.phrase(before) == len(before):
            # "The can and the milk should be in the box."
            return False
        if (
            verb(strip_start(before, words.POLITE)) is None
            and before[-1:]
            and before[-1] in words.STATES
        ):
            # "The drawer open and the can in the box."
            return True
        segment = until(rest, ("and", ",", "then", ";", "."))
        if state_verb(segment) is not None or segment[-1] in words.STATES:
            return True
        found = verb(strip_start(before, words.POLITE))
        act = found[0] if found else self._last_act or Act.PLACE
        # Nothing can go to two places, so behind a place there are further things to be put.
        placed = find_all(before, words.RELATIONS)
        return bool(placed) and act in (Act.PLACE, Act.STACK, Act.PUT_DOWN)

    def commands(self, tokens: Sequence[str]) -> list[Wish]:
        """What words that speak of no time ask for, in the order of time.

        Raises as `LanguageParser.parse` does.
        """
        refuse_what_is_no_command(tokens, joined(tokens))
        clauses = split_clauses(tokens, self.begins_clause)
        clauses = _with_objects(clauses) if clauses else []
        found = [(c.time, Wish(ask=self.clause(c.words), ordered=c.ordered)) for c in clauses]
        return [wish for _, wish in sorted(found, key=lambda item: item[0])]

    def is_command(self, tokens: Sequence[str]) -> bool:
        """Whether words begin with a known verb."""
        return verb(strip_start(tokens, words.POLITE)) is not None

    def clause(self, tokens: Sequence[str]) -> Ask:
        """What a clause asks for. Raises as `LanguageParser.parse` does."""
        tokens = list(tokens)
        if not tokens:
            raise NotUnderstoodError("A part of the instruction is missing: say what to do.")
        for form in (self._state, self._card_without_arguments, self._usual, self._card_form):
            ask = form(tokens)
            if ask is not None:
                return ask
        return self._open_wording(tokens)

    def _usual(self, tokens: list[str]) -> Ask | None:
        """A verb of the lexicon, unless it makes no sense here and a card's own form does."""
        try:
            return self._known(tokens)
        except RefusedError:
            with suppress(RefusedError):
                ask = self._card_form(tokens)
                if ask is not None:
                    return ask
            raise

    # -- verbs -----------------------------------------------------------------------------------

    def _known(self, tokens: list[str]) -> Ask | None:
        """A clause with a verb of the lexicon, or without one: it repeats the one before."""
        found = verb(tokens)
        if found is None and self._last_act is not None and self._grounder.begins_phrase(tokens):
            found = self._last_act, tokens
        if found is None:
            return None
        act, rest = found
        self._last_act = act
        return self._acts.ask(act, rest, tokens)

    # -- wanted states ---------------------------------------------------------------------------

    def _state(self, tokens: list[str]) -> Ask | None:
        """A wanted state: "the drawer should be closed", "the red cube must be in the box"."""
        if verb(tokens) is not None:
            return None
        found = state_verb(tokens)
        if found is not None:
            i, said = found
            subject, state = tokens[:i], tokens[i + len(said.split()) :]
        elif self._grounder.begins_phrase(tokens) and (
            self._last_act is None or tokens[-1] in words.STATES
        ):
            split = bare_state(tokens)
            subject, state = tokens[:split], tokens[split:]
        else:
            return None
        return self._subject_in_state(subject, state) if subject and state else None

    def _subject_in_state(self, subject: list[str], state: list[str]) -> Ask:
        match joined(state):
            case "open" | "opened" | "pulled out":
                return self._acts.slide("open", subject)
            case "closed" | "shut" | "close":
                return self._acts.slide("closed", subject)
            case "empty" | "emptied" | "clear":
                return self._acts.empty(subject, hollow=state[0] != "clear")
            case "on" | "turned on" | "switched on" | "lit":
                return self._acts.turn("turned_on", subject, [*subject, *state])
            case "off" | "turned off" | "switched off" | "dark":
                return self._acts.turn("turned_off", subject, [*subject, *state])
            case "picked up" | "held" | "grasped" | "in the gripper" | "in your hand" | "lifted":
                return self._acts.pick(subject, subject)
        if state[0] in ("placed", "put", "stored", "stacked", "moved", "kept", "located"):
            state = state[1:]
        self._last_act = Act.PLACE
        return self._acts.place([*subject, *state], [*subject, *state])

    # -- skills with words of their own ----------------------------------------------------------

    def _card_without_arguments(self, tokens: list[str]) -> Ask | None:
        for card in self._cards.values():
            if not card.parameters and joined(tokens) in card.verbs:
                return Ask(call=SkillCall(skill=card.name))
        return None

    def _card_form(self, tokens: list[str]) -> Ask | None:
        """A verb form that only a card brings: its effects are the goal."""
        for card in self._cards.values():
            for form in card.verbs:
                slots = match_form(form.split(), tokens)
                if slots:
                    return self._card_goal(card, slots)
        return None

    def _card_goal(self, card: SkillCard, slots: Mapping[str, list[str]]) -> Ask:
        args: dict[str, str] = {}
        for parameter in card.parameters:
            said = slots.get(parameter.name)
            if said is None:
                raise NotUnderstoodError(f"{card.name} needs to know its {parameter.name}.")
            if parameter.type is ParameterType.WORD:
                args[parameter.name] = words.RELATIONS.get(joined(said), joined(said))
            else:
                args[parameter.name] = self._grounder.one(joined(said), parameter.type.admits)
        card.check_args(args, self._grounder.scene)
        effects = tuple(
            effect
            for effect in card.effects(args)
            if not effect.negated and effect.predicate != "hand_empty"
        )
        if effects:
            return Ask(literals=effects)
        return Ask(call=SkillCall(skill=card.name, args=args))

    # -- open wording ----------------------------------------------------------------------------

    def _open_wording(self, tokens: list[str]) -> Ask:
        """Read the clause with its unknown verb replaced by the known one nearest in meaning."""
        if self._grounder.begins_phrase(tokens) or any(
            i == 0 for i, _ in find_all(tokens, _PREPOSITIONS)
        ):
            raise NotUnderstoodError(f"{joined(tokens)!r} does not say what to do.")
        starts = (i for i in range(1, len(tokens)) if self._grounder.begins_phrase(tokens[i:]))
        first = next(starts, None)
        said = tokens[: first or 1]
        if base_form(tokens[0]) in words.FOREIGN_VERBS:
            raise self._acts.no_skill(joined(said), tokens[first or 1 :])
        if first is None or self._open is None:
            raise self._acts.unknown_verb(joined(said), tokens[first or 1 :])
        rest = tokens[first:]
        refuse_foreign_relations(rest)
        particle = next((word for word in rest[1:] if word in _PARTICLES), None)
        spoken = joined([*said, particle] if particle and particle not in said else said)
        nearest = self._open.nearest(spoken, self._possible_acts(rest, particle))
        if nearest is None:
            raise self._acts.unknown_verb(spoken, rest)
        known, score = nearest
        self.wording.append(f"{spoken!r} understood as {known.text!r} (similarity {score:.2f})")
        plain = without(rest, particle) if particle and particle in rest else rest
        replaced = [*known.text.split(), *plain]
        ask = self._known(replaced) if known.act is not None else self._card_form(replaced)
        if ask is None:
            raise self._acts.unknown_verb(spoken, rest)
        return ask

    def _possible_acts(self, rest: list[str], particle: str | None) -> frozenset[Act]:
        """What the words behind a verb leave possible."""
        if particle == "open":
            return frozenset({Act.OPEN})
        if particle in ("shut", "closed"):
            return frozenset({Act.CLOSE})
        source = any(i > 0 for i, _ in find_all(rest, words.SOURCES))
        target = any(i > 0 for i, _ in find_all(rest, words.RELATIONS))
        if target:
            return frozenset({Act.PLACE})
        if source:
            return frozenset({Act.TAKE_OUT})
        if any(word in _names_of("drawer", "cupboard") for word in rest):
            return frozenset({Act.OPEN, Act.CLOSE})
        if any(word in _names_of("button", "switch") for word in rest):
            return frozenset({Act.PRESS, Act.TURN_ON, Act.TURN_OFF})
        return frozenset({Act.PICK})


def _with_objects(clauses: Sequence[Clause]) -> list[Clause]:
    """Clauses that are a bare verb share the object of the next: "open and close the drawer"."""
    out: list[Clause] = []
    for clause, following in zip(clauses, [*clauses[1:], None], strict=True):
        found = verb(clause.words)
        then = verb(following.words) if following is not None else None
        if found and then and not found[1] and found[0] not in (Act.HOME, Act.RELEASE):
            clause = replace(clause, words=(*clause.words, *then[1]))
        out.append(clause)
    return out


def _names_of(*labels: str) -> frozenset[str]:
    """Everything that things of these kinds are called."""
    return frozenset(name for label in labels for name in (label, *words.LABELS[label]))


_PREPOSITIONS = (*words.RELATIONS, *words.SOURCES, *words.FOREIGN_RELATIONS)
