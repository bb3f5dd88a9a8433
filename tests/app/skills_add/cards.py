"""A draft card of a skill that nobody has, and its parts."""

from pathlib import Path

import yaml

DRAFT = {
    "name": "touch",
    "kind": "learned",
    "summary": "Go to a thing and touch it.",
    "verbs": ["touch {object}"],
    "parameters": [{"name": "object", "type": "movable"}],
    "cases": [
        {
            "preconditions": ["hand_empty()"],
            "effects": ["over({object})"],
            "tokens": [{"argument": "object", "anchor": "box"}],
        }
    ],
    "timeout_s": 15,
    "attempts": 3,
    "safety": {"max_speed_m_s": 0.6},
    "checkpoint": "weights.safetensors",
}


def case(**changes) -> dict:
    """The draft's cases with parts of the only one replaced."""
    return {"cases": [DRAFT["cases"][0] | changes]}


def write_card(folder: Path, **changes) -> Path:
    """Write the draft with fields replaced."""
    path = folder / "touch.yaml"
    path.write_text(yaml.safe_dump(DRAFT | changes, sort_keys=False), encoding="utf-8")
    return path
