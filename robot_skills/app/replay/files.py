"""What a replay leaves behind: its numbers, a plot of each arm, and a page."""

import json
import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from robot_skills.app.replay.figures import tracking_png, tracking_svg
from robot_skills.app.replay.tracking import TrackingReport
from robot_skills.core.errors import StorageError


def write_report(folder: Path, report: TrackingReport) -> list[Path]:
    """Write a report's files; returns their paths.

    Raises:
        StorageError: They cannot be written.
    """
    text = json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n"
    files = {"replay.json": text.encode(), "replay.html": render(report).encode()}
    for name, arm in report.arms.items():
        png = "replay.png" if len(report.arms) == 1 else f"replay_{name}.png"
        files[png] = tracking_png(arm)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            partial = folder / f"{name}.part"
            partial.write_bytes(data)
            os.replace(partial, folder / name)
    except OSError as error:
        raise StorageError(f"Cannot write {folder}: {error.strerror or error}.") from error
    return [folder / name for name in files]


def render(report: TrackingReport) -> str:
    """The page as HTML."""
    plots = {name: tracking_svg(arm, name) for name, arm in report.arms.items()}
    return _template().render(report=report, plots=plots)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app.replay", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2")
