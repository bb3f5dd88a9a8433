"""Hands for tests, and an arm under them."""

from dataclasses import dataclass

import numpy as np

from hardware.gated_robot import gate_robot
from hardware.teleop import HandOperator, MailboxDevice, OperatorConfig
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import Motion, Rate, TeleopSample
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmState
from tests.fakes import FakeRobot


def push(linear=(0.0, 0.0, 0.0), angular=(0.0, 0.0, 0.0), **kwargs) -> Rate:
    return Rate(linear=np.array(linear), angular=np.array(angular), **kwargs)


@dataclass
class Desk:
    """An operator with a mailbox for a hand, in front of a robot behind its gate."""

    robot: object
    operator: HandOperator
    mailbox: MailboxDevice
    events: EventList

    @classmethod
    def on(cls, robot=None, config: OperatorConfig | None = None, device=None) -> "Desk":
        robot = FakeRobot() if robot is None else robot
        events = EventList()
        gated = gate_robot(robot, events)
        gated.connect()
        mailbox = MailboxDevice()
        operator = HandOperator(
            mailbox if device is None else device,
            robot.arms[DEFAULT_ARM],
            robot.kinematics(DEFAULT_ARM),
            robot.clock,
            robot.control_period_s,
            config,
        )
        operator.connect()
        return cls(robot=gated, operator=operator, mailbox=mailbox, events=events)

    @property
    def now_s(self) -> float:
        return self.robot.clock.now_s()

    def state(self) -> ArmState:
        return self.robot.observe().arms[DEFAULT_ARM]

    def tool(self) -> SE3:
        return self.state().T_base_tool

    def say(self, motion: Motion | None = None, held: bool = True, **kwargs) -> None:
        self.mailbox.push(TeleopSample(stamp_s=self.now_s, held=held, motion=motion, **kwargs))

    def act(self) -> ActionChunk | None:
        """One tick: what the operator asks for, through the gate and into the robot."""
        chunk = self.operator.action(self.robot.observe())
        if chunk is not None:
            self.robot.command(chunk)
        else:
            self.robot.stop()
        self.wait()
        return chunk

    def tick(self, motion: Motion | None = None, held: bool = True, **kwargs) -> ActionChunk | None:
        self.say(motion, held, **kwargs)
        return self.act()

    def wait(self, periods: int = 1) -> None:
        clock = self.robot.clock
        clock.sleep_until(clock.now_s() + periods * self.robot.control_period_s)

    def verdicts(self) -> set[str]:
        return {event.data["code"] for event in self.events.of_kind(EventKind.GATE)}


def poses(chunk: ActionChunk) -> np.ndarray:
    return chunk.arms[DEFAULT_ARM].T_base_tool


def openings(chunk: ActionChunk) -> np.ndarray:
    return chunk.arms[DEFAULT_ARM].opening
