"""Where the shipped skills lie."""

from pathlib import Path

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.shipped import shipped

_ZOO = shipped("zoo")


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
