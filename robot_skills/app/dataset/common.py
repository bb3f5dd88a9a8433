"""What several subcommands need: the dataset of a path, a progress bar, sizes in words."""

from pathlib import Path
from typing import Any

from robot_skills.core.errors import DatasetError
from robot_skills.data.store import DATASET_FILE, EpisodeStore


def open_store(root: Path) -> EpisodeStore:
    """The dataset in a folder. Raises `DatasetError` where there is none."""
    if not (root / DATASET_FILE).is_file():
        raise DatasetError(f"There is no dataset of recorded episodes at {root}.")
    return EpisodeStore(root)


def progress(total: int | None, words: str, unit: str = " episodes") -> Any:
    """A bar on stderr, which is not drawn where nobody looks; to be used in a `with` block.

    Args:
        total: How many there are; None where nobody knows.
        words: What is being done.
        unit: Of what is counted; ``B`` for bytes.
    """
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=words,
        unit=unit,
        unit_scale=unit == "B",
        disable=None,
        leave=False,
        dynamic_ncols=True,
    )


def size_text(count: float) -> str:
    """Bytes in words, for example ``1.3 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000.0:
            return f"{count:.3g} {unit}" if count < 100.0 else f"{count:.0f} {unit}"
        count /= 1000.0
    return f"{count:.3g} TB"


def duration_text(seconds: float) -> str:
    """A length of time in words, for example ``1 h 02 min`` or ``41 s``."""
    minutes = round(seconds / 60.0)
    if seconds < 90.0:
        return f"{seconds:.0f} s" if seconds >= 10.0 else f"{seconds:.1f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def count_text(count: int, what: str) -> str:
    """For example ``1 episode`` or ``12 episodes``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
