"""A randomisation means physics and delays that the simulation has."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.latency import Found
from calibration.randomisation import make_randomisation
from robot_skills.app.sim2real.looks import with_look
from robot_skills.app.sim2real.randomised import (
    RandomisedJob,
    around,
    delays_of,
    dynamics_of,
    names_of,
    unknown_cell,
)
from robot_skills.core.errors import RefusedError
from sim.appearance import USUAL
from sim.arms import ARMS
from sim.dynamics import Dynamics
from sim.placements import Layout

LATE = Found(latency_s=0.1, sigma_s=0.002)


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_an_unknown_cell_is_randomised_in_what_the_simulation_has(arm: str) -> None:
    assert set(unknown_cell(arm)) <= set(names_of(arm))


def test_no_values_are_the_model() -> None:
    joints = len(ARMS["panda"].joints)
    assert dynamics_of({}, "panda") == Dynamics(
        damping_nms_rad=(0.0,) * joints,
        dry_friction_nm=(0.0,) * joints,
        kp=(1.0,) * joints,
        kv=(1.0,) * joints,
    )


def test_values_are_what_they_are_named_for() -> None:
    dynamics = dynamics_of({"dynamics.friction": 0.7, "dynamics.kp.2": 0.9}, "panda")
    assert (dynamics.friction, dynamics.kp[2], dynamics.kp[1]) == (0.7, 0.9, 1.0)
    assert delays_of({"delays.action_s": 0.05}).action_s == 0.05


def test_a_parameter_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(RefusedError, match="colour"):
        dynamics_of({"dynamics.colour": 1.0}, "panda")


def test_what_was_measured_and_taken_off_is_randomised_no_further_than_it_is_unsure() -> None:
    spreads = around("panda", LATE, None)
    drawn = make_randomisation(spreads, {}).draw(np.random.default_rng(0))
    assert 0.0 <= drawn["delays.action_s"] <= 4.0 * LATE.sigma_s
    assert unknown_cell("panda")["delays.action_s"].high > 0.1
    assert spreads["delays.gripper_s"] == unknown_cell("panda")["delays.gripper_s"]


def test_a_calibrated_camera_moves_no_further_than_it_is_unsure() -> None:
    spreads = around("panda", LATE, None, front=(5e-4, 1e-3))
    assert spreads["look.camera_m.x"].sigma == 5e-4
    assert (
        spreads["look.camera_rad.z"].high < 3e-3 < unknown_cell("panda")["look.camera_rad.z"].high
    )


def test_rooms_look_as_their_parameters_say() -> None:
    usual = with_look(Layout(), {})
    assert usual.appearance.light == USUAL.light
    np.testing.assert_array_equal(usual.table_rgb, Layout().table_rgb)
    values = {"look.light": 0.2, "look.table.red": 2.0, "look.camera_m.x": 0.01}
    look = with_look(Layout(), values)
    assert look.appearance.light == 0.2
    np.testing.assert_allclose(look.table_rgb, Layout().table_rgb * (2.0, 1.0, 1.0))
    np.testing.assert_allclose(look.appearance.T_front_moved.p, (0.01, 0.0, 0.0))


def test_pictures_of_demonstrations_differ_in_light() -> None:
    job = RandomisedJob(
        task="reach",
        robot="panda",
        episodes=2,
        seed=1,
        randomisation=make_randomisation(unknown_cell("panda"), {}),
        cameras=("front",),
        camera_px=(32, 24),
    )
    usual = replace(job, randomisation=make_randomisation({}, {}))
    first, plain = (one.demonstrate(0).rgb["front"][0] for one in (job, usual))
    assert first.shape == (24, 32, 3)
    assert np.abs(first.astype(int) - plain).mean() > 2.0


def test_demonstrations_begin_with_what_is_known_and_end_with_all() -> None:
    job = RandomisedJob(
        task="push",
        robot="panda",
        episodes=10,
        seed=0,
        randomisation=make_randomisation(unknown_cell("panda"), {}),
    )
    assert job.level(0) < job.level(3) < job.level(5) == job.level(9) == 1.0


def test_a_demonstration_under_other_physics_succeeds_as_it_is_counted() -> None:
    job = RandomisedJob(
        task="reach",
        robot="panda",
        episodes=2,
        seed=1,
        randomisation=make_randomisation(unknown_cell("panda"), {}),
    )
    first, again = job.demonstrate(0), job.demonstrate(0)
    assert first.done[-1] == 1.0
    np.testing.assert_array_equal(first.state, again.state)
