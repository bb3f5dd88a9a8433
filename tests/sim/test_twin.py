"""A twin hides what it hides, and is the same every time."""

import gc
import pickle
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, RobotFault, UnknownNameError
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.arms import ARMS
from sim.placements import Layout
from sim.scenarios import draw_scenario
from sim.twin import (
    Hidden,
    TrueLens,
    TrueSensor,
    TwinRobot,
    TwinTruth,
    draw_hidden,
    make_twin,
    twin_seed,
)
from sim.twin.cell import T_tool_wrist, TwinCell, nominal_K
from sim.twin.driver import decimated, smoothed
from sim.twin.optics import BentView
from sim.world import CAMERAS, FRONT_CAMERA, T_BASE_FRONT, WRIST_CAMERA

SEED = 3
SIZE_PX = (96, 72)


@pytest.fixture(scope="module")
def twin() -> Iterator[tuple[TwinRobot, TwinTruth]]:
    robot, truth = make_twin(SEED, camera_size_px=SIZE_PX)
    with truth:
        truth.begin(Layout())
        yield robot, truth


def test_the_truth_depends_on_the_seed_alone() -> None:
    assert pickle.dumps(draw_hidden(SEED)) == pickle.dumps(draw_hidden(SEED))
    assert pickle.dumps(draw_hidden(SEED)) != pickle.dumps(draw_hidden(SEED + 1))


def test_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="pandda"):
        draw_hidden(SEED, "pandda")


@pytest.mark.parametrize(
    ("robot", "seed"), [("twin", 0), ("twin:12", 12), ("sim:panda", None), ("twins", None)]
)
def test_a_twin_has_a_name(robot: str, seed: int | None) -> None:
    assert twin_seed(robot) == seed


def test_a_twin_of_no_number_is_refused() -> None:
    with pytest.raises(RefusedError, match="whole number"):
        twin_seed("twin:x")


def test_nothing_hidden_can_be_reached_from_the_robot(twin: tuple[TwinRobot, TwinTruth]) -> None:
    robot, truth = twin
    reached = [*_reachable(robot), *_reachable(robot.observe(CAMERAS))]
    forbidden = (Hidden, TwinTruth, TwinCell)
    assert not [one for one in reached if isinstance(one, forbidden)]
    secrets = {
        truth.hidden.delays.action_s,
        truth.hidden.dynamics.payload_kg,
        *truth.hidden.cameras[FRONT_CAMERA].lens.focal,
        *truth.hidden.cameras[FRONT_CAMERA].T_nominal_true.p.tolist(),
    }
    numbers = {one for one in reached if isinstance(one, float)}
    numbers |= {
        float(value)
        for one in reached
        if isinstance(one, np.ndarray) and one.dtype == np.float64
        for value in one.ravel()
    }
    assert not secrets & numbers


def _reachable(start: object) -> list[Any]:
    """Everything that an object refers to, modules and classes aside."""
    found: dict[int, Any] = {}
    waiting = [start]
    while waiting:
        one = waiting.pop()
        if id(one) in found or isinstance(one, ModuleType | type):
            continue
        found[id(one)] = one
        waiting += [
            other
            for other in gc.get_referents(one)
            if not (isinstance(other, dict) and "__builtins__" in other)
        ]
    return list(found.values())


def test_the_walk_finds_what_an_object_holds(twin: tuple[TwinRobot, TwinTruth]) -> None:
    assert any(isinstance(one, Hidden) for one in _reachable(twin[1]))


def test_frames_claim_what_the_drawings_say(twin: tuple[TwinRobot, TwinTruth]) -> None:
    seen = twin[0].observe(CAMERAS)
    T_base_tool = seen.arms[DEFAULT_ARM].T_base_tool
    front, wrist = seen.cameras[FRONT_CAMERA], seen.cameras[WRIST_CAMERA]
    assert max(front.T_base_camera.distance_to(T_BASE_FRONT)) < 1e-9
    nominal = T_base_tool @ T_tool_wrist(ARMS["panda"])
    assert wrist.T_base_camera.distance_to(nominal)[0] < 5e-4
    np.testing.assert_allclose(front.K, nominal_K(FRONT_CAMERA, SIZE_PX))


def test_an_episode_is_the_same_whatever_came_before(twin: tuple[TwinRobot, TwinTruth]) -> None:
    robot, truth = twin
    layout = draw_scenario("grasp", np.random.default_rng(1)).layout

    def picture() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        truth.begin(layout, number=4)
        _go(robot, 0.05)
        seen = robot.observe(CAMERAS)
        frame = seen.cameras[FRONT_CAMERA]
        return frame.rgb, frame.depth_m, seen.arms[DEFAULT_ARM].q_rad

    first = picture()
    truth.begin(Layout(), number=9)
    robot.observe(CAMERAS)
    for one, other in zip(first, picture(), strict=True):
        np.testing.assert_array_equal(one, other)
    truth.begin(Layout())


def _go(robot: TwinRobot, up_m: float, steps: int = 10) -> None:
    """Tell the arm to go up evenly, and wait."""
    now_s, period_s = robot.clock.now_s(), robot.control_period_s
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
    poses = np.tile(start, (steps, 1, 1))
    poses[:, 2, 3] += up_m * np.arange(1, steps + 1) / steps
    stamps = now_s + period_s * np.arange(1.0, steps + 1.0, dtype=np.float64)
    robot.command(single_arm_chunk(stamps, poses, np.ones(steps)))
    robot.clock.sleep_until(float(stamps[-1]))


def test_the_arm_is_late(twin: tuple[TwinRobot, TwinTruth]) -> None:
    robot, truth = twin
    truth.begin(Layout())
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool.p[2]
    _go(robot, 0.05)
    on_time = robot.observe().arms[DEFAULT_ARM].T_base_tool.p[2]
    robot.clock.sleep_until(robot.clock.now_s() + 0.5)
    later = robot.observe().arms[DEFAULT_ARM].T_base_tool.p[2]
    assert on_time - start < 0.9 * (later - start)
    truth.begin(Layout())


def test_what_is_not_there_is_refused_across_the_process(
    twin: tuple[TwinRobot, TwinTruth],
) -> None:
    with pytest.raises(UnknownNameError, match="frond"):
        twin[0].observe(["frond"])


def test_the_judge_knows_what_holds(twin: tuple[TwinRobot, TwinTruth]) -> None:
    scenario = draw_scenario("grasp", np.random.default_rng(2))
    twin[1].begin(scenario.layout)
    assert twin[1].missing(scenario.effects) == scenario.effects
    assert {item.name for item in scenario.layout.objects} <= {e.name for e in twin[1].scene()}
    twin[1].begin(Layout())


def test_people_can_watch(twin: tuple[TwinRobot, TwinTruth]) -> None:
    picture = twin[1].film()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.std() > 10.0


def test_a_twin_that_has_ended_says_so() -> None:
    robot, truth = make_twin(SEED)
    truth.close()
    with pytest.raises(RobotFault, match="ended"):
        robot.connect()


def test_a_bent_picture_is_what_the_lens_would_show() -> None:
    lens = TrueLens(focal=(1.05, 0.97), centre=(0.02, -0.01), distortion=(0.1, -0.03, 1e-3, 0, 0))
    K = nominal_K(FRONT_CAMERA, (160, 120))
    view = BentView(lens, K, (160, 120))
    points = np.array([[0.0, 0.0, 1.0], [0.3, 0.2, 1.0], [-0.4, 0.25, 1.0], [0.2, -0.3, 1.0]])
    width, height = view.drawn_px
    drawn = np.zeros((height, width), dtype=np.float32)
    spots = view.focal_px * points[:, :2] + 0.5 * (np.array([width, height]) - 1.0)
    rows, columns = np.indices(drawn.shape)
    for x, y in spots:
        drawn += np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 2.0**2)
    bent = view.bent(drawn.astype(np.float32), between=True)
    wanted, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), view.K, np.array(lens.distortion)
    )
    for x, y in wanted[:, 0]:
        window = bent[int(y) - 6 : int(y) + 8, int(x) - 6 : int(x) + 8]
        r, c = np.indices(window.shape)
        found = [float((window * axis).sum() / window.sum()) for axis in (c, r)]
        np.testing.assert_allclose(
            [found[0] + int(x) - 6, found[1] + int(y) - 6], [x, y], atol=0.15
        )


def test_a_sensor_without_faults_changes_nothing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(TrueSensor().shown(rgb, np.random.default_rng(0)), rgb)


def test_a_sensor_with_more_gain_is_brighter() -> None:
    rgb = np.full((4, 4, 3), 100, dtype=np.uint8)
    shown = TrueSensor(gain=(1.2, 1.0, 0.5)).shown(rgb, np.random.default_rng(0))
    assert shown[0, 0].tolist() == [120, 100, 50]


def test_fewer_pixels_keep_the_middle_of_what_was_read() -> None:
    depth_m = np.array([[1.0, 0.0], [1.2, 3.0]], dtype=np.float32)
    rgb = np.full((2, 2, 3), 40, dtype=np.uint8)
    small, middle = decimated(rgb, depth_m, 2)
    assert small.shape == (1, 1, 3)
    assert middle[0, 0] == np.float32(1.2)
    assert decimated(rgb, np.zeros_like(depth_m), 2)[1][0, 0] == 0.0


def test_smoothing_keeps_edges_and_quiets_surfaces() -> None:
    rng = np.random.default_rng(0)
    true = np.full((60, 80), 1.0, dtype=np.float32)
    true[:, 40:] = 0.8
    noisy = (1.0 / (1.0 / true + 0.004 * rng.standard_normal(true.shape))).astype(np.float32)
    noisy[10, 10] = 0.0
    smooth = smoothed(noisy)
    inside = np.ones_like(true, dtype=bool)
    inside[:, 36:44] = False
    before, after = (np.abs(one - true)[inside].mean() for one in (noisy, smooth))
    assert after < 0.5 * before
    assert abs(smooth[30, 38] - 1.0) < 0.01
    assert abs(smooth[30, 41] - 0.8) < 0.01
    assert smooth[10, 10] > 0.0


def test_where_nothing_is_read_nothing_is_made_up() -> None:
    empty = np.zeros((40, 40), dtype=np.float32)
    np.testing.assert_array_equal(smoothed(empty), empty)
    half = np.ones((40, 40), dtype=np.float32)
    half[:, 20:] = 0.0
    assert not smoothed(half)[:, 24:].any()


def test_hidden_physics_change_what_happens() -> None:
    hidden = draw_hidden(SEED)
    heavy = replace(
        hidden, dynamics=replace(hidden.dynamics, payload_kg=3.0, payload_com_m=(0.0,) * 3)
    )
    heights = []
    for one in (replace(hidden, dynamics=replace(hidden.dynamics, payload_kg=0.0)), heavy):
        cell = TwinCell(one, camera_size_px=SIZE_PX)
        cell.connect()
        cell.clock.sleep_until(0.5)
        heights.append(cell.world.T_base_tool().p[2])
        cell.close()
    assert heights[1] < heights[0] - 1e-3
