"""Trials survive the end of a process, and never those of another policy."""

from robot_skills.app.sim2real.trial import RobotTrial
from robot_skills.app.sim2real.trial_log import TrialLog, forget_trials

INPUTS = {"fine-tune": "a" * 64}


def trial(index):
    return RobotTrial(
        index=index,
        task="pick up the red cube",
        success=index % 2 == 0,
        believed=True,
        reason="success: done",
        sim_s=4.0,
        wall_s=1.5,
    )


def test_trials_are_there_after_an_interruption(tmp_path):
    log = TrialLog(tmp_path / "run", "after", INPUTS)
    assert log.read() == []
    for index in range(3):
        log.add(trial(index))
    assert TrialLog(tmp_path / "run", "after", INPUTS).read() == [trial(0), trial(1), trial(2)]
    assert TrialLog(tmp_path / "run", "before", INPUTS).read() == []


def test_a_line_that_was_cut_off_costs_its_trial_alone(tmp_path):
    log = TrialLog(tmp_path, "after", INPUTS)
    log.read()
    log.add(trial(0))
    log.add(trial(1))
    path = tmp_path / "after.trials.jsonl"
    path.write_text(path.read_text()[:-20])
    assert log.read() == [trial(0)]
    log.add(trial(1))
    assert log.read() == [trial(0), trial(1)]


def test_trials_with_another_policy_are_forgotten_and_so_are_those_of_a_stage_that_is_done(
    tmp_path,
):
    log = TrialLog(tmp_path, "after", INPUTS)
    log.read()
    log.add(trial(0))
    assert TrialLog(tmp_path, "after", {"fine-tune": "b" * 64}).read() == []
    log = TrialLog(tmp_path, "after", INPUTS)
    assert log.read() == []
    log.add(trial(0))
    forget_trials(tmp_path, "after")
    assert not list(tmp_path.iterdir())
    forget_trials(tmp_path, "after")
