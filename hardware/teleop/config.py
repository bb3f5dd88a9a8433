"""How a hand may move an arm: the numbers of `HandOperator`."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorConfig:
    """Limits of teleoperation, far inside those of the arm.

    Attributes:
        stale_s: A sample older than this counts as a dead-man switch let go.
        speed_fraction: Top speed of the tool, as a share of the arm's `speed_m_s`.
        turn_fraction: Top turn rate of the tool, as a share of the arm's `turn_rate_rad_s`.
        ramp_s: Time from rest to top speed, and back.
        lead_m: How far the commanded tool may be ahead of the measured one.
        lead_rad: The same of its rotation.
        waypoints: Length of a chunk in control periods. It outlives a loop that died by as much.
        hand_scale: Tool displacement per displacement of a tracked hand.
        hand_jump_m: A tracked hand that jumps farther between two samples counts as let go.
        hand_jump_rad: The same of its rotation.
        engage_rad: Largest difference of a joint between leader and arm at which it engages; GELLO
            (Wu et al., 2023) has 0.8.
        ramp_rad: Step per control period by which the arm comes to the leader after engaging.
        leader_jump_rad: A leader that jumps farther between two samples counts as let go.
        opening_rate_s: Gripper travel per second, 1 being all of it.
        retry_s: Time between attempts to bring a lost device back.
        ik_error_m: Waypoints that the arm would miss by more are not sent.
        joint_speed_fraction: Share of the joints' top speeds that waypoints may need.
    """

    stale_s: float = 0.09
    speed_fraction: float = 0.25
    turn_fraction: float = 0.4
    ramp_s: float = 0.12
    lead_m: float = 0.05
    lead_rad: float = 0.3
    waypoints: int = 3
    hand_scale: float = 1.0
    hand_jump_m: float = 0.2
    hand_jump_rad: float = 1.0
    engage_rad: float = 0.8
    ramp_rad: float = 0.05
    leader_jump_rad: float = 0.5
    opening_rate_s: float = 2.0
    retry_s: float = 1.0
    ik_error_m: float = 0.002
    joint_speed_fraction: float = 0.9

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not getattr(self, entry.name) > 0:
                raise ValueError(f"{entry.name} must be above zero.")
        for name in ("speed_fraction", "turn_fraction", "joint_speed_fraction"):
            if getattr(self, name) > 1.0:
                raise ValueError(f"{name} is a share of a limit, at most 1.")


def settling_s(config: OperatorConfig, control_period_s: float) -> float:
    """Time constant of approaching a goal.

    At ``distance / ramp_s`` the speed falls no faster than the ramp allows; below one control
    period the steps would overshoot.
    """
    return max(config.ramp_s, control_period_s)
