"""Options of `robot-skills corrections` and `robot-skills correct`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from robot_skills.app.options import CommonOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class _FileOptions(CommonOptions):
    """What every command about corrections takes."""

    corrections: Path | None = None
    """File of corrections; that in your data directory when left out."""
    zoo: Path | None = None
    """Folder of the skills; the shipped ones when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectOptions(_FileOptions):
    """Correct a run that is over: what is said of its last call, or of what it was for, is kept.

    Runs that listen to the same file heed it from then on where it is wanted again. Exits 2 when
    the words are not understood, or the run has nothing that they could be about.
    """

    run: Positional[Path]
    """Folder that `robot-skills run --out` wrote, or an episode log."""
    words: Positional[str]
    """What was wrong, as in "no, to the right"."""
    skill: str | None = None
    """The words are about the last call of this skill."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionsList(_FileOptions):
    """List the corrections that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionsShow(_FileOptions):
    """Show everything that is known of one correction."""

    number: Positional[int]
    """Its number in the list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionsDelete(_FileOptions):
    """Forget a correction."""

    number: Positional[int]
    """Its number in the list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionsAdd(_FileOptions):
    """Keep a correction without a run: how calls of a kind are wanted, or what else with a goal.

    Offsets, speeds and gaps are said of calls, further tasks and prohibitions of goals. A choice
    among things has to be said in a run, or after one, where there are any.
    """

    words: Positional[str]
    """What is wanted otherwise, as in "a bit to the right"."""
    about: str
    """The kind of call or goal as the list shows it, "place(on, movable, table)" or
    "in(movable, drawer)"; what can be picked up is movable, all else goes by its label."""


CorrectionsOptions = (
    Annotated[CorrectionsList, tyro.conf.subcommand(name="list")]
    | Annotated[CorrectionsShow, tyro.conf.subcommand(name="show")]
    | Annotated[CorrectionsDelete, tyro.conf.subcommand(name="delete")]
    | Annotated[CorrectionsAdd, tyro.conf.subcommand(name="add")]
)
