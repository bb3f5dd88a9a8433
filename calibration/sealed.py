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
    digest = digest_of(content)
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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stated = str(content.pop("sha256"))
        found = str(content.pop("kind"))
    except FileNotFoundError:
        raise RefusedError(f"There is no {kind} {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(f"{path} is no {kind} that can be used: {error}.") from error
    if stated != digest_of({"kind": found, **content}):
        raise RefusedError(f"{path} is damaged: it does not match its own hash.")
    if found != kind:
        raise RefusedError(f"{path} is of kind {found}, not {kind}.")
    return content, stated


def digest_of(content: Mapping[str, Any]) -> str:
    """Hash of JSON values, whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
