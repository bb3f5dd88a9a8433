"""A person and a robot try a skill: the person is played by a list of answers."""

import io
from dataclasses import replace

import pytest

from robot_skills.app.gating import gate_here
from robot_skills.app.sim2real.cell_trial import Workplace, cell_trial
from robot_skills.app.sim2real.person import Console
from robot_skills.app.sim2real.trial import Attempt
from robot_skills.app.trials import looker
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, RobotFault
from robot_skills.core.events import EventList
from robot_skills.core.plan import Outcome
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.runner import HOME, run_skill
from sim.layout import default_layout
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import TruthPerceiver


class Played:
    """A person who says one thing after another, and does nothing."""

    def __init__(self, *verdicts, patience=4):
        self.asked, self.verdicts, self.patience = [], list(verdicts), patience

    def ready(self, what):
        self.asked.append(what)
        if len(self.asked) > self.patience:
            raise RefusedError("Nobody answers.")

    def judge(self, what):
        self.asked.append(what)
        return self.verdicts.pop(0)


def laid(layout, person):
    cell = SimRobot(arm="panda", layout=layout)
    cell.connect()
    robot = gate_here(cell, EventList())
    return Workplace(robot=robot, look=looker(robot, TruthPerceiver(cell.world)), person=person)


def attempt(skill):
    return Attempt(skill=skill, zoo=zoo_dir(), seed=1)


def test_what_is_tried_is_drawn_from_what_is_seen_and_judged_by_the_person():
    person = Played(False)
    place = laid(default_layout(3), person)
    trial = cell_trial(attempt("grasp"), place, 0, "1 of 2")
    # The stack believes in it; the person has seen something else.
    assert (trial.success, trial.believed) == (False, True)
    assert trial.task.startswith("grasp ")
    assert person.asked == [
        "Trial 1 of 2: lay the table anew, and stand back.",
        f"It was to {trial.task}. Did it?",
    ]
    assert trial.sim_s > 1.0

    again = Played(None, True, patience=9)
    place = Workplace(robot=place.robot, look=place.look, person=again)
    assert cell_trial(attempt("grasp"), place, 1, "2 of 2").success
    # What the trial before had taken was let go of first; one trial did not count.
    assert again.asked[0].startswith("The gripper opens")
    assert sum(what.startswith("It was to") for what in again.asked) == 2
    assert place.robot.observe().arms[DEFAULT_ARM].opening < 0.9


def test_what_has_to_be_in_the_hand_is_taken_there_first():
    person = Played(True)
    trial = cell_trial(attempt("place"), laid(default_layout(2), person), 0, "1 of 1")
    assert trial.task.startswith("put ")
    assert not any("could not be taken" in what for what in person.asked)


@pytest.mark.parametrize("caught", [True, False])
def test_a_trial_that_a_fault_ended_says_so_to_who_judges(caught, monkeypatch):
    def run(call, context):
        result, scene = run_skill(call, context)
        if call.skill == HOME:
            return result, scene
        if not caught:
            raise RobotFault("nothing was heard of the gate for 1.2 s.")
        reason = "nothing was heard of the gate for 1.2 s."
        return replace(result, outcome=Outcome.FAULT, reason=reason), scene

    monkeypatch.setattr("robot_skills.app.sim2real.cell_trial.run_skill", run)
    person = Played(False)
    trial = cell_trial(attempt("grasp"), laid(default_layout(3), person), 0, "1 of 1")
    assert not trial.believed
    assert person.asked[-1] == (
        f"It ended early (nothing was heard of the gate for 1.2 s). It was to {trial.task}. Did it?"
    )


def test_who_lays_an_empty_table_is_told_what_is_missing():
    person = Played()
    with pytest.raises(RefusedError, match="Nobody answers"):
        cell_trial(attempt("grasp"), laid(Layout(), person), 0, "1 of 1")
    assert person.asked[1].startswith("There is nothing to grasp; seen are table. Trial 1")


def test_a_console_asks_until_it_understands(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\nwhat\nAgain\nn\nyes\n"))
    console = Console()
    console.ready("Lay the table.")
    assert [console.judge("Did it?") for _ in range(3)] == [None, False, True]
    with pytest.raises(RefusedError, match="needs somebody at a terminal"):
        console.judge("Did it?")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("Did it?") == 5
