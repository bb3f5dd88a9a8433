"""Checkpoints on disk: weights in safetensors, settings in JSON, and a manifest of hashes.

========================  =======================================================================
``weights.safetensors``   EMA weights (``network.*``), normalisers (``features.*``, ``actions.*``)
                          and one worked example (``golden.*``)
``config.json``           `CheckpointConfig`
``manifest.json``         format, and size and sha256 of the other two; written last
========================  =======================================================================

Loading believes nothing: bytes are hashed before they are parsed, shapes are checked before they
are used, and the worked example must come out as it did when the checkpoint was made. Nothing here
can execute code from a file; pickles are refused.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from policies.config import JsonConfig, NetworkConfig, SamplerConfig, TrainConfig, require
from policies.features import feature_names
from policies.network import PolicyNetwork
from policies.normaliser import Normaliser
from policies.sampler import SamplerTable, sample_chunk
from robot_skills.core.errors import CheckpointError, StorageError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES

FORMAT = "robot-skills-policy"
VERSION = 1
WEIGHTS, CONFIG, MANIFEST = "weights.safetensors", "config.json", "manifest.json"

_GOLDEN_TOLERANCE = 1e-3
_GOLDEN_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig(JsonConfig):
    """What is needed to rebuild and to judge a policy, besides its weights.

    Attributes:
        period_s: Time between waypoints.
        observation_steps: Length of the history.
        horizon: Waypoints per chunk.
        network: Shape of the network.
        sampler: How the sampler was made.
        table: The sampler, compiled.
        training: The recipe.
        data: Summary of what it learned from: counts, steps taken, minutes.
        state_names: Layout of the recorded state it was trained on.
        action_names: Layout of the recorded action.
        feature_names: Network inputs.
    """

    period_s: float
    observation_steps: int
    horizon: int
    network: NetworkConfig
    sampler: SamplerConfig
    table: SamplerTable
    training: TrainConfig
    data: dict
    state_names: list[str]
    action_names: list[str]
    feature_names: list[str]

    def __post_init__(self) -> None:
        require(0.0 < self.period_s < math.inf, f"period_s is {self.period_s}.")
        require(self.horizon >= 1 and self.observation_steps >= 2, "Too short a chunk or history.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checkpoint:
    """A trained policy in memory.

    Attributes:
        config: Its settings.
        network: Weights, in evaluation mode.
        features: Normaliser of the inputs, (F,).
        actions: Normaliser of the chunks, (H, A).
    """

    config: CheckpointConfig
    network: PolicyNetwork
    features: Normaliser
    actions: Normaliser


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint directory; an older one in the same place is replaced.

    Raises:
        StorageError: When the directory cannot be written.
    """
    tensors = _normaliser_tensors(checkpoint)
    for name, tensor in checkpoint.network.state_dict().items():
        tensors[f"network.{name}"] = tensor.detach().float().contiguous()
    tensors |= {f"golden.{name}": value for name, value in _golden(checkpoint).items()}
    files = {
        WEIGHTS: safetensors.torch.save(tensors),
        CONFIG: (json.dumps(checkpoint.config.to_json(), indent=2) + "\n").encode(),
    }
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
    }
    files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MANIFEST).unlink(missing_ok=True)
        for name, data in files.items():
            write_atomically(directory / name, data)
    except OSError as error:
        raise StorageError(f"Checkpoint {directory} cannot be written: {error.strerror}.") from None


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file as a whole, so that a crash leaves the old one or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def load_checkpoint(directory: Path) -> Checkpoint:
    """Read and check a checkpoint directory.

    Raises:
        CheckpointError: When anything about it is missing, damaged, foreign or does not fit.
    """
    files = _read_files(directory)
    config = _parse_config(directory, files[CONFIG])
    tensors = _parse_weights(directory, files[WEIGHTS])
    size = len(config.feature_names)
    with torch.device("meta"):
        network = PolicyNetwork(size, config.horizon, config.network)
    wanted = _wanted_shapes(network, size, config.horizon)
    _check_tensors(directory, tensors, wanted)
    weights = {
        name.removeprefix("network."): tensor
        for name, tensor in tensors.items()
        if name.startswith("network.")
    }
    network.load_state_dict(weights, assign=True)
    network.eval().requires_grad_(False)
    checkpoint = Checkpoint(
        config=config,
        network=network,
        features=_normaliser(directory, tensors, "features"),
        actions=_normaliser(directory, tensors, "actions"),
    )
    _check_golden(directory, checkpoint, tensors)
    return checkpoint


def _normaliser_tensors(checkpoint: Checkpoint) -> dict[str, Tensor]:
    return {
        "features.mean": torch.from_numpy(checkpoint.features.mean),
        "features.std": torch.from_numpy(checkpoint.features.std),
        "actions.mean": torch.from_numpy(checkpoint.actions.mean),
        "actions.std": torch.from_numpy(checkpoint.actions.std),
    }


def _normaliser(directory: Path, tensors: dict[str, Tensor], name: str) -> Normaliser:
    mean, std = (np.array(tensors[f"{name}.{part}"].numpy()) for part in ("mean", "std"))
    if not (std > 0.0).all():
        raise CheckpointError(f"Checkpoint {directory}: {name}.std is not positive.")
    return Normaliser(mean=mean, std=std)


def _golden(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """A worked example: inputs drawn from a fixed seed, and what the network makes of them."""
    generator = torch.Generator().manual_seed(_GOLDEN_SEED)
    features = torch.randn(1, len(checkpoint.config.feature_names), generator=generator)
    noise = torch.randn(1, *checkpoint.actions.mean.shape, generator=generator)
    return {"features": features, "noise": noise, **_work(checkpoint, features, noise)}


def _work(checkpoint: Checkpoint, features: Tensor, noise: Tensor) -> dict[str, Tensor]:
    network, table = checkpoint.network, checkpoint.config.table
    with torch.inference_mode():
        time = network.denoiser.embed_time(torch.tensor(table.timesteps))
        chunk = sample_chunk(network.denoiser, table, time, features, noise)
        return {"chunk": chunk.clone(), "logit": network.termination(features).clone()}


def _check_golden(directory: Path, checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    worked = _work(checkpoint, tensors["golden.features"], tensors["golden.noise"])
    for name, value in worked.items():
        off = float((value - tensors[f"golden.{name}"]).abs().max())
        if not off <= _GOLDEN_TOLERANCE:
            raise CheckpointError(
                f"Checkpoint {directory}: its worked example comes out {off:.2g} off in {name}; "
                "weights and settings do not belong together, or the network has changed."
            )


def _read_files(directory: Path) -> dict[str, bytes]:
    """The files that the manifest vouches for, hashes checked."""
    manifest = _json_object(directory, MANIFEST, _read(directory, MANIFEST))
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"Checkpoint {directory} is foreign: format {manifest.get('format')!r}, "
            f"wanted {FORMAT!r}."
        )
    if manifest.get("version") != VERSION:
        raise CheckpointError(
            f"Checkpoint {directory} has version {manifest.get('version')!r}; "
            f"this program reads version {VERSION}."
        )
    listed = manifest.get("files")
    files = {}
    for name in (CONFIG, WEIGHTS):
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


def _json_object(directory: Path, name: str, data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except ValueError:
        raise CheckpointError(f"Checkpoint {directory}: {name} is not JSON.") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"Checkpoint {directory}: {name} holds no JSON object.")
    return values


def _parse_config(directory: Path, data: bytes) -> CheckpointConfig:
    try:
        config = CheckpointConfig.from_json(_json_object(directory, CONFIG, data))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"Checkpoint {directory}: {CONFIG} is refused: {error}") from None
    layouts = {
        "state": (config.state_names, STATE_NAMES),
        "action": (config.action_names, ACTION_NAMES),
        "feature": (config.feature_names, feature_names(config.observation_steps)),
    }
    for kind, (found, wanted) in layouts.items():
        if tuple(found) != wanted:
            raise CheckpointError(
                f"Checkpoint {directory} was made for another {kind} layout: "
                f"{len(found)} names, this program has {len(wanted)}."
            )
    return config


def _parse_weights(directory: Path, data: bytes) -> dict[str, Tensor]:
    if data[:1] == b"\x80" or data[:2] == b"PK":
        raise CheckpointError(
            f"Checkpoint {directory}: {WEIGHTS} is a pickle, which can run code; it is refused."
        )
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"Checkpoint {directory}: {WEIGHTS} is not a safetensors file ({reason})."
        ) from None


def _wanted_shapes(
    network: PolicyNetwork, feature_size: int, horizon: int
) -> dict[str, tuple[int, ...]]:
    chunk = (horizon, len(ACTION_NAMES))
    shapes = {
        "features.mean": (feature_size,),
        "features.std": (feature_size,),
        "actions.mean": chunk,
        "actions.std": chunk,
        "golden.features": (1, feature_size),
        "golden.noise": (1, *chunk),
        "golden.chunk": (1, *chunk),
        "golden.logit": (1,),
    }
    for name, tensor in network.state_dict().items():
        shapes[f"network.{name}"] = tuple(tensor.shape)
    return shapes


def _check_tensors(
    directory: Path, tensors: dict[str, Tensor], wanted: dict[str, tuple[int, ...]]
) -> None:
    odd = sorted(set(tensors) ^ set(wanted))
    if odd:
        more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
        raise CheckpointError(
            f"Checkpoint {directory} has missing or foreign weights: {', '.join(odd[:3])}{more}."
        )
    for name, shape in wanted.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
            raise CheckpointError(
                f"Checkpoint {directory}: {name} is {tensor.dtype} {tuple(tensor.shape)}, "
                f"wanted {torch.float32} {shape}."
            )
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"Checkpoint {directory}: {name} holds non-finite values.")
