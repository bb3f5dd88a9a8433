"""Where the shipped skills lie."""

from pathlib import Path

from robot_skills.core.errors import MissingDependencyError

_ZOO = Path(__file__).resolve().parents[2] / "zoo"


def zoo_dir() -> Path:
    """The folder of the shipped skills.

    Raises:
        MissingDependencyError: They are not part of this installation.
    """
    if not _ZOO.is_dir():
        raise MissingDependencyError(
            f"The shipped skills are missing: there is no {_ZOO}. "
            "Run from a checkout of the project."
        )
    return _ZOO
