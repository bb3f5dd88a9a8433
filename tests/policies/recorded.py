"""Tiny LeRobot v3 datasets with pictures, written without LeRobot, whose import takes seconds."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policies.contract import Frame, ImageSpec, PolicyContract, VectorSpec

FPS = 20
FRONT, DEPTH = "observation.images.front", "observation.images.front_depth"
HEIGHT, WIDTH = 32, 40
_CODES = {"video.depth_min": 0.01, "video.depth_max": 10.0, "video.shift": 3.5}


def contract(**parts) -> PolicyContract:
    """What is seen of such a dataset; by default its colours, unscaled."""
    parts = {"images": [ImageSpec(key=FRONT, height=HEIGHT, width=WIDTH)]} | parts
    return PolicyContract(
        fps=FPS,
        observation_steps=2,
        horizon=4,
        frame=Frame.GIVEN,
        state=VectorSpec(key="observation.state", names=["x"]),
        action=VectorSpec(key="action", names=["x"]),
        **parts,
    )


def pictures(count: int) -> NDArray[np.uint8]:
    """Pictures that differ everywhere from frame to frame, (count, H, W, 3)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)


def depth_codes(count: int) -> NDArray[np.uint16]:
    """LeRobot's twelve-bit depth, without readings in one corner, (count, H, W)."""
    codes = np.random.default_rng(1).integers(1, 4096, (count, HEIGHT, WIDTH), dtype=np.uint16)
    codes[:, :4, :4] = 0
    return codes


def metres(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Depth that twelve-bit codes stand for, by LeRobot's formula."""
    low, high = np.log(0.01 + 3.5), np.log(10.0 + 3.5)
    found = np.exp(low + codes / 4095.0 * (high - low)) - 3.5
    return np.where(codes == 0, 0.0, found)


def record(directory: Path, lengths: list[int], *, per_file: int = 2, stored: str = "video"):
    """Write a dataset.

    Args:
        directory: Where.
        lengths: Frames of each episode.
        per_file: Episodes per video file.
        stored: Type of the cameras' features, ``"video"`` or ``"image"``.
    """
    total = sum(lengths)
    seen, codes = pictures(total), depth_codes(total)
    _write_info(directory, lengths, stored)
    columns = {
        "episode_index": pa.array(np.repeat(np.arange(len(lengths)), lengths)),
        "frame_index": pa.array(np.concatenate([np.arange(n) for n in lengths])),
    }
    if stored == "image":
        columns[FRONT] = _files(cv2.imencode(".png", p[:, :, ::-1])[1] for p in seen)
        millimetres = np.rint(metres(codes) * 1000.0).astype(np.uint16)
        columns[DEPTH] = _files(cv2.imencode(".tiff", d)[1] for d in millimetres)
    else:
        _write_videos(directory, lengths, per_file, seen, codes)
    _write_episodes(directory, lengths, per_file)
    path = directory / "data" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)


def _files(encoded: Iterable[NDArray]) -> pa.Array:
    return pa.array([{"bytes": data.tobytes(), "path": None} for data in encoded])


def _write_info(directory: Path, lengths: list[int], stored: str) -> None:
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "total_frames": sum(lengths),
        "features": {
            FRONT: {"dtype": stored, "shape": [HEIGHT, WIDTH, 3]},
            DEPTH: {
                "dtype": stored,
                "shape": [HEIGHT, WIDTH, 1],
                "info": {"is_depth_map": True, "depth_unit": "mm", **_CODES},
            },
        },
    }
    (directory / "meta").mkdir(parents=True)
    (directory / "meta" / "info.json").write_text(json.dumps(info))


def _write_episodes(directory: Path, lengths: list[int], per_file: int) -> None:
    starts = np.cumsum([0, *lengths])
    rows = []
    for episode, length in enumerate(lengths):
        first = per_file * (episode // per_file)
        row = {"episode_index": episode, "length": length}
        for key in (FRONT, DEPTH):
            row |= {
                f"videos/{key}/chunk_index": 0,
                f"videos/{key}/file_index": episode // per_file,
                f"videos/{key}/from_timestamp": float(starts[episode] - starts[first]) / FPS,
            }
        rows.append(row)
    path = directory / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_videos(
    directory: Path, lengths: list[int], per_file: int, seen: NDArray, codes: NDArray
) -> None:
    ends = np.cumsum([0, *lengths])[::per_file].tolist()
    ends += [sum(lengths)] if ends[-1] != sum(lengths) else []
    for file, (first, last) in enumerate(pairwise(ends)):
        name = f"chunk-000/file-{file:03d}.mp4"
        _encode(directory / "videos" / FRONT / name, seen[first:last], "libx264rgb", "rgb24")
        _encode(directory / "videos" / DEPTH / name, codes[first:last], "libx265", "gray12le")


def _encode(path: Path, frames: NDArray, codec: str, pixels: str) -> None:
    """A video without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lossless = {"x265-params": "lossless=1:log-level=none"} if codec == "libx265" else {"qp": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options=lossless)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=pixels)))
        container.mux(stream.encode())
