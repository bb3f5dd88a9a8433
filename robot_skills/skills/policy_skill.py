"""Running a learned policy in receding horizon.

Every `execute_steps` periods the policy sees the tool's recent poses and the tokens of the call,
and answers with a chunk of tool poses. The chunk is joined to the one that is being followed, kept
inside the skill's envelope, and commanded; the rest of it only serves until the next one comes.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.arm_states import state_at
from robot_skills.core.binding import TokenBinding
from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import EventKind
from robot_skills.core.policy import (
    Policy,
    PolicyInput,
    PolicyOutput,
    SeeingPolicy,
    SuccessPredictor,
)
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ActionChunk, ArmChunk, ArmState, single_arm_chunk
from robot_skills.skills.asking import Answer, asker_of
from robot_skills.skills.card import SafetyEnvelope, SkillCard
from robot_skills.skills.guarding import Guard
from robot_skills.skills.heeding import AS_USUAL, Wanted
from robot_skills.skills.motion import Ending, MotionResult, Motor
from robot_skills.skills.stitching import DEFAULT_BLEND_STEPS, Compensation, stitch
from robot_skills.skills.trace import Tracer

_RECENT = 64
"""States that are kept, to know where the arm was when pictures were taken."""
_SAME_S = 1e-3
_ROUNDING = 1e-6
_COLLISION = "collision"
"""Code of the safety gate's verdict on a chunk that comes too near to something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicySkillConfig:
    """How a policy is run.

    Attributes:
        execute_steps: Periods between two questions to the policy.
        latency_steps: Periods between a question and its answer, in lock-step simulation.
        compensation: What is done about that time, there and where it is real.
        blend_steps: Waypoints over which a new chunk replaces the old one.
        max_refusals: Refused chunks in a row after which the skill gives up; each one before is
            sampled anew and asked for at a lower speed.
        slower: Factor by which each refused chunk stretches the next one in time. Near a
            singularity a slow tool still needs fast joints, and only more time helps.
        slowest: Largest stretch.
        recovery: Share of the extra time that each accepted chunk takes back.
        give_up_below: Predicted probability of success below which a chunk counts as hopeless;
            0 never gives up.
        give_up_after: Hopeless chunks in a row after which the skill ends, so that another attempt
            can start sooner.
        give_up_from_s: Time from the start of the motion before which no chunk counts as hopeless.
    """

    execute_steps: int = 8
    latency_steps: int = 0
    compensation: Compensation = Compensation.CONTINUE
    blend_steps: int = DEFAULT_BLEND_STEPS
    max_refusals: int = 4
    slower: float = 2.0
    slowest: float = 4.0
    recovery: float = 0.4
    give_up_below: float = 0.0
    give_up_after: int = 3
    give_up_from_s: float = 0.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.slower <= self.slowest or not 0.0 < self.recovery <= 1.0:
            raise ValueError("Needs 1 <= slower <= slowest and 0 < recovery <= 1.")
        if self.execute_steps < 1 or self.blend_steps < 0 or self.max_refusals < 1:
            raise ValueError("Needs execute_steps >= 1, blend_steps >= 0 and max_refusals >= 1.")
        if self.latency_steps < 0:
            raise ValueError("Needs latency_steps >= 0.")
        if not 0.0 <= self.give_up_below <= 1.0 or self.give_up_after < 1:
            raise ValueError("Needs 0 <= give_up_below <= 1 and give_up_after >= 1.")
        if self.give_up_from_s < 0.0:
            raise ValueError("Needs give_up_from_s >= 0.")


def _as_usual() -> Wanted:
    return AS_USUAL


def run_policy(
    policy: Policy,
    card: SkillCard,
    binding: TokenBinding,
    table_height_m: float,
    motor: Motor,
    seed: int,
    config: PolicySkillConfig | None = None,
    success: SuccessPredictor | None = None,
    instruction: str = "",
    wanted: Callable[[], Wanted] = _as_usual,
    goes_to: int = 0,
    guard: Guard | None = None,
) -> MotionResult:
    """Run a policy until it says that it is done, or until something else ends it.

    Args:
        policy: Whose `done` ends the motion as the card says.
        card: Timeout, termination and envelope.
        binding: Tokens of the call, bound at the present tool pose.
        table_height_m: In the base frame.
        motor: What moves.
        seed: Of the policy's sampling.
        config: How to run it.
        success: Asked at every period how likely the skill is to succeed.
        instruction: The call in words, for a policy that cares.
        wanted: Asked at every period how the call is wanted; a change is followed at once.
        goes_to: Index of the token that says where the call goes.
        guard: Asked at every period whether going on still makes sense.
    """
    policy.reset(seed)
    if success is not None:
        success.reset()
    run = _PolicyRun(policy, card, binding, table_height_m, motor, config, success, instruction)
    return run.run(wanted, goes_to, guard)


def within_envelope(
    chunk: ActionChunk,
    arm: str,
    p_start: Array,
    now_s: float,
    safety: SafetyEnvelope,
    floor_m: float,
) -> ActionChunk:
    """The chunk, with one arm's positions no faster and no lower than the envelope allows.

    Positions follow the wanted ones as fast as they may; times, rotations and openings stay.

    Args:
        chunk: Finite waypoints.
        arm: Name of the arm.
        p_start: Where the tool's reference is now, (3,).
        now_s: Present time.
        safety: The envelope.
        floor_m: Height in the base frame from which `min_height_m` counts.
    """
    wanted = chunk.arms[arm]
    T_base_tool = wanted.T_base_tool.copy()
    positions = T_base_tool[:, :3, 3]
    positions[:, 2] = np.maximum(positions[:, 2], floor_m + safety.min_height_m)
    p = p_start
    for i, step_s in enumerate(np.diff(chunk.stamp_s, prepend=now_s)):
        offset = positions[i] - p
        distance_m = float(np.linalg.norm(offset))
        reach_m = safety.max_speed_m_s * float(step_s)
        if distance_m > reach_m:
            positions[i] = p + offset * (reach_m / distance_m)
        p = positions[i]
    limited = ArmChunk(T_base_tool=T_base_tool, opening=wanted.opening)
    return ActionChunk(stamp_s=chunk.stamp_s, arms={**chunk.arms, arm: limited})


class _PolicyRun:
    """State of one run."""

    def __init__(
        self,
        policy: Policy,
        card: SkillCard,
        binding: TokenBinding,
        table_height_m: float,
        motor: Motor,
        config: PolicySkillConfig | None,
        success: SuccessPredictor | None,
        instruction: str,
    ) -> None:
        self._policy = policy
        self._card = card
        self._usual_binding = self._binding = binding
        self._wanted = AS_USUAL
        self._table_height_m = table_height_m
        self._motor = motor
        self._config = config = config or PolicySkillConfig()
        self._asker = asker_of(policy, config.latency_steps)
        self._cameras = policy.cameras if isinstance(policy, SeeingPolicy) else ()
        self._instruction = instruction
        self._asked_at: ArmState | None = None
        self._success = success
        self._likely: float | None = None
        self._hopeless_in_a_row = 0
        self._history: deque[ArmState] = deque(maxlen=policy.observation_steps)
        self._recent: deque[ArmState] = deque(maxlen=_RECENT)
        self._following: ActionChunk | None = None
        self._opening: float | None = None
        self._chunks = 0
        self._refused = 0
        self._refused_in_a_row = 0
        self._done_in_a_row = 0
        self._stretch = 1.0
        self._start_s = 0.0
        self._tracer = Tracer()

    def run(self, wanted: Callable[[], Wanted], goes_to: int, guard: Guard | None) -> MotionResult:
        motor, card = self._motor, self._card
        start_s = self._start_s = motor.now_s()
        ticks = 0
        ticks_to_question = 0
        while True:
            if self._heed(wanted(), goes_to):
                ticks_to_question = 0
            state = motor.state()
            self._history.append(state)
            self._recent.append(state)
            self._tracer.saw(state, self._binding.tokens_at(state.T_base_tool))
            if self._success is not None:
                self._likely = self._success.probability(self._inputs(state))
            if motor.stop_requested():
                motor.robot.stop()
                return self._ended(Ending.STOPPED, "stopped on request")
            if self._wanted.obsolete:
                motor.robot.stop()
                return self._ended(Ending.OBSOLETE, self._wanted.obsolete)
            problem = "" if guard is None else guard.problem(state, self._told_opening())
            if problem:
                motor.robot.stop()
                return self._ended(Ending.NOTICED, problem)
            if motor.now_s() - start_s >= card.timeout_s:
                return self._ended(Ending.TIMEOUT, f"not done after {card.timeout_s:g} s")
            if self._asked_at is None and ticks_to_question <= 0:
                self._ask(state, ticks)
                ticks_to_question = self._config.execute_steps
            answer = self._asker.answer(ticks)
            if answer is not None:
                end = self._take(answer, state)
                if end is not None:
                    return end
                if self._refused_in_a_row:
                    # The arm holds: a new sample is wanted at the next step.
                    ticks_to_question = 1
            ticks += 1
            ticks_to_question -= 1
            motor.robot.clock.sleep_until(start_s + ticks * self._policy.period_s)

    def _heed(self, wanted: Wanted, goes_to: int) -> bool:
        """Go by how the call is wanted from now on; says whether the motion is to be another."""
        changed = not wanted.same_motion(self._wanted)
        self._wanted = wanted
        if changed:
            self._binding = self._usual_binding.shifted(goes_to, wanted.shift_m)
            self._done_in_a_row = 0
        return changed

    def _period_s(self) -> float:
        """Time from one waypoint to the next."""
        return self._policy.period_s * self._stretch / self._wanted.speed

    def _ask(self, state: ArmState, tick: int) -> None:
        inputs = self._inputs(state)
        if self._cameras:
            frames = self._motor.frames(self._cameras)
            shown_s = min(frame.stamp_s for frame in frames.values())
            if shown_s < state.stamp_s - _SAME_S:
                state = state_at(self._recent, shown_s)
                inputs = self._inputs_at(state)
            inputs = replace(inputs, frames=frames)
        self._asker.ask(inputs, self._prefix(state), tick)
        self._asked_at = state
        self._chunks += 1

    def _take(self, answer: Answer, state: ArmState) -> MotionResult | None:
        """Carry out an answer, or end the motion.

        Args:
            answer: Of the policy, to the state that it was asked at.
            state: Of now.
        """
        output, latency_ms = answer.output, answer.latency_ms
        asked_at, self._asked_at = self._asked_at or state, None
        if self._is_done(output):
            self._emit_chunk(output, latency_ms, "done")
            return self._ended(Ending.DONE, f"done with probability {output.done:.2f}")
        if self._is_hopeless():
            self._emit_chunk(output, latency_ms, "unlikely")
            after_s = self._motor.now_s() - self._start_s
            return self._ended(
                Ending.UNLIKELY,
                f"success had become unlikely ({self._likely:.2f}) after {after_s:.1f} s",
            )
        late = self._config.compensation is Compensation.NONE
        refusal = self._command(output, state, state.stamp_s if late else asked_at.stamp_s)
        self._emit_chunk(output, latency_ms, refusal.code if refusal else "ok")
        if refusal and self._refused_in_a_row >= self._config.max_refusals:
            times = f"{self._refused_in_a_row} chunks in a row"
            reason = f"the safety gate refused {times}: {refusal.code}: {refusal}"
            return self._ended(Ending.FAULT, reason, refusal.code)
        return None

    def _prefix(self, state: ArmState) -> PolicyOutput | None:
        """What the arm will have done when the answer comes; None when the policy need not know."""
        asker = self._asker
        if self._config.compensation is not Compensation.CONTINUE or not asker.can_continue:
            return None
        period_s = self._period_s()
        expected_s = asker.expected_steps * self._policy.period_s
        fixed_s = self._motor.now_s() - state.stamp_s + expected_s + self._motor.lead_s
        steps = math.ceil(fixed_s / period_s - _ROUNDING)
        stamps = state.stamp_s + period_s * np.arange(1, steps + 1, dtype=np.float64)
        known = self._followed(state, stamps)
        if not known:
            return None
        return PolicyOutput(
            T_base_tool=np.stack([T_base_tool.matrix() for T_base_tool, _ in known]),
            opening=np.array([opening for _, opening in known]),
            done=0.0,
        )

    def _followed(self, state: ArmState, stamps: Array) -> list[tuple[SE3, float]]:
        """Poses and openings at these times, as far as they are known; without a chunk to follow
        the arm stands still."""
        following = self._following
        if following is None:
            return [(state.T_base_tool, state.opening)] * len(stamps)
        return [
            following.sample(self._motor.arm, float(stamp_s))
            for stamp_s in stamps[stamps <= following.stamp_s[-1] + 1e-9]
        ]

    def _inputs(self, state: ArmState) -> PolicyInput:
        missing = self._policy.observation_steps - len(self._history)
        states = [self._history[0]] * missing + list(self._history)
        return PolicyInput(
            T_base_tool=np.stack([s.T_base_tool.matrix() for s in states]),
            opening=np.array([s.opening for s in states]),
            tokens=self._binding.tokens_at(state.T_base_tool),
            table_height_m=self._table_height_m,
            instruction=self._instruction,
        )

    def _inputs_at(self, state: ArmState) -> PolicyInput:
        """What was measured when the pictures were taken, so that the two belong together."""
        period_s, count = self._policy.period_s, self._policy.observation_steps
        ago_s = period_s * np.arange(count - 1, -1, -1)
        states = [state_at(self._recent, state.stamp_s - float(one)) for one in ago_s]
        return replace(
            self._inputs(state),
            T_base_tool=np.stack([s.T_base_tool.matrix() for s in states]),
            opening=np.array([s.opening for s in states]),
        )

    def _is_done(self, output: PolicyOutput) -> bool:
        termination = self._card.termination
        likely = output.done >= termination.done_threshold
        self._done_in_a_row = self._done_in_a_row + 1 if likely else 0
        return self._done_in_a_row >= termination.consecutive

    def _is_hopeless(self) -> bool:
        low = self._likely is not None and self._likely < self._config.give_up_below
        low = low and self._motor.now_s() - self._start_s >= self._config.give_up_from_s
        self._hopeless_in_a_row = self._hopeless_in_a_row + 1 if low else 0
        return self._hopeless_in_a_row >= self._config.give_up_after

    def _command(
        self, output: PolicyOutput, state: ArmState, from_s: float
    ) -> ActionRefused | None:
        try:
            accepted = self._accepted(self._chunk(output, state, from_s))
        except ActionRefused as refusal:
            self._following = None
            self._refused += 1
            self._refused_in_a_row += 1
            self._done_in_a_row = 0
            self._stretch = min(self._config.slower * self._stretch, self._config.slowest)
            return refusal
        self._following = accepted
        self._tracer.told(float(accepted.arms[self._motor.arm].opening.min()))
        self._stretch -= self._config.recovery * (self._stretch - 1.0)
        self._refused_in_a_row = 0
        return None

    def _accepted(self, chunk: ActionChunk) -> ActionChunk:
        """Command a chunk; of one that would touch something, what is done before the next comes.

        Raises:
            ActionRefused: The gate refused that, too.
        """
        try:
            return self._motor.command(chunk)
        except ActionRefused as refusal:
            steps = self._config.execute_steps + self._config.latency_steps
            if refusal.code != _COLLISION or len(chunk) <= steps:
                raise
            # The end of a chunk only serves until the next one: that may keep clear.
            return self._motor.command(chunk.select(slice(0, steps)))

    def _chunk(self, output: PolicyOutput, state: ArmState, from_s: float) -> ActionChunk:
        """What to command for an answer of the policy.

        Args:
            output: The answer.
            state: Of now.
            from_s: Time from which its waypoints count.
        """
        arm = self._motor.arm
        steps = np.arange(1, len(output.opening) + 1, dtype=np.float64)
        stamps = from_s + steps * self._period_s()
        fresh = single_arm_chunk(stamps, output.T_base_tool, output.opening, arm)
        if not (np.isfinite(output.T_base_tool).all() and np.isfinite(output.opening).all()):
            return fresh  # Nothing can be made of it; the gate says so.
        # What is nearer than the robot's lead is on its way, and stays as it is.
        first_s = self._motor.now_s() + self._motor.lead_s
        naive = self._config.compensation is Compensation.NONE
        blend_steps = 0 if naive else self._config.blend_steps
        joined = stitch(self._following, fresh, first_s, blend_steps)
        if joined is None:
            return fresh  # All of it is late; the gate says so.
        p_start = state.T_base_tool.p
        if self._following is not None:
            p_start = self._following.sample(arm, first_s)[0].p
        safety, floor_m = self._card.safety, self._table_height_m
        return within_envelope(joined, arm, p_start, first_s, safety, floor_m)

    def _ended(self, ending: Ending, reason: str, refused_by: str = "") -> MotionResult:
        return MotionResult(
            ending=ending,
            reason=reason,
            opening=self._told_opening(),
            chunks=self._chunks,
            refused_chunks=self._refused,
            refused_by=refused_by,
            likely=self._likely,
            trace=self._tracer.trace(),
        )

    def _told_opening(self) -> float | None:
        """What the gripper was last told; None before it was told anything."""
        if self._following is not None:
            at = self._following.sample(self._motor.arm, self._motor.now_s())
            self._opening = at[1]
        return self._opening

    def _emit_chunk(self, output: PolicyOutput, latency_ms: float, verdict: str) -> None:
        self._motor.emit(
            EventKind.CHUNK,
            skill=self._card.name,
            index=self._chunks - 1,
            done=float(output.done),
            latency_ms=latency_ms,
            verdict=verdict,
            **({} if self._likely is None else {"likely": self._likely}),
        )
