"""Around a post: two equally good ways, and nothing that tells them apart at the start."""

from collections.abc import Iterator

import numpy as np
import pytest

from sim.suites import Recording, find_task
from sim.suites.detour import ARRIVED_M, DetourExpert, DetourTask, goes_left
from sim.suites.suite import STATE

_SPEC = find_task("detour:post")
_DEMONSTRATIONS = 20


@pytest.fixture
def task() -> Iterator[DetourTask]:
    task = DetourTask(Recording())
    yield task
    task.close()


@pytest.mark.parametrize("left", [True, False])
def test_expert_passes_on_the_side_it_is_told(task: DetourTask, left: bool) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        task.begin(rng)
        assert task.side() is None
        expert = DetourExpert(task.tool_from_post(), task.goal_from_post(), left, rng)
        while not expert.arrived:
            task.step(expert.act().astype(np.float32))
        assert task.succeeded()
        assert task.side() == ("left" if left else "right")


def test_both_ways_are_demonstrated_equally_often_and_nearly_always_well() -> None:
    left = sum(goes_left((0, i)) for i in range(_DEMONSTRATIONS))
    assert left == _DEMONSTRATIONS // 2
    for i in range(_DEMONSTRATIONS):
        demonstration = _SPEC.demonstrate((0, i), Recording())
        furthest = demonstration.state[np.abs(demonstration.state[:, 1]).argmax(), 1]
        assert (furthest > 0.0) == goes_left((0, i))
        assert 40 <= len(demonstration.state) <= 110


def test_the_way_is_not_told_by_the_start(task: DetourTask) -> None:
    starts = np.stack([task.reset(seed)[STATE] for seed in range(200)])
    # Sideways places scatter evenly: their means are within three standard errors of the middle.
    for column in (1, 3):
        sideways = starts[:, column]
        assert abs(sideways.mean()) < 3.0 * sideways.std() / np.sqrt(len(sideways))


def test_straight_ahead_runs_into_the_post(task: DetourTask) -> None:
    for seed in range(5):
        task.reset(seed)
        for _ in range(task.max_steps):
            way = task.goal_from_post() - task.tool_from_post()
            ahead = way * min(1.0, 0.01 / max(float(np.linalg.norm(way)), 1e-9))
            task.step((task.tool_from_post() + ahead).astype(np.float32))
            if task.touched_post():
                break
        assert task.touched_post()
        assert not task.succeeded()


def test_the_goal_does_not_count_after_a_touch(task: DetourTask) -> None:
    rng = np.random.default_rng(0)
    task.begin(rng)
    start = task.tool_from_post().astype(np.float32)
    for place in (np.zeros(2, dtype=np.float32), start):
        for _ in range(30):
            task.step(place)
    assert task.touched_post()
    around = DetourExpert(task.tool_from_post(), task.goal_from_post(), True, rng)
    for _ in range(60):
        task.step(around.act().astype(np.float32))
    away = np.linalg.norm(task.goal_from_post() - task.tool_from_post())
    assert away <= ARRIVED_M
    assert not task.succeeded()


def test_same_seed_gives_the_same_demonstration() -> None:
    first, again = (_SPEC.demonstrate((1, 3), Recording()) for _ in range(2))
    for name in ("state", "action", "label_valid", "done"):
        assert np.array_equal(getattr(first, name), getattr(again, name))


def test_reset_starts_the_same_episode_whatever_came_before(task: DetourTask) -> None:
    fresh = task.reset(7)[STATE]
    task.reset(8)
    task.step(np.zeros(2, dtype=np.float32))
    assert np.array_equal(task.reset(7)[STATE], fresh)


def test_demonstrations_end_with_done() -> None:
    demonstration = _SPEC.demonstrate((0, 0), Recording())
    first = int(np.argmax(demonstration.done))
    assert len(demonstration.done) - first >= 8
    assert demonstration.done[first:].all()
    assert demonstration.action_names == _SPEC.action_names


def test_frame_is_a_picture_for_people(task: DetourTask) -> None:
    task.reset(0)
    assert task.frame().shape == (480, 640, 3)
