"""Checkpoints on disk: weights in safetensors, settings in JSON, and a manifest of hashes.

========================  =======================================================================
``weights.safetensors``   EMA weights (``network.*``), normalisers (``features.*``, ``actions.*``)
                          and one worked example (``golden.*``)
``config.json``           `CheckpointConfig`; also in what the weights are stored, see
                          `policies.precision`
``manifest.json``         format, and size and sha256 of the other two; written last
========================  =======================================================================

Loading believes nothing: bytes are hashed before they are parsed, shapes are checked before they
are used, and the worked example must come out as it did when the checkpoint was made. Nothing here
can execute code from a file; pickles are refused.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from policies.checkpoint_files import (
    CONFIG,
    GOLDEN_SEED,
    GOLDEN_TOLERANCE,
    WEIGHTS,
    CheckpointConfig,
    example_name,
    json_bytes,
    parse_config,
    read_files,
    write_files,
)
from policies.draws import fresh_noise
from policies.network import Inputs, PolicyNetwork, example_inputs
from policies.normaliser import Normaliser
from policies.precision import Arrays, Precision, float32_file, pack, unpack
from policies.sampler import sample_chunk
from robot_skills.core.errors import CheckpointError

_NETWORK = "network."
"""Before the names of the network's weights."""


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

    The weights are stored as the settings say (`policies.precision`), and the worked example is
    that of the weights as they will be read.

    Raises:
        RefusedError: A weight is too large to be stored so.
        StorageError: When the directory cannot be written.
    """
    precision = checkpoint.config.precision
    weights = {
        _NETWORK + name: tensor.detach().float().contiguous().numpy()
        for name, tensor in checkpoint.network.state_dict().items()
    }
    packed = pack(weights, precision)
    tensors = {name: torch.from_numpy(array) for name, array in packed.items()}
    tensors |= _normaliser_tensors(checkpoint)
    if precision is not Precision.FLOAT32:
        checkpoint = _with_weights(checkpoint, unpack(directory, packed, precision))
    tensors |= {f"golden.{name}": value for name, value in _golden(checkpoint).items()}
    files = {
        WEIGHTS: safetensors.torch.save(tensors),
        CONFIG: json_bytes(checkpoint.config.to_json()),
    }
    write_files(directory, files)


def load_checkpoint(directory: Path) -> Checkpoint:
    """Read and check a checkpoint directory.

    Raises:
        CheckpointError: When anything about it is missing, damaged, foreign or does not fit.
    """
    files = read_files(directory)
    config = parse_config(directory, files[CONFIG])
    weights = float32_file(directory, files[WEIGHTS], config.precision)
    tensors = parse_weights(directory, weights)
    with torch.device("meta"):
        network = PolicyNetwork(config.contract, len(config.feature_names), config.network)
    wanted = _wanted_shapes(network, config)
    check_tensors(directory, tensors, wanted)
    state = {
        name.removeprefix(_NETWORK): tensor
        for name, tensor in tensors.items()
        if name.startswith(_NETWORK)
    }
    if any(buffer.is_meta for buffer in network.buffers()):
        # Constants that follow from the settings are in no file. Sizes are known to be sane now.
        with torch.random.fork_rng(devices=[]):
            network = PolicyNetwork(config.contract, len(config.feature_names), config.network)
    network.load_state_dict(state, assign=True)
    network.eval().requires_grad_(False)
    checkpoint = Checkpoint(
        config=config,
        network=network,
        features=_normaliser(directory, tensors, "features"),
        actions=_normaliser(directory, tensors, "actions"),
    )
    _check_golden(directory, checkpoint, tensors)
    return checkpoint


def _with_weights(checkpoint: Checkpoint, weights: Arrays) -> Checkpoint:
    """The checkpoint with a network of its own that has these weights."""
    network = copy.deepcopy(checkpoint.network)
    network.load_state_dict(
        {name.removeprefix(_NETWORK): torch.from_numpy(array) for name, array in weights.items()}
    )
    return replace(checkpoint, network=network)


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
    generator = torch.Generator().manual_seed(GOLDEN_SEED)
    config = checkpoint.config
    inputs = example_inputs(config.contract, len(config.feature_names), generator)
    noise = torch.randn(1, *checkpoint.actions.mean.shape, generator=generator)
    named = {example_name(name): value for name, value in inputs.items()}
    return {**named, "noise": noise, **_work(checkpoint, inputs, noise)}


def _work(checkpoint: Checkpoint, inputs: Inputs, noise: Tensor) -> dict[str, Tensor]:
    network, table = checkpoint.network, checkpoint.config.table
    fresh = fresh_noise(table, tuple(noise.shape[1:]), np.random.default_rng(GOLDEN_SEED))
    with torch.inference_mode():
        features = network.encoder(inputs)
        time = network.denoiser.embed_time(torch.tensor(table.timesteps))
        condition = network.denoiser.condition(features)
        chunk = sample_chunk(
            network.denoiser,
            table,
            time,
            condition,
            noise,
            fresh=None if fresh is None else torch.from_numpy(fresh),
        )
        return {"chunk": chunk.clone(), "logit": network.termination(features).clone()}


def _check_golden(directory: Path, checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    inputs = {name: tensors[f"golden.{example_name(name)}"] for name in _input_names(checkpoint)}
    for name, value in _work(checkpoint, inputs, tensors["golden.noise"]).items():
        off = float((value - tensors[f"golden.{name}"]).abs().max())
        if not off <= GOLDEN_TOLERANCE:
            raise CheckpointError(
                f"Checkpoint {directory}: its worked example comes out {off:.2g} off in {name}; "
                "weights and settings do not belong together, or the network has changed."
            )


def _input_names(checkpoint: Checkpoint) -> list[str]:
    config = checkpoint.config
    return list(example_inputs(config.contract, len(config.feature_names), torch.Generator()))


def parse_weights(directory: Path, data: bytes) -> dict[str, Tensor]:
    """Tensors of a safetensors file. Raises `CheckpointError`."""
    # A safetensors file begins with the size of its header, which may look like either.
    if data[8:9] != b"{" and data.startswith((b"\x80", b"PK")):
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


def _wanted_shapes(network: PolicyNetwork, config: CheckpointConfig) -> dict[str, tuple[int, ...]]:
    feature_size = len(config.feature_names)
    chunk = (config.contract.horizon, len(config.contract.action.names))
    inputs = example_inputs(config.contract, feature_size, torch.Generator())
    shapes = {f"golden.{example_name(name)}": tuple(x.shape) for name, x in inputs.items()}
    shapes |= {
        "golden.noise": (1, *chunk),
        "features.mean": (feature_size,),
        "features.std": (feature_size,),
        "actions.mean": chunk,
        "actions.std": chunk,
        "golden.chunk": (1, *chunk),
        "golden.logit": (1,),
    }
    for name, tensor in network.state_dict().items():
        shapes[_NETWORK + name] = tuple(tensor.shape)
    return shapes


def read_network[N: nn.Module](make: Callable[[], N], directory: Path, data: bytes) -> N:
    """A network with the weights of a file, to be run and not to be trained.

    Args:
        make: Makes the network; all that it holds is in its `state_dict`.
        directory: Of the checkpoint.
        data: Weights as safetensors, float32 or float16.

    Raises:
        CheckpointError: They are damaged, or those of another network.
    """
    with torch.device("meta"):
        network = make()
    stored = parse_weights(directory, data)
    tensors = {name: x.float() if x.dtype == torch.half else x for name, x in stored.items()}
    wanted = {name: tuple(x.shape) for name, x in network.state_dict().items()}
    check_tensors(directory, tensors, wanted)
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def check_tensors(
    directory: Path, tensors: dict[str, Tensor], wanted: dict[str, tuple[int, ...]]
) -> None:
    """Raises `CheckpointError` unless these tensors are there, and finite."""
    odd = sorted(set(tensors) ^ set(wanted))
    if odd:
        more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
        raise CheckpointError(
            f"Checkpoint {directory} has missing or foreign weights: {', '.join(odd[:3])}{more}."
        )
    for name, shape in wanted.items():
        tensor = tensors[name]
        # Only the pictures of the worked example are whole numbers.
        fits = tensor.dtype in (torch.float32, torch.uint8)
        if tuple(tensor.shape) != shape or not fits:
            raise CheckpointError(
                f"Checkpoint {directory}: {name} is {tensor.dtype} {tuple(tensor.shape)}, "
                f"wanted {torch.float32} {shape}."
            )
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"Checkpoint {directory}: {name} holds non-finite values.")
