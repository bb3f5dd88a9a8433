"""Options of `robot-skills sim2real`. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path

from robot_skills.app.options import CommonOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Sim2RealOptions(CommonOptions):
    """Carry a skill from the simulation to a robot: calibrate the robot, randomise around what was
    found, train on, and measure before and after.

    Every stage leaves a file behind, and an interrupted run goes on with the same command. Success
    is judged by a twin's own truth, or by a person at the terminal, who lays the table for every
    trial. A real arm moves by itself: keep a hand on the emergency stop. Exits 0 when the run is
    complete.
    """

    robot: str = "twin"
    """twin or twin:SEED for a stand-in with hidden physics, cameras and delays, else a cell: its
    name, or its file. It has to be up: robot-skills bringup --cell CELL."""
    skill: str = "grasp"
    """Which skill."""
    out: Path
    """Folder of the run."""
    arm: str | None = None
    """Arm of a twin; panda when left out. A cell's is in its file."""
    seed: int = 100_000
    """Of trials, demonstrations and training."""
    trials: int = 20
    """On the robot, before and after."""
    demonstrations: int = 80
    """Under the randomisation."""
    steps: int = 1_500
    """Of training."""
    zoo: Path | None = None
    """Folder of the skill cards; the shipped ones when left out."""
