"""What calibrations found of a robot as a measuring and moving device."""

from collections.abc import Mapping
from dataclasses import dataclass

from calibration.latency import Latency
from calibration.randomisation import Spread
from robot_skills.app.sim2real.calibrated import CellFile
from robot_skills.app.sim2real.cameras import CameraFound
from robot_skills.app.sim2real.randomised import around
from robot_skills.core.latencies import ArmLatencies
from sim.world import FRONT_CAMERA

_GRIPPER_TRAILS_S = 0.011
"""By which the simulated gripper trails by itself: policies have learned from it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """What a robot was found to be like.

    Attributes:
        cameras: By name; those left out are as their drivers, or the cell's file, say.
        latency: How late everything is.
    """

    cameras: Mapping[str, CameraFound]
    latency: Latency

    @property
    def file(self) -> CellFile:
        """What is taken off on the robot."""
        late, gripper_s = self.latency, 0.0
        if late.gripper_after_told is not None:
            # Delay and lag of a gripper are known together, not apart.
            trails_s = late.gripper_after_told.trailing_s - late.state.latency_s
            gripper_s = max(trails_s - _GRIPPER_TRAILS_S, 0.0)
        pictures_s = {name: one.latency_s for name, one in late.cameras.items()}
        return CellFile(
            cameras={
                name: one.file(pictures_s.get(name, 0.0)) for name, one in self.cameras.items()
            },
            latencies=ArmLatencies(
                action_s=late.action.latency_s,
                gripper_s=gripper_s,
                state_s=late.state.latency_s,
            ),
            pictures_s=pictures_s,
        )

    def spreads(self, arm: str) -> dict[str, Spread]:
        """Around what it is known to be like, as far as that is unsure."""
        front = None
        if FRONT_CAMERA in self.cameras:
            place = self.cameras[FRONT_CAMERA].hand_eye
            front = (place.sigma_m, place.sigma_rad)
        return around(arm, self.latency.action, self.latency.gripper, front)
