"""A screen in front of a camera shows the time, late by its own period at most, for a while."""

from contextlib import suppress
from functools import partial

import cv2
import numpy as np
import pytest

from calibration.latency_clock import draw_clock, read_clock
from robot_skills.core.errors import PerceptionError
from sim.latency import Delays, delayed
from sim.robot import SimRobot
from sim.screen_clock import SCREEN_PERIOD_S, ScreenInView


@pytest.fixture
def robot():
    cell = SimRobot("panda", camera_size_px=(320, 240))
    screen = ScreenInView(cell, partial(draw_clock, height_px=96), SCREEN_PERIOD_S, until_s=1.0)
    robot = delayed(screen, Delays(camera_s=0.1), np.random.default_rng(0))
    robot.connect()
    yield robot
    robot.close()


def _read(robot):
    frame = robot.observe(["wrist"]).cameras["wrist"]
    shown_s = read_clock(np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
    return frame.stamp_s, shown_s


def _last(robot):
    """What the newest picture that has arrived shows, after a few more."""
    for _ in range(6):
        robot.clock.sleep_until(robot.clock.now_s() + 0.05)
        with suppress(PerceptionError):
            stamp_s, shown_s = _read(robot)
    return stamp_s, shown_s


def test_the_clock_tells_how_late_a_camera_is(robot):
    stamp_s, shown_s = _last(robot)
    assert shown_s is not None
    assert 0.1 - 1e-3 <= stamp_s - shown_s <= 0.1 + SCREEN_PERIOD_S + 1e-3


def test_the_screen_is_taken_away(robot):
    robot.clock.sleep_until(1.1)
    assert _last(robot)[1] is None
