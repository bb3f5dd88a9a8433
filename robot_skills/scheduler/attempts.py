"""Who makes an attempt at a skill."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from robot_skills.core.plan import SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.skills.runner import SkillContext, run_skill
from robot_skills.skills.variation import USUAL, Variation

SkillRunner = Callable[[SkillCall, Scene, int], tuple[SkillResult, Scene]]
"""Makes one attempt at a call on the latest scene; also given how many attempts the run made before
it. Answers with how it ended and the scene as seen afterwards."""


@runtime_checkable
class VaryingRunner(Protocol):
    """A `SkillRunner` that can make an attempt otherwise than usual."""

    def varied(
        self, call: SkillCall, scene: Scene, attempt: int, variation: Variation
    ) -> tuple[SkillResult, Scene]:
        """Make one attempt, as varied."""
        ...


_ATTEMPTS = 1000
"""Seeds set apart for the attempts of one run, so that runs with other seeds have other ones."""


class _ContextRunner:
    """Makes attempts with a skill context; a `SkillRunner` and a `VaryingRunner`."""

    def __init__(self, context: SkillContext) -> None:
        self._context = context

    def __call__(self, call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        return self.varied(call, scene, attempt, USUAL)

    def varied(
        self, call: SkillCall, scene: Scene, attempt: int, variation: Variation
    ) -> tuple[SkillResult, Scene]:
        seed = _ATTEMPTS * self._context.seed + attempt
        return run_skill(call, replace(self._context, scene=scene, seed=seed, variation=variation))


def context_runner(context: SkillContext) -> SkillRunner:
    """The runner of a skill context; every attempt gets a seed of its own."""
    return _ContextRunner(context)
