"""The safety gate as a process: the only one that commands the arm.

It hears the arm, takes judged chunks from its judge, follows them, and stops for every reason that
`hardware.gate.states` names. It waits for nobody. Its judge is a process of its own (`judge_main`).

Names, below the node's own: services ``acquire``, ``release``, ``stop``, ``estop``,
``acknowledge``, ``enable``, and of the judge ``submit``; topics ``status``, ``sent`` (what the
joints were really told), of the judge ``judged`` (chunks as asked for and as followed), and
``/diagnostics``.
"""

import multiprocessing
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardware.gate.motion import MotionConfig, MotionGate
from hardware.gate.path import Judgement
from hardware.gate.states import Cause, GateState, Trouble
from hardware.ros2.arm_link import ArmLink, ArmTopics, Commander
from hardware.ros2.judge import (
    ExpectedArm,
    Judge,
    Judged,
    JudgeSetup,
    judge_sockets,
    receive,
)
from hardware.ros2.judged import JUDGED, reported
from hardware.ros2.loop import ControlLoop, claim_real_time, leave_real_time
from hardware.ros2.messages import chunk_of, fill_chunk
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.sensors import Sensors
from hardware.ros2.start_check import WAITING, Check, StartCheck
from hardware.ros2.times import MachineClock, clock_name
from hardware.ros2.transport import Reach, checked_namespace
from hardware.safety_gate import GateCode, GateConfig, unchecked
from robot_skills.core.collision import CollisionModel
from robot_skills.core.errors import RobotFault
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.types import DEFAULT_ARM, ArmState

GATE_NODE, JUDGE_NODE = "gate", "gate_judge"
_STATUS_PERIODS = 5
_DIAGNOSTICS_S = 1.0
_BEFORE_S = 0.0005
"""Listening ends so long before a period begins."""
_LONGEST_BRAKING_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedTopic:
    """A `std_msgs/Bool` that says whether all is well with the arm's own controller.

    Attributes:
        name: Of the topic.
        good: Its value when all is well.
    """

    name: str
    good: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSetup:
    """What a gate process needs to know.

    Attributes:
        limits: Of the arm.
        make_kinematics: Makes its kinematics.
        topics: Where the arm is found.
        motion: When it is stopped.
        judging: How much chunks are forgiven.
        arm: Its name in chunks.
        namespace: Of the nodes.
        reach: Who can hear them.
        domain: Of ROS; None is what the environment says.
        sensors: Sensors without which nothing may move; each says how it is on
            ``<name>/health``, a `diagnostic_msgs/DiagnosticStatus`.
        protective: What says that the arm's own controller has stopped it.
        make_collisions: Makes what knows how near the arm comes to itself and to what stands
            around it; None where nobody does, and then that is not checked.
        start_check: Says what is wrong with what the arm sends, before anything may move; None
            where nobody knows what it should send.
    """

    limits: ArmLimits
    make_kinematics: Callable[[], Kinematics]
    topics: ArmTopics
    motion: MotionConfig = field(default_factory=MotionConfig)
    judging: GateConfig = field(default_factory=GateConfig)
    arm: str = DEFAULT_ARM
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None
    sensors: Sequence[str] = ()
    protective: WatchedTopic | None = None
    make_collisions: Callable[[], CollisionModel] | None = None
    start_check: Check | None = None

    @property
    def unchecked(self) -> list[str]:
        """Names of the checks that are not made."""
        shape_known = self.make_collisions is not None
        return [code.value for code in unchecked(self.judging, shape_known)]

    def judge(self) -> JudgeSetup:
        """What its judge needs to know."""
        return JudgeSetup(
            limits=self.limits,
            make_kinematics=self.make_kinematics,
            config=self.judging,
            arm=self.arm,
            make_collisions=self.make_collisions,
        )


class GateNode:
    """The gate of one arm.

    Args:
        setup: What it needs to know.
        expected: Where the arm is, for the judge.
        judge: Socket to the judge.
    """

    def __init__(self, setup: GateSetup, expected: ExpectedArm, judge: socket.socket) -> None:
        self._setup, self._expected, self._judge = setup, expected, judge
        self._judge_gone = False
        self._node = RosNode(
            GATE_NODE,
            namespace=setup.namespace,
            reach=setup.reach,
            domain=setup.domain,
            pictures=False,
        )
        self._clock = MachineClock()
        self._gate = MotionGate(setup.limits, setup.motion, on_change=self._changed)
        kinematics = setup.make_kinematics()
        period_s = setup.motion.period_s
        self._link = ArmLink(self._node, setup.topics, kinematics, self._clock, self._heard)
        self._commander = Commander(self._node, setup.topics, kinematics, period_s)
        self._loop = ControlLoop(period_s)
        self._start = self._start_check()
        self._problem = ""
        self._not_real_time = ""
        self._diagnosed_s = 0.0
        self._make_services()
        self._make_topics()

    def close(self) -> None:
        self._node.close()

    # Wiring

    def _make_services(self) -> None:
        from robot_skills_interfaces.srv import AcquireCommand, ReleaseCommand, StopArm
        from std_srvs.srv import Trigger

        node = self._node.node
        node.create_service(AcquireCommand, "~/acquire", self._acquire)
        node.create_service(ReleaseCommand, "~/release", self._release)
        node.create_service(StopArm, "~/stop", self._stop)
        node.create_service(Trigger, "~/estop", self._estop)
        node.create_service(Trigger, "~/acknowledge", self._latch(self._gate.acknowledge))
        node.create_service(Trigger, "~/enable", self._latch(self._gate.enable))

    def _make_topics(self) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from robot_skills_interfaces.msg import GateStatus
        from sensor_msgs.msg import JointState
        from std_msgs.msg import Bool

        node = self._node.node
        self._status = node.create_publisher(GateStatus, "~/status", 10)
        self._sent = node.create_publisher(JointState, "~/sent", 10)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._sent_message = JointState(name=list(self._setup.topics.joints))
        self._sensors = Sensors(self._node, self._setup.sensors, self._clock)
        protective = self._setup.protective
        if protective is not None:
            # Drivers that say it once keep it for who comes later; the others are heard as well.
            for qos in (_latched(), 10):
                node.create_subscription(Bool, protective.name, self._arm_says(protective), qos)

    def _start_check(self) -> StartCheck | None:
        check, topics = self._setup.start_check, self._setup.topics
        if check is None:
            return None
        self._gate.hold(Cause.UNFIT, WAITING, self._clock.now_s())
        return StartCheck(self._node, topics.joint_states, topics.joints, check)

    # What comes in

    def _heard(self, state: ArmState | None, problem: str) -> None:
        if state is not None:
            self._problem = ""
            self._gate.sense(state)
        else:
            self._problem = problem
            now_s = self._clock.now_s()
            self._gate.distrust(problem, now_s)

    def _arm_says(self, protective: WatchedTopic) -> Callable[[Any], None]:
        def heard(message: Any) -> None:
            now_s = self._clock.now_s()
            if message.data == protective.good:
                self._gate.over(Cause.ROBOT, now_s)
            else:
                why = f"the arm's controller has stopped it ({protective.name})"
                self._gate.hold(Cause.ROBOT, why, now_s)
                self._gate.fault(Cause.ROBOT, why, now_s)

        return heard

    def _acquire(self, request: Any, response: Any) -> Any:
        moving = self._gate.state is GateState.RUNNING
        if moving and self._gate.owner and not request.force:
            response.granted = False
            response.reason = f"{self._gate.owner} has the command, and moves"
        elif not request.owner:
            response.granted, response.reason = False, "say who you are"
        else:
            response.granted = True
            response.epoch = self._gate.grant(request.owner)
        return response

    def _release(self, request: Any, response: Any) -> Any:
        self._gate.release(request.epoch, self._clock.now_s())
        return response

    def _stop(self, request: Any, response: Any) -> Any:
        self._gate.stop(request.why or "somebody asked", self._clock.now_s())
        return response

    def _estop(self, request: Any, response: Any) -> Any:
        self._gate.estop("somebody pressed it", self._clock.now_s())
        response.success, response.message = True, "stopped"
        return response

    def _latch(self, call: Callable[[float], None]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, response: Any) -> Any:
            try:
                call(self._clock.now_s())
                response.success, response.message = True, self._gate.state.value
            except RobotFault as problem:
                response.success, response.message = False, str(problem)
            return response

        return answer

    # Time

    @property
    def motion(self) -> MotionGate:
        """The gate in motion."""
        return self._gate

    @property
    def loop(self) -> ControlLoop:
        """What keeps its period."""
        return self._loop

    def run(self, *, real_time: bool = True) -> None:
        """Until the process is asked to end.

        Args:
            real_time: Ask for priority and memory; without, it says that it is not real time.
        """
        self._not_real_time = claim_real_time() if real_time else "not asked for"
        logger = self._node.node.get_logger()
        if self._not_real_time:
            logger.warning(self._not_real_time)
        for check in self._setup.unchecked:
            logger.warning(f"The check {check!r} is turned off.")
        end = ProcessEnd()
        with end.watched():
            self._loop.begin()
            while self._node.alive and not end.asked:
                self.step()
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        """Nobody takes over from a gate that ends, so it does not leave a moving arm."""
        self._gate.stop("the gate ends", self._clock.now_s())
        until_s = self._clock.now_s() + _LONGEST_BRAKING_S
        while self._gate.moves and self._clock.now_s() < until_s:
            self.step()

    def step(self) -> None:
        """One control period: listen until it begins, then look after everything."""
        loop = self._loop
        while (left_s := loop.due_s - self._clock.now_s() - _BEFORE_S) > 0.0:
            self._node.spin_once(left_s)
            self._take_judgements()
        now_s = loop.wait()
        # Whatever came while nobody listened comes first: a stop is not to wait for a period.
        self._node.spin_all()
        self._take_judgements()
        self._watch_sensors(now_s)
        self._watch_start(now_s)
        told = self._gate.tick(now_s)
        if told is not None:
            self._commander.send(told.setpoint, told.opening)
            self._sent_message.position = told.setpoint.q_rad.tolist()
            self._sent_message.velocity = told.setpoint.dq_rad_s.tolist()
            self._sent_message.header.stamp = self._node.node.get_clock().now().to_msg()
            self._sent.publish(self._sent_message)
        if self._gate.arm is not None:
            self._expected.write(self._gate.expected())
        if self._gate.counters.ticks % _STATUS_PERIODS == 0:
            self._watch_controller(now_s)
            self._report(now_s)
        loop.tidy(now_s)

    def _take_judgements(self) -> None:
        while not self._judge_gone:
            try:
                request = receive(self._judge)
            except EOFError:
                # Who is asked for nothing more ends what it has, and holds.
                self._judge_gone = True
                self._node.node.get_logger().error("The judge is gone: no chunk will be followed.")
                return
            except ValueError as error:
                self._node.node.get_logger().error(f"A judgement was not understood: {error}")
                continue
            if request is None:
                return
            answer = self._gate.submit(
                request.judgement, request.epoch, self._clock.now_s(), request.observed_s
            )
            back = Judgement(code=answer.code, message=answer.message)
            try:
                self._judge.send(Judged(number=request.number, judgement=back).pack())
            except OSError:
                continue

    def _watch_sensors(self, now_s: float) -> None:
        gate, lost, misfit = self._gate, self._sensors.lost(now_s), self._sensors.misfit()
        if lost is None:
            gate.over(Cause.SENSOR_LOST, now_s)
        else:
            gate.hold(Cause.SENSOR_LOST, lost.why, now_s, lost.names)
        if misfit is None:
            gate.over(Cause.SENSOR_MISFIT, now_s)
        else:
            # Where things are was calibrated with another lens: that does not end by itself.
            gate.hold(Cause.SENSOR_MISFIT, misfit.why, now_s, misfit.names)
            gate.fault(Cause.SENSOR_MISFIT, misfit.why, now_s, misfit.names)

    def _watch_start(self, now_s: float) -> None:
        if self._start is None:
            return
        problems = self._start.problems(now_s)
        if problems:
            self._gate.hold(Cause.UNFIT, "; ".join(problems), now_s)
        else:
            self._start = None
            self._gate.over(Cause.UNFIT, now_s)

    def _watch_controller(self, now_s: float) -> None:
        if self._commander.listeners:
            self._gate.over(Cause.CONTROLLER, now_s)
        else:
            topic = self._setup.topics.command
            self._gate.hold(Cause.CONTROLLER, f"no controller listens on {topic}", now_s)

    # What goes out

    def _changed(self, before: GateState, now: GateState, trouble: Trouble | None) -> None:
        why = "" if trouble is None else f": {trouble}"
        logger = self._node.node.get_logger()
        counters = self._gate.counters
        text = (
            f"{before.value} -> {now.value}{why} ({self._link.states} states came, "
            f"{counters.bad_states} were refused; {counters.overruns} of {counters.ticks} periods "
            "came late)"
        )
        if now in (GateState.FAULT, GateState.ESTOP):
            logger.error(text)
        else:
            logger.info(text)
        self._report(self._clock.now_s())

    def _report(self, now_s: float) -> None:
        from robot_skills_interfaces.msg import GateStatus

        gate, counters, lateness = self._gate, self._gate.counters, self._loop.lateness()
        trouble = gate.trouble
        self._status.publish(
            GateStatus(
                clock=clock_name(),
                stamp_s=now_s,
                arm=self._setup.arm,
                state=gate.state.value,
                cause="" if trouble is None else trouble.cause.value,
                why="" if trouble is None else trouble.words,
                waits_for=[one.words for one in gate.ongoing],
                state_age_s=-1.0 if gate.arm is None else now_s - gate.arm.stamp_s,
                owner=gate.owner,
                epoch=gate.epoch,
                disabled=self._setup.unchecked,
                ticks=counters.ticks,
                overruns=counters.overruns,
                chunks=counters.chunks,
                refused=counters.refused,
                stale_lease=counters.stale_lease,
                bad_states=counters.bad_states,
                lateness_p99_ms=lateness.p99_ms,
                lateness_max_ms=lateness.max_ms,
            )
        )
        if now_s - self._diagnosed_s >= _DIAGNOSTICS_S:
            self._diagnosed_s = now_s
            self._diagnose(trouble)

    def _diagnose(self, trouble: Trouble | None) -> None:
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

        state, lateness = self._gate.state, self._loop.lateness()
        level = DiagnosticStatus.OK
        if state is GateState.HOLD or self._not_real_time or self._problem:
            level = DiagnosticStatus.WARN
        if state in (GateState.FAULT, GateState.ESTOP) or self._judge_gone:
            level = DiagnosticStatus.ERROR
        values = {
            "lateness_p99_ms": f"{lateness.p99_ms:.3f}",
            "lateness_max_ms": f"{lateness.max_ms:.3f}",
            "missed_periods": str(lateness.missed),
            "real_time": self._not_real_time or "yes",
            "joint_states": str(self._link.states),
            "problem": self._problem,
            "listeners": str(self._commander.listeners),
        }
        status = DiagnosticStatus(
            level=level,
            name=f"{self._node.node.get_fully_qualified_name()}: motion",
            message=state.value if trouble is None else f"{state.value}: {trouble.words}",
            hardware_id=self._setup.arm,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.node.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _latched() -> Any:
    from rclpy.qos import DurabilityPolicy, QoSProfile

    return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def gate_main(setup: GateSetup, expected: ExpectedArm, judge: socket.socket) -> None:
    """The gate's process."""
    node = GateNode(setup, expected, judge)
    try:
        node.run()
    finally:
        node.close()
        leave_real_time()


def _check_clock(message: Any) -> None:
    """Raises `ValueError` for times of another clock: how old they are, nobody here can tell."""
    if message.clock != clock_name():
        raise ValueError(
            f"Its times are of the clock {message.clock!r}, and are wanted on the gate's, which is "
            f"{clock_name()!r}: the clock and the time are in the gate's status."
        )


def judge_main(setup: GateSetup, expected: ExpectedArm, gate: socket.socket) -> None:
    """The judge's process: serves ``gate/submit`` until it, or the gate, is to end."""
    from robot_skills_interfaces.srv import SubmitChunk

    judge = Judge(setup.judge(), expected, gate)

    def submit(request: Any, response: Any) -> Any:
        from geometry_msgs.msg import Pose

        response.accepted, response.code = False, GateCode.STATE.value
        message = request.chunk
        try:
            _check_clock(message)
            chunk = chunk_of(message)
            if setup.arm not in chunk.arms:
                raise ValueError(f"This is the gate of {setup.arm!r}, not of {message.arm!r}.")
            answer, followed = judge.submit(chunk, message.epoch, message.observed_s)
        except (ValueError, RobotFault) as problem:
            response.message = str(problem)
            return response
        response.code, response.message = answer.code.value, answer.message
        if followed is not None:
            response.accepted = True
            response.followed.clock = clock_name()
            response.followed.epoch = message.epoch
            fill_chunk(response.followed, followed, setup.arm, Pose)
        return response

    # Whoever computes must not take the time of who moves the arm.
    os.nice(5)
    node = RosNode(
        JUDGE_NODE,
        namespace=setup.namespace,
        reach=setup.reach,
        domain=setup.domain,
        pictures=False,
    )
    try:
        place = f"{checked_namespace(setup.namespace)}/{GATE_NODE}"
        node.node.create_service(
            SubmitChunk, f"{place}/submit", reported(node, f"{place}/{JUDGED}", submit)
        )
        end = ProcessEnd()
        with end.watched(with_parent=True):
            while node.alive and not end.asked:
                node.spin_once(0.1)
    finally:
        node.close()


def run_gate(setup: GateSetup) -> None:
    """Be the gate, with a judge as a child, until it is asked to end."""
    context = multiprocessing.get_context("spawn")
    expected = ExpectedArm(len(setup.limits.joint.lower_rad))
    mine, judges = judge_sockets()
    child = context.Process(target=judge_main, args=(setup, expected, judges), name=JUDGE_NODE)
    child.start()
    judges.close()
    try:
        gate_main(setup, expected, mine)
    finally:
        mine.close()
        child.terminate()
        child.join(timeout=5.0)
        if child.is_alive():
            child.kill()
