"""Where the shipped skills lie, and the same skills from other training seeds."""

from pathlib import Path

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.shipped import shipped

_ZOO = shipped("zoo")
SEEDS = "seeds"
"""Folder among the skills with one library per training seed but the first."""
TASK_CENTRIC_FOLDER = "task_centric"
"""Folder among the skills of a training seed with one policy for whole tasks."""
COMPARED = (SEEDS, TASK_CENTRIC_FOLDER)
"""Folders among the skills that are no part of the library: what it is compared with."""


def zoo_dir() -> Path:
    """The folder of the shipped skills.

    Raises:
        MissingDependencyError: They are not part of this installation.
    """
    if not _ZOO.is_dir():
        raise MissingDependencyError(
            f"The shipped skills are missing: there is no {_ZOO}. "
            "Install the project anew, or run from a checkout of it."
        )
    return _ZOO


def seed_zoo(seed: int, zoo: Path | None = None) -> Path:
    """The library of a training seed.

    Args:
        seed: 0 for the shipped skills themselves.
        zoo: Folder of those; `zoo_dir` when None.
    """
    folder = zoo or zoo_dir()
    return folder if seed == 0 else folder / SEEDS / str(seed)


def seed_zoos(zoo: Path | None = None) -> list[Path]:
    """Libraries of all training seeds that there are, the shipped skills first.

    Args:
        zoo: Folder of the shipped skills; `zoo_dir` when None.
    """
    folder = zoo or zoo_dir()
    seeds = (int(path.name) for path in (folder / SEEDS).glob("*") if path.name.isdecimal())
    return [folder, *(seed_zoo(seed, folder) for seed in sorted(seeds))]
