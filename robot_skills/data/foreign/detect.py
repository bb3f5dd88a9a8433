"""What kind of dataset a path is, by what is in it."""

import zipfile
from pathlib import Path

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import needed, read_json, reading
from robot_skills.data.foreign.lerobot_v3 import LeRobotV3
from robot_skills.data.foreign.lerobot_v21 import LeRobotV21
from robot_skills.data.foreign.robomimic import Robomimic
from robot_skills.data.foreign.rosbag import RosBag
from robot_skills.data.foreign.rosbag_mapping import load_mapping
from robot_skills.data.foreign.zarr_replay import ZarrReplay
from robot_skills.data.series import EpisodeSource

ACCEPTED = (
    "a LeRobot folder (v2.0, v2.1, v3.0)",
    "a robomimic HDF5 file",
    "a zarr replay buffer (folder or .zarr.zip)",
    "a ROS 2 bag (folder, .mcap or .db3) with a mapping",
)
_HDF5, _MCAP, _SQLITE = b"\x89HDF\r\n\x1a\n", b"\x89MCAP0\r\n", b"SQLite format 3\x00"
_ZIP = b"PK\x03\x04"


def open_source(path: Path, mapping: Path | None = None) -> EpisodeSource:
    """A dataset of others as episodes.

    Args:
        path: Its folder or file.
        mapping: Of a ROS 2 bag: which topics are what (`rosbag_mapping`).

    Raises:
        DatasetError: There is nothing, or it is of no kind that is accepted.
    """
    if not path.exists():
        raise DatasetError(f"There is nothing at {path}.")
    if _is_bag(path):
        if mapping is None:
            raise DatasetError(f"{path} is a ROS 2 bag; a mapping has to say what its topics are.")
        return RosBag(path, load_mapping(mapping))
    source = _folder(path) if path.is_dir() else _file(path)
    if mapping is not None:
        raise DatasetError(f"{path} is {source.kind}; only a ROS 2 bag takes a mapping.")
    return source


def _is_bag(path: Path) -> bool:
    if path.is_dir():
        plain = [*path.glob("*.mcap"), *path.glob("*.db3"), *path.glob("*.db3.zstd")]
        return bool(plain) or (path / "metadata.yaml").is_file()
    return _first_bytes(path).startswith((_MCAP, _SQLITE))


def _folder(path: Path) -> EpisodeSource:
    info = path / "meta" / "info.json"
    if info.is_file():
        version = needed(read_json(info), "codebase_version", str, info)
        if version.startswith("v3."):
            return LeRobotV3(path)
        if version.startswith("v2."):
            return LeRobotV21(path)
        raise DatasetError(f"{path} is LeRobot {version}. {_accepted()}")
    if (path / ".zgroup").is_file():
        return ZarrReplay(path)
    inside = sorted(one.name for one in path.iterdir())
    shown = ", ".join(inside[:6]) + (", ..." if len(inside) > 6 else "")
    raise DatasetError(f"{path} is a folder with {shown or 'nothing in it'}. {_accepted()}")


def _file(path: Path) -> EpisodeSource:
    begin = _first_bytes(path)
    if begin.startswith(_HDF5):
        return Robomimic(path)
    if begin.startswith(_ZIP):
        with reading(path, zipfile.BadZipFile), zipfile.ZipFile(path) as file:
            if ".zgroup" in file.namelist():
                return ZarrReplay(path)
        raise DatasetError(f"{path} is a zip file without zarr arrays. {_accepted()}")
    shown = begin[:8].hex(" ") or "nothing"
    raise DatasetError(f"{path} is a file that begins with {shown}. {_accepted()}")


def _first_bytes(path: Path) -> bytes:
    with reading(path), path.open("rb") as file:
        return file.read(16)


def _accepted() -> str:
    return f"Accepted: {', '.join(ACCEPTED)}."
