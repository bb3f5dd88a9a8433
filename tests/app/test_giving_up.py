"""From recorded attempts to the rule beside a checkpoint."""

import json
import shutil

import numpy as np
import pytest

from policies.rollouts import Rollout
from policies.success import SuccessPredictor
from robot_skills.app.giving_up import attempt_of, decide_giving_up
from robot_skills.core.policy import STATE_NAMES, pose_to_vector
from robot_skills.core.shipped import shipped
from robot_skills.skills.giving_up import GIVING_UP_FILE, read_giving_up
from robot_skills.skills.policy_skill import PolicySkillConfig


@pytest.fixture
def checkpoint(tmp_path):
    """A shipped skill with a success predictor."""
    return shutil.copytree(shipped("zoo") / "insert", tmp_path / "insert")


def rollout(success: bool, periods: int) -> Rollout:
    """The tool hangs still over the table, with nothing to be seen of things."""
    states = np.zeros((periods, len(STATE_NAMES)), dtype=np.float32)
    states[:, :9] = pose_to_vector(np.eye(4))
    return Rollout(
        states=states,
        success=success,
        believed=success,
        outcome="success" if success else "timeout",
        mishap="none",
        tick=0,
        done=success,
    )


def test_a_rollout_is_asked_about_as_the_running_skill_is(checkpoint):
    predictor = SuccessPredictor.load(checkpoint)
    attempt = attempt_of(rollout(False, 60), predictor, again_s=4.0)
    every_s = PolicySkillConfig().execute_steps / predictor.config.fps
    assert attempt.asked_s == pytest.approx([i * every_s for i in range(len(attempt.likely))])
    assert attempt.motion_s == 60 / predictor.config.fps
    assert attempt.asked_s[-1] < attempt.motion_s
    assert (attempt.again_s, attempt_of(rollout(True, 60), predictor, 4.0).again_s) == (4.0, 0.0)


def test_failures_that_take_long_make_a_rule_that_is_written_beside_the_checkpoint(checkpoint):
    made = [rollout(i % 2 == 0, 80 if i % 2 == 0 else 300) for i in range(60)]
    choice = decide_giving_up(checkpoint, made, again_s=2.0)
    assert choice.rule is not None
    assert read_giving_up(checkpoint) == choice.rule
    measured = json.loads((checkpoint / GIVING_UP_FILE).read_text())["measured"]
    assert (measured["attempts"], measured["successes"]) == (60, 30)


def test_where_nearly_all_succeeds_the_file_says_never(checkpoint):
    made = [rollout(i > 0, 80) for i in range(60)]
    assert decide_giving_up(checkpoint, made, again_s=2.0).rule is None
    assert (checkpoint / GIVING_UP_FILE).exists()
    assert read_giving_up(checkpoint) is None


def test_without_attempts_nothing_is_decided(checkpoint):
    assert decide_giving_up(checkpoint, [], again_s=0.0).rule is None
    assert json.loads((checkpoint / GIVING_UP_FILE).read_text())["measured"]["attempts"] == 0
