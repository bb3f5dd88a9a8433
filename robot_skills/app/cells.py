"""From a cell file to what its processes need: the gate, the robot above it, the simulated arm.

Everything made here can be sent to another process.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hardware.cameras.lens import lens_matrix
from hardware.cameras.watch import WatchConfig
from hardware.cell.read import read_cell
from hardware.cell.schema import (
    ArmQuestion,
    ArmSheet,
    CameraDriver,
    Cell,
    CellCamera,
    ModelFile,
    Mount,
    RobotDriver,
)
from hardware.cell.self_test import SelfTestSetup
from hardware.cell.start import start_problems
from hardware.ros2.camera import RosCameraConfig
from hardware.ros2.camera_lens import NO_DISTORTION
from hardware.ros2.camera_watch import WatchedCamera
from hardware.ros2.gate_setup import GATE_NODE, GateSetup
from hardware.ros2.observer import ObserverConfig
from hardware.ros2.robot import Ros2RobotConfig
from hardware.ros2.transport import checked_namespace
from robot_skills.app.nodes.camera_watch import CameraWatchSetup
from robot_skills.app.nodes.sim_robot import SimRobotSetup
from robot_skills.core.collision import ArmShape, CollisionModel, Surroundings
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.limits import ArmLimits, JointLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.shipped import shipped

if TYPE_CHECKING:
    from robot_skills.app.nodes.perception_server import PerceptionSetup
    from robot_skills.app.nodes.scheduler_server import SchedulerSetup
    from robot_skills.core.perceiver import Perceiver

_SHIPPED = shipped("launch/config")
_SMALL_PX = (256, 192)
_STALE_S, _SIM_STALE_S = 0.2, 0.5
_STALE_PERIODS = 3.0


def shipped_cells() -> dict[str, Path]:
    """The cell files that come with the project, by name."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def find_cell(cell: str) -> Path:
    """The file of a cell: a path, or the name of one that is shipped.

    Raises:
        UnknownNameError: There is neither.
    """
    path = Path(cell)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    shipped = shipped_cells()
    if cell not in shipped:
        raise unknown_name("cell", cell, shipped)
    return shipped[cell]


def load_cell(cell: str | Path) -> Cell:
    """Read a cell and check it against the data sheet of its arm.

    Args:
        cell: Path of a file, or the name of a shipped cell.

    Raises:
        UnknownNameError: There is no such cell.
        CellError: Its file is wrong; says all that is.
    """
    path = cell if isinstance(cell, Path) else find_cell(cell)
    return read_cell(path, sheet_of)


def sheet_of(question: ArmQuestion) -> ArmSheet:
    """What an arm allows by its data sheet.

    Raises:
        RefusedError: There is no such arm, or its file cannot be used.
    """
    from sim.arm_models import model_of, model_of_file
    from sim.arms import ARMS

    if question.driver is RobotDriver.SIM:
        if question.arm not in ARMS:
            raise unknown_name("simulated arm", question.arm, ARMS)
        spec = ARMS[question.arm]
        return ArmSheet(limits=spec.limits, home_q_rad=spec.home_q_rad)
    file = question.model
    if file is None:
        model = model_of(question.arm)
    else:
        model = model_of_file(file.path, file.base, file.tool, question.rates)
    return ArmSheet(limits=model.limits, home_q_rad=model.home_q_rad)


def sheet_limits(cell: Cell) -> ArmLimits:
    """What the maker of a cell's arm allows."""
    robot, joint = cell.robot, cell.limits.joint
    question = ArmQuestion(
        driver=robot.driver, arm=robot.arm, model=robot.model, rates=_rates(joint)
    )
    return sheet_of(question).limits


def kinematics_maker(cell: Cell) -> Callable[[], Kinematics]:
    """Makes the kinematics of a cell's arm with its tool, in whatever process that is."""
    from sim.arm_models import named_kinematics
    from sim.kinematics import kinematics_of

    robot = cell.robot
    if robot.driver is RobotDriver.SIM:
        return partial(kinematics_of, robot.arm)
    if robot.model is None:
        return partial(named_kinematics, robot.arm, robot.T_flange_tool)
    rates = _rates(cell.limits.joint)
    return partial(_file_kinematics, robot.model, rates, robot.T_flange_tool)


def collision_maker(cell: Cell) -> Callable[[], CollisionModel]:
    """Makes what knows how near a cell's arm comes to itself and to what stands around it."""
    from sim.collision import arm_collisions
    from sim.collision_chain import named_collisions

    robot, around = cell.robot, cell.surroundings
    if robot.driver is RobotDriver.SIM:
        return partial(arm_collisions, robot.arm, around)
    if robot.model is None:
        return partial(named_collisions, robot.arm, robot.T_flange_tool, cell.shape, around)
    return partial(
        _file_collisions,
        robot.model,
        _rates(cell.limits.joint),
        robot.T_flange_tool,
        cell.shape,
        around,
    )


def _file_collisions(
    model: ModelFile,
    rates: Mapping[str, Array],
    T_flange_tool: SE3,
    shape: ArmShape,
    surroundings: Surroundings,
) -> CollisionModel:
    from sim.arm_models import model_of_file
    from sim.collision_chain import model_collisions

    arm = model_of_file(model.path, model.base, model.tool, rates)
    return model_collisions(arm, T_flange_tool, shape, surroundings)


def _rates(joint: JointLimits) -> dict[str, Array]:
    return {
        "velocity_rad_s": joint.velocity_rad_s,
        "acceleration_rad_s2": joint.acceleration_rad_s2,
        "jerk_rad_s3": joint.jerk_rad_s3,
    }


def _file_kinematics(
    model: ModelFile, rates: Mapping[str, Array], T_flange_tool: SE3
) -> Kinematics:
    from sim.arm_models import model_kinematics, model_of_file

    arm = model_of_file(model.path, model.base, model.tool, rates)
    return model_kinematics(arm, T_flange_tool)


# What processes need


def gate_setup(cell: Cell) -> GateSetup:
    """Of the cell's safety gate.

    Raises:
        RefusedError: Its arm has no topics that a gate could speak to.
    """
    _check_has_topics(cell)
    robot = cell.robot
    return GateSetup(
        limits=cell.limits,
        make_kinematics=kinematics_maker(cell),
        topics=robot.topics,
        motion=cell.motion,
        judging=cell.judging,
        make_collisions=collision_maker(cell),
        start_check=partial(start_problems, cell),
        namespace=robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
        sensors=tuple(cell.cameras),
        protective=robot.protective,
    )


def robot_config(cell: Cell, owner: str = "robot-skills") -> Ros2RobotConfig:
    """Of the robot above the gate.

    Raises:
        RefusedError: Its arm has no topics.
    """
    _check_has_topics(cell)
    robot = cell.robot
    return Ros2RobotConfig(
        limits=cell.limits,
        make_kinematics=kinematics_maker(cell),
        home_q_rad=np.array(cell.home_q_rad),
        topics=robot.topics,
        cameras=tuple(
            _camera_config(cell, camera) for camera in cell.cameras.values() if camera.has_depth
        ),
        owner=owner,
        control_period_s=robot.control_period_s,
        namespace=robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
        latencies=robot.latencies,
    )


def stale_s(camera: CellCamera) -> float:
    """Age [s] of a camera's newest picture at which nothing may move any more.

    Three periods, and no less than the time in which an arm is stopped anyway; but as much as the
    cell allows for a simulated one, which shares its processors with everything else.
    """
    if camera.driver is CameraDriver.SIM:
        return camera.stale_s
    return min(camera.stale_s, max(_STALE_S, _STALE_PERIODS / camera.rate_hz))


def watch_setup(cell: Cell, name: str) -> CameraWatchSetup:
    """Of the node that says how a camera is that another driver publishes.

    Raises:
        UnknownNameError: The cell has no such camera.
    """
    if name not in cell.cameras:
        raise unknown_name("camera", name, cell.cameras)
    camera = cell.cameras[name]
    K = None if camera.lens_px is None else lens_matrix(camera.lens_px)
    watched = WatchedCamera(
        camera=_camera_config(cell, camera),
        size_px=camera.size_px,
        stale_s=stale_s(camera),
        watch=WatchConfig(K=K, frozen_frames=camera.frozen_frames),
    )
    return CameraWatchSetup(
        cameras=(watched,),
        name=f"camera_{name}",
        namespace=cell.robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
    )


def perception_setup(cell: Cell) -> "PerceptionSetup":
    """Of the node that looks.

    Raises:
        RefusedError: Its arm has no topics, or none of its cameras has depth.
    """
    from robot_skills.app.nodes.perception_server import PerceptionSetup

    config = robot_config(cell)
    if not config.cameras:
        raise RefusedError(f"{cell.name} has no camera with depth: nothing can be seen there.")
    model = cell.robot.model
    return PerceptionSetup(
        observer=ObserverConfig(
            topics=config.topics,
            make_kinematics=config.make_kinematics,
            cameras=config.cameras,
            arm=config.arm,
        ),
        make_perceiver=perceiver_maker(cell),
        frame="base_link" if model is None else model.base,
        namespace=config.namespace,
        reach=config.reach,
        domain=config.domain,
    )


def perceiver_maker(cell: Cell) -> "Callable[[], Perceiver]":
    """Makes eyes for what the cameras of a cell measure."""
    from robot_skills.app.stereo_sight import StereoPerceiver
    from robot_skills.perception.perceiver import RgbdPerceiver

    cleaned = tuple(name for name, camera in cell.cameras.items() if camera.clean_depth)
    return partial(StereoPerceiver, cameras=cleaned) if cleaned else RgbdPerceiver


def scheduler_setup(cell: Cell) -> "SchedulerSetup":
    """Of the node that plans; it needs to know its arm and where the others are, and no more."""
    from robot_skills.app.nodes.scheduler_server import ArmAtRest, SchedulerSetup

    return SchedulerSetup(
        arm=ArmAtRest(
            limits=cell.limits.cartesian,
            make_kinematics=kinematics_maker(cell),
            home_q_rad=np.array(cell.home_q_rad),
        ),
        forbidden=cell.forbidden,
        namespace=cell.robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
    )


def sim_setup(cell: Cell, seed: int = 0) -> SimRobotSetup:
    """Of the simulated arm of a cell.

    Raises:
        RefusedError: The cell's arm is a real one.
    """
    if cell.robot.driver is not RobotDriver.SIM:
        raise RefusedError(
            f"The arm of {cell.name} is driven by {cell.robot.driver.value}, it is not simulated."
        )
    cameras = list(cell.cameras.values())
    return SimRobotSetup(
        arm=cell.robot.arm,
        seed=seed,
        cameras=tuple(cell.cameras),
        camera_px=cameras[0].size_px if cameras else _SMALL_PX,
        camera_hz=min((camera.rate_hz for camera in cameras), default=10.0),
        stale_s=min((stale_s(camera) for camera in cameras), default=_SIM_STALE_S),
        period_s=cell.motion.period_s,
        twin=cell.robot.twin,
        # What cleans depth wants it as it was measured.
        filters=not any(camera.clean_depth for camera in cameras),
        namespace=cell.robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
    )


def self_test_setup(cell: Cell) -> SelfTestSetup:
    """Of the test before anything may move. The cell's own gate may be there already, once.

    Raises:
        RefusedError: Its arm has no topics.
    """
    _check_has_topics(cell)
    gate = f"{checked_namespace(cell.robot.namespace)}/{GATE_NODE}"
    return SelfTestSetup(cell=cell, commanders=(gate,))


def _check_has_topics(cell: Cell) -> None:
    if cell.robot.driver is RobotDriver.LEROBOT:
        raise RefusedError(
            f"The arm of {cell.name} is driven through LeRobot, without topics of ROS: its gate "
            "works in the process that drives it."
        )


def _camera_config(cell: Cell, camera: CellCamera) -> RosCameraConfig:
    colour, depth, info = camera.topics()
    pose, on_tool = camera.T_mount_camera, camera.mount is Mount.TOOL
    if pose is None:
        pose, on_tool = _simulated_place(cell, camera.name)
    return RosCameraConfig(
        name=camera.name,
        colour=colour,
        depth=depth,
        info=info,
        T_mount_camera=pose,
        on_tool=on_tool,
        latency_s=camera.latency_s,
        stale_s=camera.stale_s,
        # A webcam's pictures come undistorted from our own node.
        distortion=camera.distortion if camera.driver is CameraDriver.ROS else NO_DISTORTION,
    )


def _simulated_place(cell: Cell, camera: str) -> tuple[SE3, bool]:
    """Where the simulator has a camera, and whether that is on the tool."""
    from sim.arms import ARMS
    from sim.world import CAMERAS, FRONT_CAMERA, T_BASE_FRONT

    if camera not in CAMERAS:
        problem = unknown_name("simulated camera", camera, CAMERAS)
        raise RefusedError(f"{cell.place_of(f'cameras.{camera}')}: {problem}")
    if camera == FRONT_CAMERA:
        return T_BASE_FRONT, False
    arm = ARMS[cell.robot.arm]
    return arm.T_hand_tool.inverse() @ arm.T_hand_camera, True
