"""An SO-101 as LeRobot knows arms, whose servos are at once where they are told to be.

LeRobot finds it by the names of this module and its classes, as it finds those of plugins.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from lerobot.robots import Robot, RobotConfig

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
HOME_DEGREES = (0.0, 0.0, 0.0, 68.7, 0.0)


@RobotConfig.register_subclass("fake_so101")
@dataclass
class FakeSo101Config(RobotConfig):
    """Of the fake arm."""

    port: str = ""
    use_degrees: bool = False
    cameras: dict = field(default_factory=dict)


class FakeSo101(Robot):
    """Keeps what it was told; the newest one is `made[-1]`."""

    config_class = FakeSo101Config
    name = "fake_so101"
    made: ClassVar[list] = []

    def __init__(self, config):
        super().__init__(config)
        assert config.use_degrees
        self.port = config.port
        self.at = {f"{name}.pos": at for name, at in zip(JOINTS, HOME_DEGREES, strict=True)}
        self.at["gripper.pos"] = 100.0
        self.sent: list[dict] = []
        self.connected = False
        FakeSo101.made.append(self)

    @property
    def observation_features(self):
        return dict.fromkeys(self.at, float)

    @property
    def action_features(self):
        return dict.fromkeys(self.at, float)

    @property
    def is_connected(self):
        return self.connected

    @property
    def is_calibrated(self):
        return True

    def connect(self, calibrate=True):
        if self.port == "/dev/nothing":
            raise ConnectionError("no such port")
        self.connected = True

    def calibrate(self):
        raise AssertionError("nobody is there to calibrate")

    def configure(self):
        pass

    def get_observation(self):
        return dict(self.at)

    def send_action(self, action):
        self.sent.append(dict(action))
        self.at = dict(action)
        return action

    def disconnect(self):
        self.connected = False
