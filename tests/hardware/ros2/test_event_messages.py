"""Decisions cross ROS 2 unchanged, and what no log can hold is refused."""

import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.event_messages import event_message, event_of
from hardware.ros2.heard_events import HeardEvents, event_qos
from hardware.ros2.runtime import RosNode
from robot_skills.core.events import Event, EventKind
from tests.ros_domain import claim_domain


def decision(kind=EventKind.SKILL_END, **data):
    return Event(stamp_s=12.5, kind=kind, data={"skill": "grasp", **data})


def test_a_decision_comes_back_as_it_was():
    event = decision(args={"object": "red_cube"}, duration_s=1.25, error="")
    assert event_of(event_message(event)) == event
    assert event_of(event_message(event), 100.0).stamp_s == 112.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "nonsense"}, "nonsense"),
        ({"data": "{"}, "Expecting"),
        ({"data": "[1]"}, "list, not an object"),
        ({"data": '{"x": NaN}'}, "not JSON compliant"),
        ({"data": "[" * 100_000}, "nested too deeply"),
    ],
)
def test_what_is_no_decision_is_refused(changes, words):
    message = event_message(decision())
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=words):
        event_of(message)


def test_who_comes_late_hears_what_was_decided_in_order():
    from robot_skills_interfaces.msg import EpisodeEvent

    domain = claim_domain()
    with RosNode("deciding", domain=domain) as speaker, RosNode("late", domain=domain) as late:
        publisher = speaker.node.create_publisher(EpisodeEvent, "decided", event_qos())
        kinds = (EventKind.SKILL_START, EventKind.CHUNK, EventKind.SKILL_END)
        publisher.publish(EpisodeEvent(kind="of another version"))
        for kind in kinds:
            publisher.publish(event_message(decision(kind)))
        heard, taken = HeardEvents(late, "decided"), []

        def all_came():
            taken.extend(heard.take())
            return len(taken) >= len(kinds)

        late.start()
        late.wait_for(all_came, 20.0, "the decisions")
    assert taken == [decision(kind) for kind in kinds]
