"""Experts for `open_drawer` (grip the bar, pull) and `close_drawer` (push the bar)."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import (
    MotionStyle,
    Mover,
    funnel_height,
    nearest_half_turn,
    pointing_down,
)

OPEN_TO_M = 0.15
"""Joint value that pulling aims at."""
BAR_OPENING = 0.62
"""Opening that lets one finger pass between the bar and the drawer's front."""
RISE_M = 0.11
BELOW_BAR_M = 0.004
"""The tool origin comes this far below the bar's centre."""
OUTSIDE_M = 0.052
"""Where pushing starts: the closed fingers stand this far in front of the bar."""
PUSHED_M = 0.016
"""Where pushing ends: the tool this far in front of where the closed drawer's bar is."""
BACK_M = 0.018


class _BarExpert:
    """What both drawer experts share: the bar's frame and a hand that points down across it."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        (bar,) = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._out = bar.T_base_anchor.R[:, 0]
        # The fingers close along the pull direction, so the tool's x axis lies along the bar.
        along = np.cross(np.array([0.0, 0.0, 1.0]), self._out)
        self._R = pointing_down(nearest_half_turn(along, start))
        self._bar_p = bar.T_base_anchor.p - np.array([0.0, 0.0, BELOW_BAR_M])
        self._value_m = bar.value
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _at(self, outward_m: float, rise_m: float = 0.0) -> SE3:
        return SE3(self._R, self._bar_p + outward_m * self._out + np.array([0.0, 0.0, rise_m]))

    def _come_down(self, goal: SE3) -> SE3:
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - goal.p[:2]))
        turn = reference.distance_to(goal)[1]
        rise = funnel_height(self._style, sideways, turn, free_m=0.004)
        return self._mover.towards(SE3(goal.R, goal.p + np.array([0.0, 0.0, rise])))


class OpenDrawerExpert(_BarExpert):
    """Token 0 is the handle: +x out of the front, `value` the joint value at the start."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        super().__init__(tokens, start, style, period_s)
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        match self._phase:
            case "approach":
                target, command = self._come_down(self._at(0.0)), BAR_OPENING
                near_m, near_rad = T_base_tool.distance_to(self._at(0.0))
                if near_m < 0.006 and near_rad < 0.08:
                    self._phase = "grip"
            case "grip":
                target, command = self._mover.towards(self._at(0.0), slow=0.3), 0.0
                self._ticks += 1
                if self._ticks >= self._style.settle_ticks - 1:
                    self._phase, self._ticks = "pull", 0
            case "pull":
                end = self._at(OPEN_TO_M - self._value_m)
                target, command = self._mover.towards(end, slow=0.6), 0.0
                if T_base_tool.distance_to(end)[0] < 0.008:
                    self._phase = "let go"
            case "let go":
                end = self._at(OPEN_TO_M - self._value_m)
                target, command = self._mover.towards(end, slow=0.3), BAR_OPENING
                self._ticks += 1
                if self._ticks >= self._style.settle_ticks - 3:
                    self._phase = "rise"
            case _:
                top = self._at(OPEN_TO_M - self._value_m, RISE_M)
                target, command = self._mover.towards(top), BAR_OPENING
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=command, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=command, phase=self._phase, done=False)


class CloseDrawerExpert(_BarExpert):
    """Token 0 is the handle of the open drawer; pushes with closed fingers."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        super().__init__(tokens, start, style, period_s)
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        outside = self._at(OUTSIDE_M)
        closed_m = PUSHED_M - self._value_m
        match self._phase:
            case "approach":
                target = self._come_down(outside)
                near_m, near_rad = T_base_tool.distance_to(outside)
                if near_m < 0.008 and near_rad < 0.1 and opening < 0.1:
                    self._phase = "push"
            case "push":
                end = self._at(closed_m)
                target = self._mover.towards(end, slow=0.6)
                if target.distance_to(end)[0] < 0.001:
                    self._ticks += 1
                if self._ticks >= 4:
                    self._phase = "back off"
            case "back off":
                end = self._at(closed_m + BACK_M)
                target = self._mover.towards(end)
                if target.distance_to(end)[0] < 0.004:
                    self._phase = "rise"
            case _:
                top = self._at(closed_m + BACK_M, RISE_M)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=0.0, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=0.0, phase=self._phase, done=False)
