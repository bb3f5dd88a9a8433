"""All latencies of a robot that is there: it moves, looks, and they are found."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from calibration.errors import CalibrationRefused
from calibration.latency import Latency, calibrate_latency
from robot_skills.app.calibrate.latency_collect import CollectConfig, collect_series
from robot_skills.core.robot import Robot

_MOTIONS = 3
"""That are tried at most."""


def find_latencies(
    robot: Robot,
    name: str,
    config: CollectConfig,
    rng: np.random.Generator,
    state_s: float = 0.0,
) -> Latency:
    """Move an arm from where it rests and back to there, and find how late everything is.

    Args:
        robot: Connected, with nothing taken off its latencies and nothing in its gripper, some
            centimetres of room around it.
        name: Of the robot.
        config: How it moves and which cameras look; they are to see anything with texture, or the
            arm itself.
        rng: Of the motion.
        state_s: Age of the states where no camera sees a clock; latencies are as good as that.

    Raises:
        CalibrationRefused: The arm's latency, or that of every camera, cannot be found.
        RobotFault: The arm does not take the waypoints.
        ActionRefused: The gate does not.
    """
    return calibrate_latency(collect_series(robot, config, rng), name, state_s)


def insist(
    measure: Callable[[CollectConfig], Latency],
    config: CollectConfig,
    again: Callable[[CalibrationRefused], None],
) -> Latency:
    """Measure again, for twice as long each time, where a motion does not tell.

    Args:
        measure: Moves and finds.
        config: Of the first motion.
        again: Hears why there is another one.

    Raises:
        CalibrationRefused: The longest did not tell either.
    """
    for _ in range(_MOTIONS - 1):
        try:
            return measure(config)
        except CalibrationRefused as refused:
            again(refused)
            config = replace(config, seconds=2.0 * config.seconds)
    return measure(config)
