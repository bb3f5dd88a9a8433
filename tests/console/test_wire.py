import json
import math

import pytest

from robot_skills.console.backend import ConsoleStatus, Notice, StreamStatus
from robot_skills.console.wire import from_plain, to_plain
from tests.console.fakes import FakeBackend


def test_status_survives_the_way_through_json():
    backend = FakeBackend()
    backend.instruct("tidy up")
    backend.say("a little down")
    status = backend.status()
    assert from_plain(ConsoleStatus, json.loads(json.dumps(to_plain(status)))) == status


def test_numbers_that_are_not_finite_become_null_and_nan():
    stream = StreamStatus(
        name="a", expected_hz=None, rate_hz=math.nan, age_s=math.inf, latency_s=0.0
    )
    plain = to_plain(stream)
    assert plain["rate_hz"] is None
    assert plain["age_s"] is None
    assert math.isnan(from_plain(StreamStatus, plain).rate_hz)
    assert from_plain(StreamStatus, plain).expected_hz is None


@pytest.mark.parametrize(
    "value",
    [
        {"number": 1, "level": "info"},
        {"number": "1", "level": "info", "text": ""},
        {"number": 1, "level": 3, "text": ""},
    ],
)
def test_foreign_values_are_refused(value):
    with pytest.raises(TypeError):
        from_plain(Notice, value)
