"""Poses in cell files: ``{xyz: [m], wxyz: [...]}`` or ``{matrix: 4 x 4}``."""

import math

import numpy as np
import yaml

from hardware.cell.nodes import Section
from robot_skills.core.se3 import SE3, matrix_to_wxyz

_FARTHEST_M = 10.0
_RIGID = 2e-3


def pose_of(section: Section, key: str, *, needed: bool = False) -> SE3 | None:
    """A pose below a section; None where it is not given, or wrong."""
    if not section.has(key):
        if needed:
            section.mistake("", f"needs {key!r}: xyz [m] and wxyz, or a matrix.")
        return None
    part = section.section(key)
    pose = _matrix_pose(part) if part.has("matrix") else _xyz_wxyz_pose(part)
    part.finish()
    return pose


def _xyz_wxyz_pose(part: Section) -> SE3 | None:
    xyz = part.numbers(
        "xyz", 3, low=-_FARTHEST_M, high=_FARTHEST_M, unit="m (millimetres?)", needed=True
    )
    wxyz = part.numbers("wxyz", 4, low=-1.01, high=1.01, needed=True)
    if xyz is None or wxyz is None:
        return None
    length = float(np.linalg.norm(wxyz))
    if abs(length - 1.0) > _RIGID:
        part.mistake("wxyz", f"is no rotation: its length is {length:.4f}, 1 is needed.")
        return None
    return SE3.from_wxyz(wxyz / length, xyz)


def _matrix_pose(part: Section) -> SE3 | None:
    node = part.node_of("matrix", needed=True)
    rows = None if node is None else part.items_of("matrix", node)
    if rows is None:
        return None
    if len(rows) != 4 or any(
        not isinstance(row, yaml.SequenceNode) or len(row.value) != 4 for row in rows
    ):
        part.mistake("matrix", "needs 4 rows of 4 numbers.")
        return None
    T = np.array(
        [[part.as_number("matrix", one, -1e3, 1e3, "", math.nan) for one in row.value]
         for row in rows]
    )  # fmt: skip
    if np.isnan(T).any():
        return None
    R = T[:3, :3]
    off = float(np.abs(R.T @ R - np.eye(3)).max())
    if off > _RIGID or np.linalg.det(R) < 0.0 or np.abs(T[3] - (0.0, 0.0, 0.0, 1.0)).max() > 1e-9:
        part.mistake("matrix", "is no rigid pose: a rotation, a place [m] and a row 0 0 0 1.")
        return None
    if np.abs(T[:3, 3]).max() > _FARTHEST_M:
        part.mistake("matrix", f"lies farther than {_FARTHEST_M:g} m; are these millimetres?")
        return None
    return SE3.from_wxyz(matrix_to_wxyz(R), T[:3, 3])
