"""Options of teleop, record and console. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_skills.app.options import CommonOptions

DeviceName = Literal["keyboard", "gamepad", "spacemouse", "words", "console", "stream"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellOptions(CommonOptions):
    """Which robot, and who moves it."""

    robot: str = "sim:panda"
    """Robot: sim:panda, sim:ur5e (the tabletop cell), a task: robosuite:lift, :stack, :can,
    :square, or cell:FILE, a real arm: LeRobot's in this process, any other behind its running
    gate."""
    device: tuple[DeviceName, ...] = ("keyboard",)
    """Hands on the robot; of several, the one that takes hold first moves it. keyboard: this
    terminal; console: a web page; words: typed sentences; stream: poses over the network."""
    leader: Path | None = None
    """Leader arm: a YAML file that says which (docs/collecting.md); needs another device as its
    dead-man switch."""
    stream: str = "udp:127.0.0.1:5600"
    """Where --device stream listens: udp:HOST:PORT, tcp:HOST:PORT, unix:PATH, or file:PATH."""
    speed: float = 0.25
    """Top speed of a hand, as a share of the arm's limits."""
    cameras: tuple[str, ...] = ("front", "wrist")
    """Cameras, in colour and depth."""
    camera_px: tuple[int, int] = (320, 240)
    """Width and height of pictures."""
    seed: int = 0
    """Of where things stand; each episode has the next one."""
    host: str = "127.0.0.1"
    """Address of the console; others than 127.0.0.1 need --certificate and --key."""
    port: int = 8600
    """Port of the console; 0 takes a free one."""
    certificate: Path | None = None
    """TLS certificate of the console (PEM), which phones and headsets need."""
    key: Path | None = None
    """Its private key (PEM)."""
    seconds: float | None = None
    """Stop after this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TeleopOptions(CellOptions):
    """Move a robot by hand, without recording.

    Nothing moves unless the dead-man switch of the device is held, and everything passes the safety
    gate.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingOptions(CellOptions):
    """What and how to record."""

    dataset: Path
    """Folder of the dataset. An existing one is gone on with; what a crash left is mended."""
    task: str = ""
    """What is demonstrated, in words; a task brings its own."""
    episodes: int | None = None
    """Stop when the dataset has so many."""
    journal: bool = False
    """Force everything to disk all the time: a crash costs at most the last second of the episode
    being recorded instead of the episode."""
    save_when_done: bool = False
    """Save an episode as a success when the simulator says that the task is done."""
    start_by_itself: bool = False
    """Begin each episode as soon as a hand takes hold."""
    reserve_mb: float = 500.0
    """Stop recording when less is left on the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordOptions(RecordingOptions):
    """Record demonstrations by hand into a dataset that survives crashes.

    An episode is saved when the recorder says "saved": from then on it survives a power cut.
    Keys: Enter starts and saves, Y saves as a success, N as a failure, Backspace discards.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleOptions(CellOptions):
    """Open the operator's console: a web page with the robot, its streams, episodes and datasets.

    With --dataset it records; with --robot none it shows a dataset. The page can only be opened
    with the token in the address that is printed.
    """

    device: tuple[DeviceName, ...] = ("console",)
    """Hands on the robot; of several, the one that takes hold first moves it."""
    dataset: Path | None = None
    """Folder of the dataset to record into and to look through."""
    task: str = ""
    """What is demonstrated, in words; a task brings its own."""
    episodes: int | None = None
    """Stop when the dataset has so many."""
    journal: bool = False
    """A crash costs at most the last second of the episode being recorded."""
    save_when_done: bool = False
    """Save an episode as a success when the simulator says that the task is done."""
    start_by_itself: bool = False
    """Begin each episode as soon as a hand takes hold."""
    reserve_mb: float = 500.0
    """Stop recording when less is left on the disk."""
