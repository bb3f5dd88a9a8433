import json
import multiprocessing
import os
import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from policies.cache import open_cache, store
from policies.cache.frames import RecordedFrames
from policies.cache.progress import save_rows, saved_rows
from policies.clouds import cloud_of
from policies.contract import Channels, CloudSpec, ImageSpec
from robot_skills.core.errors import DatasetError, StorageError
from robot_skills.core.priority import ordinary_priority
from tests.policies.recorded import (
    DEPTH,
    FPS,
    FRONT,
    HEIGHT,
    WIDTH,
    contract,
    depth_codes,
    metres,
    pictures,
    record,
)

LENGTHS = [3, 5, 4]
COLOURS, METRES, CLOUD = f"image/{FRONT}", f"image/{DEPTH}", f"cloud/{FRONT}"
RGBD = ImageSpec(key=FRONT, height=HEIGHT, width=WIDTH, channels=Channels.RGBD)
CONTEXT = multiprocessing.get_context("forkserver")
# Loaded once, and not again by every process that is started here.
CONTEXT.set_forkserver_preload([__name__])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("recorded") / "videos"
    record(directory, LENGTHS)
    return directory


@pytest.fixture
def dataset(tmp_path):
    record(tmp_path / "dataset", LENGTHS)
    return tmp_path / "dataset"


def opened(directory, tmp_path, **parts):
    return open_cache(directory, contract(**parts), tmp_path / "cache", progress=False)


def test_every_frame_of_every_episode_lands_in_its_row(recorded, tmp_path):
    cache = opened(recorded, tmp_path)
    wanted = pictures(sum(LENGTHS)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(cache.arrays[COLOURS], wanted)


def test_depth_is_in_metres_and_zero_where_nothing_was_read(recorded, tmp_path):
    cache = opened(recorded, tmp_path, images=[RGBD])
    wanted = metres(depth_codes(sum(LENGTHS)))
    np.testing.assert_allclose(cache.arrays[METRES][:, 0], wanted, rtol=1e-3)
    assert (cache.arrays[METRES][:, 0, :4, :4] == 0.0).all()


def test_pictures_stored_as_files_read_the_same(tmp_path):
    record(tmp_path / "dataset", LENGTHS, stored="image")
    cache = opened(tmp_path / "dataset", tmp_path, images=[RGBD])
    wanted = pictures(sum(LENGTHS)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(cache.arrays[COLOURS], wanted)
    depth_m = metres(depth_codes(sum(LENGTHS)))
    np.testing.assert_allclose(cache.arrays[METRES][:, 0], depth_m, rtol=1e-3, atol=6e-4)


def test_pictures_are_shrunk_to_the_mean_of_what_they_cover(recorded, tmp_path):
    half = replace(RGBD, height=HEIGHT // 2, width=WIDTH // 2)
    cache = opened(recorded, tmp_path, images=[half])
    whole = pictures(sum(LENGTHS)).reshape(-1, HEIGHT // 2, 2, WIDTH // 2, 2, 3)
    means = whole.mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    assert np.abs(cache.arrays[COLOURS] - means).max() <= 0.75
    depth_m = metres(depth_codes(sum(LENGTHS)))[:, 1::2, 1::2]
    np.testing.assert_allclose(cache.arrays[METRES][:, 0], depth_m, rtol=1e-3)


def cloud_spec(**parts):
    return CloudSpec(
        key=FRONT,
        K=[40.0, 0.0, 20.0, 0.0, 40.0, 16.0, 0.0, 0.0, 1.0],
        T_base_camera=np.eye(4).ravel().tolist(),
        low_m=[-5.0, -5.0, 0.1],
        high_m=[5.0, 5.0, 8.0],
        points=32,
        **parts,
    )


def test_clouds_are_made_from_depth_and_colours_at_recorded_size(recorded, tmp_path):
    spec = cloud_spec(colour=True)
    cloud = opened(recorded, tmp_path, images=[], clouds=[spec]).arrays[CLOUD]
    assert cloud.shape == (sum(LENGTHS), 32, 6)
    depth_m = metres(depth_codes(sum(LENGTHS)))[7].astype(np.float32)
    wanted = cloud_of(depth_m, spec, pictures(sum(LENGTHS))[7])
    np.testing.assert_allclose(cloud[7], wanted, rtol=1e-5, atol=1e-5)


def test_a_second_opening_decodes_nothing(recorded, tmp_path, monkeypatch):
    first = opened(recorded, tmp_path).arrays[COLOURS]
    monkeypatch.setattr(store, "_make", lambda *_: pytest.fail("made again"))
    np.testing.assert_array_equal(opened(recorded, tmp_path).arrays[COLOURS], first)


def test_mapped_frames_cannot_be_changed(recorded, tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        opened(recorded, tmp_path).arrays[COLOURS][0] = 0


def test_a_changed_dataset_is_decoded_anew_and_the_old_frames_go(dataset, tmp_path):
    opened(dataset, tmp_path)
    video = next((dataset / "videos" / FRONT).glob("**/*.mp4"))
    os.utime(video, ns=(1, 1))
    opened(dataset, tmp_path)
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


def test_two_sizes_of_one_camera_live_side_by_side(recorded, tmp_path):
    opened(recorded, tmp_path)
    opened(recorded, tmp_path, images=[replace(RGBD, height=16, channels=Channels.RGB)])
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 2


def test_a_truncated_file_is_made_again(recorded, tmp_path):
    opened(recorded, tmp_path)
    (path,) = (tmp_path / "cache").glob("*.npy")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    opened(recorded, tmp_path)
    assert path.read_bytes() == whole


def test_what_a_killed_run_left_behind_is_cleared_away(recorded, tmp_path):
    opened(recorded, tmp_path)
    (path,) = (tmp_path / "cache").glob("*.npy")
    path.rename(path.with_suffix(".partial"))
    opened(recorded, tmp_path)
    assert [p.name for p in (tmp_path / "cache").glob("*.*") if p.name != ".lock"] == [path.name]


def test_a_failed_build_leaves_no_array(dataset, tmp_path):
    video = sorted((dataset / "videos" / FRONT).glob("**/*.mp4"))[-1]
    video.write_bytes(video.read_bytes()[:200])
    with pytest.raises(DatasetError, match="cannot be read"):
        opened(dataset, tmp_path)
    assert not list((tmp_path / "cache").glob("*.np*"))
    assert not list((tmp_path / "cache").glob("*.partial"))


SAVE_ROWS, GOP = 4, 3
"""Rows between two notes of the progress, and frames between key frames, in what follows."""
TWICE = 2 * SAVE_ROWS + GOP
"""Frames that an interruption may cost again: since the last note, one of which may still be on
its way, and since a key frame."""


def with_key_frames(directory):
    """The same dataset with a key frame every few frames, and frames stored out of order."""
    for path in (directory / "videos" / FRONT).glob("**/*.mp4"):
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        with av.open(str(path), "w") as container:
            options = {"g": str(GOP), "bf": "2", "x264-params": "open-gop=1:scenecut=0"}
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.time_base = Fraction(1, FPS)
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return directory


LONG = [9, 8, 11, 7]
"""Two episodes per video: files of 17 and 18 frames."""


@pytest.fixture
def long_dataset(tmp_path):
    record(tmp_path / "long", LONG)
    return with_key_frames(tmp_path / "long")


def open_counted(directory, cache_dir, log, stop_after=None, stop=None):
    """Open a cache; every decoded frame leaves a byte in a file. How many there are, in all."""
    whole = RecordedFrames._decoded

    def counted(self, path, from_s):
        for decoded in whole(self, path, from_s):
            with Path(log).open("ab") as file:
                file.write(b".")
            if stop is not None and Path(log).stat().st_size >= stop_after:
                stop()
            yield decoded

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "_SAVE_ROWS", SAVE_ROWS)
        patched.setattr(RecordedFrames, "_decoded", counted)
        open_cache(directory, contract(), cache_dir, progress=False)
    return log.stat().st_size if log.exists() else 0


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt():
    raise KeyboardInterrupt


def open_killed(directory, cache_dir, log, stop_after):
    """Open a cache in a process that is killed once so many frames are decoded."""
    process = CONTEXT.Process(
        target=open_counted, args=(directory, cache_dir, log, stop_after, _kill)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert log.stat().st_size == stop_after


@pytest.mark.parametrize(
    ("stopped_by", "stop_after"),
    [(_kill, 10), (_kill, 30), *((_interrupt, frames) for frames in (1, 17, 18, 35))],
)
def test_a_stopped_build_goes_on_where_it_stopped(long_dataset, tmp_path, stopped_by, stop_after):
    whole = opened(long_dataset, tmp_path).arrays[COLOURS]
    log, cache_dir = tmp_path / "decoded", tmp_path / "resumed"
    if stopped_by is _kill:
        open_killed(long_dataset, cache_dir, log, stop_after)
    else:
        with pytest.raises(KeyboardInterrupt):
            open_counted(long_dataset, cache_dir, log, stop_after, _interrupt)
    assert open_counted(long_dataset, cache_dir, log) <= sum(LONG) + TWICE
    (path,) = cache_dir.glob("*.*.npy")
    np.testing.assert_array_equal(np.load(path), whole)
    assert left_behind(cache_dir) == []


def test_a_build_killed_again_and_again_decodes_little_twice(long_dataset, tmp_path):
    whole = opened(long_dataset, tmp_path).arrays[COLOURS]
    log, cache_dir, kills = tmp_path / "decoded", tmp_path / "resumed", 3
    for i in range(kills):
        open_killed(long_dataset, cache_dir, log, stop_after=10 * (i + 1))
    assert open_counted(long_dataset, cache_dir, log) <= sum(LONG) + kills * TWICE
    (path,) = cache_dir.glob("*.*.npy")
    np.testing.assert_array_equal(np.load(path), whole)


def left_behind(cache_dir):
    return [*cache_dir.glob("*.partial"), *cache_dir.glob("*.progress*")]


@pytest.fixture
def half_built(long_dataset, tmp_path):
    """A dataset whose cache was interrupted on the way, and the cache's directory."""
    cache_dir = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        open_counted(long_dataset, cache_dir, tmp_path / "first", 20, _interrupt)
    assert len(left_behind(cache_dir)) == 2
    return long_dataset, cache_dir


def test_an_interrupted_build_of_changed_data_is_not_used(half_built, tmp_path):
    dataset, cache_dir = half_built
    os.utime(next((dataset / "videos" / FRONT).glob("**/*.mp4")), ns=(1, 1))
    assert open_counted(dataset, cache_dir, tmp_path / "second") == sum(LONG)
    assert left_behind(cache_dir) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"rows": 1', '"rows": 2'),
        lambda text: '{"rows": 16}',
    ],
)
def test_a_damaged_note_of_the_progress_is_ignored(half_built, tmp_path, damage):
    dataset, cache_dir = half_built
    (note,) = cache_dir.glob("*.progress")
    note.write_text(damage(note.read_text()))
    assert open_counted(dataset, cache_dir, tmp_path / "second") == sum(LONG)


def test_a_cut_partial_array_is_not_gone_on_with(half_built, tmp_path):
    dataset, cache_dir = half_built
    (partial,) = cache_dir.glob("*.partial")
    with partial.open("r+b") as file:
        file.truncate(partial.stat().st_size // 2)
    assert open_counted(dataset, cache_dir, tmp_path / "second") == sum(LONG)


def test_a_disk_that_fills_up_on_the_way_is_told_and_costs_no_progress(
    long_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "_SAVE_ROWS", SAVE_ROWS)

    def full(path, key, rows):
        if rows > 2 * SAVE_ROWS:
            raise OSError(28, "No space left on device")
        save_rows(path, key, rows)

    monkeypatch.setattr(store, "save_rows", full)
    with pytest.raises(StorageError, match="full"):
        opened(long_dataset, tmp_path)
    monkeypatch.undo()
    decoded = open_counted(long_dataset, tmp_path / "cache", tmp_path / "second")
    assert decoded <= sum(LONG) - 2 * SAVE_ROWS + GOP


def test_processes_that_go_on_at_once_decode_once(half_built, tmp_path):
    dataset, cache_dir = half_built
    both = [
        CONTEXT.Process(target=open_counted, args=(dataset, cache_dir, tmp_path / "both"))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "both").stat().st_size < sum(LONG)


def test_a_note_holds_for_its_key_only(tmp_path):
    save_rows(tmp_path / "note", "here", 12)
    assert saved_rows(tmp_path / "note", "here") == 12
    assert saved_rows(tmp_path / "note", "there") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


@pytest.mark.parametrize("stored", ["video", "image"])
def test_pictures_from_any_place_on_are_those_of_a_whole_pass(tmp_path, stored):
    record(tmp_path / "dataset", LONG, stored=stored)
    if stored == "video":
        with_key_frames(tmp_path / "dataset")
    frames = RecordedFrames(tmp_path / "dataset")
    colours, depth = list(frames.colours(FRONT)), list(frames.depth_m(DEPTH))
    for start in range(sum(LONG) + 1):
        for whole, rest in (
            (colours, frames.colours(FRONT, start)),
            (depth, frames.depth_m(DEPTH, start)),
        ):
            found = list(rest)
            assert [row for row, _ in found] == [row for row, _ in whole[start:]]
            for (_, picture), (_, wanted) in zip(found, whole[start:], strict=True):
                np.testing.assert_array_equal(picture, wanted)


def _open_elsewhere(directory, cache_dir):
    open_cache(directory, contract(), cache_dir, progress=False)


def test_processes_that_open_at_once_make_one_array(recorded, tmp_path):
    both = [
        CONTEXT.Process(target=_open_elsewhere, args=(recorded, tmp_path / "cache"))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


def test_a_full_disk_is_told_before_anything_is_decoded(recorded, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(StorageError, match=r"full.*need 0 MB"):
        opened(recorded, tmp_path)
    assert not list((tmp_path / "cache").glob("*.np*"))


def test_a_read_only_dataset_is_cached_below_the_users_directory(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(os, "access", lambda path, _: str(path).startswith(str(tmp_path)))
    cache = open_cache(recorded, contract(), progress=False)
    assert cache.directory.parent == tmp_path / "xdg" / "robot-skills" / "frames"


def test_frames_lie_beside_the_dataset_by_default(dataset):
    assert open_cache(dataset, contract(), progress=False).directory == dataset / "cache"


def test_an_unknown_camera_is_refused_with_those_there_are(recorded, tmp_path):
    side = ImageSpec(key="observation.images.side", height=32, width=32)
    with pytest.raises(DatasetError, match=rf"no camera observation.images.side.*{FRONT}"):
        opened(recorded, tmp_path, images=[side])


def test_depth_is_not_taken_for_colours(recorded, tmp_path):
    with pytest.raises(DatasetError, match="holds depth"):
        opened(recorded, tmp_path, images=[replace(RGBD, key=DEPTH, channels=Channels.RGB)])


def test_a_missing_video_is_named(dataset, tmp_path):
    video = sorted((dataset / "videos" / FRONT).glob("**/*.mp4"))[0]
    video.unlink()
    with pytest.raises(DatasetError, match=r"lacks the video .*file-000\.mp4"):
        opened(dataset, tmp_path)


def test_a_video_that_ends_early_is_refused(dataset, tmp_path):
    files = sorted((dataset / "videos" / FRONT).glob("**/*.mp4"))
    # The second file holds one episode, the first two.
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(DatasetError, match=r"no frame at 0\.200 s.*4 of 8"):
        opened(dataset, tmp_path)


def test_another_frame_rate_than_the_videos_is_refused(dataset, tmp_path):
    path = dataset / "meta" / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fps": 30}))
    with pytest.raises(DatasetError, match="no frame at"):
        opened(dataset, tmp_path)


@pytest.mark.slow
def test_frames_are_those_that_lerobot_reads(tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root, shape = tmp_path / "dataset", (HEIGHT, WIDTH, 3)
    features = {
        FRONT: {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"]},
        DEPTH: {
            "dtype": "video",
            "shape": (HEIGHT, WIDTH, 1),
            "names": ["height", "width", "channels"],
            "info": {"is_depth_map": True},
        },
    }
    dataset = LeRobotDataset.create("a/b", 20, features, root, use_videos=True)
    rng = np.random.default_rng(0)
    for _ in range(2):
        for _ in range(4):
            depth_m = rng.uniform(0.3, 2.0, (HEIGHT, WIDTH, 1)).astype(np.float32)
            depth_m[:3] = 0.0
            picture = rng.integers(0, 256, shape, dtype=np.uint8)
            dataset.add_frame({FRONT: picture, DEPTH: depth_m, "task": "look"})
        with ordinary_priority():
            dataset.save_episode()
    dataset.finalize()
    arrays = opened(root, tmp_path, images=[RGBD]).arrays
    read = LeRobotDataset(
        "a/b", root, video_backend="pyav", return_uint8=True, depth_output_unit="m"
    )
    for i in range(len(read)):
        np.testing.assert_array_equal(arrays[COLOURS][i], read[i][FRONT].numpy())
        theirs = read[i][DEPTH].numpy()
        np.testing.assert_allclose(arrays[METRES][i][:, 3:], theirs[:, 3:], rtol=1e-3)
        assert (arrays[METRES][i][:, :3] == 0.0).all()
