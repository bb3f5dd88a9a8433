"""What the table measures, and what is required of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

from benchmarks.success import FIRST_EPISODE
from benchmarks.table.methods import METHODS, SKILLS, TASK_CENTRIC, Method
from benchmarks.table.trial_log import Job
from robot_skills.app.options import SceneSource
from robot_skills.app.trials import TrialConfig, skill_trial
from sim.tabletop.factors import TABLETOP_FACTORS
from sim.tabletop.levels import LEVELS, SEEN_ARM, Level
from sim.variation import MEASURED, Variation

SKILL_BARS: Mapping[str, float] = {
    "reach": 0.95,
    "grasp": 0.92,
    "place": 0.92,
    "push": 0.95,
    "press": 0.95,
    "open": 0.95,
    "close": 0.95,
    "insert": 0.80,
}
"""Skills, and the success that is required of each on new layouts."""
LEVEL_BARS: Mapping[str, float] = {"II": 0.85, "III": 0.80, "IV": 0.75, "V": 0.75}
"""Success that is required of our skills."""
LEAD_BARS: Mapping[str, float] = {"IV": 0.50, "V": 0.50}
"""How far our skills have to be ahead of one policy for whole tasks."""
FALSE_REPORTS_BAR = 0.03
"""Share of the trials that may be believed to have succeeded and have not."""
_SCENE: SceneSource = "rgbd"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSeed:
    """What was trained from one seed.

    Attributes:
        zoo: Folder of the skills.
        hashes: Of the files that decide how each method does, by its name; of the methods that it
            has all files of.
    """

    zoo: Path
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, zoo: Path) -> "TrainingSeed":
        """Read what lies in a folder."""
        here = [method for method in METHODS.values() if method.is_in(zoo)]
        hashes = {method.name: method.decides(zoo) for method in here}
        return cls(zoo=zoo, hashes=hashes)


class Kind(Enum):
    """What a cell is about."""

    SKILL = "skill"
    LEVEL = "level"
    FACTOR = "factor"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One figure of the table.

    Attributes:
        kind: What it is about.
        of: Name of the skill, level or factor.
        method: Who is measured, one of `METHODS`.
    """

    kind: Kind
    of: str
    method: str = SKILLS.name

    @property
    def name(self) -> str:
        """What it goes by on the command line."""
        return f"{self.kind.value}:{self.of}:{self.method}"

    @property
    def bar(self) -> float | None:
        """Success that is required, if any is."""
        if self.method != SKILLS.name:
            return None
        bars = {Kind.SKILL: SKILL_BARS, Kind.LEVEL: LEVEL_BARS}
        return bars.get(self.kind, {}).get(self.of)

    @property
    def lead_bar(self) -> float | None:
        """How far our skills have to be ahead of the method, if that is required."""
        if self.kind is not Kind.LEVEL or self.method != TASK_CENTRIC.name:
            return None
        return LEAD_BARS.get(self.of)

    def jobs(self, trained: TrainingSeed) -> tuple[Job, ...]:
        """What is tried with one training seed.

        Of a factor that is varied and as usual; of a level, the method's and our skills' trials:
        those of the same number are a pair.
        """
        match self.kind:
            case Kind.SKILL:
                return (_skill_job(trained, self.of),)
            case Kind.LEVEL:
                both = dict.fromkeys((self.method, SKILLS.name))
                return tuple(_level_job(trained, LEVELS[self.of], METHODS[each]) for each in both)
            case Kind.FACTOR:
                factor = TABLETOP_FACTORS[self.of]
                sides = (factor.varied, factor.usual)
                return tuple(_level_job(trained, side, METHODS[self.method]) for side in sides)


CELLS: tuple[Cell, ...] = (
    *(Cell(kind=Kind.SKILL, of=skill) for skill in SKILL_BARS),
    *(Cell(kind=Kind.LEVEL, of=level, method=method) for method in METHODS for level in LEVELS),
    *(Cell(kind=Kind.FACTOR, of=factor) for factor in TABLETOP_FACTORS),
)
"""Every cell, in the order in which the page shows them."""


def _skill_job(trained: TrainingSeed, skill: str) -> Job:
    config = replace(_config(trained), variation=MEASURED)
    return Job(
        name=f"skill {skill}",
        source=trained.zoo.name,
        decides=_digest(trained.hashes[SKILLS.name], skill, SEEN_ARM, MEASURED),
        run=partial(skill_trial, config, skill),
    )


def _level_job(trained: TrainingSeed, level: Level, method: Method) -> Job:
    config = _config(trained)
    return Job(
        name=f"level {level.name}, {method.name}",
        source=trained.zoo.name,
        decides=_digest(trained.hashes[method.name], method.name, level),
        run=partial(method.trial, config, level),
    )


def _config(trained: TrainingSeed) -> TrialConfig:
    return TrialConfig(arm=SEEN_ARM, scene=_SCENE, seed=FIRST_EPISODE, zoo=trained.zoo)


def _digest(files: str, *declared: str | Level | Variation) -> str:
    """Hash of all that decides a trial besides its number and the code."""
    return hashlib.sha256(repr((files, _SCENE, FIRST_EPISODE, declared)).encode()).hexdigest()
