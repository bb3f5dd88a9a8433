"""Replay buffers of Diffusion Policy and UMI, written here."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import zarr

from robot_skills.core.errors import DatasetError, MissingDependencyError
from robot_skills.data.foreign import ZarrReplay, open_source

ENDS = [4, 9]


def write_buffer(path: Path, arrays: dict[str, np.ndarray], ends=ENDS) -> Path:
    root = zarr.open_group(path, mode="w", zarr_format=2)
    for name, values in arrays.items():
        chunks = (1, *values.shape[1:]) if values.ndim == 4 else values.shape
        stored = root.create_array(
            f"data/{name}", shape=values.shape, dtype=values.dtype, chunks=chunks
        )
        stored[...] = values
    stored = root.create_array("meta/episode_ends", shape=(len(ends),), dtype=np.int64)
    stored[...] = np.array(ends)
    return path


def pusht(n: int = 9) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "action": rng.normal(size=(n, 2)).astype(np.float32),
        "state": rng.normal(size=(n, 5)).astype(np.float32),
        "keypoint": rng.normal(size=(n, 9, 2)).astype(np.float32),
        "img": rng.integers(0, 255, (n, 6, 8, 3)).astype(np.float32),
    }


def umi(n: int = 9) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "robot0_eef_pos": rng.normal(size=(n, 3)),
        "robot0_eef_rot_axis_angle": rng.normal(size=(n, 3)),
        "robot0_gripper_width": rng.uniform(size=(n, 1)),
        "camera0_rgb": rng.integers(0, 255, (n, 6, 8, 3), dtype=np.uint8),
    }


def zipped(folder: Path) -> Path:
    path = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(path, "w") as file:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                file.write(one, one.relative_to(folder).as_posix())
    return path


def test_episodes_are_cut_at_their_ends(tmp_path: Path) -> None:
    arrays = pusht()
    source = open_source(write_buffer(tmp_path / "pusht.zarr", arrays))
    assert (source.name, source.kind, len(source)) == ("pusht", "zarr replay buffer", 2)
    episode = source.episode(1)
    np.testing.assert_array_equal(episode.numbers["action"].values, arrays["action"][4:])
    np.testing.assert_array_equal(episode.numbers["observation.state"].values, arrays["state"][4:])
    assert episode.numbers["observation.keypoint"].values.shape == (5, 18)
    assert episode.period_s == pytest.approx(0.1)
    assert episode.meta["fps"] == "10, assumed"
    np.testing.assert_array_equal(episode.cameras["img"].pictures.rgb(2), arrays["img"][6])


def test_umi_zip_has_a_state_and_the_next_state_as_action(tmp_path: Path) -> None:
    arrays = umi()
    path = zipped(write_buffer(tmp_path / "umi.zarr", arrays))
    episode = open_source(path).episode(1)
    state, action = episode.numbers["observation.state"], episode.numbers["action"]
    assert state.values.shape == (5, 7)
    np.testing.assert_array_equal(state.values[:, :3], arrays["robot0_eef_pos"][4:])
    np.testing.assert_array_equal(action.values[:-1], state.values[1:])
    np.testing.assert_array_equal(action.values[-1], state.values[-1])
    assert episode.period_s == pytest.approx(1 / 60)
    shown = [rgb for rgb, _ in episode.cameras["camera0"].pictures.in_order()]
    np.testing.assert_array_equal(np.array(shown), arrays["camera0_rgb"][4:])


def test_recorded_times_win_over_guesses(tmp_path: Path) -> None:
    arrays = pusht() | {"timestamp": 50.0 + np.arange(9) * 0.04}
    episode = open_source(write_buffer(tmp_path / "a.zarr", arrays)).episode(0)
    np.testing.assert_allclose(episode.numbers["action"].stamp_s, np.arange(4) * 0.04)
    assert "fps" not in episode.meta
    told = ZarrReplay(tmp_path / "a.zarr", fps=5.0).episode(0)
    assert told.period_s == pytest.approx(0.2)


@pytest.mark.parametrize("ends", [[4, 8], [4, 3], [0, 9], [4, 12]])
def test_ends_that_do_not_fit_are_refused(tmp_path: Path, ends: list[int]) -> None:
    path = write_buffer(tmp_path / "a.zarr", pusht(), ends=ends)
    with pytest.raises(DatasetError, match="episodes end at"):
        len(open_source(path))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "a.zarr", pusht())
    place = path / "data" / "action" / ".zarray"
    described = json.loads(place.read_text())
    place.write_text(json.dumps(described | {"dtype": "|O", "filters": [{"id": "pickle"}]}))
    with pytest.raises(DatasetError, match="not unpickled"):
        len(open_source(path))
    place.write_text(json.dumps(described | {"filters": [{"id": "pickle"}]}))
    with pytest.raises(DatasetError, match="'pickle', which is not accepted"):
        len(open_source(path))


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="the codec is installed")
def test_missing_picture_codec_is_named(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "a.zarr", umi())
    place = path / "data" / "camera0_rgb" / ".zarray"
    described = json.loads(place.read_text())
    place.write_text(json.dumps(described | {"compressor": {"id": "imagecodecs_jpegxl"}}))
    with pytest.raises(MissingDependencyError, match="imagecodecs_jpegxl"):
        open_source(path).episode(0)


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    path = write_buffer(tmp_path / "a.zarr", pusht())
    (path / "data" / "action" / ".zarray").write_text("{")
    with pytest.raises(DatasetError, match=r"a\.zarr cannot be read"):
        len(open_source(path))
    whole = zipped(write_buffer(tmp_path / "b.zarr", pusht()))
    whole.write_bytes(whole.read_bytes()[:800])
    with pytest.raises(DatasetError, match=r"b\.zarr\.zip cannot be read"):
        len(open_source(whole))


def test_folder_without_ends_is_refused(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("data/action", shape=(3, 2), dtype=np.float32)
    with pytest.raises(DatasetError, match=r"no meta/episode_ends. Its arrays: data/action"):
        len(open_source(tmp_path / "a.zarr"))
