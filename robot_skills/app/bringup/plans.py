"""The plans that there are, for any cell."""

from dataclasses import dataclass
from enum import Enum

from robot_skills.app.bringup.plan import BringupPlan, NodePlan, Ready, Respawn, absolute
from robot_skills.app.executives import checked_executive
from robot_skills.core.errors import RefusedError

_NODES = "robot_skills.app.nodes"


class PlanName(Enum):
    """What is brought up."""

    SIM = "sim"
    """A simulated arm behind the topics of a real one, and its gate."""
    BRINGUP = "bringup"
    """Gate and cameras of a cell; of a simulated one the same as `SIM`."""
    COLLECT = "collect"
    """The same, hands on the robot, and a recorder."""
    SKILLS = "skills"
    """The same, with perception, skills and instructions as actions."""
    CALIBRATE = "calibrate"
    """The same with hands that lead the arm before its cameras."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellFacts:
    """What a plan needs to know of a cell.

    Attributes:
        cell: Its file, for the nodes' command lines.
        name: Of the cell.
        simulated: Its arm is simulated, with the cameras.
        namespace: Of its nodes; empty is the root.
        domain: Of ROS; None is what the environment says.
        joint_states: Topic of the arm's joint states.
        cameras: Cameras that a node of ours drives, or watches.
        network: Whether nodes are on other machines as well.
    """

    cell: str
    name: str
    simulated: bool = False
    namespace: str = ""
    domain: int | None = None
    joint_states: str = "joint_states"
    cameras: tuple[str, ...] = ()
    network: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Demonstration:
    """Whose hands are on the robot, and what becomes of what they do.

    Attributes:
        devices: Hands, by the names that the node ``teleop`` knows; empty is its own choice.
        dataset: Folder for episodes; empty is the recorder's own choice.
        task: What is demonstrated, in words.
    """

    devices: tuple[str, ...] = ()
    dataset: str = ""
    task: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instructions:
    """How instructions are carried out, and what is kept of them.

    Attributes:
        executive: Who decides after the plan, and after every call; empty is the scheduler's own
            choice.
        runs: Folder in which every run is kept; empty keeps none.
        planner: Who plans; empty is the scheduler's own choice.
        model: Of a planner that asks a language model, its name at the endpoint.
        base_url: Of the endpoint; empty is the planner's own choice.
    """

    executive: str = ""
    runs: str = ""
    planner: str = ""
    model: str = ""
    base_url: str = ""

    def __post_init__(self) -> None:
        """Raises `UnknownNameError` for an executive that there is not."""
        if self.executive:
            checked_executive(self.executive)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the scheduler."""
        told = {
            "--planner": self.planner,
            "--model": self.model,
            "--base-url": self.base_url,
            "--executive": self.executive,
            "--runs": self.runs,
        }
        return tuple(text for pair in told.items() if pair[1] for text in pair)


def plan_of(
    name: PlanName,
    facts: CellFacts,
    demonstration: Demonstration | None = None,
    instructions: Instructions | None = None,
) -> BringupPlan:
    """What is started.

    Args:
        name: Of the plan.
        facts: Of the cell.
        demonstration: For plans with hands.
        instructions: For plans with a scheduler.

    Raises:
        RefusedError: A real arm is to be simulated, or the plan has no such hands, recorder or
            scheduler.
    """
    shown, told = demonstration or Demonstration(), instructions or Instructions()
    _check_hands(name, shown)
    _check_scheduler(name, told)
    if name is PlanName.SIM and not facts.simulated:
        raise RefusedError(
            f"The arm of {facts.name} is a real one: bring it up with the plan "
            f"{PlanName.BRINGUP.value!r}, or take a cell whose arm is simulated."
        )
    arguments = ["--cell", facts.cell]
    if facts.domain is not None:
        arguments += ["--domain", str(facts.domain)]
    make = _Nodes(facts, tuple(arguments))
    if facts.simulated:
        nodes = [make.sim_robot(), make.gate()]
    else:
        nodes = [make.gate(), *(make.camera(camera) for camera in facts.cameras)]
    nodes += [make.upper(row, _own_arguments(name, row, shown, told)) for row in _UPPER[name]]
    return BringupPlan(
        name=name.value,
        cell=facts.name,
        nodes=tuple(nodes),
        namespace=facts.namespace,
        domain=facts.domain,
        network=facts.network,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Upper:
    """A node above the gate.

    Attributes:
        name: Of the node.
        executable: And module.
        about: What it does.
        services: That it has when it is ready, below its namespace.
        end_s: How long it may take to end.
    """

    name: str
    executable: str
    about: str
    services: tuple[str, ...] = ()
    # What is being carried out or written is brought to an end first.
    end_s: float = 5.0


_TELEOP = _Upper(name="teleop", executable="teleop", about="hands on the robot")
_RECORDER = _Upper(
    name="recorder",
    executable="recorder",
    about="episodes into a dataset",
    services=("recorder/episode",),
)
_PERCEPTION = _Upper(
    name="perception",
    executable="perception",
    about="looks, for all others",
    services=("perception/look",),
)
_SKILLS = _Upper(
    name="skill_server",
    executable="skills",
    about="carries out skills as an action",
    services=("list_skills",),
)
_SCHEDULER = _Upper(
    name="scheduler",
    executable="scheduler",
    about="plans instructions, and has the skills done",
    services=("plan_task",),
)
_UPPER: dict[PlanName, tuple[_Upper, ...]] = {
    PlanName.SIM: (),
    PlanName.BRINGUP: (),
    PlanName.COLLECT: (_RECORDER, _TELEOP),
    PlanName.SKILLS: (_PERCEPTION, _SKILLS, _SCHEDULER),
    PlanName.CALIBRATE: (_TELEOP,),
}
"""What stands above the gate, in the order of starting."""


def _check_hands(name: PlanName, shown: Demonstration) -> None:
    rows = _UPPER[name]
    if shown.devices and _TELEOP not in rows:
        raise RefusedError(f"The plan {name.value!r} has no hands: leave the devices out.")
    if (shown.dataset or shown.task) and _RECORDER not in rows:
        raise RefusedError(f"The plan {name.value!r} has no recorder: leave dataset and task out.")


def _check_scheduler(name: PlanName, told: Instructions) -> None:
    if told.arguments and _SCHEDULER not in _UPPER[name]:
        options = ", ".join(text for text in told.arguments if text.startswith("--"))
        raise RefusedError(
            f"The plan {name.value!r} has no scheduler: leave {options} out, or take the plan "
            f"{PlanName.SKILLS.value!r}."
        )


def _own_arguments(
    name: PlanName, row: _Upper, shown: Demonstration, told: Instructions
) -> tuple[str, ...]:
    """What a node takes besides what all take."""
    if row is _SCHEDULER:
        return told.arguments
    task = ("--task", shown.task) if shown.task else ()
    if row is _RECORDER:
        return (*(("--dataset", shown.dataset) if shown.dataset else ()), *task)
    if row is not _TELEOP:
        return ()
    devices = [text for device in shown.devices for text in ("--device", device)]
    alone = () if _RECORDER in _UPPER[name] else ("--no-recorder",)
    return (*devices, *task, *alone)


class _Nodes:
    """Makes the nodes of one cell."""

    def __init__(self, facts: CellFacts, arguments: tuple[str, ...]) -> None:
        self._facts, self._arguments = facts, arguments

    def sim_robot(self) -> NodePlan:
        facts = self._facts
        return NodePlan(
            name="sim_robot",
            executable="simulate",
            module=f"{_NODES}.simulate",
            about="the simulated arm and its cameras",
            arguments=self._arguments,
            namespace=facts.namespace,
            ready=Ready(topics=absolute(facts.namespace, (facts.joint_states,))),
        )

    def gate(self) -> NodePlan:
        namespace = self._facts.namespace
        return NodePlan(
            name="gate",
            executable="gate",
            module=f"{_NODES}.gate",
            about="the safety gate",
            arguments=self._arguments,
            namespace=namespace,
            respawn=Respawn(),
            after=("sim_robot",) if self._facts.simulated else (),
            ready=Ready(services=absolute(namespace, ("gate/acquire", "gate/submit"))),
        )

    def camera(self, camera: str) -> NodePlan:
        namespace = self._facts.namespace
        return NodePlan(
            name=f"camera_{camera}",
            executable="camera",
            module=f"{_NODES}.camera",
            about=f"the camera {camera}",
            arguments=(*self._arguments, "--camera", camera),
            namespace=namespace,
            required=False,
            # A cable is plugged in again after hours, too.
            respawn=Respawn(most=1000),
            ready=Ready(topics=absolute(namespace, (f"{camera}/health",))),
        )

    def upper(self, row: _Upper, own: tuple[str, ...]) -> NodePlan:
        namespace = self._facts.namespace
        services = absolute(namespace, row.services)
        return NodePlan(
            name=row.name,
            executable=row.executable,
            module=f"{_NODES}.{row.executable}",
            about=row.about,
            arguments=(*self._arguments, *own),
            namespace=namespace,
            required=False,
            respawn=Respawn(),
            after=("gate",),
            ready=Ready(services=services, timeout_s=120.0) if services else None,
            end_s=row.end_s,
        )
