"""What goes through the pipe between the recorder and the process that it records for.

A message is one byte that says what it is, the length of its head, a head of JSON, and a body. No
pickles.
"""

import json
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Any

_HEAD = struct.Struct("<cI")


class Word(Enum):
    """What a message is."""

    BEGIN = b"b"
    SAMPLE = b"s"
    COMMIT = b"c"
    DISCARD = b"d"
    QUIT = b"q"
    READY = b"r"
    REFUSED = b"e"
    HEALTH = b"h"
    SAVED = b"S"
    DISCARDED = b"D"
    FAILED = b"F"


def pack(word: Word, head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return _HEAD.pack(word.value, len(text)) + text + body


def unpack(data: bytes) -> tuple[Word, dict[str, Any], bytes]:
    """The message that `pack` packed: what it is, its head and its body."""
    word, length = _HEAD.unpack_from(data)
    end = _HEAD.size + length
    return Word(word), json.loads(data[_HEAD.size : end]), data[end:]
