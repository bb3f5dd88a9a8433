"""Files that come with the project besides its code: cells, launch files, the skills' weights."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str, package: Path = _PACKAGE) -> Path:
    """Where a shipped folder is: in an installed package, or beside it in a checkout.

    Args:
        name: Of the folder, as in the repository, for example ``launch/config``.
        package: Folder of the package `robot_skills`.
    """
    installed = package / "shipped" / name
    return installed if installed.is_dir() else package.parent / name
