"""Sampling normalised chunks with ONNX Runtime; neither torch nor diffusers is imported.

Reads what `policies.export` wrote. A chunk takes a third of torch's time and less, and a process
that runs policies starts seconds earlier.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from policies.checkpoint_files import (
    CONFIG,
    GOLDEN_SEED,
    GOLDEN_TOLERANCE,
    ONNX,
    WEIGHTS,
    CheckpointConfig,
    example_name,
    parse_config,
    read_files,
)
from policies.draws import ChunkNoise, fresh_noise
from policies.engine import Arrays, held_prefix
from policies.features import Float32
from policies.normaliser import Normaliser
from policies.precision import float32_file, parse_arrays
from robot_skills.core.errors import CheckpointError, MissingDependencyError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

NOISE, FRESH, PREFIX, PREFIX_WEIGHT = "noise", "fresh", "prefix", "prefix_weight"
GUIDANCE, CHUNK, LOGIT = "guidance", "chunk", "logit"
"""Inputs and outputs of a graph besides the named observations; see `policies.export`."""
_ERRORS_ONLY = 3


def make_session(graph: bytes, weights: bytes, threads: int) -> "InferenceSession":
    """A session on a graph whose weights are in memory; it reads no file.

    Args:
        graph: An ONNX model that refers to the weights' file.
        weights: That file, as float32.
        threads: Processor threads of the session.

    Raises:
        CheckpointError: When ONNX Runtime refuses the graph.
        MissingDependencyError: When ONNX Runtime is not installed.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise MissingDependencyError(
            f"Running exported policies needs a package that is missing: {error}."
        ) from None
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work in a loop would take a core from the control loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_external_initializers_from_files_in_memory([WEIGHTS], [weights], [len(weights)])
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its exceptions share no base class but this
        raise CheckpointError(f"ONNX Runtime refuses {ONNX}: {_first_line(error)}") from None


class OnnxEngine:
    """An exported checkpoint, ready to sample. Implements `policies.engine.Engine`.

    Args:
        session: On the exported graph.
        config: Settings of the checkpoint.
        features: Normaliser of the input ``vector``.
        actions: Normaliser of the chunks.
    """

    def __init__(
        self,
        session: "InferenceSession",
        config: CheckpointConfig,
        features: Normaliser,
        actions: Normaliser,
    ) -> None:
        self.config, self.features, self.actions = config, features, actions
        self._session = session
        self._asked = {spec.name for spec in session.get_inputs()}
        shape = actions.mean.shape
        self._free = held_prefix(np.zeros((0, shape[1]), dtype=np.float32), shape)
        self._guidance = np.array(config.sampler.guidance, dtype=np.float32)
        self._noise = ChunkNoise(config.sampler, config.table, shape)

    @classmethod
    def load(cls, directory: Path, threads: int = 1) -> Self:
        """Read an exported checkpoint and check that it works its example out.

        Args:
            directory: Of the checkpoint.
            threads: Processor threads; 2 pay for large networks and pictures only.

        Raises:
            CheckpointError: When it was never exported, changed since, is damaged or does not fit.
            MissingDependencyError: When ONNX Runtime is not installed.
        """
        if threads < 1:
            raise ValueError(f"Needs at least one thread, got {threads}.")
        files = read_files(directory, (CONFIG, WEIGHTS, ONNX))
        config = parse_config(directory, files[CONFIG])
        weights = float32_file(directory, files[WEIGHTS], config.precision)
        tensors = parse_arrays(directory, weights)
        features, actions = _normalisers(directory, config, tensors)
        session = make_session(files[ONNX], weights, threads)
        engine = cls(session, config, features, actions)
        engine._check_golden(directory, tensors)
        return engine

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._noise.reset(seed)

    def run(self, inputs: Arrays, prefix: Float32 | None = None) -> tuple[Float32, float]:
        """Normalised chunk (H, A) and the probability that the work is done.

        Args:
            inputs: Named observations, batch of one.
            prefix: Normalised actions that are already being carried out, (k, A).
        """
        feed: Arrays = {**inputs, NOISE: self._noise.start()}
        fresh = self._noise.fresh()
        if fresh is not None:
            feed[FRESH] = fresh
        if GUIDANCE in self._asked:
            feed[GUIDANCE] = self._guidance
        known = self._free if prefix is None else held_prefix(prefix, self.actions.mean.shape)
        feed[PREFIX], feed[PREFIX_WEIGHT] = known
        chunk, logit = self._answer(feed)
        return chunk[0], self.config.calibration.probability(float(logit[0]))

    def _answer(self, feed: Arrays) -> tuple[Float32, Float32]:
        chunk, logit = self._session.run([CHUNK, LOGIT], feed)
        return np.asarray(chunk), np.asarray(logit)

    def _check_golden(self, directory: Path, tensors: dict[str, Any]) -> None:
        """Work the checkpoint's example out, as `policies.checkpoint` does with torch."""
        own = {NOISE, FRESH, PREFIX, PREFIX_WEIGHT, GUIDANCE}
        wanted = {name: f"golden.{example_name(name)}" for name in self._asked - own}
        missing = sorted(name for name in wanted.values() if name not in tensors)
        if missing:
            raise CheckpointError(
                f"Checkpoint {directory}: {ONNX} asks for {missing[0]}, which the worked example "
                "does not have."
            )
        feed = {name: tensors[example] for name, example in wanted.items()}
        feed[NOISE] = tensors["golden.noise"]
        feed[PREFIX], feed[PREFIX_WEIGHT] = self._free
        shape = self.actions.mean.shape
        fresh = fresh_noise(self.config.table, shape, np.random.default_rng(GOLDEN_SEED))
        if fresh is not None:
            feed[FRESH] = fresh
        if GUIDANCE in self._asked:
            feed[GUIDANCE] = np.array(0.0, dtype=np.float32)
        try:
            answer = self._answer(feed)
        except Exception as error:  # noqa: BLE001 - its exceptions share no base class but this
            reason = _first_line(error)
            raise CheckpointError(
                f"Checkpoint {directory}: {ONNX} does not run: {reason}"
            ) from None
        for name, value in zip((CHUNK, LOGIT), answer, strict=True):
            off = float(np.abs(value - tensors[f"golden.{name}"]).max())
            if not off <= GOLDEN_TOLERANCE:
                raise CheckpointError(
                    f"Checkpoint {directory}: its worked example comes out {off:.2g} off in {name} "
                    f"with {ONNX}, which was made from something else."
                )


def _normalisers(
    directory: Path, config: CheckpointConfig, tensors: dict[str, Any]
) -> tuple[Normaliser, Normaliser]:
    contract = config.contract
    shapes = {
        "features": (len(config.feature_names),),
        "actions": (contract.horizon, len(contract.action.names)),
    }
    made = []
    for name, shape in shapes.items():
        mean, std = (tensors.get(f"{name}.{part}") for part in ("mean", "std"))
        if mean is None or std is None or mean.shape != shape or std.shape != shape:
            raise CheckpointError(f"Checkpoint {directory}: {name} has no statistics {shape}.")
        if not (std > 0.0).all():
            raise CheckpointError(f"Checkpoint {directory}: {name}.std is not positive.")
        made.append(Normaliser(mean=mean, std=std))
    return made[0], made[1]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
