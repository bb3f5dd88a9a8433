"""Motions on a robot that is no simulator's: they are commanded, and what it senses is kept."""

from dataclasses import replace

import numpy as np

from calibration.identification.motions import Library
from robot_skills.app.calibrate.collect import move_to
from robot_skills.core.errors import RobotFault
from robot_skills.core.excitation import Motion, Rollout, Streams
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, single_arm_chunk

_ACCEPTED_M = 1e-3


def library_on(robot: Robot) -> Library:
    """Motions that an arm can try where it is now; nothing is touched.

    Raises:
        RobotFault: The robot is not connected.
    """
    return Library(
        kinematics=robot.kinematics(DEFAULT_ARM),
        limits=robot.arms[DEFAULT_ARM],
        home_q_rad=robot.observe().arms[DEFAULT_ARM].q_rad,
    )


def record_on(robot: Robot, motion: Motion, speed_m_s: float) -> Rollout:
    """Go to a motion's start, slowly, and follow it.

    The arm's own inverse kinematics decide which joints follow the tool's path, so what is kept as
    commanded is the path of the tool, and joints of ours that follow it from where the arm began.

    Args:
        robot: Connected; its gate checks every motion.
        motion: Without things.
        speed_m_s: Of the tool on the way to the start.

    Raises:
        RobotFault: The motion is not accepted as it is.
    """
    kinematics = robot.kinematics(DEFAULT_ARM)
    poses = np.array([kinematics.forward(q).matrix() for q in motion.q_rad])
    move_to(robot, kinematics.forward(motion.start_q_rad), speed_m_s)
    start = robot.observe().arms[DEFAULT_ARM]
    q_rad, _ = kinematics.follow(start.q_rad, poses)
    periods = motion.period_s * np.arange(1, len(poses) + 1)
    stamps: Array = np.asarray(robot.clock.now_s() + periods, dtype=np.float64)
    opening = np.full(len(poses), start.opening)
    accepted = robot.command(single_arm_chunk(stamps, poses, opening))
    end, _ = accepted.sample(DEFAULT_ARM, float(stamps[-1]))
    if len(accepted) < len(poses) or np.linalg.norm(end.p - poses[-1, :3, 3]) > _ACCEPTED_M:
        robot.stop()
        raise RobotFault(
            f"The arm does not take the motion {motion.name!r} as it is: it is held. Begin in the "
            "middle of the workspace, with limits that allow it."
        )
    sensed = []
    for stamp_s in stamps:
        robot.clock.sleep_until(float(stamp_s))
        sensed.append(robot.observe().arms[DEFAULT_ARM])
    commanded = replace(
        motion,
        start_q_rad=start.q_rad,
        start_opening=start.opening,
        q_rad=q_rad,
        opening=opening,
    )
    return Rollout(motion=commanded, things={}, streams=_streams(sensed))


def _streams(states: list[ArmState]) -> Streams:
    """What states say; what is zero throughout is not told."""
    dq = np.array([one.dq_rad_s for one in states])
    tau = np.array([one.tau_nm for one in states])
    return Streams(
        q_rad=np.array([one.q_rad for one in states]),
        dq_rad_s=dq if dq.any() else None,
        tau_nm=tau if tau.any() else None,
    )
