"""Broken answers of a model: nothing gets through that rules could not have planned."""

from benchmarks.fuzzed_answers import fuzz


def test_broken_answers_reach_no_robot_and_end_with_a_reason():
    found = fuzz(12, seed=1)
    assert found.trials == 12
    assert found.refused + found.ended == 12
    assert found.unacceptable == 0, found.examples
    assert found.unreasoned == 0, found.examples
    # Something does get through: what is right, and what is well-formed and possible.
    assert found.calls > 0
    assert found.refused > 0
    assert found.answers > 12
