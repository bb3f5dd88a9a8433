"""Instructions to goals: a small grammar over clauses, with embeddings for open wording.

Each clause is a verb with noun phrases and asks for literals over the core predicates. What a later
clause overrides ("open the drawer, ..., close it") becomes a milestone on the way. Nothing here
knows whole sentences, and words never leave as anything but literals over entities of the scene.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from robot_skills.core.errors import InstructionError, NotUnderstoodError
from robot_skills.core.plan import Literal, Milestone, Specification
from robot_skills.core.policy import TextEncoder
from robot_skills.core.predicates import PASSING, holds, shared_supports
from robot_skills.core.scene import Scene
from robot_skills.scheduler.symbolic import contradict
from robot_skills.scheduler.temporal.language import TemporalReader
from robot_skills.scheduler.temporal.ordering import order, specification_of
from robot_skills.scheduler.words.acts import Acts, Ask
from robot_skills.scheduler.words.amendments import Amendments
from robot_skills.scheduler.words.clauses import (
    refuse_questions,
    refuse_statements,
)
from robot_skills.scheduler.words.command_reader import CommandReader
from robot_skills.scheduler.words.courtesy import without_courtesy
from robot_skills.scheduler.words.dangers import refuse_dangers
from robot_skills.scheduler.words.embeddings import RememberingEncoder
from robot_skills.scheduler.words.grounding import Grounder, GroundingConfig
from robot_skills.scheduler.words.open_wording import OpenWording, OpenWordingConfig
from robot_skills.scheduler.words.rewordings import reworded
from robot_skills.scheduler.words.spelling import Dictionary, Speller
from robot_skills.scheduler.words.tokens import (
    shown,
    tokenise,
)
from robot_skills.scheduler.words.unread import refuse_unread
from robot_skills.skills.card import SkillCard


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
    specification: Specification | None = None


class LanguageParser:
    """Reads instructions about the skills of a library.

    Args:
        cards: The skills, for example a `SkillLibrary`; their verb forms extend the known verbs.
        encoder: For open wording; without it unknown words are refused.
        config: Limits.
        dictionary: Tells typing errors from other words; without it nothing is corrected.
    """

    def __init__(
        self,
        cards: Iterable[SkillCard],
        encoder: TextEncoder | None = None,
        config: LanguageConfig | None = None,
        dictionary: Dictionary | None = None,
    ) -> None:
        self._cards = {card.name: card for card in cards}
        self._encoder = None if encoder is None else RememberingEncoder(encoder)
        self._speller = Speller(self._cards.values(), dictionary) if dictionary else None
        self._config = config or LanguageConfig()
        self._open = None
        if self._encoder is not None:
            self._open = OpenWording(self._cards.values(), self._encoder, self._config.verbs)

    def parse(self, instruction: str, scene: Scene) -> Understanding:
        """What an instruction asks for in a scene.

        Raises:
            InstructionError: It is empty, too long, ambiguous, or not understood.
            UnknownNameError: It names a thing that is not in the scene, or asks for something that
                no skill does.
        """
        grounder = Grounder(scene, self._encoder, self._config.nouns)
        tokens, corrected = self._plainly(instruction, grounder)
        reader = CommandReader(self._cards, grounder, self._open)
        temporal = TemporalReader(reader, grounder, self._cards)
        reading = temporal.read(tokens)
        if not (reading.wishes or reading.formulas or reading.wording):
            raise InstructionError(f"{shown(instruction)} asks for nothing that can be done.")
        goal, milestones = _combine([wish.ask for wish in reading.wishes], scene)
        formulas = (*reading.formulas, *order(reading.wishes, scene))
        said = (*corrected, *reading.wording, *reader.wording, *grounder.wording)
        return Understanding(
            goal=goal,
            milestones=milestones,
            wording=tuple(dict.fromkeys(said)),
            specification=specification_of(formulas),
        )

    def binding(self, instruction: str, scene: Scene) -> Understanding | None:
        """What whoever reads an instruction by other means is held to.

        Returns:
            What it asks for; None where its grammar is not understood, and nothing in its words
            keeps others from acting on it.

        Raises:
            InstructionError: Nobody may act on it: it is dangerous, ambiguous, asks for nothing, or
                says limits that are not understood.
            UnknownNameError: It names a thing that is not in the scene, or asks for what no skill
                does.
        """
        try:
            return self.parse(instruction, scene)
        except NotUnderstoodError:
            grounder = Grounder(scene, self._encoder, self._config.nouns)
            tokens, _ = self._plainly(instruction, grounder)
            refuse_unread(tokens, grounder, Acts(self._cards, grounder).no_skill)
            return None

    def _plainly(self, instruction: str, grounder: Grounder) -> tuple[list[str], tuple[str, ...]]:
        """The words without typing errors, and without what says nothing or was taken back.

        Returns:
            They, and what was corrected.

        Raises:
            InstructionError: They are dangerous, or no instruction at all.
        """
        tokens = tokenise(instruction, self._config.max_characters)
        refuse_dangers(tokens)
        spelled = self._speller.spelled(tokens, grounder.scene) if self._speller else None
        tokens = spelled.tokens if spelled else tokens
        refuse_dangers(tokens)
        refuse_statements(tokens, instruction, grounder.names_a_thing)
        tokens = reworded(without_courtesy(tokens, grounder.names_a_thing), grounder)
        refuse_questions(tokens, instruction)
        tokens = Amendments(grounder).amended(tokens)
        return tokens, spelled.wording if spelled else ()


def _combine(
    asks: Sequence[Ask], scene: Scene
) -> tuple[tuple[Literal, ...], tuple[Milestone, ...]]:
    """One goal out of the clauses; what cannot hold together becomes a milestone on the way."""
    shared = shared_supports(scene)

    def ends(literal: Literal, ask: Ask) -> bool:
        """Whether a literal does not outlive what is asked next."""
        return literal.predicate in PASSING or any(
            contradict(literal, new, shared) or contradict(new, literal, shared)
            for new in ask.literals
        )

    goal: list[tuple[Literal, bool]] = []
    milestones: list[Milestone] = []
    for ask in asks:
        broken = [item for item in goal if ends(item[0], ask)]
        there = any(new.predicate in ("on", "in") and holds(scene, new) for new in ask.literals)
        if any(not weak or there for _, weak in broken):
            milestones.append(tuple(literal for literal, _ in goal))
        goal = [item for item in goal if item not in broken]
        if ask.by is not None and not all(holds(scene, literal) for literal in ask.literals):
            if goal:
                milestones.append(tuple(literal for literal, _ in goal))
            milestones.append(ask.by)
        known = [literal for literal, _ in goal]
        goal += [(new, ask.weak) for new in dict.fromkeys(ask.literals) if new not in known]
        if ask.call is not None:
            if goal:
                milestones.append(tuple(literal for literal, _ in goal))
            milestones.append(ask.call)
    held = [literal.args[0] for literal, _ in goal if literal.predicate == "holding"]
    if len(held) > 1:
        raise InstructionError(
            f"One arm holds one thing: {', '.join(held)} cannot all be picked up. "
            "Say where they go."
        )
    return tuple(literal for literal, _ in goal), tuple(milestones)
