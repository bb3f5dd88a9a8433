"""Rigid transforms.

Naming: `T_a_b` is the pose of frame b in frame a, so that ``p_a = T_a_b @ p_b`` and inner names
cancel, ``T_a_c = T_a_b @ T_b_c``. Lengths in metres, angles in radians, quaternions as wxyz.

Notation (Lynch & Park, *Modern Robotics*, 2017, ch. 3):

=========  ===============================================================
``w``      rotation vector, axis times angle [rad], (3,)
``v``      linear part of a twist [m], (3,)
``[w]``    skew-symmetric matrix of w, (3, 3)
``exp``    so(3) -> SO(3), eq. 3.51;  se(3) -> SE(3), eq. 3.88
``log``    SO(3) -> so(3), eq. 3.53-3.61;  SE(3) -> se(3), eq. 3.91-3.92
=========  ===============================================================

Functions on arrays broadcast over leading axes; `SE3` is one immutable transform.
"""

from dataclasses import dataclass
from typing import Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL_ANGLE_RAD = 1e-7


def skew(w: ArrayLike) -> Array:
    """Return ``[w]``, shape (..., 3, 3), of vectors (..., 3)."""
    w = np.asarray(w, dtype=np.float64)
    out = np.zeros((*w.shape[:-1], 3, 3))
    out[..., 0, 1], out[..., 0, 2] = -w[..., 2], w[..., 1]
    out[..., 1, 0], out[..., 1, 2] = w[..., 2], -w[..., 0]
    out[..., 2, 0], out[..., 2, 1] = -w[..., 1], w[..., 0]
    return out


def so3_exp(w: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) [rad]."""
    w = np.asarray(w, dtype=np.float64)
    angle = np.linalg.norm(w, axis=-1)[..., None, None]
    W = skew(w)
    small = angle < _SMALL_ANGLE_RAD
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0 - angle**2 / 6.0, np.sin(safe) / safe)
    b = np.where(small, 0.5 - angle**2 / 24.0, (1.0 - np.cos(safe)) / safe**2)
    return np.eye(3) + a * W + b * (W @ W)


def so3_log(R: ArrayLike) -> Array:
    """Rotation vectors (..., 3) [rad], norm in [0, pi], of rotation matrices (..., 3, 3)."""
    wxyz = matrix_to_wxyz(R)
    wxyz = np.where(wxyz[..., :1] < 0.0, -wxyz, wxyz)
    sine = np.linalg.norm(wxyz[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, wxyz[..., :1])
    small = sine < _SMALL_ANGLE_RAD
    scale = np.where(small, 2.0, angle / np.where(small, 1.0, sine))
    return scale * wxyz[..., 1:]


def matrix_to_wxyz(R: ArrayLike) -> Array:
    """Unit quaternions (..., 4), wxyz, of rotation matrices (..., 3, 3).

    Takes the largest of the four candidate components (Shepperd, 1978), so it is accurate for every
    angle. The sign is free; w is not forced positive.
    """
    R = np.asarray(R, dtype=np.float64)
    m00, m11, m22 = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    # Row i of K holds 4 * q_i * (w, x, y, z).
    K = np.empty((*R.shape[:-2], 4, 4))
    K[..., 0, 0] = 1.0 + m00 + m11 + m22
    K[..., 1, 1] = 1.0 + m00 - m11 - m22
    K[..., 2, 2] = 1.0 - m00 + m11 - m22
    K[..., 3, 3] = 1.0 - m00 - m11 + m22
    K[..., 0, 1] = K[..., 1, 0] = R[..., 2, 1] - R[..., 1, 2]
    K[..., 0, 2] = K[..., 2, 0] = R[..., 0, 2] - R[..., 2, 0]
    K[..., 0, 3] = K[..., 3, 0] = R[..., 1, 0] - R[..., 0, 1]
    K[..., 1, 2] = K[..., 2, 1] = R[..., 0, 1] + R[..., 1, 0]
    K[..., 1, 3] = K[..., 3, 1] = R[..., 0, 2] + R[..., 2, 0]
    K[..., 2, 3] = K[..., 3, 2] = R[..., 1, 2] + R[..., 2, 1]
    best = np.argmax(np.diagonal(K, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(K, best[..., None, None], axis=-2)[..., 0, :]
    return row / np.linalg.norm(row, axis=-1, keepdims=True)


def wxyz_to_matrix(wxyz: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4), wxyz, of any non-zero length."""
    q = np.asarray(wxyz, dtype=np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_rot6d(R: ArrayLike) -> Array:
    """First two columns of rotation matrices, (..., 6): continuous, after Zhou et al., 2019."""
    R = np.asarray(R, dtype=np.float64)
    return np.concatenate([R[..., :, 0], R[..., :, 1]], axis=-1)


def rot6d_to_matrix(rot6d: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of two free 3-vectors (..., 6), by Gram-Schmidt."""
    d = np.asarray(rot6d, dtype=np.float64)
    x = d[..., :3] / _lengths(d[..., :3])
    y = d[..., 3:] - np.add.reduce(x * d[..., 3:], axis=-1, keepdims=True) * x
    y = y / _lengths(y)
    # Written out: np.cross and np.linalg.norm cost several times as much for one vector.
    R = np.empty((*d.shape[:-1], 3, 3))
    R[..., 0], R[..., 1] = x, y
    R[..., 0, 2] = x[..., 1] * y[..., 2] - x[..., 2] * y[..., 1]
    R[..., 1, 2] = x[..., 2] * y[..., 0] - x[..., 0] * y[..., 2]
    R[..., 2, 2] = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    return R


def _lengths(vectors: Array) -> Array:
    """Lengths of vectors (..., n), (..., 1)."""
    return np.sqrt(np.add.reduce(vectors * vectors, axis=-1, keepdims=True))


def invert(T: ArrayLike) -> Array:
    """Inverses of homogeneous matrices (..., 4, 4)."""
    T = np.asarray(T, dtype=np.float64)
    out = np.zeros_like(T)
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    out[..., :3, :3] = R_t
    out[..., :3, 3] = -(R_t @ T[..., :3, 3:])[..., 0]
    out[..., 3, 3] = 1.0
    return out


def interpolate(T_a: ArrayLike, T_b: ArrayLike, fraction: ArrayLike) -> Array:
    """Poses between T_a and T_b (..., 4, 4): straight line in position, geodesic in rotation.

    Args:
        T_a: Pose at fraction 0, (..., 4, 4).
        T_b: Pose at fraction 1, (..., 4, 4).
        fraction: Broadcasts against the leading axes of the poses.
    """
    T_a = np.asarray(T_a, dtype=np.float64)
    T_b = np.asarray(T_b, dtype=np.float64)
    s = np.asarray(fraction, dtype=np.float64)[..., None]
    R_a = T_a[..., :3, :3]
    w = so3_log(np.swapaxes(R_a, -1, -2) @ T_b[..., :3, :3])
    R = R_a @ so3_exp(s * w)
    p = (1.0 - s) * T_a[..., :3, 3] + s * T_b[..., :3, 3]
    out = np.zeros((*np.broadcast_shapes(R.shape[:-2], p.shape[:-1]), 4, 4))
    out[..., :3, :3] = R
    out[..., :3, 3] = p
    out[..., 3, 3] = 1.0
    return out


def rotation_angle(R: ArrayLike) -> Array:
    """Rotation angles [rad], in [0, pi], of rotation matrices (..., 3, 3)."""
    return np.linalg.norm(so3_log(R), axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class SE3:
    """One rigid transform. Immutable; `@` composes with transforms and maps points.

    Attributes:
        R: Rotation matrix, (3, 3).
        p: Translation [m], (3,).
    """

    R: Array
    p: Array

    def __post_init__(self) -> None:
        R = np.array(self.R, dtype=np.float64)
        p = np.array(self.p, dtype=np.float64)
        if R.shape != (3, 3) or p.shape != (3,):
            raise ValueError(f"SE3 needs R (3, 3) and p (3,), got {R.shape} and {p.shape}.")
        R.setflags(write=False)
        p.setflags(write=False)
        object.__setattr__(self, "R", R)
        object.__setattr__(self, "p", p)

    @classmethod
    def identity(cls) -> Self:
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_matrix(cls, T: ArrayLike) -> Self:
        """From a homogeneous matrix (4, 4)."""
        T = np.asarray(T, dtype=np.float64)
        return cls(T[:3, :3], T[:3, 3])

    @classmethod
    def from_translation(cls, p: ArrayLike) -> Self:
        return cls(np.eye(3), np.asarray(p, dtype=np.float64))

    @classmethod
    def from_wxyz(cls, wxyz: ArrayLike, p: ArrayLike = (0.0, 0.0, 0.0)) -> Self:
        return cls(wxyz_to_matrix(wxyz), np.asarray(p, dtype=np.float64))

    @classmethod
    def from_rotvec(cls, w: ArrayLike, p: ArrayLike = (0.0, 0.0, 0.0)) -> Self:
        return cls(so3_exp(w), np.asarray(p, dtype=np.float64))

    @classmethod
    def from_yaw(cls, yaw_rad: float, p: ArrayLike = (0.0, 0.0, 0.0)) -> Self:
        """Rotation about z by `yaw_rad`."""
        return cls.from_rotvec((0.0, 0.0, yaw_rad), p)

    @classmethod
    def look_at(cls, eye: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0)) -> Self:
        """Optical camera pose (+Z forward, +X right, +Y down) at `eye` looking at `target`."""
        eye = np.asarray(eye, dtype=np.float64)
        forward = np.asarray(target, dtype=np.float64) - eye
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, np.asarray(up, dtype=np.float64))
        right = right / np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward], axis=-1)
        return cls(R.astype(np.float64), eye)

    @classmethod
    def exp(cls, twist: ArrayLike) -> Self:
        """Exponential of a twist (6,), ``(v, w)``: moving by it for unit time."""
        twist = np.asarray(twist, dtype=np.float64)
        v, w = twist[:3], twist[3:]
        angle = float(np.linalg.norm(w))
        W = skew(w)
        if angle < _SMALL_ANGLE_RAD:
            V = np.eye(3) + 0.5 * W + W @ W / 6.0
        else:
            V = (
                np.eye(3)
                + (1.0 - np.cos(angle)) / angle**2 * W
                + (angle - np.sin(angle)) / angle**3 * (W @ W)
            )
        return cls(so3_exp(w), V @ v)

    def log(self) -> Array:
        """Twist (6,), ``(v, w)``, with ``SE3.exp(T.log()) == T``."""
        w = so3_log(self.R)
        angle = float(np.linalg.norm(w))
        W = skew(w)
        if angle < 1e-4:
            V_inv = np.eye(3) - 0.5 * W + W @ W / 12.0
        else:
            half = 0.5 * angle
            V_inv = np.eye(3) - 0.5 * W + (1.0 - half / np.tan(half)) / angle**2 * (W @ W)
        return np.concatenate([V_inv @ self.p, w])

    def matrix(self) -> Array:
        """Homogeneous matrix (4, 4), a fresh writable copy."""
        T = np.eye(4)
        T[:3, :3] = self.R
        T[:3, 3] = self.p
        return T

    def wxyz(self) -> Array:
        """Unit quaternion (4,), wxyz, with w >= 0."""
        q = matrix_to_wxyz(self.R)
        return -q if q[0] < 0.0 else q

    def yaw_rad(self) -> float:
        """Heading of the x axis about z."""
        return float(np.arctan2(self.R[1, 0], self.R[0, 0]))

    def inverse(self) -> "SE3":
        return SE3(self.R.T, -self.R.T @ self.p)

    @overload
    def __matmul__(self, other: "SE3") -> "SE3": ...

    @overload
    def __matmul__(self, other: NDArray) -> Array: ...

    def __matmul__(self, other: "SE3 | ArrayLike") -> "SE3 | Array":
        """Compose with an `SE3`, or map points (..., 3) from frame b to frame a."""
        if isinstance(other, SE3):
            return SE3(self.R @ other.R, self.R @ other.p + self.p)
        points = np.asarray(other, dtype=np.float64)
        if points.shape[-1] != 3:
            raise ValueError(f"SE3 maps points (..., 3), got {points.shape}.")
        return points @ self.R.T + self.p

    def distance_to(self, other: "SE3") -> tuple[float, float]:
        """Translation [m] and rotation [rad] between two poses in the same frame."""
        return (
            float(np.linalg.norm(self.p - other.p)),
            float(rotation_angle(self.R.T @ other.R)),
        )

    def allclose(self, other: "SE3", atol: float = 1e-9) -> bool:
        return np.allclose(self.R, other.R, atol=atol) and np.allclose(self.p, other.p, atol=atol)

    def __repr__(self) -> str:
        p = np.array2string(self.p, precision=4, separator=", ")
        q = np.array2string(self.wxyz(), precision=4, separator=", ")
        return f"SE3(p={p}, wxyz={q})"
