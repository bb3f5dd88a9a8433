"""What a learned scheduler learns from recorded runs: the logs that ``--out`` leaves behind."""

from collections.abc import Iterator
from pathlib import Path

from policies.learned_scheduler.samples import Sample
from robot_skills.app.run_files import LOG
from robot_skills.app.scheduler_notes import Cards, History, Notes
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.core.next_call import with_attempt
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.data.episode_log import Episode, Look, read_episode
from robot_skills.perception.glimpses import glimpses


def recorded_logs(folder: Path) -> list[Path]:
    """Logs of runs in a folder and the folders in it, in order.

    Raises:
        RefusedError: There are none.
    """
    logs = sorted(folder.rglob(LOG))
    if not logs:
        raise RefusedError(
            f"{folder} holds no recorded run ({LOG}); record some with `robot-skills run "
            f"INSTRUCTION --out {folder}/NAME`."
        )
    return logs


def recorded(log: Path, cards: Cards) -> list[Sample]:
    """What a recorded run shows, with its cameras' pictures; nothing when it missed its goal.

    Args:
        log: Of the run.
        cards: The skills; calls of others are left out, with what came after them.

    Raises:
        DatasetError: The log is damaged.
    """
    episode = read_episode(log)
    ends = episode.of_kind(EventKind.RUN_END)
    said = episode.of_kind(EventKind.INSTRUCTION)
    if not said or not ends or not ends[-1].data.get("success"):
        return []
    notes = Notes(cards, (str(said[0].data["text"]),))
    known = {card.name for card in cards}
    history: History = ()
    for look, call, ok in _attempts(episode):
        if call is not None and call.skill not in known:
            return notes.samples
        notes.seen(look.scene, history, call, glimpses(look.scene, look.frames))
        if call is not None:
            history = with_attempt(history, call, ok)
    return notes.samples


def _attempts(episode: Episode) -> Iterator[tuple[Look, SkillCall | None, bool]]:
    """Before every attempt: the look, the call, and whether it went well; at last, the end."""
    for event in episode.of_kind(EventKind.SKILL_END):
        began_s = event.stamp_s - float(event.data["duration_s"])
        look = _latest(episode, began_s)
        if look is not None:
            call = SkillCall(skill=str(event.data["skill"]), args=dict(event.data["args"]))
            yield look, call, event.data["outcome"] == Outcome.SUCCESS.value
    if episode.looks:
        yield episode.looks[-1], None, True


def _latest(episode: Episode, stamp_s: float) -> Look | None:
    """The latest look at a time."""
    looks = [look for look in episode.looks if look.scene.stamp_s <= stamp_s + 1e-6]
    return looks[-1] if looks else None
