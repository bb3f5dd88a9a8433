"""The loop's stages on a cell, with a simulated arm in the place of its driver."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from robot_skills.app.cells import load_cell
from robot_skills.app.gating import gate_here
from robot_skills.app.sim2real import cell_bed
from robot_skills.app.sim2real.calibrated import CellFile
from robot_skills.app.sim2real.cell_bed import CellBed
from robot_skills.app.sim2real.trial import Attempt, Equipment, RobotTrial
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import ActionRefused, RefusedError, RobotFault
from robot_skills.core.events import EventList
from robot_skills.core.latencies import ArmLatencies
from sim.layout import default_layout
from sim.robot import SimRobot
from sim.truth import TruthPerceiver

LATE = ArmLatencies(action_s=0.08, gripper_s=0.1, state_s=0.0)


class Present:
    """A person who does as asked, and is content."""

    def __init__(self):
        self.asked = []

    def ready(self, what):
        self.asked.append(what)

    def judge(self, what):
        return True


@pytest.fixture
def opened(monkeypatch):
    """Cells whose robots were connected to, in order."""
    found = []

    def connected_to(cell, owner):
        found.append(cell)
        sim = SimRobot(arm="panda", layout=default_layout(3))

        def looker(robot, _):
            return lambda: TruthPerceiver(sim.world).look(robot.observe())

        monkeypatch.setattr(cell_bed, "looker", looker)
        return gate_here(sim, EventList())

    monkeypatch.setattr(cell_bed, "cell_robot", connected_to)
    monkeypatch.setattr(cell_bed, "perceiver_maker", lambda _: lambda: None)
    return found


@pytest.fixture
def cell():
    known = load_cell("sim_panda")
    return replace(known, robot=replace(known.robot, latencies=LATE))


def test_trials_are_made_with_the_latencies_that_were_found(cell, opened):
    person = Present()
    bed = CellBed(cell=cell, person=person)
    attempt = Attempt(skill="grasp", zoo=zoo_dir(), seed=1)
    (trial,) = bed.trials(attempt, Equipment(), 1, first=1)
    assert (trial.index, trial.success) == (1, True)
    assert "Trial 2 of 2" in person.asked[0]
    assert opened[0].robot.latencies == LATE

    late = ArmLatencies(action_s=0.02)
    found = CellFile(latencies=late, pictures_s={"front": 0.06, "wrist": -0.01})
    list(bed.trials(attempt, Equipment(found=found), 1))
    assert opened[-1].robot.latencies == late
    assert opened[-1].cameras["front"].latency_s == 0.06
    # A stamp before its picture is an error of measurement.
    assert opened[-1].cameras["wrist"].latency_s == 0.0


def test_a_motion_that_does_not_tell_is_made_again_for_longer(cell, opened, monkeypatch):
    tried = []

    def finds(robot, name, config, rng):
        tried.append((name, config.seconds, config.cameras))
        if len(tried) < 3:
            raise CalibrationRefused(Cause.TOO_SHORT, "The motion was too simple.")
        return "latency"

    monkeypatch.setattr(cell_bed, "find_latencies", finds)
    person = Present()
    bed = CellBed(cell=cell, person=person)
    assert bed.calibrate(np.random.default_rng(0)).latency == "latency"
    assert [seconds for _, seconds, _ in tried] == [20.0, 40.0, 80.0]
    assert tried[0][0] == "cell:sim_panda panda"
    assert tried[0][2] == ("front", "wrist")
    # Nothing may be taken off while it is measured.
    assert opened[0].robot.latencies == ArmLatencies()
    assert len(person.asked) == 3
    assert "emergency stop" in person.asked[0]
    assert person.asked[1].startswith("The motion was too simple.")

    tried.clear()

    def never(*_):
        raise CalibrationRefused(Cause.TOO_SHORT, "Nothing moved.")

    monkeypatch.setattr(cell_bed, "find_latencies", never)
    with pytest.raises(CalibrationRefused, match="Nothing moved"):
        bed.calibrate(np.random.default_rng(0))


def test_a_lost_link_is_told_and_its_trial_begins_anew_on_a_new_one(cell, opened, monkeypatch):
    made = []

    def tries(attempt, place, index, number):
        made.append(number)
        if len(made) == 2:
            raise RobotFault("nothing was heard of the gate for 1.2 s")
        if len(made) == 3:
            raise ActionRefused("limits", "the arm is out of its limits")
        return RobotTrial(
            index=index, task="", success=True, believed=True, reason="", sim_s=1.0, wall_s=1.0
        )

    monkeypatch.setattr(cell_bed, "cell_trial", tries)
    person = Present()
    bed = CellBed(cell=cell, person=person)
    attempt = Attempt(skill="grasp", zoo=zoo_dir(), seed=1)
    trials = list(bed.trials(attempt, Equipment(), 3, first=2))
    assert [trial.index for trial in trials] == [2, 3, 4]
    assert made == ["3 of 5", "4 of 5", "4 of 5", "4 of 5", "5 of 5"]
    assert len(person.asked) == 2
    assert person.asked[0].startswith("Nothing was heard of the gate for 1.2 s. The arm holds")
    assert "trial 4 of 5 begins anew" in person.asked[1]
    # One for the first look, and one more after each trouble.
    assert len(opened) == 4


def test_a_gate_that_does_not_answer_any_more_is_left_in_peace(cell, opened, monkeypatch):
    def silent(self):
        raise RobotFault("Waited 1 s for an answer of gate/stop.")

    monkeypatch.setattr(SimRobot, "stop", silent)
    monkeypatch.setattr(cell_bed, "cell_trial", lambda *_: "trial")
    attempt = Attempt(skill="grasp", zoo=zoo_dir(), seed=1)
    bed = CellBed(cell=cell, person=Present())
    assert list(bed.trials(attempt, Equipment(), 1)) == ["trial"]


def test_a_cell_that_nothing_can_be_learned_for_is_refused(cell):
    with pytest.raises(RefusedError, match="the simulation has no arm 'fr3'"):
        CellBed(cell=load_cell("fr3_realsense"), person=Present())
    real = load_cell("ur5e_realsense")
    cameras = {name: replace(one, T_mount_camera=None) for name, one in real.cameras.items()}
    with pytest.raises(RefusedError, match="hand-eye"):
        CellBed(cell=replace(real, cameras=cameras), person=Present())
