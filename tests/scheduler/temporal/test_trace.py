"""The trace of a run, and its judgement by the definition of truth."""

from dataclasses import replace

import pytest

from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import SkillCall, Specification
from robot_skills.scheduler.temporal.reader import parse_formula
from robot_skills.scheduler.temporal.trace import Position, satisfies, trace_of, violated_by
from tests.scheduler import worlds

CLOSED, AJAR = worlds.kitchen(), worlds.kitchen(value_m=0.16)


def stamped(scene, stamp_s):
    return replace(scene, stamp_s=stamp_s)


def look(stamp_s):
    return Event(stamp_s=stamp_s, kind=EventKind.LOOK, data={"stamp_s": stamp_s})


def started(skill, **args):
    data = {"skill": skill, "args": args}
    return Event(stamp_s=0.0, kind=EventKind.SKILL_START, data=data)


def test_every_look_and_every_call_that_began_is_a_position():
    looks = [stamped(CLOSED, 1.0), stamped(AJAR, 2.0)]
    events = [look(1.0), started("open", thing="drawer"), look(2.0), look(7.0)]
    trace = trace_of(events, looks)
    assert [position.scene.stamp_s for position in trace] == [1.0, 1.0, 2.0]
    assert [position.call for position in trace] == [
        None,
        SkillCall(skill="open", args={"thing": "drawer"}),
        None,
    ]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("closed(drawer)", True),
        ("next(call(open, drawer))", True),
        ("next(next(open(drawer)))", True),
        ("next(next(next(true)))", False),
        ("weak_next(weak_next(weak_next(false)))", True),
        ("always(closed(drawer))", False),
        ("until(closed(drawer), open(drawer))", True),
        ("until(closed(drawer), call(close, drawer))", False),
        ("weak_until(closed(drawer), call(open, drawer))", True),
        ("release(open(drawer), closed(drawer))", False),
        ("release(call(open, drawer), closed(drawer))", True),
        ("eventually(always(open(drawer)))", True),
        ("always(eventually(closed(drawer)))", False),
        ("always(not holding(zebra))", True),
    ],
)
def test_truth_on_a_trace(formula, expected):
    opened = SkillCall(skill="open", args={"thing": "drawer"})
    trace = [
        Position(scene=CLOSED),
        Position(scene=CLOSED, call=opened),
        Position(scene=AJAR),
    ]
    assert satisfies([position.true for position in trace], parse_formula(formula)) is expected


def test_the_parts_that_are_violated_are_named():
    trace = [Position(scene=AJAR)]
    parts = ("always(closed(drawer))", "eventually(open(drawer))")
    assert violated_by(trace, Specification(parts=parts)) == ("always(closed(drawer))",)
