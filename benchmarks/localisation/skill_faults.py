"""Faults of a skill's policy."""

from dataclasses import replace

import numpy as np

from benchmarks.localisation.injection import Injection
from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import EntityToken, Policy, PolicyInput, PolicyOutput
from robot_skills.core.se3 import SE3
from robot_skills.scheduler.layers import Layer
from sim.tabletop.tasks import Instance

_BESIDE_M = (0.09, 0.14)


class _SpoiltPolicy:
    """A policy whose answers are passed through an injection."""

    def __init__(self, policy: Policy, injection: "_PolicyFault", skill: str) -> None:
        self._policy = policy
        self._injection = injection
        self._skill = skill
        self.period_s = policy.period_s
        self.horizon = policy.horizon
        self.observation_steps = policy.observation_steps

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        if not self._injection.befalls(self._skill):
            return self._policy.infer(inputs)
        return self._injection.spoilt(self._policy, inputs)


class _PolicyFault(Injection):
    """A policy that does not do its work."""

    layer = Layer.SKILL

    def befalls(self, skill: str) -> bool:
        """Whether this skill's policy goes wrong now."""
        return self.is_on() and self.call is not None and skill == self.call.skill

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        """What it answers instead."""
        raise NotImplementedError

    def policy(self, skill: str, policy: Policy) -> Policy:
        return _SpoiltPolicy(policy, self, skill)


class EndsEarly(_PolicyFault):
    """It says at once that it is done."""

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        return replace(policy.infer(inputs), done=1.0)


class StandsStill(_PolicyFault):
    """It holds the tool where it is, until its time is up."""

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        here = np.repeat(inputs.T_base_tool[-1:], policy.horizon, axis=0)
        opening = np.full(policy.horizon, inputs.opening[-1])
        return PolicyOutput(T_base_tool=here, opening=opening, done=0.0)


class AimsBeside(_PolicyFault):
    """It goes to a place beside what it is about, or beside where a thing is to go."""

    skills = ("grasp", "place", "insert", "press", "reach")

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        angle = rng.uniform(0.0, 2.0 * np.pi)
        self._beside = rng.uniform(*_BESIDE_M) * np.array([np.cos(angle), np.sin(angle), 0.0])

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        *others, last = inputs.tokens
        return policy.infer(replace(inputs, tokens=(*others, self._moved(last))))

    def _moved(self, token: EntityToken) -> EntityToken:
        T = token.T_base_anchor
        return replace(token, T_base_anchor=SE3(T.R, T.p + self._beside))


class NotANumber(_PolicyFault):
    """Its chunks hold numbers that are none."""

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        output = policy.infer(inputs)
        return replace(output, T_base_tool=np.full_like(output.T_base_tool, np.nan), done=0.0)


class NeverCloses(_PolicyFault):
    """It goes where it should and leaves the hand open."""

    skills = ("grasp",)

    def spoilt(self, policy: Policy, inputs: PolicyInput) -> PolicyOutput:
        output = policy.infer(inputs)
        return replace(output, opening=np.ones_like(output.opening))


class Corrupt(Injection):
    """The checkpoint of one of the task's skills cannot be read."""

    layer = Layer.SKILL
    from_start = True

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        self.skill = ""

    def spoil(self, skills: tuple[str, ...]) -> None:
        """Draw the skill."""
        self.skill = str(self.rng.choice(skills))

    def policy(self, skill: str, policy: Policy) -> Policy:
        if skill == self.skill:
            raise CheckpointError(f"The weights of {skill} are not what its manifest says.")
        return policy
