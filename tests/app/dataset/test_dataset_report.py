"""The page about a dataset says what is in it, and finds what is odd."""

import re
from dataclasses import replace

import numpy as np
import pytest

from robot_skills.app.dataset.command import main
from robot_skills.app.dataset.oddities import oddities
from robot_skills.app.dataset.options import DatasetReport
from robot_skills.app.dataset.report import examine, render
from robot_skills.app.dataset.report_tables import wilson
from robot_skills.app.dataset.subsets import action_spread, occupied, spread
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.data.store import EpisodeStore
from tests.data import recording


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Episodes of two tasks."""
    root = tmp_path_factory.mktemp("report") / "small"
    recording.small_dataset(root, episodes=6)
    store = EpisodeStore(root)
    for number in (1, 3):
        store.annotate(number, task="push the cube", outcome=Outcome.FAILURE)
    store.annotate(5, discarded=True)
    return store


def test_the_page_needs_nothing_else_and_shows_everything(store, tmp_path):
    result = main(DatasetReport(dataset=store.root, out=tmp_path / "deep" / "report.html"))
    assert result.exit_code == 0
    page = (tmp_path / "deep" / "report.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    for words in ("push the cube", "Disparity", "Wilson", "camera/front", store.root_hash()):
        assert words in page
    assert page.count("data:image/jpeg") == 5 * 2
    assert "1 discarded episodes are left out" in page


def test_the_numbers_of_the_page_are_the_datasets(store, tmp_path):
    payload = main(DatasetReport(dataset=store.root, out=tmp_path / "r.html")).payload
    assert payload["episodes"] == 5
    assert payload["discarded"] == 1
    assert {name: row["episodes"] for name, row in payload["subsets"].items()} == {
        "lift the cube": 3,
        "push the cube": 2,
    }
    assert payload["success"]["push the cube"]["successes"] == 0
    assert payload["success"]["lift the cube"]["n"] == 3


def test_anything_may_divide_a_dataset(store):
    assert list(examine(store, "outcome").groups) == ["success", "failure"]
    assert list(examine(store, "origin.code").groups) == ["abc"]
    assert list(examine(store, "label").groups) == ["(no label)"]


def test_unknown_divisions_and_empty_datasets_are_refused(store, tmp_path):
    with pytest.raises(RefusedError, match=r"origin\.KEY"):
        main(DatasetReport(dataset=store.root, out=tmp_path / "r.html", by="taks"))
    with EpisodeStore(tmp_path / "empty").writer(recording.BLIND):
        pass
    with pytest.raises(DatasetError, match="no episode"):
        examine(EpisodeStore(tmp_path / "empty"))


def test_a_damaged_episode_is_named_and_the_rest_described(tmp_path):
    recording.small_dataset(tmp_path / "d", episodes=2, cameras=False)
    store = EpisodeStore(tmp_path / "d")
    log = store.entry(0).log
    log.write_bytes(log.read_bytes()[:4000])
    found = examine(store)
    assert list(found.survey.unreadable) == [0]
    assert [episode.number for episode in found.survey.episodes] == [1]
    assert "episode 0" in render(found)


def test_words_of_operators_cannot_change_the_page(tmp_path):
    recording.small_dataset(tmp_path / "d", episodes=1, cameras=False)
    store = EpisodeStore(tmp_path / "d")
    store.annotate(0, task="<script>alert(1)</script>", label="<b>")
    page = render(examine(store))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_an_episode_unlike_the_others_is_odd_with_its_reason(store):
    one = examine(store).survey.episodes[0]
    alike = [replace(one, number=i, flags=(), duration_s=5.0 + 0.1 * i) for i in range(8)]
    assert oddities(alike, 0.05) == []
    assert one.tool is not None
    still = replace(one.tool, motion=replace(one.tool.motion, path_m=0.001))
    late = {"front": replace(one.alignment["front"], p95_s=0.2, worst_s=0.25)}
    odd = [
        *alike,
        replace(alike[0], number=8, duration_s=60.0),
        replace(alike[0], number=9, tool=still),
        replace(alike[0], number=10, alignment=late),
        replace(alike[0], number=11, flags=("it is cursed",)),
    ]
    reasons = {one.number: " / ".join(one.reasons) for one in oddities(odd, 0.05)}
    assert set(reasons) == {8, 9, 10, 11}
    assert "unusually long, 60.0 s" in reasons[8]
    assert "moved only 0.1 cm" in reasons[9]
    assert "250 ms from their rows" in reasons[10]
    assert reasons[11] == "it is cursed"


def test_diversity_and_disparity_have_their_limits():
    rng = np.random.default_rng(0)
    same = [rng.normal(size=(200, 3)) for _ in range(2)]
    found = spread({"a": same[0], "b": same[1]})
    assert found.disparity["a", "b"] < 0.01
    # Two independent standard normal vectors differ by a root mean square of almost sqrt(2).
    assert found.diversity["a"] == pytest.approx(1.33, abs=0.08)
    points = spread({"a": np.zeros((5, 2)), "b": np.ones((5, 2))})
    assert points.disparity["a", "b"] == pytest.approx(1.0)
    assert points.diversity["a"] == 0.0
    assert spread({"a": np.zeros((1, 2))}).diversity["a"] is None


def test_actions_that_the_state_decides_have_no_spread():
    rng = np.random.default_rng(0)
    states = [rng.uniform(size=(50, 2)) for _ in range(20)]
    decided = action_spread(states, [x @ [[1.0], [2.0]] for x in states])
    free = action_spread(states, [rng.normal(size=(50, 1)) for _ in states])
    assert decided is not None
    assert free is not None
    assert decided < 0.05
    assert 0.85 < free < 1.15
    assert action_spread(states[:2], states[:2]) is None


def test_cells_are_counted():
    assert occupied(np.array([[0.01, 0.0, 0.0], [0.02, 0.0, 0.0], [0.06, 0.0, 0.0]]), 0.05) == 2


def test_the_interval_is_wilsons():
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
