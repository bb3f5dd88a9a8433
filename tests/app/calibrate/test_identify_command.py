"""`robot-skills calibrate identify`: from motions, or a recording, to a file and a page."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused
from calibration.identification.fitting import Identification, identify
from calibration.identification.record import load_robot_record
from calibration.identification.recording import read_recording, write_recording
from robot_skills.app.calibrate.command import main
from robot_skills.app.calibrate.identify import prior_of
from robot_skills.app.calibrate.identify_cell import (
    THING,
    cell_of,
    hidden_values,
    new_recording,
)
from robot_skills.app.calibrate.identify_robot import library_on, record_on
from robot_skills.app.calibrate.options import CalibrateIdentify
from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.arms import PANDA
from sim.identification import dynamics_of, simulator_of
from sim.robot import SimRobot


@pytest.fixture(scope="module")
def identified(tmp_path_factory):
    """One rollout at random, identified; its options and what was printed as JSON."""
    root = tmp_path_factory.mktemp("identified")
    options = CalibrateIdentify(
        out=root / "panda.json",
        explore="random",
        rollouts=1,
        seed=1,
        hidden=7,
        recording=root / "recording",
        report=root / "report.html",
    )
    return options, main(options)


def test_what_is_found_is_near_the_hidden_truth(identified):
    options, result = identified
    truth = hidden_values(prior_of((THING,)), options.hidden)
    found = load_robot_record(options.out, "identification").result
    assert isinstance(found, Identification)
    known = [name for name, one in found.estimates.items() if one.determined]
    assert "dry friction" in known
    for name in known:
        assert found.estimates[name].value == pytest.approx(truth[name], rel=0.3)
    assert result.payload["undetermined"] == list(found.undetermined)
    assert result.exit_code == 0


def test_the_page_shows_what_was_predicted_and_needs_no_other_file(identified):
    options, _ = identified
    page = options.report.read_text()
    assert "Rollout 1" in page
    assert f"friction {THING}" in page
    assert page.count("<svg") == 2
    assert 'src="' not in page


def test_a_recording_is_identified_again_without_the_robot(identified, tmp_path):
    options, result = identified
    again = replace(
        options,
        out=tmp_path / "again.json",
        from_recording=options.recording,
        recording=None,
        report=None,
    )
    assert len(read_recording(options.recording).rollouts) == 1
    found = main(again).payload["result"]["estimates"]["dry friction"]["value"]
    assert found == pytest.approx(
        result.payload["result"]["estimates"]["dry friction"]["value"], rel=0.05
    )


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ("still", CalibrationRefused, "red_cube was moved in none of 1 rollouts"),
        ("other arm", RefusedError, "one of 7 joints, ur5e has 6"),
    ],
)
def test_what_says_nothing_is_refused_and_what_is_there_stays(
    identified, tmp_path, changed, error, words
):
    options, _ = identified
    recording = read_recording(options.recording)
    if changed == "still":
        (one,) = recording.rollouts
        rest = np.tile(one.things[THING].matrix(), (len(one.motion.q_rad), 1, 1))
        streams = replace(one.streams, T_base_things={THING: rest})
        recording = replace(recording, rollouts=(replace(one, streams=streams),))
    else:
        recording = replace(recording, robot="ur5e")
    write_recording(tmp_path / "bad", recording)
    before = options.out.read_bytes()
    with pytest.raises(error, match=words):
        main(replace(options, from_recording=tmp_path / "bad", recording=None, report=None))
    assert options.out.read_bytes() == before


def test_a_robot_that_is_no_simulators_is_identified_from_motions_that_touch_nothing():
    hidden = {"damping": 1.5, "dry friction": 0.6}
    robot = SimRobot("panda", dynamics=dynamics_of(hidden, PANDA))
    robot.connect()
    try:
        library = library_on(robot)
        rng = np.random.default_rng(3)
        rollouts = [record_on(robot, library.draw(rng), 0.3) for _ in range(2)]
    finally:
        robot.close()
    recording = replace(new_recording("panda", ""), things={})
    noise = replace(recording.noise, q_rad=1e-3)
    found = identify(simulator_of(cell_of(recording)), rollouts, prior_of(()), noise, rng)
    for name, value in hidden.items():
        assert found.value_of(name) == pytest.approx(value, rel=0.15)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"robot": "sim:panda2"}, UnknownNameError, "Unknown arm"),
        ({"robot": "my_cell.yaml"}, RefusedError, "my_cell"),
        ({"rollouts": 0}, RefusedError, "at least 1"),
    ],
)
def test_what_cannot_be_recorded_is_refused(identified, tmp_path, changes, error, words):
    options, _ = identified
    with pytest.raises(error, match=words):
        main(replace(options, out=tmp_path / "no.json", recording=None, **changes))
    assert not (tmp_path / "no.json").exists()
