"""What simulated users say, and whether it is read as it is meant."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.corrections.families import Taste, Wish
from policies.text import MiniLmEncoder
from robot_skills.app.evaluate import wilson
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.core.scene import Scene
from robot_skills.scheduler.corrections.changes import EDGE
from robot_skills.scheduler.corrections.intents import Addition, Apart, Instead, Move, Said
from robot_skills.scheduler.corrections.reading import CorrectionReader
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.library import SkillLibrary
from sim.layout import random_layout
from sim.truth import layout_scene

KINDS = SEEN, HELD_OUT = ("seen", "held_out")
_FILE = Path(__file__).with_name("wordings.yaml")
_FILLED = {"colour": "blue", "chosen": "red", "thing": "milk"}


def wordings(wish: Wish, taste: Taste, kind: str) -> list[str]:
    """What a user says who wants something."""
    return _all()[taste.side if wish is Wish.SIDE else wish.value][kind]


def reading_scores() -> Iterator[dict[str, Any]]:
    """How many wordings are read as they are meant, one line for those that were seen and one for
    those that were held out; nothing moves."""
    library = SkillLibrary.load(zoo_dir())
    encoder = MiniLmEncoder()
    reader, parser = CorrectionReader(encoder), LanguageParser(library, encoder)
    scene = layout_scene(random_layout(np.random.default_rng(0), with_objects=["milk"]))
    for kind in KINDS:
        missed: list[str] = []
        total = misread = 0
        for key, lists in _all().items():
            for words in lists[kind]:
                total += 1
                said = words.format(**_FILLED)
                try:
                    right = _is_meant(key, reader.read(said), parser, scene)
                    misread += not right
                except RefusedError:
                    right = False
                if not right:
                    missed.append(said)
        good = total - len(missed)
        yield {
            "row": "reading",
            "wordings": kind,
            "n": total,
            "understood": good,
            "misread": misread,
            "ci95": wilson(good, total),
            "missed": missed,
        }


def _is_meant(key: str, said: Said, parser: LanguageParser, scene: Scene) -> bool:
    match key, said:
        case "right", Move(offset_m=(x, y, z)):
            return y < 0.0 and x == z == 0.0
        case "left", Move(offset_m=(x, y, z)):
            return y > 0.0 and x == z == 0.0
        case "higher", Move(offset_m=(x, y, z)):
            return z > 0.0 and x == y == 0.0
        case "which", Instead(phrase=phrase):
            return _FILLED["colour"] in phrase and _FILLED["chosen"] not in phrase
        case "edge", Apart(phrase=phrase):
            return phrase == EDGE
        case "beside", Apart(phrase=phrase):
            return _FILLED["thing"] in phrase
        case "close", Addition(words=words):
            goal = parser.parse(words, scene).goal
            return [str(literal) for literal in goal] == ["closed(drawer)"]
    return False


def _all() -> Mapping[str, Mapping[str, list[str]]]:
    return yaml.safe_load(_FILE.read_text(encoding="utf-8"))
