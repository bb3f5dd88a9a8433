"""A simulated arm with cameras behind the topics of a real one: ``sim_robot_node``.

Whatever talks to ros2_control's controllers and to a depth camera's driver talks to this without a
change: joint states, a forward position controller, a joint trajectory controller, a gripper,
colour and aligned depth with their infos, the robot description, and ``/clock``. Simulated time is
the machine's: when the processor is short, physics catches up, as an arm would not wait either.
Pictures are drawn in another process.

Services: ``~/reset`` begins the episode again; ``~/rearrange`` puts the things back and leaves the
arm where it is, because one that is elsewhere all at once is a fault to its gate; ``~/truth`` says
as JSON where everything is; ``~/protective_stop`` (`std_srvs/SetBool`) has the arm's own controller
stop it. Faults come by ``~/inject``, a `std_msgs/String` of JSON: `Faults` says which.
"""

import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.ros2.loop import ControlLoop, claim_real_time, leave_real_time
from hardware.ros2.messages import fill_stamp
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.shared import SharedNumbers
from hardware.ros2.transport import Reach
from robot_skills.app.nodes.sim_cameras import eyes_main, simulated_watch, watch_main
from robot_skills.app.nodes.sim_faults import INJECT, Faults, read_faults
from robot_skills.core.se3 import Array

if TYPE_CHECKING:
    from sim.placements import Layout
    from sim.servo_cell import CellEyes, ServoCell

_WATCHDOG_S = 0.1
"""A controller that hears nothing for so long holds, as drivers of arms do."""
_CLOCK_PERIODS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class SimRobotSetup:
    """What is simulated, and where it is found.

    Attributes:
        arm: Kind of arm.
        seed: Of the layout, where none is given.
        layout: What stands where.
        cameras: Names; pictures are on ``<name>/color/image_raw`` and so on.
        camera_px: Width and height.
        camera_hz: Pictures per second.
        stale_s: Age at which the newest picture is too old for anything to move.
        period_s: Of joint states and control.
        twin: Seed of the twin that is simulated in place of what the model says; None is none.
        filters: Whether the drivers of a twin's cameras smooth depth.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    arm: str = "panda"
    seed: int = 0
    layout: "Layout | None" = None
    cameras: Sequence[str] = ("front",)
    camera_px: tuple[int, int] = (256, 192)
    camera_hz: float = 10.0
    stale_s: float = 0.5
    period_s: float = 0.01
    twin: int | None = None
    filters: bool = True
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None

    def stands(self) -> "Layout":
        """What stands where."""
        from sim.layout import default_layout

        return default_layout(self.seed) if self.layout is None else self.layout

    def cell(self) -> "ServoCell":
        """The arm and its surroundings."""
        if self.twin is None:
            from sim.servo_cell import ServoCell

            return ServoCell(self.arm, self.stands(), self.period_s)
        from sim.twin import draw_hidden
        from sim.twin.servo import TwinServoCell

        return TwinServoCell(draw_hidden(self.twin, self.arm), self.stands(), self.period_s)

    def eyes(self) -> "CellEyes":
        """What draws them, in a process of its own."""
        if self.twin is None:
            from sim.servo_cell import CellEyes

            return CellEyes.of(self.arm, self.stands(), self.camera_px)
        from sim.twin import draw_hidden
        from sim.twin.servo import TwinEyes

        hidden = draw_hidden(self.twin, self.arm)
        return TwinEyes(hidden, self.stands(), self.camera_px, filters=self.filters)


@dataclass(slots=True)
class _Wish:
    """What the controllers were told last."""

    q_rad: Array | None = None
    heard_s: float = 0.0
    opening: float = 1.0
    counts: dict[str, int] = field(default_factory=dict)


class SimRobotNode:
    """The arm's side of the simulated robot.

    Args:
        setup: What is simulated.

    Attributes:
        cell: The simulated cell.
        shared: Where its pose goes, for whoever draws it.
    """

    def __init__(self, setup: SimRobotSetup) -> None:
        self.cell = setup.cell()
        self.shared = SharedNumbers(1 + len(self.cell.pose()))
        self._names = [*self.cell.arm.joints, GRIPPER_JOINT]
        self._wish = _Wish()
        self._stopped = False
        self._faults, self._silent_until_s = Faults(), 0.0
        self._node = RosNode(
            "sim_robot",
            namespace=setup.namespace,
            reach=setup.reach,
            domain=setup.domain,
            pictures=False,
        )
        self._loop = ControlLoop(setup.period_s)
        self._make()
        self._periods = 0

    def _make(self) -> None:
        from rclpy.event_handler import PublisherEventCallbacks
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import JointState
        from std_msgs.msg import Bool, Float64MultiArray, String
        from std_srvs.srv import SetBool, Trigger
        from trajectory_msgs.msg import JointTrajectory

        node = self._node.node
        self._states = node.create_publisher(JointState, "joint_states", 10)
        self._clock = node.create_publisher(Clock, "/clock", 10)
        # Who wants it latched is not told that it is not: those hear it all the same.
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        self._running = node.create_publisher(
            Bool, "robot_program_running", 10, event_callbacks=quiet
        )
        self._message = JointState(name=self._names)
        for kind, topic, heard in (
            (Float64MultiArray, "forward_position_controller/commands", self._positions),
            (JointTrajectory, "joint_trajectory_controller/joint_trajectory", self._trajectory),
            (Float64MultiArray, "gripper_position_controller/commands", self._gripper),
            (String, f"~/{INJECT}", self._inject),
        ):
            node.create_subscription(kind, topic, heard, 1)
        self._describe()
        node.create_service(Trigger, "~/reset", self._reset)
        node.create_service(Trigger, "~/rearrange", self._rearrange)
        node.create_service(Trigger, "~/truth", self._truth)
        node.create_service(SetBool, "~/protective_stop", self._protective_stop)

    def _describe(self) -> None:
        """Say what arm this is; whoever comes later hears it too."""
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from std_msgs.msg import String

        from sim.description import description_of

        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self._node.node.create_publisher(String, "robot_description", kept)
        self._description.publish(String(data=description_of(self.cell.arm.name)))

    # Controllers

    def _positions(self, message: Any) -> None:
        self._told(np.array(message.data, dtype=np.float64), "position")

    def _trajectory(self, message: Any) -> None:
        if not message.points:
            self._wish.q_rad = None
            return
        names = list(message.joint_names)
        if any(joint not in names for joint in self.cell.arm.joints):
            # A joint trajectory controller takes all of its joints, or nothing.
            return
        order = [names.index(joint) for joint in self.cell.arm.joints]
        self._told(np.array(message.points[-1].positions, dtype=np.float64)[order], "trajectory")

    def _told(self, q_rad: Array, what: str) -> None:
        if q_rad.shape != (len(self.cell.arm.joints),) or not np.isfinite(q_rad).all():
            # As ros2_control: what is not a number is no command.
            return
        counts = self._wish.counts
        counts[what] = counts.get(what, 0) + 1
        self._wish.q_rad, self._wish.heard_s = q_rad, time.monotonic()

    def _gripper(self, message: Any) -> None:
        if len(message.data) == 1 and np.isfinite(message.data[0]):
            self._wish.opening = float(message.data[0])

    def _inject(self, message: Any) -> None:
        try:
            self._faults = read_faults(message.data)
        except (TypeError, ValueError) as error:
            self._node.node.get_logger().error(f"No such fault: {message.data} ({error})")
            return
        self._silent_until_s = time.monotonic() + self._faults.silent_s

    # Services

    def _reset(self, request: Any, response: Any) -> Any:
        self.cell.reset()
        self._wish = _Wish()
        response.success, response.message = True, "at the start"
        return response

    def _rearrange(self, request: Any, response: Any) -> Any:
        self.cell.rearrange()
        response.success, response.message = True, "the things are where they were"
        return response

    def _truth(self, request: Any, response: Any) -> Any:
        from sim.truth import truth_scene

        scene = truth_scene(self.cell.world, time.monotonic())
        found = {
            name: {
                "p_m": entity.T_base_entity.p.tolist(),
                "joint_m": None if entity.articulation is None else entity.articulation.value_m,
            }
            for name, entity in scene.entities.items()
        }
        truth = {"entities": found, "pose": self.cell.pose().tolist()}
        response.success, response.message = True, json.dumps(truth)
        return response

    def _protective_stop(self, request: Any, response: Any) -> Any:
        self._stopped = bool(request.data)
        self._wish.q_rad = None
        response.success, response.message = True, "stopped" if self._stopped else "released"
        return response

    # Time

    def run(self) -> None:
        """Until the process is asked to end."""
        end = ProcessEnd()
        with end.watched():
            self._loop.begin()
            while self._node.alive and not end.asked:
                self.step()

    def step(self) -> None:
        """One period."""
        while (left_s := self._loop.due_s - time.monotonic()) > 0.0:
            self._node.spin_once(left_s)
        missed = self._loop.missed()
        if missed > _MISSED_WORTH_TELLING:
            self._node.node.get_logger().warning(f"{missed} periods came late.")
        now_s = self._loop.wait()
        self._node.spin_all()
        wish = self._wish
        if now_s - wish.heard_s > _WATCHDOG_S or self._stopped:
            wish.q_rad = None
        # What was missed is made up for: an arm does not wait for its computer.
        for _ in range(min(1 + missed, _MOST_PERIODS)):
            self.cell.step(wish.q_rad, wish.opening)
        self._publish(now_s)

    def _publish(self, now_s: float) -> None:
        from builtin_interfaces.msg import Time
        from rosgraph_msgs.msg import Clock
        from std_msgs.msg import Bool

        state = self.cell.state(now_s)
        message = self._message
        fill_stamp(message.header.stamp, now_s)
        message.position = [*state.q_rad.tolist(), state.opening]
        message.velocity = [*state.dq_rad_s.tolist(), 0.0]
        message.effort = [*state.tau_nm.tolist(), 0.0]
        self._go_wrong(message, now_s)
        if now_s >= self._silent_until_s:
            self._states.publish(message)
        self.shared.write(now_s, self.cell.pose())
        self._periods += 1
        if self._periods % _CLOCK_PERIODS == 0:
            at = Time()
            fill_stamp(at, self.cell.time_s)
            self._clock.publish(Clock(clock=at))
            self._running.publish(Bool(data=not self._stopped))

    def _go_wrong(self, message: Any, now_s: float) -> None:
        """Do to a state what was injected."""
        faults = self._faults
        message.name = self._names[::-1] if faults.reversed else self._names
        if faults.clock_s:
            fill_stamp(message.header.stamp, now_s + faults.clock_s)
        if faults.degrees:
            message.position = [*np.degrees(message.position[:-1]).tolist(), message.position[-1]]
        if faults.not_finite > 0:
            faults.not_finite -= 1
            message.position[0] = float("nan")
        if faults.jumped > 0:
            faults.jumped -= 1
            message.position[0] += faults.jump_rad

    def close(self) -> None:
        self._node.close()


GRIPPER_JOINT = "gripper"
"""Of the joint states: its position is the opening, from 0 to 1."""
_MOST_PERIODS = 20
_PRIORITY = 40
_MISSED_WORTH_TELLING = 4


def run_sim_robot(setup: SimRobotSetup, make: type[SimRobotNode] = SimRobotNode) -> None:
    """Simulate until the process is asked to end.

    Args:
        setup: What is simulated.
        make: Kind of its node.
    """
    context = multiprocessing.get_context("spawn")
    node = make(setup)
    eyes = [
        context.Process(target=eyes_main, args=(setup, node.shared)),
        context.Process(target=watch_main, args=(simulated_watch(setup),)),
    ]
    eyes = eyes if setup.cameras else []
    for process in eyes:
        process.start()
    # An arm's own computer has nothing else to do.
    claim_real_time(_PRIORITY)
    try:
        node.run()
    finally:
        node.close()
        leave_real_time()
        for process in eyes:
            process.terminate()
        for process in eyes:
            process.join(timeout=10.0)
            if process.is_alive():
                process.kill()
