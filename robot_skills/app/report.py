"""The report of a run: one HTML file that needs nothing else but the film beside it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from robot_skills.app import figures, pictures
from robot_skills.app.explain.reading import account_of
from robot_skills.app.explain.telling import tell_steps
from robot_skills.app.latency import distribution
from robot_skills.app.story import Attempt, Mark, MarkKind, Story, tell
from robot_skills.core.errors import StorageError
from robot_skills.core.scene import TABLE, Entity
from robot_skills.core.types import ActionChunk
from robot_skills.data.episode_log import Episode, Latency, Look
from robot_skills.data.messages import Command
from robot_skills.scheduler.attribution import attribute

_CHANGED_M = 1e-6
_SHOWN_LOOKS = 16
"""More looks than this would make the page heavy; the first and the last ones are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportInputs:
    """What the report tells besides the episode itself.

    Attributes:
        truth_success: Whether the goal holds in the simulator's own state; None on a real robot.
        wall_s: How long the run took on the wall clock; None when nobody took it.
        film: Address of the film relative to the report; None when there is none.
        log_name: Name of the episode log beside the report.
    """

    truth_success: bool | None = None
    wall_s: float | None = None
    film: str | None = None
    log_name: str = "episode.mcap"


def write_report(path: Path, episode: Episode, inputs: ReportInputs) -> None:
    """Write the report of an episode.

    Raises:
        StorageError: It cannot be written.
    """
    page = render_report(episode, inputs)
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def render_report(episode: Episode, inputs: ReportInputs) -> str:
    """The report as HTML."""
    story = tell(episode.events)
    end_s = _end(episode, story)
    step_s = _tick_step(end_s)
    latencies = episode.latencies
    return _template().render(
        story=story,
        verdicts=_verdicts(story, inputs),
        cause=attribute(episode.events),
        facts=_facts(episode, inputs, end_s),
        film=inputs.film,
        plans=_plans(story),
        colours=figures.skill_colours(story.attempts),
        explained=tell_steps(account_of(episode.events)),
        lanes=_lanes(story, episode.looks, end_s),
        ticks=[
            {"left": round(100 * t / end_s, 3), "text": f"{t:g} s"}
            for t in np.arange(0.0, end_s + 1e-9, step_s)
        ],
        grid_percent=round(100 * step_s / end_s, 4),
        looks=[_look(look) for look in _chosen_looks(episode.looks)],
        motions=_motions(episode, story),
        latency=figures.latency_histogram(latencies) if latencies else "",
        latency_rows=_latency_rows(latencies),
        gate=_gate(episode.commands),
        log_name=inputs.log_name,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2")


def _end(episode: Episode, story: Story) -> float:
    """Last stamp of anything, never zero, because times are divided by it."""
    stamps = [event.stamp_s for event in episode.events]
    stamps += [attempt.end_s for attempt in story.attempts]
    stamps += [states[-1].stamp_s for states in episode.states.values()]
    return max([*stamps, 1e-3])


def _verdicts(story: Story, inputs: ReportInputs) -> list[dict[str, str]]:
    views = [("as the executive believes", story.believed)]
    if inputs.truth_success is not None:
        views.append(("as the simulator knows", inputs.truth_success))
    words = {True: ("good", "The goal holds"), False: ("bad", "The goal does not hold")}
    verdicts = []
    for who, holds in views:
        tone, said = ("open", "Not known") if holds is None else words[holds]
        verdicts.append({"who": who, "tone": tone, "said": said})
    return verdicts


def _facts(episode: Episode, inputs: ReportInputs, end_s: float) -> list[tuple[str, str]]:
    shown = ("arm", "scene", "seed", "planner", "version")
    facts = [(name, episode.metadata[name]) for name in shown if episode.metadata.get(name)]
    facts.append(("simulated", f"{end_s:.1f} s"))
    if inputs.wall_s is not None:
        facts.append(("took", f"{inputs.wall_s:.1f} s"))
    return facts


def _plans(story: Story) -> list[dict[str, Any]]:
    """Each plan with a sign before every step: done, tried in vain, or never begun."""
    outcome = {attempt.call: attempt.ok for attempt in story.attempts}
    signs = {True: ("ok", "✓"), False: ("no", "✗"), None: ("idle", "·")}
    plans = []
    for number, calls in enumerate(story.plans):
        steps = []
        for call in calls:
            tone, sign = signs[outcome.get(call)]
            steps.append({"call": call, "tone": tone, "sign": sign})
        title = "Plan" if number == 0 else f"Plan, revised ({number})"
        plans.append({"title": title, "steps": steps})
    return plans


def _lanes(story: Story, looks: Sequence[Look], end_s: float) -> list[dict[str, Any]]:
    """Rows of the time line: looks and plans, each call with its attempts, checks and trouble."""
    colours = figures.skill_colours(story.attempts)

    def marks(*kinds: MarkKind) -> list[dict[str, Any]]:
        return [_mark(mark, end_s) for mark in story.marks if mark.kind in kinds]

    seen = [_mark(_look_mark(look), end_s) for look in looks] or marks(MarkKind.LOOK)
    lanes: list[dict[str, Any]] = [
        {"name": "looks", "bars": [], "marks": seen},
        {"name": "plans", "bars": [], "marks": marks(MarkKind.PLAN)},
    ]
    calls: dict[str, list[Attempt]] = {}
    for attempt in story.attempts:
        calls.setdefault(attempt.call, []).append(attempt)
    for call, attempts in calls.items():
        bars = [_bar(attempt, end_s, colours[attempt.skill]) for attempt in attempts]
        lanes.append({"name": call, "bars": bars, "marks": []})
    # What failed is drawn last, over what passed at the same moment.
    checks = marks(MarkKind.CHECK_PASSED) + marks(MarkKind.CHECK_FAILED)
    lanes.append({"name": "checks", "bars": [], "marks": checks})
    trouble = marks(MarkKind.RETRY, MarkKind.GATE)
    lanes.append({"name": "retries and refused chunks", "bars": [], "marks": trouble})
    return [lane for lane in lanes if lane["bars"] or lane["marks"]]


def _look_mark(look: Look) -> Mark:
    names = ", ".join(entity.name for entity in look.scene if entity.name != TABLE)
    return Mark(stamp_s=look.scene.stamp_s, kind=MarkKind.LOOK, text=f"sees {names or 'nothing'}")


def _bar(attempt: Attempt, end_s: float, colour: int) -> dict[str, Any]:
    return {
        "left": round(100 * attempt.start_s / end_s, 3),
        "width": round(100 * attempt.duration_s / end_s, 3),
        "colour": colour,
        "tone": "" if attempt.ok else "failed",
        "text": f"{attempt.call}, attempt {attempt.number}: {attempt.outcome} after "
        f"{attempt.duration_s:.1f} s ({attempt.reason})"
        + ("" if attempt.likely is None else f", success foreseen with {attempt.likely:.2f}"),
    }


def _mark(mark: Mark, end_s: float) -> dict[str, Any]:
    return {
        "left": round(100 * mark.stamp_s / end_s, 3),
        "kind": mark.kind.value,
        "text": f"{mark.stamp_s:.1f} s: {mark.text}",
    }


def _tick_step(end_s: float) -> float:
    """A round spacing that gives about ten ticks."""
    steps = np.array([0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600])
    return float(steps[np.argmin(np.abs(np.log(end_s / 9.0 / steps)))])


def _chosen_looks(looks: Sequence[Look]) -> list[Look]:
    if len(looks) <= _SHOWN_LOOKS:
        return list(looks)
    return [*looks[: _SHOWN_LOOKS // 2], *looks[-_SHOWN_LOOKS // 2 :]]


def _look(look: Look) -> dict[str, Any]:
    shown = []
    for name, frame in look.frames.items():
        boxes = pictures.jpeg_uri(pictures.with_boxes(frame, look.scene))
        depth = pictures.jpeg_uri(pictures.depth_picture(frame.depth_m))
        shown.append({"caption": f"{name} camera", "uri": boxes})
        shown.append({"caption": f"{name} camera, depth", "uri": depth})
    entities = [_entity(entity) for entity in look.scene if entity.name != TABLE]
    return {"stamp_s": look.scene.stamp_s, "pictures": shown, "entities": entities}


def _entity(entity: Entity) -> dict[str, str]:
    states = []
    if entity.held_by is not None:
        states.append("held")
    if entity.articulation is not None:
        joint = entity.articulation
        states.append(f"{100 * joint.value_m:.1f} of {100 * joint.upper_m:.1f} cm open")
    if not entity.visible:
        states.append("remembered")
    return {
        "name": entity.name,
        "kind": f"{entity.colour} {entity.label}".strip(),
        "position": ", ".join(f"{value:.3f}" for value in entity.T_base_entity.p),
        "size": " × ".join(f"{100 * value:.1f}" for value in entity.extents_m),
        "state": ", ".join(states),
        "confidence": f"{100 * entity.confidence:.0f} %",
    }


def _motions(episode: Episode, story: Story) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "path": figures.tool_path(states, story.attempts),
            "above": figures.tool_from_above(states, story.attempts),
            "time": figures.over_time(states, story.attempts),
        }
        for name, states in episode.states.items()
        if len({state.stamp_s for state in states}) > 1
    ]


def _latency_rows(latencies: Sequence[Latency]) -> list[dict[str, Any]]:
    return [
        {"stage": stage, "total_s": 1e-3 * sum(values), **distribution(values)}
        for stage, values in figures.latency_by_stage(latencies).items()
    ]


def _gate(commands: Sequence[Command]) -> Mapping[str, Any]:
    refusals = [
        {"stamp_s": command.stamp_s, "why": command.refused}
        for command in commands
        if command.accepted is None
    ]
    taken = [command for command in commands if command.accepted is not None]
    return {
        "commands": len(commands),
        "accepted": len(taken),
        "changed": sum(_changed(command.requested, command.accepted) for command in taken),
        "refusals": refusals,
    }


def _changed(requested: ActionChunk, accepted: ActionChunk | None) -> bool:
    """Whether the robot took another motion than the one asked for; late waypoints aside."""
    if accepted is None:
        return True
    for name, arm in accepted.arms.items():
        for i, stamp_s in enumerate(accepted.stamp_s):
            T_wanted, opening = requested.sample(name, float(stamp_s))
            moved = np.abs(T_wanted.p - arm.T_base_tool[i, :3, 3]).max()
            if moved > _CHANGED_M or abs(opening - arm.opening[i]) > _CHANGED_M:
                return True
    return False
