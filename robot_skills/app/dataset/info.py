"""`robot-skills dataset info`: what a dataset holds, at a glance."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from robot_skills.app.dataset.common import count_text, duration_text, open_store, size_text
from robot_skills.app.dataset.options import DatasetInfo
from robot_skills.app.outcome import CommandResult
from robot_skills.app.tables import text_table
from robot_skills.core.annotation import Outcome
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import Entry
from robot_skills.data.suspicion import flags_of


def main(options: DatasetInfo) -> CommandResult:
    """Describe a dataset from its manifests alone."""
    store = open_store(options.dataset)
    schema = store.schema
    entries = list(store.entries())
    leftovers = len(store.leftovers())
    flags = {e.number: flags_of(e.manifest) for e in entries}
    flags = {number: found for number, found in flags.items() if found}
    print(_head(schema))
    print(_amount(entries))
    if leftovers:
        print(
            f"{count_text(leftovers, 'unfinished recording')}: being recorded, or left by a crash"
        )
    print("\n" + _tasks(entries))
    for number, found in flags.items():
        print(f"\nepisode {number}: " + "; ".join(found))
    return CommandResult(payload=_payload(schema, entries, flags, leftovers))


def _head(schema: DatasetSchema) -> str:
    arms = ", ".join(f"{name} with {n} joints" for name, n in schema.arms.items()) or "no arm"
    rows = [
        ("name", schema.name),
        ("robot", f"{schema.robot}, {arms}, {1.0 / schema.control_period_s:g} Hz"),
        *(("camera", camera_text(camera)) for camera in schema.cameras),
        *(("vector", f"{one.name}, {len(one.names)} numbers") for one in schema.numbers),
    ]
    return "\n".join(f"{name:<9} {value}" for name, value in rows)


def camera_text(camera: CameraSpec) -> str:
    """One camera in words."""
    depth = "colour and depth" if camera.depth else "colour"
    size = f"{camera.width_px} x {camera.height_px} px"
    return f"{camera.name}, {size}, {camera.hz:g} Hz, {depth}"


def _amount(entries: Sequence[Entry]) -> str:
    seconds = sum(e.manifest.duration_s for e in entries)
    size = sum(e.manifest.bytes for e in entries)
    amount = f"{count_text(len(entries), 'episode')}, {duration_text(seconds)}, {size_text(size)}"
    discarded = sum(e.annotation.discarded for e in entries)
    recovered = sum(e.manifest.recovered for e in entries)
    extra = [f"{n} {what}" for n, what in ((discarded, "discarded"), (recovered, "recovered")) if n]
    return f"{'holds':<9} {', '.join([amount, *extra])}"


def _tasks(entries: Sequence[Entry]) -> str:
    counts: dict[str, Counter[Outcome]] = {}
    seconds: dict[str, float] = {}
    for entry in entries:
        counts.setdefault(entry.task, Counter())[entry.outcome] += 1
        seconds[entry.task] = seconds.get(entry.task, 0.0) + entry.manifest.duration_s
    rows = [
        (
            task or "(no words)",
            str(sum(found.values())),
            *(str(found[outcome]) for outcome in Outcome),
            duration_text(seconds[task]),
        )
        for task, found in counts.items()
    ]
    header = ("task", "episodes", *(outcome.value for outcome in Outcome), "length")
    return text_table(header, rows)


def _payload(
    schema: DatasetSchema,
    entries: Sequence[Entry],
    flags: dict[int, tuple[str, ...]],
    leftovers: int,
) -> dict[str, Any]:
    outcomes = Counter(entry.outcome for entry in entries)
    return {
        "schema": schema.to_json(),
        "episodes": len(entries),
        "seconds": sum(e.manifest.duration_s for e in entries),
        "bytes": sum(e.manifest.bytes for e in entries),
        "outcomes": {outcome.value: outcomes[outcome] for outcome in Outcome},
        "tasks": dict(Counter(entry.task for entry in entries)),
        "discarded": sum(e.annotation.discarded for e in entries),
        "recovered": sum(e.manifest.recovered for e in entries),
        "unfinished": leftovers,
        "flags": {str(number): list(found) for number, found in flags.items()},
    }
