"""Instructions to goals: a small grammar over clauses, with embeddings for open wording.

An instruction is split into clauses; each clause is a verb with noun phrases and asks for literals
over the core predicates. What a later clause overrides ("open the drawer, ..., close it") becomes
a milestone on the way. Nothing here knows whole sentences, and words never leave as anything but
literals over entities of the scene.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.errors import InstructionError, RefusedError, UnknownNameError
from robot_skills.core.plan import Literal, Milestone, SkillCall
from robot_skills.core.policy import TextEncoder
from robot_skills.core.predicates import holds, in_
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler import lexicon as words
from robot_skills.scheduler.grounding import Grounder, GroundingConfig, Wanted
from robot_skills.scheduler.lexicon import Act
from robot_skills.scheduler.symbolic import contradict
from robot_skills.skills.card import ParameterType, SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageConfig:
    """Limits of what is read.

    Attributes:
        max_characters: Longest instruction.
        similarity: Least cosine similarity of open wording to a known verb form.
        margin: How much nearer it has to be to the best meaning than to the second.
        grounding: The same for nouns.
    """

    max_characters: int = 500
    similarity: float = 0.6
    margin: float = 0.03
    grounding: GroundingConfig = field(default_factory=GroundingConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class Understanding:
    """What an instruction asks for. See `robot_skills.core.plan.Plan` for the attributes."""

    goal: tuple[Literal, ...]
    milestones: tuple[Milestone, ...]
    wording: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ask:
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
        cards: Skills by name; their verb forms extend the built-in verbs.
        encoder: For open wording; without it unknown words are refused.
        config: Limits.
    """

    def __init__(
        self,
        cards: Mapping[str, SkillCard],
        encoder: TextEncoder | None = None,
        config: LanguageConfig | None = None,
    ) -> None:
        self._cards = cards
        self._encoder = encoder
        self._config = config or LanguageConfig()

    def parse(self, instruction: str, scene: Scene) -> Understanding:
        """What an instruction asks for in a scene.

        Raises:
            InstructionError: It is empty, too long, ambiguous, or not understood.
            UnknownNameError: It names a thing that is not in the scene, or asks for something that
                no skill does.
        """
        tokens = tokenise(instruction, self._config.max_characters)
        reader = _Reader(
            cards=self._cards,
            scene=scene,
            encoder=self._encoder,
            config=self._config,
            instruction=instruction,
        )
        asks = reader.read(tokens)
        goal, milestones = _combine(asks, scene)
        return Understanding(
            goal=goal, milestones=milestones, wording=tuple(dict.fromkeys(reader.wording))
        )


def tokenise(instruction: str, max_characters: int) -> list[str]:
    """Lower-case words and punctuation of an instruction.

    Raises:
        InstructionError: It is empty, too long, a question, or has no words.
    """
    text = unicodedata.normalize("NFKC", instruction).strip()
    if not text:
        raise InstructionError("The instruction is empty. Say what to do, as in 'open the drawer'.")
    if len(text) > max_characters:
        raise InstructionError(
            f"The instruction has {len(text)} characters, at most {max_characters} are read."
        )
    text = text.lower().replace("\u2019", "'").replace("`", "'")
    tokens = re.findall(r"[a-z0-9_]+(?:'[a-z]+)?|[,;.!?\n&]", text)
    if not any(token[0].isalpha() for token in tokens):
        raise InstructionError(f"{_short(instruction)} has no words that can be read.")
    while tokens and not tokens[-1][0].isalnum() and tokens[-1] != "?":
        tokens.pop()
    return tokens


class _Reader:
    """Reads the clauses of one instruction, in order."""

    def __init__(
        self,
        *,
        cards: Mapping[str, SkillCard],
        scene: Scene,
        encoder: TextEncoder | None,
        config: LanguageConfig,
        instruction: str,
    ) -> None:
        self._cards = cards
        self._scene = scene
        self._encoder = encoder
        self._config = config
        self._instruction = instruction
        self._grounder = Grounder(scene, encoder, config.grounding)
        self._verbs = _verb_table()
        self._last: Act | None = None
        self._notes: list[str] = []

    @property
    def wording(self) -> list[str]:
        return [*self._notes, *self._grounder.wording]

    def read(self, tokens: list[str]) -> list[_Ask]:
        self._refuse_what_is_no_command(tokens)
        clauses = [self._strip(clause) for clause in self._clauses(_reorder(tokens))]
        asks = [self._clause(clause) for clause in clauses if clause]
        if not asks:
            raise InstructionError(
                f"{_short(self._instruction)} asks for nothing that can be done."
            )
        return asks

    # -- splitting -------------------------------------------------------------------------------

    def _refuse_what_is_no_command(self, tokens: Sequence[str]) -> None:
        plain = _strip_start(list(tokens), words.POLITE)
        if plain and plain[0] in words.QUESTIONS:
            raise InstructionError(
                f"{_short(self._instruction)} is a question, not an instruction."
            )
        text = " ".join(tokens)
        for token in tokens:
            if token in words.NEGATIONS and "but not" not in text:
                raise InstructionError(
                    f"{token!r} cannot be honoured: say what to do, not what to leave."
                )
            if token in words.CONDITIONS and token != "as":
                raise InstructionError(
                    f"{token!r} cannot be honoured: conditions and choices are not understood."
                )

    def _clauses(self, tokens: list[str]) -> list[list[str]]:
        """Split where a new clause begins."""
        clauses: list[list[str]] = [[]]
        i = 0
        while i < len(tokens):
            strong = next((s for s in words.THEN if _at(tokens, i, s)), None)
            if strong is not None and clauses[-1]:
                clauses.append([])
                i += len(strong.split()) or 1
                continue
            weak = tokens[i] in ("and", ",", "&", "?")
            if weak and clauses[-1] and self._begins_clause(tokens[i + 1 :], clauses[-1]):
                clauses.append([])
                i += 1
                continue
            if not (weak and not clauses[-1]) and tokens[i] not in ("?", "!", ".", ";", "\n"):
                clauses[-1].append(tokens[i])
            i += 1
        return [_trim(clause) for clause in clauses]

    def _begins_clause(self, rest: Sequence[str], before: Sequence[str]) -> bool:
        """Whether what follows "and" or a comma is a clause of its own."""
        rest = _strip_start(list(rest), words.POLITE)
        if not rest:
            return True
        if not self._grounder.begins_phrase(rest) or self._verb(rest) is not None:
            return not _preposition_at(rest, 0)
        segment = _until(rest, ("and", ",", "then", ";", "."))
        if _state_verb(segment) is not None:
            return True
        placed = _prepositions(before, words.RELATIONS)
        more = _prepositions(_until(rest, ("then", ";", ".")), words.RELATIONS)
        return bool(placed) and bool(more) and self._last_act(before) in (Act.PLACE, Act.STACK)

    def _last_act(self, clause: Sequence[str]) -> Act | None:
        found = self._verb(_strip_start(list(clause), words.POLITE))
        return found[0] if found else self._last or Act.PLACE

    def _strip(self, clause: list[str]) -> list[str]:
        return _strip_end(_strip_start(clause, words.POLITE), words.TRAILING)

    # -- clauses ---------------------------------------------------------------------------------

    def _clause(self, tokens: list[str]) -> _Ask:
        for form in (self._state, self._card_without_arguments):
            ask = form(tokens)
            if ask is not None:
                return ask
        found = self._verb(tokens)
        if found is None and self._grounder.begins_phrase(tokens):
            found = self._inherited(tokens)
        if found is None:
            ask = self._card_form(tokens)
            if ask is not None:
                return ask
            found = self._open_wording(tokens)
        act, rest = found
        self._last = act
        return self._act(act, rest, tokens)

    def _inherited(self, tokens: list[str]) -> tuple[Act, list[str]] | None:
        """A clause without a verb repeats the one before: "..., then the green one in the box"."""
        return (self._last, tokens) if self._last is not None else None

    def _verb(self, tokens: Sequence[str]) -> tuple[Act, list[str]] | None:
        """The act of the longest known verb at the start, and the words behind it."""
        for length in range(min(6, len(tokens)), 0, -1):
            act = self._verbs.get(tuple(tokens[:length]))
            if act is not None:
                return self._particle(act, list(tokens[:length]), list(tokens[length:]))
        if not tokens:
            return None
        base = _BASES.get(tokens[0], tokens[0])
        for (verb, particle), act in words.PARTICLE_VERBS.items():
            if base == verb and particle in tokens[1:]:
                return act, _without(list(tokens[1:]), particle)
        return None

    def _particle(self, act: Act, verb: list[str], rest: list[str]) -> tuple[Act, list[str]]:
        """Take up a particle that stands behind the object: "pick the cube up"."""
        base = _BASES.get(verb[0], verb[0])
        if len(verb) > 1:
            return act, rest
        for (first, particle), other in words.PARTICLE_VERBS.items():
            if first != base or particle not in rest:
                continue
            at = rest.index(particle)
            last = at == len(rest) - 1
            if particle == "out" and at + 1 < len(rest) and rest[at + 1] == "of":
                return other, rest
            if last or at == 0 or particle in ("up", "down"):
                return other, _without(rest, particle)
        return act, rest

    def _act(self, act: Act, rest: list[str], clause: list[str]) -> _Ask:
        match act:
            case Act.PICK:
                return self._pick(rest)
            case Act.PLACE:
                return self._place(rest, clause)
            case Act.STACK:
                return self._stack(rest, clause)
            case Act.PUT_DOWN:
                return self._put_down(rest, clause)
            case Act.TAKE_OUT:
                return self._take_out(rest, clause)
            case Act.OPEN | Act.CLOSE:
                predicate = "open" if act is Act.OPEN else "closed"
                names = self._grounder.resolve(_text(rest), _articulated)
                return _Ask(literals=tuple(_lit(predicate, name) for name in names))
            case Act.RELEASE:
                if rest:
                    self._grounder.resolve(_text(rest), _movable)
                return _Ask(literals=(_lit("hand_empty"),))
            case Act.EMPTY:
                return self._empty(rest)
            case Act.HOME:
                return self._home(clause)

    def _pick(self, rest: list[str]) -> _Ask:
        sources = _prepositions(rest, words.SOURCES)
        targets = _prepositions(rest, words.RELATIONS)
        if rest and rest[0] in ("me", "us"):
            rest = rest[1:]
        moved_to = [(i, p) for i, p in targets if words.RELATIONS[p] == "to" or "to" in p]
        if moved_to:
            return self._place(rest, rest)
        if sources and sources[0][1] in ("out of", "off", "off of"):
            return self._take_out(rest, rest)
        names = self._grounder.resolve(_text(rest), _movable)
        if len(names) > 1:
            raise InstructionError(
                f"One arm holds one thing: {', '.join(names)} cannot all be picked up. "
                "Say where they go."
            )
        return _Ask(literals=(_lit("holding", names[0]),), weak=True)

    def _place(self, rest: list[str], clause: list[str]) -> _Ask:
        rest = [word for word in rest if word not in ("back", "away", "down")]
        for _, preposition in _prepositions(rest, words.FOREIGN_RELATIONS):
            raise InstructionError(
                f"{preposition!r} is not a relation that a skill can make. Available: in, on."
            )
        splits = _prepositions(rest, words.RELATIONS)
        if not splits and rest and rest[-1] in words.THERE:
            return self._moved(rest[:-1], "to", ["it"])
        if not splits:
            raise self._no_place(clause)
        first: RefusedError | None = None
        for i, preposition in reversed(splits):
            target = rest[i + len(preposition.split()) :]
            if not target and preposition in ("in", "inside"):
                target = ["it"]
            if not target or i == 0:
                first = first or self._no_place(clause)
                continue
            groups = list(self._grounder.mentions.groups)
            try:
                return self._moved(rest[:i], words.RELATIONS[preposition], target)
            except RefusedError as error:
                self._grounder.mentions.groups = groups
                first = first or error
        raise first or self._no_place(clause)

    def _moved(self, things: list[str], relation: str, target: list[str]) -> _Ask:
        """Things brought into a relation with a target."""
        things = [word for word in things if word not in (",",) or True]
        source = _prepositions(things, words.SOURCES)
        if source:
            i, preposition = source[-1]
            things = [*things[:i], "from", *things[i + len(preposition.split()) :]]
        names = self._grounder.resolve(_text(things), _movable)
        wanted = _hollow if relation in ("in", "to") else None
        where = self._grounder.one(_text(target), wanted)
        literals = tuple(self._placed(name, relation, where) for name in names if name != where)
        if not literals:
            raise InstructionError(f"{where} cannot be moved to itself.")
        return _Ask(literals=literals)

    def _placed(self, thing: str, relation: str, where: str) -> Literal:
        target = self._scene[where]
        if relation == "to":
            relation = "in" if target.cavity is not None else "on"
        if relation == "on" and target.cavity is not None and target.articulation is None:
            self._notes.append(f"'on {where}' understood as 'in {where}'")
            relation = "in"
        return _lit(relation, thing, where)

    def _stack(self, rest: list[str], clause: list[str]) -> _Ask:
        """Stacks of two or more: "a on b on c", or things named without saying on what."""
        supports = [(i, p) for i, p in _prepositions(rest, words.RELATIONS)]
        if not supports:
            names = self._grounder.resolve(_text(rest), _movable)
            if len(names) < 2:
                raise self._no_place(clause)
            return _Ask(literals=_pile(names))
        if len(supports) == 1 or any(words.RELATIONS[p] != "on" for _, p in supports):
            return self._onto_pile(rest, clause)
        pieces = []
        start = 0
        for i, preposition in supports:
            pieces.append(rest[start:i])
            start = i + len(preposition.split())
        pieces.append(rest[start:])
        names = tuple(self._grounder.one(_text(piece)) for piece in pieces)
        return _Ask(literals=_pile(names))

    def _onto_pile(self, rest: list[str], clause: list[str]) -> _Ask:
        """Several things stacked on one target stand on each other."""
        ask = self._place(rest, clause)
        names = [literal.args[0] for literal in ask.literals]
        target = ask.literals[0].args[1]
        relation = ask.literals[0].predicate
        if relation == "on" and target != TABLE and len(names) > 1:
            return _Ask(literals=_pile((*reversed(names), target)))
        return ask

    def _put_down(self, rest: list[str], clause: list[str]) -> _Ask:
        if _prepositions(rest, words.RELATIONS):
            return self._place(rest, clause)
        names = self._grounder.resolve(_text(rest), _movable)
        return _Ask(literals=tuple(_lit("on", name, TABLE) for name in names))

    def _take_out(self, rest: list[str], clause: list[str]) -> _Ask:
        """Out of something, and down on the table unless the words say where."""
        source = _prepositions(rest, words.SOURCES)
        targets = [
            (i, p) for i, p in _prepositions(rest, words.RELATIONS) if source and i > source[-1][0]
        ]
        explicit = [p for _, p in targets if p not in ("in", "on", "inside")]
        if explicit:
            return self._place(rest, clause)
        rest = [word for word in rest if word != "out"] if not source else rest
        if source:
            i, preposition = source[-1]
            rest = [*rest[:i], "from", *rest[i + len(preposition.split()) :]]
        names = self._grounder.resolve(_text(rest), _movable)
        self._notes.append(f"{_text(clause)!r} understood as: {', '.join(names)} on the table")
        return _Ask(literals=tuple(_lit("on", name, TABLE) for name in names), weak=True)

    def _empty(self, rest: list[str]) -> _Ask:
        name = self._grounder.one(_text(rest))
        if name == TABLE:
            raise InstructionError("Clearing the table leaves open where things go: say where.")
        if self._scene[name].cavity is None:
            return _Ask(literals=(_lit("clear", name),))
        inside = [e.name for e in self._scene if e.name != name and in_(self._scene, e.name, name)]
        if not inside:
            self._notes.append(f"{name} is empty already")
        return _Ask(literals=tuple(_lit("on", thing, TABLE) for thing in inside))

    def _home(self, clause: list[str]) -> _Ask:
        card = next((c for c in self._cards.values() if c.name == "home"), None)
        if card is None or card.parameters:
            raise self._no_skill(_text(clause))
        return _Ask(call=SkillCall(skill=card.name))

    # -- other forms -----------------------------------------------------------------------------

    def _state(self, tokens: list[str]) -> _Ask | None:
        """A wanted state: "the drawer should be closed", "the red cube must be in the box"."""
        if self._verb(tokens) is not None:
            return None
        found = _state_verb(tokens)
        if found is not None:
            i, verb = found
            subject, state = tokens[:i], tokens[i + len(verb.split()) :]
        elif self._grounder.begins_phrase(tokens) and self._last is None:
            split = _wanted_state(tokens)
            if split is None:
                return None
            subject, state = tokens[:split], tokens[split:]
        else:
            return None
        if not subject or not state:
            return None
        return self._subject_in_state(subject, state)

    def _subject_in_state(self, subject: list[str], state: list[str]) -> _Ask:
        match _text(state):
            case "open" | "opened" | "pulled out":
                return self._act(Act.OPEN, subject, subject)
            case "closed" | "shut" | "close":
                return self._act(Act.CLOSE, subject, subject)
            case "empty" | "emptied" | "clear":
                return self._empty(subject)
            case "picked up" | "held" | "grasped" | "in the gripper" | "in your hand" | "lifted":
                return self._pick(subject)
        if state[0] in ("placed", "put", "stored", "stacked", "moved", "kept", "located"):
            state = state[1:]
        self._last = Act.PLACE
        return self._place([*subject, *state], [*subject, *state])

    def _card_without_arguments(self, tokens: list[str]) -> _Ask | None:
        for card in self._cards.values():
            if not card.parameters and _text(tokens) in card.verbs:
                return _Ask(call=SkillCall(skill=card.name))
        return None

    def _card_form(self, tokens: list[str]) -> _Ask | None:
        """A verb form that only a card brings: its effects are the goal."""
        for card in self._cards.values():
            for form in card.verbs:
                slots = _match_form(form.split(), tokens)
                if slots is not None:
                    return self._card_goal(card, slots)
        return None

    def _card_goal(self, card: SkillCard, slots: Mapping[str, list[str]]) -> _Ask:
        args: dict[str, str] = {}
        for parameter in card.parameters:
            said = slots.get(parameter.name)
            if said is None:
                raise InstructionError(f"{card.name} needs to know its {parameter.name}.")
            if parameter.type is ParameterType.WORD:
                args[parameter.name] = words.RELATIONS.get(_text(said), _text(said))
            else:
                args[parameter.name] = self._grounder.one(_text(said), parameter.type.admits)
        effects = tuple(
            effect
            for effect in card.effects(args)
            if not effect.negated and effect.predicate != "hand_empty"
        )
        if effects:
            return _Ask(literals=effects)
        return _Ask(call=SkillCall(skill=card.name, args=args))

    # -- open wording ----------------------------------------------------------------------------

    def _open_wording(self, tokens: list[str]) -> tuple[Act, list[str]]:
        """The act nearest in meaning to words that no verb list has."""
        first = _BASES.get(tokens[0], tokens[0])
        foreign = {first, _stem(tokens[0])} & words.FOREIGN_VERBS
        at = self._first_phrase(tokens)
        if foreign or at == 0 or at is None or self._encoder is None:
            raise self._no_skill(_text(tokens[: at or 1]))
        verb, rest = tokens[:at], tokens[at:]
        skeleton = self._skeleton(verb, rest)
        act, score, margin = self._nearest_act(skeleton)
        if score < self._config.similarity or margin < self._config.margin:
            raise self._no_skill(_text(verb))
        self._notes.append(f"{_text(verb)!r} understood as {act.value!r} (similarity {score:.2f})")
        if act is Act.PLACE:
            rest = _drop_particles(rest)
        elif act in (Act.OPEN, Act.CLOSE, Act.PICK):
            rest = rest[: _phrase_end(rest)]
        return act, rest

    def _first_phrase(self, tokens: Sequence[str]) -> int | None:
        return next(
            (i for i in range(1, len(tokens)) if self._grounder.begins_phrase(tokens[i:])), None
        )

    def _skeleton(self, verb: Sequence[str], rest: Sequence[str]) -> str:
        """The clause with its things replaced: "tuck something away in something"."""
        out = list(verb)
        i = 0
        while i < len(rest):
            preposition = _preposition_at(rest, i)
            if preposition:
                out += preposition.split()
                i += len(preposition.split())
            elif rest[i] in _PARTICLES:
                out.append(rest[i])
                i += 1
            else:
                if out[-1] != "something":
                    out.append("something")
                i += 1
        return " ".join(out)

    def _nearest_act(self, skeleton: str) -> tuple[Act, float, float]:
        """The nearest act, its similarity, and by how much it is nearer than the second."""
        if self._encoder is None:
            raise self._no_skill(skeleton)
        acts = [act for act, forms in words.EXEMPLARS.items() for _ in forms]
        forms = [form for forms in words.EXEMPLARS.values() for form in forms]
        embeddings = self._encoder.encode([skeleton, *forms])
        scores = embeddings[1:] @ embeddings[0]
        best = {act: float(np.max(scores[[a is act for a in acts]])) for act in words.EXEMPLARS}
        order = sorted(best, key=lambda act: -best[act])
        return order[0], best[order[0]], best[order[0]] - best[order[1]]

    # -- errors ----------------------------------------------------------------------------------

    def _no_skill(self, what: str) -> UnknownNameError:
        skills = ", ".join(sorted(self._cards)) or "none"
        return UnknownNameError(f"No skill for {what!r}. Available skills: {skills}.")

    def _no_place(self, clause: Sequence[str]) -> InstructionError:
        places = ", ".join(e.name for e in self._scene if e.cavity is not None or e.name == TABLE)
        return InstructionError(f"{_text(clause)!r} does not say where to. There are: {places}.")


def _combine(
    asks: Sequence[_Ask], scene: Scene
) -> tuple[tuple[Literal, ...], tuple[Milestone, ...]]:
    """One goal out of the clauses; what cannot hold together becomes a milestone on the way."""
    goal: list[tuple[Literal, bool]] = []
    milestones: list[Milestone] = []
    for ask in asks:
        broken = [
            (old, weak) for old, weak in goal if any(_excludes(old, new) for new in ask.literals)
        ]
        done = all(holds(scene, new) for new in ask.literals if new.predicate in ("on", "in"))
        if any(not weak or done for _, weak in broken):
            milestones.append(tuple(literal for literal, _ in goal))
        goal = [item for item in goal if item not in broken]
        known = [literal for literal, _ in goal]
        goal += [(new, ask.weak) for new in dict.fromkeys(ask.literals) if new not in known]
        if ask.call is not None:
            if goal:
                milestones.append(tuple(literal for literal, _ in goal))
            milestones.append(ask.call)
    return tuple(literal for literal, _ in goal), tuple(milestones)


def _excludes(a: Literal, b: Literal) -> bool:
    return contradict(a, b) or contradict(b, a)


def _pile(names: Sequence[str]) -> tuple[Literal, ...]:
    return tuple(_lit("on", a, b) for a, b in zip(names, names[1:], strict=False))


def _lit(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def _movable(entity: Entity) -> bool:
    return entity.movable and entity.name != TABLE


def _hollow(entity: Entity) -> bool:
    return entity.cavity is not None


def _articulated(entity: Entity) -> bool:
    return entity.articulation is not None


_PARTICLES = frozenset({"away", "up", "down", "out", "off", "back", "open", "shut", "closed"})


def _reorder(tokens: list[str]) -> list[str]:
    """Bring "before" and "after" clauses into the order of time."""
    if tokens and tokens[0] in ("after", "before", "once", "when") and "," in tokens:
        comma = tokens.index(",")
        a, b = tokens[1:comma], tokens[comma + 1 :]
        return [*b, "then", *a] if tokens[0] == "before" else [*a, "then", *b]
    for word in ("before", "after", "once"):
        if word in tokens[1:-1]:
            i = tokens.index(word, 1)
            follows = tokens[i + 1] in ("that", "this", "you", "all")
            if word == "after" and follows:
                continue
            a, b = tokens[:i], tokens[i + 1 :]
            return [*a, "then", *b] if word == "before" else [*b, "then", *a]
    return tokens


def _state_verb(tokens: Sequence[str]) -> tuple[int, str] | None:
    for i in range(1, len(tokens)):
        for verb in words.STATE_VERBS:
            if _at(tokens, i, verb):
                return i, verb
    return None


def _wanted_state(tokens: Sequence[str]) -> int | None:
    """Where the state begins in "(I want) the drawer closed" or "the red cube in the box"."""
    if tokens[-1] in ("open", "closed", "shut", "empty"):
        return len(tokens) - 1
    splits = _prepositions(tokens, words.RELATIONS)
    return splits[-1][0] if splits and splits[-1][0] > 0 else None


def _prepositions(tokens: Sequence[str], known: Iterable[str]) -> list[tuple[int, str]]:
    """Positions and texts of prepositions, the longest at each place, not overlapping."""
    ordered = sorted(known, key=lambda text: -len(text.split()))
    found: list[tuple[int, str]] = []
    i = 0
    while i < len(tokens):
        text = next((p for p in ordered if _at(tokens, i, p)), None)
        if text is None:
            i += 1
            continue
        found.append((i, text))
        i += len(text.split())
    return found


def _preposition_at(tokens: Sequence[str], i: int) -> str | None:
    known = (*words.RELATIONS, *words.SOURCES, *words.FOREIGN_RELATIONS)
    ordered = sorted(known, key=lambda text: -len(text.split()))
    return next((p for p in ordered if _at(tokens, i, p)), None)


def _phrase_end(tokens: Sequence[str]) -> int:
    """Where the first noun phrase ends at a particle."""
    return next((i for i, word in enumerate(tokens) if i and word in _PARTICLES), len(tokens))


def _drop_particles(tokens: Sequence[str]) -> list[str]:
    """Particles of an open verb say nothing: "tuck the cube away in ..."."""
    return [word for word in tokens if word not in _PARTICLES]


def _match_form(form: Sequence[str], tokens: Sequence[str]) -> dict[str, list[str]] | None:
    """Slots of a verb form such as ``press {button}`` filled from the words, or None."""
    if not form:
        return {} if not tokens else None
    head, rest = form[0], form[1:]
    if not head.startswith("{"):
        same = bool(tokens) and (tokens[0] == head or _BASES.get(tokens[0]) == head)
        return _match_form(rest, tokens[1:]) if same else None
    for length in range(1, len(tokens) + 1):
        more = _match_form(rest, tokens[length:])
        if more is not None:
            return {head.strip("{}"): list(tokens[:length]), **more}
    return None


def _stem(word: str) -> str:
    """A verb without the usual endings, roughly."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)]
    return word


def _inflections(verb: str) -> list[str]:
    """Forms of a base verb: itself, -s, -ing, -ed."""
    if verb.endswith("e"):
        return [verb, f"{verb}s", f"{verb[:-1]}ing", f"{verb}d"]
    short = len(verb) <= 4 and verb[-1] in "tbpg" and verb[-2] in "aeiou"
    root = verb + verb[-1] if short else verb
    return [verb, f"{verb}s", f"{root}ing", f"{root}ed"]


_BASES: dict[str, str] = {
    form: verb
    for phrase in (
        *(phrase for phrases in words.VERBS.values() for phrase in phrases),
        *(verb for verb, _ in words.PARTICLE_VERBS),
        *words.FOREIGN_VERBS,
    )
    for verb in [phrase.split()[0]]
    for form in _inflections(verb)
}
"""Base form of every inflected verb that is known."""


def _verb_table() -> dict[tuple[str, ...], Act]:
    table: dict[tuple[str, ...], Act] = {}
    for act, phrases in words.VERBS.items():
        for phrase in phrases:
            first, *others = phrase.split()
            for form in _inflections(first):
                table[(form, *others)] = act
    return table


def _strip_start(tokens: list[str], phrases: Sequence[str]) -> list[str]:
    """Drop polite openings and commas until something else comes."""
    ordered = sorted(phrases, key=lambda text: -len(text.split()))
    while tokens:
        if tokens[0] in (",", "?", "!", ".", ";"):
            tokens = tokens[1:]
            continue
        phrase = next((p for p in ordered if _at(tokens, 0, p)), None)
        if phrase is None or (phrase == "both" and len(tokens) > 1):
            return tokens
        tokens = tokens[len(phrase.split()) :]
    return tokens


def _strip_end(tokens: list[str], phrases: Sequence[str]) -> list[str]:
    while tokens:
        phrase = next((p for p in phrases if _at(tokens, len(tokens) - len(p.split()), p)), None)
        if phrase is None or len(phrase.split()) >= len(tokens):
            return tokens
        tokens = tokens[: -len(phrase.split())]
    return tokens


def _trim(tokens: list[str]) -> list[str]:
    while tokens and tokens[-1] in ("and", ",", "&"):
        tokens = tokens[:-1]
    return tokens


def _until(tokens: Sequence[str], stops: Iterable[str]) -> list[str]:
    end = next((i for i, token in enumerate(tokens) if token in stops), len(tokens))
    return list(tokens[:end])


def _at(tokens: Sequence[str], i: int, phrase: str) -> bool:
    parts = phrase.split() or [phrase]
    return i >= 0 and list(tokens[i : i + len(parts)]) == parts


def _without(tokens: list[str], word: str) -> list[str]:
    i = tokens.index(word)
    return tokens[:i] + tokens[i + 1 :]


def _text(tokens: Iterable[str]) -> str:
    return " ".join(tokens)


def _short(text: str, length: int = 60) -> str:
    """A quoted piece of what was said, on one line."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= length else f"{plain[:length]}...")
