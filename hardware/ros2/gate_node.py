"""The safety gate as a process: the only one that commands the arm.

It hears the arm, takes judged chunks from its judge, follows them, and stops for every reason that
`hardware.gate.states` names. It waits for nobody. Its judge is a process of its own
(`hardware.ros2.judge_node`).

Names, below the node's own: services ``acquire``, ``release``, ``stop``, ``estop``,
``acknowledge``, ``enable``, and of the judge ``submit``; topics ``status``, ``sent`` (what the
joints were really told), of the judge ``judged`` (chunks as asked for and as followed), and
``/diagnostics``.
"""

import multiprocessing
import secrets
import socket
from collections.abc import Callable
from typing import Any

from hardware.gate.motion import MotionGate
from hardware.gate.path import Judgement
from hardware.gate.states import LATCHED, Cause, GateState, Trouble
from hardware.ros2.arm_link import ArmLink, Commander
from hardware.ros2.gate_report import GateReport, Health
from hardware.ros2.gate_setup import GATE_NODE, JUDGE_NODE, GateSetup, WatchedTopic
from hardware.ros2.judge import ExpectedArm, Judged, judge_sockets, receive
from hardware.ros2.judge_node import judge_main
from hardware.ros2.loop import ControlLoop, claim_real_time, leave_real_time
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.second_look import Missed, SecondLook
from hardware.ros2.sensors import Sensors
from hardware.ros2.start_check import WAITING, StartCheck
from hardware.ros2.times import MachineClock
from robot_skills.core.errors import RobotFault
from robot_skills.core.types import ArmState

_STATUS_PERIODS = 5
_EPOCHS = 2**31
_BEFORE_S = 0.0005
"""Listening ends so long before a period begins."""
_LONGEST_BRAKING_S = 1.0
_LAST_WORDS_S = 0.3
"""A gate that ends says why for so long."""


class GateNode:
    """The gate of one arm.

    Args:
        setup: What it needs to know.
        expected: Where the arm is, for the judge.
        judge: Socket to the judge.
    """

    def __init__(self, setup: GateSetup, expected: ExpectedArm, judge: socket.socket) -> None:
        self._setup, self._expected, self._judge = setup, expected, judge
        self._health = Health()
        self._useless_s = 0.0
        self._deaf = ""
        self._node = RosNode(
            GATE_NODE,
            namespace=setup.namespace,
            reach=setup.reach,
            domain=setup.domain,
            pictures=False,
        )
        self._clock = MachineClock()
        kinematics = setup.make_kinematics()
        self._gate = MotionGate(
            setup.limits,
            kinematics,
            setup.motion,
            self._changed,
            setup.judging.disabled,
            # Chunks of whoever had the command of a gate that was killed are not for this one.
            first_epoch=secrets.randbelow(_EPOCHS),
        )
        period_s = setup.motion.period_s
        self._link = ArmLink(self._node, setup.topics, kinematics, self._clock, self._heard)
        self._commander = Commander(self._node, setup.topics, kinematics, period_s)
        self._loop = ControlLoop(period_s)
        self._start = self._start_check()
        self._said = GateReport(self._node, setup, self._gate)
        self._sensors = Sensors(self._node, setup.sensors, self._clock)
        self._second_look = SecondLook(
            GATE_NODE, namespace=setup.namespace, reach=setup.reach, domain=setup.domain
        )
        self._make_services()
        self._watch_protective_stop()

    def close(self) -> None:
        self._second_look.close()
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

    def _watch_protective_stop(self) -> None:
        from rclpy.event_handler import SubscriptionEventCallbacks
        from std_msgs.msg import Bool

        protective = self._setup.protective
        if protective is not None:
            # Drivers that say it once keep it for who comes later; the others are heard as well.
            # One of the two never fits, which is no news.
            quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
            for qos in (_latched(), 10):
                self._node.node.create_subscription(
                    Bool, protective.name, self._arm_says(protective), qos, event_callbacks=quiet
                )

    def _start_check(self) -> StartCheck | None:
        check, topics = self._setup.start_check, self._setup.topics
        if check is None:
            return None
        self._gate.hold(Cause.UNFIT, WAITING, self._clock.now_s())
        return StartCheck(self._node, topics.joint_states, topics.joints, check)

    # What comes in

    def _heard(self, state: ArmState | None, problem: str) -> None:
        if state is not None:
            self._health.problem = ""
            self._gate.sense(state)
        else:
            self._health.problem = problem
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
            # Everybody hears of it, however soon it is given back.
            self._tell(self._clock.now_s())
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

        Raises:
            RobotFault: Its judge is gone, or it does not see those whom others see. The arm rests
                by then.
        """
        missing = claim_real_time() if real_time else "not asked for"
        self._health.not_real_time = missing
        logger = self._node.node.get_logger()
        if missing:
            logger.warning(missing)
        for check in self._setup.unchecked:
            logger.warning(f"The check {check!r} is turned off.")
        end = ProcessEnd()
        with end.watched():
            self._loop.begin()
            while self._node.alive and not end.asked and not self._is_useless():
                self.step()
            self._come_to_rest()
        if self._health.judge_gone:
            raise RobotFault("The judge is gone, and a gate without one follows nothing.")
        if self._deaf:
            raise RobotFault(f"Others see {self._deaf}, this gate does not: it has to begin anew.")

    def _is_useless(self) -> bool:
        """Without a judge it ends what it has, and then leaves its place to one that has one.

        So it does where its discovery has failed.
        """
        if not (self._health.judge_gone or self._deaf) or self._gate.moves:
            self._useless_s = self._clock.now_s()
            return False
        return self._clock.now_s() - self._useless_s > _LAST_WORDS_S

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
            self._said.sent(told.setpoint)
        if self._gate.arm is not None:
            self._expected.write(self._gate.expected())
        if self._gate.counters.ticks % _STATUS_PERIODS == 0:
            self._watch_controller(now_s)
            self._look_again(now_s)
            self._tell(now_s)
        loop.tidy(now_s)

    def _take_judgements(self) -> None:
        while not self._health.judge_gone:
            try:
                request = receive(self._judge)
            except EOFError:
                # Who is asked for nothing more ends what it has, and holds.
                self._health.judge_gone = True
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

    def _look_again(self, now_s: float) -> None:
        topics = self._setup.topics
        missed = []
        if not self._commander.listeners:
            missed.append(Missed(topic=topics.command, speaks=False))
        if not self._link.speakers:
            missed.append(Missed(topic=topics.joint_states, speaks=True))
        deaf = self._second_look.watch(missed, now_s)
        if deaf and not self._deaf:
            self._node.node.get_logger().error(f"Others see {deaf}, this gate does not.")
        self._deaf = deaf

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
        if now in LATCHED:
            logger.error(text)
        else:
            logger.info(text)
        self._tell(self._clock.now_s())

    def _tell(self, now_s: float) -> None:
        self._health.joint_states = self._link.states
        self._health.listeners = self._commander.listeners
        self._said.tell(now_s, self._loop, self._health)


def _latched() -> Any:
    from rclpy.qos import DurabilityPolicy, QoSProfile

    return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def _at_once() -> None:
    return


def gate_main(setup: GateSetup, expected: ExpectedArm, judge: socket.socket) -> None:
    """The gate's process."""
    node = GateNode(setup, expected, judge)
    try:
        node.run()
    finally:
        node.close()
        leave_real_time()


def run_gate(setup: GateSetup, await_turn: Callable[[], None] = _at_once) -> None:
    """Be the gate, with a judge as a child, until it is asked to end.

    Args:
        setup: What it needs to know.
        await_turn: Returns when the two may begin; until then all is loaded, and nobody hears of
            them.
    """
    context = multiprocessing.get_context("spawn")
    # No event, whose semaphore would outlive a gate that is killed.
    begin, say = context.Pipe(duplex=False)
    expected = ExpectedArm(len(setup.limits.joint.lower_rad))
    mine, judges = judge_sockets()
    child = context.Process(
        target=judge_main, args=(setup, expected, judges, begin), name=JUDGE_NODE
    )
    child.start()
    judges.close()
    begin.close()
    try:
        await_turn()
        say.send_bytes(b"begin")
        gate_main(setup, expected, mine)
    finally:
        mine.close()
        child.terminate()
        child.join(timeout=5.0)
        if child.is_alive():
            child.kill()
