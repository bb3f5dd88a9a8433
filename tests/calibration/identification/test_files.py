from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from calibration.identification.fitting import Identification, identify
from calibration.identification.record import (
    load_robot_record,
    make_robot_record,
    save_robot_record,
)
from calibration.identification.recording import (
    Recording,
    ThingModel,
    read_recording,
    write_recording,
)
from robot_skills.core.errors import RefusedError
from robot_skills.core.excitation import Rollout
from robot_skills.core.se3 import SE3
from tests.calibration.identification.sled import NOISE, PRIOR, recorded, simulate, swing


@pytest.fixture(scope="module")
def records():
    """A good identification, and one from less."""
    rng = np.random.default_rng(0)
    out = []
    for rad in (0.4, 0.1):
        found = identify(simulate, [recorded(swing(rad, 0.8), rng)], PRIOR, NOISE, rng)
        out.append(make_robot_record(found, "sled", "S1"))
    return out


def test_an_identification_comes_back_as_it_was_written(tmp_path, records):
    good, _ = records
    save_robot_record(tmp_path / "sled.json", good)
    back = load_robot_record(tmp_path / "sled.json", "identification")
    assert (back.robot, back.serial, back.made) == ("sled", "S1", good.made)
    assert isinstance(back.result, Identification)
    assert back.result.estimates == good.result.estimates
    np.testing.assert_array_equal(back.result.covariance, good.result.covariance)


def test_nothing_is_saved_over_a_better_one_unless_asked(tmp_path, records):
    good, bad = records
    path = tmp_path / "sled.json"
    save_robot_record(path, good)
    before = path.read_bytes()
    with pytest.raises(CalibrationRefused, match="is worse") as refused:
        save_robot_record(path, bad)
    assert refused.value.cause is Cause.WORSE
    assert path.read_bytes() == before
    save_robot_record(path, bad, replace=True)
    assert len(list(tmp_path.glob("sled.*.json"))) == 1


def test_nothing_is_saved_over_that_of_another_robot(tmp_path, records):
    good, _ = records
    path = tmp_path / "sled.json"
    save_robot_record(path, good)
    with pytest.raises(CalibrationRefused, match="not of sled \\(S2"):
        save_robot_record(path, replace(good, serial="S2"))


def test_a_changed_file_is_refused(tmp_path, records):
    path = tmp_path / "sled.json"
    save_robot_record(path, records[0])
    path.write_text(path.read_text().replace('"sled"', '"sleigh"'))
    with pytest.raises(RefusedError, match="does not match its own hash"):
        load_robot_record(path, "identification")


def test_a_recording_comes_back_as_it_was_written(tmp_path):
    rollout = recorded(swing(0.2, 0.8), np.random.default_rng(0))
    rollout = replace(rollout, things={"cube": SE3.from_yaw(0.3, (0.1, 0.2, 0.3))}, looks=7)
    thing = ThingModel(extents_m=np.full(3, 0.04), mass_kg=0.2)
    recording = Recording(
        robot="sled", serial="", things={"cube": thing}, noise=NOISE, rollouts=(rollout,)
    )
    write_recording(tmp_path / "new", recording)
    back = read_recording(tmp_path / "new")
    (one,) = back.rollouts
    assert isinstance(one, Rollout)
    assert back.noise == NOISE
    assert one.looks == 7
    assert one.things["cube"].allclose(rollout.things["cube"])
    np.testing.assert_array_equal(one.streams.tau_nm, rollout.streams.tau_nm)
    np.testing.assert_array_equal(one.motion.q_rad, rollout.motion.q_rad)
    with pytest.raises(RefusedError, match="record into a new folder"):
        write_recording(tmp_path / "new", recording)


@pytest.mark.parametrize(("off_m", "resting"), [(0.0, ("cube",)), (0.01, ())])
def test_a_recording_says_which_things_were_not_moved(off_m: float, resting: tuple[str, ...]):
    rng = np.random.default_rng(0)
    rollout = recorded(swing(0.2, 0.8), rng)
    poses = np.tile(np.eye(4), (len(rollout.motion.q_rad), 1, 1))
    poses[:, :3, 3] += NOISE.place_m * rng.standard_normal((len(poses), 3))
    # It slides in the second half of the motion.
    poses[len(poses) // 2 :, 0, 3] += off_m
    rollout = replace(
        rollout,
        things={"cube": SE3(np.eye(3), np.zeros(3))},
        streams=replace(rollout.streams, T_base_things={"cube": poses}),
    )
    thing = ThingModel(extents_m=np.full(3, 0.04), mass_kg=0.2)
    recording = Recording(
        robot="sled", serial="", things={"cube": thing}, noise=NOISE, rollouts=(rollout,)
    )
    assert recording.resting_things() == resting


def test_no_recording_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="There is no recording"):
        read_recording(tmp_path / "nowhere")
