"""robosuite's tasks as a suite, and the expert that demonstrates them."""

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES, encode_action
from sim.demonstrate import AttemptFailed
from sim.experts.transfer import Phase, TransferExpert, TransferStyle
from sim.robosuite_tasks import P_BASE_PEG
from sim.robot import CONTROL_PERIOD_S
from sim.suites import Recording, find_task
from sim.suites.robosuite import TASKS, RobosuiteTask
from sim.suites.suite import ACTION, IMAGE, STATE

NAMES = sorted(TASKS)
_TOKENS = [STATE_NAMES.index(f"entity{slot}.present") for slot in range(2)]
assert ACTION == "action"


def _open(name: str, recording: Recording | None = None) -> RobosuiteTask:
    task = find_task(f"robosuite:{name}").open(recording or Recording())
    assert isinstance(task, RobosuiteTask)
    return task


def _token(state: np.ndarray, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """Position and +x axis of a token."""
    first = _TOKENS[slot] + 1
    return state[first : first + 3], state[first + 3 : first + 6]


@pytest.mark.parametrize("name", NAMES)
def test_a_demonstration_is_recorded_as_its_spec_says(name):
    spec = TASKS[name]
    demonstration = spec.demonstrate((0, 1), Recording())
    ticks = len(demonstration.state)
    assert demonstration.state.shape == (ticks, len(spec.state_names))
    assert demonstration.action.shape == (ticks, len(spec.action_names))
    assert demonstration.state.dtype == demonstration.action.dtype == np.float32
    assert np.isfinite(demonstration.state).all()
    assert len(demonstration.phases) == ticks
    assert spec.fps == 20
    assert (spec.state_names, spec.action_names) == (STATE_NAMES, ACTION_NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_replaying_a_demonstration_fulfils_the_task_within_its_steps(name):
    demonstration = TASKS[name].demonstrate((0, 2), Recording())
    task = _open(name)
    sensed = task.begin(np.random.default_rng((0, 2)))
    assert not task.succeeded()
    for tick, action in enumerate(demonstration.action):
        np.testing.assert_array_equal(sensed[STATE], demonstration.state[tick])
        sensed = task.step(action)
    assert task.succeeded()
    assert len(demonstration.action) < task.max_steps


@pytest.mark.parametrize("name", NAMES)
def test_done_is_marked_from_the_fulfilled_task_to_the_end(name):
    done = TASKS[name].demonstrate((0, 3), Recording()).done
    first = int(np.argmax(done))
    assert 0 < first < len(done) - 5
    assert done[first:].all()


@pytest.mark.parametrize("name", NAMES)
def test_pushed_ticks_are_marked_and_the_expert_comes_back_from_them(name):
    pushed = 0
    for index in range(4):
        demonstration = TASKS[name].demonstrate((5, index), Recording())
        pushed += int(np.sum(demonstration.label_valid == 0.0))
        assert demonstration.label_valid[-1] == 1.0
    assert pushed > 0


def test_the_same_seed_gives_the_same_episode_bit_for_bit():
    first = TASKS["lift"].demonstrate((1, 0), Recording())
    TASKS["lift"].demonstrate((1, 1), Recording())
    again = TASKS["lift"].demonstrate((1, 0), Recording())
    np.testing.assert_array_equal(first.state, again.state)
    np.testing.assert_array_equal(first.action, again.action)


def test_seeds_start_different_episodes_and_reset_repeats_them():
    task = _open("can")
    states = [task.reset(seed)[STATE] for seed in (0, 1, 0)]
    assert not np.array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])


@pytest.mark.parametrize("name", NAMES)
def test_things_lie_still_when_an_episode_starts(name):
    task = _open(name)
    before = task.reset(4)[STATE]
    hold = encode_action(task.world.T_base_tool(), 1.0)
    after = task.step(hold)[STATE]
    np.testing.assert_allclose(after[_TOKENS[0] :], before[_TOKENS[0] :], atol=1e-3)


def test_the_nuts_token_points_from_its_handle_to_its_hole():
    task = _open("square")
    for seed in range(5):
        state = task.reset(seed)[STATE]
        p_base_handle, x = _token(state, 0)
        T_base_nut = task.world.T_base_body("nut")
        np.testing.assert_allclose(p_base_handle + 0.0615 * x, T_base_nut.p, atol=1e-6)
        p_base_goal, x = _token(state, 1)
        np.testing.assert_allclose((p_base_goal + 0.0615 * x)[:2], P_BASE_PEG[:2], atol=1e-6)


def test_a_cubes_token_keeps_its_side_while_the_hand_turns():
    demonstration = TASKS["stack"].demonstrate((0, 0), Recording())
    first = _TOKENS[0] + 4
    x = demonstration.state[:, first : first + 3]
    assert np.all(np.sum(x[1:] * x[:-1], axis=1) > 0.9)


def test_lift_has_one_token_and_the_others_two():
    for name in NAMES:
        present = _open(name).reset(0)[STATE][_TOKENS]
        np.testing.assert_array_equal(present, [1.0, float(name != "lift")])


def test_pictures_come_with_depth_at_the_size_asked_for():
    recording = Recording(cameras=("front", "wrist"), camera_px=(48, 32))
    task = _open("can", recording)
    sensed = task.reset(0)
    for name in recording.cameras:
        assert sensed[f"{IMAGE}{name}"].shape == (32, 48, 3)
        assert sensed[f"{IMAGE}{name}"].dtype == np.uint8
        assert sensed[f"{IMAGE}{name}_depth"].shape == (32, 48)
        assert sensed[f"{IMAGE}{name}"].std() > 5.0
    assert task.frame().shape == (480, 640, 3)
    task.close()
    task.close()


def test_a_recorded_demonstration_holds_its_pictures():
    recording = Recording(cameras=("front",), camera_px=(32, 32))
    demonstration = TASKS["lift"].demonstrate((0, 0), recording)
    ticks = len(demonstration.state)
    assert demonstration.rgb["front"].shape == (ticks, 32, 32, 3)
    assert demonstration.depth_m["front"].shape == (ticks, 32, 32)


def test_an_unknown_camera_is_refused():
    with pytest.raises(UnknownNameError, match="front"):
        _open("lift", Recording(cameras=("side",))).reset(0)


@pytest.mark.parametrize("action", [np.zeros(3), np.full(len(ACTION_NAMES), np.nan)])
def test_actions_of_the_wrong_form_are_refused(action):
    task = _open("lift")
    task.reset(0)
    with pytest.raises(RefusedError, match="10 finite numbers"):
        task.step(action)


def test_a_step_before_any_reset_is_refused():
    with pytest.raises(RefusedError, match="reset"):
        _open("lift").step(np.zeros(len(ACTION_NAMES), dtype=np.float32))


def test_a_thing_that_slipped_away_is_fetched_again():
    task = _open("can")
    task.reset(2)
    world = task.world
    start = world.data.qpos[-7:].copy()
    expert = TransferExpert(world.T_base_tool(), _style("can"), CONTROL_PERIOD_S)
    carried, stolen = 0, False
    for _ in range(2 * task.max_steps):
        step = expert.act(task.situation())
        carried += expert.phase is Phase.CARRY
        if carried == 15 and not stolen:
            adr = world.model.joint("Can_joint0").qposadr[0]
            world.data.qpos[adr : adr + 7] = start
            world.data.qvel[world.model.joint("Can_joint0").dofadr[0] :][:6] = 0.0
            stolen = True
        task.step(encode_action(step.T_base_tool, step.opening))
        if task.succeeded():
            break
    assert stolen
    assert task.succeeded()


def _style(name: str) -> TransferStyle:
    from sim.suites.robosuite import _SKILLS

    return _SKILLS[name].style


def test_an_expert_that_does_not_finish_says_where_it_was():
    from dataclasses import replace

    from sim.suites.robosuite import _SKILLS, demonstrate

    hurried = replace(_SKILLS["lift"], max_steps=5)
    with pytest.raises(AttemptFailed, match="approach"):
        demonstrate(hurried, (0, 0), Recording())
