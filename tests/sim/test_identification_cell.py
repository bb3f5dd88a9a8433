from dataclasses import replace

import numpy as np
import pytest

from calibration.identification.motions import Kind, Library, Target
from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.excitation import Motion, SensorNoise
from robot_skills.core.se3 import SE3
from sim.arms import PANDA
from sim.dynamics import NOMINAL, Dynamics
from sim.identification import (
    JOINT_FRICTION,
    IdentificationCell,
    dynamics_of,
    record_rollout,
    simulator_of,
)
from sim.kinematics import ArmKinematics
from sim.objects import random_object
from sim.placements import Layout

CUBE = "red_cube"
CUBE_SIZE_M = 0.042
T_BASE_CUBE = SE3.from_yaw(0.3, (0.5, 0.1, 0.5 * CUBE_SIZE_M))


@pytest.fixture(scope="module")
def cell():
    cube = random_object(np.random.default_rng(0), CUBE)
    cube = replace(cube, mass_kg=0.25, extents_m=np.full(3, CUBE_SIZE_M), T_base_object=T_BASE_CUBE)
    return IdentificationCell("panda", Layout(objects=(cube,)))


@pytest.fixture(scope="module")
def library():
    return Library(
        kinematics=ArmKinematics(PANDA),
        limits=PANDA.limits,
        home_q_rad=np.array(PANDA.home_q_rad),
        target=Target(T_base_thing=T_BASE_CUBE, extents_m=np.full(3, CUBE_SIZE_M)),
    )


def travel_m(streams) -> float:
    places = streams.T_base_things[CUBE][:, :3, 3]
    return float(np.linalg.norm(places[-1, :2] - T_BASE_CUBE.p[:2]))


@pytest.mark.parametrize("kind", list(Kind))
def test_motions_stay_within_the_joints_limits(library, kind: Kind):
    rng = np.random.default_rng(0)
    joint = PANDA.limits.joint
    for _ in range(5):
        motion = library.draw_kind(kind, rng)
        path = np.concatenate([motion.start_q_rad[None], motion.q_rad])
        assert (path >= joint.lower_rad).all()
        assert (path <= joint.upper_rad).all()
        assert (np.abs(np.diff(path, axis=0)) <= joint.velocity_rad_s * motion.period_s).all()


def test_pushes_and_slides_move_the_thing_and_lifts_lift_it(cell, library):
    rng = np.random.default_rng(1)
    smooth = Dynamics(thing_friction={CUBE: 0.4})
    for kind in (Kind.PUSH, Kind.SLIDE):
        assert travel_m(cell.run(smooth, library.draw_kind(kind, rng))) > 0.03
    lifted = cell.run(NOMINAL, library.draw_kind(Kind.LIFT, rng)).T_base_things[CUBE]
    assert lifted[-1, 2, 3] > T_BASE_CUBE.p[2] + 0.015
    assert travel_m(cell.run(NOMINAL, library.draw_kind(Kind.SWING, rng))) < 1e-4


def test_pushes_wedge_nothing_on_the_table(cell, library):
    rng = np.random.default_rng(1)
    for _ in range(4):
        streams = cell.run(NOMINAL, library.draw_kind(Kind.PUSH, rng))
        assert travel_m(streams) > 0.05
        assert np.abs(streams.tau_nm).max() < 0.5 * max(PANDA.torque_nm)


def test_roaming_begins_beside_the_thing(cell, library):
    rng = np.random.default_rng(2)
    for _ in range(5):
        places = cell.run(NOMINAL, library.draw_kind(Kind.ROAM, rng)).T_base_things[CUBE]
        np.testing.assert_allclose(places[0, :3, 3], T_BASE_CUBE.p, atol=5e-3)


def test_of_each_kind_as_many_motions_are_drawn(library):
    names = [one.name.split()[0] for one in library.draw_each(10, np.random.default_rng(0))]
    assert names == ["push", "slide", "lift", "joint", "wander"] * 2


def test_wandering_uses_the_speeds_that_the_arm_has_and_no_more(library):
    rng = np.random.default_rng(3)
    for _ in range(5):
        motion = library.draw_kind(Kind.WANDER, rng)
        path = np.concatenate([motion.start_q_rad[None], motion.q_rad])
        tool_m = np.array([library.kinematics.forward(q).p for q in path])
        speeds_m_s = np.linalg.norm(np.diff(tool_m, axis=0), axis=1) / motion.period_s
        assert speeds_m_s.max() <= PANDA.limits.cartesian.speed_m_s
        rates = np.diff(path, axis=0) / motion.period_s
        assert np.abs(rates / PANDA.limits.joint.velocity_rad_s).max() > 0.1


def test_a_motion_of_another_arm_is_refused(cell):
    motion = Motion(
        name="rest",
        period_s=0.05,
        start_q_rad=np.zeros(6),
        start_opening=1.0,
        q_rad=np.zeros((2, 6)),
        opening=np.ones(2),
    )
    with pytest.raises(RefusedError, match="one of 6 joints, panda has 7"):
        cell.run(NOMINAL, motion)


def test_a_thing_slides_on_less_far_on_a_rougher_table(cell, library):
    motion = library.draw_kind(Kind.SLIDE, np.random.default_rng(2))
    run = simulator_of(cell)
    smooth, rough = (travel_m(run({f"friction {CUBE}": share}, motion, {})) for share in (0.4, 1.2))
    assert smooth > rough + 0.004


def test_who_lifts_feels_the_mass(cell, library):
    motion = library.draw_kind(Kind.LIFT, np.random.default_rng(3))
    run = simulator_of(cell)
    light, heavy = (run({f"mass {CUBE}": share}, motion, {}).tau_nm for share in (1.0, 2.0))
    assert light is not None
    assert heavy is not None
    # The cube of 0.25 kg at about half a metre from the second joint.
    assert np.abs(heavy - light)[-10:, 1].mean() == pytest.approx(0.25 * 9.81 * 0.5, rel=0.3)


def test_the_same_motion_gives_the_same_streams_whatever_came_before(cell, library):
    motion = library.draw_kind(Kind.LIFT, np.random.default_rng(4))
    first = cell.run(NOMINAL, motion)
    cell.run(Dynamics(payload_kg=0.5), library.draw_kind(Kind.PUSH, np.random.default_rng(5)))
    again = cell.run(NOMINAL, motion)
    np.testing.assert_array_equal(first.q_rad, again.q_rad)
    np.testing.assert_array_equal(first.T_base_things[CUBE], again.T_base_things[CUBE])


def test_things_begin_where_they_were_seen(cell, library):
    motion = library.draw_kind(Kind.SWING, np.random.default_rng(6))
    seen = SE3.from_yaw(0.0, T_BASE_CUBE.p + np.array([0.02, 0.0, 0.0]))
    poses = cell.run(NOMINAL, motion, {CUBE: seen}).T_base_things[CUBE]
    np.testing.assert_allclose(poses[-1, :3, 3], seen.p, atol=1e-3)
    with pytest.raises(UnknownNameError, match="Unknown thing 'blue_cube'"):
        cell.run(NOMINAL, motion, {"blue_cube": seen})


def test_recorded_streams_have_the_sensors_noise(cell, library):
    noise = SensorNoise()
    motion = library.draw_kind(Kind.SWING, np.random.default_rng(7))
    rollout = record_rollout(cell, NOMINAL, motion, noise, np.random.default_rng(0), looks=16)
    clean = cell.run(NOMINAL, motion)
    assert np.std(rollout.streams.q_rad - clean.q_rad) == pytest.approx(noise.q_rad, rel=0.2)
    places = rollout.streams.T_base_things[CUBE][:, :3, 3] - clean.T_base_things[CUBE][:, :3, 3]
    assert np.std(places) == pytest.approx(noise.place_m, rel=0.3)
    off_m, off_rad = rollout.things[CUBE].distance_to(T_BASE_CUBE)
    assert off_m < noise.place_m
    assert off_rad < noise.turn_rad


def test_parameters_are_those_of_all_joints_and_of_single_ones():
    dynamics = dynamics_of({"damping": 2.0, "damping 3": 0.5, "position gain 1": 1.2}, PANDA)
    torque = JOINT_FRICTION * np.array(PANDA.torque_nm)
    expected = 2.0 * torque
    expected[2] *= 0.5
    np.testing.assert_allclose(dynamics.damping_nms_rad, expected)
    assert dynamics.kp == (1.2, *[1.0] * 6)
    assert set(dynamics.dry_friction_nm) == {0.0}


@pytest.mark.parametrize("name", ["stickiness", "damping 8", "mass"])
def test_a_parameter_that_there_is_not_is_refused(name: str):
    with pytest.raises(UnknownNameError, match="Unknown parameter"):
        dynamics_of({name: 1.0}, PANDA)


def test_a_period_between_physics_steps_is_refused(cell, library):
    motion = library.draw_kind(Kind.SWING, np.random.default_rng(8))
    with pytest.raises(RefusedError, match=r"multiple of 0\.002 s, got 0\.0505 s"):
        cell.run(NOMINAL, replace(motion, period_s=0.0505))
