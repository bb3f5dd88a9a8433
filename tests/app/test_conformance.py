"""Runs are judged from their logs, and from what was so."""

from dataclasses import replace

from robot_skills.app.conformance import TruthTrace, recorded_trace, told_conformance
from robot_skills.core.events import Event, EventKind
from robot_skills.core.looks import look_data
from robot_skills.core.plan import SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.data.episode_log import EpisodeLog, Look, read_episode
from robot_skills.scheduler.temporal.trace import violated_by
from tests.scheduler import worlds

SHUT, OPEN = worlds.kitchen(), replace(worlds.kitchen(value_m=0.16), stamp_s=2.0)
OPENED = SkillCall(skill="open", args={"thing": "drawer"})
NEVER = Specification(parts=("always(not open(drawer))", "eventually(call(open, drawer))"))


def looked(scene: Scene) -> Event:
    return Event(stamp_s=scene.stamp_s, kind=EventKind.LOOK, data=look_data(scene))


def events() -> list[Event]:
    data = {"skill": OPENED.skill, "args": dict(OPENED.args)}
    started = Event(stamp_s=1.0, kind=EventKind.SKILL_START, data=data)
    return [looked(SHUT), started, looked(OPEN)]


def test_a_recorded_run_is_judged_from_its_log(tmp_path):
    with EpisodeLog(tmp_path / "episode.mcap", {}) as log:
        for scene in (SHUT, OPEN):
            log.look(Look(scene=scene))
        for event in events():
            log.emit(event)
    trace = recorded_trace(read_episode(tmp_path / "episode.mcap"))
    assert [position.call for position in trace] == [None, OPENED, None]
    assert violated_by(trace, NEVER) == ("always(not open(drawer))",)


def test_what_was_seen_and_what_was_so_are_judged_apart():
    truth, scenes = TruthTrace(), iter([SHUT, SHUT, SHUT])
    truth.emit(events()[0])
    assert truth.positions == []
    truth.start(lambda: next(scenes))
    for event in events():
        truth.emit(event)
    told = told_conformance(NEVER, events(), [SHUT, OPEN], truth)
    assert told == {"conforms": False, "truth_conforms": True}


def test_without_a_specification_there_is_nothing_to_judge():
    told = told_conformance(None, events(), [SHUT, OPEN], TruthTrace())
    assert told == {"conforms": None, "truth_conforms": None}
