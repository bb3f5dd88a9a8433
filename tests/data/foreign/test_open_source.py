"""The kind of a dataset is found by what is in it."""

import json
import zipfile
from pathlib import Path

import pytest

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign import LeRobotV3, LeRobotV21, open_source


def write_info(root: Path, version: str) -> Path:
    (root / "meta").mkdir(parents=True)
    record = {"codebase_version": version, "fps": 10, "features": {}, "total_episodes": 0}
    (root / "meta" / "info.json").write_text(json.dumps(record))
    return root


def test_lerobot_versions_are_told_apart(tmp_path: Path) -> None:
    assert isinstance(open_source(write_info(tmp_path / "a", "v3.0")), LeRobotV3)
    assert isinstance(open_source(write_info(tmp_path / "b", "v2.1")), LeRobotV21)
    assert isinstance(open_source(write_info(tmp_path / "c", "v2.0")), LeRobotV21)
    with pytest.raises(DatasetError, match=r"is LeRobot v1\.6\. Accepted: a LeRobot folder"):
        open_source(write_info(tmp_path / "d", "v1.6"))


def test_bag_without_mapping_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x89MCAP0\r\n" + bytes(20))
    with pytest.raises(DatasetError, match="a mapping has to say"):
        open_source(tmp_path / "a.bin")


def test_mapping_for_what_needs_none_is_refused(tmp_path: Path) -> None:
    root = write_info(tmp_path / "a", "v3.0")
    with pytest.raises(DatasetError, match="only a ROS 2 bag takes a mapping"):
        open_source(root, tmp_path / "mapping.yaml")


def test_what_is_no_dataset_is_said_with_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is nothing at"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "text").write_text("hello there")
    with pytest.raises(DatasetError, match=r"begins with 68 65 6c 6c.*Accepted: .*robomimic"):
        open_source(tmp_path / "text")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"a folder with inside\. Accepted: .*ROS 2 bag"):
        open_source(tmp_path / "folder")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("readme", "nothing")
    with pytest.raises(DatasetError, match="zip file without zarr"):
        open_source(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"fps": 10}', '{"codebase_version": "v3.0", "fps": "10"}']
)
def test_damaged_description_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text(text)
    with pytest.raises(DatasetError, match=r"info\.json"):
        len(open_source(tmp_path))
