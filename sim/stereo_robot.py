"""A simulated robot whose cameras measure depth as stereo cameras do."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import Observation
from sim.stereo_depth import StereoDepth, StereoNoise


class StereoRobot(RobotWrapper):
    """A robot that is another robot in everything but its cameras' depth.

    Args:
        robot: The other robot, whose depth is exact.
        cameras: What each camera does to it; those that are not named keep their depth.
        rng: Of the noise; every camera has a stream of its own.
    """

    def __init__(
        self, robot: Robot, cameras: Mapping[str, StereoDepth], rng: np.random.Generator
    ) -> None:
        super().__init__(robot)
        streams = rng.spawn(len(cameras))
        self._noise = {
            name: StereoNoise(config, stream)
            for (name, config), stream in zip(cameras.items(), streams, strict=True)
        }

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        frames = {
            name: replace(frame, depth_m=self._noise[name](frame.rgb, frame.depth_m, frame.K))
            if name in self._noise
            else frame
            for name, frame in seen.cameras.items()
        }
        return replace(seen, cameras=frames)
