"""Names that may become files."""

import re

from robot_skills.core.errors import RefusedError

_ALLOWED = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{x}{i}" for x in ("com", "lpt") for i in range(10))}


def checked_name(kind: str, name: str) -> str:
    """The same name, when it can be a file anywhere and cannot lead out of its folder.

    Args:
        kind: What it names, for the message.
        name: Lower case letters, digits, ``. _ -``; at most 64; begins with a letter or digit.

    Raises:
        RefusedError: It is something else.
    """
    plain = _ALLOWED.fullmatch(name) is not None and not name.endswith(".") and ".." not in name
    if not plain or name.split(".")[0] in _RESERVED:
        raise RefusedError(
            f"{name!r} cannot name a {kind}: use a-z, 0-9, '.', '_' and '-', at most 64 of them, "
            "beginning with a letter or digit."
        )
    return name
