"""Says what became of every chunk that the gate was asked to follow, for who records or watches."""

import itertools
from collections.abc import Callable
from typing import Any

from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock, clock_name

JUDGED = "judged"
"""Of the topic, below the gate's name."""

Answer = Callable[[Any, Any], Any]


def reported(node: RosNode, topic: str, submit: Answer) -> Answer:
    """The same service, whose answers are published as well.

    Args:
        node: That publishes.
        topic: Full name.
        submit: Answers ``SubmitChunk``.
    """
    from robot_skills_interfaces.msg import JudgedChunk

    publisher = node.node.create_publisher(JudgedChunk, topic, 10)
    clock, count = MachineClock(), itertools.count(1)

    def answer(request: Any, response: Any) -> Any:
        came_s = clock.now_s()
        response = submit(request, response)
        if not request.chunk.stamp_s:
            # Nothing was asked to be followed.
            return response
        publisher.publish(
            JudgedChunk(
                clock=clock_name(),
                stamp_s=came_s,
                answered_s=clock.now_s(),
                number=next(count),
                requested=request.chunk,
                accepted=response.accepted,
                code=response.code,
                message=response.message,
                followed=response.followed,
            )
        )
        return response

    return answer
