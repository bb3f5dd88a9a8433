"""Watching a training run: logs and a progress bar, each loaded only where it is used."""

import sys
from pathlib import Path
from typing import Any, Protocol, Self

from policies.config import TrainConfig
from robot_skills.core.errors import MissingDependencyError


class Scalars(Protocol):
    """Takes numbers that change over the steps."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...


class TensorBoard:
    """Logs for TensorBoard, in a folder."""

    def __init__(self, log_dir: str | Path) -> None:
        self._log_dir = str(log_dir)

    def __enter__(self) -> Scalars:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self._log_dir)
        return self._writer

    def __exit__(self, *_: object) -> None:
        self._writer.close()


class Wandb:
    """Logs for a project of Weights & Biases.

    Raises:
        MissingDependencyError: On entering, where wandb is not installed.
    """

    def __init__(self, project: str, out_dir: Path, config: TrainConfig) -> None:
        self._project, self._out_dir, self._config = project, out_dir, config

    def __enter__(self) -> Self:
        try:
            import wandb
        except ImportError:
            raise MissingDependencyError(
                "--wandb needs the wandb package: pip install wandb."
            ) from None
        self._out_dir.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self._project, dir=str(self._out_dir), config=self._config.to_json()
        )
        return self

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Log one number."""
        self._run.log({tag: scalar_value}, step=global_step)

    def __exit__(self, *_: object) -> None:
        self._run.finish()


def progress_bar(total: int, done: int) -> Any:
    """A bar on stderr; the caller corrects `total` as it learns how fast it is."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        unit="step",
        desc="train",
        dynamic_ncols=True,
        # Into a file every update is a line.
        mininterval=0.1 if sys.stderr.isatty() else 10.0,
        # Averaged over the whole run: the last batches say little about the hours to come.
        smoothing=0.02,
    )
