"""Teleoperation: devices, and the one operator that turns any of them into waypoints.

Importing this loads no vendor library; a device loads its own when it connects.
"""

from hardware.teleop.config import OperatorConfig
from hardware.teleop.dynamixel import DynamixelConfig, DynamixelSource, ServoMap, TriggerMap
from hardware.teleop.gamepad import Gamepad
from hardware.teleop.grammar import Spoken, WordsConfig, parse_words
from hardware.teleop.hand_message import HandMessage, StreamConfig, from_webxr, parse_hand
from hardware.teleop.keyboard_terminal import TerminalKeyboard, TerminalTiming
from hardware.teleop.keys import BROWSER_CODES, KEY_HELP, KeyState, motion_of, opening_of, wish_of
from hardware.teleop.leader import LeaderDevice, LeaderReading, LeaderSource
from hardware.teleop.lerobot_leader import (
    SO101_MAP,
    GripperMap,
    JointMap,
    LeaderMap,
    LeRobotLeader,
    LeRobotSource,
    Unit,
)
from hardware.teleop.mailbox import MailboxDevice
from hardware.teleop.operator import HandOperator
from hardware.teleop.recorded_hand import FileHands
from hardware.teleop.spacemouse import SpaceMouse, SpaceMouseConfig
from hardware.teleop.sticks import StickConfig
from hardware.teleop.stream import SocketHands, Tcp, Udp, Unix
from hardware.teleop.words import WordsDevice

__all__ = [
    "BROWSER_CODES",
    "KEY_HELP",
    "SO101_MAP",
    "DynamixelConfig",
    "DynamixelSource",
    "FileHands",
    "Gamepad",
    "GripperMap",
    "HandMessage",
    "HandOperator",
    "JointMap",
    "KeyState",
    "LeRobotLeader",
    "LeRobotSource",
    "LeaderDevice",
    "LeaderMap",
    "LeaderReading",
    "LeaderSource",
    "MailboxDevice",
    "OperatorConfig",
    "ServoMap",
    "SocketHands",
    "SpaceMouse",
    "SpaceMouseConfig",
    "Spoken",
    "StickConfig",
    "StreamConfig",
    "Tcp",
    "TerminalKeyboard",
    "TerminalTiming",
    "TriggerMap",
    "Udp",
    "Unit",
    "Unix",
    "WordsConfig",
    "WordsDevice",
    "from_webxr",
    "motion_of",
    "opening_of",
    "parse_hand",
    "parse_words",
    "wish_of",
]
