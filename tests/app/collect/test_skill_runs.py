"""Instructions in a session: the skills move the arm, until a person wants it."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hardware.gated_robot import gate_robot
from hardware.teleop import HandOperator, MailboxDevice, WordsDevice
from robot_skills.app.collect.build import Collecting
from robot_skills.app.collect.commands import ConsoleLink
from robot_skills.app.collect.devices import AnyDevice, RestampedDevice
from robot_skills.app.collect.options import ConsoleOptions
from robot_skills.app.collect.plan_board import PlanBoard
from robot_skills.app.collect.session import (
    CollectSession,
    Motion,
    Phase,
    SessionConfig,
    run_session,
)
from robot_skills.app.collect.skill_source import SkillSource, skill_source
from robot_skills.app.collect.skills import SkillRuns, asks_to_stop
from robot_skills.app.wiring import load_skills
from robot_skills.console.app_link import Instruct, Say, WishEvent
from robot_skills.console.backend import ConsoleStatus
from robot_skills.core.errors import CheckpointError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.teleop import Rate, TeleopSample, Wish
from robot_skills.core.types import ActionChunk
from robot_skills.data.reader import read_recorded
from robot_skills.data.recorder import Recorder, RecorderConfig
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.store import EpisodeStore
from sim.robot import CONTROL_PERIOD_S
from sim.stations import TabletopStation, open_station

OPEN = "open the drawer"
SEED = 1
"""Of a start with a closed drawer."""
CAMERAS = ("front", "wrist")
loaded = cache(load_skills)


class Link:
    """A console without a page: what was shown, and what is asked next."""

    alive = True

    def __init__(self) -> None:
        self.link = self
        self.asked: list = []
        self.shown: list[ConsoleStatus] = []

    def events(self):
        asked, self.asked = tuple(self.asked), []
        return asked

    def publish(self, status: ConsoleStatus) -> None:
        self.shown.append(status)


class CountedRobot:
    """Passes everything on, and keeps what was commanded."""

    def __init__(self, robot) -> None:
        self._robot = robot
        self.commands: list[ActionChunk] = []

    def __getattr__(self, name: str):
        return getattr(self._robot, name)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        self.commands.append(chunk)
        return self._robot.command(chunk)


class Desk:
    """A session on the simulated Panda with its console, run by `run_session`."""

    def __init__(
        self,
        root: Path | None = None,
        *,
        source: Callable[[SkillSource | None], SkillSource | None] = lambda made: made,
        station=None,
    ) -> None:
        self.station = station or TabletopStation("panda", (256, 192))
        self.counted = CountedRobot(self.station.robot)
        robot = gate_robot(self.counted, self)  # type: ignore[arg-type]
        clock = robot.clock
        self.hand = MailboxDevice("console")
        device = AnyDevice([self.hand])
        hand = RestampedDevice(device, clock, clock)
        operator = HandOperator(
            hand, robot.arms["arm"], robot.kinematics("arm"), clock, CONTROL_PERIOD_S
        )
        self.store = EpisodeStore(root) if root is not None else None
        self.recorder = _recorder(root, clock) if root is not None else None
        self.session = CollectSession(
            self.station,
            robot,
            operator,
            self.recorder,
            config=SessionConfig(seed=SEED),
            store=self.store,
        )
        self.session.pace.enabled = False
        self.events: list[Event] = []
        made = skill_source(self.station, (), (256, 192))
        if made is not None:
            made = replace(made, load=loaded)
        self.skills = SkillRuns(self.session, robot, source(made), hand.holds)
        self.link = Link()
        parts = Collecting(
            session=self.session,
            skills=self.skills,
            device=device,
            mailbox=self.hand,
            words=WordsDevice(clock),
            console=self.link,  # type: ignore[arg-type]
            dataset="",
        )
        self.console = ConsoleLink(parts, ConsoleOptions())
        note = self.session.note
        self.session.note = lambda event: (self.events.append(event), note(event))[0]

    def emit(self, event: Event) -> None:
        self.session.note(event)

    def ask(self, *asked) -> None:
        self.link.asked += asked

    def run(self, at_period: Callable[[int], None], periods: int = 3000) -> None:
        """Run the session; `at_period` is called after each period with its number."""
        count = 0

        def period(session: CollectSession) -> None:
            nonlocal count
            count += 1
            if count > periods:
                session.quitting = True
            loading = self.skills._loading
            if loading is not None and not loading.done():
                # Simulated time passes quicker than files are read.
                time.sleep(0.01)
            at_period(count)

        try:
            run_session(self.session, [period, self.console], self.skills)
        finally:
            if self.recorder is not None:
                self.recorder.close()

    def push(self, *, held: bool = True) -> None:
        motion = Rate(linear=np.array([0.0, 0.0, 0.1]), angular=np.zeros(3))
        self.hand.push(TeleopSample(stamp_s=self.station.clock.now_s(), held=held, motion=motion))

    def of_kind(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def held(self) -> bool:
        return self.station.scene().held("arm") is not None

    @property
    def said(self) -> str:
        return " | ".join(notice.text for notice in self.session.notices)

    @property
    def moving(self) -> bool:
        """Whether a skill is in the middle of its motion."""
        return len(self.counted.commands) >= 3 and self.skills.board.begun is not None


def _recorder(root: Path, clock) -> Recorder:
    schema = DatasetSchema(
        name="skills",
        robot="panda",
        control_period_s=CONTROL_PERIOD_S,
        arms={"arm": 7},
        cameras=(),
        numbers=(),
    )
    recorder = Recorder(root, schema, clock, RecorderConfig(reserve_bytes=0), {})
    recorder.start()
    return recorder


def interrupted(desk: Desk, take: Callable[[], None], after: int = 10) -> int:
    """Instruct, and do something in the middle of the motion; commands until then."""
    commands: list[int] = []
    ends_at = [10**9]

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        if not commands and desk.moving:
            commands.append(len(desk.counted.commands))
            ends_at[0] = count + after
            take()
        desk.session.quitting |= count >= ends_at[0]

    desk.run(at_period)
    assert commands, desk.said
    return commands[0]


def test_an_instruction_is_carried_out_shown_and_recorded(tmp_path):
    desk = Desk(tmp_path / "skills")
    session = desk.session

    def at_period(count: int) -> None:
        if count == 1:
            session.wish(Wish.START)
            desk.ask(Instruct(instruction=OPEN))
        if desk.of_kind(EventKind.RUN_END) and session.phase is Phase.RECORDING:
            session.wish(Wish.SUCCESS)
        session.quitting |= bool(session.saved)

    desk.run(at_period)
    assert f"Done: {OPEN}" in desk.said
    (step,) = desk.skills.board.steps
    assert (step.call, step.state) == ("open(drawer)", "done")
    assert step.checks == (("before: hand_empty()", True), ("after: open(drawer)", True))
    shown = [status.plan[0].state for status in desk.link.shown if status.plan]
    assert list(dict.fromkeys(shown)) == ["running", "done"]
    assert desk.link.shown[-1].instruction == OPEN

    assert desk.store is not None
    episode = read_recorded(desk.store.entry(0), desk.store)
    kinds = {event.kind for event in episode.events}
    wanted = {EventKind.INSTRUCTION, EventKind.PLAN, EventKind.SKILL_START, EventKind.SKILL_END}
    assert wanted | {EventKind.GATE, EventKind.EFFECTS, EventKind.RUN_END} <= kinds
    assert EventKind.INTERVENTION not in kinds
    # What was asked for is the task where nobody named another, what ran is what was being done.
    assert episode.task == OPEN
    (subtask,) = episode.subtasks
    assert subtask.words == "open drawer"
    assert 0.0 <= subtask.start_s < subtask.end_s < episode.duration_s
    # States are as even as under a hand, and what was sent is there as well.
    arm, sent = episode.arms["arm"], episode.sent["arm"]
    np.testing.assert_allclose(np.diff(arm.stamp_s), CONTROL_PERIOD_S, atol=1e-9)
    later = np.searchsorted(arm.stamp_s, sent.stamp_s[:-1] - 1e-9)
    away = np.linalg.norm(arm.T_base_tool[later, :3, 3] - sent.T_base_tool[:-1, :3, 3], axis=1)
    assert np.quantile(away, 0.9) < 0.03


def test_an_emergency_stop_ends_the_motion_within_one_step():
    desk = Desk()
    p_tool: list[np.ndarray] = []

    def watch() -> None:
        p_tool.append(desk.station.robot.world.T_base_tool().p)

    def stop() -> None:
        desk.ask(WishEvent(wish=Wish.ESTOP))
        desk.station.robot.on_step.append(lambda _: watch())
        watch()

    commands = interrupted(desk, stop)
    assert len(desk.counted.commands) == commands
    assert desk.session.motion is Motion.ESTOP
    # It was moving, and comes to rest within what inertia takes, without another waypoint.
    assert np.linalg.norm(np.diff(p_tool, axis=0), axis=1)[-1] < 1e-3
    assert desk.station.robot._track is None
    (step,) = desk.skills.board.steps
    assert (step.state, step.reason) == ("failed", "emergency stop")
    assert desk.of_kind(EventKind.SKILL_END)[-1].data["outcome"] == "stopped"
    assert desk.of_kind(EventKind.RUN_END)[-1].data["success"] is False
    assert [event.data["by"] for event in desk.of_kind(EventKind.INTERVENTION)] == ["estop"]


def test_an_emergency_stop_during_planning_lets_nothing_move():
    desk = Desk()
    take = desk.skills._events

    class StopsWhenPlanned:
        def emit(self, event: Event) -> None:
            if event.kind is EventKind.PLAN:
                desk.ask(WishEvent(wish=Wish.ESTOP))
            take.emit(event)

    desk.skills._events = StopsWhenPlanned()  # type: ignore[assignment]

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        desk.session.quitting |= bool(desk.of_kind(EventKind.RUN_END))

    desk.run(at_period)
    assert desk.session.motion is Motion.ESTOP
    assert desk.counted.commands == []


def test_a_hand_takes_over_and_drives_once_it_has_let_go():
    desk = Desk()
    seen: list[tuple[Motion, int]] = []
    taken = [10**9]

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        if taken[0] > count and desk.moving:
            taken[0] = count
        since = count - taken[0]
        if 0 <= since < 5 or since >= 8:
            desk.push()
        elif since >= 5:
            desk.push(held=False)
        if since >= 0:
            seen.append((desk.session.motion, len(desk.counted.commands)))
        desk.session.quitting |= since >= 12

    desk.run(at_period)
    commands = seen[0][1]
    assert all(count == commands for _, count in seen[:8])
    assert seen[3][0] is Motion.HELD
    assert seen[-1][0] is Motion.MOVING
    assert seen[-1][1] > commands
    (taken_over,) = desk.of_kind(EventKind.INTERVENTION)
    assert (taken_over.data["state"], taken_over.data["by"]) == ("took over", "hand")


def test_a_hand_takes_over_even_where_it_had_to_let_go_first():
    desk = Desk()
    taken: list[int] = []

    def at_period(count: int) -> None:
        if count == 1:
            desk.session._operator.require_release()
            desk.ask(Instruct(instruction=OPEN))
        if taken or desk.moving:
            taken.append(count)
            desk.push()
        desk.session.quitting |= len(taken) > 3

    desk.run(at_period)
    assert desk.of_kind(EventKind.INTERVENTION)[0].data["by"] == "hand"


def test_a_hand_that_takes_over_what_is_held_keeps_the_grip():
    desk = Desk()
    taken: list[int] = []
    openings: list[float] = []

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction="put the red cube in the box"))
        if not taken and desk.held() and desk.station.robot.world.T_base_tool().p[2] > 0.1:
            taken.append(count)
        if taken:
            openings.append(desk.station.robot.world.opening())
            desk.push(held=not 3 <= count - taken[0] < 6)
            desk.session.quitting |= count > taken[0] + 30

    desk.run(at_period)
    assert desk.session.motion is Motion.MOVING
    # The thing is wider than what the gripper is told, and the difference is the grip.
    assert desk.counted.commands[-1].arms["arm"].opening[-1] < 0.1
    assert openings[-1] > 0.3


@pytest.mark.parametrize("asked", [Say(words="stop"), Instruct(instruction="please stop")])
def test_the_word_stop_ends_the_run_and_a_new_instruction_gives_the_arm_back(asked):
    desk = Desk()
    asked_again: list[int] = []

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        if not asked_again and desk.moving:
            desk.ask(asked)
        if not asked_again and desk.of_kind(EventKind.RUN_END):
            asked_again.append(count)
            desk.ask(Instruct(instruction="go home"))
        desk.session.quitting |= len(desk.of_kind(EventKind.RUN_END)) == 2

    desk.run(at_period)
    first, last = desk.of_kind(EventKind.RUN_END)
    assert (first.data["reason"], last.data["success"]) == ("stopped on request", True)
    states = [event.data["state"] for event in desk.of_kind(EventKind.INTERVENTION)]
    assert states == ["took over", "gave back"]
    assert desk.skills.board.instruction == "go home"


def test_an_arm_that_is_elsewhere_goes_home_before_its_first_skill():
    desk = Desk()
    asked: list[int] = []

    def at_period(count: int) -> None:
        if count < 60:
            desk.push()
        elif count < 65:
            desk.push(held=False)
        elif not asked:
            asked.append(count)
            desk.ask(Instruct(instruction=OPEN))
        desk.session.quitting |= bool(desk.of_kind(EventKind.RUN_END))

    desk.run(at_period)
    assert [step.call for step in desk.skills.board.steps] == ["home()", "open(drawer)"]
    assert desk.of_kind(EventKind.RUN_END)[0].data["success"] is True


def test_an_episode_that_ends_takes_its_run_with_it(tmp_path):
    desk = Desk(tmp_path / "skills")
    desk.session.wish(Wish.START)
    interrupted(desk, lambda: desk.session.wish(Wish.FAILURE))
    assert desk.of_kind(EventKind.RUN_END)[0].data["reason"] == "the episode ended"
    assert desk.session.motion is Motion.IDLE
    assert desk.session.starts == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [("", "empty"), ("put the unicorn in the drawer", "unicorn"), ("flurb the wug", "flurb")],
)
def test_a_refused_instruction_is_a_notice_and_moves_nothing(words, said):
    desk = Desk()

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=words))
        desk.session.quitting |= bool(desk.of_kind(EventKind.REFUSED))

    desk.run(at_period)
    assert said in desk.said
    assert desk.session.notices[-1].level == "warning"
    assert desk.counted.commands == []
    assert desk.skills.board.steps == ()
    assert desk.session.motion is Motion.IDLE


def test_a_hand_that_takes_hold_while_skills_load_keeps_the_arm():
    may_load = threading.Event()

    def slowly():
        may_load.wait()
        return loaded()

    desk = Desk(source=lambda made: replace(made, load=slowly) if made else None)

    def at_period(count: int) -> None:
        desk.push()
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        desk.session.quitting |= count == 5

    try:
        desk.run(at_period)
    finally:
        may_load.set()
    assert "The robot is yours" in desk.said
    assert desk.of_kind(EventKind.PLAN) == []


def test_one_instruction_at_a_time_and_none_under_the_emergency_stop():
    desk = Desk()
    interrupted(desk, lambda: desk.ask(Instruct(instruction="go home")), after=2)
    assert "Still busy" in desk.said
    desk = Desk()
    desk.session.wish(Wish.ESTOP)
    desk.skills.instruct(OPEN)
    assert "release it first" in desk.said


def test_skills_that_cannot_be_loaded_are_a_notice_and_are_tried_again():
    times: list[int] = []

    def broken():
        times.append(1)
        raise CheckpointError("The weights are gone.")

    desk = Desk(source=lambda made: replace(made, load=broken) if made else None)

    def at_period(count: int) -> None:
        if "The weights are gone." in desk.said:
            desk.session.quitting = len(times) == 2
        if desk.skills._asked is None and not desk.session.quitting:
            desk.ask(Instruct(instruction=OPEN))

    desk.run(at_period, periods=20000)
    assert len(times) == 2
    assert desk.session.motion is Motion.IDLE


def test_skills_look_through_cameras_that_are_large_enough():
    station = TabletopStation("panda", (320, 240))
    assert _scene(station, CAMERAS, (320, 240)) == "rgbd"
    assert _scene(station, ("front",), (320, 240)) == "truth"
    assert _scene(station, CAMERAS, (160, 120)) == "truth"


def _scene(station, cameras, camera_px) -> str:
    source = skill_source(station, cameras, camera_px)
    assert source is not None
    return source.scene


def test_a_run_with_cameras_reaches_its_goal():
    desk = Desk(
        source=lambda _: replace(
            skill_source(desk_station, CAMERAS, (256, 192)),  # type: ignore[type-var]
            load=loaded,
        ),
        station=(desk_station := TabletopStation("panda", (256, 192))),
    )

    def at_period(count: int) -> None:
        if count == 1:
            desk.ask(Instruct(instruction=OPEN))
        desk.session.quitting |= bool(desk.of_kind(EventKind.RUN_END))

    desk.run(at_period)
    assert desk.of_kind(EventKind.RUN_END)[0].data["success"] is True


def test_a_robosuite_station_says_that_it_has_no_skills():
    station = open_station("robosuite:lift", (64, 64))
    try:
        assert skill_source(station, CAMERAS, (320, 240)) is None
    finally:
        station.close()
    desk = Desk(source=lambda _: None)
    desk.skills.instruct(OPEN)
    assert "no skills" in desk.said


@pytest.mark.parametrize(
    ("words", "stops"), [("Stop!", True), ("please halt", True), ("open the drawer", False)]
)
def test_sentences_that_stop(words, stops):
    assert asks_to_stop(words) is stops


def test_the_plan_keeps_what_was_done_when_there_is_a_new_one():
    board = PlanBoard()

    def emit(kind: EventKind, **data) -> None:
        board.emit(Event(stamp_s=0.0, kind=kind, data=data))

    def call(skill: str) -> dict:
        return {"skill": skill, "args": {}}

    def done(skill: str, outcome: str) -> None:
        emit(EventKind.PRECONDITIONS, **call(skill), checked=["clear()"], unmet=[])
        emit(EventKind.SKILL_START, **call(skill))
        emit(EventKind.SKILL_END, **call(skill), outcome=outcome, reason=f"{skill} {outcome}")

    emit(EventKind.INSTRUCTION, text="tidy up")
    emit(EventKind.PLAN, calls=[call("grasp"), call("place"), call("close")])
    done("grasp", "success")
    emit(EventKind.EFFECTS, **call("grasp"), surprises=["can fell over"])
    done("place", "fault")
    emit(EventKind.RETRY, **call("home"), attempt=1, of=1)
    done("home", "success")
    done("place", "failed")
    emit(EventKind.PLAN, calls=[call("grasp"), call("place")])
    emit(EventKind.PRECONDITIONS, **call("grasp"), checked=["clear()"], unmet=["clear()"])
    emit(EventKind.RUN_END, success=False, reason="gave up")
    assert [(step.call, step.state) for step in board.steps] == [
        ("grasp()", "done"),
        ("place()", "failed"),
        ("home()", "done"),
        ("place()", "failed"),
        ("grasp()", "failed"),
        ("place()", "waiting"),
    ]
    assert board.steps[0].checks == (("before: clear()", True), ("after: can fell over", False))
    assert (board.steps[4].reason, board.steps[4].checks) == (
        "gave up",
        (("before: clear()", False),),
    )
