"""A plan as actions of ROS 2's `launch`: what the launch files in ``launch/`` describe.

The same nodes, order, restarts and ends as `Supervisor`. launch knows no growing pauses and no
order of ending, so both are made from what it has: a timer starts a node again, and each node is
ended by the signal that launch escalates to, one after the other.
"""

import importlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_skills.app.bringup.cell import facts_of
from robot_skills.app.bringup.child import how_it_ended
from robot_skills.app.bringup.plan import PACKAGE, BringupPlan, NodePlan, Restarts, this_process
from robot_skills.app.bringup.plans import Demonstration, Instructions, PlanName, plan_of
from robot_skills.core.errors import MissingDependencyError, RefusedError

_STEP_S = 1.5
"""Between the ends of one node and the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchArgument:
    """An argument of a launch file."""

    name: str
    default: str | None
    about: str


ARGUMENTS = (
    LaunchArgument(
        name="cell", default=None, about="The cell: a file, or the name of a shipped one."
    ),
    LaunchArgument(
        name="namespace", default="", about="Namespace of all nodes; the cell's when empty."
    ),
    LaunchArgument(name="domain", default="", about="ROS domain; the cell's when empty."),
    LaunchArgument(
        name="only",
        default="",
        about="Nodes of the plan to start, with commas between them; all when empty.",
    ),
    LaunchArgument(
        name="without", default="", about="Nodes of the plan to leave out, with commas."
    ),
)
"""Arguments of every launch file."""
_DEVICE = LaunchArgument(
    name="device",
    default="",
    about="Hands on the robot, with commas between them; ros-twist when empty.",
)
_DATASET = LaunchArgument(
    name="dataset", default="", about="Folder to record into; outputs/datasets/CELL when empty."
)
_TASK = LaunchArgument(name="task", default="", about="What is demonstrated, in words.")
_EXECUTIVE = LaunchArgument(
    name="executive",
    default="",
    about="What comes after the plan, and after every skill: closed-loop, fixed or sequencer; "
    "closed-loop when empty.",
)
_RUNS = LaunchArgument(
    name="runs", default="", about="Folder in which every run is kept; none is kept when empty."
)
_PLANNER = LaunchArgument(
    name="planner",
    default="",
    about="Who plans: rules, or llm, a language model; rules when empty.",
)
_MODEL = LaunchArgument(
    name="model", default="", about="Of llm: name of the model, as the endpoint knows it."
)
_BASE_URL = LaunchArgument(
    name="base_url", default="", about="Of llm: the endpoint; OpenAI's when empty."
)
_MORE = {
    PlanName.COLLECT: (_DEVICE, _DATASET, _TASK),
    PlanName.SKILLS: (_EXECUTIVE, _RUNS, _PLANNER, _MODEL, _BASE_URL),
    PlanName.CALIBRATE: (_DEVICE,),
}


def arguments_of(name: PlanName) -> tuple[LaunchArgument, ...]:
    """Arguments of the launch file of a plan."""
    return (*ARGUMENTS, *_MORE.get(name, ()))


class _Ros:
    """The modules of ROS's launch, which are there only where ROS is installed.

    Raises:
        MissingDependencyError: They are not.
    """

    def __init__(self) -> None:
        try:
            self.launch = importlib.import_module("launch")
            self.actions = importlib.import_module("launch.actions")
            self.events = importlib.import_module("launch.events")
            self.handlers = importlib.import_module("launch.event_handlers")
            self.substitutions = importlib.import_module("launch.substitutions")
            self.node_actions = importlib.import_module("launch_ros.actions")
            self.node_handlers = importlib.import_module("launch_ros.event_handlers")
            self.lifecycle = importlib.import_module("launch_ros.events.lifecycle")
        except ImportError as error:
            raise MissingDependencyError(
                f"ROS's launch does not work here: {error}. Source your ROS installation, or use "
                "`robot-skills bringup`, which starts the same nodes."
            ) from None


def describe(name: PlanName) -> Any:
    """The `launch.LaunchDescription` of a plan.

    Args:
        name: Of the plan.
    """
    ros = _Ros()
    declared = [
        ros.actions.DeclareLaunchArgument(
            one.name, default_value=one.default, description=one.about
        )
        for one in arguments_of(name)
    ]
    start = ros.actions.OpaqueFunction(
        function=lambda context: actions_of(_plan(name, context, ros))
    )
    return ros.launch.LaunchDescription([*declared, start])


def _plan(name: PlanName, context: Any, ros: _Ros) -> BringupPlan:
    told = {
        one.name: ros.substitutions.LaunchConfiguration(one.name).perform(context)
        for one in arguments_of(name)
    }
    facts = facts_of(
        told["cell"], namespace=told["namespace"] or None, domain=_domain(told["domain"])
    )
    shown = Demonstration(
        devices=_names(told.get("device", "")),
        dataset=_folder(told.get("dataset", "")),
        task=told.get("task", ""),
    )
    carried_out = Instructions(
        executive=told.get("executive", ""),
        runs=_folder(told.get("runs", "")),
        planner=told.get("planner", ""),
        model=told.get("model", ""),
        base_url=told.get("base_url", ""),
    )
    plan = plan_of(name, facts, shown, carried_out).selected(
        _names(told["only"]), _names(told["without"])
    )
    plan.check()
    return plan


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _folder(text: str) -> str:
    """A folder as nodes find it, wherever they are started; empty stays empty."""
    return str(Path(text).resolve()) if text else ""


def _domain(text: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        raise RefusedError(f"domain:={text} is no number.") from None


def actions_of(plan: BringupPlan) -> list[Any]:
    """What launch does for a plan, beginning with the nodes that wait for nobody."""
    return _Launched(plan, _Ros()).due()


class _Launched:
    """The nodes of a plan while launch runs them.

    Args:
        plan: Of the nodes.
        ros: Modules of launch.
    """

    def __init__(self, plan: BringupPlan, ros: _Ros) -> None:
        self._plan, self._ros = plan, ros
        self._restarts = {node.name: Restarts(node.respawn) for node in plan.nodes}
        self._begun: set[str] = set()
        self._ready: set[str] = set()
        self._started_s: dict[str, float] = {}

    def due(self) -> list[Any]:
        """Actions for all nodes that may start now."""
        actions: list[Any] = []
        for node in self._plan.nodes:
            if node.name not in self._begun and self._ready.issuperset(node.after):
                self._begun.add(node.name)
                actions += [*self._start(node), *self._watch(node)]
        return actions

    def _start(self, node: NodePlan) -> list[Any]:
        """One process of a node, and what becomes of its end."""
        action = self._node(node)
        self._started_s[node.name] = time.monotonic()
        handler = self._ros.handlers.OnProcessExit(
            target_action=action,
            on_exit=lambda event, context: self._ended(node, event.returncode, context),
        )
        activation = self._activation(node, action) if node.lifecycle else []
        return [self._ros.actions.RegisterEventHandler(handler), action, *activation]

    def _node(self, node: NodePlan) -> Any:
        position = len(self._plan.nodes) - 1 - self._plan.nodes.index(node)
        settings: dict[str, Any] = {
            "package": PACKAGE,
            "executable": node.executable,
            "exec_name": node.name,
            "namespace": node.namespace,
            "arguments": node.own_arguments(this_process()),
            "parameters": [str(path) for path in node.parameters],
            "remappings": list(node.remaps),
            "output": "both",
            "additional_env": {"PYTHONUNBUFFERED": "1"},
            # A kept node leaves SIGINT to its keeper and ends with SIGTERM: the last one first.
            "sigterm_timeout": f"{0.1 + position * _STEP_S:g}",
            "sigkill_timeout": f"{node.end_s:g}",
        }
        return (
            self._ros.node_actions.LifecycleNode(name=node.name, **settings)
            if node.lifecycle
            else self._ros.node_actions.Node(**settings)
        )

    def _activation(self, node: NodePlan, action: Any) -> list[Any]:
        from lifecycle_msgs.msg import Transition

        def change(transition: int) -> Any:
            event = self._ros.lifecycle.ChangeState(
                lifecycle_node_matcher=self._ros.events.matches_action(action),
                transition_id=transition,
            )
            return self._ros.actions.EmitEvent(event=event)

        configured = self._ros.node_handlers.OnStateTransition(
            target_lifecycle_node=action,
            start_state="configuring",
            goal_state="inactive",
            entities=[change(Transition.TRANSITION_ACTIVATE)],
        )
        return [
            self._ros.actions.RegisterEventHandler(configured),
            change(Transition.TRANSITION_CONFIGURE),
        ]

    def _watch(self, node: NodePlan) -> list[Any]:
        """Start those that come after, once the node is ready."""
        if node.ready is None:
            self._ready.add(node.name)
            return []
        told = [f"--topic={name}" for name in node.ready.topics]
        told += [f"--service={name}" for name in node.ready.services]
        told += [f"--timeout={node.ready.timeout_s:g}", f"--keeper={this_process()}"]
        if self._plan.domain is not None:
            told.append(f"--domain={self._plan.domain}")
        if self._plan.network:
            told.append("--network")
        waiting = self._ros.node_actions.Node(
            package=PACKAGE,
            executable="wait_for",
            exec_name=f"wait_for_{node.name}",
            arguments=told,
            output="both",
            sigterm_timeout="0.1",
        )
        handler = self._ros.handlers.OnProcessExit(
            target_action=waiting,
            on_exit=lambda event, context: self._waited(node, event.returncode, context),
        )
        return [self._ros.actions.RegisterEventHandler(handler), waiting]

    def _waited(self, node: NodePlan, exit_code: int, context: Any) -> list[Any]:
        if context.is_shutdown:
            return []
        if exit_code == 0:
            self._ready.add(node.name)
            return self.due()
        return self._shutdown(f"{node.name} is not ready: {how_it_ended(exit_code)}")

    def _ended(self, node: NodePlan, exit_code: int, context: Any) -> list[Any]:
        if context.is_shutdown:
            return []
        why = f"{node.name} {how_it_ended(exit_code)}"
        ran_s = time.monotonic() - self._started_s[node.name]
        refused = exit_code == RefusedError.exit_code
        pause_s = None if refused else self._restarts[node.name].pause_s(ran_s)
        if pause_s is not None:
            again = self._ros.actions.OpaqueFunction(function=lambda context: self._start(node))
            return [
                self._ros.actions.LogInfo(msg=f"{why}; it is started again in {pause_s:g} s."),
                self._ros.actions.TimerAction(period=pause_s, actions=[again]),
            ]
        if node.required:
            return self._shutdown(why)
        # Those after it need not wait any longer.
        self._ready.add(node.name)
        return [self._ros.actions.LogInfo(msg=f"{why}; the others go on without it."), *self.due()]

    def _shutdown(self, reason: str) -> list[Any]:
        return [self._ros.actions.EmitEvent(event=self._ros.events.Shutdown(reason=reason))]
