"""Artefacts that are stale, foreign or damaged are refused."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from robot_skills.app.sim2real.artefact import Kept, find, keep, path_of
from robot_skills.core.errors import RefusedError

ROBOT = "twin:1 panda"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Something that a stage has found."""

    friction: float


def _chain(folder: Path) -> tuple[Kept, Kept]:
    first = keep(folder, "identify", ROBOT, {}, Found(friction=0.5), 1.0)
    return first, keep(folder, "train", ROBOT, {"identify": first}, Found(friction=0.6), 2.0)


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    first, second = _chain(tmp_path)
    found = find(tmp_path, "train", ROBOT, {"identify": first})
    assert found is not None
    assert found == second
    assert found.read(Found) == Found(friction=0.6)


def test_what_was_not_made_is_not_found(tmp_path: Path) -> None:
    assert find(tmp_path, "train", ROBOT, {}) is None


def test_one_that_was_made_from_something_else_is_stale(tmp_path: Path) -> None:
    _chain(tmp_path)
    anew = keep(tmp_path, "identify", ROBOT, {}, Found(friction=0.7), 1.0)
    with pytest.raises(RefusedError, match="stale: identify"):
        find(tmp_path, "train", ROBOT, {"identify": anew})


def test_one_of_another_robot_is_refused(tmp_path: Path) -> None:
    _chain(tmp_path)
    with pytest.raises(RefusedError, match="twin:2"):
        find(tmp_path, "identify", "twin:2 panda", {})


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    _chain(tmp_path)
    path = path_of(tmp_path, "identify")
    path.write_text(path.read_text().replace("0.5", "0.4"))
    with pytest.raises(RefusedError, match="damaged"):
        find(tmp_path, "identify", ROBOT, {})


def test_one_of_another_stage_is_refused(tmp_path: Path) -> None:
    _chain(tmp_path)
    path_of(tmp_path, "identify").replace(path_of(tmp_path, "calibrate"))
    with pytest.raises(RefusedError, match="kind"):
        find(tmp_path, "calibrate", ROBOT, {})


def test_an_old_one_is_refused(tmp_path: Path) -> None:
    _chain(tmp_path)
    with pytest.raises(RefusedError, match="days"):
        find(tmp_path, "identify", ROBOT, {}, now=datetime.now(UTC) + timedelta(days=40))
