"""When an arm first moves, and how wall times are summed up."""

import time

import pytest

from robot_skills.app.latency import distribution
from robot_skills.app.startup import FirstMotion, process_age_s
from robot_skills.core.events import Event, EventKind


def gate(accepted: bool) -> Event:
    return Event(stamp_s=0.0, kind=EventKind.GATE, data={"accepted": accepted})


def test_a_process_grows_older():
    first = process_age_s()
    if first is None:
        pytest.skip("this system does not tell how old a process is")
    time.sleep(0.02)
    later = process_age_s()
    assert later is not None
    assert 0.0 <= first < later


def test_first_motion_is_the_first_chunk_that_the_gate_lets_through():
    noticed = FirstMotion()
    noticed.emit(gate(accepted=False))
    assert noticed.age_s is None
    noticed.emit(gate(accepted=True))
    first = noticed.age_s
    noticed.emit(gate(accepted=True))
    assert noticed.age_s == first


def test_percentiles_of_wall_times():
    told = distribution([float(ms) for ms in range(1, 102)])
    assert told == pytest.approx({"n": 101, "p50": 51.0, "p95": 96.0, "p99": 100.0, "max": 101.0})
