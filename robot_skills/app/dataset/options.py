"""Options of `robot-skills dataset`. The text under a field is its help on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from robot_skills.app.options import CommonOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetVerify(CommonOptions):
    """Compare every byte of a dataset with what was saved.

    Exits 0 when everything is as it was saved, 1 when something is damaged or missing.
    """

    dataset: Positional[Path]
    """Folder of the dataset."""
    expect: str | None = None
    """Root hash that the dataset should have, from an earlier verify."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRepair(CommonOptions):
    """Mend a dataset after a crash: save what a journal kept, remove the rest.

    Doing it again changes nothing. Recording does the same by itself when it begins.
    """

    dataset: Positional[Path]
    """Folder of the dataset."""
    quarantine: bool = False
    """Move damaged episodes aside, into the dataset's folder `quarantine`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetInfo(CommonOptions):
    """Say what a dataset holds: robot, cameras, episodes, hours, outcomes, and what is odd."""

    dataset: Positional[Path]
    """Folder of the dataset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetExport(CommonOptions):
    """Write a dataset as LeRobot v3, which is read back and compared before it appears.

    What was said of episodes counts: task, outcome, subtasks, trim, discarded. Without --outcomes
    and --all, failures and episodes that were recovered after a crash stay out.
    """

    dataset: Positional[Path]
    """Folder of the dataset."""
    out: Path
    """Folder of the LeRobot dataset; it must not exist."""
    fps: int | None = None
    """Rows per second; the control rate when left out."""
    requested: bool = False
    """Actions are what was asked for, instead of what was sent after the safety gate."""
    cameras: tuple[str, ...] = ()
    """Cameras to keep; all when left out."""
    no_depth: bool = False
    """Leave depth out. LeRobot's own policies fail on depth that they are not told to ignore."""
    no_subtasks: bool = False
    """Leave subtasks out, which lerobot-dataset-viz 0.6.1 cannot show."""
    images: bool = False
    """Pictures one by one without loss, instead of as video."""
    outcomes: tuple[str, ...] = ()
    """Keep episodes that ended so: success, failure, unknown."""
    all: bool = False
    """Keep failures and recovered episodes too; only discarded ones stay out."""
    robot_type: str | None = None
    """Name of the arm for LeRobot; the dataset's robot when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetImport(CommonOptions):
    """Read a dataset of others: LeRobot v2 and v3, robomimic, a zarr replay buffer, a ROS 2 bag.

    An interrupted import goes on where it stopped when it is repeated.
    """

    source: Positional[Path]
    """Its folder or file."""
    out: Path
    """Folder of the dataset."""
    mapping: Path | None = None
    """YAML file that says which topics of a ROS 2 bag are what."""
    name: str | None = None
    """Name of the dataset; the folder's when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetMerge(CommonOptions):
    """Put the episodes of several datasets into a new one; the datasets stay as they are.

    They need the same robot, rates, cameras and vectors. Files are linked, not copied, where the
    disk allows that.
    """

    datasets: Positional[tuple[Path, ...]]
    """Folders of the datasets."""
    out: Path
    """Folder of the new dataset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSplit(CommonOptions):
    """Divide a dataset into parts, or take some episodes out of it; it stays as it is."""

    dataset: Positional[Path]
    """Folder of the dataset."""
    out: Path
    """Folder of the parts, one dataset each; with --episodes of the one new dataset."""
    parts: str = "train=0.8,test=0.2"
    """Names and shares of the parts."""
    episodes: str | None = None
    """Take these instead, by number: 0-9,12."""
    by: Literal["task", "outcome", "none"] = "task"
    """Give every part its share of each task, or of each outcome."""
    seed: int = 0
    """Of the choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetReport(CommonOptions):
    """Describe a dataset on one page: coverage, diversity, smoothness, timing, odd episodes."""

    dataset: Positional[Path]
    """Folder of the dataset."""
    out: Path
    """The page (HTML), which needs no other file."""
    by: str = "task"
    """What divides it into subsets: task, label, outcome, or origin.KEY."""


DatasetOptions = (
    Annotated[DatasetVerify, tyro.conf.subcommand(name="verify")]
    | Annotated[DatasetRepair, tyro.conf.subcommand(name="repair")]
    | Annotated[DatasetInfo, tyro.conf.subcommand(name="info")]
    | Annotated[DatasetExport, tyro.conf.subcommand(name="export")]
    | Annotated[DatasetImport, tyro.conf.subcommand(name="import")]
    | Annotated[DatasetReport, tyro.conf.subcommand(name="report")]
    | Annotated[DatasetMerge, tyro.conf.subcommand(name="merge")]
    | Annotated[DatasetSplit, tyro.conf.subcommand(name="split")]
)
