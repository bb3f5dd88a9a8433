import json

import numpy as np
import pytest

from policies.contract import Frame, ImageSpec, ObserveConfig
from policies.dataset import load_datasets, load_demonstrations, make_windows
from robot_skills.core.errors import DatasetError
from tests.policies.synthetic import episode_columns, write_dataset


def episodes(count: int = 3, frames: int = 20) -> list[dict]:
    rng = np.random.default_rng(0)
    return [episode_columns(rng, frames) for _ in range(count)]


def test_frames_come_back_as_they_were_written(tmp_path):
    written = episodes()
    data = load_demonstrations(write_dataset(tmp_path / "d", written))
    np.testing.assert_array_equal(
        data.states, np.concatenate([episode["observation.state"] for episode in written])
    )
    np.testing.assert_array_equal(
        data.actions, np.concatenate([episode["action"] for episode in written])
    )
    assert data.fps == 20
    assert data.episode_ends.tolist() == [20, 40, 60]
    assert data.done.any()


def test_failed_episodes_are_left_out(tmp_path):
    written = episodes()
    written[1]["next.success"][:] = False
    data = load_demonstrations(write_dataset(tmp_path / "d", written))
    assert data.skipped_episodes == 1
    assert data.episode_ends.tolist() == [20, 40]
    np.testing.assert_array_equal(data.states[20:], written[2]["observation.state"])


def test_windows_stay_inside_their_episode_and_repeat_the_edges(tmp_path):
    data = load_demonstrations(write_dataset(tmp_path / "d", episodes(frames=20)))
    windows = make_windows(data, observation_steps=2, horizon=16)
    assert windows.past[0].tolist() == [0, 0]
    assert windows.past[20].tolist() == [20, 20]
    assert windows.past[21].tolist() == [20, 21]
    assert windows.future[0].tolist() == list(range(16))
    assert windows.future[19].tolist() == [19] * 16
    assert windows.future[18].tolist() == [18] + [19] * 15
    assert windows.valid.all()


def test_a_perturbation_masks_itself_and_what_follows_in_the_chunk(tmp_path):
    written = episodes(count=1)
    written[0]["label_valid"][[5, 6]] = 0.0
    data = load_demonstrations(write_dataset(tmp_path / "d", written))
    valid = make_windows(data, observation_steps=2, horizon=4).valid
    assert valid[1].tolist() == [True] * 4
    assert valid[3].tolist() == [True, True, False, False]
    assert valid[6].tolist() == [False] * 4
    assert valid[7].tolist() == [True] * 4


def _edit_info(path, change):
    info = json.loads((path / "meta" / "info.json").read_text())
    change(info)
    (path / "meta" / "info.json").write_text(json.dumps(info))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda info: info.update(fps=0), "fps 0"),
        (lambda info: info.update(codebase_version="v2.1"), "v2.1"),
        (lambda info: info.update(total_frames=7), "promises 7"),
        (lambda info: info["features"].pop("action"), "lacks action"),
        (lambda info: info["features"]["action"].update(names=["a", "b"]), "2 names for 10"),
        (lambda info: info["features"]["action"]["names"].reverse(), "needs the 39 names"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path, change, said):
    path = write_dataset(tmp_path / "d", episodes())
    _edit_info(path, change)
    with pytest.raises(DatasetError, match=said) as caught:
        load_demonstrations(path)
    assert "\n" not in str(caught.value)


def test_non_finite_numbers_are_refused(tmp_path):
    written = episodes()
    written[0]["action"][3, 2] = np.nan
    with pytest.raises(DatasetError, match="action holds values that are not finite"):
        load_demonstrations(write_dataset(tmp_path / "d", written))


def test_vectors_of_the_wrong_length_are_refused(tmp_path):
    written = episodes()
    for episode in written:
        episode["action"] = episode["action"][:, :7]
    with pytest.raises(DatasetError, match="action needs 10 numbers"):
        load_demonstrations(write_dataset(tmp_path / "d", written))


def test_a_dataset_without_success_or_without_an_end_is_refused(tmp_path):
    failed = episodes()
    for episode in failed:
        episode["next.success"][:] = False
    with pytest.raises(DatasetError, match="none of its 3 episodes"):
        load_demonstrations(write_dataset(tmp_path / "failed", failed))
    endless = episodes()
    for episode in endless:
        episode["done"][:] = 0.0
    with pytest.raises(DatasetError, match="marked done"):
        load_demonstrations(write_dataset(tmp_path / "endless", endless))


def test_missing_and_broken_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(DatasetError, match="no LeRobot dataset"):
        load_demonstrations(tmp_path / "nowhere")
    path = write_dataset(tmp_path / "d", episodes())
    parquet = path / "data" / "chunk-000" / "file-000.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="cannot be read") as caught:
        load_demonstrations(path)
    assert "\n" not in str(caught.value)
    parquet.unlink()
    with pytest.raises(DatasetError, match=r"has no data/"):
        load_demonstrations(path)


def test_without_a_column_that_says_so_the_last_moments_are_the_end(tmp_path):
    path = write_dataset(tmp_path / "d", episodes(frames=20))
    _edit_info(path, lambda info: info["features"].pop("done"))
    done = load_demonstrations(path).done.reshape(3, 20)
    assert done[:, -4:].all()
    assert not done[:, :-4].any()


def _load(directories, **observe):
    return load_datasets(directories, ObserveConfig(**observe), 2, 8)


def test_several_datasets_become_one(tmp_path):
    first = write_dataset(tmp_path / "a", episodes(2))
    second = write_dataset(tmp_path / "b", episodes(3))
    _, data = _load([first, second])
    assert data.episode_ends.tolist() == [20, 40, 60, 80, 100]
    assert data.source.tolist() == [0] * 40 + [1] * 60
    assert data.rows[40] == 0
    assert data.tasks == ("reach the thing",)


def test_mixed_frame_rates_and_robots_are_refused(tmp_path):
    first = write_dataset(tmp_path / "a", episodes())
    second = write_dataset(tmp_path / "b", episodes())
    _edit_info(second, lambda info: info.update(robot_type="other"))
    _load([first, second])  # Tool-frame data does not depend on the arm.
    with pytest.raises(DatasetError, match="one robot"):
        _load([first, second], frame=Frame.GIVEN, allow_constant=True)
    _edit_info(second, lambda info: info.update(fps=10))
    with pytest.raises(DatasetError, match="one frame rate"):
        _load([first, second])


def test_stamps_that_do_not_fit_the_frame_rate_are_refused(tmp_path):
    path = write_dataset(tmp_path / "d", episodes())
    _edit_info(path, lambda info: info.update(fps=10))
    with pytest.raises(DatasetError, match="frame rates are mixed"):
        _load([path])


def test_millimetres_are_refused(tmp_path):
    written = episodes()
    for episode in written:
        episode["observation.state"][:, :3] *= 1000.0
    with pytest.raises(DatasetError, match="must be in metres"):
        _load([write_dataset(tmp_path / "d", written)])


def test_a_gripper_in_percent_is_refused(tmp_path):
    written = episodes()
    for episode in written:
        episode["action"][:, 9] *= 100.0
    with pytest.raises(DatasetError, match="opening in the action spans 0 to 100"):
        _load([write_dataset(tmp_path / "d", written)])


def test_numbers_that_never_change_are_refused_or_left_out(tmp_path):
    path = write_dataset(tmp_path / "d", episodes())
    with pytest.raises(DatasetError, match=r"never changes in .*table\.z"):
        _load([path], frame=Frame.GIVEN)
    contract, data = _load([path], frame=Frame.GIVEN, allow_constant=True)
    assert "table.z" not in contract.state.names
    assert data.states.shape == (60, len(contract.state.names))


def test_numbers_are_left_out_by_name_or_pattern(tmp_path):
    path = write_dataset(tmp_path / "d", episodes())
    contract, data = _load([path], leave_out=["entity*", "table.z"], allow_constant=True)
    assert contract.frame is Frame.GIVEN
    assert all(name.startswith("tool.") for name in contract.state.names)
    _, everything = _load([path], frame=Frame.GIVEN, allow_constant=True)
    np.testing.assert_array_equal(data.states, everything.states[:, : data.states.shape[1]])
    with pytest.raises(DatasetError, match=r"has no cup\.\* to leave out"):
        _load([path], leave_out=["cup.*"])


def test_actions_that_never_change_at_all_are_refused(tmp_path):
    written = episodes()
    for episode in written:
        episode["action"][:] = episode["action"][0]
        episode["action"][:] = written[0]["action"][0]
    with pytest.raises(DatasetError, match="nothing can be learned"):
        _load([write_dataset(tmp_path / "d", written)], frame=Frame.GIVEN, allow_constant=True)


def test_a_horizon_longer_than_every_episode_is_refused(tmp_path):
    path = write_dataset(tmp_path / "d", episodes(frames=20))
    with pytest.raises(DatasetError, match="longer than every episode"):
        load_datasets([path], ObserveConfig(), 2, 32)


def test_a_camera_that_was_not_recorded_is_refused(tmp_path):
    path = write_dataset(tmp_path / "d", episodes())
    image = ImageSpec(key="observation.images.front", height=96, width=96)
    with pytest.raises(DatasetError, match=r"lacks observation\.images\.front.*none"):
        _load([path], images=[image])
