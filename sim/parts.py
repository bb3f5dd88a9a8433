"""Building blocks of MuJoCo models: geom groups, contact masks and plain shapes.

Groups decide what is drawn: viewers show 0-2 and hide 3. Robot geoms touch the world but never each
other; keeping the arm out of itself is left to inverse kinematics and limits, which is cheaper than
testing all pairs in every physics step.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.se3 import SE3

DRAWN_GROUP = 1
"""Drawn as it is in every picture; felt too, unless its masks say otherwise."""
VISUAL_GROUP = 2
"""Robot meshes: seen only, and heavy enough to deserve a light twin."""
COLLISION_GROUP = 3
"""Felt only."""

WORLD_BIT = 1
ROBOT_BIT = 2

GRIP_FRICTION = (1.2, 0.02, 0.0005)
"""Rubber pads: sliding, torsional [m], rolling [m]."""
OBJECT_FRICTION = (1.0, 0.01, 0.0005)


@cache
def assets() -> Path:
    """Folder of robosuite's MJCF models and meshes, found without importing it (1.4 s, warnings).

    Raises:
        MissingDependencyError: robosuite is not installed.
    """
    package = find_spec("robosuite")
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "The simulated cell needs robosuite's models, which are not installed. "
            "Install the extra: pip install 'robot-skills[sim]'."
        )
    return Path(package.origin).parent / "models" / "assets"


def load_asset(name: str, drop_lines_with: str = "") -> mujoco.MjSpec:
    """Read one of robosuite's models, ready to be attached.

    Args:
        name: Path below `assets()`.
        drop_lines_with: Lines of the file that hold this text are left out.
    """
    path = assets() / name
    lines = path.read_text(encoding="utf-8").splitlines()
    if drop_lines_with:
        lines = [line for line in lines if drop_lines_with not in line]
    spec = mujoco.MjSpec.from_string("\n".join(lines))
    # robosuite's parts rely on the radians of the scene that they are merged into.
    spec.compiler.degree = False
    for asset in (*spec.meshes, *spec.textures):
        if asset.file:
            asset.file = str((path.parent / asset.file).resolve())
    return spec


def quat(T: SE3) -> list[float]:
    """Quaternion as MuJoCo's model editor wants it."""
    return [float(x) for x in T.wxyz()]


def place(body: mujoco.MjsBody, T: SE3) -> None:
    """Set the pose of a body in its parent."""
    body.pos = [float(x) for x in T.p]
    body.quat = quat(T)


def add_box(
    body: mujoco.MjsBody,
    *,
    lower_m: ArrayLike,
    upper_m: ArrayLike,
    rgba: ArrayLike,
    name: str = "",
    group: int = DRAWN_GROUP,
    mass_kg: float | None = None,
) -> mujoco.MjsGeom:
    """Add an axis-aligned box between two corners given in the body's frame."""
    lower = np.asarray(lower_m, dtype=np.float64)
    upper = np.asarray(upper_m, dtype=np.float64)
    geom = body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.5 * (lower + upper)).tolist(),
        size=(0.5 * (upper - lower)).tolist(),
        rgba=list(np.asarray(rgba, dtype=np.float64)),
        group=group,
        friction=list(OBJECT_FRICTION),
    )
    if name:
        geom.name = name
    if mass_kg is not None:
        geom.mass = mass_kg
    _set_masks(geom, group, WORLD_BIT)
    return geom


def _set_masks(geom: mujoco.MjsGeom, group: int, contype: int) -> None:
    felt = group in (DRAWN_GROUP, COLLISION_GROUP)
    geom.contype = contype if felt else 0
    geom.conaffinity = WORLD_BIT if felt else 0


def as_collision(geom: mujoco.MjsGeom, contype: int) -> None:
    """Make a geom felt only."""
    geom.group = COLLISION_GROUP
    _set_masks(geom, COLLISION_GROUP, contype)


def as_visual(geom: mujoco.MjsGeom) -> None:
    """Make a geom seen only, without mass."""
    geom.group = VISUAL_GROUP
    geom.mass = 0.0
    _set_masks(geom, VISUAL_GROUP, 0)
