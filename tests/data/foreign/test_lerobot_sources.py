"""LeRobot datasets of both layouts, written here without LeRobot."""

import json
import math
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError
from robot_skills.core.priority import ordinary_priority
from robot_skills.data.foreign import open_source
from robot_skills.data.foreign.lerobot_info import metres_of_codes

FPS, LENGTHS = 10, (5, 7)
H, W = 32, 48
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": [3], "names": {"motors": ["a", "b", "c"]}},
    "action": {"dtype": "float32", "shape": [2], "names": None},
    "matrix": {"dtype": "float64", "shape": [2, 2], "names": None},
    "next.success": {"dtype": "bool", "shape": [1], "names": None},
    "count": {"dtype": "int64", "shape": [1], "names": None},
    "observation.images.top": {"dtype": "video", "shape": [H, W, 3], "names": None},
    "observation.images.still": {"dtype": "image", "shape": [H, W, 3], "names": None},
    "observation.images.still_depth": {
        "dtype": "image",
        "shape": [H, W, 1],
        "names": None,
        "info": {"is_depth_map": True, "depth_unit": "mm"},
    },
}


def picture(i: int) -> np.ndarray:
    rows, columns = np.mgrid[0:H, 0:W]
    return np.stack([4 * rows + 5 * i, 3 * columns, 0 * rows + 90], axis=-1).astype(np.uint8)


def write_video(path: Path, pictures: list[np.ndarray], codec: str = "libx264") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ordinary_priority(), av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        for one in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
        container.mux(stream.encode())


def stored(data: np.ndarray) -> dict:
    ordered = data[..., ::-1] if data.ndim == 3 else data
    return {"bytes": cv2.imencode(".png", ordered)[1].tobytes(), "path": None}


def table(episode: int, first: int) -> pa.Table:
    n = LENGTHS[episode]
    i = np.arange(n)
    depth = [np.full((H, W), 700 + k, dtype=np.uint16) for k in i]
    return pa.table(
        {
            "observation.state": [[float(k), episode, 0.5] for k in i],
            "action": pa.array([[float(k), -1.0] for k in i], pa.list_(pa.float32(), 2)),
            "matrix": [[[k, 1.0], [2.0, 3.0]] for k in i],
            "next.success": [bool(k == n - 1 and episode == 0) for k in i],
            "count": i + 2**40,
            "observation.images.still": [stored(picture(10 + k)) for k in i],
            "observation.images.still_depth": [stored(one) for one in depth],
            "timestamp": (i / FPS).astype(np.float32),
            "frame_index": i,
            "episode_index": np.full(n, episode),
            "index": first + i,
            "task_index": np.zeros(n, dtype=np.int64),
        }
    )


def write_meta(root: Path, version: str, **more) -> None:
    (root / "meta").mkdir(parents=True)
    record = {"codebase_version": version, "fps": FPS, "features": FEATURES} | more
    record |= {"robot_type": "so100", "total_episodes": len(LENGTHS), "chunks_size": 1000}
    (root / "meta" / "info.json").write_text(json.dumps(record))


def write_v21(root: Path, codec: str = "libx264") -> Path:
    write_meta(root, "v2.1")
    rows = []
    for episode, n in enumerate(LENGTHS):
        path = root / f"data/chunk-000/episode_{episode:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(episode, sum(LENGTHS[:episode])), path)
        video = root / f"videos/chunk-000/observation.images.top/episode_{episode:06d}.mp4"
        write_video(video, [picture(k) for k in range(n)], codec)
        rows.append({"episode_index": episode, "tasks": ["stack"], "length": n})
    lines = "\n".join(json.dumps(row) for row in rows)
    (root / "meta" / "episodes.jsonl").write_text(lines + "\n")
    return root


def write_v3(root: Path) -> Path:
    write_meta(root, "v3.0")
    data, meta = root / "data/chunk-000", root / "meta/episodes/chunk-000"
    data.mkdir(parents=True)
    meta.mkdir(parents=True)
    tables = [table(episode, sum(LENGTHS[:episode])) for episode in range(2)]
    pq.write_table(pa.concat_tables(tables), data / "file-000.parquet", row_group_size=4)
    video = root / "videos/observation.images.top/chunk-000/file-000.mp4"
    write_video(video, [picture(k) for n in LENGTHS for k in range(n)])
    at = "videos/observation.images.top"
    rows = [
        {
            "episode_index": episode,
            "tasks": ["stack"],
            "length": n,
            "data/chunk_index": 0,
            "data/file_index": 0,
            f"{at}/chunk_index": 0,
            f"{at}/file_index": 0,
            f"{at}/from_timestamp": sum(LENGTHS[:episode]) / FPS,
            "stats/action/mean": [0.0],
        }
        for episode, n in enumerate(LENGTHS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), meta / "file-000.parquet")
    return root


WRITERS = {"v2.1": write_v21, "v3.0": write_v3}


@pytest.fixture(params=list(WRITERS))
def written(request, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path / "set")


def test_numbers_of_every_type_are_read(written: Path) -> None:
    source = open_source(written)
    assert len(source) == 2
    episode = source.episode(1)
    assert (episode.task, episode.meta["robot_type"]) == ("stack", "so100")
    assert episode.numbers["observation.state"].names == ("a", "b", "c")
    np.testing.assert_array_equal(episode.numbers["observation.state"].values[:, 0], np.arange(7))
    np.testing.assert_array_equal(episode.numbers["observation.state"].values[:, 1], 1.0)
    assert episode.numbers["action"].names == ("action.0", "action.1")
    np.testing.assert_array_equal(episode.numbers["matrix"].values[3], [3.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(episode.numbers["count"].values[:, 0], np.arange(7) + 2.0**40)
    np.testing.assert_allclose(episode.numbers["action"].stamp_s, np.arange(7) / FPS)
    assert episode.duration_s == pytest.approx(0.7)
    assert [source.episode(i).outcome for i in (0, 1)] == [Outcome.SUCCESS, Outcome.FAILURE]


def test_video_of_an_episode_is_read_from_where_it_begins(written: Path) -> None:
    pictures = open_source(written).episode(1).cameras["top"].pictures
    shown = [rgb for rgb, _ in pictures.in_order()]
    assert len(shown) == 7
    for i in (0, 3, 6):
        assert shown[i] is not None
        assert np.abs(shown[i].astype(int) - picture(i)).mean() < 3.0
        np.testing.assert_array_equal(pictures.rgb(i), shown[i])
    with pytest.raises(DatasetError, match="no depth"):
        pictures.depth_m(0)


def test_pictures_in_tables_and_their_depth_are_one_camera(written: Path) -> None:
    camera = open_source(written).episode(1).cameras["still"]
    assert (camera.has_rgb, camera.has_depth) == (True, True)
    for i in (6, 0, 4):
        np.testing.assert_array_equal(camera.pictures.rgb(i), picture(10 + i))
        np.testing.assert_allclose(camera.pictures.depth_m(i), (700 + i) / 1000.0, atol=1e-6)


def test_av1_is_read(tmp_path: Path) -> None:
    root = write_v21(tmp_path / "set", codec="libsvtav1")
    pictures = open_source(root).episode(0).cameras["top"].pictures
    assert np.abs(pictures.rgb(4).astype(int) - picture(4)).mean() < 4.0


def test_missing_files_are_named(written: Path) -> None:
    min(written.rglob("*.mp4")).unlink()
    with pytest.raises(DatasetError, match=r"\.mp4, which is missing"):
        open_source(written).episode(0)
    for path in (written / "data").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"\.parquet is missing"):
        open_source(written).episode(0)


def test_cut_files_are_named(written: Path) -> None:
    video = min(written.rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[:400])
    pictures = open_source(written).episode(0).cameras["top"].pictures
    with pytest.raises(DatasetError, match=f"{video.name} cannot be read"):
        pictures.rgb(0)
    rows = min((written / "data").rglob("*.parquet"))
    rows.write_bytes(rows.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=f"{rows.name} cannot be read"):
        open_source(written).episode(0)


def test_video_that_is_too_short_is_refused(written: Path) -> None:
    for video in written.rglob("*.mp4"):
        write_video(video, [picture(k) for k in range(3)])
    pictures = open_source(written).episode(0).cameras["top"].pictures
    with pytest.raises(DatasetError, match=r"no picture at 0\.300 s"):
        list(pictures.in_order())


def test_rows_that_are_missing_are_noticed(written: Path) -> None:
    for path in (written / "data").rglob("*.parquet"):
        pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(DatasetError, match="should have 5 rows in one piece, found 4"):
        open_source(written).episode(0)


def test_columns_that_are_not_as_described_are_noticed(written: Path) -> None:
    info = written / "meta" / "info.json"
    record = json.loads(info.read_text())
    record["features"]["action"]["shape"] = [3]
    info.write_text(json.dumps(record))
    with pytest.raises(DatasetError, match="action should be 5 rows of 3 numbers, found 10"):
        open_source(written).episode(0)
    record["features"]["other"] = {"dtype": "float32", "shape": [1]}
    record["features"]["action"]["shape"] = [2]
    info.write_text(json.dumps(record))
    with pytest.raises(DatasetError, match="lacks the column other"):
        open_source(written).episode(0)


def test_episodes_that_are_announced_but_not_listed_are_noticed(written: Path) -> None:
    info = written / "meta" / "info.json"
    record = json.loads(info.read_text())
    info.write_text(json.dumps(record | {"total_episodes": 5}))
    with pytest.raises(DatasetError, match="announces 5 episodes"):
        len(open_source(written))


def test_file_names_cannot_lead_out_of_a_dataset(written: Path) -> None:
    info = written / "meta" / "info.json"
    record = json.loads(info.read_text())
    info.write_text(json.dumps(record | {"data_path": "../elsewhere.parquet"}))
    with pytest.raises(DatasetError, match="leads out of the dataset"):
        open_source(written).episode(0)


def test_optics_beside_the_data_are_read(written: Path) -> None:
    K = [30.0, 0, 24, 0, 30, 16, 0, 0, 1]
    path = written / "meta" / "cameras.json"
    path.write_text(json.dumps({"top": {"K": K, "T_base_camera": None}}))
    camera = open_source(written).episode(0).cameras["top"]
    np.testing.assert_array_equal(np.ravel(camera.K), K)
    assert camera.T_base_camera is None
    path.write_text(json.dumps({"top": {"K": K[:4]}}))
    with pytest.raises(DatasetError, match="K should be 9 numbers"):
        open_source(written).episode(0)


def test_depth_codes_are_even_in_the_logarithm() -> None:
    depth_m = metres_of_codes({"video.depth_max": 4.0})
    assert depth_m[0] == 0.0
    assert depth_m[-1] == pytest.approx(4.0, abs=1e-5)
    middle = math.exp((math.log(3.51) + math.log(7.5)) / 2) - 3.5
    assert 0.5 * (depth_m[2047] + depth_m[2048]) == pytest.approx(middle, abs=1e-4)
    linear = metres_of_codes({"video.use_log": False, "video.depth_min": 1.0})
    assert linear[4095] == pytest.approx(10.0)
    np.testing.assert_allclose(np.diff(linear[1:]), 9.0 / 4095, atol=1e-5)
