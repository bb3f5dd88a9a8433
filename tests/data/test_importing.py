"""Imported episodes keep their numbers and times; what a source does not know is not made up."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.data.foreign import open_source
from robot_skills.data.importing import import_episodes, known_optics
from robot_skills.data.reader import RecordedEpisodes, read_recorded
from robot_skills.data.series import NumberSeries
from robot_skills.data.store import EpisodeStore
from tests.data import recording
from tests.data.foreign import test_robomimic_source, test_rosbag_source, test_zarr_source
from tests.data.lerobot.factory import make_episode


class Source:
    """Episodes in memory."""

    name, kind = "drawn", "test"

    def __init__(self, *episodes, broken_at=None):
        self._episodes, self.broken_at = episodes, broken_at
        self.read = []

    def __len__(self):
        return len(self._episodes)

    def episode(self, index):
        self.read.append(index)
        if index == self.broken_at and self.read.count(index) > 1:
            raise DatasetError("the disk is gone")
        return self._episodes[index]


def imported(source, root):
    store = EpisodeStore(root)
    import_episodes(source, store, name="drawn")
    return store


def damage_of(store):
    return [damage for _, found in store.verify() for damage in found]


def test_numbers_times_and_poses_come_back(tmp_path):
    was = make_episode(seed=2)
    store = imported(Source(was), tmp_path / "d")
    now = read_recorded(store.entry(0), store)
    assert (now.task, now.outcome, now.subtasks) == (was.task, was.outcome, was.subtasks)
    assert (now.start_s, now.end_s, now.period_s) == (was.start_s, was.end_s, was.period_s)
    for name in ("stamp_s", "q_rad", "dq_rad_s", "tau_nm", "opening"):
        np.testing.assert_array_equal(
            getattr(now.arms["arm"], name), getattr(was.arms["arm"], name)
        )
    np.testing.assert_allclose(now.arms["arm"].T_base_tool, was.arms["arm"].T_base_tool, atol=1e-12)
    for which in ("requested", "sent"):
        mine, theirs = getattr(now, which)["arm"], getattr(was, which)["arm"]
        np.testing.assert_array_equal(mine.stamp_s, theirs.stamp_s)
        np.testing.assert_array_equal(mine.opening, theirs.opening)
        np.testing.assert_allclose(mine.T_base_tool, theirs.T_base_tool, atol=1e-12)
    assert damage_of(store) == []


def test_pictures_come_back(tmp_path):
    was = make_episode(seed=1)
    store = imported(Source(was), tmp_path / "d")
    now = known_optics(read_recorded(store.entry(0), store))
    for name, camera in was.cameras.items():
        mine = now.cameras[name]
        np.testing.assert_allclose(mine.stamp_s, camera.stamp_s, atol=1e-9)
        np.testing.assert_allclose(mine.K, camera.K)
        np.testing.assert_allclose(mine.T_base_camera, camera.T_base_camera, atol=1e-9)
        last = len(camera.stamp_s) - 1
        off = mine.pictures.rgb(last).astype(int) - camera.pictures.rgb(last)
        assert np.abs(off).mean() < 3.0
        np.testing.assert_allclose(
            mine.pictures.depth_m(last), camera.pictures.depth_m(last), atol=5.1e-4
        )


def test_a_picture_that_rows_repeat_is_kept_once(tmp_path):
    episode = make_episode()
    front = episode.cameras["front"]
    stamp_s = np.repeat(front.stamp_s[::2], 2)[: len(front.stamp_s)]
    episode = replace(episode, cameras={"front": replace(front, stamp_s=stamp_s)})
    store = imported(Source(episode), tmp_path / "d")
    now = read_recorded(store.entry(0), store)
    np.testing.assert_allclose(now.cameras["front"].stamp_s, np.unique(stamp_s), atol=1e-9)
    assert store.entry(0).manifest.streams["/camera/front"].repeated == 0


def test_unknown_optics_stay_unknown(tmp_path):
    episode = make_episode()
    front = replace(episode.cameras["front"], K=None, T_base_camera=None)
    wrist = replace(episode.cameras["wrist"], T_base_camera=None)
    episode = replace(episode, cameras={"front": front, "wrist": wrist})
    store = imported(Source(episode), tmp_path / "d")
    now = known_optics(read_recorded(store.entry(0), store))
    assert now.cameras["front"].K is None
    assert now.cameras["front"].T_base_camera is None
    assert now.cameras["wrist"].K is not None
    assert now.cameras["wrist"].T_base_camera is None


def test_times_before_zero_are_moved_and_that_is_noted(tmp_path):
    episode = replace(make_episode(start_s=-0.5), cameras={})
    store = imported(Source(episode), tmp_path / "d")
    now = read_recorded(store.entry(0), store)
    assert now.meta["shifted_s"] == "1.0"
    np.testing.assert_allclose(now.arms["arm"].stamp_s, episode.arms["arm"].stamp_s + 1.0)


def test_vectors_come_back_under_names_that_files_can_have(tmp_path):
    stamp_s = np.arange(5) * 0.1
    values = np.random.default_rng(0).normal(size=(5, 2))
    series = NumberSeries(names=("a", "b"), stamp_s=stamp_s, values=values)
    episode = replace(
        make_episode(start_s=0.0), arms={}, requested={}, sent={}, cameras={},
        numbers={"Robot0/Force": series},
    )  # fmt: skip
    store = EpisodeStore(tmp_path / "d")
    done = import_episodes(Source(episode), store, name="drawn")
    assert done.notes == ("Robot0/Force is called robot0_force",)
    now = read_recorded(store.entry(0), store)
    np.testing.assert_array_equal(now.numbers["robot0_force"].values, values)


def test_an_interrupted_import_goes_on(tmp_path):
    episodes = [replace(make_episode(seed=i), cameras={}) for i in range(3)]
    store = EpisodeStore(tmp_path / "d")
    with pytest.raises(DatasetError, match="disk is gone"):
        import_episodes(Source(*episodes, broken_at=1), store, name="drawn")
    assert store.numbers() == [0]
    assert store.leftovers() == []
    done = import_episodes(Source(*episodes), store, name="drawn")
    assert (done.episodes, done.before) == (2, 1)
    assert [entry.task[:10] for entry in store.entries()] == [
        "put cube 0",
        "put cube 1",
        "put cube 2",
    ]


def test_episodes_that_differ_are_refused_before_anything_is_written(tmp_path):
    one = make_episode()
    other = replace(one, cameras={"front": one.cameras["front"]})
    with pytest.raises(DatasetError, match=r"Episode 1 .* camera wrist is missing"):
        imported(Source(one, other), tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    series = NumberSeries(names=("a",), stamp_s=np.array([0.0]), values=np.array([[np.nan]]))
    episode = replace(make_episode(start_s=0.0), cameras={}, numbers={"x": series})
    with pytest.raises(DatasetError, match="/numbers/x holds numbers that are not finite"):
        imported(Source(episode), tmp_path / "d")
    assert EpisodeStore(tmp_path / "d").numbers() == []


def test_a_dataset_of_other_episodes_is_refused(tmp_path):
    recording.small_dataset(tmp_path / "own", cameras=False)
    source = RecordedEpisodes(EpisodeStore(tmp_path / "own"))
    with pytest.raises(RefusedError, match="not from this"):
        import_episodes(source, EpisodeStore(tmp_path / "own"), name="own")


def robomimic(root):
    return open_source(test_robomimic_source.write_file(root / "demo.hdf5"))


def pusht(root):
    return open_source(test_zarr_source.write_buffer(root / "a.zarr", test_zarr_source.pusht()))


def umi(root):
    folder = test_zarr_source.write_buffer(root / "a.zarr", test_zarr_source.umi())
    return open_source(test_zarr_source.zipped(folder))


def bag(root):
    mapping = test_rosbag_source.write_mapping(root / "mapping.yaml")
    return open_source(test_rosbag_source.write_bag(root / "bag"), mapping)


@pytest.mark.parametrize("make", [robomimic, pusht, umi, bag])
def test_datasets_of_others_keep_their_numbers_and_times(make, tmp_path):
    source = make(tmp_path)
    store = imported(source, tmp_path / "d")
    assert len(store.numbers()) == len(source)
    assert damage_of(store) == []
    for index, entry in enumerate(store.entries()):
        was, now = source.episode(index), read_recorded(entry, store)
        shift_s = float(now.meta.get("shifted_s", 0.0))
        assert entry.manifest.origin["source_kind"] == source.kind
        assert (now.task, now.outcome) == (was.task, was.outcome)
        assert len(now.numbers) == len(was.numbers)
        for name, series in was.numbers.items():
            mine = now.numbers[name.lower()]
            np.testing.assert_array_equal(mine.values, series.values)
            np.testing.assert_array_equal(mine.stamp_s, series.stamp_s + shift_s)
        for name, arm in was.arms.items():
            np.testing.assert_array_equal(now.arms[name].q_rad, arm.q_rad)
        for name, camera in was.cameras.items():
            if camera.has_rgb:
                mine = now.cameras[name.lower()]
                np.testing.assert_allclose(mine.stamp_s, camera.stamp_s + shift_s, atol=1e-6)
                assert mine.has_depth == camera.has_depth
