import numpy as np
import pytest

from hardware.teleop import SpaceMouse, SpaceMouseConfig, StickConfig
from hardware.teleop.spacemouse import PRODUCTS
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost
from tests.hardware.teleop.fakes import FakeHid

LINEAR = StickConfig(dead_zone=0.0, expo=0.0)


@pytest.fixture
def hid():
    return FakeHid()


def mouse_on(hid: FakeHid, **config) -> SpaceMouse:
    mouse = SpaceMouse(ManualClock(), SpaceMouseConfig(sticks=LINEAR, **config), lambda: hid)
    mouse.connect()
    return mouse


def test_displacement_and_rotation_come_in_two_reports_on_older_models(hid):
    mouse = mouse_on(hid)
    hid.send(1, 0, -350, 0)
    hid.send(2, 0, 0, -175)
    motion = mouse.read().motion
    assert np.allclose(motion.linear, (1.0, 0.0, 0.0))
    assert np.allclose(motion.angular, (0.0, 0.0, 0.5))


def test_newer_models_put_all_six_into_one_report(hid):
    mouse = mouse_on(hid)
    hid.send(1, -350, 0, -350, 350, 0, 0)
    motion = mouse.read().motion
    assert np.allclose(motion.linear, (0.0, 1.0, 1.0))
    assert np.allclose(motion.angular, (0.0, -1.0, 0.0))


def test_the_axes_stay_right_handed(hid):
    mouse = mouse_on(hid)
    axes = []
    for axis in np.eye(3, dtype=int):
        hid.send(1, *(350 * axis).tolist(), 0, 0, 0)
        axes.append(mouse.read().motion.linear)
    assert np.linalg.det(np.array(axes)) == pytest.approx(1.0)


def test_the_newest_report_counts_and_more_than_full_is_full(hid):
    mouse = mouse_on(hid)
    for y in range(0, -500, -10):
        hid.send(1, 0, y, 0)
    assert np.allclose(mouse.read().motion.linear, (1.0, 0.0, 0.0))


def test_a_button_is_the_dead_man_switch_and_another_the_gripper(hid):
    mouse = mouse_on(hid)
    assert not mouse.read().held
    hid.buttons(0b01)
    assert mouse.read().held
    assert mouse.read().opening is None
    hid.buttons(0b11)
    assert mouse.read().opening == 0.0
    hid.buttons(0b11)
    assert mouse.read().opening == 0.0
    hid.buttons(0b01)
    hid.buttons(0b11, size=4)
    sample = mouse.read()
    assert sample.opening == 1.0
    assert sample.held
    hid.buttons(0)
    assert not mouse.read().held


def test_the_cap_itself_can_be_the_dead_man_switch(hid):
    mouse = mouse_on(hid, dead_man=None)
    assert not mouse.read().held
    hid.send(1, 100, 0, 0)
    assert mouse.read().held
    hid.send(1, 0, 0, 0)
    assert not mouse.read().held


def test_a_deflected_cap_that_falls_silent_counts_as_centred(hid):
    mouse = mouse_on(hid)
    hid.send(1, 0, -350, 0)
    mouse.read()
    mouse._clock.sleep_until(0.2)
    assert mouse.read().motion.linear.any()
    mouse._clock.sleep_until(0.3)
    assert not mouse.read().motion.linear.any()


def test_other_reports_and_torn_ones_say_nothing(hid):
    mouse = mouse_on(hid)
    hid.reports.extend([[23, 80], [1, 5], [2], [3], [0] * 64])
    sample = mouse.read()
    assert not sample.motion.linear.any()
    assert not sample.held


def test_a_mouse_that_is_unplugged_is_lost_and_closed(hid):
    mouse = mouse_on(hid)
    hid.gone = True
    with pytest.raises(DeviceLost, match="read error"):
        mouse.read()
    assert hid.closed == 1
    hid.gone = False
    mouse.connect()
    assert not mouse.read().held


def test_without_a_mouse_it_says_so():
    with pytest.raises(MissingDependencyError, match="No SpaceMouse"):
        SpaceMouse(ManualClock()).connect()
    assert len(PRODUCTS) > 10
