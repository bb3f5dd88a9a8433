"""`robot-skills calibrate collect`: pictures of a board from many poses of an arm."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from calibration.board import Board
from calibration.coverage import coverage
from calibration.detection import Detection, detect, self_test
from calibration.guidance import coverage_map, guide
from calibration.lens import Lens
from calibration.next_poses import Setup, next_poses
from calibration.prediction import Mount
from robot_skills.app.calibrate.files import LENS, POSES, read_board, write_bytes, write_json
from robot_skills.app.calibrate.options import CalibrateCollect
from robot_skills.app.outcome import CommandResult
from robot_skills.core.camera import pinhole
from robot_skills.core.clock import MonotonicClock
from robot_skills.core.errors import RefusedError, RobotFault, unknown_name
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import DEFAULT_ARM, RgbdFrame, single_arm_chunk

_SIMULATED = "sim:"
_REST_S = 1.0
"""The arm swings out before a picture is taken."""
_SHORTEST_S = 0.5
_M_PER_RAD = 0.25
"""Turning by a radian takes as long as going so far."""
_TEXTURE_SQUARE_PX = 48
_ROUGH_M, _ROUGH_RAD = 0.01, 0.05
_USUAL_FOVY_RAD = np.deg2rad(45.0)
_LYING = SE3.from_rotvec((np.pi, 0.0, 0.0))


class Collector:
    """A folder that pictures and poses go to.

    Args:
        folder: New.
        board: That is looked for.
        camera: Which takes the pictures.
    """

    def __init__(self, folder: Path, board: Board, camera: str) -> None:
        if folder.exists():
            raise RefusedError(f"{folder} exists: collect into a new folder.")
        self.folder, self.board, self.camera = folder, board, camera
        self.poses: dict[str, SE3] = {}
        self.detections: list[Detection] = []
        self.lens: Lens | None = None

    def take(self, frame: RgbdFrame, T_base_tool: SE3 | None) -> str:
        """Keep a picture if the board is seen in it.

        Args:
            frame: What the camera sees.
            T_base_tool: Where the arm is; None without an arm.

        Returns:
            Why it is not kept; empty when it is.
        """
        try:
            found = detect(self.board, frame.rgb)
        except RefusedError as error:
            return str(error)
        name = f"{len(self.detections):03d}.png"
        encoded = cv2.imencode(".png", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))[1]
        write_bytes(self.folder / name, encoded.tobytes())
        self.detections.append(found)
        self.lens = lens_of(frame)
        if T_base_tool is not None:
            self.poses[name] = T_base_tool
            write_json(self.folder / LENS, self.lens)
            write_json(self.folder / POSES, self.poses)
        return ""


Look = Callable[[], tuple[RgbdFrame, SE3 | None]]
"""What a camera sees now, and `T_base_tool` of an arm where there is one."""


def looking(robot: Robot, camera: str) -> Look:
    """Looks through a robot's camera."""

    def look() -> tuple[RgbdFrame, SE3 | None]:
        seen = robot.observe([camera])
        return seen.cameras[camera], seen.arms[DEFAULT_ARM].T_base_tool

    return look


def lens_of(frame: RgbdFrame) -> Lens:
    """The lens as the camera tells it; pictures of a robot come without distortion."""
    height, width = frame.rgb.shape[:2]
    K = frame.K
    return Lens(
        size_px=(width, height),
        lens_px=(float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])),
    )


def main(options: CalibrateCollect) -> CommandResult:
    """Take the pictures."""
    self_test()
    collector = Collector(options.out, read_board(options.board), options.camera)
    if options.device is not None:
        _with_webcam(options.device, options, collector)
        what = f"intrinsics --pictures {options.out}"
    else:
        _with_robot(options, collector)
        what = (
            f"hand-eye --pictures {options.out} --lens {options.out / LENS} --mount {options.mount}"
        )
    print(coverage_map(coverage(collector.detections)))
    print(
        f"{len(collector.detections)} pictures in {options.out}. Then: robot-skills calibrate "
        f"{what} --board {options.board} --camera {options.camera} --out FILE"
    )
    return CommandResult(
        payload={"folder": str(options.out), "pictures": len(collector.detections)}
    )


def _with_robot(options: CalibrateCollect, collector: Collector) -> None:
    from sim.twin import twin_seed

    simulated, seed = options.robot.startswith(_SIMULATED), twin_seed(options.robot)
    make = _simulated if simulated else _real if seed is None else partial(_twin, seed)
    robot, setup = make(options, collector.board)
    if options.camera not in robot.cameras:
        raise unknown_name("camera", options.camera, robot.cameras)
    robot.connect()
    try:
        look = looking(robot, options.camera)
        if simulated or seed is not None or options.auto:
            known = replace(setup(), lens=lens_of(look()[0]))
            collect_automatically(robot, collector, known, options)
        else:
            collect_by_hand(look, collector, options.views, input)
    finally:
        robot.stop()
        robot.close()


def _with_webcam(device: str, options: CalibrateCollect, collector: Collector) -> None:
    """Pictures as a webcam sends them; its lens is yet to be found."""
    from hardware.cameras.uvc import UvcCamera, UvcConfig

    width_px, height_px = options.size_px
    K = pinhole(width_px, height_px, _USUAL_FOVY_RAD)
    config = UvcConfig(
        name=options.camera,
        device=int(device) if device.isdigit() else device,
        width_px=width_px,
        height_px=height_px,
        K=K,
    )
    camera = UvcCamera(MonotonicClock(), config, SE3.identity())
    camera.connect()
    try:
        collect_by_hand(lambda: (camera.read(), None), collector, options.views, input)
    finally:
        camera.close()


def collect_by_hand(
    look: Look, collector: Collector, views: int, ask: Callable[[str], str]
) -> None:
    """Take a picture at each Enter, and say what to show next.

    Args:
        look: Through the camera; somebody else moves arm or board.
        collector: Gets the pictures.
        views: How many.
        ask: Shows a line and waits for Enter; any other answer ends it.
    """
    while len(collector.detections) < views:
        hint = "have the camera see the board"
        if collector.lens is not None:
            hint = guide(collector.detections, collector.lens).hint or "one more view"
        if ask(f"{len(collector.detections)}/{views}: {hint}, then Enter (q ends): ").strip():
            return
        refused = collector.take(*look())
        if refused:
            print(f"not taken: {refused}")


def collect_automatically(
    robot: Robot, collector: Collector, setup: Setup, options: CalibrateCollect
) -> None:
    """Move to the poses that say most, and take a picture at each.

    Raises:
        CalibrationRefused: The arm reaches too few views of the board.
        RobotFault: The arm does not go where it is told.
    """
    arm = robot.observe().arms[DEFAULT_ARM]
    rng = np.random.default_rng(options.seed)
    kinematics, limits = robot.kinematics(DEFAULT_ARM), robot.arms[DEFAULT_ARM]
    poses = next_poses(setup, kinematics, limits, arm.q_rad, options.views, rng)
    for number, pose in enumerate(poses, start=1):
        move_to(robot, pose.T_base_tool, options.speed_m_s)
        refused = collector.take(*looking(robot, collector.camera)())
        print(f"{number}/{len(poses)}: {refused or 'taken'}")


def move_to(robot: Robot, T_base_tool: SE3, speed_m_s: float) -> None:
    """Move the tool along a straight line, and wait until it rests there.

    Raises:
        RobotFault: What was accepted does not go there.
    """
    arm = robot.observe().arms[DEFAULT_ARM]
    away_m, turn_rad = arm.T_base_tool.distance_to(T_base_tool)
    duration_s = max(away_m, _M_PER_RAD * turn_rad) / speed_m_s + _SHORTEST_S
    count = max(int(np.ceil(duration_s / robot.control_period_s)), 1)
    share = np.arange(1, count + 1) / count
    # Slow at both ends.
    path = interpolate(
        arm.T_base_tool.matrix(), T_base_tool.matrix(), share * share * (3.0 - 2.0 * share)
    )
    steps = robot.control_period_s * np.arange(1, count + 1)
    times = np.asarray(robot.clock.now_s() + steps, dtype=np.float64)
    chunk = single_arm_chunk(times, path, np.full(count, arm.opening))
    accepted = robot.command(chunk)
    end, _ = accepted.sample(DEFAULT_ARM, float(times[-1]))
    if end.distance_to(T_base_tool)[0] > _ROUGH_M:
        robot.stop()
        raise RobotFault("The arm does not take the way to the next view: it is held.")
    robot.clock.sleep_until(float(times[-1]) + _REST_S)


def _simulated(options: CalibrateCollect, board: Board) -> tuple[Robot, Callable[[], Setup]]:
    """A simulated arm with the board on its table, known about as well as with a ruler."""
    from sim.board_cell import BoardRobot, lying_board

    if options.mount != Mount.TOOL.value:
        raise RefusedError("The simulated arm has its board on the table: take --mount tool.")
    on_table = lying_board(board.picture(_TEXTURE_SQUARE_PX), board.size_m)
    robot = BoardRobot(options.robot.removeprefix(_SIMULATED), on_table)
    rng = np.random.default_rng(options.seed)

    def setup() -> Setup:
        T_tool_camera = robot.world.T_tool_camera(options.camera)
        return Setup(
            lens=_SOME_LENS,
            board=board,
            mount=Mount.TOOL,
            T_mount_camera=T_tool_camera @ _roughly(rng),
            T_other_board=on_table.T_base_board @ _roughly(rng),
        )

    return robot, setup


def _twin(seed: int, options: CalibrateCollect, board: Board) -> tuple[Robot, Callable[[], Setup]]:
    """A twin with the board on its table, or in its gripper."""
    from robot_skills.app.sim2real.boards import BOARD_PX, rough_setup, shown_board
    from sim.twin import make_twin

    shown = shown_board(board, Mount(options.mount))
    robot, _ = make_twin(seed, target=shown.target, camera_size_px=BOARD_PX)
    rng = np.random.default_rng(options.seed)
    return robot, partial(rough_setup, robot, options.camera, shown, rng)


_SOME_LENS = Lens(size_px=(640, 480), lens_px=(600.0, 600.0, 319.5, 239.5))
"""Until the camera has told its own."""


def _roughly(rng: np.random.Generator) -> SE3:
    return SE3.from_rotvec(
        _ROUGH_RAD * rng.standard_normal(3), 0.5 * _ROUGH_M * rng.standard_normal(3)
    )


def _real(options: CalibrateCollect, board: Board) -> tuple[Robot, Callable[[], Setup]]:
    """The robot of a cell; where the camera is roughly, its file says."""
    from robot_skills.app.cell_robot import cell_robot
    from robot_skills.app.cells import load_cell

    cell = load_cell(options.robot)
    if options.camera not in cell.cameras:
        raise unknown_name("camera", options.camera, cell.cameras)
    rough = cell.cameras[options.camera].T_mount_camera
    mount = Mount(options.mount)
    if options.auto and (rough is None or options.board_at is None):
        raise RefusedError(
            "--auto needs to know roughly where camera and board are: T_mount_camera in the cell "
            "file, and --board-at X Y Z DEGREES."
        )

    def setup() -> Setup:
        assert rough is not None
        assert options.board_at is not None
        x, y, z, degrees = options.board_at
        facing = _LYING if mount is Mount.TOOL else SE3.identity()
        turned = SE3.from_yaw(np.deg2rad(degrees), (x, y, z)) @ facing
        middle = SE3.from_translation(-0.5 * np.array([*board.size_m, 0.0]))
        return Setup(
            lens=_SOME_LENS,
            board=board,
            mount=mount,
            T_mount_camera=rough,
            T_other_board=turned @ middle,
        )

    return cell_robot(cell), setup
