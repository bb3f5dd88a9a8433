"""Bundle adjustment over chains of poses: cameras, boards, and arms that are not quite exact.

Every picture says where the corners of a board are in a camera. Where they should be follows from
a chain of poses from the camera to the board, some of which are known and some not:

- a camera on the tool:  ``T_camera_board = T_tool_camera^-1 D^-1 T_base_tool^-1 T_base_board``
- a camera on the base:  ``T_camera_board = T_base_camera^-1 T_base_tool D T_tool_board``
- cameras of a rig:      ``T_camera_board = T_rig_camera^-1 T_rig_board``

``D`` is how far the tool really was from where the arm said, drawn to zero by the arm's accuracy.
All unknown poses are refined together (Levenberg and Marquardt; Triggs et al., *Bundle adjustment:
a modern synthesis*, 2000) on blocks of 6 x 6, which is all of the matrix that is ever made; corners
that do not fit count less (Huber, 1964).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board_pose import moved, point_derivatives
from calibration.lens import Lens
from robot_skills.core.se3 import SE3, Array

_HUBER = 2.5
"""Standard deviations up to which a corner counts in full."""
_MOST_STEPS = 30
_DONE = 1e-9
_HARDEST = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """A link of a chain that is looked for.

    Attributes:
        index: Among the unknown poses.
        inverse: Whether the chain runs through it backwards.
    """

    index: int
    inverse: bool = False


Link = SE3 | Unknown


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sight:
    """Corners of a board in a camera.

    Attributes:
        lens: Of the camera.
        links: From the camera to the board.
        points_m: Corners in the board's frame, (n, 3).
        pixels: Where they are, (n, 2).
        sigma_px: Standard deviation of a corner in either direction.
    """

    lens: Lens
    links: tuple[Link, ...]
    points_m: Array
    pixels: Array
    sigma_px: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prior:
    """An unknown pose that is near the identity.

    Attributes:
        index: Among the unknown poses.
        sigma: Standard deviations of its twist (v [m], w [rad]), (6,).
    """

    index: int
    sigma: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Refined:
    """What came of it.

    Attributes:
        poses: The unknown ones.
        covariance: Of their errors, twists (v, w) in their own frames, (6 k, 6 k).
        rms_px: Of the corners' distances, per sight, (n,).
    """

    poses: tuple[SE3, ...]
    covariance: Array
    rms_px: Array

    def block(self, *indices: int) -> Array:
        """Covariance of some of the poses together."""
        rows = np.concatenate([np.arange(6 * i, 6 * i + 6) for i in indices])
        return self.covariance[np.ix_(rows, rows)]


def refine(poses: Sequence[SE3], sights: Sequence[Sight], priors: Sequence[Prior] = ()) -> Refined:
    """Refine all unknown poses together.

    Args:
        poses: Where to begin.
        sights: What was seen.
        priors: What is known besides.
    """
    poses = list(poses)
    cost, H, g = _normal(poses, sights, priors)
    damping = 1e-6
    for _ in range(_MOST_STEPS):
        harder = H + damping * np.diag(np.diag(H) + 1e-12)
        step = np.asarray(np.linalg.solve(harder, -g), dtype=np.float64)
        tried = [moved(T, step[6 * i : 6 * i + 6]) for i, T in enumerate(poses)]
        cost_tried, H_tried, g_tried = _normal(tried, sights, priors)
        if cost_tried > cost * (1.0 + 1e-12):
            damping *= 10.0
            if damping > _HARDEST:
                break
            continue
        gained = cost - cost_tried
        poses, cost, H, g = tried, cost_tried, H_tried, g_tried
        damping = max(0.1 * damping, 1e-12)
        if gained <= _DONE * max(cost, 1.0):
            break
    rms = [np.sqrt((_seen_off(poses, sight)[0] ** 2).sum(axis=-1).mean()) for sight in sights]
    covariance = np.asarray(np.linalg.pinv(H), dtype=np.float64)
    return Refined(poses=tuple(poses), covariance=covariance, rms_px=np.array(rms))


def product(links: Sequence[Link], poses: Sequence[SE3]) -> SE3:
    """The pose at the end of a chain."""
    T = SE3.identity()
    for link in links:
        T = T @ _value(link, poses)
    return T


def _value(link: Link, poses: Sequence[SE3]) -> SE3:
    if isinstance(link, SE3):
        return link
    return poses[link.index].inverse() if link.inverse else poses[link.index]


def _seen_off(poses: Sequence[SE3], sight: Sight) -> tuple[Array, Array]:
    """How far corners are from where they should be, (n, 2), and how that goes by their places."""
    p_camera = product(sight.links, poses) @ sight.points_m
    pixels, by_point, _ = sight.lens.project_with_derivatives(p_camera)
    return pixels - sight.pixels, by_point


def _normal(
    poses: Sequence[SE3], sights: Sequence[Sight], priors: Sequence[Prior]
) -> tuple[float, Array, Array]:
    """Cost, normal matrix and gradient at poses."""
    size = 6 * len(poses)
    H, g, cost = np.zeros((size, size)), np.zeros(size), 0.0
    for sight in sights:
        off, by_point = _seen_off(poses, sight)
        length = np.linalg.norm(off, axis=-1) / sight.sigma_px
        weight = np.minimum(1.0, _HUBER / np.maximum(length, 1e-12)) / sight.sigma_px**2
        inside = length <= _HUBER
        cost += float(np.where(inside, length**2, _HUBER * (2.0 * length - _HUBER)).sum())
        blocks = [
            (index, (by_point @ change).reshape(-1, 6)) for index, change in _changes(poses, sight)
        ]
        weights = np.repeat(weight, 2)[:, None]
        flat = off.reshape(-1)
        for i, J_i in blocks:
            rows = slice(6 * i, 6 * i + 6)
            heavy = (weights * J_i).T
            g[rows] += heavy @ flat
            for j, J_j in blocks:
                H[rows, 6 * j : 6 * j + 6] += heavy @ J_j
    for prior in priors:
        rows = slice(6 * prior.index, 6 * prior.index + 6)
        T = poses[prior.index]
        twist = T.log()
        cost += float(((twist / prior.sigma) ** 2).sum())
        g[rows] += twist / prior.sigma**2
        H[rows, rows] += np.diag(prior.sigma**-2.0)
    return cost, H, g


def _changes(poses: Sequence[SE3], sight: Sight) -> list[tuple[int, Array]]:
    """How the corners move in the camera by each unknown pose's twist, (n, 3, 6)."""
    changes = []
    before = SE3.identity()
    for place, link in enumerate(sight.links):
        through = before @ _value(link, poses)
        if isinstance(link, Unknown):
            after = product(sight.links[place + 1 :], poses) @ sight.points_m
            if link.inverse:
                there = poses[link.index].inverse() @ after
                changes.append((link.index, -point_derivatives(before.R, there)))
            else:
                changes.append((link.index, point_derivatives(through.R, after)))
        before = through
    return changes
