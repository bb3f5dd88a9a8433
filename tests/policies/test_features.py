import numpy as np
import pytest

from policies.config import NoiseConfig
from policies.features import (
    ACTION_SIZE,
    ENTITIES,
    EXTENTS,
    TOKEN_SIZE,
    action_floor,
    action_targets,
    chunk_poses,
    feature_floor,
    feature_names,
    input_states,
    observation_features,
)
from policies.noise import perturb
from robot_skills.core.policy import (
    STATE_NAMES,
    EntityToken,
    PolicyInput,
    encode_action,
    encode_tokens,
    slots_of,
    state_names,
)
from robot_skills.core.se3 import SE3
from tests.policies.synthetic import DOWN, random_start, random_token

HORIZON = 5


def random_input(rng: np.random.Generator, slots: int = 2) -> PolicyInput:
    before = random_start(rng)
    now = before @ SE3.exp(rng.normal(0.0, 0.02, 6))
    return PolicyInput(
        T_base_tool=np.stack([before.matrix(), now.matrix()]),
        opening=rng.uniform(0.0, 1.0, 2),
        tokens=tuple(random_token(rng) for _ in range(slots)),
        table_height_m=rng.normal(0.0, 0.01),
    )


def random_chunk(rng: np.random.Generator, inputs: PolicyInput) -> np.ndarray:
    start = SE3.from_matrix(inputs.T_base_tool[-1])
    poses = [start @ SE3.exp(rng.normal(0.0, 0.1, 6)) for _ in range(HORIZON)]
    return np.stack([encode_action(pose, rng.uniform()) for pose in poses])[None]


def moved(inputs: PolicyInput, T: SE3) -> PolicyInput:
    """The same situation elsewhere: turned about the vertical and shifted."""
    return PolicyInput(
        T_base_tool=T.matrix() @ inputs.T_base_tool,
        opening=inputs.opening,
        tokens=tuple(
            EntityToken(
                T_base_anchor=T @ token.T_base_anchor,
                extents_m=token.extents_m,
                value=token.value,
            )
            for token in inputs.tokens
        ),
        table_height_m=inputs.table_height_m + T.p[2],
    )


@pytest.mark.parametrize("seed", range(5))
def test_features_do_not_change_when_everything_turns_and_shifts_together(seed):
    rng = np.random.default_rng(seed)
    inputs = random_input(rng)
    T = SE3.from_yaw(rng.uniform(-np.pi, np.pi), rng.uniform(-0.5, 0.5, 3))
    here = observation_features(input_states(inputs))
    there = observation_features(input_states(moved(inputs, T)))
    np.testing.assert_allclose(here, there, atol=3e-5)


def test_features_change_when_only_the_entity_moves_two_millimetres():
    rng = np.random.default_rng(0)
    token = random_token(rng)
    tool = SE3(DOWN.R, token.T_base_anchor.p)
    near = PolicyInput(
        T_base_tool=np.stack([tool.matrix()] * 2),
        opening=np.ones(2),
        tokens=(token,),
        table_height_m=0.0,
    )
    shifted = SE3(token.T_base_anchor.R, token.T_base_anchor.p + np.array([0.002, 0.0, 0.0]))
    other = PolicyInput(
        T_base_tool=near.T_base_tool,
        opening=near.opening,
        tokens=(EntityToken(T_base_anchor=shifted, extents_m=token.extents_m),),
        table_height_m=0.0,
    )
    change = observation_features(input_states(near)) - observation_features(input_states(other))
    assert np.abs(change).max() > 0.15


def test_one_input_gives_the_same_features_as_the_row_of_a_dataset():
    rng = np.random.default_rng(1)
    states = np.concatenate([input_states(random_input(rng, slots)) for slots in (0, 1, 2, 2)])
    together = observation_features(states)
    for row in range(len(states)):
        np.testing.assert_array_equal(together[row : row + 1], observation_features(states[[row]]))


def test_features_are_named_and_have_a_floor_each():
    states = input_states(random_input(np.random.default_rng(0)))
    names = feature_names(2)
    assert observation_features(states).shape == (1, len(names)) == (1, len(feature_floor(2)))
    assert len(set(names)) == len(names)
    assert (feature_floor(2) > 0).all()
    assert action_floor(HORIZON).shape == (HORIZON, ACTION_SIZE)


def test_absent_entities_are_zero_and_finite():
    states = input_states(random_input(np.random.default_rng(0), slots=1))
    features = observation_features(states)[0]
    absent = [i for i, name in enumerate(feature_names(2)) if name.startswith("entity1")]
    assert np.isfinite(features).all()
    assert (features[absent] == 0.0).all()


def test_chunk_returns_to_the_poses_it_was_made_from():
    rng = np.random.default_rng(2)
    inputs = random_input(rng)
    actions = random_chunk(rng, inputs)
    relative = action_targets(input_states(inputs), actions)
    poses, opening = chunk_poses(inputs.T_base_tool[-1], relative[0])
    np.testing.assert_allclose(poses[:, :3, 3], actions[0, :, :3], atol=1e-6)
    np.testing.assert_allclose(poses[:, :3, 0], actions[0, :, 3:6], atol=1e-6)
    np.testing.assert_allclose(opening, actions[0, :, 9], atol=1e-6)


def test_chunk_poses_are_orthonormal_and_openings_in_range_for_any_network_output():
    rng = np.random.default_rng(3)
    poses, opening = chunk_poses(random_start(rng).matrix(), rng.normal(0.0, 3.0, (50, 10)))
    R = poses[:, :3, :3]
    np.testing.assert_allclose(R @ np.swapaxes(R, 1, 2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-9)
    assert (np.linalg.det(R) > 0).all()
    assert ((opening >= 0.0) & (opening <= 1.0)).all()


def many_states(count: int) -> np.ndarray:
    return np.repeat(input_states(random_input(np.random.default_rng(4), slots=1)), count, axis=0)


def test_noise_has_the_configured_size_and_is_constant_in_a_window():
    states = many_states(4000)
    noise = NoiseConfig(tool_m=0.002, anchor_m=0.004)
    noisy = perturb(states, noise, np.random.default_rng(0))
    shift = noisy - states
    names = [f"tool.{axis}" for axis in "xyz"], [f"entity0.{axis}" for axis in "xyz"]
    for axes, sigma in zip(names, (0.002, 0.004), strict=True):
        columns = [STATE_NAMES.index(name) for name in axes]
        np.testing.assert_allclose(shift[:, :, columns].std(axis=(0, 1)), sigma, rtol=0.1)
        np.testing.assert_allclose(shift[:, 0][:, columns], shift[:, 1][:, columns], atol=1e-6)


def test_noise_leaves_absent_entities_and_rotations_valid():
    noisy = perturb(many_states(10), NoiseConfig(), np.random.default_rng(0))
    features = observation_features(noisy)
    absent = [i for i, name in enumerate(feature_names(2)) if name.startswith("entity1")]
    assert (features[:, absent] == 0.0).all()
    x, y = noisy[:, 1, 3:6], noisy[:, 1, 6:9]
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.sum(x * y, axis=-1), 0.0, atol=1e-5)


def test_no_noise_changes_nothing_that_is_seen():
    states = many_states(3)
    silent = NoiseConfig(
        anchor_m=0, anchor_yaw_rad=0, extents_m=0, value_m=0, table_m=0, tool_m=0, tool_rad=0
    )
    quiet = perturb(states, silent, np.random.default_rng(0))
    np.testing.assert_allclose(quiet, states, atol=1e-6)


def test_layouts_may_have_room_for_more_entities():
    rng = np.random.default_rng(4)
    tokens = [random_token(rng), None, random_token(rng)]
    pose = random_start(rng).matrix()
    row = encode_tokens(pose, 0.4, 0.01, tokens)
    assert len(row) == len(state_names(3))
    assert slots_of(state_names(3)) == 3
    assert slots_of(state_names(3)[:-1]) is None
    assert slots_of(STATE_NAMES) == 2
    states = np.stack([row, row])[None]
    seen = observation_features(states)
    assert seen.shape == (1, len(feature_names(2, 3))) == (1, len(feature_floor(2, 3)))
    # What the first entity is seen as does not depend on how many others there may be.
    fewer = observation_features(states[:, :, : len(STATE_NAMES)])
    assert np.array_equal(seen[:, : fewer.shape[1]], fewer)


def test_noise_leaves_empty_slots_empty():
    rng = np.random.default_rng(5)
    row = encode_tokens(random_start(rng).matrix(), 0.4, 0.0, [None, random_token(rng), None])
    states = np.stack([row, row])[None]
    noisy = perturb(states, NoiseConfig(), rng)
    moved_by = np.abs(noisy - states)[0, 0, ENTITIES].reshape(3, TOKEN_SIZE)
    assert not moved_by[[0, 2], : EXTENTS.stop].any()
    assert moved_by[1].any()
