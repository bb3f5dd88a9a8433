"""Episodes to LeRobot v3 and back."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, StorageError
from robot_skills.data.foreign import open_source
from robot_skills.data.lerobot import Codec, ExportConfig, SourceEpisodes, align, export_lerobot
from robot_skills.data.lerobot.compare import depth_step_m
from robot_skills.data.series import EpisodeData
from tests.data.lerobot.factory import HEIGHT_PX, WIDTH_PX, DrawnPictures, K, make_episode

FPS = 20
EPISODES = [
    make_episode(seed=0, seconds=0.6),
    make_episode(seed=1, seconds=0.5, outcome=Outcome.FAILURE),
]


def write(episodes: Sequence[EpisodeData], root: Path, **settings):
    config = ExportConfig(**settings)
    return export_lerobot(
        episodes, root, fps=FPS, robot_type="panda", config=config, progress=False
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return write(EPISODES, tmp_path_factory.mktemp("export") / "set")


def test_report_says_what_was_written(exported) -> None:
    assert (exported.episodes, exported.frames, exported.fps) == (2, 22, FPS)
    front = exported.cameras["front"]
    assert front.psnr_mean_db > 35.0
    assert front.psnr_min_db > 30.0
    assert 0.0 < front.depth_error_m < depth_step_m(np.array(1.5), 10.0)
    assert front.depth_beyond == 0
    assert 0.0 < front.worst_offset_s < 0.04
    assert not exported.root.with_name("set.writing").exists()


def test_numbers_come_back_bit_for_bit(exported) -> None:
    source = open_source(exported.root)
    assert (source.kind, len(source)) == ("LeRobot v3.0", 2)
    for i, was in enumerate(EPISODES):
        rows, back = align(was, FPS), source.episode(i)
        assert back.task == was.task
        assert back.outcome is was.outcome
        assert back.duration_s == pytest.approx(was.duration_s)
        for name, column in rows.columns.items():
            if name.startswith("capture_ns."):
                continue
            assert back.numbers[name].names == column.names
            np.testing.assert_array_equal(back.numbers[name].values, column.values)


def test_capture_times_come_back(exported) -> None:
    rows, back = align(EPISODES[0], FPS), open_source(exported.root).episode(0)
    front = rows.cameras["front"]
    taken_s = front.series.stamp_s[front.index] - EPISODES[0].start_s
    np.testing.assert_allclose(back.cameras["front"].stamp_s, taken_s, atol=1e-8)


def test_subtasks_come_back(exported) -> None:
    back = open_source(exported.root).episode(1)
    assert [one.words for one in back.subtasks] == ["reach", "grasp"]
    assert [one.start_s for one in back.subtasks] == pytest.approx([0.0, 0.2])
    assert back.subtasks[-1].end_s == pytest.approx(0.5)


def test_pictures_come_back_near(exported) -> None:
    rows, back = align(EPISODES[1], FPS), open_source(exported.root).episode(1)
    for name in ("front", "wrist"):
        camera = back.cameras[name]
        assert (camera.height_px, camera.width_px) == (HEIGHT_PX, WIDTH_PX)
        for i, (rgb, depth_m) in enumerate(camera.pictures.in_order()):
            was = rows.cameras[name].series.pictures
            index = int(rows.cameras[name].index[i])
            assert rgb is not None
            assert depth_m is not None
            assert np.abs(rgb.astype(int) - was.rgb(index)).mean() < 4.0
            np.testing.assert_allclose(depth_m, was.depth_m(index), atol=1e-3)
            assert (depth_m[:4, :4] == 0.0).all()
            np.testing.assert_array_equal(camera.pictures.rgb(i), rgb)
            np.testing.assert_array_equal(camera.pictures.depth_m(i), depth_m)


def test_optics_come_back_where_they_are_known(exported) -> None:
    cameras = open_source(exported.root).episode(0).cameras
    np.testing.assert_array_equal(cameras["front"].K, K)
    np.testing.assert_array_equal(cameras["front"].T_base_camera[3], np.eye(4))
    np.testing.assert_array_equal(cameras["wrist"].K, K)
    assert cameras["wrist"].T_base_camera is None


def test_features_are_what_lerobot_expects(exported) -> None:
    info = json.loads((exported.root / "meta" / "info.json").read_text())
    features = info["features"]
    assert info["robot_type"] == "panda"
    assert features["observation.state"]["shape"] == [17]
    assert features["observation.images.front_depth"]["info"]["is_depth_map"] is True
    assert features["observation.images.front"]["info"]["video.codec"] == "h264"
    assert "language_persistent" in features


def test_same_episodes_give_the_same_files(exported, tmp_path: Path) -> None:
    again = write(EPISODES, tmp_path / "set")
    assert again.content_sha256 == exported.content_sha256
    for path in sorted(exported.root.rglob("*.parquet")):
        there = tmp_path / "set" / path.relative_to(exported.root)
        assert _sha256(there) == _sha256(path), path.name
    other = write([EPISODES[0], make_episode(seed=2, seconds=0.5)], tmp_path / "other")
    assert other.content_sha256 != exported.content_sha256


def test_what_was_exported_can_be_exported_again(exported, tmp_path: Path) -> None:
    source = open_source(exported.root)
    report = write(SourceEpisodes(source, [1]), tmp_path / "second", depth=False)
    back, was = open_source(report.root).episode(0), source.episode(1)
    np.testing.assert_array_equal(back.numbers["action"].values, was.numbers["action"].values)
    assert not back.cameras["front"].has_depth
    assert back.outcome is Outcome.FAILURE


def test_pictures_without_video_come_back_unchanged(tmp_path: Path) -> None:
    report = write([EPISODES[1]], tmp_path / "set", video=False)
    front = report.cameras["front"]
    assert front.psnr_min_db == 100.0
    assert front.depth_error_m == pytest.approx(0.0, abs=1e-6)
    rows, back = align(EPISODES[1], FPS), open_source(report.root).episode(0)
    index = int(rows.cameras["front"].index[4])
    pictures = EPISODES[1].cameras["front"].pictures
    np.testing.assert_array_equal(back.cameras["front"].pictures.rgb(4), pictures.rgb(index))
    np.testing.assert_allclose(
        back.cameras["front"].pictures.depth_m(4), pictures.depth_m(index), atol=1e-6
    )


def test_pictures_that_come_back_too_bad_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Choose a crf below 51"):
        write([EPISODES[1]], tmp_path / "set", crf=51, psnr_db=45.0)
    assert not any(tmp_path.iterdir())


def test_episodes_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    class Restless(DrawnPictures):
        def rgb(self, index: int):
            picture = super().rgb(index)
            picture[0, 0, 0] = self.drawn
            return picture

    camera = EPISODES[1].cameras["front"]
    restless = replace(camera, pictures=Restless(len(camera.stamp_s)))
    with pytest.raises(DatasetError, match="changed while"):
        write([replace(EPISODES[1], cameras={"front": restless})], tmp_path / "set")
    assert not any(tmp_path.iterdir())


def test_episodes_of_another_layout_are_refused(tmp_path: Path) -> None:
    other = replace(EPISODES[1], cameras={"front": EPISODES[1].cameras["front"]})
    with pytest.raises(DatasetError, match=r"Episode 1 does not fit .*wrist is missing"):
        write([EPISODES[0], other], tmp_path / "set")
    assert not any(tmp_path.iterdir())


def test_existing_folder_and_no_episodes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        write(EPISODES, tmp_path / "set")
    with pytest.raises(DatasetError, match="not one episode"):
        write([], tmp_path / "other")


def test_numbers_that_came_back_changed_are_refused(exported) -> None:
    from robot_skills.data.lerobot.compare import Comparison
    from robot_skills.data.lerobot.layout import layout_of

    rows = align(EPISODES[0], FPS)
    layout = layout_of(rows, depth=True, video=True)
    made = {"repo_id": "robot-skills/set", "depth_max_m": 10.0, "video": True}
    comparison = Comparison(exported.root, layout, **made)
    action = rows.columns["action"]
    moved = replace(action, values=action.values + np.float32(1e-6))
    with pytest.raises(DatasetError, match="action came back changed"):
        comparison.episode(0, replace(rows, columns={**rows.columns, "action": moved}))
    with pytest.raises(DatasetError, match="came back as"):
        Comparison(exported.root, layout, **made).episode(0, replace(rows, task="another"))
    with pytest.raises(DatasetError, match="subtasks"):
        Comparison(exported.root, layout, **made).episode(0, replace(rows, subtasks=()))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("codec", [Codec.HEVC, Codec.AV1])
def test_other_codecs_come_back_too(tmp_path: Path, codec: Codec) -> None:
    report = write([EPISODES[1]], tmp_path / "set", codec=codec, depth=False)
    assert report.cameras["front"].psnr_mean_db > 30.0
    assert report.cameras["front"].depth_error_m is None


def test_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="set cannot be written"):
        write([EPISODES[1]], tmp_path / "file" / "set")
