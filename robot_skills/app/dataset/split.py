"""`robot-skills dataset split`: parts of a dataset, or some of its episodes."""

import re
from collections.abc import Sequence

from robot_skills.app.dataset.common import count_text, open_store, progress
from robot_skills.app.dataset.options import DatasetSplit
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError
from robot_skills.data.edit import divide, take_episodes
from robot_skills.data.names import checked_name
from robot_skills.data.store import Entry, EpisodeStore


def main(options: DatasetSplit) -> CommandResult:
    """Divide a dataset."""
    store = open_store(options.dataset)
    if options.episodes is not None:
        checked_name("dataset", options.out.name)
        chosen = {"": parse_numbers(options.episodes)}
    else:
        shares = parse_parts(options.parts)
        chosen = divide(_groups(list(store.entries()), options.by), shares, options.seed)
        _check_parts(chosen)
    targets = {name: options.out / name if name else options.out for name in chosen}
    with progress(sum(map(len, chosen.values())), "dividing") as bar:
        for name, numbers in chosen.items():
            take_episodes(store, numbers, EpisodeStore(targets[name]), lambda _: bar.update())
    for name, numbers in chosen.items():
        print(f"{count_text(len(numbers), 'episode')}: {targets[name]}")
    return CommandResult(
        payload={
            "parts": {
                name or options.out.name: {"path": str(targets[name]), "episodes": numbers}
                for name, numbers in chosen.items()
            }
        }
    )


def parse_parts(text: str) -> dict[str, float]:
    """Names and shares of ``train=0.8,test=0.2``. Raises `RefusedError`."""
    found: dict[str, float] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([^=\s]+)\s*=\s*(\d*\.?\d+)\s*", part)
        if match is None or match[1] in found:
            raise RefusedError(f"--parts is like train=0.8,test=0.2, got {text!r}.")
        found[checked_name("part", match[1])] = float(match[2])
    return found


def parse_numbers(text: str) -> list[int]:
    """Numbers of ``0-9,12``, in order. Raises `RefusedError`."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        last = int(match[2] or match[1]) if match else -1
        if match is None or last < int(match[1]) or last - int(match[1]) > 1_000_000:
            raise RefusedError(f"--episodes is like 0-9,12, got {text!r}.")
        found.update(range(int(match[1]), last + 1))
    return sorted(found)


def _groups(entries: Sequence[Entry], by: str) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for entry in entries:
        name = {"task": entry.task, "outcome": entry.outcome.value}.get(by, "")
        groups.setdefault(name, []).append(entry.number)
    return groups


def _check_parts(chosen: dict[str, list[int]]) -> None:
    empty = [name for name, numbers in chosen.items() if not numbers]
    if empty:
        raise RefusedError(
            f"There are too few episodes for these parts: {', '.join(empty)} would be empty."
        )
