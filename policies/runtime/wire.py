"""What goes through the pipe between a policy's process and its owner: plain numbers, no pickles.

A message is one byte that says what it is, a sequence number (8 bytes), and float64 numbers whose
layout follows from the first few; a complaint is text instead.
"""

import struct
from dataclasses import dataclass
from enum import Enum

import numpy as np

from robot_skills.core.policy import EntityToken, PolicyInput, PolicyOutput
from robot_skills.core.se3 import SE3, Array

_HEAD = struct.Struct("<cq")
_TOKEN_SIZE = 16 + 3 + 1


class Kind(Enum):
    """What a message is."""

    READY = b"r"
    RESET = b"s"
    INFER = b"i"
    OUTPUT = b"o"
    REFUSED = b"e"
    """The policy, or its loader, refused with a reason; in text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message.

    Attributes:
        kind: What it is.
        number: Of the question that it is, or that it answers.
        body: Numbers or text.
    """

    kind: Kind
    number: int
    body: bytes

    def pack(self) -> bytes:
        return _HEAD.pack(self.kind.value, self.number) + self.body

    @classmethod
    def unpack(cls, data: bytes) -> "Message":
        kind, number = _HEAD.unpack_from(data)
        return cls(kind=Kind(kind), number=number, body=data[_HEAD.size :])


def pack_question(inputs: PolicyInput, prefix: PolicyOutput | None) -> bytes:
    """Numbers of a question: history, tokens, table, and what the arm does in any case."""
    known = 0 if prefix is None else len(prefix.opening)
    parts = [
        np.array([len(inputs.opening), len(inputs.tokens), known, inputs.table_height_m]),
        inputs.T_base_tool.reshape(-1),
        inputs.opening,
    ]
    for token in inputs.tokens:
        T_base_anchor = token.T_base_anchor.matrix().reshape(-1)
        parts += [T_base_anchor, token.extents_m, np.array([token.value])]
    if prefix is not None:
        parts += [prefix.T_base_tool.reshape(-1), prefix.opening]
    return _bytes(parts)


def unpack_question(body: bytes) -> tuple[PolicyInput, PolicyOutput | None]:
    """What `pack_question` packed, bit for bit."""
    numbers = _Reader(body)
    steps, tokens, known = (int(x) for x in numbers.take(3))
    table_height_m = float(numbers.take(1)[0])
    poses, opening = numbers.take(16 * steps).reshape(steps, 4, 4), numbers.take(steps)
    inputs = PolicyInput(
        T_base_tool=poses,
        opening=opening,
        tokens=tuple(_token(numbers.take(_TOKEN_SIZE)) for _ in range(tokens)),
        table_height_m=table_height_m,
    )
    if known == 0:
        return inputs, None
    poses, opening = numbers.take(16 * known).reshape(known, 4, 4), numbers.take(known)
    return inputs, PolicyOutput(T_base_tool=poses, opening=opening, done=0.0)


def pack_output(output: PolicyOutput, finished_s: float) -> bytes:
    """Numbers of an answer, and when it was ready on the system's monotonic clock."""
    head = np.array([len(output.opening), output.done, finished_s])
    return _bytes([head, output.T_base_tool.reshape(-1), output.opening])


def unpack_output(body: bytes) -> tuple[PolicyOutput, float]:
    """What `pack_output` packed, bit for bit."""
    numbers = _Reader(body)
    steps, done, finished_s = (float(x) for x in numbers.take(3))
    count = int(steps)
    poses, opening = numbers.take(16 * count).reshape(count, 4, 4), numbers.take(count)
    return PolicyOutput(T_base_tool=poses, opening=opening, done=done), finished_s


def _token(numbers: Array) -> EntityToken:
    return EntityToken(
        T_base_anchor=SE3.from_matrix(numbers[:16].reshape(4, 4)),
        extents_m=numbers[16:19],
        value=float(numbers[19]),
    )


def _bytes(parts: list[Array]) -> bytes:
    return np.concatenate(parts).astype(np.float64).tobytes()


class _Reader:
    """Numbers, taken from the front."""

    def __init__(self, body: bytes) -> None:
        self._numbers = np.frombuffer(bytearray(body), dtype=np.float64)

    def take(self, count: int) -> Array:
        if count > len(self._numbers):
            raise ValueError("A message between a policy and its owner is too short.")
        taken, self._numbers = self._numbers[:count], self._numbers[count:]
        return taken
