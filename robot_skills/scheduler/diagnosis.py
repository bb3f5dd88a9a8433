"""Why a goal cannot be reached: the first thing on the way that no call brings about."""

from collections.abc import Iterable, Sequence

from robot_skills.core.errors import PlanningError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import fits
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.astar import search
from robot_skills.scheduler.missing import missing_for
from robot_skills.scheduler.strips import StripsProblem, compile_strips
from robot_skills.scheduler.world_model import (
    STATIC,
    GroundCall,
    State,
    WorldModel,
    why_not_fits,
    why_not_pushed,
)
from robot_skills.skills.card import SkillCard

_DEPTH = 6
"""How far an explanation follows preconditions of preconditions."""


class Diagnosis:
    """Explains why a goal cannot be reached from a state.

    Args:
        model: Of the scene.
        state: What holds.
        calls: Everything that can be done.
        cards: The skills.
    """

    def __init__(
        self,
        model: WorldModel,
        state: State,
        calls: Sequence[GroundCall],
        cards: Iterable[SkillCard],
    ) -> None:
        self._model = model
        self._state = state
        self._calls = calls
        self._lacking: Literal | None = None
        self._predicates = {
            (effect.predicate, effect.negated)
            for card in cards
            for case in card.cases
            for effect in case.effects
        }

    def error(self, goal: Sequence[Literal]) -> PlanningError:
        """What to say, and which skill would help where none has a wanted effect."""
        message = self._message(goal)
        if self._lacking is not None:
            return missing_for(self._lacking, message)
        return PlanningError(message)

    def _message(self, goal: Sequence[Literal]) -> str:
        """One line that names what is missing."""
        blocked = [literal for literal in goal if not self._reachable(literal)]
        if blocked:
            reasons = dict.fromkeys(self._why(literal, _DEPTH) for literal in blocked)
            return f"No plan: {'; '.join(reasons)}."
        alone = [literal for literal in goal if search(self._problem([literal])) is None]
        if alone:
            names = ", ".join(str(literal) for literal in alone)
            return f"No plan: no sequence of skills reaches {names} from here."
        names = ", ".join(str(literal) for literal in goal)
        return f"No plan: each of {names} can be reached, but no way was found to all together."

    def _problem(self, goal: Sequence[Literal]) -> StripsProblem:
        return compile_strips(self._model, self._state, self._calls, goal)

    def _reachable(self, literal: Literal) -> bool:
        if self._model.holds(self._state, literal):
            return True
        if literal.predicate in STATIC:
            return False
        problem = self._problem([literal])
        return problem.goal <= problem.reachable()

    def _why(self, literal: Literal, depth: int) -> str:
        if literal.predicate in STATIC:
            thing_and_hole = literal.predicate in ("fits", "snug") and not literal.negated
            if thing_and_hole and not fits(self._model.scene, *literal.args):
                return why_not_fits(self._model.scene, *literal.args)
            if literal.predicate == "way_free" and not literal.negated:
                return why_not_pushed(self._model.scene, *literal.args)
            return f"{literal} is not so, and no skill changes it"
        ways = [call for call in self._calls if literal in call.effects]
        if not ways:
            return self._no_way(literal)
        missing = min((self._missing(call) for call in ways), key=len)
        if not missing or depth == 0:
            return f"no sequence of skills reaches {literal} from here"
        return self._why(missing[0], depth - 1)

    def _missing(self, call: GroundCall) -> list[Literal]:
        return [literal for literal in call.preconditions if not self._reachable(literal)]

    def _no_way(self, literal: Literal) -> str:
        opens = literal.predicate == "accepts" and not literal.negated
        if opens and not self._model.opens_upwards(literal.args[0]):
            return (
                f"things are put in from above, and {literal.args[0]} has no opening there: "
                "say on top of it, or another place"
            )
        if (literal.predicate, literal.negated) not in self._predicates:
            self._lacking = literal
            return f"no skill has the effect {literal}"
        thing = literal.args[-1] if literal.args else ""
        match literal.predicate:
            case "holding":
                return f"{thing} cannot be picked up"
            case "open" | "closed":
                return f"{thing} has nothing that opens"
            case "turned_on" | "turned_off":
                return f"{thing} has nothing that switches"
            case "in" if literal.args[0] != thing:
                entity = self._model.scene[literal.args[0]]
                movable = entity.movable and entity.name != TABLE
                return (
                    f"{thing} has no room inside" if movable else f"{entity.name} cannot be moved"
                )
            case "on" if not self._model.can_stand_on(*literal.args):
                return f"{thing} has no top to stand on"
            case "on":
                return f"{literal.args[0]} cannot be moved"
            case _:
                return f"no skill can make {literal} true"
