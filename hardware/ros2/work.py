"""Work that a node does when it is asked to: one piece at a time, in a thread.

The node's executor only carries messages, so that a cancel is heard while a policy thinks.
"""

import threading
from collections.abc import Callable
from typing import Any

from hardware.ros2.runtime import RosNode
from robot_skills.core.errors import RobotSkillsError

Tell = Callable[[Any], None]
"""Sends feedback to whoever asked."""
_LONGEST_END_S = 30.0
_BUSY = "something else is being carried out"
_BROKEN = "it broke off; the node's log says why"


class Work:
    """The actions and services of a node that do one thing at a time.

    Who asks meanwhile is refused, and so is everybody while it is shut, as it is at first.

    Args:
        node: That is asked.
    """

    def __init__(self, node: RosNode) -> None:
        from rclpy.callback_groups import ReentrantCallbackGroup

        self._node = node
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._open = False
        self._threads: list[threading.Thread] = []
        self._servers: list[Any] = []
        self._services: list[Any] = []
        # Whoever waits for its answer must not keep others from being heard.
        self._group = ReentrantCallbackGroup()

    @property
    def busy(self) -> bool:
        return self._busy.locked()

    def stop_requested(self) -> bool:
        """Whether what runs is to end; asked by what runs."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask what runs to end."""
        self._stop.set()

    def open(self) -> None:
        """Take work from now on."""
        self._open = True

    def shut(self) -> None:
        """Take no more work, stop what runs, and wait for it."""
        self._open = False
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_LONGEST_END_S)

    def close(self) -> None:
        """Shut, and be asked no more."""
        self.shut()
        for server in self._servers:
            server.destroy()
        for service in self._services:
            self._node.node.destroy_service(service)
        self._servers, self._services = [], []

    # What is served

    def action(
        self,
        kind: Any,
        name: str,
        do: Callable[[Any, Any, Tell], bool],
        refuse: Callable[[Any, str], None],
    ) -> None:
        """Serve an action.

        Args:
            kind: Of action.
            name: Of the action.
            do: The work: takes the goal, the result to fill and who is told how far it is; answers
                whether it was done.
            refuse: Puts a reason into a result.
        """
        from rclpy.action.server import ActionServer

        server = ActionServer(
            self._node.node,
            kind,
            name,
            execute_callback=self._execute(kind, do, refuse),
            goal_callback=lambda request: self._answer_goal(name),
            cancel_callback=self._cancel,
            callback_group=self._group,
        )
        self._servers.append(server)

    def service(
        self,
        kind: Any,
        name: str,
        do: Callable[[Any, Any], None],
        refuse: Callable[[Any, str], None],
    ) -> None:
        """Serve a service whose work takes time.

        Args:
            kind: Of service.
            name: Of the service.
            do: The work: takes the request and the response to fill.
            refuse: Puts a reason into a response.
        """

        async def answer(request: Any, response: Any) -> Any:
            why = self._why_not()
            if not why and self._busy.acquire(blocking=False):
                await self._start(name, lambda: do(request, response), response, refuse)
            else:
                refuse(response, why or _BUSY)
            return response

        self._services.append(
            self._node.node.create_service(kind, name, answer, callback_group=self._group)
        )

    # Goals

    def _why_not(self) -> str:
        if not self._open:
            return f"{self._node.node.get_name()} is not active"
        return _BUSY if self._busy.locked() else ""

    def _answer_goal(self, name: str) -> Any:
        from rclpy.action.server import GoalResponse

        why = self._why_not()
        if not why:
            return GoalResponse.ACCEPT
        # ROS has no room for a reason in a refusal.
        self._node.node.get_logger().warning(f"a goal of {name} is refused: {why}")
        return GoalResponse.REJECT

    def _cancel(self, handle: Any) -> Any:
        from rclpy.action.server import CancelResponse

        self._stop.set()
        return CancelResponse.ACCEPT

    def _execute(
        self,
        kind: Any,
        do: Callable[[Any, Any, Tell], bool],
        refuse: Callable[[Any, str], None],
    ) -> Callable[[Any], Any]:
        """What an action server calls: the work in a thread, its end awaited."""

        async def execute(handle: Any) -> Any:
            result = kind.Result()
            # It may have been shut, or begun on another goal, since this one was accepted.
            if why := self._why_not() or ("" if self._busy.acquire(blocking=False) else _BUSY):
                refuse(result, why)
                handle.abort()
                return result
            done = self._start(
                kind.__name__,
                lambda: do(handle.request, result, handle.publish_feedback),
                result,
                refuse,
            )
            if handle.is_cancel_requested:
                self._stop.set()
            if await done:
                handle.succeed()
            elif handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
            return result

        return execute

    def _start(
        self,
        name: str,
        do: Callable[[], bool | None],
        into: Any,
        refuse: Callable[[Any, str], None],
    ) -> Any:
        """Do it in a thread; returns a future of whether it was done. The lock is held by now."""
        self._stop.clear()
        refuse(into, _BROKEN)
        done = self._node.future()

        def run() -> None:
            good = False
            try:
                good = bool(do())
            except RobotSkillsError as problem:
                refuse(into, str(problem))
            finally:
                self._busy.release()
                self._node.finish(done, good)

        thread = threading.Thread(target=run, name=name)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return done
