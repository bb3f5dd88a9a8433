"""Who carries out the tasks of the levels, by name."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from robot_skills.app.executives import FIXED
from robot_skills.app.suites import level_trial
from robot_skills.app.task_centric import TaskCentricConfig, task_centric_trial
from robot_skills.app.trials import Trial, TrialConfig
from robot_skills.app.zoo import TASK_CENTRIC_FOLDER
from robot_skills.perception.labels import ZOO_LABELS
from robot_skills.skills.card import CARD_FILE
from robot_skills.skills.library import SkillLibrary
from sim.tabletop.levels import Level

_MEASURED = "results"
"""Block of a card that says how it did, and so decides nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One way to carry out instructions.

    Attributes:
        name: What the table calls it.
        trial: Carries out trial `index` of a level; a function of a module.
        decides: Hash of the files in a training seed's folder that its trials depend on.
        folder: What it needs there besides the skills, and not every training seed has.
    """

    name: str
    trial: Callable[[TrialConfig, Level, int], Trial]
    decides: Callable[[Path], str]
    folder: str | None = None

    def is_in(self, zoo: Path) -> bool:
        """Whether a training seed has what the method needs."""
        return self.folder is None or (zoo / self.folder).is_dir()


def skills_hash(zoo: Path) -> str:
    """Of every skill in a folder and of what perception has learned.

    Args:
        zoo: Folder of the skill cards.

    Raises:
        RefusedError: It holds no skills.
    """
    digest = hashlib.sha256()
    folders = [*(card.directory for card in SkillLibrary.load(zoo)), ZOO_LABELS]
    for folder in sorted(folders, key=lambda folder: folder.name):
        for path in sorted(folder.iterdir()):
            digest.update(f"{folder.name}/{path.name}\n".encode())
            digest.update(_card(path) if path.name == CARD_FILE else path.read_bytes())
    return digest.hexdigest()


def _card(path: Path) -> bytes:
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in card.items() if key != _MEASURED}
    return json.dumps(kept, sort_keys=True).encode()


def _task_centric_hash(zoo: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted((zoo / TASK_CENTRIC_FOLDER).iterdir()):
        digest.update(f"{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _task_centric_trial(config: TrialConfig, level: Level, index: int) -> Trial:
    whole = TaskCentricConfig(checkpoint=config.zoo / TASK_CENTRIC_FOLDER, seed=config.seed)
    return task_centric_trial(whole, level, index)


def _fixed_order_trial(config: TrialConfig, level: Level, index: int) -> Trial:
    return level_trial(replace(config, executive=FIXED), level, index)


SKILLS = Method(name="skills", trial=level_trial, decides=skills_hash)
"""Our skills under the closed-loop executive."""
FIXED_ORDER = Method(name="fixed order", trial=_fixed_order_trial, decides=skills_hash)
"""Our skills, each once, as the first plan has them."""
TASK_CENTRIC = Method(
    name="task-centric",
    trial=_task_centric_trial,
    decides=_task_centric_hash,
    folder=TASK_CENTRIC_FOLDER,
)
"""One policy for whole tasks, with the network of one skill; it is told truly where things are."""

METHODS: Mapping[str, Method] = {
    method.name: method for method in (SKILLS, FIXED_ORDER, TASK_CENTRIC)
}
"""By name. The levels are measured with each of them; skills and factors with the first alone."""
