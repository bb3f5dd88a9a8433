"""Which kind of policy a folder holds, and the policy.

========================  =========================================================================
``manifest.json``         one of this project (`policies.checkpoint`)
``remote.json``           one on an openpi server (`RemoteNotes`)
``config.json`` (type)    one of LeRobot's, or of a plugin of it (`policies.lerobot_policy`)
========================  =========================================================================
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from policies.checkpoint_files import MANIFEST
from policies.faces import DescribedPolicy, DescribedTask, SkillOfTask
from policies.json_config import JsonConfig
from policies.lerobot_files import is_lerobot_checkpoint, local_checkpoint
from policies.openpi.contract import RemoteContract
from robot_skills.core.errors import CheckpointError, MissingDependencyError
from robot_skills.core.policy import Policy

REMOTE = "remote.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteNotes(JsonConfig):
    """A policy that runs on an openpi server."""

    url: str
    """``ws://host:port`` or ``wss://...``."""
    api_key_env: str | None = None
    """Environment variable with the API key; keys do not belong into files that are shared."""
    instruction: str = ""
    """What the policy is told."""
    infer_timeout_s: float = 10.0
    """Longest wait for a chunk."""
    contract: RemoteContract | None = None
    """What it sees and answers, where the server does not say."""


def load_policy(directory: Path, device: str = "cpu") -> Policy:
    """The policy of a skill's folder.

    Raises:
        CheckpointError: It holds no usable policy, or a remote one cannot be reached.
        RefusedError: It holds a policy that is no skill.
        MissingDependencyError: It needs a package that is not installed.
    """
    if (directory / MANIFEST).is_file():
        from policies.diffusion import DiffusionPolicy

        return DiffusionPolicy.load(directory, device)
    if (directory / REMOTE).is_file():
        notes = _remote_notes(directory)
        return SkillOfTask(_remote(notes), notes.instruction)
    _check_is_lerobot(directory)
    from policies.lerobot_policy import LeRobotOptions, LeRobotPolicy

    return LeRobotPolicy.load(directory, LeRobotOptions(device=device)).skill()


def load_task(path_or_id: str | Path, device: str = "cpu") -> DescribedTask:
    """The policy of a folder, or of a LeRobot checkpoint on the hub, in recorded numbers.

    Raises:
        CheckpointError: There is no usable policy, or a remote one cannot be reached.
        MissingDependencyError: It needs a package that is not installed.
    """
    directory = local_checkpoint(path_or_id)
    if (directory / MANIFEST).is_file():
        from policies.task_policy import TaskPolicy

        return DescribedPolicy(TaskPolicy.load(directory, device))
    if (directory / REMOTE).is_file():
        return _remote(_remote_notes(directory))
    _check_is_lerobot(directory)
    from policies.lerobot_policy import LeRobotOptions, LeRobotPolicy

    return LeRobotPolicy.load(directory, LeRobotOptions(device=device))


def _check_is_lerobot(directory: Path) -> None:
    if not is_lerobot_checkpoint(directory):
        found = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
        raise CheckpointError(
            f"Checkpoint {directory} holds no policy: wanted {MANIFEST} (ours), {REMOTE} (openpi) "
            f"or config.json with a type (LeRobot). Found: {', '.join(found[:8]) or 'nothing'}."
        )


def _remote_notes(directory: Path) -> RemoteNotes:
    try:
        return RemoteNotes.from_json(json.loads((directory / REMOTE).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"Checkpoint {directory}: {REMOTE} is refused: {error}") from None


def _remote(notes: RemoteNotes) -> DescribedTask:
    try:
        from policies.openpi.client import ClientConfig, OpenPiPolicy
        from policies.openpi.wire import RemotePolicyError
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Remote policies need a package that is missing: {error.name}. "
            "Install robot-skills[serve]."
        ) from None
    config = ClientConfig(
        api_key=os.environ.get(notes.api_key_env) if notes.api_key_env else None,
        infer_timeout_s=notes.infer_timeout_s,
        contract=notes.contract,
    )
    try:
        return OpenPiPolicy(notes.url, config).connect()
    except RemotePolicyError as error:
        # Nothing has moved yet: to whoever wants to run it, it is a policy that is not there.
        raise CheckpointError(str(error)) from None
