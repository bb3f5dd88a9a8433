"""When an attempt of a skill is ended early, as it was measured to pay.

A small file beside a skill's checkpoint says so; `robot_skills.scheduler.makespan` decides what is
in it, from measured attempts. A rule without a threshold never ends anything early.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_skills.core.errors import RefusedError

GIVING_UP_FILE = "giving_up.json"
_FORMAT, _VERSION = "robot-skills-giving-up", 1


@dataclass(frozen=True, kw_only=True, slots=True)
class GivingUp:
    """When to end an attempt, so that another one can start sooner.

    Attributes:
        below: Predicted probability of success below which a chunk counts as hopeless.
        after: Hopeless chunks in a row after which the attempt ends.
        from_s: Time from the start of the motion before which no chunk counts.
    """

    below: float
    after: int
    from_s: float

    def __post_init__(self) -> None:
        if not 0.0 < self.below <= 1.0 or self.after < 1 or self.from_s < 0.0:
            raise ValueError("Needs 0 < below <= 1, after >= 1 and from_s >= 0.")


def read_giving_up(directory: Path) -> GivingUp | None:
    """The rule beside a checkpoint; None where there is none, or where giving up does not pay.

    Raises:
        RefusedError: The file is damaged or foreign; says how to make another.
    """
    path = directory / GIVING_UP_FILE
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != _FORMAT or data["version"] != _VERSION:
            raise ValueError(f"its format is {data['format']!r}, version {data['version']!r}")
        rule = data["rule"]
        return None if rule is None else GivingUp(**rule)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"{path} says nothing about when to give up ({error}); `robot-skills train-success` "
            "writes it anew."
        ) from None


def write_giving_up(directory: Path, rule: GivingUp | None, measured: Mapping[str, Any]) -> None:
    """Write a rule beside a checkpoint; an older one is replaced.

    Args:
        directory: Of the checkpoint.
        rule: When to give up; None for never.
        measured: What it was chosen by; JSON values only.
    """
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "rule": None if rule is None else asdict(rule),
        "measured": dict(measured),
    }
    path = directory / GIVING_UP_FILE
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
