"""Meta-World's tasks start anew for each seed, repeat themselves, and are demonstrated."""

import warnings

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.demonstrate import AttemptFailed
from sim.suites import find_task
from sim.suites.metaworld import (
    ACTION_NAMES,
    CALM,
    INSTRUCTIONS,
    MT10,
    STATE_NAMES,
    TASKS,
    MetaWorldTask,
    demonstrate,
)
from sim.suites.metaworld_expert import Expert
from sim.suites.suite import STATE, Recording

STATE_ONLY = Recording()
HANDLE = slice(4, 7)


def _episode(task: MetaWorldTask, seed: int, steps: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    seen = [task.reset(seed)[STATE]]
    for _ in range(steps):
        seen.append(task.step(rng.uniform(-1, 1, 4).astype(np.float32))[STATE])
    return np.stack(seen)


def test_every_task_of_the_suite_and_no_other_is_offered() -> None:
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS, MT10_V3

    assert {f"{name}-v3" for name in INSTRUCTIONS} == set(ALL_V3_ENVIRONMENTS)
    assert [f"{name}-v3" for name in MT10] == list(MT10_V3)


def test_a_task_is_found_by_our_name_and_by_the_suite_s() -> None:
    assert find_task("metaworld:reach") is find_task("metaworld:reach-v3")
    assert find_task("metaworld:reach").name == "metaworld:reach"
    with pytest.raises(UnknownNameError, match="Did you mean 'reach'"):
        find_task("metaworld:reech")
    assert len(TASKS) == 50


@pytest.mark.parametrize("name", [*MT10, "hammer", "stick-pull"])
def test_the_same_seed_gives_the_same_episode_whatever_came_before(name: str) -> None:
    used, fresh = MetaWorldTask(name, STATE_ONLY), MetaWorldTask(name, STATE_ONLY)
    first = _episode(used, 3, 40)
    other = _episode(used, 4, 40)
    assert np.array_equal(_episode(used, 3, 40), first)
    assert np.array_equal(_episode(fresh, 3, 40), first)
    assert not np.array_equal(other[0], first[0])


def test_numpy_s_global_generator_is_neither_used_nor_moved() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = _episode(MetaWorldTask("push", STATE_ONLY), 5, 5)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(_episode(MetaWorldTask("push", STATE_ONLY), 5, 5), one)


def test_importing_and_opening_prints_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    MetaWorldTask("reach", STATE_ONLY).reset(0)
    demonstrate("reach", (0, 0), STATE_ONLY)
    assert [str(warning.message) for warning in recwarn.list] == []


@pytest.mark.parametrize("name", MT10)
def test_what_is_seen_first_is_where_it_is(name: str) -> None:
    task = MetaWorldTask(name, STATE_ONLY)
    for seed in range(3):
        first = task.reset(seed)[STATE]
        then = task.step(np.zeros(4, dtype=np.float32))[STATE]
        assert np.abs(then - first)[HANDLE].max() < 5e-3
        assert np.array_equal(then[-3:], first[-3:])


def test_the_goal_is_seen_and_differs_between_seeds() -> None:
    task = MetaWorldTask("reach", STATE_ONLY)
    goals = np.stack([task.reset(seed)[STATE][-3:] for seed in range(4)])
    assert (np.ptp(goals, axis=0) > 0.01).all()
    assert STATE_NAMES[-3:] == ("goal.x", "goal.y", "goal.z")


def test_actions_are_clipped_and_nonsense_is_refused() -> None:
    task = MetaWorldTask("reach", STATE_ONLY)
    task.reset(0)
    far = task.step(np.full(4, 9.0, dtype=np.float32))[STATE]
    task.reset(0)
    assert np.array_equal(task.step(np.ones(4, dtype=np.float32))[STATE], far)
    with pytest.raises(RefusedError, match="4 finite numbers"):
        task.step(np.array([0, 0, 0, np.nan], dtype=np.float32))
    with pytest.raises(RefusedError, match="4 finite numbers"):
        task.step(np.zeros(3, dtype=np.float32))


def test_success_stays_until_the_next_start() -> None:
    task = MetaWorldTask("reach", STATE_ONLY)
    demonstration = demonstrate("reach", (0, 1), STATE_ONLY, CALM)
    start = np.random.SeedSequence((0, 1)).spawn(2)[0].generate_state(1)[0]
    task.reset(int(start))
    for action, done in zip(demonstration.action, demonstration.done, strict=True):
        assert task.succeeded() == bool(done)
        task.step(action)
    for _ in range(20):
        task.step(np.array([-1, -1, 1, 0], dtype=np.float32))
    assert task.succeeded()
    task.reset(1)
    assert not task.succeeded()


@pytest.mark.parametrize("name", ["reach", "drawer-close", "window-open"])
def test_a_demonstration_ends_well_and_says_what_it_holds(name: str) -> None:
    demonstration = demonstrate(name, (1, 0), STATE_ONLY)
    steps = len(demonstration.state)
    assert demonstration.state.shape == (steps, len(STATE_NAMES))
    assert demonstration.action.shape == (steps, len(ACTION_NAMES))
    assert demonstration.state.dtype == demonstration.action.dtype == np.float32
    assert np.abs(demonstration.action).max() <= 1.0
    assert demonstration.task == INSTRUCTIONS[name]
    done = demonstration.done.astype(bool)
    assert done[-10:].all()
    assert not done[:10].any()
    assert (np.diff(demonstration.done) >= 0).all()
    assert demonstration.label_valid[done].all()


def test_demonstrations_repeat_for_a_seed_and_differ_between_seeds() -> None:
    one, other = (demonstrate("push", (2, i), STATE_ONLY) for i in (0, 1))
    again = demonstrate("push", (2, 0), STATE_ONLY)
    assert np.array_equal(one.state, again.state)
    assert np.array_equal(one.action, again.action)
    assert not np.array_equal(one.state[0], other.state[0])


def test_pushed_steps_hold_what_the_expert_wants_and_are_marked() -> None:
    seed = next(
        i for i in range(20) if demonstrate("reach", (3, i), STATE_ONLY).label_valid.min() == 0
    )
    pushed, calm = (demonstrate("reach", (3, seed), STATE_ONLY, style) for style in (None, CALM))
    first = int(np.argmin(pushed.label_valid))
    assert np.array_equal(pushed.action[: first + 1], calm.action[: first + 1])
    assert not np.array_equal(pushed.state[first + 1], calm.state[first + 1])
    assert calm.label_valid.all()


@pytest.mark.parametrize(
    ("name", "starts"), [("peg-insert-side", (3, 10, 11)), ("door-open", (6, 18))]
)
def test_mended_experts_succeed_where_the_suite_s_fail(name: str, starts: tuple[int, ...]) -> None:
    for i in starts:
        assert demonstrate(name, (7, i), STATE_ONLY, CALM).done.any()


def test_every_task_opens_and_starts_with_finite_numbers() -> None:
    for name, spec in TASKS.items():
        task = spec.open(STATE_ONLY)
        state = task.reset(0)[STATE]
        assert state.shape == (len(spec.state_names),)
        assert np.isfinite(state).all()
        assert task.instruction == INSTRUCTIONS[name]
        assert not task.succeeded()
        task.close()


def test_experts_leave_what_they_are_given_as_it_is() -> None:
    for name in MT10:
        observed = np.linspace(0.0, 0.7, 39)
        Expert(name).act(observed)
        assert np.array_equal(observed, np.linspace(0.0, 0.7, 39))


def test_an_expert_that_does_not_succeed_is_no_demonstration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MetaWorldTask, "max_steps", 5)
    with pytest.raises(AttemptFailed, match="too long"):
        demonstrate("reach", (0, 0), STATE_ONLY)


def test_an_unknown_camera_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="corner2"):
        MetaWorldTask("reach", Recording(cameras=("front",)))


def test_pictures_are_upright_and_do_not_change_the_episode() -> None:
    seeing = MetaWorldTask("reach", Recording(cameras=("corner2",), camera_px=(64, 48)))
    blind = MetaWorldTask("reach", STATE_ONLY)
    sensed = seeing.reset(0)
    rgb, depth = sensed["observation.images.corner2"], sensed["observation.images.corner2_depth"]
    assert rgb.shape == (48, 64, 3)
    assert depth.shape == (48, 64)
    # The floor below is near, the sky above is not there.
    assert (depth[-1] > 0).all()
    assert (depth[0] == 0).all()
    assert np.array_equal(_episode(seeing, 2, 10), _episode(blind, 2, 10))
    assert seeing.frame().shape == (480, 480, 3)
    seeing.close()


def test_warnings_filters_are_left_as_they_were() -> None:
    before = list(warnings.filters)
    demonstrate("reach", (0, 0), STATE_ONLY)
    assert warnings.filters == before
