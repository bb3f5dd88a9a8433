"""From a cell file to a `Cell`, with every mistake of the file told at once."""

from functools import partial
from pathlib import Path

import numpy as np

from hardware.cell.collision import surroundings_of
from hardware.cell.nodes import Section, open_file
from hardware.cell.poses import pose_of
from hardware.cell.schema import (
    ArmQuestion,
    ArmSheet,
    CameraDriver,
    Cell,
    CellCamera,
    CellNetwork,
    CellRobot,
    LeRobotArm,
    ModelFile,
    Mount,
    RobotDriver,
    SheetOf,
)
from hardware.cell.tighten import RATES, given_rates, tightened
from hardware.gate.motion import MotionConfig
from hardware.ros2.arm_link import ArmTopics, Controller, GripperKind, GripperTopics
from hardware.ros2.camera_lens import NO_DISTORTION, Coefficients
from hardware.ros2.gate_setup import WatchedTopic
from hardware.ros2.transport import Reach, checked_namespace
from hardware.safety_gate import GateCode, GateConfig
from robot_skills.core.errors import RefusedError
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.limits import ArmLimits
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.se3 import SE3

_HIGHEST_DOMAIN = 232
_MOST_PX = 8192
_FARTHEST_M = 5.0
_MOST_DISTORTION = 10.0
_FROZEN_FRAMES = 10
_LAST_TWIN = 2**31 - 1
_LATEST_S = 0.5


def read_cell(path: Path, sheet_of: SheetOf) -> Cell:
    """Read a cell file and check it against the data sheet of its arm.

    Args:
        path: Of the file.
        sheet_of: Finds the data sheet.

    Raises:
        CellError: Something is wrong with the file; says everything that is.
    """
    top, mistakes = open_file(path)
    name = top.name_of("name")
    robot_section = top.section("robot", needed=True)
    limits_section = top.section("limits")
    robot = _robot(robot_section, path)
    sheet = _sheet(robot_section, limits_section, robot, sheet_of)
    limits = None
    if sheet is not None:
        _check_joints(robot_section, robot, sheet)
        names = robot.topics.joints
        limits = tightened(limits_section, sheet.limits, names)
        # Without a data sheet nobody has asked for its fields.
        limits_section.finish()
    motion, judging = _safety(top.section("safety"))
    surroundings, shape = surroundings_of(
        top.section("collision"), simulated=robot.driver is RobotDriver.SIM
    )
    forbidden = _forbidden(top.section("forbidden"))
    cameras = {
        key: _camera(key, section, robot.driver)
        for key, section in top.section("cameras").sections().items()
    }
    network = _network(top.section("network"))
    top.finish()
    home = robot.home_q_rad or (() if sheet is None else sheet.home_q_rad)
    if limits is not None:
        _check_home(robot_section, robot, home, limits)
    mistakes.raise_if_any()
    assert limits is not None
    return Cell(
        name=name,
        path=path,
        robot=robot,
        limits=limits,
        home_q_rad=home,
        motion=motion,
        judging=judging,
        surroundings=surroundings,
        shape=shape,
        forbidden=forbidden,
        cameras=cameras,
        network=network,
        places=mistakes.places,
    )


def _forbidden(section: Section) -> tuple[ForbiddenRegion, ...]:
    """Regions of the base frame by name, each with its two corners."""
    found: list[ForbiddenRegion] = []
    for name, part in section.sections().items():
        lower, upper = (
            part.numbers(key, 3, low=-_FARTHEST_M, high=_FARTHEST_M, unit="m", needed=True)
            for key in ("lower_m", "upper_m")
        )
        part.finish()
        if lower is not None and upper is not None:
            make = partial(ForbiddenRegion, name=name, lower_m=lower, upper_m=upper)
            made = part.attempt(make)
            found += [made] if isinstance(made, ForbiddenRegion) else []
    return tuple(found)


# The arm


def _robot(section: Section, path: Path) -> CellRobot:
    driver = section.choice("driver", RobotDriver)
    model = _model(section, path)
    arm = section.name_of("arm", "" if model else None)
    if model and arm:
        section.mistake("arm", "an arm is described by its name or by a model, not by both.")
    if model and driver is RobotDriver.SIM:
        section.mistake("model", "a simulated arm is named, not described by a file.")
    asked = section.ros_name("namespace", "")
    namespace = section.attempt(lambda: checked_namespace(asked), "namespace")
    protective = None
    if section.has("protective_stop"):
        part = section.section("protective_stop")
        protective = WatchedTopic(name=part.ros_name("topic"), good=part.flag("good", True))
        part.finish()
    T_flange_tool = pose_of(section, "T_flange_tool")
    if driver is RobotDriver.SIM and T_flange_tool is not None:
        section.mistake("T_flange_tool", "a simulated arm has its gripper, and its tool with it.")
    if driver is not RobotDriver.SIM and T_flange_tool is None and not section.has("T_flange_tool"):
        section.mistake("", "needs 'T_flange_tool': where the tool is, xyz [m] and wxyz.")
    twin = section.whole("twin", None, low=0, high=_LAST_TWIN) if section.has("twin") else None
    if twin is not None and driver is not RobotDriver.SIM:
        section.mistake("twin", f"stands in for a real arm: {driver.value} drives one.")
    home = section.numbers("home_q_rad", None, unit="rad")
    robot = CellRobot(
        driver=driver,
        arm=arm,
        model=model,
        namespace=str(namespace or ""),
        topics=_topics(section, driver),
        T_flange_tool=T_flange_tool or SE3.identity(),
        home_q_rad=None if home is None else tuple(home.tolist()),
        protective=protective,
        lerobot=_lerobot(section, driver),
        control_period_s=section.number("control_period_s", 0.05, low=0.01, high=0.5, unit="s"),
        latencies=ArmLatencies(
            **{
                f"{part}_s": section.number(
                    f"{part}_latency_s", 0.0, low=0.0, high=_LATEST_S, unit="s"
                )
                for part in ("action", "gripper", "state")
            }
        ),
        twin=twin,
    )
    section.finish()
    return robot


def _model(section: Section, path: Path) -> ModelFile | None:
    if not section.has("model"):
        return None
    part = section.section("model")
    file = path.parent / part.text("file")
    if part.has("file") and not file.is_file():
        part.mistake("file", f"there is no file {file}.")
    model = ModelFile(path=file, base=part.text("base"), tool=part.text("tool"))
    part.finish()
    return model


def _topics(section: Section, driver: RobotDriver) -> ArmTopics:
    joints = section.words("joints", needed=True)
    joint_states = section.ros_name("joint_states", "joint_states")
    base_frame = section.text("base_frame", "base_link")
    if driver is RobotDriver.LEROBOT:
        # LeRobot has no topics; its joints have names all the same.
        if section.has("controller"):
            section.mistake("controller", "LeRobot's arms have none.")
        return ArmTopics(joints=joints, base_frame=base_frame, gripper=_gripper(section, driver))
    part = section.section("controller", needed=True)
    kind, command, lookahead = Controller.POSITION, "", 2.0
    if part.given:
        kind = part.choice("kind", Controller)
        command = part.ros_name("topic")
        lookahead = part.number("lookahead_periods", 2.0, low=1.0, high=20.0)
        part.finish()
    return ArmTopics(
        joints=joints,
        joint_states=joint_states,
        controller=kind,
        command=command,
        gripper=_gripper(section, driver),
        base_frame=base_frame,
        lookahead_periods=lookahead,
    )


def _gripper(section: Section, driver: RobotDriver) -> GripperTopics:
    if not section.has("gripper"):
        return GripperTopics()
    part = section.section("gripper")
    kind = part.choice("kind", GripperKind, GripperKind.NONE)
    name = part.ros_name("name", "")
    joint = part.text("joint", "")
    open_q = part.number("open_q", 0.0, low=-200.0, high=200.0)
    closed_q = part.number("closed_q", 1.0, low=-200.0, high=200.0)
    effort = part.number("effort", 0.0, low=0.0, high=1000.0)
    part.finish()
    if driver is RobotDriver.LEROBOT and kind is not GripperKind.NONE:
        part.mistake("kind", "LeRobot moves the gripper itself: leave the kind out.")
        return GripperTopics()
    needs_joint = kind in (GripperKind.TRAJECTORY, GripperKind.PARALLEL, GripperKind.FOLLOW)
    if needs_joint and not joint:
        part.mistake("joint", f"a gripper of kind {kind.value} needs the name of its joint.")
    made = part.attempt(
        lambda: GripperTopics(
            kind=kind, name=name, joint=joint, open_q=open_q, closed_q=closed_q, effort=effort
        )
    )
    return made if isinstance(made, GripperTopics) else GripperTopics()


def _lerobot(section: Section, driver: RobotDriver) -> LeRobotArm | None:
    if driver is not RobotDriver.LEROBOT:
        if section.has("lerobot"):
            section.mistake("lerobot", f"the driver is {driver.value}.")
        return None
    part = section.section("lerobot", needed=True)
    if not part.given:
        return None
    arm = LeRobotArm(kind=part.text("kind"), port=part.text("port"), id=part.text("id"))
    part.finish()
    return arm


# The arm against its data sheet


def _sheet(
    section: Section, limits: Section, robot: CellRobot, sheet_of: SheetOf
) -> ArmSheet | None:
    rates = {}
    if robot.model is not None:
        rates = given_rates(limits, len(robot.topics.joints))
        missing = [name for name in RATES[:2] if name not in rates]
        if missing:
            limits.mistake(
                "",
                f"an arm from a file needs {' and '.join(missing)}, from its maker's data sheet.",
            )
            return None
        if not robot.model.path.is_file():
            return None
    elif not robot.arm:
        return None
    try:
        return sheet_of(
            ArmQuestion(driver=robot.driver, arm=robot.arm, model=robot.model, rates=rates)
        )
    except (RefusedError, ValueError) as error:
        section.mistake("arm" if robot.model is None else "model", str(error))
        return None


def _check_joints(section: Section, robot: CellRobot, sheet: ArmSheet) -> None:
    known, told = len(sheet.limits.joint.lower_rad), len(robot.topics.joints)
    if told and told != known:
        what = robot.arm or "the model"
        section.mistake("joints", f"{what} has {known} joints, base to tip; {told} are named.")


def _check_home(
    section: Section, robot: CellRobot, home: tuple[float, ...], limits: ArmLimits
) -> None:
    joint, key = limits.joint, "home_q_rad"
    if len(home) != len(joint.lower_rad):
        section.mistake(key, f"needs {len(joint.lower_rad)} numbers, has {len(home)}.")
        return
    for i in np.flatnonzero((home < joint.lower_rad) | (home > joint.upper_rad)):
        name = robot.topics.joints[i] if i < len(robot.topics.joints) else f"joint {i}"
        section.mistake(
            key,
            f"{name} at {home[i]:.3f} rad is outside "
            f"[{joint.lower_rad[i]:.3f}, {joint.upper_rad[i]:.3f}] rad.",
        )


# Everything else


def _safety(section: Section) -> tuple[MotionConfig, GateConfig]:
    usual, judge = MotionConfig(), GateConfig()
    disabled = frozenset(
        section.among("disabled", word, GateCode, GateCode.WORKSPACE)
        for word in section.words("disabled")
    )
    seconds = {
        name: section.number(name, getattr(usual, name), low=0.001, high=high, unit="s")
        for name, high in (
            ("period_s", 0.05),
            ("state_hold_s", 0.5),
            ("state_fault_s", 2.0),
            ("tracking_s", 1.0),
        )
    }
    radians = {
        name: section.number(name, getattr(usual, name), low=0.001, high=0.5, unit="rad")
        for name in ("state_jump_rad", "tracking_rad")
    }
    counts = {
        name: section.whole(name, getattr(usual, name), low=1, high=100) or 1
        for name in ("bad_states", "overruns")
    }
    ages = {
        "observation_age_s": section.number(
            "observation_age_s", judge.observation_age_s, low=0.01, high=1.0, unit="s"
        ),
        "lag_s": section.number("lag_s", judge.lag_s, low=0.0, high=0.5, unit="s"),
        "lead_s": section.number("lead_s", judge.lead_s, low=0.05, high=5.0, unit="s"),
    }
    section.finish()
    motion = section.attempt(lambda: MotionConfig(**seconds, **radians, **counts))  # type: ignore[arg-type]
    judging = section.attempt(lambda: GateConfig(disabled=disabled, **ages), "disabled")
    return (
        motion if isinstance(motion, MotionConfig) else usual,
        judging if isinstance(judging, GateConfig) else judge,
    )


def _camera(name: str, section: Section, robot: RobotDriver) -> CellCamera:
    driver = section.choice("driver", CameraDriver)
    mine = {
        CameraDriver.ROS: ("colour", "depth", "info"),
        CameraDriver.REALSENSE: ("serial",),
        CameraDriver.UVC: ("device",),
        CameraDriver.SIM: (),
    }
    words = {}
    for owner, keys in mine.items():
        for key in keys:
            read = section.ros_name if owner is CameraDriver.ROS else section.text
            words[key] = read(key, "")
            if words[key] and owner is not driver:
                section.mistake(key, f"is for cameras of driver {owner.value}, not {driver.value}.")
    if driver is CameraDriver.UVC and not words["device"]:
        section.mistake("", "needs 'device': the path of the camera, such as /dev/video0.")
    if driver is CameraDriver.SIM and robot is not RobotDriver.SIM:
        section.mistake("driver", f"a simulated camera needs a simulated arm, not {robot.value}.")
    size = section.numbers("size_px", 2, low=16, high=_MOST_PX, unit="px")
    lens = section.numbers("lens_px", 4, low=1.0, high=4.0 * _MOST_PX, unit="px")
    pose = pose_of(section, "T_mount_camera", needed=driver is not CameraDriver.SIM)
    camera = CellCamera(
        name=name,
        driver=driver,
        **words,
        size_px=(640, 480) if size is None else (int(size[0]), int(size[1])),
        rate_hz=section.number("rate_hz", 30.0, low=0.5, high=300.0, unit="Hz"),
        mount=section.choice("mount", Mount, Mount.BASE),
        T_mount_camera=pose,
        lens_px=None if lens is None else (lens[0], lens[1], lens[2], lens[3]),
        distortion=_distortion(section, driver),
        frozen_frames=_frozen_frames(section, driver),
        latency_s=section.number("latency_s", 0.0, low=0.0, high=1.0, unit="s"),
        stale_s=section.number("stale_s", 0.5, low=0.02, high=5.0, unit="s"),
        clean_depth=section.flag("clean_depth", default=False),
    )
    if lens is not None and not (
        0.0 < lens[2] < camera.size_px[0] and 0.0 < lens[3] < camera.size_px[1]
    ):
        section.mistake(
            "lens_px", f"the centre ({lens[2]:g}, {lens[3]:g}) is outside the picture {size}."
        )
    if camera.clean_depth and not camera.has_depth:
        section.mistake("clean_depth", f"is for cameras with depth: {driver.value} has none.")
    section.finish()
    return camera


def _distortion(section: Section, driver: CameraDriver) -> Coefficients:
    found = section.numbers("distortion", 5, low=-_MOST_DISTORTION, high=_MOST_DISTORTION)
    if found is None:
        return NO_DISTORTION
    if driver not in (CameraDriver.ROS, CameraDriver.UVC):
        section.mistake(
            "distortion",
            f"is for cameras of driver ros or uvc: those of {driver.value} come without.",
        )
    if not section.has("lens_px"):
        section.mistake("distortion", "is of a calibrated lens: give 'lens_px' as well.")
    k1, k2, p1, p2, k3 = (float(value) for value in found)
    return (k1, k2, p1, p2, k3)


def _frozen_frames(section: Section, driver: CameraDriver) -> int | None:
    found = section.whole("frozen_frames", _FROZEN_FRAMES, low=0, high=1000)
    if section.has("frozen_frames") and driver is not CameraDriver.ROS:
        section.mistake(
            "frozen_frames", f"is for cameras of driver ros: of {driver.value} it is known."
        )
    if found == 1:
        section.mistake("frozen_frames", "1 picture is not frozen: give 2 or more, 0 for never.")
    return found if found is not None and found > 1 else None


def _network(section: Section) -> CellNetwork:
    network = CellNetwork(
        reach=section.choice("reach", Reach, Reach.MACHINE),
        domain=section.whole("domain", None, low=0, high=_HIGHEST_DOMAIN),
    )
    section.finish()
    return network
