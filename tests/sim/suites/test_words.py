"""The world of five things and three verbs: repeatable, solved by its experts, judged by truth."""

from collections.abc import Iterator

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.demonstrate import AttemptFailed
from sim.robot import CONTROL_PERIOD_S
from sim.suites import Recording, find_task
from sim.suites.phrases import NAMES, TEMPLATES, Verb
from sim.suites.suite import STATE
from sim.suites.verbs import VERB_EXPERTS, Style
from sim.suites.words import ACTION_NAMES, STATE_NAMES, THINGS, WordsTask

_SPEC = find_task("words:tabletop")


@pytest.fixture
def task() -> Iterator[WordsTask]:
    task = WordsTask(Recording())
    yield task
    task.close()


def _act(task: WordsTask, rng: np.random.Generator, verb: Verb) -> bool:
    """Let the expert for a verb act on the target, without noise; whether it finished."""
    expert = VERB_EXPERTS[verb](Style.draw(rng), CONTROL_PERIOD_S)
    for _ in range(task.max_steps):
        step = expert.act(task.hand(), task.thing())
        task.step(np.array([*step.move_m, step.turn_rad, step.opening], dtype=np.float32))
        if step.done:
            return True
    return False


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("verb", Verb)
def test_expert_does_what_is_asked_and_only_to_the_thing_meant(
    task: WordsTask, verb: Verb, thing: str
) -> None:
    rng = np.random.default_rng(3)
    task.begin(rng, verb, thing)
    assert (task.verb, task.target) == (verb, thing)
    assert not task.succeeded()
    assert task.acted_on() is None
    assert _act(task, rng, verb)
    assert task.succeeded()
    assert task.acted_on() == thing


@pytest.mark.parametrize(("asked", "done"), [(a, d) for a in Verb for d in Verb if a is not d])
def test_another_verb_than_the_one_asked_for_is_no_success(
    task: WordsTask, asked: Verb, done: Verb
) -> None:
    rng = np.random.default_rng(4)
    task.begin(rng, asked, "red_cube")
    _act(task, rng, done)
    assert not task.succeeded()


def test_the_wrong_thing_is_noticed(task: WordsTask) -> None:
    task.begin(np.random.default_rng(5), Verb.PICK, "can")
    rng = np.random.default_rng(5)
    other = WordsTask(Recording())
    other.begin(rng, Verb.PICK, "blue_cube")
    expert = VERB_EXPERTS[Verb.PICK](Style.draw(rng), CONTROL_PERIOD_S)
    for _ in range(80):
        # The scene is the same: what is right for the other task takes the wrong thing in this one.
        step = expert.act(other.hand(), other.thing())
        action = np.array([*step.move_m, step.turn_rad, step.opening], dtype=np.float32)
        other.step(action)
        task.step(action)
    other.close()
    assert task.acted_on() == "blue_cube"
    assert task.target == "can"
    assert not task.succeeded()


def test_same_seed_gives_the_same_demonstration() -> None:
    first, again = (_SPEC.demonstrate((1, 3), Recording()) for _ in range(2))
    assert first.task == again.task
    for name in ("state", "action", "label_valid", "done"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.state[0], _SPEC.demonstrate((1, 4), Recording()).state[0])


def test_reset_starts_the_same_episode_whatever_came_before(task: WordsTask) -> None:
    fresh = task.reset(7)[STATE]
    sentence = task.instruction
    task.reset(8)
    _act(task, np.random.default_rng(0), Verb.PUSH)
    assert np.array_equal(task.reset(7)[STATE], fresh)
    assert task.instruction == sentence


def test_demonstrations_are_labelled_and_end_with_done() -> None:
    demonstration = _SPEC.demonstrate((1, 0), Recording())
    ticks = len(demonstration.state)
    assert demonstration.state.shape == (ticks, len(STATE_NAMES))
    assert demonstration.action.shape == (ticks, len(ACTION_NAMES))
    assert np.isfinite(demonstration.state).all()
    assert demonstration.state_names == _SPEC.state_names
    first = int(np.argmax(demonstration.done))
    assert first > 20
    assert ticks - first >= 8
    assert demonstration.done[first:].all()


def test_experts_nearly_always_succeed_and_pushes_are_not_to_be_imitated() -> None:
    shortest, longest, invalid, good = 1000, 0, 0, 0
    attempts = 20
    for i in range(attempts):
        try:
            demonstration = _SPEC.demonstrate((2, i), Recording())
        except AttemptFailed:
            continue
        good += 1
        shortest = min(shortest, len(demonstration.state))
        longest = max(longest, len(demonstration.state))
        invalid += int((demonstration.label_valid == 0.0).sum())
    assert good >= 0.9 * attempts
    assert shortest >= 30
    assert longest <= 120
    assert invalid > 0


def test_no_column_is_constant() -> None:
    states = np.concatenate([_SPEC.demonstrate((1, i), Recording()).state for i in (0, 1, 2, 3)])
    assert (states.std(axis=0) > 0.0).all()


def test_unseen_task_speaks_with_other_words() -> None:
    task = find_task("words:unseen").open(Recording())
    templates = {t for verb in Verb for t in TEMPLATES[verb].training}
    names = {n for item in NAMES.values() for n in item.training}
    trained = {t.format(x=n) for t in templates for n in names}
    for seed in range(20):
        task.reset(seed)
        assert task.instruction not in trained
    task.close()


@pytest.mark.parametrize("action", [np.zeros(4), np.full(5, np.nan)])
def test_malformed_actions_are_refused(task: WordsTask, action: np.ndarray) -> None:
    task.reset(0)
    with pytest.raises(RefusedError, match="5 finite numbers"):
        task.step(action.astype(np.float32))


def test_steps_before_the_first_reset_are_refused(task: WordsTask) -> None:
    with pytest.raises(RefusedError, match="reset"):
        task.step(np.zeros(5, dtype=np.float32))


def test_unknown_cameras_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="front"):
        WordsTask(Recording(cameras=("back",)))


def test_pictures_are_taken_of_what_is_asked_for() -> None:
    demonstration = None
    for i in range(4):
        try:
            recording = Recording(cameras=("front",), camera_px=(48, 32))
            demonstration = _SPEC.demonstrate((1, i), recording)
            break
        except AttemptFailed:
            continue
    assert demonstration is not None
    ticks = len(demonstration.state)
    assert demonstration.rgb["front"].shape == (ticks, 32, 48, 3)
    assert demonstration.depth_m["front"].shape == (ticks, 32, 48)


def test_frame_is_a_picture_for_people(task: WordsTask) -> None:
    task.reset(0)
    picture = task.frame()
    assert picture.shape == (480, 640, 3)
    assert picture.std() > 10.0
