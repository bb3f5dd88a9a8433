"""From what was said while something was done to a correction that can be kept and carried over.

Distilling after Zha et al. (2023, arXiv:2311.10678), without a language model: what was being done
says what the words are about, and only its kind is kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from robot_skills.core.errors import InstructionError, RefusedError
from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.core.policy import TextEncoder
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.corrections.amending import Parse, left_open
from robot_skills.scheduler.corrections.changes import (
    EDGE,
    Also,
    Choose,
    Correction,
    Level,
    Pace,
    Room,
    Scope,
    Shift,
    spoken,
)
from robot_skills.scheduler.corrections.intents import (
    Addition,
    Apart,
    Instead,
    Move,
    Said,
    Speed,
    Undo,
)
from robot_skills.scheduler.corrections.places import Place, gap_m
from robot_skills.scheduler.corrections.scopes import (
    call_scope,
    call_situation,
    goal_scope,
    goal_situation,
)
from robot_skills.scheduler.words import lexicon as known
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.skills.binding import bind_case
from robot_skills.skills.card import SkillCard, SkillKind
from robot_skills.skills.heeding import SLOWEST

Heeded = Callable[[Scope, str], Iterable[Correction]]
"""The corrections that are in effect for a kind of call in a situation."""

_STEP_M = 0.06
"""How much wider a gap becomes when nobody says how wide."""
NOT_BESIDE_M = 0.13
"""Gap from which on a thing does not count as next to another."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Situation:
    """What was going on when something was said.

    Attributes:
        plan: What is wanted, with the calls that are ahead.
        scene: The latest look.
        call: Being carried out, or carried out last; None when none was begun.
        shifts_m: How far calls go from their usual place, by the text of the call, (3,) each.
    """

    plan: Plan
    scene: Scene
    call: SkillCall | None
    shifts_m: Mapping[str, Array]


@dataclass(frozen=True, kw_only=True, slots=True)
class Meant:
    """A correction, and what it says of this run besides.

    Attributes:
        correction: That can be kept.
        call: That it is about; None when it is about a goal.
        swap: A thing of this run, and the one that is wanted in its place.
        lasting: Whether it says something of other runs, too.
    """

    correction: Correction
    call: SkillCall | None = None
    swap: tuple[str, str] | None = None
    lasting: bool = True


class Distiller:
    """Makes corrections of intents.

    Args:
        cards: The skills.
        parse: Reads additions, as the planner does.
        encoder: For things that are called by open words.
    """

    def __init__(
        self, cards: Mapping[str, SkillCard], parse: Parse, encoder: TextEncoder | None = None
    ) -> None:
        self._cards = cards
        self._parse = parse
        self._encoder = encoder

    def distil(self, said: Said, words: str, now: Situation, heeded: Heeded) -> Meant:
        """What an intent says in a situation.

        Args:
            said: The intent.
            words: What was said.
            now: The situation.
            heeded: Which corrections are in effect already: offsets and speeds are said of them.

        Raises:
            RefusedError: It cannot be told what it is about, or it asks for too much.
        """
        match said:
            case Move():
                return self._moved(said, words, now, heeded)
            case Speed(factor=factor):
                return self._paced(factor, words, now, heeded)
            case Apart():
                return self._apart(said, words, now)
            case Instead(phrase=phrase):
                return self._instead(phrase, words, now)
            case Addition(words=addition):
                return self._addition(addition, words, now)
            case Undo():
                raise InstructionError("There is no correction to undo.")

    def place(self, call: SkillCall, scene: Scene) -> Place:
        """Where a call goes as usual. Raises `RefusedError` when that cannot be told."""
        card = self._cards[call.skill]
        T_base_tool = scene.tools.get(DEFAULT_ARM, SE3.identity())
        binding = bind_case(card.case(call.args), call.args, scene, T_base_tool)
        return Place(card=card, call=call, scene=scene, binding=binding)

    def _moved(self, said: Move, words: str, now: Situation, heeded: Heeded) -> Meant:
        call = self._concerned(now, placing=said.placing)
        scope = call_scope(self._cards[call.skill], call, now.scene)
        before = (0.0, 0.0, 0.0)
        for correction in self._in_effect(call, scope, now, heeded):
            if isinstance(correction.change, Shift):
                before = correction.change.offset_m
        x, y, z = (old + new for old, new in zip(before, said.offset_m, strict=True))
        return self._of_call(call, scope, Shift(offset_m=(x, y, z)), words, now)

    def _paced(self, factor: float, words: str, now: Situation, heeded: Heeded) -> Meant:
        call = self._concerned(now)
        scope = call_scope(self._cards[call.skill], call, now.scene)
        before = 1.0
        for correction in self._in_effect(call, scope, now, heeded):
            if isinstance(correction.change, Pace):
                before = correction.change.speed
        if factor > 1.0 and before == 1.0:
            raise RefusedError(f"{call.skill} goes as fast as it is made for already.")
        speed = min(max(before * factor, SLOWEST), 1.0)
        return self._of_call(call, scope, Pace(speed=speed), words, now)

    def _apart(self, said: Apart, words: str, now: Situation) -> Meant:
        call = self._concerned(now, free=True)
        place = self.place(call, now.scene)
        to = said.phrase
        if to != EDGE:
            to = spoken(now.scene[Grounder(now.scene, self._encoder).one(to)])
        wide_m = said.gap_m
        if wide_m is None:
            p_base = place.T_base_usual.p + now.shifts_m.get(str(call), 0.0)
            wide_m = max(gap_m(place, p_base, to), 0.0) + _STEP_M
            if not said.more:
                wide_m = max(wide_m, NOT_BESIDE_M)
        scope = call_scope(place.card, call, now.scene)
        return self._of_call(call, scope, Room(to=to, gap_m=round(wide_m, 3)), words, now)

    def _of_call(
        self, call: SkillCall, scope: Scope, change: Shift | Pace | Room, words: str, now: Situation
    ) -> Meant:
        situation = call_situation(self._cards[call.skill], call, now.scene)
        correction = Correction(scope=scope, change=change, words=words, situation=situation)
        return Meant(correction=correction, call=call)

    def _in_effect(
        self, call: SkillCall, scope: Scope, now: Situation, heeded: Heeded
    ) -> Iterable[Correction]:
        return heeded(scope, call_situation(self._cards[call.skill], call, now.scene))

    def _concerned(self, now: Situation, *, placing: bool = False, free: bool = False) -> SkillCall:
        """The call that words are about: the present one, or the first ahead that they suit."""
        calls = ([now.call] if now.call is not None else []) + list(now.plan.calls)
        learned = [c for c in calls if self._cards[c.skill].kind is SkillKind.LEARNED]
        if not learned:
            raise InstructionError("Nothing is being done that could be done otherwise.")
        if placing:
            learned = [call for call in learned if _puts_down(self._cards[call.skill])]
            if not learned:
                raise InstructionError("Nothing is being put down.")
        if free:
            learned = [call for call in learned if self._is_free(call, now.scene)]
            if not learned:
                raise InstructionError(
                    "Nothing is being put on the table, where there would be other places."
                )
        return learned[0]

    def _is_free(self, call: SkillCall, scene: Scene) -> bool:
        try:
            return self.place(call, scene).free
        except RefusedError:
            return False

    def _instead(self, phrase: str, words: str, now: Situation) -> Meant:
        goal, old, new = self._wanted(phrase, now)
        if old.name == new.name:
            raise InstructionError(f"It is the {spoken(old)} already.")
        ranks = [word for word in phrase.split() if word in known.RANKINGS]
        colour = "" if ranks or new.colour == old.colour else new.colour
        lasting = left_open(now.plan.instruction, old) and bool(ranks or colour)
        # Without anything to tell them apart by there is nothing to remember.
        told = {"rank": ranks[0]} if ranks else {"colour": colour or new.colour or new.name}
        correction = Correction(
            scope=goal_scope(goal, now.scene),
            change=Choose(label=new.label, **told),
            words=words,
            situation=goal_situation(goal, now.scene),
        )
        return Meant(correction=correction, swap=(old.name, new.name), lasting=lasting)

    def _wanted(self, phrase: str, now: Situation) -> tuple[Literal, Entity, Entity]:
        """The goal that names a thing, that thing, and the one that is wanted in its place."""
        scene = now.scene
        goals = [goal for goal in now.plan.goal if all(name in scene for name in goal.args)]
        problems: list[RefusedError] = []
        for goal, name in _named(goals, now):
            old = scene[name]
            grounder = Grounder(scene, self._encoder)
            grounder.mentions.add((name,))
            try:
                found = grounder.one(phrase, lambda entity, label=old.label: entity.label == label)
            except RefusedError as error:
                problems.append(error)
                continue
            if scene[found].label == old.label:
                return goal, old, scene[found]
        if problems:
            raise InstructionError(f"Which one? {problems[0]}")
        raise InstructionError(f"Nothing that is wanted could be {phrase!r}.")

    def _addition(self, addition: str, words: str, now: Situation) -> Meant:
        said = _with_names(addition, now)
        more = self._parse(said, now.scene)
        trigger = _trigger(now.plan.goal, more.goal, now.scene)
        if trigger is None:
            scope, situation = Scope(level=Level.GOAL, name=""), now.plan.instruction
        else:
            scope, situation = goal_scope(trigger, now.scene), goal_situation(trigger, now.scene)
        correction = Correction(
            scope=scope, change=Also(words=said), words=words, situation=situation
        )
        return Meant(correction=correction, lasting=trigger is not None)


def _puts_down(card: SkillCard) -> bool:
    return any(
        effect.predicate == "hand_empty" and not effect.negated
        for case in card.cases
        for effect in case.effects
    )


def _named(goals: Iterable[Literal], now: Situation) -> Iterable[tuple[Literal, str]]:
    """Things that goals name, those that the words left open first."""
    pairs = [(goal, name) for goal in goals for name in goal.args]
    pairs = [(goal, name) for goal, name in pairs if now.scene[name].label != "table"]
    return sorted(pairs, key=lambda pair: not left_open(now.plan.instruction, now.scene[pair[1]]))


def _trigger(goals: Sequence[Literal], added: Sequence[Literal], scene: Scene) -> Literal | None:
    """The goal that an addition belongs to: one that names the same things, or the first."""
    there = [goal for goal in goals if all(name in scene for name in goal.args)]
    names = {name for literal in added for name in literal.args}
    return next((goal for goal in there if names & set(goal.args)), next(iter(there), None))


def _with_names(addition: str, now: Situation) -> str:
    """An addition with what "it" stands for: the thing that is being handled."""
    call = now.call or next(iter(now.plan.calls), None)
    names = [] if call is None else [n for n in call.args.values() if n in now.scene]
    if not names or "it" not in addition.split():
        return addition
    said = f"the {spoken(now.scene[names[0]])}"
    return " ".join(said if word == "it" else word for word in addition.split())
