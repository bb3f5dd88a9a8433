"""Demonstrations are cut by what the hand is at, and repeated where that stands now."""

from itertools import pairwise

import numpy as np
import pytest

from robot_skills.core.errors import DatasetError
from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts import MotionStyle
from sim.experts.replay import ReplayExpert
from sim.segments import NEAR_M, Recorded, cut

DOWN = SE3.from_rotvec((np.pi, 0.0, 0.0)).R
PERIOD_S = 0.05
STYLE = MotionStyle(
    speed_m_s=0.35,
    turn_rate_rad_s=1.5,
    acceleration_m_s2=1.0,
    hover_m=0.08,
    funnel_m=0.04,
    depth_m=0.03,
    settle_ticks=8,
)


def recorded(points, *anchors: SE3, moving: bool = False) -> Recorded:
    """A hand that goes straight from point to point, 1 cm per tick, shut for the last ten."""
    legs = [
        np.linspace(a, b, max(2, round(np.linalg.norm(np.subtract(b, a)) / 0.01)))
        for a, b in pairwise(points)
    ]
    p = np.concatenate(legs)
    poses = np.stack([SE3(DOWN, x).matrix() for x in p])
    still = np.tile(np.stack([a.matrix() for a in anchors]), (len(p), 1, 1, 1))
    if moving:
        still[:, 0, :3, 3] = p
    last = np.arange(len(p)) >= len(p) - 10
    return Recorded(
        T_base_tool=poses,
        opening=np.where(last, 0.0, 0.8),
        done=last,
        T_base_anchor=still,
    )


def token(T_base_anchor: SE3) -> EntityToken:
    return EntityToken(T_base_anchor=T_base_anchor, extents_m=np.full(3, 0.04))


def carried_out(expert: ReplayExpert, start: SE3, ticks: int = 300) -> list:
    """Steps of an expert whose arm follows at once, up to a few after it is done."""
    steps, pose, opening = [], start, 1.0
    for _ in range(ticks):
        step = expert.act(pose, opening)
        steps.append(step)
        pose, opening = step.T_base_tool, step.opening
        if sum(s.done for s in steps) > 12:
            break
    return steps


THING = SE3.from_translation((0.5, 0.1, 0.02))
ABOVE = (0.4, 0.0, 0.4)
AT = (0.5, 0.1, 0.05)


def test_a_segment_begins_where_the_hand_comes_near():
    (segment,) = cut(recorded([ABOVE, AT], THING))
    begin_m = np.linalg.norm(segment.T_anchor_tool[0, :3, 3])
    assert NEAR_M - 0.02 < begin_m < NEAR_M
    assert segment.token == 0
    assert segment.done[-1]


def test_a_hand_that_visits_two_things_is_relative_to_each_in_turn():
    other = SE3.from_translation((0.5, -0.3, 0.02))
    first, second = cut(recorded([ABOVE, AT, (0.5, -0.3, 0.05)], other, THING))
    assert (first.token, second.token) == (1, 0)
    assert not first.done.any()
    where_m = np.linalg.norm(second.T_anchor_tool[-1, :3, 3])
    assert where_m == pytest.approx(0.03)


def test_what_moves_with_the_hand_is_no_place():
    with pytest.raises(DatasetError, match="moves with the hand"):
        cut(recorded([ABOVE, AT], THING, moving=True))


def test_a_thing_elsewhere_is_approached_from_above_and_treated_alike():
    segments = cut(recorded([ABOVE, AT], THING))
    elsewhere = SE3.from_yaw(0.7, (0.6, -0.2, 0.02))
    start = SE3(DOWN, np.array([0.45, 0.05, 0.35]))
    expert = ReplayExpert(segments, (token(elsewhere),), start, STYLE, PERIOD_S)
    steps = carried_out(expert, start)
    end = elsewhere.inverse() @ steps[-1].T_base_tool
    assert np.allclose(end.p, (0.0, 0.0, 0.03), atol=1e-6)
    assert steps[0].phase == "approach"
    assert steps[-1].done
    assert steps[-1].opening == 0.0
    jumps = np.diff([s.T_base_tool.p for s in steps], axis=0)
    assert np.linalg.norm(jumps, axis=1).max() < 0.02


def test_a_hand_that_was_pushed_returns_to_its_way_before_it_goes_on():
    segments = cut(recorded([ABOVE, AT], THING))
    start = SE3(DOWN, np.array(ABOVE))
    calm = carried_out(ReplayExpert(segments, (token(THING),), start, STYLE, PERIOD_S), start)
    expert = ReplayExpert(segments, (token(THING),), start, STYLE, PERIOD_S)
    steps, pose = [], start
    for i in range(len(calm) + 40):
        if i == 20:
            pose = expert.displace(np.array([0.03, 0.0, 0.0]), np.zeros(3))
            assert pose.p[0] == pytest.approx(calm[19].T_base_tool.p[0] + 0.03)
            continue
        step = expert.act(pose, 1.0)
        steps.append(step)
        pose = step.T_base_tool
    way = np.stack([s.T_base_tool.p for s in calm])
    off_m = [np.linalg.norm(way - s.T_base_tool.p, axis=1).min() for s in steps[20:26]]
    assert off_m[0] > 0.01
    assert off_m[-1] < 1e-6
    # What is left of the push is all that tells the first two from where it hit.
    for step in steps[20:22]:
        assert np.allclose((step.T_base_tool.p - way[19])[1:], 0.0)
    assert len([s for s in steps if not s.done]) > len([s for s in calm if not s.done])
    assert steps[-1].T_base_tool.allclose(calm[-1].T_base_tool)
