"""`robot-skills corrections`: what is kept of what people wanted otherwise."""

from pathlib import Path
from typing import Any

from robot_skills.app.corrections.desk import default_corrections
from robot_skills.app.corrections.options import (
    CorrectionsAdd,
    CorrectionsDelete,
    CorrectionsList,
    CorrectionsShow,
)
from robot_skills.app.outcome import CommandResult
from robot_skills.app.tables import text_table
from robot_skills.app.zoo import zoo_dir
from robot_skills.scheduler.corrections.by_hand import correction_by_hand
from robot_skills.scheduler.corrections.changes import change_to_json, scope_to_json
from robot_skills.scheduler.corrections.reading import CorrectionReader
from robot_skills.scheduler.corrections.store import CorrectionStore, Kept
from robot_skills.skills.library import SkillLibrary


def main(
    options: CorrectionsList | CorrectionsShow | CorrectionsDelete | CorrectionsAdd,
) -> CommandResult:
    """Do what a subcommand says."""
    path = options.corrections or default_corrections()
    match options:
        case CorrectionsList():
            return _list(path)
        case CorrectionsShow(number=number):
            return _show(path, number)
        case CorrectionsDelete(number=number):
            return _delete(path, number)
        case CorrectionsAdd():
            return _add(path, options)


def _list(path: Path) -> CommandResult:
    with CorrectionStore(path, read_only=True) as store:
        kept = store.all()
    rows = [
        (str(one.number), one.correction.words, str(one.correction.change), _about(one))
        for one in kept
    ]
    print(text_table(("number", "said", "wanted", "of"), rows) if rows else f"none in {path}")
    return CommandResult(payload={"file": str(path), "corrections": [_told(one) for one in kept]})


def _show(path: Path, number: int) -> CommandResult:
    with CorrectionStore(path, read_only=True) as store:
        kept = store.get(number)
    correction = kept.correction
    print(f"said      {correction.words}")
    print(f"wanted    {correction.change}")
    print(f"of        {correction.scope}")
    print(f"when      {kept.made_utc}, during {kept.instruction!r}")
    print(f"situation {correction.situation}")
    for situation in kept.unwanted:
        print(f"not when  {situation}")
    return CommandResult(payload=_told(kept))


def _delete(path: Path, number: int) -> CommandResult:
    with CorrectionStore(path) as store:
        store.delete(number)
    print(f"correction {number} is forgotten")
    return CommandResult(payload={"deleted": number})


def _add(path: Path, options: CorrectionsAdd) -> CommandResult:
    from policies.text import MiniLmEncoder

    cards = SkillLibrary.load(options.zoo or zoo_dir())
    said = CorrectionReader(MiniLmEncoder()).read(options.words)
    correction = correction_by_hand(said, options.words, options.about, cards)
    with CorrectionStore(path) as store:
        number = store.add(correction, "").number
    print(f"kept as {number}: {correction}")
    return CommandResult(payload={"number": number, "file": str(path)})


def _about(kept: Kept) -> str:
    return f"{kept.correction.scope} ({kept.correction.situation})"


def _told(kept: Kept) -> dict[str, Any]:
    correction = kept.correction
    return {
        "number": kept.number,
        "words": correction.words,
        "change": change_to_json(correction.change),
        "scope": scope_to_json(correction.scope),
        "situation": correction.situation,
        "unwanted": list(kept.unwanted),
        "instruction": kept.instruction,
        "made_utc": kept.made_utc,
    }
