"""What things look like: cut-outs of camera pictures."""

from dataclasses import replace

import numpy as np

from robot_skills.core.camera import pinhole
from robot_skills.core.next_call import GLIMPSE_PX
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame
from robot_skills.perception.glimpses import glimpses
from tests.fakes import cube, make_scene

WIDTH, HEIGHT = 160, 120
RED = (250, 10, 10)


def frame_above(rgb=None) -> RgbdFrame:
    """A camera one metre above (0.5, 0), looking straight down, its columns along -y."""
    R = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    return RgbdFrame(
        stamp_s=0.0,
        rgb=np.zeros((HEIGHT, WIDTH, 3), np.uint8) if rgb is None else rgb,
        depth_m=np.ones((HEIGHT, WIDTH), np.float32),
        K=pinhole(WIDTH, HEIGHT, 0.8),
        T_base_camera=SE3(R, np.array([0.5, 0.0, 1.0])),
    )


def test_a_glimpse_is_centred_on_its_thing():
    # The cube lies left of the middle, at y = +0.1, and spans about 6 px of the picture.
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    f_px = pinhole(WIDTH, HEIGHT, 0.8)[0, 0]
    column = round(0.5 * (WIDTH - 1) - f_px * 0.1 / 0.98)
    rgb[55:65, column - 4 : column + 5] = RED
    found = glimpses(make_scene(cube(y=0.1)), {"top": frame_above(rgb)})
    assert list(found) == ["red_cube"]
    picture = found["red_cube"]
    assert picture.shape == (GLIMPSE_PX, GLIMPSE_PX, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[GLIMPSE_PX // 2, GLIMPSE_PX // 2], RED)


def test_what_is_out_of_view_or_behind_the_camera_has_none():
    above = frame_above()
    away = replace(above, T_base_camera=SE3(above.T_base_camera.R, np.array([0.5, 0.0, -1.0])))
    assert glimpses(make_scene(cube(y=0.9)), {"top": frame_above()}) == {}
    assert glimpses(make_scene(cube()), {"top": away}) == {}


def test_the_first_camera_that_sees_a_thing_shows_it():
    light = frame_above(np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    aside = replace(light, T_base_camera=SE3(light.T_base_camera.R, np.array([3.0, 0.0, 1.0])))
    scene = make_scene(cube())
    found = glimpses(scene, {"aside": aside, "dark": frame_above(), "light": light})
    assert found["red_cube"].max() == 0


def test_at_the_border_the_colours_go_on():
    grey = frame_above(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    edge_m = 0.98 * 0.5 * WIDTH / grey.K[0, 0] - 0.01
    found = glimpses(make_scene(cube(y=edge_m)), {"top": grey})
    assert set(np.unique(found["red_cube"])) == {90}
