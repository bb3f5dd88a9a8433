"""What a stage leaves behind: a dated, sealed file that names by hash what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from calibration.codec import decode, encode
from calibration.sealed import read_sealed, write_sealed
from robot_skills.core.errors import RefusedError

MOST_AGE = timedelta(days=30)
"""An older artefact says nothing about a robot any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Artefact:
    """What a stage has found or made.

    Attributes:
        robot: Which robot it is about.
        made: When, UTC, ISO 8601.
        seconds: How long it took.
        inputs: Hash of each artefact that it was made from, by stage.
        body: What it is, as JSON values.
    """

    robot: str
    made: str
    seconds: float
    inputs: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """An artefact where it lies, and its hash."""

    path: Path
    artefact: Artefact
    sha256: str

    def read[BodyT](self, kind: type[BodyT]) -> BodyT:
        """Its body as what it was encoded from.

        Raises:
            RefusedError: It is of another version.
        """
        try:
            return decode(kind, dict(self.artefact.body))
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(
                f"{self.path} is of another version ({error}): remove it, to have it made again."
            ) from error


def path_of(folder: Path, stage: str) -> Path:
    """Where a stage's artefact lies."""
    return folder / f"{stage}.json"


def keep(
    folder: Path,
    stage: str,
    robot: str,
    inputs: Mapping[str, Kept],
    body: object,
    seconds: float,
) -> Kept:
    """Write an artefact. Raises `StorageError`."""
    artefact = Artefact(
        robot=robot,
        made=datetime.now(UTC).replace(microsecond=0).isoformat(),
        seconds=seconds,
        inputs={name: one.sha256 for name, one in inputs.items()},
        body=encode(body),
    )
    path = path_of(folder, stage)
    sha256 = write_sealed(path, _kind(stage), encode(artefact))
    return Kept(path=path, artefact=artefact, sha256=sha256)


def find(
    folder: Path,
    stage: str,
    robot: str,
    inputs: Mapping[str, Kept],
    now: datetime | None = None,
) -> Kept | None:
    """A stage's artefact, if it was made.

    Args:
        folder: Of the run.
        stage: Name of the stage.
        robot: That it has to be about.
        inputs: What it has to be made from.
        now: For its age.

    Raises:
        RefusedError: It is damaged, about another robot, made from something else, or too old.
    """
    path = path_of(folder, stage)
    if not path.exists():
        return None
    content, sha256 = read_sealed(path, _kind(stage))
    try:
        artefact = Artefact(**content)
        made = datetime.fromisoformat(artefact.made)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"{path} is no artefact that can be used: {error}.") from error
    if artefact.robot != robot:
        raise RefusedError(
            f"{path} is about {artefact.robot}, not {robot}: choose another --out for each robot."
        )
    wanted = {name: one.sha256 for name, one in inputs.items()}
    if dict(artefact.inputs) != wanted:
        changed = sorted(
            name
            for name in {*wanted, *artefact.inputs}
            if wanted.get(name) != artefact.inputs.get(name)
        )
        raise RefusedError(
            f"{path} is stale: {', '.join(changed)} is not what it was made from. Remove it, to "
            "have it made again."
        )
    if (now or datetime.now(UTC)) - made > MOST_AGE:
        raise RefusedError(
            f"{path} is of {artefact.made}, at most {MOST_AGE.days} days are accepted: remove it, "
            "to have it made again."
        )
    return Kept(path=path, artefact=artefact, sha256=sha256)


def _kind(stage: str) -> str:
    return f"sim2real {stage}"
