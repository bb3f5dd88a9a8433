"""The files of a checkpoint, and the settings in them; see `policies.checkpoint`.

Nothing heavy is imported here, so an exported policy can be checked and run without torch.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.config import JsonConfig, NetworkConfig, SamplerConfig, TrainConfig
from policies.contract import VECTOR, PolicyContract
from policies.frontends import make_frontend
from policies.precision import Precision
from policies.reliability import Calibration
from policies.sampler import SamplerTable
from robot_skills.core.errors import CheckpointError, StorageError

FORMAT = "robot-skills-policy"
VERSION = 2
WEIGHTS, CONFIG, MANIFEST = "weights.safetensors", "config.json", "manifest.json"
ONNX = "policy.onnx"
"""Optional: the same policy for ONNX Runtime, see `policies.export`."""
GOLDEN_SEED = 0
"""Of the worked example's noise."""
GOLDEN_TOLERANCE = 1e-3
"""How far it may come out off, in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig(JsonConfig):
    """What is needed to rebuild and to judge a policy, besides its weights.

    Attributes:
        contract: What is seen and answered.
        network: Shape of the network.
        sampler: How the sampler was made.
        table: The sampler, compiled.
        training: The recipe.
        calibration: Of the termination head, on episodes that it did not learn from.
        data: Summary of what it learned from: counts, steps taken, minutes.
        feature_names: Numbers in the input ``vector``.
        precision: In what the weights are stored.
    """

    contract: PolicyContract
    network: NetworkConfig
    sampler: SamplerConfig
    table: SamplerTable
    training: TrainConfig
    calibration: Calibration
    data: dict
    feature_names: list[str]
    precision: Precision = Precision.FLOAT32


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file as a whole, so that a crash leaves the old one or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def example_name(name: str) -> str:
    """What an input of the network is called in the worked example."""
    return "features" if name == VECTOR else name


def write_files(
    directory: Path,
    files: dict[str, bytes],
    file_format: str = FORMAT,
    version: int = VERSION,
) -> None:
    """Write files with a manifest that vouches for them; older ones are replaced.

    Args:
        directory: Of the checkpoint; made when it does not exist.
        files: By name.
        file_format: What the checkpoint is of.
        version: Of the format.

    Raises:
        StorageError: The directory cannot be written.
    """
    manifest = {
        "format": file_format,
        "version": version,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MANIFEST).unlink(missing_ok=True)
        for name, data in files.items():
            write_atomically(directory / name, data)
        write_atomically(directory / MANIFEST, json_bytes(manifest))
    except OSError as error:
        raise StorageError(f"Checkpoint {directory} cannot be written: {error.strerror}.") from None


def json_bytes(values: dict[str, Any]) -> bytes:
    """As a file of JSON for people."""
    return (json.dumps(values, indent=2) + "\n").encode()


def read_files(
    directory: Path,
    names: tuple[str, ...] = (CONFIG, WEIGHTS),
    file_format: str = FORMAT,
    version: int = VERSION,
) -> dict[str, bytes]:
    """Files that the manifest vouches for, hashes checked.

    Args:
        directory: Of the checkpoint.
        names: Which files.
        file_format: What the checkpoint has to be of.
        version: Of the format.

    Raises:
        CheckpointError: When one is missing, damaged or foreign.
    """
    manifest = json_object(directory, MANIFEST, _read(directory, MANIFEST))
    if manifest.get("format") != file_format:
        raise CheckpointError(
            f"Checkpoint {directory} is foreign: format {manifest.get('format')!r}, "
            f"wanted {file_format!r}."
        )
    if manifest.get("version") != version:
        raise CheckpointError(
            f"Checkpoint {directory} has version {manifest.get('version')!r}; "
            f"this program reads version {version}."
        )
    listed = manifest.get("files")
    files = {}
    for name in names:
        entry = listed.get(name) if isinstance(listed, dict) else None
        if not isinstance(entry, dict):
            raise CheckpointError(f"Checkpoint {directory}: its manifest does not list {name}.")
        files[name] = data = _read(directory, name)
        if len(data) != entry.get("bytes"):
            raise CheckpointError(
                f"Checkpoint {directory}: {name} has {len(data)} bytes, the manifest says "
                f"{entry.get('bytes')}; it is truncated or was replaced."
            )
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise CheckpointError(
                f"Checkpoint {directory}: {name} does not match its sha256; it is corrupt."
            )
    return files


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        found = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
        raise CheckpointError(
            f"Checkpoint {directory}: {name} cannot be read ({error.strerror}). "
            f"Found: {', '.join(found[:8]) or 'nothing'}."
        ) from None


def json_object(directory: Path, name: str, data: bytes) -> dict[str, Any]:
    """What a file of JSON holds. Raises `CheckpointError`."""
    try:
        values = json.loads(data)
    except ValueError:
        raise CheckpointError(f"Checkpoint {directory}: {name} is not JSON.") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"Checkpoint {directory}: {name} holds no JSON object.")
    return values


def parse_settings[C: JsonConfig](kind: type[C], directory: Path, data: bytes) -> C:
    """The settings of a checkpoint. Raises `CheckpointError`."""
    try:
        return kind.from_json(json_object(directory, CONFIG, data))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"Checkpoint {directory}: {CONFIG} is refused: {error}") from None


def check_layouts(
    directory: Path, layouts: Iterable[tuple[str, Sequence[str], Sequence[str]]], command: str
) -> None:
    """Check that numbers still mean what they meant in training.

    Args:
        directory: Of the checkpoint.
        layouts: What each row of numbers is of, their names in the settings, and those here.
        command: Trains such a checkpoint.

    Raises:
        CheckpointError: They are others.
    """
    for what, found, known in layouts:
        if list(found) != list(known):
            raise CheckpointError(
                f"Checkpoint {directory} was trained on other {what} than this program has: "
                f"{', '.join(found)}, wanted {', '.join(known)}. Train it anew with `{command}`."
            )


def parse_config(directory: Path, data: bytes) -> CheckpointConfig:
    """The settings of a policy's checkpoint. Raises `CheckpointError`."""
    config = parse_settings(CheckpointConfig, directory, data)
    wanted = make_frontend(config.contract).feature_names
    if tuple(config.feature_names) != wanted:
        raise CheckpointError(
            f"Checkpoint {directory} was made for another layout of inputs: "
            f"{len(config.feature_names)} names, this program has {len(wanted)}."
        )
    return config
