"""Pictures, states and actions of a row belong together although the camera is late."""

import pytest

from benchmarks.alignment import CASES, measure


@pytest.mark.parametrize("case", ["100 ms late, known", "100 ms late and 10 ms of jitter, known"])
def test_rows_agree_with_the_simulator_within_half_a_control_period(case):
    found = measure(case, CASES[case])
    assert found.rows > 190
    assert found.picture_ms[1] <= found.limit_ms
    assert found.state_mm < 0.01
    assert found.action_mm < 0.01


def test_a_latency_that_nobody_knows_is_what_the_rows_are_off_by():
    case = "100 ms late, not known"
    assert measure(case, CASES[case]).picture_ms[0] == pytest.approx(100.0)
