"""Properties of rigid transforms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robot_skills.core import se3
from robot_skills.core.se3 import SE3

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

VECTORS = arrays(np.float64, 3, elements=st.floats(-2.0, 2.0))
ANGLES = st.one_of(st.floats(0.0, np.pi), st.sampled_from([0.0, 1e-12, 1e-7, 1e-5, np.pi - 1e-7]))
AXES = VECTORS.filter(lambda v: np.linalg.norm(v) > 1e-2)


@st.composite
def rotation_vectors(draw):
    axis = draw(AXES)
    return draw(ANGLES) * axis / np.linalg.norm(axis)


@st.composite
def transforms(draw):
    return SE3.from_rotvec(draw(rotation_vectors()), draw(VECTORS))


@given(transforms())
def test_a_transform_times_its_inverse_is_the_identity(T):
    assert (T @ T.inverse()).allclose(SE3.identity())
    assert T.inverse().inverse().allclose(T)
    assert np.allclose(se3.invert(T.matrix()), T.inverse().matrix())


@given(transforms(), transforms(), transforms())
def test_composition_is_associative(a, b, c):
    assert ((a @ b) @ c).allclose(a @ (b @ c))


@given(transforms(), transforms(), arrays(np.float64, (5, 3), elements=st.floats(-2.0, 2.0)))
def test_composition_maps_points_one_after_the_other(a, b, points):
    assert np.allclose((a @ b) @ points, a @ (b @ points))
    homogeneous = np.concatenate([points, np.ones((5, 1))], axis=-1)
    assert np.allclose((a.matrix() @ homogeneous.T).T[:, :3], a @ points)


@given(rotation_vectors())
def test_log_undoes_exp_on_rotations(w):
    R = se3.so3_exp(w)
    assert np.allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(R), 1.0)
    # At half a turn w and -w are the same rotation, so rotations are compared.
    assert np.allclose(se3.so3_exp(se3.so3_log(R)), R, atol=1e-7)
    assert np.isclose(se3.rotation_angle(R), np.linalg.norm(w), atol=1e-7)


@given(transforms())
def test_exp_undoes_log(T):
    assert SE3.exp(T.log()).allclose(T, atol=1e-6)


@given(st.floats(1e-9, 1e-2))
def test_log_is_accurate_for_small_turns(angle_rad):
    twist = np.array([0.1, -0.2, 0.3, angle_rad, 0.0, 0.0])
    assert np.allclose(SE3.exp(twist).log(), twist, rtol=1e-6, atol=1e-12)


@given(rotation_vectors())
def test_every_form_of_a_rotation_gives_the_same_rotation(w):
    R = se3.so3_exp(w)
    assert np.allclose(se3.wxyz_to_matrix(se3.matrix_to_wxyz(R)), R, atol=1e-9)
    assert np.allclose(se3.rot6d_to_matrix(se3.matrix_to_rot6d(R)), R, atol=1e-9)
    wxyz = SE3(R, np.zeros(3)).wxyz()
    assert wxyz[0] >= 0.0
    assert np.isclose(np.linalg.norm(wxyz), 1.0)


@given(arrays(np.float64, 6, elements=st.floats(-1.0, 1.0)), st.floats(0.1, 3.0))
def test_any_two_independent_vectors_become_a_rotation(rot6d, scale):
    x, y = rot6d[:3], rot6d[3:]
    if np.linalg.norm(np.cross(x, y)) < 1e-3:
        return
    R = se3.rot6d_to_matrix(rot6d)
    assert np.allclose(R.T @ R, np.eye(3), atol=1e-9)
    assert np.allclose(se3.rot6d_to_matrix(scale * rot6d), R, atol=1e-9)


@given(transforms(), transforms(), st.floats(0.0, 1.0))
def test_interpolation_keeps_step_in_position_and_angle(a, b, s):
    T = SE3.from_matrix(se3.interpolate(a.matrix(), b.matrix(), s))
    length_m, angle_rad = a.distance_to(b)
    distance_m, turn_rad = a.distance_to(T)
    assert np.isclose(distance_m, s * length_m, atol=1e-9)
    assert np.isclose(turn_rad, s * angle_rad, atol=1e-6)


@given(transforms(), transforms())
def test_interpolation_ends_at_both_ends(a, b):
    ends = se3.interpolate(a.matrix(), b.matrix(), np.array([0.0, 1.0]))
    assert np.allclose(ends[0], a.matrix(), atol=1e-9)
    assert np.allclose(ends[1], b.matrix(), atol=1e-6)


@given(VECTORS, VECTORS)
def test_skew_is_the_cross_product(a, b):
    assert np.allclose(se3.skew(a) @ b, np.cross(a, b))


def test_functions_broadcast_over_leading_axes():
    w = np.random.default_rng(0).normal(size=(4, 3, 3))
    R = se3.so3_exp(w)
    assert R.shape == (4, 3, 3, 3)
    assert np.allclose(R[2, 1], se3.so3_exp(w[2, 1]))
    assert np.allclose(se3.so3_log(R)[2, 1], se3.so3_log(R[2, 1]))
    assert se3.matrix_to_wxyz(R).shape == (4, 3, 4)


def test_a_camera_looks_where_it_is_told():
    T = SE3.look_at((1.0, 0.0, 0.8), (0.5, 0.1, 0.0))
    target = T.inverse() @ np.array([0.5, 0.1, 0.0])
    assert np.allclose(target[:2], 0.0, atol=1e-12)
    assert target[2] > 0.0
    assert T.R[2, 1] < 0.0, "image y points down"
    assert np.isclose(np.linalg.det(T.R), 1.0)


def test_a_transform_cannot_be_changed():
    T = SE3.identity()
    with pytest.raises(ValueError):
        T.p[0] = 1.0
    T.matrix()[0, 0] = 5.0
    assert T.R[0, 0] == 1.0


@pytest.mark.parametrize(("R", "p"), [(np.eye(4), np.zeros(3)), (np.eye(3), np.zeros(4))])
def test_wrong_shapes_are_refused(R, p):
    with pytest.raises(ValueError, match="SE3 needs"):
        SE3(R, p)
