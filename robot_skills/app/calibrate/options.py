"""Options of `robot-skills calibrate`. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from robot_skills.app.options import CommonOptions

MountName = Literal["tool", "base"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateBoard(CommonOptions):
    """Make a board to print, or say how it came out of the printer.

    Writes board.json, which all other commands take, board.pdf in true size, and board.png. Print
    at 100 %, glue it on something flat, measure the bar, and give its length as --measured-mm.
    """

    out: Path
    """Folder of the board."""
    columns: int = 9
    """Squares across."""
    rows: int = 7
    """Squares down."""
    square_mm: float = 24.0
    """Side of a square."""
    marker_mm: float = 17.5
    """Side of a marker."""
    dictionary: Literal["4x4", "5x5", "6x6", "apriltag"] = "5x5"
    """Family of the markers."""
    paper: Literal["A4", "letter", "A3"] = "A4"
    """Sheet that it is printed on."""
    measured_mm: float | None = None
    """How long the printed bar is: corrects the board.json that is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultOptions(CommonOptions):
    """Where a calibration goes."""

    out: Path
    """File of the calibration (JSON)."""
    report: Path | None = None
    """Page about it (HTML), which needs no other file."""
    cell: Path | None = None
    """Cell file that the result is for; with --write it is written into it."""
    write: bool = False
    """Write the result into the cell file; its comments stay."""
    replace: bool = False
    """Also in place of a calibration that was better, or of another camera."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateIntrinsics(ResultOptions):
    """Find a camera's lens from pictures of the board."""

    board: Path
    """board.json of the board."""
    pictures: Path
    """Folder of pictures (PNG or JPEG) of one camera, as it sends them."""
    camera: str = "camera"
    """Its name in the cell."""
    serial: str = ""
    """Its serial number, so that no other camera is taken for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateHandEye(ResultOptions):
    """Find where a camera is: on the arm's tool, or beside the arm.

    On the tool, the board lies still; beside the arm, the gripper holds the board.
    """

    board: Path
    """board.json of the board."""
    pictures: Path
    """Folder of pictures, with poses.json from `robot-skills calibrate collect`."""
    lens: Path
    """Calibration of the lens; or lens.json that was collected with the pictures."""
    mount: MountName = "tool"
    """What the camera is fixed to."""
    poses: Path | None = None
    """Where the tool was in each picture; poses.json beside the pictures when left out."""
    camera: str = "camera"
    """Its name in the cell."""
    serial: str = ""
    """Its serial number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateRig(ResultOptions):
    """Find where several cameras are to each other, from a board that they see at the same time."""

    board: Path
    """board.json of the board."""
    pictures: tuple[str, ...]
    """CAMERA=FOLDER for each camera; pictures of the same moment have the same name."""
    lenses: tuple[str, ...]
    """CAMERA=FILE for each camera: the calibrations of their lenses."""
    anchor: Path | None = None
    """Hand-eye calibration of one of them, beside the arm: places all others by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateDepth(ResultOptions):
    """Find out how noisy a stereo camera's depth is, from recordings while it stands still.

    A series is a folder of 16-bit pictures depth_*.png, and colour_*.png of the same size.
    """

    flat: Path
    """Folder of series of a wall or board that fills the middle of the picture, one series for
    each of three distances or more; distances.json beside them tells the distances."""
    box: Path
    """Folder of a series of a box in front of something flat."""
    lens: Path | None = None
    """Calibration of the lens; lens.json in the folder of the flat target when left out."""
    unit_mm: float = 1.0
    """Unit of the depth frames."""
    camera: str = "camera"
    """Its name in the cell."""
    serial: str = ""
    """Its serial number, so that no other camera is taken for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateCheck(CommonOptions):
    """Find out from one picture of the board whether a camera was moved since its calibration.

    Exits 0 when it is where it was, 1 when it is not.
    """

    board: Path
    """board.json of the board."""
    calibration: Path
    """Hand-eye calibration of the camera."""
    lens: Path
    """Calibration of its lens; or lens.json that was collected with the picture."""
    pictures: Path
    """Folder with a picture, or several, and poses.json."""
    camera: str = "camera"
    """Its name in the cell."""
    serial: str = ""
    """Its serial number."""
    false_alarm: float = 0.01
    """How often a camera that was not moved may be said to be."""
    most_days: float | None = None
    """Refuse a calibration that is older."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateCollect(CommonOptions):
    """Take pictures of the board from many poses of an arm, and write down the poses.

    Without --auto the arm is led by hand, or by `robot-skills teleop`, and each Enter takes a
    picture. With --auto the arm moves by itself to poses that say most, slowly, through its safety
    gate: keep a hand on the emergency stop.
    """

    board: Path
    """board.json of the board."""
    out: Path
    """Folder for pictures, poses.json and lens.json; it must not exist."""
    robot: str = "sim:panda"
    """sim:ARM for a simulated arm with a board on its table, twin:SEED for a stand-in of a real
    cell, else a cell: its name, or its file."""
    camera: str = "wrist"
    """Which camera."""
    mount: MountName = "tool"
    """What it is fixed to."""
    views: int = 20
    """How many pictures."""
    auto: bool = False
    """Let the arm move by itself; a simulated arm always does."""
    board_at: tuple[float, float, float, float] | None = None
    """With --auto: x, y, z [m] of the board's middle in the base frame and its turn about z [deg];
    it lies with its picture up. With --mount base: x, y, z in the tool's frame."""
    speed_m_s: float = 0.05
    """With --auto: of the tool."""
    seed: int = 0
    """Of the poses."""
    device: str | None = None
    """Instead of a robot: path of a webcam whose lens is to be found, such as /dev/video0."""
    size_px: tuple[int, int] = (640, 480)
    """With --device: size of its pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateIdentify(CommonOptions):
    """Find what physics a robot and a thing have: masses, friction, damping.

    A few short motions are tried, and the simulator's parameters are fitted to what was sensed.
    What the motions do not determine is said so, and not made up.
    """

    out: Path
    """File of the identification (JSON)."""
    robot: str = "sim:panda"
    """sim:ARM for a simulated arm with a cube on its table, else a cell: its name, or its file.
    A real arm moves by itself and touches nothing: keep a hand on the emergency stop."""
    speed_m_s: float = 0.05
    """With a cell: of the tool on the way to where a motion begins."""
    explore: Literal["informative", "random"] = "informative"
    """Motions that say most, or any."""
    rollouts: int = 3
    """How many motions."""
    recording: Path | None = None
    """New folder that what was sensed is written to."""
    from_recording: Path | None = None
    """Instead of a robot: folder with what was sensed earlier."""
    hidden: int = 0
    """Seed of the physics that the simulated arm has and nobody is told."""
    serial: str = ""
    """Serial number of the arm, so that no other is taken for it."""
    report: Path | None = None
    """Page about it (HTML), which needs no other file."""
    replace: bool = False
    """Also in place of an identification that was better, or of another robot."""
    seed: int = 0
    """Of motions, noise and starts of the search."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateLatency(ResultOptions):
    """Find how late cameras, states, arm and gripper are.

    The arm moves by itself, a few centimetres to all sides, through its safety gate, and opens and
    closes its gripper; there is nothing in it. Keep a hand on the emergency stop, and room around.
    States and arm can only be told apart by a camera that sees a clock, or by --state-ms.
    """

    robot: str = "sim:panda"
    """sim:ARM for a simulated arm that is late, else a cell: its name, or its file."""
    camera: tuple[str, ...] = ()
    """Which cameras; all of the robot when left out."""
    serial: str = ""
    """Serial number of the arm, so that no other is taken for it."""
    speed_m_s: float = 0.15
    """That the tool hardly exceeds."""
    seconds: float = 20.0
    """How long the arm moves."""
    clock: bool = False
    """With a simulated arm: show its cameras a clock before the arm moves."""
    state_ms: float = 0.0
    """Without a clock: how old states are when they arrive, as the maker says."""
    recording: Path | None = None
    """New file (.npz) that what was seen is written to."""
    from_recording: Path | None = None
    """Instead of a robot: such a file, or the folder of a recorded dataset."""
    episode: int = 0
    """Of the dataset."""
    hidden: int = 0
    """Seed of the latencies that the simulated arm has and nobody is told."""
    seed: int = 0
    """Of the motion."""


CalibrateOptions = (
    Annotated[CalibrateBoard, tyro.conf.subcommand(name="board")]
    | Annotated[CalibrateCollect, tyro.conf.subcommand(name="collect")]
    | Annotated[CalibrateIntrinsics, tyro.conf.subcommand(name="intrinsics")]
    | Annotated[CalibrateHandEye, tyro.conf.subcommand(name="hand-eye")]
    | Annotated[CalibrateRig, tyro.conf.subcommand(name="rig")]
    | Annotated[CalibrateDepth, tyro.conf.subcommand(name="depth")]
    | Annotated[CalibrateCheck, tyro.conf.subcommand(name="check")]
    | Annotated[CalibrateIdentify, tyro.conf.subcommand(name="identify")]
    | Annotated[CalibrateLatency, tyro.conf.subcommand(name="latency")]
)
