"""Pictures that are old or frozen are refused; sound ones are measured."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.camera import pinhole
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation, RgbdFrame
from robot_skills.perception.freshness import Freshness


def seen(stamp_s: float, *, q: float = 0.0, picture: int = 0, taken_s=None) -> Observation:
    depth = np.full((4, 6), 0.5, dtype=np.float32)
    depth[0] = 0.0
    frame = RgbdFrame(
        stamp_s=stamp_s if taken_s is None else taken_s,
        rgb=np.full((4, 6, 3), picture, dtype=np.uint8),
        depth_m=depth,
        K=pinhole(6, 4, 1.0),
        T_base_camera=SE3.identity(),
    )
    arm = ArmState(
        stamp_s=stamp_s,
        q_rad=np.array([q]),
        dq_rad_s=np.zeros(1),
        tau_nm=np.zeros(1),
        T_base_tool=SE3.identity(),
        opening=1.0,
    )
    return Observation(stamp_s=stamp_s, arms={DEFAULT_ARM: arm}, cameras={"front": frame})


def test_a_sound_picture_is_measured():
    view = Freshness(1.0).check(seen(2.0, taken_s=1.9), ("front",))["front"]
    assert view.age_s == pytest.approx(0.1)
    assert view.readings == pytest.approx(0.75)


def test_an_old_picture_is_refused():
    with pytest.raises(PerceptionError, match=r"camera front is 1\.5 s old"):
        Freshness(1.0).check(seen(2.0, taken_s=0.5), ("front",))


def test_the_same_picture_after_the_arm_has_moved_is_frozen():
    freshness = Freshness(1.0)
    freshness.check(seen(1.0), ("front",))
    with pytest.raises(PerceptionError, match="frozen"):
        freshness.check(seen(2.0, q=0.1), ("front",))


@pytest.mark.parametrize(
    "second",
    [
        {"stamp_s": 2.0},
        {"stamp_s": 2.0, "q": 0.1, "picture": 1},
        {"stamp_s": 1.5, "q": 0.1, "taken_s": 1.0},
    ],
    ids=["nothing has moved", "another picture", "the same frame once more"],
)
def test_what_may_well_be_is_not_frozen(second):
    freshness = Freshness(1.0)
    freshness.check(seen(1.0), ("front",))
    assert "front" in freshness.check(seen(**second), ("front",))


def test_a_camera_that_nobody_asks_for_is_not_judged():
    observation = seen(2.0, taken_s=0.5)
    assert Freshness(1.0).check(replace(observation), ()) == {}
