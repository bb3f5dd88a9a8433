"""Which calls are of use for what is wanted: the few that nearly always bring it about."""

from collections.abc import Callable, Sequence
from itertools import combinations

from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.world_model import GroundCall, State, WorldModel


def relevant(model: WorldModel, state: State, goal: Sequence[Literal]) -> set[str]:
    """What the goal names, what is on top of that or shuts it in, what is held, and the table."""
    names = {name for literal in goal for name in literal.args} | {TABLE}
    names |= {args[0] for predicate, args in state if predicate == "holding"}
    while True:
        more = {a[0] for p, a in state if p == "on" and a[1] in names and a[1] != TABLE}
        more |= {a[1] for p, a in state if p == "in" and a[0] in names}
        if more <= names:
            return names
        names |= more


def about(call: GroundCall, names: set[str]) -> bool:
    """Whether a call needs and changes nothing but some things."""
    entities = {name for literal in (*call.preconditions, *call.effects) for name in literal.args}
    return entities <= names


def tidy(call: GroundCall, goal: Sequence[Literal]) -> bool:
    """Whether a call leaves things only where the goal wants them, or on the table."""
    if beside_for_nothing(call, goal):
        return False
    places = [effect for effect in call.effects if effect.predicate in ("on", "in")]
    wanted = any(effect in goal for effect in call.effects if effect.args)
    return wanted or all(place.args[1] == TABLE for place in places)


def beside_for_nothing(call: GroundCall, goal: Sequence[Literal]) -> bool:
    """Whether a call puts something beside another thing, which nobody wants."""
    return any(x.predicate == "beside" and not x.negated and x not in goal for x in call.effects)


def without_detours(
    calls: Sequence[GroundCall], works: Callable[[Sequence[GroundCall]], bool]
) -> tuple[GroundCall, ...]:
    """The plan less any call, or pair of calls, that it does not need."""
    calls = tuple(calls)
    for size in (2, 1):
        for drop in combinations(range(len(calls)), size):
            shorter = tuple(call for i, call in enumerate(calls) if i not in drop)
            if works(shorter):
                return without_detours(shorter, works)
    return calls
