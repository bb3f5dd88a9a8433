"""What streams do wrong is counted, and nothing else."""

import pytest

from robot_skills.data.streams import StreamCounter, StreamStats


def taken(counter, stamps, numbers=None, **known):
    numbers = numbers or [None] * len(stamps)
    return [counter.take(s, s + 0.01, n, **known) for s, n in zip(stamps, numbers, strict=True)]


def steady(count, hz=30.0, start=0):
    return [(start + i) / hz for i in range(count)]


def test_a_steady_stream_has_nothing_to_complain_of():
    counter = StreamCounter(expected_hz=30.0)
    assert all(taken(counter, steady(90), list(range(90))))
    stats = counter.stats()
    assert (stats.dropped, stats.repeated, stats.late, stats.out_of_order) == (0, 0, 0, 0)
    assert stats.rate_hz == pytest.approx(30.0)
    assert stats.latency_s == pytest.approx(0.01)
    assert stats.gaps == ()
    assert StreamStats.from_json(stats.to_json()) == stats


def test_missing_samples_are_counted_by_number_or_by_time():
    stamps = [s for i, s in enumerate(steady(30)) if i not in (5, 6, 20)]
    numbered = StreamCounter(expected_hz=30.0)
    taken(numbered, stamps, [i for i in range(30) if i not in (5, 6, 20)])
    timed = StreamCounter(expected_hz=30.0)
    taken(timed, stamps)
    assert numbered.stats().dropped == timed.stats().dropped == 3


def test_repeated_and_swapped_samples_are_not_kept():
    counter = StreamCounter(expected_hz=10.0)
    kept = taken(counter, [0.0, 0.1, 0.1, 0.3, 0.2, 0.4], [0, 1, 1, 3, 2, 4])
    assert kept == [True, True, False, True, False, True]
    stats = counter.stats()
    assert (stats.repeated, stats.out_of_order) == (1, 1)


def test_a_late_sample_is_kept_and_counted():
    counter = StreamCounter(expected_hz=30.0)
    taken(counter, steady(30), list(range(30)))
    assert counter.take(1.0, 1.0 + 0.2, 30)
    assert counter.stats().late == 1


def test_a_device_that_was_away_leaves_a_gap_and_may_count_from_zero_again():
    counter = StreamCounter(expected_hz=30.0)
    taken(counter, steady(30), list(range(30)))
    assert all(taken(counter, steady(30, start=90), list(range(30))))
    stats = counter.stats()
    assert stats.dropped == 60
    ((start, end),) = stats.gaps
    assert end - start == pytest.approx(61 / 30.0)


def test_the_same_picture_ten_times_is_frozen():
    counter = StreamCounter(expected_hz=30.0)
    taken(counter, steady(9), list(range(9)), content=7)
    assert counter.stats().frozen == 0
    taken(counter, steady(9, start=9), list(range(9, 18)), content=7)
    assert counter.stats().frozen == 17
    fresh = StreamCounter(expected_hz=30.0)
    taken(fresh, steady(40), list(range(40)))
    assert fresh.stats().frozen == 0
