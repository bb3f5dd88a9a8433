"""JSON files that carry their own hash, so that not one changed byte goes unnoticed.

The file is one JSON object. Its first line holds the SHA-256 of everything after it::

    {"sha256": "5f3b...",
    "format": 1, ...}
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_skills.core.errors import DatasetError
from robot_skills.data.storage import storage_errors, sync_folder

_START, _END = b'{"sha256": "', b'",\n'
_HEX = 64


def write_sealed(path: Path, values: Mapping[str, Any]) -> str:
    """Write a file whole and make it last, in place of what was there. Returns its hash.

    Raises:
        StorageError: It cannot be written.
    """
    body = json.dumps(dict(values), indent=1, allow_nan=False, ensure_ascii=False)
    rest = body.encode().split(b"{", 1)[1].lstrip(b"\n ")
    digest = hashlib.sha256(rest).hexdigest()
    partial = path.with_name(f"{path.name}.part")
    with storage_errors(path):
        with partial.open("wb") as file:
            file.write(_START + digest.encode() + _END + rest)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    return digest


def read_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote, without the hash.

    Raises:
        DatasetError: The file is missing, or not what was written.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    head = len(_START) + _HEX + len(_END)
    stated = data[len(_START) : len(_START) + _HEX]
    sealed = data.startswith(_START) and data[len(_START) + _HEX : head] == _END
    if not sealed or hashlib.sha256(data[head:]).hexdigest().encode() != stated:
        raise DatasetError(f"{path} is damaged: it does not match its own hash.")
    values = json.loads(data)
    del values["sha256"]
    return values
