import numpy as np
import pytest

from benchmarks.identification.__main__ import summary
from benchmarks.identification.page import chapter
from benchmarks.identification.scenes import held, with_play


def trial(informative: float, random: float, roaming: float = 40.0) -> dict[str, float]:
    numbers = {}
    ways = {"informative": informative, "random": random, "roaming": roaming}
    for way, off in ways.items():
        for short in ("mass", "friction", "damping", "worst"):
            numbers[f"{way}_{short}_percent"] = off
        numbers[f"{way}_is_within"] = float(off <= 10.0)
    return numbers


def test_medians_of_all_ways_to_explore_are_compared():
    row = summary("exploration", [trial(2.0, 9.0), trial(4.0, 12.0), trial(30.0, 90.0)])
    assert row["found"]["informative_worst_percent"] == 4.0
    assert row["found"]["informative_share_of_random"] == pytest.approx(1.0 / 3.0)
    assert row["found"]["informative_share_of_roaming"] == pytest.approx(0.1)
    assert row["found"]["tenth_informative_worst_percent"] > 20.0
    assert row["found"]["informative_is_within"] == pytest.approx(200.0 / 3.0)
    assert row["found"]["random_is_within"] == pytest.approx(100.0 / 3.0)


def test_the_page_has_a_line_per_number_and_says_what_motions_at_random_give():
    text = chapter(
        [
            summary("exploration", [trial(2.0, 9.0)]),
            summary("payload", [{"mass_g": 7.0, "com_mm": 5.0}]),
        ]
    )
    assert "| 3 rollouts of 2 s | mass of the cube off [%] | 2 | 2 | 9 | 40 | 10 | 1 |" in text
    assert "| trials with all three within 10 % [%] | 100 | - | 100 | 0 | - | 1 |" in text
    assert "| mass off [g] | 7 | 7 | - | - | 25 | 1 |" in text


def test_joints_with_play_follow_only_at_its_ends():
    motion = held(np.zeros(1), periods=6)
    motion.q_rad[:, 0] = [0.1, 0.3, 0.25, 0.2, 0.15, 0.1]
    told = with_play(motion, 0.1).q_rad[:, 0]
    np.testing.assert_allclose(told, [0.05, 0.25, 0.25, 0.25, 0.2, 0.15])
