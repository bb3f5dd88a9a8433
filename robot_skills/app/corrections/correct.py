"""`robot-skills correct`: what was wrong with a run that is over."""

from collections.abc import Iterator

import numpy as np

from robot_skills.app.corrections.desk import default_corrections
from robot_skills.app.corrections.options import CorrectOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.run_files import LOG
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import InstructionError, RefusedError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.data.episode_log import Episode, read_episode
from robot_skills.scheduler.corrections.afterwards import Afterwards
from robot_skills.scheduler.corrections.distilling import Situation
from robot_skills.scheduler.corrections.store import CorrectionStore
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.card import parse_literal
from robot_skills.skills.library import SkillLibrary


def main(options: CorrectOptions) -> CommandResult:
    """Keep what the words say of the run."""
    from policies.text import MiniLmEncoder

    log = options.run / LOG if options.run.is_dir() else options.run
    situations = list(_situations(read_episode(log), options.skill))
    cards, encoder = SkillLibrary.load(options.zoo or zoo_dir()), MiniLmEncoder()
    parser = LanguageParser(cards, encoder)
    path = options.corrections or default_corrections()
    with CorrectionStore(path) as store:
        afterwards = Afterwards(cards, encoder, parser.parse, store)
        kept = afterwards.correct(options.words, situations)
    print(f"kept as {kept.number}: {kept}")
    return CommandResult(
        payload={"number": kept.number, "correction": str(kept), "file": str(path)}
    )


def _situations(episode: Episode, skill: str | None) -> Iterator[Situation]:
    """What was going on in every call, the last first; of one skill alone where it is named.

    Raises:
        InstructionError: The run made no such call.
    """
    plan = _plan(episode)
    starts = [
        event
        for event in episode.of_kind(EventKind.SKILL_START)
        if skill in (None, event.data["skill"])
    ]
    if not starts or not episode.looks:
        what = "no call" if skill is None else f"no call of {skill}"
        raise InstructionError(f"The run made {what} that could be corrected.")
    for event in reversed(starts):
        call = SkillCall(skill=str(event.data["skill"]), args=dict(event.data["args"]))
        yield Situation(plan=plan, scene=_seen(episode, event), call=call, shifts_m={})


def _seen(episode: Episode, event: Event) -> Scene:
    """The last look before an event."""
    stamps_s = np.array([look.scene.stamp_s for look in episode.looks])
    before = int(np.searchsorted(stamps_s, event.stamp_s, side="right"))
    return episode.looks[max(before - 1, 0)].scene


def _plan(episode: Episode) -> Plan:
    """What was wanted in the end; the calls are not asked for."""
    plans = episode.of_kind(EventKind.PLAN)
    asked = episode.of_kind(EventKind.INSTRUCTION)
    if not plans or not asked:
        raise RefusedError("The run was over before anything was planned.")
    data = plans[-1].data
    return Plan(
        instruction=str(asked[0].data["text"]),
        goal=tuple(parse_literal(str(text)) for text in data["goal"]),
        calls=(),
        planner=str(data["planner"]),
    )
