"""Merging and dividing keep every byte, every word that was said, and the inputs as they are."""

import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, RefusedError, UnknownNameError
from robot_skills.data.edit import TAKEN_FROM, divide, merge, take_episodes
from robot_skills.data.store import EpisodeStore
from tests.data import recording


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two small datasets without cameras."""
    root = tmp_path_factory.mktemp("pair")
    for name in ("a", "b"):
        recording.small_dataset(root / name, cameras=False)
    stores = EpisodeStore(root / "a"), EpisodeStore(root / "b")
    stores[1].annotate(0, label="good one", outcome=Outcome.FAILURE, trim_s=(0.1, 0.5))
    return stores


def damage_of(store):
    return [damage for _, found in store.verify() for damage in found]


def test_merged_episodes_keep_their_bytes_and_what_was_said(pair, tmp_path):
    before = [store.root_hash() for store in pair]
    target = EpisodeStore(tmp_path / "both")
    taken = merge(pair, target)
    assert (taken.episodes, taken.before) == (4, 0)
    assert target.numbers() == [0, 1, 2, 3]
    assert damage_of(target) == []
    for number, (store, old) in enumerate([(pair[0], 0), (pair[0], 1), (pair[1], 0), (pair[1], 1)]):
        was, now = store.entry(old), target.entry(number)
        assert now.manifest.files == was.manifest.files
        assert now.manifest.origin[TAKEN_FROM].startswith(f"{store.root.name} {old} ")
        assert now.manifest.origin["code"] == "abc"
        assert now.annotation == was.annotation
    assert target.entry(2).outcome is Outcome.FAILURE
    assert [store.root_hash() for store in pair] == before


def test_an_interrupted_merge_goes_on(pair, tmp_path):
    target = EpisodeStore(tmp_path / "both")

    class Interrupted(Exception):
        pass

    def stop(entry):
        if len(target.numbers()) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        merge(pair, target, stop)
    taken = merge(pair, target)
    assert (taken.episodes, taken.before) == (1, 3)
    assert damage_of(target) == []


def test_datasets_that_differ_are_refused_with_the_difference(pair, tmp_path):
    recording.small_dataset(tmp_path / "seeing")
    with pytest.raises(RefusedError, match="camera front is new"):
        merge([pair[0], EpisodeStore(tmp_path / "seeing")], EpisodeStore(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_one_dataset_twice_or_into_itself_is_refused(pair, tmp_path):
    with pytest.raises(RefusedError, match="twice"):
        merge([pair[0], pair[0]], EpisodeStore(tmp_path / "c"))
    with pytest.raises(RefusedError):
        merge(pair, pair[0])
    assert len(pair[0].numbers()) == 2


def test_damage_does_not_spread(pair, tmp_path):
    merge(pair, EpisodeStore(tmp_path / "c"))
    log = EpisodeStore(tmp_path / "c").entry(1).log
    data = bytearray(log.read_bytes())
    log.unlink()
    data[1000] ^= 1
    log.write_bytes(data)
    target = EpisodeStore(tmp_path / "d")
    with pytest.raises(DatasetError, match=r"000001/episode\.mcap is not what was saved"):
        merge([EpisodeStore(tmp_path / "c")], target)
    assert target.numbers() == [0]
    assert damage_of(target) == []


def test_chosen_episodes_are_taken_over(pair, tmp_path):
    target = EpisodeStore(tmp_path / "one")
    take_episodes(pair[1], [1], target)
    assert target.numbers() == [0]
    assert target.entry(0).manifest.files == pair[1].entry(1).manifest.files
    with pytest.raises(UnknownNameError, match="no episode 7"):
        take_episodes(pair[1], [7], EpisodeStore(tmp_path / "two"))


def test_every_group_gets_its_share():
    groups = {"lift": list(range(10)), "place": list(range(10, 50))}
    parts = divide(groups, {"train": 0.8, "test": 0.2}, seed=3)
    assert sorted(parts["train"] + parts["test"]) == list(range(50))
    assert sum(number < 10 for number in parts["test"]) == 2
    assert sum(number >= 10 for number in parts["test"]) == 8
    assert divide(groups, {"train": 0.8, "test": 0.2}, seed=3) == parts
    assert divide(groups, {"train": 0.8, "test": 0.2}, seed=4) != parts


def test_the_same_recording_twice_is_noticed(pair, tmp_path):
    take_episodes(pair[0], [1], EpisodeStore(tmp_path / "one"))
    taken = merge([pair[0], EpisodeStore(tmp_path / "one")], EpisodeStore(tmp_path / "c"))
    assert (taken.episodes, taken.twice) == (3, 1)


def test_many_small_groups_still_add_up():
    groups = {f"task {i}": [i] for i in range(10)}
    parts = divide(groups, {"a": 0.5, "b": 0.3, "c": 0.2}, seed=0)
    assert {name: len(numbers) for name, numbers in parts.items()} == {"a": 5, "b": 3, "c": 2}


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(RefusedError, match="shares"):
        divide({"x": [0]}, shares, seed=0)
