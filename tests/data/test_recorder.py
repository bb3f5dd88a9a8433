"""What is recorded is read back as it was; what cannot be recorded is said, and harms nothing."""

import numpy as np
import pytest

from robot_skills.core.annotation import Outcome
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import RefusedError
from robot_skills.data.reader import RecordedEpisodes, read_recorded
from robot_skills.data.recorder import Discarded, Recorder, RecorderConfig
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import EpisodeStore
from tests.data import recording
from tests.data.recording import BLIND, PERIOD_S, SCHEMA, SMALL, record, saved, wait_for


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded") / "small"
    recording.small_dataset(root)
    return EpisodeStore(root)


def test_numbers_come_back_bit_for_bit(dataset):
    episode = read_recorded(dataset.entry(1), dataset)
    arm = episode.arms["arm"]
    assert len(arm.stamp_s) == 20
    np.testing.assert_array_equal(
        arm.q_rad[3], recording.observation(arm.stamp_s[3]).arms["arm"].q_rad
    )
    np.testing.assert_allclose(arm.T_base_tool[5, 0, 3], 0.4 + 0.1 * arm.stamp_s[5], atol=1e-12)
    np.testing.assert_array_equal(episode.numbers["observation.extra"].values[:, 0], np.arange(20))
    assert episode.numbers["observation.extra"].names == ("a", "b")


def test_what_was_in_force_is_one_waypoint_per_command(dataset):
    sent = read_recorded(dataset.entry(0), dataset).sent["arm"]
    np.testing.assert_allclose(np.diff(sent.stamp_s), PERIOD_S, atol=1e-9)
    np.testing.assert_allclose(sent.T_base_tool[:, 0, 3], 0.4 + 0.1 * sent.stamp_s, atol=1e-9)
    np.testing.assert_array_equal(sent.opening, 1.0)


def test_pictures_keep_their_times_and_depth(dataset):
    camera = read_recorded(dataset.entry(0), dataset).cameras["front"]
    assert len(camera.pictures) == 20
    np.testing.assert_allclose(np.diff(camera.stamp_s), PERIOD_S, atol=1e-9)
    assert camera.received_s is not None
    np.testing.assert_allclose(camera.received_s - camera.stamp_s, 0.01, atol=1e-9)
    original = recording.frame(0.0, 7)
    assert np.abs(camera.pictures.rgb(7).astype(int) - original.rgb).mean() < 6.0
    np.testing.assert_allclose(camera.pictures.depth_m(7), original.depth_m, atol=5.1e-4)
    np.testing.assert_array_equal(camera.K, original.K)
    assert camera.T_base_camera is not None
    np.testing.assert_allclose(camera.T_base_camera[0], original.T_base_camera.matrix(), atol=1e-9)
    listed = list(camera.pictures.in_order())
    assert len(listed) == 20
    np.testing.assert_array_equal(listed[7][0], camera.pictures.rgb(7))
    np.testing.assert_array_equal(listed[7][1], camera.pictures.depth_m(7))


def test_task_outcome_subtasks_and_origin_are_kept(dataset):
    episode = read_recorded(dataset.entry(0), dataset)
    assert (episode.task, episode.outcome) == ("lift the cube", Outcome.SUCCESS)
    assert [subtask.words for subtask in episode.subtasks] == ["reach", "lift"]
    assert episode.subtasks[0].end_s == pytest.approx(10 * PERIOD_S)
    assert episode.meta["code"] == "abc"
    assert episode.duration_s == pytest.approx(20 * PERIOD_S)


def test_an_annotation_changes_what_is_said_and_not_what_was_recorded(tmp_path):
    root = tmp_path / "small"
    recording.small_dataset(root, episodes=1, cameras=False)
    store = EpisodeStore(root)
    before = store.entry(0).log.read_bytes()
    store.annotate(0, task="raise the cube", outcome=Outcome.FAILURE, rating=2, discarded=True)
    entry = store.entry(0)
    assert (entry.task, entry.outcome, entry.annotation.rating) == (
        "raise the cube",
        Outcome.FAILURE,
        2,
    )
    assert entry.log.read_bytes() == before
    assert len(RecordedEpisodes(store)) == 0
    assert len(RecordedEpisodes(store, everything=True)) == 1
    with pytest.raises(RefusedError, match="1 to 5"):
        store.annotate(0, rating=9)


def test_a_discarded_episode_leaves_nothing_and_takes_no_number(tmp_path):
    clock = ManualClock()
    with Recorder(tmp_path / "d", BLIND, clock, SMALL) as recorder:
        record(recorder, clock, end=False)
        recorder.discard()
        wait_for(recorder, Discarded)
        record(recorder, clock)
        assert saved(recorder).number == 0
    assert EpisodeStore(tmp_path / "d").numbers() == [0]
    assert EpisodeStore(tmp_path / "d").leftovers() == []


def test_frames_between_episodes_belong_to_none(tmp_path):
    clock, frames = ManualClock(), recording.ring()
    with Recorder(tmp_path / "d", SCHEMA, clock, SMALL, {"front": frames}) as recorder:
        for _ in range(2):
            frames.write(recording.frame(50.0, 1))
            record(recorder, clock, frames, ticks=5)
            frames.write(recording.frame(60.0, 9))
            assert saved(recorder).streams["/camera/front"].count == 5
            clock = recorder._clock = ManualClock()
    camera = read_recorded(
        EpisodeStore(tmp_path / "d").entry(1), EpisodeStore(tmp_path / "d")
    ).cameras
    np.testing.assert_allclose(camera["front"].stamp_s, PERIOD_S * np.arange(5), atol=1e-9)


def test_only_one_process_records_into_a_dataset(tmp_path):
    clock = ManualClock()
    first = Recorder(tmp_path / "d", BLIND, clock, SMALL)
    with first, pytest.raises(RefusedError, match="only one can"):
        Recorder(tmp_path / "d", BLIND, clock, SMALL).start()
    with Recorder(tmp_path / "d", BLIND, clock, SMALL):
        pass


def test_another_schema_is_refused_with_the_difference(tmp_path):
    clock = ManualClock()
    with Recorder(tmp_path / "d", BLIND, clock, SMALL) as recorder:
        record(recorder, clock, ticks=3)
        saved(recorder)
    other = DatasetSchema(
        name="small",
        robot="ur5e",
        control_period_s=PERIOD_S,
        arms={"arm": 6},
        cameras=(CameraSpec(name="wrist", width_px=8, height_px=8, hz=30.0),),
    )
    rings = {"wrist": recording.ring()}
    with pytest.raises(RefusedError) as refusal:
        Recorder(tmp_path / "d", other, clock, SMALL, rings).start()
    for words in ("robot is fake, not ur5e", "7 joints, not 6 joints", "camera wrist is new"):
        assert words in str(refusal.value)
    assert EpisodeStore(tmp_path / "d").numbers() == [0]


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    with pytest.raises(RefusedError, match=r"thesis\.txt"):
        Recorder(tmp_path / "d", BLIND, ManualClock(), SMALL).start()
    assert (tmp_path / "d" / "thesis.txt").read_text() == "mine"


def test_too_little_room_refuses_the_episode_beforehand(tmp_path):
    clock = ManualClock()
    config = RecorderConfig(reserve_bytes=1 << 60)
    with Recorder(tmp_path / "d", BLIND, clock, config) as recorder:
        record(recorder, clock, ticks=2)
        assert "are left on the disk" in recording.failed(recorder).reason
    assert EpisodeStore(tmp_path / "d").numbers() == []


def test_a_dead_recorder_is_noticed_and_can_be_started_again(tmp_path):
    clock = ManualClock()
    recorder = Recorder(tmp_path / "d", BLIND, clock, SMALL)
    recorder.start()
    record(recorder, clock, ticks=3)
    saved(recorder)
    record(recorder, clock, ticks=3, end=False)
    assert recorder._process is not None
    recorder._process.kill()
    assert "has ended" in recording.failed(recorder).reason
    assert not recorder.alive
    assert not recorder.recording
    recorder.close()
    recorder.start()
    record(recorder, clock, ticks=3)
    assert saved(recorder).number == 1
    recorder.close()
    recorder.close()
