"""JSON files that know their kind and their own hash.

A file is one JSON object; its field ``sha256`` is the hash of all others, as compact JSON with
sorted keys.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_skills.core.errors import RefusedError, StorageError


def write_sealed(path: Path, kind: str, body: Mapping[str, Any]) -> str:
    """Write a file whole, in place of what was there; returns its hash.

    Args:
        path: Of the file.
        kind: What it is, for whoever reads it.
        body: JSON values.

    Raises:
        StorageError: It cannot be written.
    """
    content = {"kind": kind, **body}
    digest = _digest_of(content)
    text = json.dumps({"sha256": digest, **content}, indent=1, allow_nan=False) + "\n"
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    return digest


def read_sealed(path: Path, kind: str) -> tuple[dict[str, Any], str]:
    """What a file of a kind holds, and its hash.

    Raises:
        RefusedError: It is missing, damaged, or of another kind.
    """
    found, content, digest = read_any_sealed(path, kind)
    if found != kind:
        raise RefusedError(f"{path} is of kind {found}, not {kind}.")
    return content, digest


def read_any_sealed(path: Path, what: str) -> tuple[str, dict[str, Any], str]:
    """The kind of a file, what it holds, and its hash.

    Args:
        path: Of the file.
        what: It should be, for messages.

    Raises:
        RefusedError: It is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stated = str(content.pop("sha256"))
        kind = str(content.pop("kind"))
    except FileNotFoundError:
        raise RefusedError(f"There is no {what} {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(f"{path} is no {what} that can be used: {error}.") from error
    if stated != _digest_of({"kind": kind, **content}):
        raise RefusedError(f"{path} is damaged: it does not match its own hash.")
    return kind, content, stated


def _digest_of(content: Mapping[str, Any]) -> str:
    """Hash of JSON values, whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
