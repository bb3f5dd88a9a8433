"""One ROS 2 node with everything around it: start, waiting, and an end that does not hang.

What is known of rclpy's executors decides how it is used here. The multi-threaded one loses
messages; the events executor hangs when another thread wakes it; a thread that still spins when the
interpreter ends takes the process down. So each node has a context and a single-threaded executor
of its own, which is asked again and again for what has come, and is taken down in order.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from hardware.ros2.segments import remove_left_over
from hardware.ros2.transport import Reach, checked_namespace, prepare_environment
from robot_skills.core.errors import MissingDependencyError, RobotFault

_ASK_S = 0.05
_KNOWN_S = 0.15
_LONGEST_END_S = 8


def never() -> bool:
    """Nobody asks to stop."""
    return False


class RosNode:
    """A node. Either its owner asks `spin_once`, or `start` lets a thread do it.

    Args:
        name: Of the node.
        namespace: Of the node; empty is the root.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
        arguments: After ``--ros-args``: parameters, remappings.
        pictures: Whether this process sends or hears pictures; decided by its first node.

    Attributes:
        node: The `rclpy.node.Node`.

    Raises:
        MissingDependencyError: ROS 2 is not installed, or does not work.
        RefusedError: There is no such domain or namespace.
    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str = "",
        reach: Reach = Reach.MACHINE,
        domain: int | None = None,
        arguments: Sequence[str] = (),
        pictures: bool = True,
    ) -> None:
        space = checked_namespace(namespace)
        prepare_environment(reach, domain, pictures=pictures)
        rclpy = import_rclpy()
        remove_left_over()
        self._context = rclpy.Context()
        ros_arguments = ["--ros-args", *arguments] if arguments else []
        rclpy.init(args=ros_arguments, context=self._context, domain_id=domain)
        self.node = self._make_node(name, space)
        self._executor = _executor(self._context)
        self._executor.add_node(self.node)
        self._thread: threading.Thread | None = None
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._stop = threading.Event()
        self._closed = False

    def _make_node(self, name: str, namespace: str) -> Any:
        import rclpy

        return rclpy.create_node(name, namespace=namespace or None, context=self._context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether nobody has asked ROS to end."""
        return not self._closed and self._context.ok()

    def spin_once(self, timeout_s: float = 0.0) -> bool:
        """Do one thing that is due, waiting for it if need be; False when nothing was."""
        from rclpy.executors import ShutdownException, TimeoutException

        try:
            handler, _, _ = self._executor.wait_for_ready_callbacks(timeout_s)
        except (ShutdownException, TimeoutException):
            return False
        handler()
        problem = handler.exception()
        if problem is not None:
            raise problem
        return True

    def spin_all(self, most: int = 64) -> None:
        """Do all that is due now."""
        for _ in range(most):
            if not self.spin_once(0.0):
                return

    def start(self) -> None:
        """Let a thread do what is due from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.node.get_name())
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() and self.alive:
            self.spin_once(_ASK_S)

    def future(self) -> Any:
        """What a callback of this node may wait for, until `finish`."""
        from rclpy.task import Future

        return Future(executor=self._executor)

    def finish(self, future: Any, result: Any) -> None:
        """Give a future its result, from any thread."""
        if self.alive:
            self._executor.create_task(future.set_result, result)

    def close(self) -> None:
        """End in the order that does not hang. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def wait_for(
        self, ready: Callable[[], bool], timeout_s: float, what: str, *, every_s: float = 0.02
    ) -> None:
        """Wait until something is so, doing what is due meanwhile.

        Raises:
            RobotFault: It did not come about; says what was waited for.
        """
        until_s = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > until_s or not self.alive:
                raise RobotFault(f"Waited {timeout_s:g} s for {what}.")
            if self._thread is None:
                self.spin_once(every_s)
            else:
                time.sleep(every_s)

    def call(self, client: Any, request: Any, timeout_s: float) -> Any:
        """Call a service and wait for its answer.

        Raises:
            RobotFault: The service is not there, or does not answer in time.
        """
        name = client.srv_name
        self.meet([client], timeout_s)
        future = client.call_async(request)
        try:
            self.wait_for(future.done, timeout_s, f"an answer of {name}", every_s=0.002)
        except RobotFault:
            client.remove_pending_request(future)
            raise
        return future.result()

    def ask(
        self,
        client: Any,
        request: Any,
        *,
        answer_s: float,
        patience_s: float,
        stop_requested: Callable[[], bool] = never,
    ) -> Any:
        """Call a service until it answers: one that was killed stays visible for a while.

        Args:
            client: Of the service.
            request: That may arrive more than once.
            answer_s: How long each answer is waited for.
            patience_s: How long all together.
            stop_requested: Asked whenever no answer came; nobody is asked again when it says so.

        Raises:
            RobotFault: None came.
        """
        until_s = time.monotonic() + patience_s
        while True:
            left_s = max(until_s - time.monotonic(), 0.1)
            try:
                return self.call(client, request, min(left_s, answer_s))
            except RobotFault:
                if stop_requested():
                    raise RobotFault(
                        f"{client.srv_name} is not waited for any longer, as was asked."
                    ) from None
                if time.monotonic() >= until_s or not self.alive:
                    raise RobotFault(
                        f"No answer of {client.srv_name} came within {patience_s:g} s."
                    ) from None

    def meet(self, clients: Sequence[Any], timeout_s: float) -> None:
        """Wait until the servers of all clients are there, and know their clients.

        A client knows of its server before the server knows of the client; what is asked, or
        answered, in between is lost for good. So the first request waits a moment.

        Raises:
            RobotFault: A service is not there in time.
        """
        strangers = [client for client in clients if client not in self._known]
        for client in clients:
            if not client.service_is_ready():
                self.wait_for(client.service_is_ready, timeout_s, f"the service {client.srv_name}")
                strangers.append(client)
        self._known.update(strangers)
        until_s = time.monotonic() + (_KNOWN_S if strangers else 0.0)
        while (left_s := until_s - time.monotonic()) > 0.0:
            if self._thread is None:
                self.spin_once(left_s)
            else:
                time.sleep(left_s)


def _executor(context: Any) -> Any:
    from rclpy.executors import SingleThreadedExecutor

    return SingleThreadedExecutor(context=context)


def import_rclpy() -> Any:
    """The module `rclpy`.

    Raises:
        MissingDependencyError: It is not installed, or does not work.
    """
    try:
        import rclpy
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"ROS 2 does not work here: {error}. Source your ROS installation, or, where there is "
            "none, install the extra `ros`: pip install 'robot-skills[ros]'."
        ) from None
    return rclpy


class ProcessEnd:
    """Whether this process was asked to end: by Ctrl-C, a signal, or the end of its parent."""

    def __init__(self) -> None:
        # No `threading.Event`: its lock, taken by one signal's handler, would never be free for the
        # handler of the next.
        self._asked = False
        self._bounded = False

    @property
    def asked(self) -> bool:
        return self._asked

    @contextlib.contextmanager
    def watched(self, *, with_parent: bool = False) -> Iterator[None]:
        """Let signals ask, for as long as the block lasts. For the main thread.

        Args:
            with_parent: The end of the parent process asks as well; and a child that was asked, and
                does not come to its end, is ended by the system.
        """
        before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._bounded = with_parent
        if with_parent:
            _signal_at_end_of_parent()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        if self._bounded and not self._asked:
            # Taking down DDS can hang, and nobody would be left to notice.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_LONGEST_END_S)
        self._asked = True


def _signal_at_end_of_parent() -> None:
    """Have the system send SIGTERM when the parent ends, however it does."""
    set_signal = 1
    spawner = multiprocessing.parent_process()
    # It may have ended while this process was still loading; then somebody else is the parent.
    parent = os.getppid() if spawner is None else spawner.pid
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_signal, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
