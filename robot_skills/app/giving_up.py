"""Decides from recorded attempts when a skill's attempts are to end early, and writes it down."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from policies.rollouts import Rollout
from policies.success import SuccessPredictor
from robot_skills.scheduler.makespan import Attempt, Choice, choose_rule
from robot_skills.skills.giving_up import write_giving_up
from robot_skills.skills.policy_skill import PolicySkillConfig

UNDISTURBED = "none"
"""Mishap of a rollout to which nothing was made to happen."""


def decide_giving_up(checkpoint: Path, rollouts: Iterable[Rollout], again_s: float) -> Choice:
    """Write down beside a checkpoint when its attempts are to end early.

    Args:
        checkpoint: With a success predictor.
        rollouts: Attempts such as are to come, which the predictor did not learn from.
        again_s: Time after a failed attempt until another one can begin.

    Raises:
        CheckpointError: There is no success predictor, or it cannot be used.
    """
    predictor = SuccessPredictor.load(checkpoint)
    choice = choose_rule([attempt_of(rollout, predictor, again_s) for rollout in rollouts])
    write_giving_up(
        checkpoint,
        choice.rule,
        {
            "attempts": choice.attempts,
            "successes": choice.successes,
            "to_the_end_s": choice.to_the_end_s if choice.successes else None,
            "with_rule_s": choice.with_rule_s if choice.successes else None,
            "surely_saved": choice.saved,
            "best": None if choice.best is None else asdict(choice.best),
        },
    )
    return choice


def attempt_of(rollout: Rollout, predictor: SuccessPredictor, again_s: float) -> Attempt:
    """A rollout as the makespan rule sees it: without the ways home, which any end is followed by.

    Args:
        rollout: One attempt that was left to run to its end.
        predictor: Is asked as it is when the skill runs, with every question to the policy.
        again_s: Time after a failed attempt until another one can begin.
    """
    fps = predictor.config.fps
    every = PolicySkillConfig().execute_steps
    rated = predictor.rate(rollout.states)[::every]
    motion_s = len(rollout.states) / fps
    return Attempt(
        success=rollout.success,
        duration_s=motion_s,
        motion_s=motion_s,
        asked_s=tuple(every * i / fps for i in range(len(rated))),
        likely=tuple(float(p) for p in rated),
        again_s=0.0 if rollout.success else again_s,
    )
