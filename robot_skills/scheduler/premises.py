"""Before a call: whether what it and the calls after it rely on is still so.

A plan is made for a scene, and each call of it brings about what later ones need. Between two calls
somebody may undo that, or move what is to be taken next. The former makes another plan necessary;
the latter does not, as a call is bound to what is seen when it begins, but it is worth knowing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import TABLE, Scene
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.expected import ExpectedStep
from robot_skills.skills.card import SkillCard, parse_literal

MOVED_M = 0.03
"""What is seen farther than this from where it was has been moved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Premises:
    """What is not so any more when a call is about to be made.

    Attributes:
        unmet: Its preconditions that do not hold.
        lost: What an earlier call or the start had brought, what a later call or the goal needs,
            and what does not hold any more.
        moved: Distance [m] of things that nobody's call has moved since the look before.
    """

    unmet: tuple[Literal, ...] = ()
    lost: tuple[str, ...] = ()
    moved: Mapping[str, float]

    @property
    def hold(self) -> bool:
        """Whether the call can be made as planned."""
        return not self.unmet and not self.lost

    def __str__(self) -> str:
        said = [f"{literal} does not hold" for literal in self.unmet]
        said += [f"{literal} is needed later and holds no longer" for literal in self.lost]
        said += [f"{name} was moved by {far:.2f} m" for name, far in self.moved.items()]
        return "; ".join(said)


def examine(
    call: SkillCall,
    card: SkillCard,
    step: ExpectedStep | None,
    planned: Scene,
    now: Scene,
    touched: Iterable[str],
) -> Premises:
    """What a call relies on, and what of it is not so any more.

    Args:
        call: About to be made.
        card: Of its skill.
        step: What is expected of it; None where nobody knows.
        planned: The look that the plan was made for.
        now: The latest look.
        touched: Names of things that calls were about since then.
    """
    keeps = () if step is None else step.keeps
    return Premises(
        unmet=goal_unmet(now, _preconditions(card, call)),
        lost=tuple(text for text in keeps if goal_unmet(now, (parse_literal(text),))),
        moved=moved_things(planned, now, touched),
    )


def moved_things(before: Scene, now: Scene, touched: Iterable[str]) -> dict[str, float]:
    """How far free things were moved that are seen in both looks and that no call was about."""
    known = {TABLE, *touched}
    far = {
        entity.name: float(
            np.linalg.norm(entity.T_base_entity.p - before[entity.name].T_base_entity.p)
        )
        for entity in now
        if entity.movable
        and entity.visible
        and entity.held_by is None
        and entity.name not in known
        and entity.name in before
    }
    return {name: way_m for name, way_m in far.items() if way_m > MOVED_M}


def _preconditions(card: SkillCard, call: SkillCall) -> tuple[Literal, ...]:
    try:
        return card.preconditions(call.args)
    except RefusedError:
        return ()
