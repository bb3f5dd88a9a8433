"""Instructions to goals: a small grammar over clauses, with embeddings for open wording.

Each clause is a verb with noun phrases and asks for literals over the core predicates. What a later
clause overrides ("open the drawer, ..., close it") becomes a milestone on the way. Nothing here
knows whole sentences, and words never leave as anything but literals over entities of the scene.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from robot_skills.core.errors import InstructionError, RefusedError, UnknownNameError
from robot_skills.core.plan import Literal, Milestone, SkillCall
from robot_skills.core.policy import TextEncoder
from robot_skills.core.predicates import holds, in_
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler import lexicon as words
from robot_skills.scheduler.clauses import Clause, refuse_what_is_no_command, split_clauses
from robot_skills.scheduler.grounding import Grounder, GroundingConfig
from robot_skills.scheduler.lexicon import Act
from robot_skills.scheduler.open_wording import OpenWording, OpenWordingConfig
from robot_skills.scheduler.symbolic import contradict
from robot_skills.scheduler.tokens import (
    at,
    base_form,
    find_all,
    inflections,
    joined,
    shown,
    strip_start,
    tokenise,
    until,
    without,
)
from robot_skills.skills.card import ParameterType, SkillCard

_PARTICLES = frozenset({"away", "up", "down", "out", "off", "back", "open", "shut", "closed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageConfig:
    """Limits of what is read.

    Attributes:
        max_characters: Longest instruction.
        verbs: When an unknown verb counts as understood.
        nouns: When an unknown noun counts as understood.
    """

    max_characters: int = 500
    verbs: OpenWordingConfig = field(default_factory=OpenWordingConfig)
    nouns: GroundingConfig = field(default_factory=GroundingConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class Understanding:
    """What an instruction asks for; see `robot_skills.core.plan.Plan` for the attributes."""

    goal: tuple[Literal, ...]
    milestones: tuple[Milestone, ...]
    wording: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What one clause asks for.

    Attributes:
        literals: To hold after it.
        call: A call that is wanted for its own sake.
        weak: Whether a later clause that says where the same thing goes replaces it for good:
            nobody who says "pick it up and put it there" wants it picked up twice.
    """

    literals: tuple[Literal, ...] = ()
    call: SkillCall | None = None
    weak: bool = False


class LanguageParser:
    """Reads instructions about the skills of a library.

    Args:
        cards: The skills, for example a `SkillLibrary`; their verb forms extend the known verbs.
        encoder: For open wording; without it unknown words are refused.
        config: Limits.
    """

    def __init__(
        self,
        cards: Iterable[SkillCard],
        encoder: TextEncoder | None = None,
        config: LanguageConfig | None = None,
    ) -> None:
        self._cards = {card.name: card for card in cards}
        self._encoder = encoder
        self._config = config or LanguageConfig()
        self._open = None
        if encoder is not None:
            self._open = OpenWording(self._cards.values(), encoder, self._config.verbs)

    def parse(self, instruction: str, scene: Scene) -> Understanding:
        """What an instruction asks for in a scene.

        Raises:
            InstructionError: It is empty, too long, ambiguous, or not understood.
            UnknownNameError: It names a thing that is not in the scene, or asks for something that
                no skill does.
        """
        tokens = tokenise(instruction, self._config.max_characters)
        refuse_what_is_no_command(tokens, instruction)
        grounder = Grounder(scene, self._encoder, self._config.nouns)
        reader = _Reader(self._cards, grounder, self._open)
        clauses = split_clauses(tokens, reader.begins_clause)
        if not clauses:
            raise InstructionError(f"{shown(instruction)} asks for nothing that can be done.")
        asks = [(clause.time, reader.read(clause)) for clause in _with_objects(clauses)]
        in_time = [ask for _, ask in sorted(asks, key=lambda item: item[0])]
        goal, milestones = _combine(in_time, scene)
        wording = dict.fromkeys([*reader.wording, *grounder.wording])
        return Understanding(goal=goal, milestones=milestones, wording=tuple(wording))


class _Reader:
    """Reads the clauses of one instruction, in the order in which they are spoken."""

    def __init__(
        self, cards: Mapping[str, SkillCard], grounder: Grounder, open_wording: OpenWording | None
    ) -> None:
        self.wording: list[str] = []
        self._cards = cards
        self._grounder = grounder
        self._scene = grounder.scene
        self._open = open_wording
        self._last_act: Act | None = None
        self._last_target: tuple[str, str] | None = None

    def begins_clause(self, rest: Sequence[str], before: Sequence[str]) -> bool:
        """Whether what follows "and" or a comma is a clause of its own."""
        rest = strip_start(rest, words.POLITE)
        if not rest:
            return True
        if _verb(rest) is not None:
            return True
        if not self._grounder.begins_phrase(rest):
            return not any(i == 0 for i, _ in find_all(rest, _PREPOSITIONS))
        segment = until(rest, ("and", ",", "then", ";", "."))
        if _state_verb(segment) is not None or segment[-1] in words.STATES:
            return True
        found = _verb(strip_start(before, words.POLITE))
        act = found[0] if found else self._last_act or Act.PLACE
        # Nothing can go to two places, so behind a place there are further things to be put.
        placed = find_all(before, words.RELATIONS)
        return bool(placed) and act in (Act.PLACE, Act.STACK, Act.PUT_DOWN)

    def read(self, clause: Clause) -> Ask:
        """What a clause asks for. Raises as `LanguageParser.parse` does."""
        tokens = list(clause.words)
        for form in (self._state, self._card_without_arguments, self._known, self._card_form):
            ask = form(tokens)
            if ask is not None:
                return ask
        return self._open_wording(tokens)

    # -- verbs -----------------------------------------------------------------------------------

    def _known(self, tokens: list[str]) -> Ask | None:
        """A clause with a verb of the lexicon, or without one: it repeats the one before."""
        found = _verb(tokens)
        if found is None and self._last_act is not None and self._grounder.begins_phrase(tokens):
            found = self._last_act, tokens
        if found is None:
            return None
        act, rest = found
        self._last_act = act
        return self._act(act, rest, tokens)

    def _act(self, act: Act, rest: list[str], clause: list[str]) -> Ask:
        match act:
            case Act.PICK:
                return self._pick(rest, clause)
            case Act.PLACE:
                return self._place(rest, clause)
            case Act.STACK:
                return self._stack(rest, clause)
            case Act.PUT_DOWN:
                return self._put_down(rest, clause)
            case Act.TAKE_OUT:
                return self._take_out(rest, clause)
            case Act.OPEN:
                return self._slide("open", rest)
            case Act.CLOSE:
                return self._slide("closed", rest)
            case Act.RELEASE:
                if rest:
                    self._grounder.resolve(joined(rest), _movable)
                return Ask(literals=(_lit("hand_empty"),))
            case Act.EMPTY:
                return self._empty(rest)
            case Act.HOME:
                return self._home(clause)

    def _pick(self, rest: list[str], clause: list[str]) -> Ask:
        if rest and rest[0] in ("me", "us"):
            rest = rest[1:]
        if any("to" in preposition for _, preposition in find_all(rest, words.RELATIONS)):
            return self._place(rest, clause)
        sources = find_all(rest, words.SOURCES)
        if any(p in ("out of", "off", "off of") for _, p in sources) and not self._from_table(rest):
            return self._take_out(rest, clause)
        names = self._grounder.resolve(joined(_with_from(rest)), _movable)
        first, *others = names
        if others:
            raise InstructionError(
                f"One arm holds one thing: {', '.join(names)} cannot all be picked up. "
                "Say where they go."
            )
        return Ask(literals=(_lit("holding", first),), weak=True)

    def _from_table(self, rest: list[str]) -> bool:
        """Whether a thing is taken off the table itself: then it is held, not put back there."""
        return rest[-1] == TABLE or rest[-1] in words.LABELS[TABLE]

    def _slide(self, predicate: str, rest: list[str]) -> Ask:
        names = self._grounder.resolve(joined(rest), _articulated)
        return Ask(literals=tuple(_lit(predicate, name) for name in names))

    def _place(self, rest: list[str], clause: list[str]) -> Ask:
        rest = [word for word in rest if word not in ("back", "away", "down")]
        _refuse_foreign_relations(rest)
        splits = find_all(rest, words.RELATIONS)
        if rest and rest[-1] in words.THERE:
            end = splits[-1][0] if splits and splits[-1][0] == len(rest) - 2 else len(rest) - 1
            return self._moved(rest[:end], "to", ["it"])
        if not splits:
            return self._placed_as_before(rest, clause)
        first: RefusedError | None = None
        for i, preposition in reversed(splits):
            target = rest[i + len(preposition.split()) :]
            if i == 0 or not target:
                first = first or self._no_place(clause)
                continue
            said = list(self._grounder.mentions.groups)
            try:
                return self._moved(rest[:i], words.RELATIONS[preposition], target)
            except RefusedError as error:
                self._grounder.mentions.groups = said
                first = first or error
        raise first or self._no_place(clause)

    def _placed_as_before(self, rest: list[str], clause: list[str]) -> Ask:
        """No place is said: "drop it", or "..., then the cereal box" after a clause with one."""
        if base_form(clause[0]) == "drop":
            return self._put_down(rest, clause)
        if rest == clause and self._last_target is not None:
            relation, where = self._last_target
            return self._moved(rest, relation, [where])
        raise self._no_place(clause)

    def _moved(self, things: list[str], relation: str, target: list[str]) -> Ask:
        """Things brought into a relation with a target."""
        names = self._grounder.resolve(joined(_with_from(things)), _movable)

        def wanted(entity: Entity) -> bool:
            return entity.name not in names and (relation == "on" or _hollow(entity))

        where = self._grounder.one(joined(target), wanted)
        moved = [name for name in names if name != where]
        if not moved:
            raise InstructionError(f"{where} cannot be moved to itself.")
        relation = self._relation(relation, where)
        self._last_target = relation, where
        return Ask(literals=tuple(_lit(relation, name, where) for name in moved))

    def _relation(self, relation: str, where: str) -> str:
        """What a preposition means for a target: an open container takes things in only."""
        target = self._scene[where]
        if relation == "to":
            return "in" if target.cavity is not None else "on"
        if relation == "on" and target.cavity is not None and target.articulation is None:
            self.wording.append(f"'on {where}' understood as 'in {where}'")
            return "in"
        return relation

    def _stack(self, rest: list[str], clause: list[str]) -> Ask:
        """Stacks of two or more: "a on b on c", or things named without saying on what."""
        supports = find_all(rest, words.RELATIONS)
        if not supports:
            names = self._grounder.resolve(joined(rest), _movable)
            if len(names) < 2:
                raise self._no_place(clause)
            return Ask(literals=_pile(names))
        if len(supports) == 1 or any(words.RELATIONS[p] != "on" for _, p in supports):
            return self._onto_pile(rest, clause)
        starts = [0, *(i + len(p.split()) for i, p in supports)]
        ends = [*(i for i, _ in supports), len(rest)]
        pieces = [rest[a:b] for a, b in zip(starts, ends, strict=True)]
        return Ask(literals=_pile([self._grounder.one(joined(piece)) for piece in pieces]))

    def _onto_pile(self, rest: list[str], clause: list[str]) -> Ask:
        """Several things stacked on one target stand on each other."""
        ask = self._place(rest, clause)
        names = [literal.args[0] for literal in ask.literals]
        relation, target = ask.literals[0].predicate, ask.literals[0].args[1]
        if relation == "on" and target != TABLE and len(names) > 1:
            return Ask(literals=_pile([*reversed(names), target]))
        return ask

    def _put_down(self, rest: list[str], clause: list[str]) -> Ask:
        if find_all(rest, words.RELATIONS):
            return self._place(rest, clause)
        names = self._grounder.resolve(joined(rest), _movable)
        return Ask(literals=tuple(_lit("on", name, TABLE) for name in names))

    def _take_out(self, rest: list[str], clause: list[str]) -> Ask:
        """Out of something, and down on the table unless the words say where to."""
        source = find_all(rest, words.SOURCES)
        targets = find_all(rest, words.RELATIONS)
        if targets and (not source or targets[-1][0] > source[-1][0]):
            moved = "to" in targets[-1][1] or targets[-1][1] == "on top of" or bool(source)
            if moved:
                return self._place([word for word in rest if word != "out" or source], clause)
        if not source:
            rest = [word for word in rest if word != "out"]
        names = self._grounder.resolve(joined(_with_from(rest)), None)
        if all(_articulated(self._scene[name]) for name in names):
            return Ask(literals=tuple(_lit("open", name) for name in names))
        self.wording.append(f"{joined(clause)!r} understood as: {', '.join(names)} on the table")
        return Ask(literals=tuple(_lit("on", name, TABLE) for name in names), weak=True)

    def _empty(self, rest: list[str]) -> Ask:
        name = self._grounder.one(joined(rest))
        if name == TABLE:
            raise InstructionError("Clearing the table leaves open where things go: say where.")
        if self._scene[name].cavity is None:
            return Ask(literals=(_lit("clear", name),))
        inside = [e.name for e in self._scene if e.name != name and in_(self._scene, e.name, name)]
        if not inside:
            self.wording.append(f"{name} is empty already")
        return Ask(literals=tuple(_lit("on", thing, TABLE) for thing in inside))

    def _home(self, clause: list[str]) -> Ask:
        card = self._cards.get("home")
        if card is None or card.parameters:
            raise self._no_skill(joined(clause))
        return Ask(call=SkillCall(skill=card.name))

    # -- wanted states ---------------------------------------------------------------------------

    def _state(self, tokens: list[str]) -> Ask | None:
        """A wanted state: "the drawer should be closed", "the red cube must be in the box"."""
        if _verb(tokens) is not None:
            return None
        found = _state_verb(tokens)
        if found is not None:
            i, verb = found
            subject, state = tokens[:i], tokens[i + len(verb.split()) :]
        elif self._grounder.begins_phrase(tokens) and (
            self._last_act is None or tokens[-1] in words.STATES
        ):
            split = _bare_state(tokens)
            subject, state = tokens[:split], tokens[split:]
        else:
            return None
        return self._subject_in_state(subject, state) if subject and state else None

    def _subject_in_state(self, subject: list[str], state: list[str]) -> Ask:
        match joined(state):
            case "open" | "opened" | "pulled out":
                return self._slide("open", subject)
            case "closed" | "shut" | "close":
                return self._slide("closed", subject)
            case "empty" | "emptied" | "clear":
                return self._empty(subject)
            case "picked up" | "held" | "grasped" | "in the gripper" | "in your hand" | "lifted":
                return self._pick(subject, subject)
        if state[0] in ("placed", "put", "stored", "stacked", "moved", "kept", "located"):
            state = state[1:]
        self._last_act = Act.PLACE
        return self._place([*subject, *state], [*subject, *state])

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
                slots = _match_form(form.split(), tokens)
                if slots:
                    return self._card_goal(card, slots)
        return None

    def _card_goal(self, card: SkillCard, slots: Mapping[str, list[str]]) -> Ask:
        args: dict[str, str] = {}
        for parameter in card.parameters:
            said = slots.get(parameter.name)
            if said is None:
                raise InstructionError(f"{card.name} needs to know its {parameter.name}.")
            if parameter.type is ParameterType.WORD:
                args[parameter.name] = words.RELATIONS.get(joined(said), joined(said))
            else:
                args[parameter.name] = self._grounder.one(joined(said), parameter.type.admits)
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
            raise InstructionError(f"{joined(tokens)!r} does not say what to do.")
        starts = (i for i in range(1, len(tokens)) if self._grounder.begins_phrase(tokens[i:]))
        first = next(starts, None)
        said = tokens[: first or 1]
        if first is None or self._open is None or base_form(tokens[0]) in words.FOREIGN_VERBS:
            raise self._no_skill(joined(said))
        rest = tokens[first:]
        _refuse_foreign_relations(rest)
        particle = next((word for word in rest[1:] if word in _PARTICLES), None)
        verb = joined([*said, particle] if particle and particle not in said else said)
        nearest = self._open.nearest(verb, self._possible_acts(rest, particle))
        if nearest is None:
            raise self._no_skill(verb)
        known, score = nearest
        self.wording.append(f"{verb!r} understood as {known.text!r} (similarity {score:.2f})")
        plain = without(rest, particle) if particle and particle in rest else rest
        replaced = [*known.text.split(), *plain]
        ask = self._known(replaced) if known.act is not None else self._card_form(replaced)
        if ask is None:
            raise self._no_skill(verb)
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
        if any(word in words.LABELS["drawer"] or word == "drawer" for word in rest):
            return frozenset({Act.OPEN, Act.CLOSE})
        return frozenset({Act.PICK})

    # -- errors ----------------------------------------------------------------------------------

    def _no_skill(self, what: str) -> UnknownNameError:
        skills = ", ".join(sorted(self._cards)) or "none"
        return UnknownNameError(f"No skill for {what!r}. Available skills: {skills}.")

    def _no_place(self, clause: Sequence[str]) -> InstructionError:
        places = ", ".join(e.name for e in self._scene if e.cavity is not None or e.name == TABLE)
        return InstructionError(f"{joined(clause)!r} does not say where to. There are: {places}.")


def _with_objects(clauses: Sequence[Clause]) -> list[Clause]:
    """Clauses that are a bare verb share the object of the next: "open and close the drawer"."""
    out: list[Clause] = []
    for clause, following in zip(clauses, [*clauses[1:], None], strict=True):
        found = _verb(clause.words)
        then = _verb(following.words) if following is not None else None
        if found and then and not found[1] and found[0] not in (Act.HOME, Act.RELEASE):
            clause = Clause(words=(*clause.words, *then[1]), time=clause.time)
        out.append(clause)
    return out


def _combine(
    asks: Sequence[Ask], scene: Scene
) -> tuple[tuple[Literal, ...], tuple[Milestone, ...]]:
    """One goal out of the clauses; what cannot hold together becomes a milestone on the way."""
    goal: list[tuple[Literal, bool]] = []
    milestones: list[Milestone] = []
    for ask in asks:
        broken = [item for item in goal if any(_exclude(item[0], new) for new in ask.literals)]
        there = any(new.predicate in ("on", "in") and holds(scene, new) for new in ask.literals)
        if any(not weak or there for _, weak in broken):
            milestones.append(tuple(literal for literal, _ in goal))
        goal = [item for item in goal if item not in broken]
        known = [literal for literal, _ in goal]
        goal += [(new, ask.weak) for new in dict.fromkeys(ask.literals) if new not in known]
        if ask.call is not None:
            if goal:
                milestones.append(tuple(literal for literal, _ in goal))
            milestones.append(ask.call)
    return tuple(literal for literal, _ in goal), tuple(milestones)


def _exclude(a: Literal, b: Literal) -> bool:
    return contradict(a, b) or contradict(b, a)


def _pile(names: Sequence[str]) -> tuple[Literal, ...]:
    return tuple(_lit("on", a, b) for a, b in pairwise(names))


def _lit(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def _movable(entity: Entity) -> bool:
    return entity.movable and entity.name != TABLE


def _hollow(entity: Entity) -> bool:
    return entity.cavity is not None


def _articulated(entity: Entity) -> bool:
    return entity.articulation is not None


def _verb(tokens: Sequence[str]) -> tuple[Act, list[str]] | None:
    """The act of the known verb at the start of a clause, and the words behind it."""
    for length in range(min(_LONGEST_VERB, len(tokens)), 0, -1):
        act = _VERBS.get(tuple(tokens[:length]))
        if act is not None:
            rest = list(tokens[length:])
            found = _with_particle(tokens[0], rest) if length == 1 else None
            return found or (act, rest)
    return _with_particle(tokens[0], list(tokens[1:])) if tokens else None


def _with_particle(verb: str, rest: list[str]) -> tuple[Act, list[str]] | None:
    """A verb whose particle stands behind the object: "pull the drawer open"."""
    for (first, particle), act in words.PARTICLE_VERBS.items():
        if first != base_form(verb) or particle not in rest:
            continue
        i = rest.index(particle)
        if particle == "out" and at(rest, i, "out of"):
            return act, rest
        if i == len(rest) - 1 or particle in ("up", "down", "open"):
            return act, without(rest, particle)
    return None


def _state_verb(tokens: Sequence[str]) -> tuple[int, str] | None:
    """Position and text of "should be" and its like."""
    found = [item for item in find_all(tokens, words.STATE_VERBS) if item[0] > 0]
    return found[0] if found else None


def _bare_state(tokens: Sequence[str]) -> int:
    """Where the state begins in "(I want) the drawer closed" or "the red cube in the box"."""
    if tokens[-1] in words.STATES:
        return len(tokens) - 1
    splits = [i for i, _ in find_all(tokens, words.RELATIONS) if i > 0]
    return splits[-1] if splits else len(tokens)


def _with_from(things: list[str]) -> list[str]:
    """The words of a thing with "out of", "off", ... as "from", which says where it is now."""
    source = find_all(things, words.SOURCES)
    if not source:
        return things
    i, preposition = source[-1]
    return [*things[:i], "from", *things[i + len(preposition.split()) :]]


def _refuse_foreign_relations(rest: Sequence[str]) -> None:
    """Refuse "next to" and its like where the goal is said; inside the phrase before it is fine."""
    relations = find_all(rest, (*words.FOREIGN_RELATIONS, *words.RELATIONS))
    if relations and relations[-1][1] not in words.RELATIONS:
        raise InstructionError(
            f"{relations[-1][1]!r} is not a relation that a skill can make. Available: in, on."
        )


def _match_form(form: Sequence[str], tokens: Sequence[str]) -> dict[str, list[str]] | None:
    """Slots of a verb form such as ``press {button}`` filled from the words, or None."""
    if not form:
        return None if tokens else {}
    head, rest = form[0], form[1:]
    if not head.startswith("{"):
        same = bool(tokens) and tokens[0] in inflections(head)
        return _match_form(rest, tokens[1:]) if same else None
    for length in range(1, len(tokens) + 1):
        more = _match_form(rest, tokens[length:])
        if more is not None:
            return {head.strip("{}"): list(tokens[:length]), **more}
    return None


def _verb_table() -> dict[tuple[str, ...], Act]:
    table: dict[tuple[str, ...], Act] = {}
    for act, phrases in words.VERBS.items():
        for phrase in phrases:
            first, *others = phrase.split()
            for form in inflections(first):
                table[(form, *others)] = act
    return table


_VERBS = _verb_table()
_LONGEST_VERB = max(map(len, _VERBS))
_PREPOSITIONS = (*words.RELATIONS, *words.SOURCES, *words.FOREIGN_RELATIONS)
