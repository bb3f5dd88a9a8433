"""Options of `robot-skills bringup`. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_skills.app.options import CommonOptions

PlanChoice = Literal["sim", "bringup", "collect", "skills", "calibrate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BringupOptions(CommonOptions):
    """Start the processes of a cell, keep them up, and end them in order on Ctrl-C.

    The same nodes as `ros2 launch robot_skills_ros NAME.launch.py cell:=CELL` starts, without ROS's
    launch. Exits 0 when it was asked to end, 1 when a node that the others need has ended for good.
    """

    cell: str
    """The cell: a file, or the name of a shipped one."""
    plan: PlanChoice = "bringup"
    """What to start. sim: a simulated arm and its gate; bringup: gate and cameras; collect: with
    hands and recorder; skills: with perception, skills and words; calibrate: with hands."""
    namespace: str | None = None
    """ROS namespace of the nodes, for several arms; the cell's when left out."""
    domain: int | None = None
    """ROS domain; the cell's when left out."""
    device: tuple[str, ...] = ()
    """Hands on the robot, of collect and calibrate: ros-twist, ros-pose, ros-joy, gamepad, ...
    (docs/launch.md); ros-twist when left out."""
    dataset: Path | None = None
    """Folder that collect records into; outputs/datasets/CELL when left out."""
    task: str = ""
    """What is demonstrated, in words."""
    executive: str = ""
    """Of skills, what comes after the plan, and after every skill: closed-loop, fixed or sequencer
    (docs/suites.md); closed-loop when left out."""
    planner: str = ""
    """Of skills, who plans: rules, or llm (a language model, docs/planning.md); rules when left
    out."""
    model: str = ""
    """Of skills with --planner llm, name of the model as the endpoint knows it."""
    base_url: str = ""
    """Of skills with --planner llm, the endpoint; OpenAI's when left out."""
    runs: Path | None = None
    """Folder in which skills keeps every run, as `robot-skills blame` reads it; none is kept when
    left out."""
    only: tuple[str, ...] = ()
    """Start these nodes of the plan alone; the others are started on other machines."""
    without: tuple[str, ...] = ()
    """Leave these nodes of the plan out."""
    logs: Path | None = None
    """Folder for what the nodes say, a file for each; outputs/bringup/DATE when left out."""
    spares: bool = True
    """For every node that is started again when it ends, keep another process loaded that takes its
    place: work goes on seconds sooner, for some 100 MB of memory a node."""
    dry_run: bool = False
    """Show what would be started, and what is missing for it."""
    seconds: float | None = None
    """End after this time."""
