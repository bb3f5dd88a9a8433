"""Frames of openpi's policy protocol: msgpack with numpy arrays as tagged maps.

An array is ``{b"__ndarray__": True, b"data": bytes, b"dtype": str, b"shape": [int]}``, a numpy
number ``{b"__npgeneric__": True, b"data": number, b"dtype": str}``. Both ends of a connection may
be strangers: whatever comes in is data, sizes are checked before they are used, and types that
could hold objects are refused. Needs numpy and msgpack only.
"""

import math
from typing import Any

import msgpack
import numpy as np

from robot_skills.core.errors import RefusedError, RobotFault

DEFAULT_PORT = 8000
API_KEY_SCHEME = "Api-Key"
MAX_FRAME_BYTES = 32 * 2**20
"""Largest frame that is accepted: four pictures of 1280x720 twice over."""
MAX_DIMENSIONS = 8

PROMPT, SEED, ACTIONS, DONE, TIMING = "prompt", "seed", "actions", "done", "server_timing"
"""Entries of requests and answers; `SEED` and `DONE` are additions of ours."""
OURS = "robot_skills"
"""Under this name our servers' metadata says what the policy sees and answers."""
DESCRIPTION_VERSION = 1

_KINDS = "biufUS"
_NUMBERS = "biuf"


class WireError(RefusedError):
    """A frame is not what the protocol allows."""


class RemotePolicyError(RobotFault):
    """The policy's server cannot be reached, fell silent, or answered nonsense."""


def pack(value: object) -> bytes:
    """One frame.

    Raises:
        WireError: Something in the value has no place in the protocol.
    """
    try:
        frame = msgpack.packb(value, default=_pack_numpy)
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"This cannot be sent: {_line(error)}") from None
    if frame is None or len(frame) > MAX_FRAME_BYTES:
        raise WireError(f"A frame has at most {MAX_FRAME_BYTES} bytes.")
    return frame


def unpack(frame: bytes) -> Any:
    """The value of a frame. Arrays are read-only views of it.

    Raises:
        WireError: The frame is damaged, or holds something that is not accepted.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(f"A frame of {len(frame)} bytes is too large, {MAX_FRAME_BYTES} are not.")
    try:
        return msgpack.unpackb(frame, object_hook=_unpack_numpy, ext_hook=_refuse_extension)
    except WireError:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"A frame of {len(frame)} bytes is not msgpack: {_line(error)}") from None


def _pack_numpy(value: object) -> object:
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"no frame holds {type(value).__name__}")
    if value.dtype.kind not in _KINDS:
        raise ValueError(f"no frame holds arrays of {value.dtype}")
    if isinstance(value, np.ndarray):
        return {
            b"__ndarray__": True,
            b"data": value.tobytes(),
            b"dtype": value.dtype.str,
            b"shape": value.shape,
        }
    return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}


def _unpack_numpy(value: dict[Any, Any]) -> Any:
    if b"__ndarray__" in value:
        return _array(value)
    if b"__npgeneric__" in value:
        return _number(value)
    return value


def _refuse_extension(code: int, data: bytes) -> object:
    raise WireError(f"A frame holds msgpack extension {code}, which is not accepted.")


def _array(value: dict[Any, Any]) -> np.ndarray:
    dtype = _dtype(value, _KINDS)
    data, shape = value.get(b"data"), value.get(b"shape")
    if not isinstance(data, bytes) or not isinstance(shape, list):
        raise WireError("An array in a frame lacks its data or its shape.")
    # Python counts True as an integer.
    sizes_fit = all(type(size) is int and size >= 0 for size in shape)
    if not sizes_fit or len(shape) > MAX_DIMENSIONS:
        raise WireError(f"An array in a frame has the shape {_short(shape)}.")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError(
            f"An array in a frame has {len(data)} bytes for {_short(shape)} of {dtype}."
        )
    return np.frombuffer(data, dtype=dtype).reshape(shape) if data else np.empty(shape, dtype)


def _number(value: dict[Any, Any]) -> np.generic:
    dtype = _dtype(value, _NUMBERS)
    data = value.get(b"data")
    if not isinstance(data, (bool, int, float)):
        raise WireError("A number in a frame is none.")
    try:
        return dtype.type(data)
    except (OverflowError, ValueError) as error:
        raise WireError(f"A number in a frame does not fit: {_line(error)}") from None


def _dtype(value: dict[Any, Any], kinds: str) -> np.dtype:
    name = value.get(b"dtype")
    try:
        dtype = np.dtype(name) if isinstance(name, str) else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in kinds or dtype.itemsize == 0:
        raise WireError(f"Arrays of type {_short(name)} are not accepted.")
    return dtype


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
