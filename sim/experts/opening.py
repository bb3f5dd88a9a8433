"""Experts for `open` (grip the bar, pull) and `close` (push the bar), of drawers and of doors."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.scene import moved_handle
from robot_skills.core.se3 import SE3, Array
from sim.experts.expert import ExpertStep
from sim.experts.motion import (
    MotionStyle,
    Mover,
    funnel_height,
    nearest_half_turn,
    pointing_down,
)

DRAWER_TO_M = 0.15
"""Joint value that pulling a drawer aims at ..."""
DOOR_TO_M = 0.215
"""... and pulling a door."""
BAR_OPENING = 0.62
"""Opening that lets one finger pass between the bar and what it opens."""
RISE_M = 0.11
BELOW_BAR_M = 0.004
"""The tool origin comes this far below the bar's centre."""
OUTSIDE_M = 0.052
"""Where pushing starts: the closed fingers stand this far in front of the bar."""
PUSHED_M = 0.016
"""Where pushing ends: the tool this far in front of where the closed bar is."""
BACK_M = 0.018
_AHEAD_M = 0.05
"""On an arc the hand goes for a point that is so far ahead."""


class _BarExpert:
    """What both experts share: the bar's way, and a hand that points down across it.

    Token 0 is the handle: +x out of what it opens, `value` the joint value at the start. Token 1,
    of doors alone, is the hinge.
    """

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        bar = tokens[0]
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._value_m = bar.value
        self._hinge: Array | None = tokens[1].T_base_anchor.p if len(tokens) > 1 else None
        self._T_bar = SE3(
            bar.T_base_anchor.R, bar.T_base_anchor.p - np.array([0.0, 0.0, BELOW_BAR_M])
        )
        along = np.cross(np.array([0.0, 0.0, 1.0]), bar.T_base_anchor.R[:, 0])
        # The fingers close across the bar, so the tool's x axis lies along it.
        self._turned = float(nearest_half_turn(along, start) @ along)
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _at(self, value_m: float, outward_m: float = 0.0, rise_m: float = 0.0) -> SE3:
        """The hand at the bar for a joint value, in front of it and above it."""
        T = moved_handle(self._T_bar, value_m - self._value_m, self._T_bar.R[:, 0], self._hinge)
        out = T.R[:, 0]
        along = self._turned * np.cross(np.array([0.0, 0.0, 1.0]), out)
        up = np.array([0.0, 0.0, rise_m])
        return SE3(pointing_down(along), T.p + outward_m * out + up)

    def _come_down(self, goal: SE3) -> SE3:
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - goal.p[:2]))
        turn = reference.distance_to(goal)[1]
        rise = funnel_height(self._style, sideways, turn, free_m=0.004)
        return self._mover.towards(SE3(goal.R, goal.p + np.array([0.0, 0.0, rise])))

    def _along(self, to_m: float, outward_m: float = 0.0) -> SE3:
        """One step of the bar's way towards a joint value, as far as the hand has come."""
        now_m = self._come_to(outward_m)
        ahead_m = float(np.clip(to_m - now_m, -_AHEAD_M, _AHEAD_M))
        return self._mover.towards(self._at(now_m + ahead_m, outward_m), slow=0.6)

    def _come_to(self, outward_m: float) -> float:
        """Joint value that the reference is at, were the bar `outward_m` behind it."""
        p = self._mover.reference.p
        if self._hinge is None:
            out = self._T_bar.R[:, 0]
            return self._value_m + float((p - self._T_bar.p) @ out) - outward_m
        begun = self._at(self._value_m, outward_m).p - self._hinge
        now = p - self._hinge
        turned = np.arctan2(
            begun[0] * now[1] - begun[1] * now[0], begun[0] * now[0] + begun[1] * now[1]
        )
        later = self._at(self._value_m + 0.01, outward_m).p - self._hinge
        sense = np.sign(begun[0] * later[1] - begun[1] * later[0])
        radius_m = float(np.linalg.norm((self._T_bar.p - self._hinge)[:2]))
        return self._value_m + float(sense * turned) * radius_m


class OpenExpert(_BarExpert):
    """Grips the bar, pulls it along its way, lets go and rises."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        super().__init__(tokens, start, style, period_s)
        self._to_m = DRAWER_TO_M if self._hinge is None else DOOR_TO_M
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        begin, end = self._at(self._value_m), self._at(self._to_m)
        match self._phase:
            case "approach":
                target, command = self._come_down(begin), BAR_OPENING
                near_m, near_rad = T_base_tool.distance_to(begin)
                if near_m < 0.006 and near_rad < 0.08:
                    self._phase = "grip"
            case "grip":
                target, command = self._mover.towards(begin, slow=0.3), 0.0
                self._ticks += 1
                if self._ticks >= self._style.settle_ticks - 1:
                    self._phase, self._ticks = "pull", 0
            case "pull":
                target, command = self._along(self._to_m), 0.0
                if T_base_tool.distance_to(end)[0] < 0.010:
                    self._phase = "let go"
            case "let go":
                target, command = self._mover.towards(end, slow=0.3), BAR_OPENING
                self._ticks += 1
                if self._ticks >= self._style.settle_ticks - 3:
                    self._phase = "rise"
            case _:
                top = self._at(self._to_m, rise_m=RISE_M)
                target, command = self._mover.towards(top), BAR_OPENING
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=command, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=command, phase=self._phase, done=False)


class CloseExpert(_BarExpert):
    """Pushes the bar back along its way with closed fingers, backs off and rises."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        super().__init__(tokens, start, style, period_s)
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        match self._phase:
            case "approach":
                outside = self._at(self._value_m, OUTSIDE_M)
                target = self._come_down(outside)
                near_m, near_rad = T_base_tool.distance_to(outside)
                if near_m < 0.008 and near_rad < 0.1 and opening < 0.1:
                    self._phase = "push"
            case "push":
                target = self._along(0.0, PUSHED_M)
                if target.distance_to(self._at(0.0, PUSHED_M))[0] < 0.001:
                    self._ticks += 1
                if self._ticks >= 4:
                    self._phase = "back off"
            case "back off":
                end = self._at(0.0, PUSHED_M + BACK_M)
                target = self._mover.towards(end)
                if target.distance_to(end)[0] < 0.004:
                    self._phase = "rise"
            case _:
                top = self._at(0.0, PUSHED_M + BACK_M, RISE_M)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=0.0, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=0.0, phase=self._phase, done=False)
