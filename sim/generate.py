"""Demonstrations in bulk: parallel, resumable, verified.

Attempt i of a run depends on ``(seed, i)`` alone. Every finished attempt is one file beside the
dataset-to-be, so an interrupted run loses at most the attempts in flight and goes on when the same
command is given again. The dataset holds the first N attempts, in order, that succeeded: a skill's
effects hold in the simulator's truth, or the suite itself calls it a success. The number of workers
does not change it.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from robot_skills.core.errors import (
    DatasetError,
    RefusedError,
    RobotSkillsError,
    StorageError,
    unknown_name,
)
from sim.arms import ARMS
from sim.attempts import let_go, make_attempts
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, AttemptFailed, demonstrate
from sim.experts import EXPERTS
from sim.suites import Recording, TaskSpec, find_task
from sim.world import CAMERAS

_DEFAULT_ARM = "panda"
_GIVE_UP_AFTER = 40
"""Attempts without one success after which the run is called off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateConfig:
    """What to demonstrate.

    Attributes:
        task: Name of a skill that has an expert, or `SUITE:TASK`.
        arm: Name of a simulated arm, a Panda if left out; a suite's task brings its own.
        episodes: Successful demonstrations wanted.
        seed: Of the whole run.
        cameras: Cameras to record with depth; none records state only.
        camera_px: Picture size (width, height).
    """

    task: str
    arm: str | None = None
    episodes: int = 400
    seed: int = 0
    cameras: tuple[str, ...] = ()
    camera_px: tuple[int, int] = (128, 128)

    def __post_init__(self) -> None:
        """Refuse what cannot be demonstrated before any process starts."""
        if self.episodes < 1:
            raise DatasetError(f"At least one episode has to be asked for, got {self.episodes}.")
        spec = self.spec
        if spec is None:
            if self.task not in EXPERTS:
                raise unknown_name("skill with an expert", self.task, EXPERTS)
            if self.robot not in ARMS:
                raise unknown_name("arm", self.robot, ARMS)
        elif self.arm is not None:
            raise RefusedError(
                f"{spec.name} brings its own arm ({spec.robot}), so none can be chosen, "
                f"got {self.arm!r}."
            )
        cameras = CAMERAS if spec is None else spec.cameras
        for camera in self.cameras:
            if camera not in cameras:
                raise unknown_name("camera", camera, cameras)
        if min(self.camera_px) < 16:
            raise DatasetError(f"Pictures need at least 16 x 16 pixels, got {self.camera_px}.")

    @property
    def spec(self) -> TaskSpec | None:
        """The suite's task; None for a skill."""
        return find_task(self.task) if ":" in self.task else None

    @property
    def robot(self) -> str:
        """Name of the arm that demonstrates."""
        spec = self.spec
        return (self.arm or _DEFAULT_ARM) if spec is None else spec.robot

    @property
    def fps(self) -> int:
        """Control ticks per second."""
        spec = self.spec
        return CONTROL_HZ if spec is None else spec.fps

    def demonstrate(self, i: int) -> Demonstration:
        """Attempt i.

        Raises:
            AttemptFailed: It did not succeed.
        """
        seed, spec = (self.seed, i), self.spec
        if spec is not None:
            recording = Recording(cameras=self.cameras, camera_px=self.camera_px)
            return spec.demonstrate(seed, recording)
        return demonstrate(
            self.task,
            seed=seed,
            arm=self.robot,
            cameras=self.cameras,
            camera_px=self.camera_px,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateReport:
    """What came of it.

    Attributes:
        dataset: Folder of the LeRobot dataset.
        episodes: Demonstrations in it.
        frames: Control ticks in it.
        attempts: Attempts that were needed.
        failures: Number of failed attempts per reason.
    """

    dataset: str
    episodes: int
    frames: int
    attempts: int
    failures: dict[str, int]


class Job(Protocol):
    """Attempts that depend on their number alone, whatever is demonstrated in them.

    It is sent to other processes.
    """

    @property
    def task(self) -> str:
        """What is demonstrated, in a word."""
        ...

    @property
    def robot(self) -> str:
        """Name of the arm that demonstrates."""
        ...

    @property
    def fps(self) -> int:
        """Control ticks per second."""
        ...

    @property
    def episodes(self) -> int:
        """Successful demonstrations wanted."""
        ...

    def demonstrate(self, i: int) -> Demonstration:
        """Attempt i. Raises `AttemptFailed`."""
        ...

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        ...


class Writer(Protocol):
    """Writes demonstrations as a dataset to a folder that does not exist yet."""

    def __call__(
        self,
        demonstrations: Iterable[Demonstration],
        root: Path,
        *,
        fps: int,
        robot_type: str,
        count: int,
    ) -> None: ...


def generate(config: Job, out: Path, write: Writer, workers: int = 2) -> GenerateReport:
    """Make a dataset of verified demonstrations.

    Args:
        config: What to demonstrate.
        out: Dataset folder; must not exist. Attempts are kept in ``<out>.attempts`` until it does.
        write: Writes it, with a folder ``meta`` in it.
        workers: Processes.

    Raises:
        DatasetError: `out` exists, or the attempts beside it belong to another configuration.
        RobotSkillsError: The expert succeeds too rarely to be a demonstrator.
        StorageError: The disk is full.
    """
    if out.exists():
        raise DatasetError(f"Dataset folder {out} exists already; choose another --out.")
    attempts = out.with_name(f"{out.name}.attempts")
    try:
        _claim(attempts, config)
        _collect(config, attempts, workers)
        chosen, tried, failures = _first_successes(attempts, config.episodes)
        lengths: list[int] = []
        write(
            _loaded(chosen, lengths),
            out,
            fps=config.fps,
            robot_type=config.robot,
            count=len(chosen),
        )
        report = GenerateReport(
            dataset=str(out),
            episodes=len(chosen),
            frames=sum(lengths),
            attempts=tried,
            failures=failures,
        )
        record = {"config": config.to_json(), "report": asdict(report)}
        (out / "meta" / "generated.json").write_text(json.dumps(record, indent=2))
    except KeyboardInterrupt:
        print("finished attempts are kept; the same command goes on with them", file=sys.stderr)
        raise
    except OSError as error:
        raise StorageError(
            f"Writing demonstrations to {attempts} failed: {error}. "
            "What is finished is kept; the same command goes on from there."
        ) from error
    shutil.rmtree(attempts)
    return report


def _claim(attempts: Path, config: Job) -> None:
    """Start the folder of attempts, or make sure that it is of this configuration."""
    attempts.mkdir(parents=True, exist_ok=True)
    stamp = attempts / "config.json"
    # More episodes of the same run is the same run.
    wanted = {k: v for k, v in config.to_json().items() if k != "episodes"}
    wanted = json.loads(json.dumps(wanted))
    if stamp.exists():
        found = json.loads(stamp.read_text())
        if found != wanted:
            raise DatasetError(
                f"{attempts} holds attempts of another run ({found}); "
                "finish that one, remove the folder, or choose another --out."
            )
        return
    unfinished = stamp.with_suffix(".tmp")
    unfinished.write_text(json.dumps(wanted))
    unfinished.replace(stamp)


def _collect(config: Job, attempts: Path, workers: int) -> None:
    from tqdm import tqdm

    done = {_index_of(path) for path in _finished(attempts)}
    successes = sum(1 for path in _finished(attempts) if path.suffix == ".npz")
    if done:
        print(f"resuming: {len(done)} attempts are finished already", file=sys.stderr)
    bar = tqdm(
        total=config.episodes,
        initial=min(successes, config.episodes),
        desc=f"{config.task} on {config.robot}",
        unit="demo",
        file=sys.stderr,
    )
    tried = len(done)
    outcomes = make_attempts(
        partial(_attempt, config, attempts),
        made=done,
        missing=config.episodes - successes,
        workers=workers,
    )
    try:
        for success in outcomes:
            tried, successes = tried + 1, successes + success
            bar.set_postfix(attempts=tried, refresh=False)
            bar.update(success)
            if successes == 0 and tried >= _GIVE_UP_AFTER:
                raise RobotSkillsError(
                    f"The expert for {config.task!r} failed {tried} times in a row on "
                    f"{config.robot!r}: {_first_successes(attempts, 1)[2]}."
                )
    finally:
        outcomes.close()
        bar.close()


def _attempt(config: Job, attempts: Path, i: int) -> bool:
    stem = attempts / f"attempt_{i:06d}"
    let_go()
    try:
        demonstration = config.demonstrate(i)
    except AttemptFailed as failure:
        unfinished = stem.with_suffix(".tmp")
        unfinished.write_text(json.dumps({"reason": str(failure)}))
        unfinished.replace(stem.with_suffix(".json"))
        return False
    demonstration.save(stem.with_suffix(".npz"))
    return True


def _finished(attempts: Path) -> list[Path]:
    return sorted(path for path in attempts.glob("attempt_*") if path.suffix in (".npz", ".json"))


def _index_of(path: Path) -> int:
    return int(path.stem.removeprefix("attempt_"))


def _first_successes(attempts: Path, wanted: int) -> tuple[list[Path], int, dict[str, int]]:
    """The first `wanted` successes in order, attempts up to the last, failures among them."""
    chosen: list[Path] = []
    failures: dict[str, int] = {}
    tried = 0
    for path in _finished(attempts):
        if len(chosen) == wanted:
            break
        tried += 1
        if path.suffix == ".npz":
            chosen.append(path)
        else:
            reason = json.loads(path.read_text())["reason"]
            failures[reason] = failures.get(reason, 0) + 1
    return chosen, tried, failures


def _loaded(paths: list[Path], lengths: list[int]) -> Iterator[Demonstration]:
    """Demonstrations one after another; notes the length of each."""
    for path in paths:
        demonstration = Demonstration.load(path)
        lengths.append(len(demonstration.state))
        yield demonstration
