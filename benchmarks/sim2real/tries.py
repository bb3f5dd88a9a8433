"""Trials of a skill on a twin, kept as lines of a file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.sim2real.sides import SIDES, Case
from robot_skills.app.sim2real.trial import Attempt
from robot_skills.app.zoo import zoo_dir

Trials = dict[tuple[str, str, int], list[dict[str, Any]]]
"""Trials in order, by skill, side and twin."""


def try_all(case: Case, sides: list[str], count: int) -> Trials:
    """The trials of several sides on a twin."""
    return {(case.skill, side, case.seed): _try(case, side, count) for side in sides}


def _try(case: Case, side: str, count: int) -> list[dict[str, Any]]:
    """The trials of a side on a twin, all of them anew."""
    way = SIDES[side](case)
    attempt = Attempt(skill=case.skill, zoo=zoo_dir(), seed=case.seed, checkpoint=way.checkpoint)
    made = [asdict(one) for one in case.bed.trials(attempt, way.equipment, count)]
    path = case.work / "trials.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for one in made:
            line = {"skill": case.skill, "side": side, "twin": case.seed, **one}
            file.write(json.dumps(line) + "\n")
    return made


def read(path: Path) -> Trials:
    """Those that are kept in a file, and belong to one call each."""
    found: Trials = {}
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            key = (line["skill"], line["side"], line["twin"])
            mine = found.setdefault(key, [])
            if not mine or line["index"] > mine[-1]["index"]:
                mine.append(line)
            else:
                found[key] = [line]
    return found
