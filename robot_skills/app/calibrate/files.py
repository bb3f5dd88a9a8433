"""Boards, lenses, pictures and poses as files."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.codec import decode, encode
from calibration.detection import Detection, detect, self_test
from calibration.errors import CalibrationRefused, Cause
from calibration.intrinsics import Intrinsics
from calibration.lens import Lens
from calibration.record import Device, check_record, load_record
from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.se3 import SE3

POSES, LENS, BOARD = "poses.json", "lens.json", "board.json"
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")

_log = logging.getLogger(__name__)


def write_json(path: Path, value: object) -> None:
    """Write a value whole, in place of what was there.

    Raises:
        StorageError: It cannot be written.
    """
    write_bytes(path, (json.dumps(encode(value), indent=1, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, in place of what was there. Raises `StorageError`."""
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def _read_json(path: Path, kind: Any, what: str) -> Any:
    try:
        return decode(kind, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RefusedError(f"There is no {what} {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(f"{path} is no {what} that can be used: {error}.") from error


def read_board(path: Path) -> Board:
    """A board. Raises `RefusedError`."""
    return _read_json(path, Board, "board")


def read_poses(path: Path) -> Mapping[str, SE3]:
    """`T_base_tool` by the name of the picture. Raises `RefusedError`."""
    return _read_json(path, Mapping[str, SE3], "file of poses")


def read_distances(path: Path) -> Mapping[str, float]:
    """Distances [m] by the name of what was recorded there. Raises `RefusedError`."""
    return _read_json(path, Mapping[str, float], "file of distances")


def read_lens(path: Path, camera: str, device: Device) -> Lens:
    """A lens: a calibration of the camera, or what was collected with pictures.

    Raises:
        RefusedError: There is none, or it is of another camera or size.
    """
    if path.name == LENS:
        return _read_json(path, Lens, "lens")
    record = load_record(path)
    if not isinstance(record.result, Intrinsics):
        raise CalibrationRefused(
            Cause.OTHER_KIND, f"{path} is a calibration of kind {record.kind}, not of a lens."
        )
    check_record(record, camera, device)
    return record.result.lens


def picture_files(folder: Path) -> Sequence[Path]:
    """Pictures in a folder, by name.

    Raises:
        RefusedError: There are none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
    if not found:
        raise RefusedError(f"There are no pictures ({', '.join(_PICTURES)}) in {folder}.")
    return found


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture in grey, (H, W). Raises `RefusedError`."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise RefusedError(f"{path} is no picture that can be read.")
    return picture.astype(np.uint8)


def detections(board: Board, folder: Path) -> tuple[dict[str, Detection], dict[str, str]]:
    """The board in the pictures of a folder, and why it is not usable in which.

    Raises:
        RefusedError: There are no pictures, or corners are not found well on this machine.
    """
    self_test()
    found: dict[str, Detection] = {}
    refused: dict[str, str] = {}
    for path in picture_files(folder):
        try:
            found[path.name] = detect(board, read_picture(path))
        except RefusedError as error:
            refused[path.name] = str(error)
            _log.info("%s: %s", path.name, error)
    if not found:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(refused.items())[:3])
        raise CalibrationRefused(Cause.NO_BOARD, f"No picture in {folder} can be used. {reasons}")
    return found, refused


def size_of(found: Mapping[str, Detection]) -> tuple[int, int]:
    """Width and height of pictures that all have one size.

    Raises:
        CalibrationRefused: They have several.
    """
    sizes = sorted({one.size_px for one in found.values()})
    if len(sizes) > 1:
        words = " and ".join(f"{width} x {height}" for width, height in sizes)
        raise CalibrationRefused(
            Cause.MIXED_SIZES, f"Pictures of one camera have one size; there are {words}."
        )
    return sizes[0]


def named_paths(words: Sequence[str], what: str) -> dict[str, Path]:
    """Paths by camera, from ``CAMERA=PATH``. Raises `RefusedError`."""
    named = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise RefusedError(f"{word!r} is not CAMERA={what}.")
        named[name] = Path(path)
    return named
