"""Who takes corrections in, in one process with the skills, and where they are kept."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from robot_skills.core.plan import Plan, Planner
from robot_skills.core.scene import Scene
from robot_skills.scheduler.corrections.desk import CorrectionDesk
from robot_skills.scheduler.corrections.store import CorrectionStore
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.card import SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionsConfig:
    """What a cell knows of corrections.

    Attributes:
        path: File that they are kept in; None keeps them for the run alone.
        said: What is said at which time on the project clock, in order.
    """

    path: Path | None = None
    said: tuple[tuple[float, str], ...] = ()


def default_corrections() -> Path:
    """The operator's own file of corrections: in ``XDG_DATA_HOME``, or in ``~/.local/share``."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "robot-skills" / "corrections.sqlite"


def open_desk(config: CorrectionsConfig, cards: Iterable[SkillCard]) -> CorrectionDesk:
    """A desk for the skills of these cards; close it.

    Raises:
        RefusedError: The file of corrections cannot be used.
        MissingDependencyError: Sentence embeddings are not installed.
    """
    from policies.text import MiniLmEncoder

    cards, encoder = tuple(cards), MiniLmEncoder()
    parser = LanguageParser(cards, encoder)
    store = None if config.path is None else CorrectionStore(config.path).open()
    desk = CorrectionDesk({card.name: card for card in cards}, encoder, parser.parse, store)
    for at_s, words in config.said:
        desk.say(words, at_s)
    return desk


def replanner(
    planner: Planner, accept: Callable[[Plan, Scene], None]
) -> Callable[[Plan, Scene], Plan]:
    """Finds calls for what a plan wants, and has them accepted; raises `RefusedError`."""

    def replan(plan: Plan, scene: Scene) -> Plan:
        new = planner.replan(plan, scene)
        accept(new, scene)
        return new

    return replan
