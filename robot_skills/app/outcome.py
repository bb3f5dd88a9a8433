"""What a command hands back to the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandResult:
    """How a command ended.

    Attributes:
        payload: What `--json` prints, JSON values only.
        exit_code: 0 done, 1 the job failed, 2 the input was refused.
    """

    payload: Mapping[str, Any]
    exit_code: int = 0
