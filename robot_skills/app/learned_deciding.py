"""The learned scheduler of a folder of skills, and the eyes that it looks through."""

from collections.abc import Callable, Iterable
from pathlib import Path

from robot_skills.core.errors import CheckpointError, MissingDependencyError
from robot_skills.core.next_call import Glimpses, Vocabulary
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.scheduler.learned import LearnedConfig, LearnedScheduling
from robot_skills.scheduler.words.language import Understanding
from robot_skills.skills.card import ParameterType, SkillCard

LEARNED = "learned"
"""Name of the planner."""
LEARNED_FOLDER = "learned_scheduler"
"""Folder of its checkpoint, among the skills."""


class Sight:
    """What things look like, through the cameras of the robot that was met last; else nothing."""

    def __init__(self) -> None:
        self._robot: Robot | None = None
        self._cameras: tuple[str, ...] = ()

    def meet(self, robot: Robot, cameras: tuple[str, ...]) -> None:
        """Look through these cameras of a robot from now on."""
        self._robot, self._cameras = robot, cameras

    def __call__(self, scene: Scene) -> Glimpses:
        """Pictures of the things in a scene. Raises `PerceptionError`."""
        if self._robot is None or not self._cameras:
            return {}
        from robot_skills.perception.glimpses import glimpses

        return glimpses(scene, self._robot.observe(self._cameras).cameras)


def load_learned(
    cards: Iterable[SkillCard],
    zoo: Path,
    glimpses: Callable[[Scene], Glimpses],
    rules: Callable[[str, Scene], Understanding | None] | None = None,
) -> LearnedScheduling:
    """The learned scheduler that lies among the skills.

    Args:
        cards: The skills.
        zoo: Their folder.
        glimpses: What things look like.
        rules: What it is held to for an instruction; to nothing when None.

    Raises:
        CheckpointError: There is none that can be used; says how one is trained.
        MissingDependencyError: torch is not installed.
    """
    cards, checkpoint = tuple(cards), zoo / LEARNED_FOLDER
    try:
        from policies.learned_scheduler import LearnedScheduler
    except ImportError as error:
        raise MissingDependencyError(
            f"The planner {LEARNED!r} needs torch, which is not there: {error}. Install the extra "
            "`train`: pip install 'robot-skills[train]', or choose the planner rules."
        ) from None
    try:
        predictor = LearnedScheduler.load(checkpoint, vocabulary_of(cards))
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} Train one with `robot-skills train-scheduler --out {checkpoint}`, or choose "
            "the planner rules."
        ) from None
    config = LearnedConfig(sure_from=predictor.sure_from)
    return LearnedScheduling(predictor, cards, config, glimpses, rules)


def vocabulary_of(cards: Iterable[SkillCard]) -> Vocabulary:
    """What calls of these skills are made of."""
    cards = tuple(cards)
    words = [
        word
        for card in cards
        for parameter in card.parameters
        if parameter.type is ParameterType.WORD
        for word in parameter.choices
    ]
    return Vocabulary(
        skills={card.name: f"{card.name}: {card.summary}" for card in cards},
        words=tuple(dict.fromkeys(words)),
    )
