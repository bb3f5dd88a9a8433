"""`robot-skills dataset export`: a LeRobot v3 dataset that was read back and compared."""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from robot_skills.app.dataset.common import count_text, open_store
from robot_skills.app.dataset.options import DatasetExport
from robot_skills.app.outcome import CommandResult
from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import DatasetError, RefusedError, unknown_name
from robot_skills.data.importing import known_optics
from robot_skills.data.lerobot import ExportConfig, ExportReport, Told, export_lerobot
from robot_skills.data.reader import read_recorded
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.series import EpisodeData
from robot_skills.data.store import Entry, EpisodeStore


def main(options: DatasetExport) -> CommandResult:
    """Export a dataset, and say what was compared."""
    store = open_store(options.dataset)
    schema = store.schema
    entries = list(store.entries())
    chosen = chosen_entries(entries, options)
    if not chosen:
        raise DatasetError(
            f"None of the {count_text(len(entries), 'episode')} of {store.root} is to be exported; "
            "see --outcomes and --all."
        )
    report = export_lerobot(
        ChosenEpisodes(store, chosen, cameras=_cameras(options, schema)),
        options.out,
        fps=options.fps or _control_rate(schema),
        robot_type=options.robot_type or schema.robot,
        config=ExportConfig(
            action=Told.REQUESTED if options.requested else Told.SENT,
            depth=not options.no_depth,
            subtasks=not options.no_subtasks,
            video=not options.images,
        ),
        progress=sys.stderr.isatty(),
    )
    _say(report, len(entries) - len(chosen))
    return CommandResult(payload=_payload(report, chosen))


def chosen_entries(entries: Sequence[Entry], options: DatasetExport) -> list[Entry]:
    """The episodes that are to be exported. Raises `UnknownNameError`, `RefusedError`."""
    known = {outcome.value: outcome for outcome in Outcome}
    names = [name for text in options.outcomes for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise unknown_name("outcome", name, known)
    if names and options.all:
        raise RefusedError("--outcomes and --all contradict each other.")
    wanted = {known[name] for name in names} or {Outcome.SUCCESS, Outcome.UNKNOWN}
    kept = [entry for entry in entries if not entry.annotation.discarded]
    if options.all:
        return kept
    return [e for e in kept if e.outcome in wanted and not e.manifest.recovered]


class ChosenEpisodes(Sequence[EpisodeData]):
    """Some episodes of a store as they are to be exported, read when asked for.

    Args:
        store: The dataset.
        entries: Which.
        cameras: Which of their cameras.
    """

    def __init__(
        self, store: EpisodeStore, entries: Sequence[Entry], *, cameras: Sequence[str]
    ) -> None:
        self._store, self._entries, self._cameras = store, entries, cameras

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> EpisodeData: ...

    @overload
    def __getitem__(self, index: slice) -> "ChosenEpisodes": ...

    def __getitem__(self, index: int | slice) -> "EpisodeData | ChosenEpisodes":
        if isinstance(index, slice):
            return ChosenEpisodes(self._store, self._entries[index], cameras=self._cameras)
        entry = self._entries[index]
        episode = known_optics(read_recorded(entry, self._store))
        kept = {name: one for name, one in episode.cameras.items() if name in self._cameras}
        return trimmed(replace(episode, cameras=kept), entry.annotation.trim_s)


def trimmed(episode: EpisodeData, trim_s: tuple[float, float] | None) -> EpisodeData:
    """The part of an episode that is to be used; its series stay whole."""
    if trim_s is None:
        return episode
    first_s, last_s = trim_s[0], min(trim_s[1], episode.duration_s)
    if last_s <= first_s:
        raise DatasetError(f"The trim {trim_s} of {episode.origin} leaves nothing of it.")
    return replace(
        episode,
        start_s=episode.start_s + first_s,
        end_s=episode.start_s + last_s,
        subtasks=tuple(
            Subtask(
                start_s=max(one.start_s, first_s) - first_s,
                end_s=min(one.end_s, last_s) - first_s,
                words=one.words,
            )
            for one in episode.subtasks
            if one.end_s > first_s and one.start_s < last_s
        ),
    )


def _cameras(options: DatasetExport, schema: DatasetSchema) -> list[str]:
    known = [camera.name for camera in schema.cameras]
    wanted = [name for text in options.cameras for name in text.split(",") if name]
    for name in wanted:
        if name not in known:
            raise unknown_name("camera", name, known)
    return wanted or known


def _control_rate(schema: DatasetSchema) -> int:
    rate_hz = 1.0 / schema.control_period_s
    if abs(rate_hz - round(rate_hz)) > 1e-3 * rate_hz:
        raise RefusedError(f"LeRobot needs whole rows per second, not {rate_hz:g}; give --fps.")
    return round(rate_hz)


def _say(report: ExportReport, skipped: int) -> None:
    rest = f" ({skipped} left out)" if skipped else ""
    amount = f"{count_text(report.episodes, 'episode')}{rest}, {report.frames} rows"
    print(f"{amount} at {report.fps} Hz: {report.root}")
    print("Read back: numbers, tasks and subtasks are equal bit for bit.")
    for name, camera in report.cameras.items():
        found = [f"pictures within {1e3 * camera.worst_offset_s:.1f} ms of their rows"]
        if camera.psnr_mean_db is not None and camera.psnr_min_db is not None:
            mean, worst = camera.psnr_mean_db, camera.psnr_min_db
            found.append(f"colour {mean:.1f} dB on average, {worst:.1f} dB at worst")
        if camera.depth_error_m is not None:
            found.append(f"depth within {1e3 * camera.depth_error_m:.1f} mm")
        print(f"  {name}: {', '.join(found)}")
    for note in (*(f"{name} was not written" for name in report.left_out), *report.notes):
        print(f"note: {note}")
    print(f"content {report.content_sha256}")


def _payload(report: ExportReport, chosen: Sequence[Entry]) -> dict[str, object]:
    return {
        "out": str(report.root),
        "episodes": [entry.number for entry in chosen],
        "frames": report.frames,
        "fps": report.fps,
        "content_sha256": report.content_sha256,
        "left_out": list(report.left_out),
        "notes": list(report.notes),
        "cameras": {
            name: {
                "worst_offset_s": camera.worst_offset_s,
                "psnr_mean_db": _finite(camera.psnr_mean_db),
                "psnr_min_db": _finite(camera.psnr_min_db),
                "depth_error_m": camera.depth_error_m,
            }
            for name, camera in report.cameras.items()
        },
    }


def _finite(value: float | None) -> float | None:
    """None for what has no loss at all, which JSON cannot say."""
    return value if value is not None and math.isfinite(value) else None
