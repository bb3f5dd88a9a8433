"""What every teleoperation device does, whatever is on the other end of its cable."""

import json
import math
import os
import pty
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.ros2.messages import fill_stamp
from hardware.ros2.runtime import RosNode
from hardware.teleop import (
    SO101_MAP,
    DynamixelConfig,
    DynamixelSource,
    FileHands,
    Gamepad,
    HandOperator,
    LeaderDevice,
    LeRobotSource,
    MailboxDevice,
    ServoMap,
    SocketHands,
    SpaceMouse,
    Tcp,
    TerminalKeyboard,
    Udp,
    Unix,
    WordsDevice,
)
from hardware.teleop.ros_hand import RosHand, RosHandConfig, RosHandKind
from robot_skills.core.clock import ManualClock
from robot_skills.core.teleop import DeviceLost, TeleopDevice, TeleopSample, Wish
from tests.fakes import LIMITS, PERIOD_S, FakeKinematics, FakeRobot
from tests.hardware.teleop.fakes import FakeHid, FakeLeRobotArm, type_into, until
from tests.hardware.teleop.servos import FakeServos
from tests.hardware.teleop.virtual_pad import VirtualPad
from tests.ros_domain import claim_domain

START_S = 5.0


class Bench:
    """A device, and a hand on it that a test moves.

    Attributes:
        wishes: Whether the device can ask for anything.
        unplugs: Whether it can be unplugged.
    """

    wishes = True
    unplugs = True
    device: TeleopDevice

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START_S)
        self.folder = folder

    def plug_in(self) -> None:
        """What has to be there once the device is connected."""

    def hold(self, held: bool) -> None:
        """Hold the dead-man switch, or let it go."""
        raise NotImplementedError

    def ask(self) -> Wish:
        """Ask for something."""
        raise NotImplementedError

    def unplug(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.device.close()


class TerminalBench(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._user, self._fd = pty.openpty()
        self.device = TerminalKeyboard(self.clock, self._fd)

    def hold(self, held: bool) -> None:
        if held:
            type_into(self._user, self._fd, b"w")
        else:
            self.clock.sleep_until(self.clock.now_s() + 1.0)

    def ask(self) -> Wish:
        type_into(self._user, self._fd, b"\x1b")
        return Wish.ESTOP

    def unplug(self) -> None:
        os.close(self._user)
        self._user = -1

    def close(self) -> None:
        super().close()
        os.close(self._fd)
        if self._user >= 0:
            os.close(self._user)


class GamepadBench(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._pad = VirtualPad()
        self.device = Gamepad(self.clock)

    def hold(self, held: bool) -> None:
        self._pad.button(10, held)

    def ask(self) -> Wish:
        self._pad.button(1)
        self._pad.button(1, down=False)
        return Wish.ESTOP

    def unplug(self) -> None:
        self._pad.unplug()

    def close(self) -> None:
        super().close()
        self._pad.unplug()


class SpaceMouseBench(Bench):
    wishes = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._hid = FakeHid()
        self.device = SpaceMouse(self.clock, open_source=lambda: self._hid)

    def hold(self, held: bool) -> None:
        self._hid.buttons(int(held))

    def unplug(self) -> None:
        self._hid.gone = True


class MailboxBench(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.device = self._mailbox = MailboxDevice()

    def hold(self, held: bool) -> None:
        self._mailbox.push(TeleopSample(stamp_s=self.clock.now_s(), held=held))

    def ask(self) -> Wish:
        stamp_s = self.clock.now_s()
        self._mailbox.push(TeleopSample(stamp_s=stamp_s, held=False, wishes=(Wish.SAVE,)))
        return Wish.SAVE

    def unplug(self) -> None:
        self._mailbox.lose("The page was closed.")


class LeaderBench(MailboxBench):
    """A LeRobot arm; its companion is a mailbox."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._arm = FakeLeRobotArm()
        source = LeRobotSource(self._arm, SO101_MAP)
        self.device = self._leader = LeaderDevice(source, self._mailbox, self.clock)

    def plug_in(self) -> None:
        reader = self._leader._reader
        until(lambda: reader.newest() is not None)

    def unplug(self) -> None:
        self._arm.gone = True
        until(lambda: not self._leader._reader._thread.is_alive())


class DynamixelBench(MailboxBench):
    """Servos on a pseudo terminal; their companion is a mailbox."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._servos = FakeServos((1, 2))
        joints = (ServoMap(id=1), ServoMap(id=2))
        source = DynamixelSource(DynamixelConfig(port=self._servos.path, joints=joints))
        self.device = self._leader = LeaderDevice(source, self._mailbox, self.clock)

    def plug_in(self) -> None:
        reader = self._leader._reader
        until(lambda: reader.newest() is not None)

    def unplug(self) -> None:
        self._servos.unplug()
        until(lambda: not self._leader._reader._thread.is_alive())

    def close(self) -> None:
        super().close()
        self._servos.unplug()


def hand_line(sent_s: float, held: bool, wishes: tuple[str, ...] = ()) -> bytes:
    hand = {"t": sent_s, "p": [0, 0, 0], "wxyz": [1, 0, 0, 0], "held": held, "wishes": wishes}
    return json.dumps(hand).encode() + b"\n"


class StreamBench(Bench):
    """A sender in step with the project clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._count = 0
        self._sender: socket.socket | None = None
        self.device = self._hands = SocketHands(self.address(), self.clock)

    def address(self) -> Udp | Tcp | Unix:
        return Tcp(port=0)

    def plug_in(self) -> None:
        self._sender = socket.create_connection(("127.0.0.1", self._hands.port))

    def _send(self, held: bool, wishes: tuple[str, ...] = ()) -> None:
        self._count += 1
        self._sender.sendall(hand_line(self.clock.now_s() + 1e-6 * self._count, held, wishes))

    def hold(self, held: bool) -> None:
        self._send(held)

    def ask(self) -> Wish:
        self._send(False, ("discard",))
        return Wish.DISCARD

    def unplug(self) -> None:
        self._sender.close()

    def close(self) -> None:
        super().close()
        if self._sender is not None:
            self._sender.close()


class UdpBench(StreamBench):
    unplugs = False

    def address(self) -> Udp:
        return Udp(port=0)

    def plug_in(self) -> None:
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.connect(("127.0.0.1", self._hands.port))


class UnixBench(StreamBench):
    def address(self) -> Unix:
        return Unix(path=self.folder / "hand.sock")

    def plug_in(self) -> None:
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sender.connect(str(self.address().path))


class FileBench(Bench):
    """A file that holds from the first second on, and lets go and asks in the third."""

    unplugs = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        path = folder / "hands.jsonl"
        times = [0.05 * i for i in range(200)]
        path.write_bytes(
            b"".join(
                hand_line(t, 1.0 <= t < 2.0, ("save",) if t == times[60] else ()) for t in times
            )
        )
        self.device = FileHands(path, self.clock)

    def hold(self, held: bool) -> None:
        self.clock.sleep_until(START_S + (1.5 if held else 2.5))

    def ask(self) -> Wish:
        self.clock.sleep_until(START_S + 3.2)
        return Wish.SAVE


class WordsBench(Bench):
    wishes = False
    unplugs = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.device = self._words = WordsDevice(self.clock)

    def hold(self, held: bool) -> None:
        self._words.say("a little up" if held else "stop")


class RosBench(Bench):
    """A hand on topics; whoever publishes them is a node of its own."""

    kind = RosHandKind.TWIST

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        pytest.importorskip("rclpy", reason="ROS 2 is not installed")
        self._domain = claim_domain()
        self.device = self._hand = RosHand(
            RosHandConfig(kind=self.kind, domain=self._domain), self.clock
        )
        self._node: RosNode | None = None

    def plug_in(self) -> None:
        from geometry_msgs.msg import PoseStamped, TwistStamped
        from sensor_msgs.msg import Joy
        from std_msgs.msg import Bool, String

        if self._node is not None:
            return
        self._node = RosNode("hand_bench", domain=self._domain)
        main = {
            RosHandKind.TWIST: TwistStamped,
            RosHandKind.POSE: PoseStamped,
            RosHandKind.JOY: Joy,
        }
        topics = {
            self.kind.value: main[self.kind],
            "teleop/held": Bool,
            "teleop/wish": String,
        }
        self._publishers = {
            topic: self._node.node.create_publisher(message, topic, 1)
            for topic, message in topics.items()
        }
        until(lambda: all(one.get_subscription_count() for one in self._publishers.values()))

    def _send(self, topic: str, message) -> None:
        newest = self._hand._mailbox._newest
        asked = len(self._hand._mailbox._wishes)
        if hasattr(message, "header"):
            fill_stamp(message.header.stamp, self.clock.now_s())
        said_s = -math.inf

        def heard() -> bool:
            # A publisher may know of who listens before that one knows of it: say it again.
            nonlocal said_s
            if time.monotonic() - said_s > 1.0:
                said_s = time.monotonic()
                self._publishers[topic].publish(message)
            mailbox = self._hand._mailbox
            return mailbox._newest is not newest or len(mailbox._wishes) > asked

        until(heard)

    def hold(self, held: bool) -> None:
        from geometry_msgs.msg import TwistStamped

        message = TwistStamped()
        message.twist.linear.x = 0.1 if held else 0.0
        self._send(self.kind.value, message)

    def ask(self) -> Wish:
        from std_msgs.msg import String

        self._send("teleop/wish", String(data="save"))
        return Wish.SAVE

    def unplug(self) -> None:
        assert self._node is not None
        self._node.close()
        self._node = None
        ours = self._hand._node
        until(lambda: ours.node.count_publishers(self.kind.value) == 0)

    def close(self) -> None:
        super().close()
        if self._node is not None:
            self._node.close()
            self._node = None


class RosPoseBench(RosBench):
    kind = RosHandKind.POSE

    def hold(self, held: bool) -> None:
        from geometry_msgs.msg import PoseStamped
        from std_msgs.msg import Bool

        if not held:
            self._send("teleop/held", Bool(data=False))
            return
        self._hand._switch = None
        self._publishers["teleop/held"].publish(Bool(data=True))
        until(lambda: self._hand._switch is not None)
        self._send(self.kind.value, PoseStamped())


class RosJoyBench(RosBench):
    kind = RosHandKind.JOY

    def _joy(self, *down: int) -> None:
        from sensor_msgs.msg import Joy

        buttons = [int(button in down) for button in range(15)]
        self._send(self.kind.value, Joy(axes=[0.0] * 6, buttons=buttons))

    def hold(self, held: bool) -> None:
        self._joy(*((10,) if held else ()))

    def ask(self) -> Wish:
        self._joy(1)
        return Wish.ESTOP


BENCHES = {
    "terminal": TerminalBench,
    "gamepad": GamepadBench,
    "spacemouse": SpaceMouseBench,
    "leader": LeaderBench,
    "dynamixel": DynamixelBench,
    "tcp": StreamBench,
    "udp": UdpBench,
    "unix": UnixBench,
    "file": FileBench,
    "words": WordsBench,
    "mailbox": MailboxBench,
    "ros-twist": RosBench,
    "ros-pose": RosPoseBench,
    "ros-joy": RosJoyBench,
}


@pytest.fixture(params=BENCHES)
def unconnected(request, tmp_path):
    bench = BENCHES[request.param](tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def bench(unconnected):
    unconnected.device.connect()
    unconnected.plug_in()
    return unconnected


@pytest.fixture
def asking(bench):
    if not bench.wishes:
        pytest.skip("It asks for nothing.")
    return bench


@pytest.fixture
def pluggable(bench):
    if not bench.unplugs:
        pytest.skip("There is no cable.")
    return bench


def test_it_is_lost_before_connect_and_after_close(unconnected):
    device = unconnected.device
    assert device.name
    with pytest.raises(DeviceLost, match=r"not connected"):
        device.read()
    device.connect()
    device.read()
    device.close()
    device.close()
    with pytest.raises(DeviceLost, match=r"not connected"):
        device.read()


def test_it_can_be_closed_before_it_was_connected_and_connected_again(unconnected):
    unconnected.device.close()
    for _ in range(2):
        unconnected.device.connect()
        unconnected.device.read()
        unconnected.device.close()


def test_connecting_twice_is_connecting_once(bench):
    bench.device.connect()
    bench.hold(True)
    assert bench.device.read().held


def test_it_does_not_count_as_held_until_it_is(bench):
    sample = bench.device.read()
    assert sample is None or not sample.held
    bench.hold(True)
    assert bench.device.read().held
    bench.hold(False)
    assert not bench.device.read().held


@pytest.mark.timeout(60)
def test_reading_does_not_wait_for_a_hand_that_does_nothing(bench):
    for _ in range(300):
        bench.device.read()


def test_stamps_lie_on_the_given_clock_and_never_decrease(bench):
    stamps = []
    for step in range(20):
        bench.clock.sleep_until(START_S + 0.05 * step)
        if step % 5 == 0 and not isinstance(bench, FileBench):
            bench.hold(step % 10 == 0)
        sample = bench.device.read()
        if sample is not None:
            stamps.append(sample.stamp_s)
            assert sample.stamp_s <= bench.clock.now_s() + 1e-9
    assert stamps
    assert stamps == sorted(stamps)
    assert stamps[0] >= START_S


def test_it_survives_a_clock_that_starts_over(bench):
    if isinstance(bench, FileBench):
        pytest.skip("A recording has its own time.")
    bench.clock.sleep_until(100.0)
    bench.hold(True)
    bench.device.read()
    bench.clock._now_s = 0.0
    bench.device.read()
    bench.clock.sleep_until(3.0)
    bench.hold(True)
    until(lambda: bench.device.read().stamp_s == pytest.approx(3.0, abs=0.01))
    assert bench.device.read().held


def test_wishes_are_given_once(asking):
    asking.hold(True)
    asking.device.read()
    wish = asking.ask()
    assert asking.device.read().wishes == (wish,)
    assert asking.device.read().wishes == ()


def test_wishes_come_also_while_nobody_holds_on(asking):
    asking.hold(False)
    wish = asking.ask()
    assert wish in asking.device.read().wishes


def test_unplugged_it_is_lost(pluggable):
    pluggable.hold(True)
    pluggable.device.read()
    pluggable.unplug()
    with pytest.raises(DeviceLost) as lost:
        pluggable.device.read()
    assert str(lost.value)
    pluggable.device.close()


def test_an_operator_lets_go_when_it_is_unplugged(pluggable):
    operator = HandOperator(pluggable.device, LIMITS, FakeKinematics(), pluggable.clock, PERIOD_S)
    operator.connect()
    pluggable.hold(True)
    assert operator.engaged()
    pluggable.unplug()
    assert not operator.engaged()
    assert operator.lost
    assert operator.refused
    robot = FakeRobot(clock=pluggable.clock)
    robot.connect()
    assert operator.action(robot.observe()) is None


def test_samples_are_whole(bench):
    bench.hold(True)
    sample = bench.device.read()
    assert sample.opening is None or 0.0 <= sample.opening <= 1.0
    assert replace(sample).held == sample.held
