"""`robot-skills explain` tells step by step why a run did what it did."""

import json
from pathlib import Path

import pytest
from fake_episode import METADATA, write_fake_episode

from robot_skills.app.cli import main
from robot_skills.app.explain.account import Account, Motive
from robot_skills.app.explain.questions import answer
from robot_skills.app.explain.reading import account_of
from robot_skills.app.explain.telling import tell_end, tell_fault, tell_head, tell_steps
from robot_skills.app.recording import RecordedEvents
from robot_skills.app.report import ReportInputs, render_report
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import Event, EventKind, EventList
from robot_skills.core.plan import Outcome
from robot_skills.data.episode_log import EpisodeLog, read_episode
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.runs import RunResult
from tests.scheduler import worlds
from tests.scheduler.memory.runs import TellingWorld, remembering
from tests.scheduler.test_executive import dropped, nothing

PUT = "put the red cube in the drawer and close it"


def run_of(tmp_path, world: TellingWorld, instruction: str = PUT, **more) -> list[Event]:
    """The events of a run."""
    events = EventList()
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        try:
            result: RunResult | None = remembering(world, memory, sinks=(events,), **more).run(
                instruction
            )
        except RefusedError:
            result = None
    assert result is None or result.instruction == instruction
    return events.events


def kitchen(**script) -> TellingWorld:
    return TellingWorld(worlds.kitchen(), script=script)


def told(account: Account, number: int) -> dict[str, str]:
    """The lines of a step by their labels, with its title."""
    step = tell_steps(account)[number - 1]
    return {"title": step.title, **dict(step.lines)}


def test_every_step_is_told_with_what_it_was_for_and_what_was_seen(tmp_path):
    account = account_of(run_of(tmp_path, kitchen()))
    first, second, third, last = (told(account, i) for i in (1, 2, 3, 4))
    assert first["title"].startswith("Open the drawer, ")
    assert first["title"].endswith(": done")
    assert first["why"] == (
        "Step 3 (put the red cube in the drawer) needs that things can be put into the drawer."
    )
    assert first["expected"].startswith("The drawer is open and things can be put into the drawer")
    assert "to last meanwhile: the hand is empty" in first["expected"]
    assert second["why"].startswith("Step 3 (put the red cube in the drawer) needs that the hand")
    assert "the goal is that the red cube is in the drawer" in third["why"]
    assert third["seen"].startswith("The red cube is in the drawer")
    assert last["why"] == "The goal is that the drawer is closed."
    assert last["expected"].endswith("to last meanwhile: the red cube is in the drawer.")


def test_the_head_says_what_was_asked_wanted_planned_and_how_it_ended(tmp_path):
    head = dict(tell_head(account_of(run_of(tmp_path, kitchen()))))
    assert head["asked"] == PUT
    assert head["ended"].startswith("It succeeded after ")
    assert head["wanted"] == "The red cube is in the drawer and the drawer is closed."
    assert head["planned"].startswith("By rules: open the drawer, grasp the red cube, ")
    assert "cause" not in head


def test_a_failed_attempt_is_told_with_its_cause_and_the_next_with_its_reason(tmp_path):
    account = account_of(run_of(tmp_path, kitchen(grasp=[(Outcome.TIMEOUT, nothing)])))
    tried, again = told(account, 2), told(account, 3)
    assert "ran out of time" in tried["title"]
    assert tried["seen"].startswith("The hand does not hold the red cube")
    assert tried["ended"] == "Scripted timeout."
    assert tried["cause"].startswith("The skill layer (seen in the event skill_end at ")
    assert "attempt 2" in again["title"]
    assert again["why"].startswith("Tried again, because scripted timeout")
    assert account.steps[2].motive is Motive.AGAIN


def test_a_new_plan_is_told_with_why_it_was_made(tmp_path):
    account = account_of(run_of(tmp_path, kitchen(place=[(Outcome.FAILED, dropped("red_cube"))])))
    anew = next(step for step in tell_steps(account) if step.plan)
    assert "it was planned anew because" in anew.plan
    assert "put the red cube in the drawer" in anew.plan
    assert len(account.plans) == 2


def test_a_specification_is_told_as_what_the_run_heeds_and_what_steps_serve(tmp_path):
    words = "put the red cube in the drawer, but first put the blue cube in the box"
    account = account_of(run_of(tmp_path, kitchen(), words))
    head = dict(tell_head(account))
    assert head["heeded"].startswith("The whole run has to satisfy ")


def test_calls_that_were_asked_for_on_the_way_are_told_as_calls(tmp_path):
    words = "open the drawer, then close it, then go home"
    account = account_of(run_of(tmp_path, kitchen(), words))
    head = dict(tell_head(account))
    assert head["wanted"].startswith("The drawer is open, and then ")
    assert "home()" not in head["wanted"]
    assert told(account, len(account.steps))["why"] == "The words ask for it."


def test_a_refused_run_has_no_steps_and_a_reason(tmp_path):
    account = account_of(run_of(tmp_path, kitchen(), "put the banana in the drawer"))
    assert account.steps == ()
    assert tell_end(account).startswith("Refused before anything moved: ")
    assert "banana" in tell_end(account)
    assert tell_fault(account).startswith("The perception layer")


def test_a_stopped_run_says_so(tmp_path):
    world = kitchen()
    events = run_of(tmp_path, world, stop_requested=lambda: len(world.calls) > 1)
    assert tell_end(account_of(events)).startswith("It was stopped after ")


def test_a_log_that_breaks_off_is_told_as_far_as_it_goes(tmp_path):
    events = run_of(tmp_path, kitchen())
    starts = [i for i, event in enumerate(events) if event.kind is EventKind.SKILL_START]
    account = account_of(events[: starts[1] + 1])
    assert len(account.steps) == 2
    assert "the log breaks off here" in told(account, 2)["title"]
    assert tell_end(account) == "The log breaks off before the run ends."


def test_logs_from_before_expectations_tell_what_they_can(tmp_path):
    events = run_of(tmp_path, kitchen())
    old = [
        Event(
            stamp_s=event.stamp_s,
            kind=event.kind,
            data={k: v for k, v in event.data.items() if k not in ("expected", "ahead")},
        )
        for event in events
    ]
    first = told(account_of(old), 4)
    assert first["why"] == "The goal is that the drawer is closed."
    assert first["expected"] == "The drawer is closed."


@pytest.mark.parametrize(
    ("question", "steps", "said"),
    [
        ("why did you open the drawer?", (1,), ""),
        ("Why was the drawer opened first?", (1,), ""),
        ("why did you grab the red cube", (2,), ""),
        ("why did you do step 3?", (3,), ""),
        ("why did you not close the drawer?", (4,), "It was done."),
        ("why didn't you take the can?", (), "no plan holds it"),
        ("why did you not take the banana?", (), "No banana was seen"),
        ("what went wrong?", (), "It succeeded"),
    ],
)
def test_questions_are_answered_with_the_steps_that_they_are_about(tmp_path, question, steps, said):
    replied = answer(account_of(run_of(tmp_path, kitchen())), question)
    assert replied.steps == steps
    assert said.lower() in replied.text.lower()


def test_why_something_was_not_done_names_what_was_in_the_way(tmp_path):
    failing = kitchen(grasp=[(Outcome.TIMEOUT, nothing)] * 20)
    account = account_of(run_of(tmp_path, failing))
    replied = answer(account, "why did you not put the red cube in the drawer?")
    assert '"put the red cube in the drawer" was planned as call ' in replied.text
    assert '"grasp the red cube" failed again after a new plan' in replied.text
    tried = answer(account, "why did you not grasp the red cube?")
    assert tried.text.startswith("It was tried, and did not succeed: scripted timeout")
    assert set(tried.steps) == {s.number for s in account.steps if s.call.skill == "grasp"}


def test_why_nothing_was_done_at_all_is_the_refusal(tmp_path):
    account = account_of(run_of(tmp_path, kitchen(), "put the banana in the drawer"))
    replied = answer(account, "why did you not open the drawer?")
    assert "it was refused" in replied.text
    assert "banana" in replied.text


@pytest.mark.parametrize("question", ["why?", "what is the meaning of this", "step 9?"])
def test_a_question_about_nothing_of_the_run_is_refused_with_what_there_is(tmp_path, question):
    account = account_of(run_of(tmp_path, kitchen()))
    with pytest.raises(RefusedError, match="1 open the drawer, 2 grasp the red cube"):
        answer(account, question)


def written(tmp_path, events: list[Event]) -> Path:
    """A folder with the log of these events."""
    folder = tmp_path / "run"
    with EpisodeLog(folder / "episode.mcap", METADATA) as log:
        recorded = RecordedEvents(log)
        for event in events:
            recorded.emit(event)
    return folder


def test_the_command_tells_the_whole_run_or_one_step(tmp_path, capsys):
    folder = written(tmp_path, run_of(tmp_path, kitchen()))
    assert main(["explain", str(folder)]) == 0
    whole = capsys.readouterr().out
    assert "1. Open the drawer" in whole
    assert "4. Close the drawer" in whole
    assert max(map(len, whole.splitlines())) <= 100
    assert main(["explain", str(folder), "--step", "2"]) == 0
    one = capsys.readouterr().out
    assert one.startswith("2. Grasp the red cube")
    assert "Open the drawer" not in one


def test_the_command_answers_in_one_line_of_json(tmp_path, capsys):
    folder = written(tmp_path, run_of(tmp_path, kitchen()))
    assert main(["explain", str(folder), "--json", "--question", "why did you grasp it?"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    payload = json.loads(line)
    assert [step["skill"] for step in payload["steps"]] == ["grasp"]
    assert payload["steps"][0]["for"] == [
        {"served": "call", "literal": "holding(red_cube)", "step": 2}
    ]
    assert payload["steps"][0]["text"]["title"].startswith("Grasp the red cube")
    assert payload["success"] is True


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--step", "9"], "steps 1 to 4"),
        (["--step", "0"], "steps 1 to 4"),
        (["--step", "1", "--question", "why?"], "either for a --step or a --question"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, capsys, more, said):
    folder = written(tmp_path, run_of(tmp_path, kitchen()))
    assert main(["explain", str(folder), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_log_a_broken_one_and_one_without_a_run_are_refused(tmp_path, capsys):
    assert main(["explain", str(tmp_path)]) == 2
    assert "no episode log" in capsys.readouterr().err
    (tmp_path / "episode.mcap").write_bytes(b"torn")
    assert main(["explain", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    empty = written(tmp_path, [Event(stamp_s=0.0, kind=EventKind.LOOK, data={"entities": []})])
    assert main(["explain", str(empty)]) == 2
    assert "holds no run of an instruction" in capsys.readouterr().err


def test_the_report_says_why_each_step_was_taken(tmp_path):
    folder = written(tmp_path, run_of(tmp_path, kitchen()))
    page = render_report(read_episode(folder / "episode.mcap"), ReportInputs())
    assert "Why each step was taken" in page
    assert "The goal is that the drawer is closed." in page


def test_the_made_up_log_of_an_earlier_version_is_explained(tmp_path, capsys):
    write_fake_episode(tmp_path / "episode.mcap")
    assert main(["explain", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "2. Grasp the red cube, attempt 2" in out
    assert "Tried again, because the hand does not hold the red cube" in out
