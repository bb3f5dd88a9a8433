"""What is looked at before anything may move: plain functions of what was heard.

Every finding names the joints or topics it is about, and says what mends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.cell.findings import CheckFinding, bad, good, unknown
from hardware.cell.schema import Cell
from hardware.cell.urdf import DescribedJoint, base_to_tip
from hardware.ros2.arm_link import Controller
from robot_skills.core.errors import unknown_name
from robot_skills.core.limits import JointLimits
from robot_skills.core.se3 import Array

_DEGREES = 180.0 / np.pi
_A_TURN = 2.0 * np.pi + 0.1
_SAME_RAD = 0.01
_SAME_RATE = 0.01
_STATES_PER_HOLD = 1.5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeardArm:
    """What came on the topic of joint states.

    Attributes:
        names: Of all joints that were ever named, as they came.
        q_rad: Newest positions by name.
        rate_hz: Messages per second that name joints of the arm.
    """

    names: tuple[str, ...]
    q_rad: Mapping[str, float]
    rate_hz: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Somebody who publishes or subscribes.

    Attributes:
        node: Full name of the node.
        kind: Type of message.
    """

    node: str
    kind: str


# The arm


def check_names(cell: Cell, heard: HeardArm) -> CheckFinding:
    """All joints of the arm are told."""
    topic, joints = cell.robot.topics.joint_states, cell.robot.topics.joints
    missing = [name for name in joints if name not in heard.names]
    silent = [name for name in joints if name not in missing and name not in heard.q_rad]
    if silent:
        return bad(
            "joint names",
            f"{topic} names {', '.join(silent)} without telling their positions",
            "mend the driver, or hear another topic: " + cell.place_of("robot.joint_states"),
        )
    if not missing:
        return good("joint names", f"{topic} tells {', '.join(joints)}")
    free = [name for name in heard.names if name not in joints]
    first = unknown_name("joint", missing[0], free or heard.names)
    return bad(
        "joint names",
        f"{topic} does not tell {', '.join(missing)}. {first}",
        f"name the joints as the driver does: {cell.place_of('robot.joints')}",
    )


def check_order(
    cell: Cell,
    described: Mapping[str, DescribedJoint] | None,
    controlled: Sequence[str] | None,
) -> CheckFinding:
    """The joints stand in the cell as they do in the arm, and in its controller.

    Args:
        cell: The cell.
        described: The joints of the robot description; None where there is none.
        controlled: The controller's joints; None where it does not say.
    """
    what, joints = "joint order", cell.robot.topics.joints
    mend = f"put them in this order: {cell.place_of('robot.joints')}"
    if described is not None:
        real = base_to_tip(described, joints)
        if real != tuple(name for name in joints if name in described):
            return bad(
                what,
                f"from base to tip the arm has {', '.join(real)}; the cell says "
                f"{', '.join(joints)}",
                mend,
            )
    if controlled is not None:
        if set(controlled) != set(joints):
            return bad(
                what,
                f"the controller of {cell.robot.topics.command} moves {', '.join(controlled)}; "
                f"the cell says {', '.join(joints)}",
                f"choose the controller of this arm: {cell.place_of('robot.controller')}",
            )
        # Trajectories name their joints; bare positions do not.
        if cell.robot.topics.controller is Controller.POSITION and tuple(controlled) != joints:
            return bad(
                what,
                f"the controller of {cell.robot.topics.command} takes {', '.join(controlled)}, in "
                f"this order; the cell sends {', '.join(joints)}",
                "give the controller's parameter `joints` the order from base to tip",
            )
    if described is None and controlled is None:
        return unknown(
            what,
            f"there is no robot description, and the controller of {cell.robot.topics.command} "
            "does not say its joints",
            f"compare by hand that its joints are, in this order, {', '.join(joints)}",
        )
    return good(what, f"{', '.join(joints)}, base to tip")


def check_units(cell: Cell, heard: HeardArm) -> CheckFinding:
    """Positions are radians."""
    what, joints = "units", cell.robot.topics.joints
    q = _in_order(joints, heard)
    limits = cell.limits.joint
    largest = joints[int(np.abs(q).argmax())]
    value = heard.q_rad[largest]
    if not np.isfinite(q).all():
        lost = [name for name in joints if not np.isfinite(heard.q_rad[name])]
        return bad(what, f"{', '.join(lost)} are not finite", "start the arm's driver again")
    if np.abs(q).max() > _A_TURN and not _outside(q / _DEGREES, limits).any():
        return bad(
            what,
            f"{cell.robot.topics.joint_states} looks like degrees: {largest} is at {value:.1f}, "
            f"which as degrees is {value / _DEGREES:.2f} rad and inside its limits",
            "have the driver tell radians (REP 103)",
        )
    return good(what, f"radians; {largest} is at {value:.2f}")


def check_start(cell: Cell, heard: HeardArm) -> CheckFinding:
    """The arm stands inside its limits."""
    joints, limits = cell.robot.topics.joints, cell.limits.joint
    q = _in_order(joints, heard)
    off = [
        f"{joints[i]} is at {q[i]:.3f} rad, its limits are [{limits.lower_rad[i]:.3f}, "
        f"{limits.upper_rad[i]:.3f}]"
        for i in np.flatnonzero(_outside(q, limits))
    ]
    if off:
        return bad(
            "start pose",
            "; ".join(off),
            "bring the arm inside by hand, with its own pendant or free drive",
        )
    return good("start pose", "every joint is inside its limits")


def check_limits(cell: Cell, described: Mapping[str, DescribedJoint] | None) -> CheckFinding:
    """The cell allows no more than the robot description."""
    what, joints, limits = "limits", cell.robot.topics.joints, cell.limits.joint
    if described is None:
        return unknown(
            what,
            "nobody publishes /robot_description: the limits are those of the cell file alone",
            "start robot_state_publisher, or compare by hand",
        )
    missing = [name for name in joints if name not in described]
    if missing:
        return bad(
            what,
            f"the robot description has no {', '.join(missing)}. "
            f"{unknown_name('joint', missing[0], described)}",
            f"name the joints as the driver does: {cell.place_of('robot.joints')}",
        )
    looser = []
    for i, name in enumerate(joints):
        one = described[name]
        for ours, theirs, sign, word, unit in (
            (limits.lower_rad[i], one.lower_rad, -1.0, "lowest", "rad"),
            (limits.upper_rad[i], one.upper_rad, 1.0, "highest", "rad"),
            (limits.velocity_rad_s[i], one.velocity_rad_s, 1.0, "speed", "rad/s"),
        ):
            if theirs is None:
                continue
            room = _SAME_RATE * abs(theirs) if word == "speed" else _SAME_RAD
            if sign * (ours - theirs) > room:
                looser.append(f"{name}: {word} {ours:.3f} {unit}, the driver has {theirs:.3f}")
    if looser:
        return bad(
            what,
            f"the cell allows more than the robot description: {'; '.join(looser)}",
            f"tighten them: {cell.place_of('limits')}",
        )
    return good(what, "not looser than the robot description")


def check_rate(cell: Cell, heard: HeardArm) -> CheckFinding:
    """States come often enough for the gate."""
    topic, hold_s = cell.robot.topics.joint_states, cell.motion.state_hold_s
    least_hz = _STATES_PER_HOLD / hold_s
    told = f"{topic} comes {heard.rate_hz:.0f} times a second"
    if heard.rate_hz < least_hz:
        return bad(
            "rate of states",
            f"{told}; the gate holds the arm after {1e3 * hold_s:.0f} ms and needs {least_hz:.0f}",
            "have the driver publish faster, hear the topic of its joint_state_broadcaster, or "
            f"raise safety.state_hold_s: {cell.place_of('safety')}",
        )
    return good("rate of states", told)


def _in_order(joints: Sequence[str], heard: HeardArm) -> Array:
    return np.array([heard.q_rad[name] for name in joints])


def _outside(q: Array, limits: JointLimits) -> NDArray[np.bool_]:
    return (q < limits.lower_rad) | (q > limits.upper_rad)


# Who commands, and who listens


def check_controller(
    cell: Cell,
    topic: str,
    kind: str,
    listeners: Sequence[Endpoint],
    taking: Mapping[str, Sequence[str]],
) -> CheckFinding:
    """A controller takes what is sent.

    Args:
        cell: The cell.
        topic: Full name of the controller's topic.
        kind: Type of message that is sent.
        listeners: Who subscribes to it.
        taking: Types by topic, of all topics that somebody subscribes to.
    """
    what = "controller"
    if any(one.kind == kind for one in listeners):
        nodes = ", ".join(sorted({one.node for one in listeners if one.kind == kind}))
        return good(what, f"{nodes} listens on {topic}")
    place = cell.place_of("robot.controller")
    if listeners:
        kinds = ", ".join(sorted({one.kind for one in listeners}))
        return bad(
            what,
            f"{topic} takes {kinds}, a controller of kind {cell.robot.topics.controller.value} "
            f"is sent {kind}",
            f"choose its kind: {place}",
        )
    others = [name for name, kinds in taking.items() if kind in kinds]
    problem = unknown_name("controller topic", topic, others)
    return bad(
        what,
        f"nobody listens on {topic}: the controller is not active, or is called otherwise. "
        f"{problem}",
        f"activate it (`ros2 control switch_controllers --activate ...`), or name it: {place}",
    )


def check_commanders(
    topic: str, publishers: Sequence[Endpoint], allowed: Sequence[str]
) -> CheckFinding:
    """Nobody but the gate sends commands.

    Args:
        topic: Full name of the controller's topic.
        publishers: Who publishes on it.
        allowed: Nodes that may: the cell's gate, at most once.
    """
    what = "one commander"
    others = sorted(one.node for one in publishers if one.node not in allowed)
    ours = [one.node for one in publishers if one.node in allowed]
    if others or len(ours) > 1:
        told = [*others, *(ours if len(ours) > 1 else [])]
        return bad(
            what,
            f"{len(told)} other{'s' if len(told) > 1 else ''} can send commands on {topic}: "
            f"{', '.join(told)}",
            "end them, so that every motion goes through the safety gate",
        )
    return good(what, f"nobody but the safety gate sends commands on {topic}")


def check_protective(cell: Cell, value: bool | None) -> CheckFinding:
    """The arm's own controller has not stopped it.

    Args:
        cell: The cell.
        value: What its topic said last; None where nothing came.
    """
    what, protective = "protective stop", cell.robot.protective
    if protective is None:
        return unknown(
            what,
            "the cell names no topic that says whether the arm's controller has stopped it",
            f"name it where the driver has one: {cell.place_of('robot')}, protective_stop",
        )
    if value is None:
        return bad(
            what,
            f"nothing came on {protective.name}",
            f"start the driver's node that tells it, or name its topic: "
            f"{cell.place_of('robot.protective_stop')}",
        )
    if value != protective.good:
        return bad(
            what,
            f"{protective.name} says {str(value).lower()}: the arm's controller has stopped it, or "
            "its program does not run",
            "look at the arm, clear the stop on its pendant, start its program",
        )
    return good(what, f"{protective.name} says {str(value).lower()}")
