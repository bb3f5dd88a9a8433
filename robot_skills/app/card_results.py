"""Puts a measured success rate into the card of its skill."""

from pathlib import Path
from typing import Any

import yaml

from robot_skills.app.options import EvalOptions
from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.skills.card import CARD_FILE

_KEY = "results:"


def record_result(zoo: Path, options: EvalOptions, payload: dict[str, Any]) -> Path:
    """Write an evaluation of a skill into its card, in place of an older one of the same kind.

    Only the block `results` at the end of the card changes.

    Args:
        zoo: Folder of the skill cards.
        options: What was measured.
        payload: What the evaluation gave.

    Returns:
        The card.

    Raises:
        RefusedError: The card has no block `results` at its end.
        StorageError: The card cannot be written.
    """
    card = zoo / str(options.skill) / CARD_FILE
    text = card.read_text(encoding="utf-8")
    head, key, block = text.rpartition(f"\n{_KEY}")
    if not key:
        raise RefusedError(f"{card} does not end with a block {_KEY!r}.")
    kept = [
        row
        for row in yaml.safe_load(_KEY + block)["results"] or []
        if (row["arm"], row["scene"]) != (options.arm, options.scene)
    ]
    row = {
        "suite": f"skill:{options.skill}",
        "arm": options.arm,
        "scene": options.scene,
        "n": payload["n"],
        "successes": payload["successes"],
        "rate": round(payload["rate"], 4),
        "ci95": [round(bound, 4) for bound in payload["ci95"]],
        "seeds": f"({options.seed}, 0..{payload['n'] + payload['skipped_setups'] - 1})",
        "command": _command(options),
    }
    rows = sorted([*kept, row], key=lambda r: (r["arm"], r["scene"]))
    dumped = yaml.safe_dump({"results": rows}, sort_keys=False, width=100, allow_unicode=True)
    partial = card.with_suffix(".tmp")
    try:
        partial.write_text(f"{head}\n{dumped}", encoding="utf-8")
        partial.replace(card)
    except OSError as error:
        raise StorageError(f"The result could not be written into {card}: {error}") from error
    return card


def _command(options: EvalOptions) -> str:
    """What prints the result again."""
    zoo = f" --zoo {options.zoo}" if options.zoo else ""
    return (
        f"robot-skills eval --skill {options.skill}{zoo} --arm {options.arm} "
        f"--scene {options.scene} --episodes {options.episodes} --seed {options.seed}"
    )
