import json

import numpy as np
import pytest

from policies.dataset import load_demonstrations, make_windows
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
        (lambda info: info["features"].pop("done"), "lacks done"),
        (lambda info: info["features"]["action"].update(names=["a", "b"]), "found 2: a ... b"),
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
