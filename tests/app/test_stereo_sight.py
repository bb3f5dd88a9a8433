"""Eyes behind stereo cameras tell things apart that the usual ones do not."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.app.sim2real.calibrated import CellFile, CorrectedCameras
from robot_skills.app.sim2real.truth import exactly
from robot_skills.app.stereo_sight import STEREO_CATALOGUE, StereoPerceiver, with_clean_depth
from robot_skills.core.scene import Entity
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.fixtures import CATALOGUE, BoxKind
from sim.objects import random_object
from sim.placements import Layout
from sim.robot import SimRobot
from sim.twin import draw_hidden
from sim.twin.cell import TwinCell

NAMES = ("red_cube", "blue_cube", "green_cube")


@pytest.fixture(scope="module")
def layout() -> Layout:
    """Three cubes side by side."""
    rng = np.random.default_rng(0)
    objects = []
    for i, name in enumerate(NAMES):
        cube = random_object(rng, name)
        place = (0.45, -0.2 + 0.15 * i, 0.5 * float(cube.extents_m[2]))
        objects.append(replace(cube, T_base_object=SE3.from_yaw(0.3 * i, place)))
    return Layout(objects=tuple(objects))


@pytest.fixture(scope="module")
def seen(layout: Layout) -> Observation:
    """What two stereo cameras measure of them, once they are calibrated."""
    hidden = draw_hidden(3)
    cell = TwinCell(hidden, filters=False)
    cell.connect()
    try:
        cell.reset(layout)
        found = exactly(hidden)
        cameras = {name: replace(one, latency_s=0.0) for name, one in found.cameras.items()}
        return CorrectedCameras(cell, CellFile(cameras=cameras)).observe(cell.cameras)
    finally:
        cell.close()


def test_cubes_are_cubes(seen: Observation) -> None:
    scene = StereoPerceiver().look(seen)
    for i, name in enumerate(NAMES):
        off = scene[name].T_base_entity.p[:2] - (0.45, -0.2 + 0.15 * i)
        assert np.linalg.norm(off) < 0.01


def test_only_named_cameras_are_cleaned(seen: Observation) -> None:
    cleaned = with_clean_depth(seen, ["wrist"])
    assert cleaned.cameras["front"] is seen.cameras["front"]
    raw_m, clean_m = seen.cameras["wrist"].depth_m, cleaned.cameras["wrist"].depth_m
    both = (raw_m > 0.0) & (clean_m > 0.0)
    assert both.mean() > 0.5
    assert np.abs(clean_m - raw_m)[both].max() > 0.0


def test_a_new_episode_is_forgotten(layout: Layout) -> None:
    robot = SimRobot(layout=layout)
    robot.connect()
    try:
        eyes = StereoPerceiver(cameras=())
        first = eyes.look(robot.observe(eyes.cameras))
        eyes.reset()
        robot.reset(Layout())
        second = eyes.look(robot.observe(eyes.cameras))
    finally:
        robot.close()
    assert any(entity.movable for entity in first)
    assert not any(entity.movable for entity in second)


def test_walls_of_a_box_are_no_things_where_depth_is_off() -> None:
    usual, wide = (
        next(kind for kind in kinds if isinstance(kind, BoxKind))
        for kinds in (CATALOGUE, STEREO_CATALOGUE)
    )
    half_m = 0.5 * usual.inside_m[0]
    entity = Entity(
        name="box",
        label="box",
        T_base_entity=SE3.from_translation((0.5, -0.2, 0.5 * usual.size_m[2])),
        extents_m=usual.size_m,
        stamp_s=0.0,
    )
    # On the inner face of a wall, as far off as stereo depth puts it.
    points_m = np.array([[0.5 + half_m - 0.012, -0.2, 0.03], [0.5, -0.2, 0.03]])
    cloud = Cloud(
        points_m=points_m,
        rgb=np.full((2, 3), 0.95),
        pixel_m=np.full(2, 0.004),
        view=np.tile([0.0, 0.0, 1.0], (2, 1)),
    )
    assert usual.owns(cloud, entity).tolist() == [False, False]
    assert wide.owns(cloud, entity).tolist() == [True, False]
