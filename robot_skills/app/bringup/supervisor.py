"""Starts the nodes of a plan, starts them again, and ends them in order. One thread, one loop."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from robot_skills.app.bringup.child import Child, how_it_ended
from robot_skills.app.bringup.graph import NOTHING, Graph
from robot_skills.app.bringup.plan import BringupPlan, NodePlan, Restarts
from robot_skills.core.errors import RefusedError, RobotFault

_logger = logging.getLogger(__name__)
_EVERY_S = 0.05
_LOOK_S = 0.2
"""Between looks at what is there on the network."""
_REFUSED = RefusedError.exit_code
_HURRY = 10
"""Steps of niceness by which a node that takes another's place comes before the others."""
SPARE_AFTER_S = 3.0
"""By then a cell that comes up has other things to do no more."""
DISCOVERY_S = 2.0
"""By then one knows who is there on the network."""


class NodeState(Enum):
    """How far a node is. The values are what is shown."""

    WAITING = "waiting"
    """For those that come before it."""
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    """It ended, and is started again after a pause."""
    GIVEN_UP = "given up"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeReport:
    """How a node is.

    Attributes:
        name: Of the node.
        state: How far it is.
        restarts: How often it was started again.
        why: How it ended the last time; empty when it did not.
        last_words: Last line of its log.
        log: File of its output.
        pid: Of its process; None when there is none.
    """

    name: str
    state: NodeState
    restarts: int
    why: str
    last_words: str
    log: Path
    pid: int | None


class _Supervised:
    """One node, its process, and what is to happen next."""

    def __init__(self, plan: NodePlan, log: Path) -> None:
        self.plan, self.log = plan, log
        self.state = NodeState.WAITING
        self.restarts = Restarts(plan.respawn)
        self.child: Child | None = None
        self.spare: Child | None = None
        self.hurries = False
        self.since_s = 0.0
        self.due_s = 0.0
        self.gone = NOTHING
        self.why = ""
        self.words = ""

    def report(self) -> NodeReport:
        child = self.child
        return NodeReport(
            name=self.plan.name,
            state=self.state,
            restarts=self.restarts.total,
            why=self.why,
            last_words=self.words if child is None else child.last_words(),
            log=self.log,
            pid=None if child is None else child.pid,
        )


class Supervisor:
    """Brings a plan up and keeps it up. To be used in the main thread.

    Args:
        plan: What is started.
        graph: What is there on the network.
        logs: Folder for the nodes' output, a file for each.
        show: Called with the state of a node whenever it changes.
        environment: Of the nodes; None is ours.
        discovery_s: How long the network is listened to before anything is started.
        spare_after_s: How long a node that is started again when it ends has run when another
            process of it is loaded, which waits; None for no such processes.
    """

    def __init__(
        self,
        plan: BringupPlan,
        graph: Graph,
        logs: Path,
        show: Callable[[NodeReport], None],
        environment: Mapping[str, str] | None = None,
        discovery_s: float = DISCOVERY_S,
        spare_after_s: float | None = None,
    ) -> None:
        self.plan = plan
        self._listen_until_s = time.monotonic() + discovery_s
        self._graph, self._show = graph, show
        environment = os.environ if environment is None else environment
        # What a node says is wanted in its log when it says it.
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._nodes = [_Supervised(node, logs / f"{node.name}.log") for node in plan.nodes]
        self._looked_s = 0.0
        self._spare_after_s = spare_after_s
        self._ending: Callable[[], bool] = bool
        self.reason = ""
        """Why all had to end; empty while there is no reason."""

    @property
    def reports(self) -> list[NodeReport]:
        return [node.report() for node in self._nodes]

    @property
    def up(self) -> bool:
        """Whether all nodes run."""
        return all(node.state is NodeState.RUNNING for node in self._nodes)

    def run(self, asked_to_end: Callable[[], bool]) -> bool:
        """Until somebody asks for the end, or a required node ends; then all are ended in order.

        Args:
            asked_to_end: Asked all the time.

        Returns:
            Whether the end was asked for; otherwise `reason` says why it came.
        """
        self._ending = asked_to_end
        try:
            while not asked_to_end() and not self.reason:
                self.step()
                time.sleep(_EVERY_S)
        finally:
            self.end()
        return not self.reason

    # Up

    def step(self) -> None:
        """Look after every node once."""
        now_s = time.monotonic()
        look = now_s - self._looked_s > _LOOK_S
        if look:
            self._looked_s = now_s
        for node in self._nodes:
            if self.reason:
                return
            self._look_after(node, now_s, look)

    def _look_after(self, node: _Supervised, now_s: float, look: bool) -> None:
        match node.state:
            case NodeState.WAITING if now_s >= self._listen_until_s and self._may_start(node):
                self._start_first(node, now_s)
            case NodeState.PAUSING if now_s >= node.due_s:
                self._start(node, now_s)
            case NodeState.STARTING | NodeState.RUNNING:
                assert node.child is not None
                if (exit_code := node.child.exit_code()) is not None:
                    self._ended_by_itself(node, exit_code, now_s)
                elif node.state is NodeState.STARTING and look:
                    self._look_whether_ready(node, now_s)
                elif node.state is NodeState.RUNNING:
                    self._keep_a_spare(node, now_s)

    def _may_start(self, node: _Supervised) -> bool:
        # Whoever is being started again, or was given up without being required, has been there.
        before = [one for one in self._nodes if one.plan.name in node.plan.after]
        waited_for = (NodeState.WAITING, NodeState.STARTING, NodeState.PAUSING)
        return all(one.state not in waited_for for one in before)

    def _start_first(self, node: _Supervised, now_s: float) -> None:
        """Start a node, unless somebody else does its work: two would command one arm."""
        ready = node.plan.ready
        present = [] if ready is None else self._graph.present(ready)
        if present:
            self._hopeless(
                node,
                f"is running already: there is {present[0]}. End the other one, or choose another "
                "namespace or domain",
            )
        else:
            self._start(node, now_s)

    def _start(self, node: _Supervised, now_s: float) -> None:
        ready = node.plan.ready
        # Who was killed is still heard of for a while; only who comes now is ready.
        node.gone = NOTHING if ready is None else self._graph.ends(ready)
        node.child, node.spare = self._new_child(node), None
        node.since_s = now_s
        self._change(node, NodeState.STARTING)

    def _new_child(self, node: _Supervised) -> Child:
        """The spare, where there is one."""
        spare = node.spare
        if spare is None:
            return Child(node.plan.command(os.getpid()), node.log, self._environment)
        if spare.exit_code() is not None:
            spare.clear()
            return Child(node.plan.command(os.getpid()), node.log, self._environment)
        spare.take_turn()
        # The others wait for it.
        spare.hurry(-_HURRY)
        node.hurries = True
        return spare

    def _keep_a_spare(self, node: _Supervised, now_s: float) -> None:
        """Have another process ready for when this one ends: loading takes most of a start."""
        after_s, plan = self._spare_after_s, node.plan
        if after_s is None or plan.respawn is None or node.spare is not None:
            return
        if now_s - node.since_s > after_s:
            command = plan.command(os.getpid(), spare=True)
            node.spare = Child(command, node.log, self._environment, spare=True)

    def _look_whether_ready(self, node: _Supervised, now_s: float) -> None:
        ready = node.plan.ready
        missing = [] if ready is None else self._graph.missing(ready, node.gone)
        if not missing:
            self._activate(node)
        elif ready is not None and now_s - node.since_s > ready.timeout_s:
            self._hopeless(node, f"is not ready after {ready.timeout_s:g} s: no {missing[0]}")

    def _activate(self, node: _Supervised) -> None:
        try:
            if node.plan.lifecycle:
                self._graph.activate(node.plan.full_name, lambda: not self._ending())
            if node.hurries and node.child is not None:
                node.child.hurry(_HURRY)
            node.hurries = False
            self._change(node, NodeState.RUNNING)
        except RobotFault as problem:
            self._hopeless(node, f"did not become active: {problem}")

    # Down

    def _ended_by_itself(self, node: _Supervised, exit_code: int, now_s: float) -> None:
        why = how_it_ended(exit_code)
        self._clear(node)
        # Input that was refused once is refused again.
        pause_s = None if exit_code == _REFUSED else node.restarts.pause_s(now_s - node.since_s)
        if pause_s is None:
            self._hopeless(node, why)
        else:
            node.why, node.due_s = why, now_s + pause_s
            self._change(node, NodeState.PAUSING)

    def _hopeless(self, node: _Supervised, why: str) -> None:
        """There will be no node any more: end all where it is required."""
        if node.child is not None:
            self._finish(node)
        node.why = why
        self._change(node, NodeState.GIVEN_UP)
        if node.plan.required:
            words = f" Its last words: {node.words}" if node.words else ""
            self.reason = f"{node.plan.name} {why}.{words}"

    def end(self) -> None:
        """End all, the last one first; what does not end in its time is killed."""
        for node in self._nodes:
            if node.spare is not None:
                node.spare.clear()
                node.spare = None
        for node in reversed(self._nodes):
            if node.child is not None:
                self._change(node, NodeState.ENDING)
                node.why = self._finish(node)
            if node.state is not NodeState.GIVEN_UP:
                self._change(node, NodeState.ENDED)

    def _finish(self, node: _Supervised) -> str:
        child = node.child
        assert child is not None
        child.ask_to_end()
        until_s = time.monotonic() + node.plan.end_s
        while child.exit_code() is None:
            if time.monotonic() > until_s:
                _logger.warning("%s did not end in time and is killed.", node.plan.name)
                break
            time.sleep(0.01)
        return how_it_ended(self._clear(node))

    def _clear(self, node: _Supervised) -> int:
        child = node.child
        assert child is not None
        exit_code = child.clear()
        node.words, node.child = child.last_words(), None
        return exit_code

    def _change(self, node: _Supervised, state: NodeState) -> None:
        node.state = state
        self._show(node.report())
