"""Draft cards out of what a planner found missing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robot_skills.app.options import SkillsDraft
from robot_skills.app.outcome import CommandResult
from robot_skills.app.skills_add.checks import CHECKPOINT
from robot_skills.core.errors import RefusedError, StorageError

_TODO_EFFECTS = '    effects: []  # TODO what holds afterwards, for example ["on({object}, table)"]'
_HEAD = """\
name: {name}
kind: learned
summary: TODO one sentence.
verbs:
  - "{form}"
parameters:
{parameters}
cases:
  - preconditions: ["hand_empty()"]  # TODO what has to hold before
{effects}
    tokens: [{tokens}]  # TODO which frames matter: box, top, handle, ...
termination: {{done_threshold: 0.5, consecutive: 2}}
timeout_s: 15
attempts: 3
safety: {{max_speed_m_s: 0.6, min_height_m: -0.005}}
checkpoint: {checkpoint}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingSkill:
    """What a planner would have needed; see `robot_skills.core.errors.MissingSkillError`."""

    verb: str
    parameters: Mapping[str, str]
    effects: Sequence[str]


def write_draft(options: SkillsDraft) -> CommandResult:
    """Write the draft of the skill that a run lacked.

    Raises:
        RefusedError: The run lacked none, or the draft exists already.
        StorageError: It cannot be written.
    """
    missing = read_missing(options.from_missing)
    try:
        with options.out.open("x", encoding="utf-8") as file:
            file.write(draft_text(missing))
    except FileExistsError:
        raise RefusedError(f"{options.out} exists already; choose another --out.") from None
    except OSError as error:
        raise StorageError(f"{options.out} cannot be written: {error.strerror}.") from None
    print(
        f"{options.out}: complete what is marked with TODO, then\n"
        f"  robot-skills skills add {_name(missing)} --dataset DEMONSTRATIONS --card {options.out}"
    )
    return CommandResult(payload={"card": str(options.out), "skill": _name(missing)})


def read_missing(run: Path) -> MissingSkill:
    """The skill that a run lacked.

    Args:
        run: What `robot-skills run --json` printed.

    Raises:
        RefusedError: It cannot be read, or lacked no skill.
    """
    try:
        said = json.loads(run.read_bytes())
        missing = said["missing_skill"]
        return MissingSkill(
            verb=str(missing["verb"]),
            parameters=dict(missing["parameters"]),
            effects=list(missing["effects"]),
        )
    except OSError as error:
        raise RefusedError(f"{run} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise RefusedError(
            f"{run} names no missing skill. Ask for the task with "
            '`robot-skills run "..." --json` and keep what it prints.'
        ) from None


def draft_text(missing: MissingSkill) -> str:
    """A card as far as it is known."""
    effects = ", ".join(f'"{effect}"' for effect in missing.effects)
    slots = [f"{{{name}}}" for name in missing.parameters]
    rows = [f"  - {{name: {name}, type: {kind}}}" for name, kind in missing.parameters.items()]
    tokens = [f"{{argument: {name}, anchor: box}}" for name in missing.parameters]
    return _HEAD.format(
        name=_name(missing),
        form=" ".join([missing.verb, *slots]),
        parameters="\n".join(rows) or "  []",
        effects=f"    effects: [{effects}]" if effects else _TODO_EFFECTS,
        tokens=", ".join(tokens),
        checkpoint=CHECKPOINT,
    )


def _name(missing: MissingSkill) -> str:
    return missing.verb.replace(" ", "_")
