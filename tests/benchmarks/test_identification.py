import numpy as np
import pytest

from benchmarks.identification.__main__ import summary
from benchmarks.identification.page import chapter
from benchmarks.identification.scenes import held, with_play


def trial(informative: float, random: float) -> dict[str, float]:
    numbers = {}
    for way, off in (("informative", informative), ("random", random)):
        for short in ("mass", "friction", "damping", "worst"):
            numbers[f"{way}_{short}_percent"] = off
    return numbers


def test_medians_of_both_ways_to_explore_are_compared():
    row = summary("exploration", [trial(2.0, 9.0), trial(4.0, 12.0), trial(30.0, 90.0)])
    assert row["found"]["informative_worst_percent"] == 4.0
    assert row["found"]["informative_share_of_random"] == pytest.approx(1.0 / 3.0)
    assert row["found"]["tenth_informative_worst_percent"] > 20.0


def test_the_page_has_a_line_per_number_and_says_what_random_motions_give():
    text = chapter(
        [
            summary("exploration", [trial(2.0, 9.0)]),
            summary("payload", [{"mass_g": 7.0, "com_mm": 5.0}]),
        ]
    )
    assert "| 3 rollouts of 2 s | mass of the cube off [%] | 2 | 2 | 9 | 10 | 1 |" in text
    assert "| mass off [g] | 7 | 7 | - | 25 | 1 |" in text


def test_joints_with_play_follow_only_at_its_ends():
    motion = held(np.zeros(1), periods=6)
    motion.q_rad[:, 0] = [0.1, 0.3, 0.25, 0.2, 0.15, 0.1]
    told = with_play(motion, 0.1).q_rad[:, 0]
    np.testing.assert_allclose(told, [0.05, 0.25, 0.25, 0.25, 0.2, 0.15])
