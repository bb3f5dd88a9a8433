"""Both faces of a policy say the same."""

from dataclasses import replace

import numpy as np
import pytest

from policies.faces import (
    STATE,
    SURROUNDINGS,
    DescribedPolicy,
    FeatureSizes,
    SkillOfTask,
    TaskOfSkill,
    check_history,
    history_input,
    input_history,
)
from policies.task_policy import TaskChunk, TaskPolicy
from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES
from tests.contracts.test_policy_contract import HoldPolicy, make_input

TOOL, REST = STATE_NAMES.index("table.z"), len(STATE_NAMES) - STATE_NAMES.index("table.z")


class Recorder:
    """A task-faced policy that remembers what it was shown, and stays where it is."""

    period_s: float | None = 0.05
    horizon = 3
    observation_steps = 2

    def __init__(self, numbers: dict[str, int], action: int = len(ACTION_NAMES)) -> None:
        self.sizes = FeatureSizes(numbers=numbers, pictures={}, action=action)
        self.seen: dict[str, np.ndarray] = {}

    def reset(self, seed: int) -> None:
        pass

    def infer(self, history, instruction: str = "") -> TaskChunk:
        self.seen = dict(history)
        tool = next(iter(history.values()))[-1, : len(ACTION_NAMES)]
        return TaskChunk(actions=np.tile(tool, (self.horizon, 1)), done=0.5)


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_a_recorded_state_and_a_live_input_say_the_same(tokens):
    inputs = make_input(Recorder({}), tokens)
    states = input_history(inputs)
    back = history_input(states)
    assert states.shape == (2, len(STATE_NAMES))
    assert len(back.tokens) == tokens
    np.testing.assert_allclose(input_history(back), states, atol=1e-6)
    np.testing.assert_allclose(back.T_base_tool, inputs.T_base_tool, atol=1e-6)


def test_a_state_without_a_rotation_is_refused():
    task = TaskOfSkill(HoldPolicy())
    with pytest.raises(RefusedError, match="rotation"):
        task.infer({STATE: np.zeros((1, len(STATE_NAMES)))})


@pytest.mark.parametrize(
    "numbers",
    [
        {STATE: len(STATE_NAMES)},
        {STATE: TOOL, SURROUNDINGS: REST},
        {STATE: len(STATE_NAMES), SURROUNDINGS: len(STATE_NAMES)},
    ],
)
def test_a_skill_is_shown_its_state_in_the_parts_that_the_policy_wants(numbers):
    task = Recorder(numbers)
    skill = SkillOfTask(task)
    inputs = make_input(skill)
    out = skill.infer(inputs)
    np.testing.assert_allclose(out.T_base_tool, inputs.T_base_tool[-1:].repeat(3, 0), atol=1e-6)
    np.testing.assert_allclose(out.opening, inputs.opening[-1], atol=1e-6)
    assert {key: values.shape[1] for key, values in task.seen.items()} == numbers
    states = input_history(inputs)
    np.testing.assert_array_equal(task.seen[STATE], states[:, : numbers[STATE]])


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Recorder({STATE: 7}), r"observation\.state \(7\)"),
        (Recorder({STATE: TOOL}), r"observation\.state \(10\)"),
        (Recorder({STATE: len(STATE_NAMES), "observation.force": 3}), "force"),
        (Recorder({STATE: len(STATE_NAMES)}, action=7), "7"),
    ],
)
def test_a_policy_of_another_layout_is_no_skill(task, reason):
    with pytest.raises(RefusedError, match=reason):
        SkillOfTask(task)


def test_a_policy_that_sees_a_camera_is_no_skill():
    task = Recorder({STATE: len(STATE_NAMES)})
    task.sizes = replace(task.sizes, pictures={"observation.images.front": None})
    with pytest.raises(RefusedError, match="front"):
        SkillOfTask(task)


def test_a_policy_without_fps_is_no_skill():
    task = Recorder({STATE: len(STATE_NAMES)})
    task.period_s = None
    with pytest.raises(RefusedError, match="fps"):
        SkillOfTask(task)


def test_there_and_back_is_the_same_policy():
    policy = SkillOfTask(TaskOfSkill(HoldPolicy()))
    inputs = make_input(policy)
    there, here = policy.infer(inputs), HoldPolicy().infer(inputs)
    np.testing.assert_allclose(there.T_base_tool, here.T_base_tool, atol=1e-6)
    np.testing.assert_allclose(there.opening, here.opening, atol=1e-6)
    assert there.done == here.done


def test_pictures_and_depth_of_any_size_pass_where_any_will_do():
    sizes = FeatureSizes(numbers={}, pictures={"a": None}, depths={"a_depth": None}, action=1)
    history = {"a": np.zeros((1, 4, 5, 3), np.uint8), "a_depth": np.ones((1, 4, 5), np.float32)}
    assert set(check_history(history, sizes, 1)) == {"a", "a_depth"}
    for key, wrong in {"a": history["a"][..., :2], "a_depth": history["a_depth"][None]}.items():
        with pytest.raises(RefusedError, match=key):
            check_history(history | {key: wrong}, sizes, 1)


def test_our_own_policies_describe_themselves(tiny_checkpoint):
    policy = DescribedPolicy(TaskPolicy.load(tiny_checkpoint))
    assert policy.sizes.numbers == {STATE: len(STATE_NAMES)}
    assert policy.sizes.action == len(ACTION_NAMES)
    assert policy.period_s == pytest.approx(0.05)
    longer = (*STATE_NAMES, "more")
    wider = DescribedPolicy(TaskPolicy.load(tiny_checkpoint, state_names=longer))
    states = input_history(make_input(policy))
    more = np.concatenate([states, np.ones((2, 1), np.float32)], axis=1)
    np.testing.assert_array_equal(
        wider.infer({STATE: more}).actions, policy.infer({STATE: states}).actions
    )
