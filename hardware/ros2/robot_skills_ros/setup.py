"""Installs the executables, launch files and cells, by pip as well as by colcon.

    pip install ./hardware/ros2/robot_skills_ros        (in a virtual environment)
    colcon build --packages-select robot_skills_ros     (in a ROS 2 workspace)

Every module of `robot_skills.app.nodes` with a `main` becomes an executable of its name.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from setuptools import setup

NAME = "robot_skills_ros"
ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """#!/bin/sh
exec "$(dirname "$0")/../../bin/python" -m robot_skills.app.nodes.{name} "$@"
"""


def nodes() -> list[str]:
    """Names of the executables."""
    modules = sorted((ROOT / "robot_skills" / "app" / "nodes").glob("*.py"))
    return [path.stem for path in modules if "\ndef main(" in path.read_text(encoding="utf-8")]


def files(pattern: str) -> list[str]:
    """Files that match, through the link to ``launch/``: colcon wants no path that leads out."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


def scripts() -> list[str]:
    """Write an executable for each node, and return where they are."""
    folder = Path("build", "executables")
    folder.mkdir(parents=True, exist_ok=True)
    for name in nodes():
        path = folder / name
        path.write_text(SCRIPT.format(name=name))
        path.chmod(0o755)
    return [str(folder / name) for name in nodes()]


if not nodes() or not files("launch/*.launch.py"):
    sys.exit(
        f"{NAME} installs nodes and launch files of the repository that it is part of, and finds "
        f"none in {ROOT}: build it inside the repository."
    )

share: list[tuple[str, Sequence[str]]] = [
    ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
    (f"share/{NAME}", ["package.xml"]),
    (f"share/{NAME}/launch", files("launch/*.launch.py")),
    (f"share/{NAME}/launch/config", files("launch/config/*.yaml")),
]
entry_points: dict[str, list[str]] = {}
# pip puts entry points into bin/, where ROS does not look and where names like `gate` do harm: it
# gets scripts. colcon puts entry points where ROS looks, with the right Python in them.
if "bdist_wheel" in sys.argv:
    share.append((f"lib/{NAME}", scripts()))
else:
    entry_points["console_scripts"] = [
        f"{name} = robot_skills.app.nodes.{name}:main" for name in nodes()
    ]

setup(
    name=NAME,
    version="0.1.0",
    description="Nodes, launch files and cells of robot-skills.",
    license="Apache-2.0",
    packages=[NAME],
    install_requires=["robot-skills"],
    zip_safe=False,
    data_files=share,
    entry_points=entry_points,
)
