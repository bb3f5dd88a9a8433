"""Cupboard, button, switch, zone and socket: how they move, and what the scene says of them."""

import mujoco
import numpy as np
import pytest

from robot_skills.core.se3 import SE3
from sim.fixtures import (
    BAR_RADIUS_M,
    BUTTON_LAMP,
    BUTTON_SLIDE,
    CUPBOARD_HINGE,
    HOLE_M,
    PEG_M,
    ROCKER_RAD,
    SOCKET_M,
    SWITCH_HINGE,
    SWITCH_LAMP,
)
from sim.placements import CupboardPlacement, Layout
from sim.truth import truth_scene
from sim.world import TabletopWorld

LEFT_ON_TABLE = SE3.from_yaw(-np.pi / 2, (0.5, 0.4, 0.0))
ON_TABLE = SE3.from_yaw(0.3, (0.6, 0.1, 0.0))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("opening_m", [0.0, 0.1, 0.2])
def test_a_cupboards_bar_is_where_the_door_has_it(left, opening_m):
    placement = CupboardPlacement(T_base_cupboard=LEFT_ON_TABLE, opening_m=opening_m, left=left)
    world = TabletopWorld("panda", Layout(cupboard=placement))
    entity = truth_scene(world)["cupboard"]
    joint = entity.articulation
    assert joint is not None
    assert joint.value_m == pytest.approx(opening_m, abs=1e-3)
    T_base_handle = entity.T_base_entity @ joint.T_entity_handle
    bar = world.data.geom("cupboard_handle")
    np.testing.assert_allclose(T_base_handle.p, bar.xpos, atol=1e-4)
    np.testing.assert_allclose(T_base_handle.R, bar.xmat.reshape(3, 3), atol=1e-3)
    # Pulled along its way, the bar goes where the scene says.
    world.data.qpos[world.model.joint(CUPBOARD_HINGE).qposadr[0]] += 0.3
    mujoco.mj_kinematics(world.model, world.data)
    later = entity.T_base_entity @ joint.handle_at(joint.value_m + 0.3 * BAR_RADIUS_M)
    np.testing.assert_allclose(later.p, world.data.geom("cupboard_handle").xpos, atol=1e-3)


def push(world, joint, torque, steps=100):
    dof = world.model.joint(joint).dofadr[0]
    world.data.qfrc_applied[dof] = torque
    world.step(steps)
    world.data.qfrc_applied[dof] = 0.0


def lamp_is_lit(world, name):
    return bool(world.model.geom(name).rgba[:3].min() > 0.8)


@pytest.mark.parametrize("on", [True, False])
def test_pressing_a_button_turns_its_lamp_over_once(on):
    world = TabletopWorld("panda", Layout(T_base_button=ON_TABLE, button_on=on))
    for expected in (not on, on):
        push(world, BUTTON_SLIDE, 6.0)
        world.step(100)
        control = truth_scene(world)["button"].control
        assert control is not None
        assert control.on == expected == lamp_is_lit(world, BUTTON_LAMP)
    push(world, BUTTON_SLIDE, 1.0)
    assert world.switching.is_on("button") == on
    push(world, BUTTON_SLIDE, 6.0)
    world.reset()
    assert world.switching.is_on("button") == on == lamp_is_lit(world, BUTTON_LAMP)


@pytest.mark.parametrize("on", [True, False])
def test_a_switch_stays_on_the_side_that_it_is_pressed_to(on):
    world = TabletopWorld("panda", Layout(T_base_switch=ON_TABLE, switch_on=on))
    assert world.switching.is_on("switch") == on == lamp_is_lit(world, SWITCH_LAMP)
    # Pressed on the side that is down already, or too gently, it stays.
    for torque in (0.13, 0.05) if on else (-0.13, -0.05):
        push(world, SWITCH_HINGE, torque)
    push(world, SWITCH_HINGE, -0.05 if on else 0.05)
    world.step(100)
    assert world.switching.is_on("switch") == on
    push(world, SWITCH_HINGE, -0.13 if on else 0.13)
    world.step(200)
    assert world.switching.is_on("switch") == (not on) == lamp_is_lit(world, SWITCH_LAMP)
    assert abs(world.joint_value(SWITCH_HINGE)) == pytest.approx(ROCKER_RAD, abs=0.01)


def test_a_switch_is_to_be_pressed_on_its_raised_side():
    for on in (True, False):
        world = TabletopWorld("panda", Layout(T_base_switch=ON_TABLE, switch_on=on))
        entity = truth_scene(world)["switch"]
        assert entity.control is not None
        p = (entity.T_base_entity @ entity.control.T_entity_press).p
        ray = np.zeros(1, dtype=np.int32)
        from_above = np.array([p[0], p[1], 0.5])
        down = np.array([0.0, 0.0, -1.0])
        far_m = mujoco.mj_ray(world.model, world.data, from_above, down, None, 1, -1, ray, None)
        assert world.model.geom_bodyid[ray[0]] == world.model.body("switch_rocker").id
        assert 0.5 - far_m == pytest.approx(p[2], abs=2e-3)


def test_a_peg_has_two_millimetres_of_room_in_its_socket():
    np.testing.assert_allclose(HOLE_M[:2] - PEG_M[:2], 0.002)
    assert HOLE_M[2] > 0.5 * SOCKET_M[2]
    scene = truth_scene(TabletopWorld("panda", Layout(T_base_socket=LEFT_ON_TABLE)))
    cavity = scene["socket"].cavity
    assert cavity is not None
    top = scene["socket"].T_base_entity @ cavity.T_entity_region
    assert top.p[2] + 0.5 * cavity.extents_m[2] == pytest.approx(scene["socket"].top_m)


def test_a_zone_is_flat():
    scene = truth_scene(TabletopWorld("panda", Layout(T_base_zone=LEFT_ON_TABLE)))
    assert scene["zone"].top_m == pytest.approx(0.001)
    assert not scene["zone"].movable
