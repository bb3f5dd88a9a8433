"""What calls are expected to change, and what each of them is for.

A call does what its card says, and what follows from that by nature (`world_model`). Between the
calls of a plan there are causal links (McAllester and Rosenblitt, *Systematic Nonlinear Planning*,
1991): a call brings about a literal, a later one needs it, and it has to last in between. Links say
why a step is there; what lasts says what no step may disturb.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall, Specification
from robot_skills.core.predicates import PASSING
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal.planning import begun, foreseen
from robot_skills.scheduler.world_model import (
    STATIC,
    State,
    WorldModel,
    card_predicates,
    ground_call,
)
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """How a call that does what its card says changes the facts; literals without negations.

    Attributes:
        call: That is made.
        brings: What holds when it has ended, and did not before.
        ends: What held before, and no longer does when it has ended. What passes with every motion
            (``over``, ``alongside``) is left out.
        lasting: The other facts: they hold before, afterwards, and all the while.
    """

    call: SkillCall
    brings: tuple[Literal, ...]
    ends: tuple[Literal, ...]
    lasting: tuple[Literal, ...]


class Served(Enum):
    """Who needs what a step brings about. The values are what a log holds."""

    CALL = "call"
    """A later call, as a precondition."""
    MILESTONE = "milestone"
    """What the words ask for on the way."""
    GOAL = "goal"
    SPECIFICATION = "specification"
    ASKED = "asked"
    """The words ask for the call itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What a step is for.

    Attributes:
        served: Who needs it.
        literal: What it brings about; of a specification, the formula; empty where the call itself
            was asked for.
        step: Number of the later call that needs it, from 0; None for anybody else.
    """

    served: Served
    literal: str = ""
    step: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedStep:
    """One call of a plan: what it is expected to change, and what for.

    Attributes:
        brings: What holds afterwards and did not before.
        ends: What held before and does not afterwards, other than what stood beside what.
        keeps: What a later call or the goal needs, holds before, and has to hold afterwards.
        links: What the step is for.
    """

    brings: tuple[str, ...]
    ends: tuple[str, ...]
    keeps: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values, as a PLAN event holds them."""
        return {
            "brings": list(self.brings),
            "ends": list(self.ends),
            "keeps": list(self.keeps),
            "for": [
                {"served": link.served.value, "literal": link.literal, "step": link.step}
                for link in self.links
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ExpectedStep":
        """From the values of a PLAN event. Raises `ValueError`, `KeyError` or `TypeError`."""
        return cls(
            brings=tuple(map(str, data["brings"])),
            ends=tuple(map(str, data["ends"])),
            keeps=tuple(map(str, data["keeps"])),
            links=tuple(
                Link(served=Served(item["served"]), literal=item["literal"], step=item["step"])
                for item in data["for"]
            ),
        )


def expect(call: SkillCall, scene: Scene, cards: Mapping[str, SkillCard]) -> Expectation:
    """What is expected of one call in a scene.

    Args:
        call: That is made now.
        scene: The latest look.
        cards: The skills by name.

    Raises:
        UnknownNameError: The skill, or a thing that its effects name, does not exist.
        RefusedError: The arguments are not those of the skill.
    """
    model = WorldModel(scene, card_predicates(cards.values()))
    before = model.initial()
    after = model.apply(before, ground_call(cards[call.skill], call.args).effects)
    brings, ends = _changes(model, before, after)
    lasting = sorted(fact for fact in before & after if fact[0] not in PASSING)
    return Expectation(
        call=call,
        brings=brings,
        ends=ends,
        lasting=tuple(Literal(predicate=name, args=args) for name, args in lasting),
    )


def expect_plan(
    plan: Plan, scene: Scene, cards: Mapping[str, SkillCard]
) -> tuple[ExpectedStep, ...]:
    """What is expected of every call of a plan.

    Args:
        plan: The calls, and what they are for.
        scene: That the plan was made for.
        cards: The skills by name.

    Returns:
        One step per call; none for a plan that no checker would accept, because it names what is
        not there.
    """
    try:
        return _Chain(plan, scene, cards).steps()
    except RefusedError:
        return ()


def possible_changes(before: State, after: State) -> Iterator[Literal]:
    """Literals whose truth may differ between two states, derived ones among them; each once."""
    different = sorted(before ^ after)
    for predicate, args in different:
        yield Literal(predicate=predicate, args=args)
    yield Literal(predicate="hand_empty", args=())
    for name in dict.fromkeys(name for _, args in different for name in args):
        yield Literal(predicate="clear", args=(name,))
        yield Literal(predicate="accessible", args=(name,))


def _changes(
    model: WorldModel, before: State, after: State
) -> tuple[tuple[Literal, ...], tuple[Literal, ...]]:
    """What a call brings about, and what it ends."""
    changed = [
        (literal, model.holds(after, literal))
        for literal in possible_changes(before, after)
        if model.holds(before, literal) != model.holds(after, literal)
    ]
    brings = tuple(literal for literal, holds in changed if holds)
    ends = (literal for literal, holds in changed if not holds)
    return brings, tuple(literal for literal in ends if literal.predicate not in PASSING)


@dataclass(kw_only=True)
class _Step:
    """What is known of one call so far."""

    brings: tuple[Literal, ...]
    ends: tuple[Literal, ...]
    keeps: dict[str, None] = field(default_factory=dict)
    links: dict[Link, None] = field(default_factory=dict)


class _Chain:
    """Goes through a plan and notes who makes what, and who needs it."""

    def __init__(self, plan: Plan, scene: Scene, cards: Mapping[str, SkillCard]) -> None:
        self._plan = plan
        self._cards = cards
        self._model = WorldModel(scene, card_predicates(cards.values()))
        self._state = self._model.initial()
        self._progress = begun(
            plan.specification or Specification(parts=()), self._model, self._state
        )
        self._ahead: list[Milestone] = list(plan.milestones)
        self._steps: list[_Step] = []
        self._makers: dict[Literal, int] = {}

    def steps(self) -> tuple[ExpectedStep, ...]:
        self._pass_milestones()
        for call in self._plan.calls:
            self._make(call)
        for literal in self._plan.goal:
            self._need(literal, Link(served=Served.GOAL, literal=str(literal)))
        return tuple(
            ExpectedStep(
                brings=tuple(map(str, step.brings)),
                ends=tuple(str(x) for x in step.ends if x.predicate != "beside"),
                keeps=tuple(step.keeps),
                links=tuple(step.links),
            )
            for step in self._steps
        )

    def _make(self, call: SkillCall) -> None:
        grounded = ground_call(self._cards[call.skill], call.args)
        number = len(self._steps)
        for literal in grounded.preconditions:
            self._need(literal, Link(served=Served.CALL, literal=str(literal), step=number))
        before, progress = self._state, self._progress
        self._state, self._progress = foreseen(progress, self._model, before, grounded)
        brings, ends = _changes(self._model, before, self._state)
        self._steps.append(_Step(brings=brings, ends=ends))
        for literal in brings:
            self._made(literal, number)
        for literal in ends:
            self._made(replace(literal, negated=True), number)
        for part, was, now in zip(
            progress.specification().parts, progress.alone(), self._progress.alone(), strict=True
        ):
            if not was.accepted and now.accepted:
                self._link(number, Link(served=Served.SPECIFICATION, literal=part))
        if self._ahead and self._ahead[0] == call:
            self._ahead.pop(0)
            self._link(number, Link(served=Served.ASKED))
        self._pass_milestones()

    def _pass_milestones(self) -> None:
        """Leave behind what is asked for on the way and holds now."""
        while self._ahead:
            step = self._ahead[0]
            if isinstance(step, SkillCall) or self._model.unmet(self._state, step):
                return
            for literal in step:
                self._need(literal, Link(served=Served.MILESTONE, literal=str(literal)))
            self._ahead.pop(0)

    def _made(self, literal: Literal, number: int) -> None:
        self._makers[literal] = number
        self._makers.pop(replace(literal, negated=not literal.negated), None)

    def _need(self, literal: Literal, link: Link) -> None:
        """Link what is needed now to the call that made it, across all that lie between."""
        maker = self._makers.get(literal)
        if maker is not None:
            self._link(maker, link)
        if self._lasts_anyway(literal) or self._model.unmet(self._state, (literal,)):
            return
        for step in self._steps[0 if maker is None else maker + 1 :]:
            step.keeps[str(literal)] = None

    def _link(self, number: int, link: Link) -> None:
        self._steps[number].links[link] = None

    def _lasts_anyway(self, literal: Literal) -> bool:
        """Whether no call can end it: what the geometry says, and the room on shared supports."""
        shared = literal.predicate == "clear" and literal.args[0] in self._model.shared
        return shared or literal.predicate in STATIC


def expected_of_event(data: Mapping[str, Any]) -> tuple[ExpectedStep, ...]:
    """The steps of a PLAN event; empty where the log is older than expectations, or says less."""
    try:
        return tuple(map(ExpectedStep.from_json, data.get("expected", ())))
    except (KeyError, TypeError, ValueError):
        return ()
