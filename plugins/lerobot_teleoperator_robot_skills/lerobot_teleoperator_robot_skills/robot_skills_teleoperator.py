"""A person's hand as one of LeRobot's teleoperators, on a robot of robot-skills.

LeRobot wants an action at every step, whether or not anybody holds the dead-man switch. Released
means "stay": the pose that the arm was last told to be in, until the switch is held again.
"""

import logging
from typing import Any

from lerobot.teleoperators import Teleoperator as LeRobotsTeleoperator
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

from hardware.lerobot_actions import TOOL_KEYS, ActionCoder
from hardware.lerobot_link import RobotLink, find
from hardware.teleop import HandOperator
from lerobot_teleoperator_robot_skills.config_robot_skills import RobotSkillsTeleoperatorConfig
from lerobot_teleoperator_robot_skills.devices import make_device
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import Wish
from robot_skills.core.types import ArmState, Observation

_log = logging.getLogger(__name__)

_MOVED_M = 0.05
_MOVED_RAD = 0.3
"""An arm farther than this from where it was told to stay was moved by somebody else."""


class RobotSkillsTeleoperator(LeRobotsTeleoperator):
    """One device on the robot of type `robot_skills` in the same program.

    Args:
        config: Which device, and which robot.
    """

    config_class = RobotSkillsTeleoperatorConfig
    name = "robot_skills"

    def __init__(self, config: RobotSkillsTeleoperatorConfig) -> None:
        super().__init__(config)
        self.config = config
        self._link: RobotLink | None = None
        self._operator: HandOperator | None = None
        self._coder: ActionCoder | None = None
        self._stay: tuple[SE3, float] | None = None
        self._engaged = self._stopped = False

    # What it is

    @property
    def action_features(self) -> dict[str, type]:
        """Those of the robot; before there is one, the pose of the tool and the opening."""
        coder = self._coder or self._found_coder()
        return dict.fromkeys(TOOL_KEYS if coder is None else coder.keys, float)

    @property
    def feedback_features(self) -> dict[str, type]:
        """None: no device of this project gives any."""
        return {}

    @property
    def is_connected(self) -> bool:
        # LeRobot's finaliser asks this of what was never quite made.
        return getattr(self, "_operator", None) is not None

    @property
    def is_calibrated(self) -> bool:
        """Always: there is nothing to calibrate."""
        return True

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Nothing to do."""

    # Life

    def connect(self, calibrate: bool = True) -> None:
        """Open the device. The robot was made already, but need not be connected.

        Raises:
            DeviceAlreadyConnectedError: It is open.
            MissingDependencyError: Its library, or the device, is not there.
            RefusedError: There is no robot of robot-skills in this program.
        """
        if self._operator is not None:
            raise DeviceAlreadyConnectedError(f"{self} is already connected.")
        link = find(self.config.robot)
        robot = link.robot
        operator = HandOperator(
            make_device(self.config, robot.clock),
            robot.arms[link.arm],
            robot.kinematics(link.arm),
            robot.clock,
            robot.control_period_s,
            self.config.operator(),
            arm=link.arm,
        )
        operator.connect()
        self._link, self._operator, self._coder = link, operator, _coder(link)
        self._stay, self._engaged, self._stopped = None, False, False

    def disconnect(self) -> None:
        """Let go and release the device.

        Raises:
            DeviceNotConnectedError: It is not open.
        """
        operator, _ = self._open()
        self._operator = None
        operator.close()

    # Use

    def get_action(self) -> dict[str, float]:
        """Where the hand wants the tool one period from now; without a hand, where it stays.

        Raises:
            DeviceNotConnectedError: The device is not open.
            RobotFault: The robot is not connected, or does not answer.
        """
        operator, link = self._open()
        assert self._coder is not None
        observation = link.robot.observe()
        state = observation.arms[link.arm]
        self._heed(operator.wishes(), link)
        wanted = None if self._stopped else self._asked(operator, link, observation)
        if wanted is None:
            wanted = self._staying(state)
        self._say(operator)
        self._stay = wanted
        return self._coder.encode(*wanted, state)

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Nothing: see `feedback_features`."""

    def _asked(
        self, operator: HandOperator, link: RobotLink, observation: Observation
    ) -> tuple[SE3, float] | None:
        chunk = operator.action(observation)
        if chunk is None:
            return None
        return chunk.sample(link.arm, link.robot.clock.now_s() + link.period_s)

    def _staying(self, state: ArmState) -> tuple[SE3, float]:
        if self._stay is None:
            return state.T_base_tool, state.opening
        T_base_tool, opening = self._stay
        off_m, off_rad = T_base_tool.distance_to(state.T_base_tool)
        if off_m > _MOVED_M or off_rad > _MOVED_RAD:
            return state.T_base_tool, state.opening
        return T_base_tool, opening

    def _heed(self, wishes: tuple[Wish, ...], link: RobotLink) -> None:
        """The emergency stop counts here; what else may be wished, LeRobot has keys of its own."""
        for wish in wishes:
            if wish is Wish.ESTOP and not self._stopped:
                _log.warning("emergency stop: the arm stays until it is released")
                self._stopped, self._stay = True, None
                link.robot.stop()
            elif wish is Wish.RELEASE and self._stopped:
                _log.info("the emergency stop was released")
                self._stopped = False

    def _say(self, operator: HandOperator) -> None:
        engaged = operator.engaged() and not self._stopped
        if engaged != self._engaged:
            reason = f" ({operator.refused})" if operator.refused else ""
            _log.info("the hand is %s%s", "on the arm" if engaged else "off the arm", reason)
        self._engaged = engaged

    def _open(self) -> tuple[HandOperator, RobotLink]:
        if self._operator is None or self._link is None:
            raise DeviceNotConnectedError(f"{self} is not connected.")
        return self._operator, self._link

    def _found_coder(self) -> ActionCoder | None:
        try:
            return _coder(find(self.config.robot))
        except RobotSkillsError:
            return None


def _coder(link: RobotLink) -> ActionCoder:
    return ActionCoder(link.space, link.robot.arms[link.arm], link.robot.kinematics(link.arm))
