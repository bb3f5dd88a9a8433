"""LeRobot's loader at its best: datasets without what is not read, the faster video decoder."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PYAV, TORCHCODEC = "pyav", "torchcodec"
"""What decodes LeRobot's videos."""


def alone[T](job: Callable[..., T], *arguments: Any) -> T:
    """What a function of a module returns in a fresh process, which may have children."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job, *arguments).result()


def peer_alone[T](job: Callable[..., T], *arguments: Any) -> T:
    """The same in a process that finds PyAV's FFmpeg, which torchcodec does not bring."""
    with _torchcodec_helped():
        return alone(job, *arguments)


def decoders() -> tuple[str, ...]:
    """What decodes videos on this machine."""
    return (PYAV, TORCHCODEC) if peer_alone(_torchcodec_loads) else (PYAV,)


def lean(dataset: Path, cameras: Sequence[str], out: Path) -> None:
    """A copy of a dataset with no pictures but these, by LeRobot's own tool.

    LeRobot decodes every camera of a dataset with every sample, and reads its language.

    Args:
        dataset: Folder of the dataset.
        cameras: Features that are kept.
        out: Folder of the copy.
    """
    from lerobot.datasets.dataset_tools import remove_feature
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    whole = LeRobotDataset("bench/whole", root=dataset, video_backend=PYAV)
    words = {key for key in whole.meta.features if key.startswith("language_")}
    unread = (set(whole.meta.video_keys) - set(cameras)) | words
    remove_feature(whole, sorted(unread), out, f"bench/{out.name}")


def _torchcodec_loads() -> bool:
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        return False
    return True


@contextmanager
def _torchcodec_helped() -> Iterator[None]:
    """Let processes started meanwhile find PyAV's FFmpeg."""
    found = find_spec("av")
    libraries = Path(found.origin).parent.parent / "av.libs" if found and found.origin else None
    before = os.environ.get("LD_LIBRARY_PATH")
    if libraries is None or not libraries.is_dir():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="bench-ffmpeg-") as folder:
        for path in libraries.glob("lib*.so.*"):
            # libavcodec-7ee0753d.so.61.19.101 is looked for as libavcodec.so.61.
            name, version = path.name.split(".so.", 1)
            if name.startswith(("libav", "libsw")):
                plain, major = name.rsplit("-", 1)[0], version.split(".", 1)[0]
                (Path(folder) / f"{plain}.so.{major}").symlink_to(path)
        # After what the system has.
        parts = [before, folder, str(libraries)] if before else [folder, str(libraries)]
        os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(parts)
        try:
            yield
        finally:
            if before is None:
                del os.environ["LD_LIBRARY_PATH"]
            else:
                os.environ["LD_LIBRARY_PATH"] = before
