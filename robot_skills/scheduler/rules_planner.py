"""The default planner: grammar and embeddings for the words, symbolic search for the calls."""

from collections.abc import Iterable
from dataclasses import replace

from robot_skills.core.plan import Plan
from robot_skills.core.policy import TextEncoder
from robot_skills.core.scene import Scene
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.words.language import LanguageConfig, LanguageParser
from robot_skills.scheduler.words.spelling import Dictionary
from robot_skills.skills.card import SkillCard


class RulesPlanner:
    """Plans offline, at once, and the same way every time.

    Args:
        cards: The skills, for example a `SkillLibrary`.
        encoder: Sentence embeddings for open wording; without it unknown words are refused.
        config: How words are read.
        dictionary: Tells typing errors from other words; without it nothing is corrected.
    """

    name = "rules"

    def __init__(
        self,
        cards: Iterable[SkillCard],
        encoder: TextEncoder | None = None,
        config: LanguageConfig | None = None,
        dictionary: Dictionary | None = None,
    ) -> None:
        cards = tuple(cards)
        self._parser = LanguageParser(cards, encoder, config, dictionary)
        self._search = SymbolicPlanner(cards)

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction. Raises as `robot_skills.core.plan.Planner.plan` says."""
        understood = self._parser.parse(instruction, scene)
        return Plan(
            instruction=instruction,
            goal=understood.goal,
            calls=self._search.plan(
                scene, understood.goal, understood.milestones, understood.specification
            ),
            planner=self.name,
            wording=understood.wording,
            milestones=understood.milestones,
            specification=understood.specification,
        )

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for the same goal, and what is left of milestones and specification."""
        calls = self._search.plan(scene, plan.goal, plan.milestones, plan.specification)
        return replace(plan, calls=calls)
