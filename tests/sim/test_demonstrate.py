"""Experts do what their skill promises, on both arms, and demonstrations say how."""

import numpy as np
import pytest

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES
from sim.arms import ARMS
from sim.demonstrate import AttemptFailed, Disturbance, demonstrate
from sim.experts import EXPERTS
from sim.scenarios import SCENARIOS, draw_scenario

_ATTEMPTS = 4


def _first_success(skill: str, arm: str):
    for i in range(_ATTEMPTS):
        try:
            return demonstrate(skill, seed=(77, i), arm=arm)
        except AttemptFailed:
            continue
    raise AssertionError(f"The expert for {skill} failed {_ATTEMPTS} times on {arm}.")


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("skill", EXPERTS)
def test_every_expert_reaches_its_effects_on_every_arm(skill: str, arm: str) -> None:
    demonstration = _first_success(skill, arm)
    ticks = len(demonstration.state)
    assert demonstration.state.shape == (ticks, len(STATE_NAMES))
    assert demonstration.action.shape == (ticks, len(ACTION_NAMES))
    assert np.isfinite(demonstration.state).all()
    assert np.isfinite(demonstration.action).all()
    assert len(demonstration.phases) == ticks


def test_done_is_said_at_the_end_and_nowhere_else() -> None:
    done = _first_success("open", "panda").done
    first = int(np.argmax(done))
    assert first > 20
    assert (done[first:] == 1.0).all()
    assert len(done) - first > 5


def test_the_same_seed_gives_the_same_demonstration_bit_for_bit() -> None:
    a, b = (demonstrate("close", seed=(5, 1), arm="panda") for _ in range(2))
    assert np.array_equal(a.state, b.state)
    assert np.array_equal(a.action, b.action)
    assert a.phases == b.phases


def test_disturbed_ticks_are_marked_as_not_to_be_imitated() -> None:
    demonstrations = [_first_success(skill, "panda") for skill in EXPERTS]
    valid = np.concatenate([demonstration.label_valid for demonstration in demonstrations])
    assert set(np.unique(valid)) == {0.0, 1.0}
    assert valid.mean() > 0.7


def test_a_disturbance_pushes_no_farther_than_it_may() -> None:
    disturbance = Disturbance(np.random.default_rng(0), rate_hz=5.0, largest_m=0.03)
    pushes = [disturbance.step() for _ in range(400)]
    steps = [float(np.linalg.norm(push[0])) for push in pushes if push is not None]
    assert steps
    assert max(steps) <= 0.03 / 4 + 1e-12


def test_pictures_and_depth_come_when_cameras_are_asked_for() -> None:
    demonstration = demonstrate(
        "close", seed=(5, 1), arm="panda", cameras=("front",), camera_px=(48, 32)
    )
    ticks = len(demonstration.state)
    assert demonstration.rgb["front"].shape == (ticks, 32, 48, 3)
    assert demonstration.depth_m["front"].shape == (ticks, 32, 48)
    assert np.median(demonstration.depth_m["front"]) > 0.3


def test_what_is_pressed_begins_on_and_off():
    begins = {
        (one.args["control"], one.args["state"])
        for one in (draw_scenario("press", np.random.default_rng(seed)) for seed in range(20))
    }
    assert begins == {(thing, state) for thing in ("button", "switch") for state in ("on", "off")}


@pytest.mark.parametrize("skill", SCENARIOS)
def test_scenarios_name_only_things_that_their_layout_holds(skill: str) -> None:
    for i in range(30):
        scenario = draw_scenario(skill, np.random.default_rng((3, i)))
        there = {*scenario.layout.entity_names, "table"}
        assert {name for name, _ in scenario.tokens} <= there
        assert {arg for literal in scenario.effects for arg in literal.args} <= there


def test_an_unknown_skill_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'grasp'\?"):
        draw_scenario("grap", np.random.default_rng(0))
