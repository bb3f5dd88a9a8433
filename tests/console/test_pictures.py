import cv2
import numpy as np
import pytest

from robot_skills.console.pictures import colour_picture, depth_picture, picture_of
from robot_skills.core.errors import UnknownNameError
from tests.console.fakes import frame_at


def _decoded(jpeg: bytes) -> np.ndarray:
    return cv2.cvtColor(
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )


def test_colours_keep_their_order():
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 220
    mean = _decoded(colour_picture(red).jpeg).reshape(-1, 3).mean(axis=0)
    assert mean[0] > 200
    assert mean[2] < 20


def test_depth_scale_holds_the_readings_and_holes_are_black():
    depth_m = np.full((48, 64), 0.83, np.float32)
    depth_m[:, 32:] = 1.31
    depth_m[:16] = 0.0
    picture = depth_picture(depth_m)
    assert (picture.near_m, picture.far_m) == (0.8, 1.4)
    pixels = _decoded(picture.jpeg)
    assert pixels[4].max() < 30
    assert pixels[40].max() > 100


def test_depth_without_readings_has_a_scale():
    picture = depth_picture(np.zeros((48, 64), np.float32))
    assert picture.near_m is not None
    assert picture.far_m is not None
    assert picture.near_m < picture.far_m


def test_unknown_kind_is_refused():
    with pytest.raises(UnknownNameError, match="colour"):
        picture_of(frame_at("front", 0.0), "infrared")
