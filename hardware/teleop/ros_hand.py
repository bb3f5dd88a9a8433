"""Hands that come in over ROS 2: a hand-held gripper's pose, anybody's twist, a joystick.

================================  =========================================================
``teleop/twist``                  `geometry_msgs/TwistStamped` in the base or tool frame
``teleop/pose``                   `geometry_msgs/PoseStamped` of a tracked hand: +z up, +x
                                  away from the operator
``joy``                           `sensor_msgs/Joy`, as ``game_controller_node`` numbers it
``teleop/held``                   `std_msgs/Bool`: the dead-man switch, again and again
``teleop/gripper_width``          `std_msgs/Float32` [m] between the hand's fingers
``teleop/gripper_joint``          `sensor_msgs/JointState` of the hand's gripper
``teleop/wish``                   `std_msgs/String`: start, save, discard, estop, ...
================================  =========================================================

A pose moves nothing without a switch that was said to be held a moment ago; a joystick has its own
(the right shoulder). A twist holds as long as it comes and is not zero, as teleop nodes send it,
unless somebody publishes the switch as well.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from hardware.ros2.messages import pose_matrix, stamp_s
from hardware.ros2.runtime import RosNode
from hardware.ros2.transport import Reach
from hardware.teleop.mailbox import MailboxDevice
from hardware.teleop.pad import AXES, START, WISHES, pad_held, pad_motion, pad_opening
from hardware.teleop.sticks import StickConfig
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import (
    DeviceLost,
    Frame,
    HandPose,
    Motion,
    Rate,
    TeleopSample,
    Wish,
)

_FARTHEST_M = 100.0
_UNIT_TOLERANCE = 0.01


class RosHandKind(Enum):
    """What moves the arm. The values are topics."""

    TWIST = "teleop/twist"
    POSE = "teleop/pose"
    JOY = "joy"


@dataclass(frozen=True, kw_only=True, slots=True)
class GripperJoint:
    """The joint of a hand-held gripper.

    Attributes:
        name: In its joint states; empty takes the first.
        closed_q: Its position when the gripper is closed.
        open_q: When it is open.
    """

    name: str = ""
    closed_q: float = 0.0
    open_q: float = 1.0

    def __post_init__(self) -> None:
        if self.closed_q == self.open_q:
            raise ValueError("An open and a closed gripper need different positions.")

    def opening(self, q: float) -> float:
        share = (q - self.closed_q) / (self.open_q - self.closed_q)
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class RosHandConfig:
    """Where a hand is heard, and what its numbers mean.

    Attributes:
        kind: What moves the arm.
        full_speed_m_s: Of a twist: what is full speed; 1 for twists without a unit.
        full_turn_rad_s: Of a twist: what is full turn rate.
        base_frames: Frames of a twist that are those of the base.
        tool_frames: Frames of a twist that are those of the tool; others are refused.
        open_width_m: Width of the hand's gripper that counts as open.
        joint: Of the hand's gripper.
        switch_s: A switch is held for so long after somebody said so.
        sticks: How a joystick is read.
        namespace: Of the topics.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    kind: RosHandKind
    full_speed_m_s: float = 1.0
    full_turn_rad_s: float = 1.0
    base_frames: tuple[str, ...] = ("", "base", "base_link", "world")
    tool_frames: tuple[str, ...] = ("tool", "tool0", "tcp", "flange")
    open_width_m: float = 0.08
    joint: GripperJoint = GripperJoint()
    switch_s: float = 0.3
    sticks: StickConfig = field(default_factory=StickConfig)
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None

    def __post_init__(self) -> None:
        for name in ("full_speed_m_s", "full_turn_rad_s", "open_width_m", "switch_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above zero.")


class RosHand:
    """`TeleopDevice` that listens to topics. Lost when nobody publishes them any more.

    Args:
        config: Which topics.
        clock: The project clock.

    Attributes:
        ignored: Messages that were no hands.
    """

    def __init__(self, config: RosHandConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._mailbox = MailboxDevice(self.name)
        self._node: RosNode | None = None
        self._forget()

    def _forget(self) -> None:
        self._times = ClockMap()
        self._switch: tuple[float, bool] | None = None
        self._opening: float | None = None
        self._motion: Motion | None = None
        self._down: frozenset[int] = frozenset()
        self._recording = False
        self._seen = False
        self.ignored = 0
        self.problem = ""
        """Why the last message was ignored; empty when none was."""

    @property
    def name(self) -> str:
        return f"hand on {self._config.kind.value}"

    def connect(self) -> None:
        """Begin to listen; whoever publishes may come later.

        Raises:
            MissingDependencyError: ROS 2 is not installed, or does not work.
        """
        self._mailbox.connect()
        if self._node is not None:
            self._seen = False
            return
        self._forget()
        config = self._config
        name = f"hand_{config.kind.name.lower()}"
        node = RosNode(name, namespace=config.namespace, reach=config.reach, domain=config.domain)
        try:
            self._subscribe(node)
            node.start()
        except BaseException:
            node.close()
            raise
        self._node = node

    def read(self) -> TeleopSample | None:
        node = self._node
        if node is None:
            raise DeviceLost(f"The {self.name} is not connected.")
        there = node.node.count_publishers(self._config.kind.value) > 0
        if self._seen and not there:
            self._mailbox.lose(f"Nobody publishes {self._config.kind.value} any more.")
        self._seen = there
        return self._mailbox.read()

    def close(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            node.close()
        self._mailbox.close()

    # Messages

    def _subscribe(self, node: RosNode) -> None:
        from geometry_msgs.msg import PoseStamped, TwistStamped
        from sensor_msgs.msg import JointState, Joy
        from std_msgs.msg import Bool, Float32, String

        main: dict[RosHandKind, tuple[type, Callable[[Any], None]]] = {
            RosHandKind.TWIST: (TwistStamped, self._twist),
            RosHandKind.POSE: (PoseStamped, self._pose),
            RosHandKind.JOY: (Joy, self._joy),
        }
        kind, heard = main[self._config.kind]
        topics: list[tuple[type, str, Callable[[Any], None]]] = [
            (kind, self._config.kind.value, heard),
            (Bool, "teleop/held", self._held),
            (Float32, "teleop/gripper_width", self._width),
            (JointState, "teleop/gripper_joint", self._joint),
            (String, "teleop/wish", self._wish),
        ]
        for message, topic, call in topics:
            # Motions are only good while they are new; the rest is said once.
            qos = _best_effort() if topic == self._config.kind.value else 10
            node.node.create_subscription(message, topic, call, qos)

    def _twist(self, message: Any) -> None:
        twist, config = message.twist, self._config
        linear = np.array([twist.linear.x, twist.linear.y, twist.linear.z])
        angular = np.array([twist.angular.x, twist.angular.y, twist.angular.z])
        if not (np.isfinite(linear).all() and np.isfinite(angular).all()):
            self._ignore("A twist is not finite.")
            return
        frame = message.header.frame_id
        if frame not in config.base_frames and frame not in config.tool_frames:
            known = ", ".join(name for name in (*config.base_frames, *config.tool_frames) if name)
            self._ignore(f"A twist is in the frame {frame!r}; known: {known}.")
            return
        self._motion = Rate(
            linear=_within_one(linear / config.full_speed_m_s),
            angular=_within_one(angular / config.full_turn_rad_s),
            frame=Frame.TOOL if frame in config.tool_frames else Frame.BASE,
        )
        moving = bool(linear.any() or angular.any())
        self._push(message, moving and (self._switch is None or self._switch_held()))

    def _pose(self, message: Any) -> None:
        position, turn = message.pose.position, message.pose.orientation
        p = np.array([position.x, position.y, position.z])
        norm = math.hypot(turn.w, turn.x, turn.y, turn.z)
        if not (np.isfinite(p).all() and np.abs(p).max() <= _FARTHEST_M):
            self._ignore(f"A hand is within {_FARTHEST_M:.0f} m, not at {p}.")
            return
        if not abs(norm - 1.0) <= _UNIT_TOLERANCE:
            self._ignore(f"A rotation is a unit quaternion, not one of length {norm:g}.")
            return
        self._motion = HandPose(T_device_hand=SE3.from_matrix(pose_matrix(message.pose)))
        self._push(message, self._switch_held())

    def _joy(self, message: Any) -> None:
        if len(message.axes) < AXES or not np.isfinite(message.axes).all():
            self._ignore(
                f"A joystick has {len(message.axes)} axes, a game controller {AXES}: run joy's "
                "game_controller_node."
            )
            return
        # ROS has left and up positive, and so the other sign of everything.
        axes = [min(max(-float(value), -1.0), 1.0) for value in message.axes]
        down = frozenset(i for i, pressed in enumerate(message.buttons) if pressed)
        pressed, self._down = down - self._down, down
        self._motion = pad_motion(axes, down, self._config.sticks)
        asked = pad_opening(axes)
        self._opening = self._opening if asked is None else asked
        self._push(message, pad_held(down), self._wishes(pressed))

    def _wishes(self, pressed: frozenset[int]) -> tuple[Wish, ...]:
        wishes = [WISHES[button] for button in sorted(pressed) if button in WISHES]
        if START in pressed:
            wishes.append(Wish.SAVE if self._recording else Wish.START)
        for wish in wishes:
            if wish is Wish.START:
                self._recording = True
            elif wish in (Wish.SAVE, Wish.DISCARD, Wish.SUCCESS, Wish.FAILURE):
                self._recording = False
        return tuple(wishes)

    def _held(self, message: Any) -> None:
        self._switch = (self._clock.now_s(), bool(message.data))
        if not message.data:
            # Letting go counts at once, and not with the next motion.
            self._mailbox.push(self._sample(self._clock.now_s(), held=False))

    def _switch_held(self) -> bool:
        if self._switch is None:
            return False
        said_s, held = self._switch
        return held and abs(self._clock.now_s() - said_s) <= self._config.switch_s

    def _width(self, message: Any) -> None:
        if 0.0 <= message.data <= 1.0:
            self._opening = min(message.data / self._config.open_width_m, 1.0)
        else:
            self._ignore(f"The width of a gripper is in metres, not {message.data}.")

    def _joint(self, message: Any) -> None:
        joint = self._config.joint
        place = list(message.name).index(joint.name) if joint.name in message.name else 0
        known = not joint.name or joint.name in message.name
        if not known or place >= len(message.position) or math.isnan(message.position[place]):
            self._ignore(f"The gripper's joint {joint.name!r} is not among the joint states.")
            return
        self._opening = joint.opening(message.position[place])

    def _wish(self, message: Any) -> None:
        known = {wish.value: wish for wish in Wish}
        if message.data not in known:
            self._ignore(f"Unknown wish {message.data!r}. Available: {', '.join(known)}.")
            return
        wish = (known[message.data],)
        if self._motion is None:
            # Wishes count before anything has moved.
            self._mailbox.push(TeleopSample(stamp_s=self._clock.now_s(), held=False, wishes=wish))
        else:
            self._mailbox.ask(wish)

    def _push(self, message: Any, held: bool, wishes: tuple[Wish, ...] = ()) -> None:
        now_s, sent_s = self._clock.now_s(), stamp_s(message.header)
        at_s = self._times.stamp_s(sent_s if sent_s > 0.0 else None, now_s)
        self._mailbox.push(self._sample(at_s, held=held, wishes=wishes))

    def _sample(self, at_s: float, *, held: bool, wishes: tuple[Wish, ...] = ()) -> TeleopSample:
        return TeleopSample(
            stamp_s=at_s,
            held=held,
            motion=self._motion if held else None,
            opening=self._opening,
            wishes=wishes,
        )

    def _ignore(self, reason: str) -> None:
        self.ignored += 1
        self.problem = reason


def _within_one(share: np.ndarray) -> np.ndarray:
    """The same direction, no component beyond 1."""
    return share / max(float(np.abs(share).max()), 1.0)


def _best_effort() -> Any:
    from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
    )
