"""robomimic's HDF5 files, written here."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, UnknownNameError
from robot_skills.data.foreign import Robomimic, open_source


def write_file(path: Path, lengths=(6, 4), *, control_hz: float | None = 10.0) -> Path:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        env_kwargs = {} if control_hz is None else {"control_freq": control_hz}
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "env_kwargs": env_kwargs})
        # Written in the order of text, so that demo_10 comes before demo_2.
        for number, n in zip((2, 10), lengths, strict=True):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = n
            demo["actions"] = rng.normal(size=(n, 7))
            demo["states"] = rng.normal(size=(n, 20))
            demo["rewards"] = np.arange(n) == n - 1 if number == 2 else np.zeros(n)
            demo["dones"] = np.arange(n) == n - 1
            for key, size in (
                ("robot0_eef_pos", 3),
                ("robot0_eef_quat", 4),
                ("robot0_gripper_qpos", 2),
            ):
                demo[f"obs/{key}"] = rng.normal(size=(n, size))
            demo["obs/agentview_image"] = rng.integers(0, 255, (n, 8, 10, 3), dtype=np.uint8)
            demo["obs/agentview_depth"] = rng.uniform(0.5, 2.0, (n, 8, 10, 1)).astype(np.float32)
            demo["obs/cloud"] = np.zeros((n, 2000, 3), dtype=np.float32)
            signals = demo.create_group("datagen_info/subtask_term_signals")
            signals["grasp"] = np.arange(n) >= 2
            signals["lift_up"] = np.arange(n) >= 3
        file["mask/train"] = np.array([b"demo_10"])
    return path


def test_episodes_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    source = open_source(write_file(tmp_path / "a.hdf5"))
    assert (source.kind, len(source)) == ("robomimic HDF5", 2)
    first, second = source.episode(0), source.episode(1)
    assert (len(first.numbers["action"].values), len(second.numbers["action"].values)) == (6, 4)
    assert first.task == "Lift"
    assert first.period_s == pytest.approx(0.1)
    assert first.duration_s == pytest.approx(0.6)
    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.UNKNOWN)


def test_vectors_and_state_are_as_stored(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.hdf5")
    episode = open_source(path).episode(0)
    with h5py.File(path) as file:
        demo = file["data/demo_2"]
        np.testing.assert_array_equal(episode.numbers["action"].values, demo["actions"][()])
        np.testing.assert_array_equal(episode.numbers["states"].values, demo["states"][()])
        eef = demo["obs/robot0_eef_pos"][()]
    state = episode.numbers["observation.state"]
    assert state.names[0] == "robot0_eef_pos.0"
    assert state.values.shape == (6, 9)
    np.testing.assert_array_equal(state.values[:, :3], eef)
    assert episode.meta["left_out"] == "obs/cloud"


def test_pictures_are_read_when_asked_for(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.hdf5")
    camera = open_source(path).episode(0).cameras["agentview"]
    with h5py.File(path) as file:
        rgb = file["data/demo_2/obs/agentview_image"][()]
        depth = file["data/demo_2/obs/agentview_depth"][()]
    assert (camera.height_px, camera.width_px, camera.has_depth) == (8, 10, True)
    np.testing.assert_array_equal(camera.pictures.rgb(3), rgb[3])
    np.testing.assert_array_equal(camera.pictures.depth_m(3), depth[3, ..., 0])
    assert len(list(camera.pictures.in_order())) == 6
    with pytest.raises(DatasetError, match="no picture 6"):
        camera.pictures.rgb(6)


def test_subtasks_end_where_their_signals_rise(tmp_path: Path) -> None:
    found = open_source(write_file(tmp_path / "a.hdf5")).episode(0).subtasks
    assert [one.words for one in found] == ["grasp", "lift up"]
    assert [one.end_s for one in found] == pytest.approx([0.2, 0.3])
    assert [one.start_s for one in found] == pytest.approx([0.0, 0.2])


def test_filter_key_takes_its_episodes(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.hdf5")
    source = Robomimic(path, filter_key="train")
    assert len(source) == 1
    assert source.episode(0).origin.endswith("demo_10")
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        len(Robomimic(path, filter_key="trian"))


def test_unknown_control_rate_is_said_to_be_assumed(tmp_path: Path) -> None:
    episode = open_source(write_file(tmp_path / "a.hdf5", control_hz=None)).episode(0)
    assert episode.period_s == pytest.approx(0.05)
    assert episode.meta["control_hz"] == "20, assumed"


def test_arrays_of_other_lengths_are_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.hdf5")
    with h5py.File(path, "a") as file:
        del file["data/demo_2/rewards"]
        file["data/demo_2/rewards"] = np.zeros(5)
    with pytest.raises(DatasetError, match=r"demo_2 has 6 actions.*'rewards': 5"):
        open_source(path).episode(0)


def test_cut_file_is_refused_by_name(tmp_path: Path) -> None:
    whole = write_file(tmp_path / "a.hdf5")
    cut = tmp_path / "cut.hdf5"
    cut.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(DatasetError, match=r"cut\.hdf5 cannot be read"):
        len(open_source(cut))
