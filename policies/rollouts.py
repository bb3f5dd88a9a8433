"""Attempts of a policy on disk: what it saw at every period, and whether it succeeded.

A folder holds ``rollouts.json`` (`RolloutsInfo`) and one ``rollout_000123.npz`` of plain arrays
per attempt; an attempt that could not be set up leaves ``rollout_000123.json`` with the reason.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from policies.features import STATE_SIZE, Float32
from policies.json_config import JsonConfig
from robot_skills.core.errors import DatasetError

INFO = "rollouts.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutsInfo(JsonConfig):
    """What all attempts of a folder have in common.

    Attributes:
        skill: Name of the skill.
        arm: Kind of arm.
        seed: Attempt i depends on ``(seed, i)`` alone.
        policy_sha256: Of the weights of the policy that made the attempts.
    """

    skill: str
    arm: str
    seed: int
    policy_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rollout:
    """One attempt, T periods long.

    Attributes:
        states: `core.policy.encode_state` per period, (T, len(STATE_NAMES)) float32.
        success: Whether the effects held at the end, in truth.
        believed: Whether they were seen to hold.
        outcome: How the skill ended, a word of `core.plan.Outcome`.
        mishap: What was made to go wrong, in a word.
        tick: Period at which it went wrong.
        done: Whether the policy said that it was done.
    """

    states: Float32
    success: bool
    believed: bool
    outcome: str
    mishap: str
    tick: int
    done: bool

    def save(self, path: Path) -> None:
        """Write as a whole, so that a crash leaves nothing half."""
        partial = path.with_suffix(".tmp")
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                states=self.states,
                success=np.array(self.success),
                believed=np.array(self.believed),
                outcome=np.array(self.outcome),
                mishap=np.array(self.mishap),
                tick=np.array(self.tick),
                done=np.array(self.done),
            )
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one attempt.

        Raises:
            DatasetError: The file is damaged or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                rollout = cls(
                    states=arrays["states"],
                    success=bool(arrays["success"]),
                    believed=bool(arrays["believed"]),
                    outcome=str(arrays["outcome"]),
                    mishap=str(arrays["mishap"]),
                    tick=int(arrays["tick"]),
                    done=bool(arrays["done"]),
                )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DatasetError(f"{path} is no rollout ({str(error).splitlines()[0]}).") from None
        shape = rollout.states.shape
        if len(shape) != 2 or shape[1] != STATE_SIZE or shape[0] == 0:
            raise DatasetError(f"{path} has states {shape}, wanted (T, {STATE_SIZE}).")
        if not np.isfinite(rollout.states).all():
            raise DatasetError(f"{path} holds states that are not finite.")
        return rollout


def read_info(folder: Path) -> RolloutsInfo:
    """What the attempts of a folder have in common.

    Raises:
        DatasetError: It is no folder of rollouts.
    """
    try:
        return RolloutsInfo.from_json(json.loads((folder / INFO).read_text(encoding="utf-8")))
    except OSError:
        raise DatasetError(
            f"{folder} is no folder of rollouts: it has no {INFO}. "
            "`robot-skills rollouts` makes one."
        ) from None
    except ValueError as error:
        raise DatasetError(f"{folder / INFO} is refused: {error}") from None


def read_rollouts(folder: Path) -> tuple[RolloutsInfo, list[Rollout]]:
    """All attempts of a folder, in order.

    Raises:
        DatasetError: It is no folder of rollouts, it is empty, or a file in it is damaged.
    """
    info = read_info(folder)
    paths = sorted(folder.glob("rollout_*.npz"))
    if not paths:
        raise DatasetError(f"{folder} holds no rollout yet.")
    return info, [Rollout.load(path) for path in paths]
