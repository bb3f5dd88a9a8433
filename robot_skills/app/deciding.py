"""Who plans, who accepts plans, and who goes on from them: the same in one process and over ROS."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robot_skills.app.executives import CLOSED_LOOP, FIXED, SEQUENCER, checked_executive
from robot_skills.app.learned_deciding import LEARNED, Sight, load_learned
from robot_skills.app.options import MODEL_PLANNERS
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import (
    CheckpointError,
    MissingDependencyError,
    RefusedError,
    unknown_name,
)
from robot_skills.core.limits import CartesianLimits
from robot_skills.core.plan import Planner
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array
from robot_skills.core.sequencer import Sequencer
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Strategy
from robot_skills.scheduler.fixed_order import FixedOrder
from robot_skills.scheduler.forbidden import Forbidden
from robot_skills.scheduler.models.tree_walk import TreeWalk
from robot_skills.scheduler.plan_checker import CallRule, CheckerConfig, PlanChecker
from robot_skills.scheduler.reach import Reach
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.sequencing import Sequencing
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary

if TYPE_CHECKING:
    from robot_skills.app.model_planning import Models

PLANNERS = ("rules", *MODEL_PLANNERS, LEARNED)
"""Planners that there are; the first is the default."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Deciders:
    """Who plans and decides.

    Attributes:
        cards: Of the skills.
        planner: Makes the plans.
        strategy: Decides after the plan, and after every call.
        sight: Shows a learned planner what things look like, once it has met a robot.
    """

    cards: SkillLibrary
    planner: Planner
    strategy: Strategy
    sight: Sight | None = None


def load_deciders(
    planner: str = PLANNERS[0],
    executive: str = CLOSED_LOOP,
    zoo: Path | None = None,
    models: "Models | None" = None,
) -> Deciders:
    """Cards without policies, and who decides with them, where the skills are done elsewhere.

    Args:
        planner: Who plans.
        executive: Who decides after the plan, and after every call.
        zoo: Folder of the skills; the shipped ones when None.
        models: Language models, for a planner that asks one.

    Raises:
        RefusedError: The cards, or what decides, cannot be read, or the planner asks a language
            model and none is named.
        MissingDependencyError: Something that they need is not installed.
    """
    folder = zoo or zoo_dir()
    return deciders_of(SkillLibrary.load(folder), folder, planner, executive, models)


def deciders_of(
    cards: SkillLibrary, zoo: Path, planner: str, executive: str, models: "Models | None" = None
) -> Deciders:
    """Who decides with these skills.

    Args:
        cards: The skills.
        zoo: Their folder.
        planner: Who plans.
        executive: Who decides after the plan, and after every call.
        models: Language models, for a planner that asks one.

    Raises:
        RefusedError: What decides cannot be read, or there is none of that name.
        MissingDependencyError: Something that it needs is not installed.
    """
    if checked_executive(executive) == SEQUENCER:
        from policies.text import MiniLmDictionary, MiniLmEncoder

        sequencer = _sequencer(zoo / SEQUENCER)
        parser = LanguageParser(cards, MiniLmEncoder(), dictionary=MiniLmDictionary())
        sequencing = Sequencing(sequencer, parser.parse, cards)
        return Deciders(cards=cards, planner=sequencing, strategy=sequencing)
    if planner == LEARNED:
        from policies.text import MiniLmDictionary, MiniLmEncoder

        sight = Sight()
        parser = LanguageParser(cards, MiniLmEncoder(), dictionary=MiniLmDictionary())
        learned = load_learned(cards, zoo, sight, parser.binding)
        steps = FixedOrder() if executive == FIXED else learned
        return Deciders(cards=cards, planner=learned, strategy=steps, sight=sight)
    plans = _planner(planner, cards, models)
    if isinstance(plans, TreeWalk):
        if executive != CLOSED_LOOP:
            raise RefusedError(
                f"Several plans (--plans) are walked by their own executive: leave out --executive "
                f"{executive}."
            )
        return Deciders(cards=cards, planner=plans, strategy=plans)
    strategy = FixedOrder() if executive == FIXED else ClosedLoop()
    return Deciders(cards=cards, planner=plans, strategy=strategy)


def reach_checker(
    cards: Iterable[SkillCard],
    limits: CartesianLimits,
    kinematics: Kinematics,
    q_rad: Array,
    forbidden: Iterable[ForbiddenRegion] = (),
) -> PlanChecker:
    """Who accepts plans for an arm, which has to reach what they are about.

    Args:
        cards: The skills.
        limits: Of the arm's tool.
        kinematics: Of the arm.
        q_rad: Joints that it sets out from, (n,).
        forbidden: Where it must not go.
    """
    cards, regions = tuple(cards), tuple(forbidden)
    rules: tuple[CallRule, ...] = (Reach(limits, kinematics, q_rad),)
    if regions:
        rules = (*rules, Forbidden(regions, cards))
    return PlanChecker(cards, CheckerConfig(rules=rules))


def _sequencer(checkpoint: Path) -> Sequencer:
    """Raises `CheckpointError` and `MissingDependencyError`, and says what to do."""
    otherwise = f"or choose the executive {CLOSED_LOOP} or {FIXED}"
    try:
        from policies.sequencer import LearnedSequencer
    except ImportError as error:
        raise MissingDependencyError(
            f"The executive {SEQUENCER!r} needs torch, which is not there: {error}. Install the "
            f"extra `train`: pip install 'robot-skills[train]', {otherwise}."
        ) from None
    try:
        return LearnedSequencer.load(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} Train a sequencer with `robot-skills train-sequencer --out {checkpoint}`, "
            f"{otherwise}."
        ) from None


def _planner(name: str, cards: SkillLibrary, models: "Models | None") -> Planner:
    if name not in PLANNERS:
        raise unknown_name("planner", name, PLANNERS)
    from policies.text import MiniLmDictionary, MiniLmEncoder

    rules = RulesPlanner(cards, MiniLmEncoder(), dictionary=MiniLmDictionary())
    if name == PLANNERS[0]:
        return rules
    if models is None:
        raise RefusedError(
            f"The planner {name!r} needs a language model, and none is named: give --model, or use "
            "the planner 'rules'."
        )
    return models.planner(name, cards, rules)
