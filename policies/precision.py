"""Weights in fewer bits on disk; in memory they are float32, whatever the file holds.

===========  ======================================================================================
``float32``  as they were trained
``float16``  matrices rounded to 11 significant bits: half the size
``int8``     matrices as whole numbers of a step, one float32 step per row: a quarter of the size
===========  ======================================================================================

A row of a matrix is what makes one output, and rows differ in size; so int8 takes a step for each,
symmetric about zero (Krishnamoorthi, *Quantizing deep convolutional networks for efficient
inference: A whitepaper*, 2018). Vectors, normalisers and the worked example stay as they are. Both
engines compute with the same unpacked numbers, so they agree as ever. numpy alone.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import CheckpointError, RefusedError

_STEP = "step."
"""Before the name of a matrix: the name of its steps."""
_LARGEST = 127
"""Whole numbers from minus this to this: -128 would have no counterpart."""

Arrays = dict[str, NDArray[Any]]
"""Tensors of a file by name."""


class Precision(Enum):
    """In what the matrices of a network are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"

    @property
    def bits(self) -> int:
        """Of one number."""
        return int(self.value.removeprefix("float").removeprefix("int"))

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        known = ", ".join(precision.value for precision in cls)
        raise ValueError(
            f"its weights are stored as {value!r}, and this program reads {known}; update "
            "robot-skills, or have the checkpoint stored anew with `robot-skills compress`."
        )


def pack(weights: Mapping[str, NDArray[np.float32]], precision: Precision) -> Arrays:
    """Weights as they are stored.

    Args:
        weights: Of a network, by name.
        precision: In what matrices are stored; the rest stays as it is.

    Raises:
        RefusedError: A weight is too large for it.
    """
    packed: Arrays = {}
    for name, weight in weights.items():
        if weight.ndim < 2 or precision is Precision.FLOAT32:
            packed[name] = weight
        elif precision is Precision.FLOAT16:
            packed[name] = _as_float16(name, weight)
        else:
            packed[name], packed[_STEP + name] = _as_int8(weight)
    return packed


def unpack(directory: Path, packed: Mapping[str, NDArray[Any]], precision: Precision) -> Arrays:
    """The same weights as numbers to compute with; what is no packed matrix stays as it is.

    Args:
        directory: Of the checkpoint, for messages.
        packed: Tensors of its file.
        precision: In what it says its matrices are stored.

    Raises:
        CheckpointError: A matrix is stored in another way than that.
    """
    unpacked = dict(packed)
    for name, array in packed.items():
        if array.dtype not in (np.float16, np.int8):
            continue
        if array.dtype.name != precision.value:
            raise CheckpointError(
                f"Checkpoint {directory}: {name} is stored as {array.dtype}, and its settings say "
                f"{precision.value}."
            )
        if precision is Precision.FLOAT16:
            unpacked[name] = array.astype(np.float32)
        else:
            step = unpacked.pop(_STEP + name, None)
            _check_step(directory, name, step, array)
            unpacked[name] = array * step
    return unpacked


def float32_file(directory: Path, data: bytes, precision: Precision) -> bytes:
    """The file of weights with everything unpacked: what engines read.

    Args:
        directory: Of the checkpoint, for messages.
        data: File of weights (safetensors).
        precision: In what the settings say that it is stored.

    Raises:
        CheckpointError: The file is damaged, or is stored in another way.
    """
    if precision is Precision.FLOAT32:
        return data
    from safetensors.numpy import save

    return save(unpack(directory, parse_arrays(directory, data), precision))


def parse_arrays(directory: Path, data: bytes) -> Arrays:
    """Tensors of a file of weights, which have to be finite.

    Raises:
        CheckpointError: The file is damaged, or holds other numbers.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"Checkpoint {directory}: its weights are not a safetensors file ({reason})."
        ) from None
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CheckpointError(f"Checkpoint {directory}: {name} holds non-finite values.")
    return arrays


def _as_float16(name: str, weight: NDArray[np.float32]) -> NDArray[np.float16]:
    if np.abs(weight).max(initial=0.0) > np.finfo(np.float16).max:
        raise RefusedError(f"{name} is too large for float16; --precision int8 can store it.")
    return weight.astype(np.float16)


def _as_int8(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers, and the step of each row as (rows, 1, ...)."""
    largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True, initial=0.0)
    # A row of zeros, or of next to nothing, has any step.
    step = np.maximum(largest / _LARGEST, np.finfo(np.float32).tiny).astype(np.float32)
    whole = np.clip(np.rint(weight / step), -_LARGEST, _LARGEST)
    return whole.astype(np.int8), step


def _check_step(
    directory: Path, name: str, step: NDArray[Any] | None, array: NDArray[np.int8]
) -> None:
    """Raises `CheckpointError` unless every row of a matrix has a step."""
    rows = (len(array), *[1] * (array.ndim - 1))
    if step is None or step.dtype != np.float32 or step.shape != rows or not (step > 0.0).all():
        raise CheckpointError(f"Checkpoint {directory}: the rows of {name} have no proper steps.")
