"""The gymnasium environments: their contract, determinism, rewards and refusals."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.plan import Literal
from sim.environment import MOTION_M, CellEnv, lift, stack, tabletop
from sim.gym import register

IDS = ("Tabletop", "Lift", "Stack")


def _make(name: str, **options) -> gymnasium.Env:
    return gymnasium.make(f"sim.gym:robot_skills/{name}-v0", **options)


def _rollout(env: CellEnv, seed: int, steps: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    seen, _ = env.reset(seed=seed)
    out = [np.concatenate([seen[key].ravel() for key in sorted(seen)])]
    for _ in range(steps):
        seen, *_ = env.step(rng.uniform(-1.0, 1.0, 7))
        out.append(np.concatenate([seen[key].ravel() for key in sorted(seen)]))
    return out


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
@pytest.mark.parametrize("name", IDS)
def test_environments_pass_gymnasiums_checker(name, arm):
    env = _make(name, arm=arm).unwrapped
    with warnings.catch_warnings():
        # Joint and tool coordinates have no bounds worth naming; the checker would like some.
        warnings.filterwarnings("ignore", message=".*observation space m.*")
        check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("make", [tabletop, lift, stack])
def test_the_same_seed_gives_the_same_episode_bit_for_bit(make):
    first, second = make(), make()
    np.testing.assert_array_equal(_rollout(first, 3), _rollout(second, 3))
    # ... also where other episodes came before.
    np.testing.assert_array_equal(_rollout(first, 4), _rollout(second, 4))
    assert not np.array_equal(_rollout(first, 3)[0], _rollout(first, 5)[0])


def test_cameras_are_observed_when_asked_for():
    env = lift(cameras=("front", "wrist"), camera_size_px=(48, 32))
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    assert seen["front_rgb"].shape == (32, 48, 3)
    assert (seen["wrist_depth"] > 0.0).mean() > 0.9
    env.close()


def test_pictures_for_people_are_drawn_when_asked_for():
    env = _make("Lift", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.std() > 5.0
    env.close()


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_actions_move_the_tool_along_its_own_axes(arm):
    env = lift(arm=arm)
    seen, _ = env.reset(seed=0)
    start = seen["tool"]
    for _ in range(5):
        env.step(np.array([0.0, 0.0, -0.2, 0.0, 0.0, 0.0, 1.0]))
    for _ in range(6):
        seen, *_ = env.step(np.array([0.0] * 6 + [1.0]))
    tool_z = np.cross(start[3:6], start[6:9])
    np.testing.assert_allclose(
        seen["tool"][:3] - start[:3], -0.2 * 5 * MOTION_M * tool_z, atol=3e-3
    )
    np.testing.assert_allclose(seen["tool"][3:], start[3:], atol=0.01)


def test_the_tool_stays_in_the_workspace():
    env = lift()
    env.reset(seed=0)
    limits = env.robot.arms["arm"].cartesian
    for _ in range(30):
        # Backwards and up, away from table and cube.
        seen, *_ = env.step(np.array([-1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]))
    assert np.all(seen["tool"][:3] >= limits.workspace_lower_m - 0.01)
    assert np.all(seen["tool"][:3] <= limits.workspace_upper_m + 0.01)


def test_gripper_action_spans_closed_to_open():
    env = lift()
    env.reset(seed=0)
    for opening in (1.0, 0.0):
        for _ in range(25):
            seen, *_ = env.step(np.array([0.0] * 6 + [2.0 * opening - 1.0]))
        assert abs(seen["opening"][0] - opening) < 0.05


def test_entities_fill_the_rows_of_their_names():
    env = tabletop(objects=("red_cube", "milk"), count=2, drawer="closed", button=False)
    seen, _ = env.reset(seed=0)
    rows = dict(zip(env.slots, seen["entities"], strict=True))
    present = {name for name, row in rows.items() if row[0] == 1.0}
    assert present == {"red_cube", "milk", "drawer", "box"}
    assert not rows["can"].any()
    assert 0.03 < rows["red_cube"][10] < 0.06


def test_reaching_the_goal_is_rewarded_and_ends_the_episode():
    # A drawer that starts closed and is to be closed.
    env = tabletop(drawer="closed", goal=(Literal(predicate="closed", args=("drawer",)),))
    _, info = env.reset(seed=0)
    assert info["success"]
    *_, reward, terminated, truncated, info = env.step(np.zeros(7))
    assert (reward, terminated, truncated, info["success"]) == (1.0, True, False, True)


def test_without_the_goal_there_is_no_reward():
    env = tabletop(drawer="closed", goal=(Literal(predicate="open", args=("drawer",)),))
    env.reset(seed=0)
    *_, reward, terminated, _, _ = env.step(np.zeros(7))
    assert (reward, terminated) == (0.0, False)


def test_a_layout_can_be_set():
    from sim.placements import Layout

    env = tabletop()
    seen, _ = env.reset(seed=0, options={"layout": Layout()})
    assert not seen["entities"].any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: tabletop(arm="kuka"),
        lambda: tabletop(cameras=("top",)),
        lambda: tabletop(drawer="broken"),
        lambda: lift(render_mode="human"),
    ],
)
def test_unknown_names_are_refused(make):
    with pytest.raises(UnknownNameError, match="Available:"):
        make()


def test_actions_of_another_shape_or_not_finite_are_refused():
    env = lift()
    with pytest.raises(RefusedError, match="reset"):
        env.step(np.zeros(7))
    env.reset(seed=0)
    for action in (np.zeros(6), np.full(7, np.nan)):
        with pytest.raises(RefusedError, match="7 finite numbers"):
            env.step(action)


def test_registering_twice_changes_nothing_and_needs_no_mujoco():
    register()
    assert all(f"robot_skills/{name}-v0" in gymnasium.registry for name in IDS)
    code = "import sim, sim.gym, sys; sys.exit('mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
