"""A checkpoint for ONNX Runtime: the whole sampling loop as one graph, beside its weights.

The loop over the sampler's table is unrolled, so that one call of the runtime makes one chunk:

===================  ==========================================================================
``vector`` ...       named observations, as `policies.contract` lists them, batch of one
``noise``            where the chunk starts, (1, H, A)
``fresh``            noise of the steps, (steps, 1, H, A); only for samplers that draw
``prefix``           a chunk whose beginning is known, (1, H, A)
``prefix_weight``    how firmly each of its steps is held, (H, 1); zeros for "nothing is known"
``guidance``         how far to go beyond the prediction with the goal, (); only where trained
``chunk``            the answer, normalised, (1, H, A)
``logit``            of the termination head, (1,)
===================  ==========================================================================

The graph holds no weights: safetensors keeps every tensor as plain contiguous bytes, which is what
ONNX calls external data. So ``policy.onnx`` refers to places in ``weights.safetensors``, takes
about a hundred kilobytes, and can never disagree with the weights that torch reads. Of weights that
are stored in fewer bits, the places are those in the same file as float32 (`policies.precision`).
"""

import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policies.checkpoint import Checkpoint, load_checkpoint
from policies.checkpoint_files import MANIFEST, ONNX, WEIGHTS, read_files, write_atomically
from policies.contract import LANGUAGE
from policies.draws import fresh_noise
from policies.engine import Arrays, held_prefix
from policies.network import PolicyNetwork, example_inputs
from policies.onnx_engine import (
    CHUNK,
    FRESH,
    GUIDANCE,
    LOGIT,
    NOISE,
    PREFIX,
    PREFIX_WEIGHT,
    make_session,
)
from policies.precision import float32_file
from policies.sampler import Guidance, Prefix, SamplerTable, sample_chunk
from robot_skills.core.errors import MissingDependencyError, RobotSkillsError, StorageError

PARITY_TOLERANCE = 1e-4
"""How far the graph may be off torch, in standard deviations of what is predicted."""
_PARITY_TRIALS = 6
_OPSET = 20
_INLINE_BYTES = 1 << 16
"""Constants that the weights' file does not have may be this large in all."""


class ExportError(RobotSkillsError):
    """A policy cannot be exported; the checkpoint itself is as good as before."""


def export_onnx(directory: Path) -> Path:
    """Write ``policy.onnx`` beside the weights of a checkpoint, and list it in the manifest.

    Args:
        directory: Of the checkpoint.

    Returns:
        The file.

    Raises:
        CheckpointError: When the checkpoint is damaged, foreign or does not fit.
        ExportError: When ONNX cannot express the network, or ONNX Runtime does not answer as torch
            does; nothing is written then.
        MissingDependencyError: When `onnx` or `onnxruntime` is not installed.
        StorageError: When the directory cannot be written.
    """
    checkpoint = load_checkpoint(directory)
    stored = read_files(directory, (WEIGHTS,))[WEIGHTS]
    weights = float32_file(directory, stored, checkpoint.config.precision)
    graph = _graph_bytes(checkpoint, weights)
    off = parity(checkpoint, graph, weights)
    if not off <= PARITY_TOLERANCE:
        raise ExportError(
            f"{ONNX} of {directory} would be {off:.2g} off torch, more than {PARITY_TOLERANCE:g}; "
            "it is not written."
        )
    try:
        write_atomically(directory / ONNX, graph)
        _list_in_manifest(directory, ONNX, graph)
    except OSError as error:
        raise StorageError(f"{directory / ONNX} cannot be written: {error.strerror}.") from None
    return directory / ONNX


def parity(checkpoint: Checkpoint, graph: bytes, weights: bytes) -> float:
    """Largest difference between ONNX Runtime and torch over random inputs, prefixes and noise."""
    session = make_session(graph, weights, threads=1)
    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    worst = 0.0
    for trial in range(_PARITY_TRIALS):
        feed = _random_feed(checkpoint, generator, rng, known_steps=2 * trial)
        feed = {name: feed[name] for name in (spec.name for spec in session.get_inputs())}
        answer = [np.asarray(value) for value in session.run([CHUNK, LOGIT], feed)]
        for ours, wanted in zip(answer, _torch_answer(checkpoint, feed), strict=True):
            worst = max(worst, float(np.abs(ours - wanted.numpy()).max()))
            worst = worst if np.isfinite(ours).all() else float("inf")
    return worst


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a tensor's bytes are in the weights' file."""

    offset: int
    length: int


class _ChunkGraph(nn.Module):
    """What is exported: one chunk from named observations and noise, all positional."""

    def __init__(self, network: PolicyNetwork, table: SamplerTable, names: list[str]) -> None:
        super().__init__()
        self.network = network
        self._table, self._names = table, names

    def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        named = dict(zip(self._names, tensors, strict=True))
        noise, chunk, weight = (named.pop(name) for name in (NOISE, PREFIX, PREFIX_WEIGHT))
        fresh, push = named.pop(FRESH, None), named.pop(GUIDANCE, None)
        prefix = Prefix(chunk=chunk, weight=weight)
        return _sample(self.network, self._table, named, noise, fresh, push, prefix)


def _sample(
    network: PolicyNetwork,
    table: SamplerTable,
    inputs: dict[str, Tensor],
    noise: Tensor,
    fresh: Tensor | None,
    push: Tensor | None,
    prefix: Prefix | None,
) -> tuple[Tensor, Tensor]:
    features = network.encoder(inputs)
    guidance = None
    if push is not None:
        blank = {**inputs, LANGUAGE: torch.zeros_like(inputs[LANGUAGE])}
        condition = network.denoiser.condition(network.encoder(blank))
        guidance = Guidance(weight=push, blank=condition)  # type: ignore[arg-type]
    chunk = sample_chunk(
        network.denoiser,
        table,
        network.denoiser.embed_time(torch.tensor(table.timesteps)),
        network.denoiser.condition(features),
        noise,
        guidance=guidance,
        prefix=prefix,
        fresh=fresh,
    )
    return chunk, network.termination(features)


@torch.inference_mode()
def _torch_answer(checkpoint: Checkpoint, feed: Arrays) -> tuple[Tensor, Tensor]:
    """Chunk and logit as `TorchEngine` makes them."""
    named = {name: torch.from_numpy(value) for name, value in feed.items()}
    noise, known, weight = (named.pop(name) for name in (NOISE, PREFIX, PREFIX_WEIGHT))
    fresh, push = named.pop(FRESH, None), named.pop(GUIDANCE, None)
    prefix = Prefix(chunk=known, weight=weight) if weight.any() else None
    table = checkpoint.config.table
    return _sample(checkpoint.network, table, named, noise, fresh, push, prefix)


def _random_feed(
    checkpoint: Checkpoint, generator: torch.Generator, rng: np.random.Generator, known_steps: int
) -> Arrays:
    """Everything that a graph may ask for."""
    config = checkpoint.config
    horizon, size = shape = checkpoint.actions.mean.shape
    inputs = example_inputs(config.contract, len(config.feature_names), generator)
    feed = {name: value.numpy() for name, value in inputs.items()}
    known = rng.standard_normal((min(known_steps, horizon), size), dtype=np.float32)
    feed[NOISE] = rng.standard_normal((1, *shape), dtype=np.float32)
    feed[PREFIX], feed[PREFIX_WEIGHT] = held_prefix(known, shape)
    fresh = fresh_noise(config.table, shape, rng)
    if fresh is not None:
        feed[FRESH] = fresh
    if config.contract.language and config.sampler.guidance != 0.0:
        feed[GUIDANCE] = np.array(config.sampler.guidance, dtype=np.float32)
    return feed


def _graph_bytes(checkpoint: Checkpoint, weights: bytes) -> bytes:
    """The graph, with its weights left where they are."""
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError(
            f"Exporting a policy needs a package that is missing: {error}."
        ) from None
    model = onnx.load_from_string(_traced(checkpoint))
    _make_single(model)
    places = _tensor_places(weights)
    inline = 0
    for tensor in model.graph.initializer:
        place = places.get(tensor.name)
        data = tensor.raw_data
        if place is None or weights[place.offset : place.offset + place.length] != data:
            inline += len(data)
            continue
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", place.offset)):
            tensor.external_data.add(key=key, value=str(value))
        tensor.external_data.add(key="length", value=str(place.length))
    if inline > _INLINE_BYTES:
        raise ExportError(
            f"The exported graph repeats {inline} bytes of weights in another form; "
            f"at most {_INLINE_BYTES} may not be in {WEIGHTS}."
        )
    model.producer_name, model.producer_version = "robot-skills", ""
    return model.SerializeToString(deterministic=True)


def _make_single(model: Any) -> None:
    """Undo what tracing makes of a constant that is computed from Python numbers.

    It comes out in double precision, and everything after it too; a network has none of that.
    """
    from onnx import TensorProto, numpy_helper

    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
            if attribute.t.data_type == TensorProto.DOUBLE:
                single = numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(numpy_helper.from_array(single))
    for value in (*model.graph.output, *model.graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
            value.type.tensor_type.elem_type = TensorProto.FLOAT


def _traced(checkpoint: Checkpoint) -> bytes:
    feed = _random_feed(checkpoint, torch.Generator(), np.random.default_rng(0), known_steps=1)
    names = list(feed)
    graph = _ChunkGraph(checkpoint.network, checkpoint.config.table, names).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracing exporter is the one that leaves parameters as they are; its successor folds
        # and renames them. It warns of its age, and that shapes become constants, as they should.
        warnings.simplefilter("ignore")
        path = Path(folder) / ONNX
        quiet = logging.getLogger("torch.onnx")
        level = quiet.level
        quiet.setLevel(logging.ERROR)
        try:
            torch.onnx.export(
                graph,
                tuple(torch.from_numpy(value) for value in feed.values()),
                str(path),
                input_names=names,
                output_names=[CHUNK, LOGIT],
                opset_version=_OPSET,
                dynamo=False,
                do_constant_folding=False,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"This network has no ONNX form: {reason}") from None
        finally:
            quiet.setLevel(level)
        return path.read_bytes()


def _tensor_places(weights: bytes) -> Mapping[str, _Place]:
    """Places of the tensors of a safetensors file that was checked before.

    The file begins with the length of its header (8 bytes, little-endian) and the header (JSON);
    offsets in it count from there.
    """
    size = int.from_bytes(weights[:8], "little")
    header: dict[str, Any] = json.loads(weights[8 : 8 + size])
    places = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            places[name] = _Place(offset=8 + size + begin, length=end - begin)
    return places


def _list_in_manifest(directory: Path, name: str, data: bytes) -> None:
    manifest = json.loads((directory / MANIFEST).read_bytes())
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"][name] = entry
    text = json.dumps(manifest, indent=2) + "\n"
    write_atomically(directory / MANIFEST, text.encode())
