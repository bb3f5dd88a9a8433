"""Faults of the safety gate: limits and shapes with which it refuses sound motions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.localisation.injection import GateParts, Injection
from hardware.safety_gate import SafetyGate, Verdict
from robot_skills.core.collision import CollisionModel
from robot_skills.core.limits import ArmLimits
from robot_skills.core.se3 import Array
from robot_skills.core.types import ActionChunk, Observation
from robot_skills.scheduler.layers import Layer

_FATTER_M = 0.25
_LEAST_RAD = 0.02


class _SpoiltGate(SafetyGate):
    """A gate that is replaced by a wrong one when an injection begins."""

    def __init__(self, parts: GateParts, injection: "_GateFault") -> None:
        super().__init__(parts.limits, parts.kinematics, collisions=parts.collisions)
        self._parts = parts
        self._injection = injection
        self._wrong: SafetyGate | None = None

    def check(self, chunk: ActionChunk, observation: Observation, now_s: float) -> Verdict:
        if not self._injection.is_on():
            return super().check(chunk, observation, now_s)
        if self._wrong is None:
            state = next(iter(observation.arms.values()))
            self._wrong = self._injection.wrong(self._parts, state.T_base_tool.p).gate()
        return self._wrong.check(chunk, observation, now_s)


class _GateFault(Injection):
    """A gate that is not set up for its cell."""

    layer = Layer.GATE

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        """What it is made of instead, given where the tool is when that begins."""
        raise NotImplementedError

    def gate(self, parts: GateParts) -> SafetyGate:
        return _SpoiltGate(parts, self)


class RaisedFloor(_GateFault):
    """Its workspace begins above the table."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        lower = np.array(parts.limits.cartesian.workspace_lower_m)
        lower[2] = self.rng.uniform(0.14, 0.20)
        return _limited(parts, workspace_lower_m=lower)


class NarrowWorkspace(_GateFault):
    """Its workspace hardly reaches farther than the tool is."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        around_m = self.rng.uniform(0.03, 0.06)
        return _limited(
            parts,
            workspace_lower_m=np.append(p_base_tool[:2] - around_m, -0.05),
            workspace_upper_m=np.append(p_base_tool[:2] + around_m, 0.9),
        )


class TooSlow(_GateFault):
    """It lets the tool move at a snail's pace."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        return _limited(parts, speed_m_s=float(self.rng.uniform(0.01, 0.03)))


class SlowJoints(_GateFault):
    """It lets the joints hardly move."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        joint = parts.limits.joint
        slow = replace(joint, velocity_rad_s=joint.velocity_rad_s * self.rng.uniform(0.005, 0.02))
        return replace(parts, limits=_with_joints(parts.limits, slow))


class RefusesAll(_GateFault):
    """It knows the joints' ranges wrongly, so that every motion is outside of them."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        count = len(parts.limits.joint.lower_rad)
        narrow = replace(
            parts.limits.joint,
            lower_rad=np.full(count, -_LEAST_RAD),
            upper_rad=np.full(count, _LEAST_RAD),
        )
        return replace(parts, limits=_with_joints(parts.limits, narrow))


class _Fatter:
    """A collision model whose bodies are fatter than they are."""

    def __init__(self, model: CollisionModel, by_m: float) -> None:
        self._model = model
        self._by_m = by_m

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return self._model.pairs

    @property
    def reach_m(self) -> Array:
        return self._model.reach_m

    @property
    def margin_m(self) -> Array:
        return self._model.margin_m

    @property
    def opening_reach_m(self) -> Array:
        return self._model.opening_reach_m

    def room(self, q_rad: Array, opening: Array) -> Array:
        return self._model.room(q_rad, opening) - self._by_m


class FatCapsule(_GateFault):
    """Its shapes of the arm are a forearm's width too thick."""

    def wrong(self, parts: GateParts, p_base_tool: Array) -> GateParts:
        return replace(parts, collisions=_Fatter(parts.collisions, _FATTER_M))


def _limited(parts: GateParts, **cartesian: Any) -> GateParts:
    changed: Mapping[str, Any] = cartesian
    limits = replace(parts.limits, cartesian=replace(parts.limits.cartesian, **changed))
    return replace(parts, limits=limits)


def _with_joints(limits: ArmLimits, joint: Any) -> ArmLimits:
    return replace(limits, joint=joint)
