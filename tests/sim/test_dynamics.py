from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from sim.arms import ARMS
from sim.dynamics import NOMINAL, Dynamics, draw_dynamics
from sim.objects import ObjectPlacement, random_object
from sim.placements import Layout
from sim.robot import SimRobot
from sim.world import TabletopWorld

CUBE = "red_cube"
_G = 9.81


def cube(at: tuple[float, float] = (0.5, 0.1), name: str = CUBE) -> ObjectPlacement:
    drawn = replace(random_object(np.random.default_rng(0), name), mass_kg=0.2)
    return replace(
        drawn, T_base_object=SE3.from_translation((*at, 0.5 * float(drawn.extents_m[2])))
    )


def world(dynamics: Dynamics = NOMINAL, arm: str = "panda") -> TabletopWorld:
    return TabletopWorld(arm, Layout(objects=(cube(),)), dynamics)


def slide_m(dynamics: Dynamics, speed_m_s: float = 0.8) -> float:
    """How far the cube slides after a shove."""
    of = world(dynamics)
    start = of.T_base_body(CUBE).p[0]
    of.data.qvel[of.model.joint(CUBE).dofadr[0]] = speed_m_s
    of.step(400)
    of.moved()
    return float(of.T_base_body(CUBE).p[0] - start)


def test_changed_physics_go_back_to_exactly_the_models():
    of = world()
    before = of.physics_state()
    fields = ("geom_friction", "body_mass", "body_inertia", "body_invweight0", "dof_M0")
    compiled = {name: getattr(of.model, name).copy() for name in fields}
    of.set_dynamics(draw_dynamics(np.random.default_rng(1), ARMS["panda"], (CUBE,)))
    assert not np.array_equal(of.model.body_mass, compiled["body_mass"])
    of.set_dynamics(NOMINAL)
    for name, value in compiled.items():
        np.testing.assert_array_equal(getattr(of.model, name), value)
    of.reset()
    np.testing.assert_array_equal(of.physics_state(), before)


def test_a_thing_slides_as_far_as_its_own_friction_lets_it():
    rough, smooth = (
        slide_m(Dynamics(thing_friction={CUBE: 0.8})),
        slide_m(Dynamics(thing_friction={CUBE: 0.4})),
    )
    assert rough == pytest.approx(0.8**2 / (2.0 * 0.8 * _G), rel=0.15)
    assert smooth == pytest.approx(2.0 * rough, rel=0.1)


def test_friction_of_everything_and_of_a_thing_multiply():
    both = slide_m(Dynamics(friction=0.5, thing_friction={CUBE: 0.8}))
    assert both == pytest.approx(slide_m(Dynamics(thing_friction={CUBE: 0.4})), rel=1e-6)


def test_mass_changed_in_place_is_that_of_a_compiled_model():
    changed = world(Dynamics(thing_mass={CUBE: 1.5})).model
    heavy = replace(cube(), mass_kg=0.3)
    compiled = TabletopWorld("panda", Layout(objects=(heavy,))).model
    np.testing.assert_allclose(changed.body_mass, compiled.body_mass)
    np.testing.assert_allclose(changed.body_inertia, compiled.body_inertia)
    np.testing.assert_allclose(changed.body_invweight0, compiled.body_invweight0)


@pytest.mark.parametrize("arm", list(ARMS))
def test_a_payload_pulls_at_the_joints_as_its_weight_does(arm: str):
    com = (0.02, -0.01, 0.05)
    loaded, empty = world(Dynamics(payload_kg=0.5, payload_com_m=com), arm), world(arm=arm)
    for one in (loaded, empty):
        one.step(400)
        one.moved()
    tau = [one.data.qfrc_actuator[one.servos.dofs].copy() for one in (loaded, empty)]
    lift_m = 1e-6
    # Virtual work: torque times the joint's turn is weight times how far the payload rises.
    for joint in range(len(tau[0])):
        heights = []
        for sign in (-1.0, 1.0):
            loaded.data.qpos[loaded.servos.qpos[joint]] += sign * lift_m
            loaded.moved()
            heights.append(float((loaded.T_base_tool() @ np.array(com))[2]))
            loaded.data.qpos[loaded.servos.qpos[joint]] -= sign * lift_m
        expected = 0.5 * _G * (heights[1] - heights[0]) / (2.0 * lift_m)
        assert tau[0][joint] - tau[1][joint] == pytest.approx(expected, abs=2e-3)


def test_joints_lag_by_their_friction_over_the_gain():
    kp, loss = ARMS["panda"].kp_nm_rad[6], 0.3
    lag = []
    for dynamics in (NOMINAL, Dynamics(dry_friction_nm=(0.0,) * 6 + (loss,))):
        of = world(dynamics)
        of.data.ctrl[of.servos.rate_ctrl[:, 6]] = 0.5
        of.step(500)
        at = of.data.qpos[of.servos.qpos[6]]
        lag.append(float(of.data.act[of.servos.setpoint_act[6]] - at))
    assert lag[1] - lag[0] == pytest.approx(loss / kp, rel=0.05)


def test_a_softer_servo_sags_more():
    sags = []
    for kp in (1.0, 0.5):
        of = world(Dynamics(payload_kg=0.5, kp=(kp,) * 7))
        of.step(500)
        sags.append(np.abs(of.data.qpos[of.servos.qpos] - np.array(ARMS["panda"].home_q_rad))[1])
    assert sags[1] == pytest.approx(2.0 * sags[0], rel=0.02)


def test_a_robot_keeps_its_physics_in_every_layout():
    robot = SimRobot("panda", layout=Layout(), dynamics=Dynamics(thing_mass={CUBE: 2.0}))
    robot.connect()
    try:
        for name, mass_kg in ((CUBE, 0.4), ("blue_cube", 0.2)):
            robot.reset(Layout(objects=(cube(name=name),)))
            robot.reset()
            assert robot.world.model.body(name).mass[0] == pytest.approx(mass_kg)
    finally:
        robot.close()


def test_physics_of_another_number_of_joints_are_refused():
    with pytest.raises(RefusedError, match="The arm has 7 joints; kp are 6"):
        world(Dynamics(kp=(1.0,) * 6))


@pytest.mark.parametrize(
    "wrong", [{"friction": 0.0}, {"kp": (-1.0,)}, {"payload_kg": -0.1}, {"thing_mass": {CUBE: 0.0}}]
)
def test_impossible_physics_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=r"not|negative"):
        Dynamics(**wrong)
