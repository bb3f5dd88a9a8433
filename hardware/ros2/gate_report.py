"""What a gate says of itself: its status, what was really sent, and diagnostics."""

from dataclasses import dataclass
from typing import Any

from hardware.gate.limiter import JointSetpoint
from hardware.gate.motion import MotionGate
from hardware.gate.states import LATCHED, GateState
from hardware.ros2.gate_setup import GateSetup
from hardware.ros2.loop import ControlLoop
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import clock_name

_DIAGNOSTICS_S = 1.0


@dataclass(slots=True)
class Health:
    """What is not seen in the gate's state.

    Attributes:
        not_real_time: Why its loop is not real time; empty when it is.
        problem: What is wrong with the newest message of the arm.
        judge_gone: Nobody judges chunks any more.
        joint_states: Messages that came.
        listeners: Controllers that hear the commands.
    """

    not_real_time: str = ""
    problem: str = ""
    judge_gone: bool = False
    joint_states: int = 0
    listeners: int = 0


class GateReport:
    """Publishes it.

    Args:
        node: That has the topics.
        setup: Of the gate.
        gate: In motion.
    """

    def __init__(self, node: RosNode, setup: GateSetup, gate: MotionGate) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from robot_skills_interfaces.msg import GateStatus
        from sensor_msgs.msg import JointState

        self._node, self._setup, self._gate = node.node, setup, gate
        self._status = self._node.create_publisher(GateStatus, "~/status", 10)
        self._sent = self._node.create_publisher(JointState, "~/sent", 10)
        self._diagnostics = self._node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._sent_message = JointState(name=list(setup.topics.joints))
        self._diagnosed_s = 0.0

    def sent(self, setpoint: JointSetpoint) -> None:
        """What the joints were really told."""
        message = self._sent_message
        message.position = setpoint.q_rad.tolist()
        message.velocity = setpoint.dq_rad_s.tolist()
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._sent.publish(message)

    def tell(self, now_s: float, loop: ControlLoop, health: Health) -> None:
        """How it is; once a second for diagnostics, too."""
        from robot_skills_interfaces.msg import GateStatus

        gate, counters, lateness = self._gate, self._gate.counters, loop.lateness()
        trouble = gate.trouble
        age_s = -1.0 if gate.arm is None else now_s - gate.arm.stamp_s
        self._status.publish(
            GateStatus(
                clock=clock_name(),
                stamp_s=now_s,
                arm=self._setup.arm,
                state=gate.state.value,
                cause="" if trouble is None else trouble.cause.value,
                why="" if trouble is None else trouble.words,
                waits_for=[*(one.words for one in gate.ongoing), *self._silence(age_s)],
                state_age_s=age_s,
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
            self._diagnose(loop, health)

    def _silence(self, age_s: float) -> list[str]:
        """An arm that falls silent while nothing moves stops nothing, and is missed."""
        if age_s <= self._setup.motion.state_hold_s:
            return []
        return [f"no state of the arm for {1e3 * age_s:.0f} ms"]

    def _diagnose(self, loop: ControlLoop, health: Health) -> None:
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

        state, trouble, lateness = self._gate.state, self._gate.trouble, loop.lateness()
        level = DiagnosticStatus.OK
        if state is GateState.HOLD or health.not_real_time or health.problem:
            level = DiagnosticStatus.WARN
        if state in LATCHED or health.judge_gone:
            level = DiagnosticStatus.ERROR
        values = {
            "lateness_p99_ms": f"{lateness.p99_ms:.3f}",
            "lateness_max_ms": f"{lateness.max_ms:.3f}",
            "missed_periods": str(lateness.missed),
            "real_time": health.not_real_time or "yes",
            "joint_states": str(health.joint_states),
            "problem": health.problem,
            "listeners": str(health.listeners),
        }
        status: Any = DiagnosticStatus(
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: motion",
            message=state.value if trouble is None else f"{state.value}: {trouble.words}",
            hardware_id=self._setup.arm,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(array)
