"""Options of `robot-skills replay`. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_skills.app.options import CommonOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayOptions(CommonOptions):
    """Let a robot do once more what was recorded, and measure how closely it follows.

    The arm goes to the episode's first pose slowly and then follows the recorded actions, all of it
    through the safety gate. A simulated cell is laid out as it was, and says whether the task is
    done again. Exits 0 when the episode was replayed to its end, 1 when the gate stopped it.
    """

    dataset: Positional[Path]
    """Folder of the dataset."""
    episode: Positional[int]
    """Number of the episode."""
    robot: str | None = None
    """Robot: sim:panda, sim:ur5e, robosuite:lift, ...; the one it was recorded with when left
    out."""
    requested: bool = False
    """Follow what was asked for, instead of what was sent after the safety gate."""
    speed: float = 1.0
    """How fast, as a multiple of the recorded speed."""
    out: Path | None = None
    """Folder for replay.json, replay.png and replay.html; nothing is written without it."""
