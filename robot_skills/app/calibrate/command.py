"""`robot-skills calibrate`: hands each subcommand to its file."""

from robot_skills.app.calibrate.options import (
    CalibrateBoard,
    CalibrateCheck,
    CalibrateCollect,
    CalibrateDepth,
    CalibrateHandEye,
    CalibrateIdentify,
    CalibrateIntrinsics,
    CalibrateLatency,
    CalibrateOptions,
    CalibrateRig,
)
from robot_skills.app.outcome import CommandResult


def main(options: CalibrateOptions) -> CommandResult:
    """Do what a subcommand says; only its own libraries are loaded."""
    match options:
        case CalibrateBoard():
            from robot_skills.app.calibrate import board

            return board.main(options)
        case CalibrateCollect():
            from robot_skills.app.calibrate import collect

            return collect.main(options)
        case CalibrateIntrinsics():
            from robot_skills.app.calibrate import intrinsics

            return intrinsics.main(options)
        case CalibrateHandEye():
            from robot_skills.app.calibrate import hand_eye

            return hand_eye.main(options)
        case CalibrateRig():
            from robot_skills.app.calibrate import rig

            return rig.main(options)
        case CalibrateDepth():
            from robot_skills.app.calibrate import depth

            return depth.main(options)
        case CalibrateCheck():
            from robot_skills.app.calibrate import check

            return check.main(options)
        case CalibrateIdentify():
            from robot_skills.app.calibrate import identify

            return identify.main(options)
        case CalibrateLatency():
            from robot_skills.app.calibrate import latency

            return latency.main(options)
