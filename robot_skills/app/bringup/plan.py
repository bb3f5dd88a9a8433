"""What is started for a cell, as data: read by the launch files and by our own supervisor alike."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from robot_skills.core.errors import RefusedError, unknown_name

PACKAGE = "robot_skills_ros"
"""The ROS package that installs the executables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """When a node is ready for those that need it.

    Attributes:
        topics: That have a publisher by then; full names.
        services: That have a server by then; full names.
        timeout_s: How long that may take.
    """

    topics: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    timeout_s: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Respawn:
    """How a node is started again when it has ended by itself.

    Attributes:
        first_pause_s: Before the first time.
        factor: By which the pause grows with each time.
        longest_pause_s: It grows no further.
        most: Times in a row; then the node is given up.
        healthy_s: Whoever ran so long begins to count anew.
    """

    first_pause_s: float = 0.1
    factor: float = 3.0
    longest_pause_s: float = 30.0
    most: int = 5
    healthy_s: float = 60.0

    def __post_init__(self) -> None:
        if self.first_pause_s <= 0.0 or self.factor < 1.0 or self.most < 1:
            raise RefusedError(
                "A respawned node needs a pause above 0 s that does not shrink, and at least one "
                f"try; got {self.first_pause_s:g} s, factor {self.factor:g}, {self.most} tries."
            )


class Restarts:
    """Counts how often one node was started again.

    Args:
        respawn: How it is; None for never.

    Attributes:
        total: Times so far.
    """

    def __init__(self, respawn: Respawn | None) -> None:
        self._respawn = respawn
        self._in_a_row = 0
        self.total = 0

    def pause_s(self, ran_s: float) -> float | None:
        """How long to wait before the next start; None when there is none.

        Args:
            ran_s: How long the node ran.
        """
        respawn = self._respawn
        if respawn is None:
            return None
        if ran_s >= respawn.healthy_s:
            self._in_a_row = 0
        if self._in_a_row >= respawn.most:
            return None
        pause_s = min(
            respawn.first_pause_s * respawn.factor**self._in_a_row, respawn.longest_pause_s
        )
        self._in_a_row += 1
        self.total += 1
        return pause_s


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePlan:
    """One node.

    Attributes:
        name: Of the node.
        executable: Of `PACKAGE`, what `ros2 launch` runs.
        module: The same for ``python -m``.
        about: What it does, in a few words.
        arguments: Of the executable, before those for ROS.
        namespace: Of the node, with a slash before it; empty is the root.
        parameters: Files of ROS parameters.
        remaps: From and to.
        required: Its end, when it is not started again, ends all.
        respawn: How it is started again; None for never.
        lifecycle: It is a managed node, to be configured and activated once it is there.
        after: Nodes that have to be ready before.
        ready: When those that need it may start; None is at once.
        end_s: How long it may take to end.
    """

    name: str
    executable: str
    module: str
    about: str
    arguments: tuple[str, ...] = ()
    namespace: str = ""
    parameters: tuple[Path, ...] = ()
    remaps: tuple[tuple[str, str], ...] = ()
    required: bool = True
    respawn: Respawn | None = None
    lifecycle: bool = False
    after: tuple[str, ...] = ()
    ready: Ready | None = None
    end_s: float = 3.0

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def there(self) -> bool:
        """Whether its module is installed, and can be run."""
        try:
            spec = find_spec(self.module)
        except ModuleNotFoundError:
            return False
        if spec is None or spec.origin is None:
            return False
        return "\ndef main(" in Path(spec.origin).read_text(encoding="utf-8")

    def own_arguments(self, keeper: int | None) -> list[str]:
        """What comes before ``--ros-args``.

        Args:
            keeper: Process that looks after the node.
        """
        return [*self.arguments, *([] if keeper is None else ["--keeper", str(keeper)])]

    def command(self, keeper: int | None = None, *, spare: bool = False) -> list[str]:
        """The command line that starts it from Python alone.

        Args:
            keeper: Process that looks after the node.
            spare: It is to wait until it is wanted.
        """
        ros: list[str] = []
        if self.namespace:
            ros += ["-r", f"__ns:={self.namespace}"]
        for before, after in self.remaps:
            ros += ["-r", f"{before}:={after}"]
        for path in self.parameters:
            ros += ["--params-file", str(path)]
        own = [sys.executable, "-m", self.module, *self.own_arguments(keeper)]
        own += ["--spare"] if spare else []
        return [*own, "--ros-args", *ros] if ros else own


@dataclass(frozen=True, kw_only=True, slots=True)
class BringupPlan:
    """What is started for a cell, in the order of starting; it is ended in the reverse order.

    Attributes:
        name: Of the plan.
        cell: The cell's name or file.
        nodes: That are started.
        namespace: Of all of them.
        domain: Of ROS; None is what the environment says.
        network: Whether nodes are on other machines as well.
    """

    name: str
    cell: str
    nodes: tuple[NodePlan, ...]
    namespace: str = ""
    domain: int | None = None
    network: bool = False

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise RefusedError(f"The plan {self.name!r} has two nodes {node.name!r}.")
            late = [name for name in node.after if name not in seen]
            if late:
                raise RefusedError(
                    f"In the plan {self.name!r}, {node.name!r} starts after {', '.join(late)}, "
                    "which is not among the nodes before it."
                )
            seen.add(node.name)

    @property
    def missing(self) -> tuple[NodePlan, ...]:
        """Nodes that are not installed."""
        return tuple(node for node in self.nodes if not node.there)

    def check(self) -> None:
        """Refuse a plan that cannot be started.

        Raises:
            RefusedError: Nodes or their parameter files are missing; names them all.
        """
        problems = [
            f"the node {node.name} ({node.about}) is not in this version: no {node.module}"
            for node in self.missing
        ]
        problems += [
            f"the parameters of {node.name} are not there: {path}"
            for node in self.nodes
            for path in node.parameters
            if not path.is_file()
        ]
        if problems:
            raise RefusedError(f"The plan {self.name!r} cannot be started: {'; '.join(problems)}.")

    def selected(self, only: Sequence[str] = (), without: Sequence[str] = ()) -> "BringupPlan":
        """The part of it that this machine starts; the other nodes are started elsewhere.

        Args:
            only: Names of the nodes to start; all when empty.
            without: Names of nodes not to start.

        Raises:
            UnknownNameError: It has no such node.
            RefusedError: No node is left.
        """
        names = [node.name for node in self.nodes]
        for name in (*only, *without):
            if name not in names:
                raise unknown_name(f"node of the plan {self.name!r}", name, names)
        kept = [name for name in names if (not only or name in only) and name not in without]
        if not kept:
            raise RefusedError(f"Of the plan {self.name!r} no node is left to start.")
        return replace(
            self,
            nodes=tuple(
                replace(node, after=tuple(name for name in node.after if name in kept))
                for node in self.nodes
                if node.name in kept
            ),
        )

    def lines(self, keeper: int | None = None) -> list[str]:
        """The plan as text, one node after the other."""
        text = [f"{self.name} of {self.cell}"]
        for node in self.nodes:
            text.append(f"  {node.full_name}: {node.about}")
            text.append(f"    {' '.join(node.command(keeper))}")
            text += [f"    {line}" for line in _manners(node)]
        return text

    def payload(self) -> dict[str, object]:
        """The plan as JSON values."""
        return {
            "plan": self.name,
            "cell": self.cell,
            "namespace": self.namespace,
            "domain": self.domain,
            "missing": [node.name for node in self.missing],
            "nodes": [_node_payload(node) for node in self.nodes],
        }


def _manners(node: NodePlan) -> list[str]:
    """How a node is treated, in words."""
    if node.respawn is None:
        end = "its end ends all" if node.required else "others go on without it"
    else:
        last = "all ends" if node.required else "others go on without it"
        end = f"started again up to {node.respawn.most} times in a row, then {last}"
    lines = [end]
    if node.after:
        lines.append(f"after {', '.join(node.after)}")
    if node.ready is not None:
        lines.append(f"ready with {', '.join((*node.ready.topics, *node.ready.services))}")
    if node.lifecycle:
        lines.append("configured and activated")
    if not node.there:
        lines.append(f"MISSING: there is no module {node.module}")
    return lines


def _node_payload(node: NodePlan) -> dict[str, object]:
    ready = node.ready
    return {
        "name": node.name,
        "executable": node.executable,
        "module": node.module,
        "command": node.command(),
        "namespace": node.namespace,
        "required": node.required,
        "respawn": None if node.respawn is None else node.respawn.most,
        "lifecycle": node.lifecycle,
        "after": list(node.after),
        "ready": [] if ready is None else [*ready.topics, *ready.services],
        "there": node.there,
    }


def absolute(namespace: str, names: Sequence[str]) -> tuple[str, ...]:
    """Names below a namespace, as ROS resolves them."""
    return tuple(name if name.startswith("/") else f"{namespace}/{name}" for name in names)


def this_process() -> int:
    """The number of this process, as keeper of those that it starts."""
    return os.getpid()
