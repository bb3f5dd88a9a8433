"""`robot-skills dataset report`: one page about a dataset, without any other file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from robot_skills.app.dataset import report_figures
from robot_skills.app.dataset.common import (
    count_text,
    duration_text,
    open_store,
    progress,
    size_text,
)
from robot_skills.app.dataset.oddities import Oddity, oddities
from robot_skills.app.dataset.options import DatasetReport
from robot_skills.app.dataset.report_tables import (
    episode_rows,
    stream_rows,
    subset_rows,
    success_rows,
)
from robot_skills.app.dataset.subsets import Spread, spread
from robot_skills.app.dataset.survey import EpisodeSummary, Survey, survey
from robot_skills.app.outcome import CommandResult
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, RefusedError, StorageError
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.store import EpisodeStore

_MOST_SUBSETS = 8
"""The page has as many colours; smaller subsets are put together."""
_OTHERS = "all others"
_BY = ("task", "label", "outcome")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Findings:
    """What a page is made of.

    Attributes:
        schema: Of the dataset.
        survey: What was seen in its episodes.
        groups: Episodes by subset, the largest first.
        by: What divides the dataset into subsets.
        motion: Diversity and disparity of paths [m]; None where no path is known.
        looks: Diversity and disparity of first pictures; None without pictures.
        odd: Episodes to look at.
        bytes: On disk.
        root_hash: Of the dataset.
    """

    schema: DatasetSchema
    survey: Survey
    groups: dict[str, list[EpisodeSummary]]
    by: str
    motion: Spread | None
    looks: Spread | None
    odd: list[Oddity]
    bytes: int
    root_hash: str


def main(options: DatasetReport) -> CommandResult:
    """Write the page."""
    store = open_store(options.dataset)
    if options.by not in _BY and not options.by.startswith("origin."):
        raise RefusedError(f"--by is {', '.join(_BY)} or origin.KEY, got {options.by!r}.")
    with progress(len(store.numbers()), "reading") as bar:
        found = examine(store, options.by, bar.update)
    _write(options.out, render(found))
    print(f"{count_text(len(found.survey.episodes), 'episode')}: {options.out}")
    if found.odd:
        print(f"{count_text(len(found.odd), 'episode')} to look at")
    return CommandResult(payload={"out": str(options.out), **payload(found)})


def examine(
    store: EpisodeStore, by: str = "task", told: Callable[[], object] | None = None
) -> Findings:
    """Go through a dataset and measure it.

    Args:
        store: The dataset.
        by: ``task``, ``label``, ``outcome`` or ``origin.KEY``.
        told: Called after every episode.

    Raises:
        DatasetError: There is nothing to describe.
    """
    schema = store.schema
    seen = survey(store, by, told)
    if not seen.episodes:
        raise DatasetError(f"{store.root} has no episode that could be described.")
    groups = _groups(seen.episodes)
    shapes = {
        name: np.array([e.tool.shape.ravel() for e in episodes if e.tool is not None])
        for name, episodes in groups.items()
    }
    looks = {name: _looks(episodes) for name, episodes in groups.items()}
    return Findings(
        schema=schema,
        survey=seen,
        groups=groups,
        by=by,
        # Root mean square over coordinates; over points in space it is sqrt(3) as much.
        motion=spread({n: np.sqrt(3.0) * s for n, s in shapes.items()})
        if any(map(len, shapes.values()))
        else None,
        looks=spread(looks) if any(map(len, looks.values())) else None,
        odd=oddities(seen.episodes, schema.control_period_s),
        bytes=sum(path.stat().st_size for path in store.root.glob("episodes/*/*")),
        root_hash=store.root_hash(),
    )


def payload(found: Findings) -> dict[str, Any]:
    """The findings as JSON values."""
    return {
        "episodes": len(found.survey.episodes),
        "discarded": found.survey.discarded,
        "unreadable": {str(n): why for n, why in found.survey.unreadable.items()},
        "by": found.by,
        "subsets": {
            row["name"]: {
                key: row[key]
                for key in ("episodes", "seconds", "motion_m", "look", "cells", "action_spread")
            }
            for row in subset_rows(found.groups, found.motion, found.looks)
        },
        "success": {row["name"]: row["numbers"] for row in success_rows(found.groups)},
        "disparity": {
            "motion": None if found.motion is None else found.motion.mean_disparity,
            "look": None if found.looks is None else found.looks.mean_disparity,
        },
        "odd": {str(one.number): list(one.reasons) for one in found.odd},
        "root_hash": found.root_hash,
    }


def render(found: Findings) -> str:
    """The page as HTML."""
    episodes = found.survey.episodes
    has_tool = any(e.tool is not None for e in episodes)
    names = list(found.groups)
    return _template().render(
        schema=found.schema,
        facts=_facts(found),
        by=found.by.removeprefix("origin."),
        subsets=subset_rows(found.groups, found.motion, found.looks),
        success=success_rows(found.groups),
        matrices=[
            {"title": title, "rows": _matrix(one, names)}
            for title, one in (("paths of the tool", found.motion), ("first pictures", found.looks))
            if one is not None and one.disparity
        ],
        names=names,
        coverage=report_figures.coverage(episodes) if has_tool else "",
        places=report_figures.places(found.groups) if has_tool else "",
        motion=report_figures.strips(found.groups, _motion_columns(found.groups))
        if has_tool
        else "",
        streams=stream_rows(episodes, found.schema),
        odd=found.odd,
        unreadable=found.survey.unreadable,
        sheet=[e for e in episodes if e.thumbnails],
        episodes=episode_rows(episodes, {one.number: one.reasons for one in found.odd}, names),
        discarded=found.survey.discarded,
        root_hash=found.root_hash,
    )


def _facts(found: Findings) -> list[tuple[str, str]]:
    episodes, schema = found.survey.episodes, found.schema
    seconds = sum(e.duration_s for e in episodes)
    good = sum(e.outcome is Outcome.SUCCESS for e in episodes)
    facts = [
        ("episodes", str(len(episodes))),
        ("length", duration_text(seconds)),
        ("robot", f"{schema.robot} at {1.0 / schema.control_period_s:g} Hz"),
        ("cameras", ", ".join(camera.name for camera in schema.cameras) or "none"),
        ("tasks", str(len({e.task for e in episodes}))),
        ("successes", str(good)),
        ("size", size_text(found.bytes)),
    ]
    if found.survey.discarded:
        facts.append(("discarded", str(found.survey.discarded)))
    return facts


def _groups(episodes: Sequence[EpisodeSummary]) -> dict[str, list[EpisodeSummary]]:
    """Episodes by subset, the largest first; the smallest ones together where they are many."""
    found: dict[str, list[EpisodeSummary]] = {}
    for episode in episodes:
        found.setdefault(episode.subset, []).append(episode)
    order = sorted(found, key=lambda name: (-len(found[name]), name))
    if len(order) <= _MOST_SUBSETS:
        return {name: found[name] for name in order}
    kept = {name: found[name] for name in order[: _MOST_SUBSETS - 1]}
    rest = [e for name in order[_MOST_SUBSETS - 1 :] for e in found[name]]
    return {**kept, _OTHERS: rest}


def _looks(episodes: Sequence[EpisodeSummary]) -> np.ndarray:
    """First pictures of all episodes that saw as much as the first one."""
    seen = [e.look for e in episodes if e.look is not None]
    return np.array([look for look in seen if len(look) == len(seen[0])])


def _matrix(one: Spread, names: Sequence[str]) -> list[list[float | None]]:
    """Disparity of each pair of subsets."""
    both = {**one.disparity, **{(b, a): value for (a, b), value in one.disparity.items()}}
    return [[both.get((a, b)) for b in names] for a in names]


def _motion_columns(
    groups: report_figures.Groups,
) -> dict[str, dict[str, list[float]]]:
    """What is drawn of every episode's motion."""

    def column(value: Callable[[EpisodeSummary], float | None]) -> dict[str, list[float]]:
        found = {name: [value(e) for e in episodes] for name, episodes in groups.items()}
        return {name: [v for v in values if v is not None] for name, values in found.items()}

    return {
        "length [s]": column(lambda e: e.duration_s),
        "way of the tool [m]": column(lambda e: e.tool and e.tool.motion.path_m),
        "idle [%]": column(lambda e: e.tool and 100 * e.tool.motion.idle_s / e.duration_s),
        "SPARC": column(lambda e: e.tool and e.tool.motion.sparc),
        "LDLJ": column(lambda e: e.tool and e.tool.motion.ldlj),
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("dataset_report.html.j2")


def _write(path: Path, page: str) -> None:
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
