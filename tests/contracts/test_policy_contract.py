"""What every implementation of `robot_skills.core.policy.Policy` promises."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_skills.core.policy import TOKEN_SLOTS, EntityToken, Policy, PolicyInput, PolicyOutput
from robot_skills.core.se3 import SE3

MakePolicy = Callable[[Path], Policy]


class HoldPolicy:
    """Scripted: stays where it is, and is done at once. The smallest policy there can be."""

    period_s = 0.05
    horizon = 4
    observation_steps = 1

    def reset(self, seed: int) -> None:
        pass

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        return PolicyOutput(
            T_base_tool=np.repeat(inputs.T_base_tool[-1:], self.horizon, axis=0),
            opening=np.repeat(inputs.opening[-1:], self.horizon),
            done=1.0,
        )


def diffusion_policy(tmp_path: Path, keep_noise: bool = True) -> Policy:
    from policies.config import NetworkConfig, SamplerConfig, TrainConfig
    from policies.diffusion import DiffusionPolicy
    from policies.trainer import train
    from tests.policies.synthetic import reaching_dataset

    config = TrainConfig(
        steps=3,
        batch_size=16,
        threads=1,
        network=NetworkConfig(width=32, blocks=1, termination_width=16),
        sampler=SamplerConfig(inference_steps=3, keep_noise=keep_noise),
    )
    dataset = reaching_dataset(tmp_path / "data", episodes=3)
    train(dataset, tmp_path / "policy", config, progress=False)
    return DiffusionPolicy.load(tmp_path / "policy")


def served_policy(tmp_path: Path) -> Policy:
    from policies.faces import TaskOfSkill
    from policies.openpi.client import OpenPiPolicy
    from policies.openpi.server import PolicyServer, ServerConfig

    # It listens in a thread that ends with the tests.
    server = PolicyServer(TaskOfSkill(diffusion_policy(tmp_path)), ServerConfig(port=0))
    return OpenPiPolicy(server.__enter__().url).skill()


def exported_policy(tmp_path: Path) -> Policy:
    from policies.diffusion import DiffusionPolicy
    from policies.engines import EngineKind
    from policies.export import export_onnx
    from tests.policies.untrained import untrained_checkpoint

    directory = untrained_checkpoint(tmp_path / "policy")
    export_onnx(directory)
    return DiffusionPolicy.load(directory, engine=EngineKind.ONNX)


def policy_in_its_own_process(_: Path) -> Policy:
    from policies.runtime import PolicyProcess

    process = PolicyProcess(HoldPolicy)
    process.start()
    return process


POLICIES: dict[str, MakePolicy] = {
    "hold": lambda _: HoldPolicy(),
    "diffusion": diffusion_policy,
    "exported": exported_policy,
    "in its own process": policy_in_its_own_process,
    "served": served_policy,
    "diffusion, fresh noise": lambda path: diffusion_policy(path, keep_noise=False),
}


@pytest.fixture(scope="module", params=POLICIES)
def policy(request, tmp_path_factory) -> Iterator[Policy]:
    policy = POLICIES[request.param](tmp_path_factory.mktemp("policy"))
    yield policy
    close = getattr(policy, "close", None)
    if close is not None:
        close()


def make_input(policy: Policy, tokens: int = TOKEN_SLOTS, seed: int = 0) -> PolicyInput:
    rng = np.random.default_rng(seed)
    start = SE3.from_rotvec((np.pi, 0.0, 0.0), (0.5, 0.0, 0.2))
    poses = [start @ SE3.exp(rng.normal(0.0, 0.02, 6)) for _ in range(policy.observation_steps)]
    return PolicyInput(
        T_base_tool=np.stack([pose.matrix() for pose in poses]),
        opening=rng.uniform(0.0, 1.0, policy.observation_steps),
        tokens=tuple(
            EntityToken(
                T_base_anchor=SE3.from_yaw(rng.uniform(-3.0, 3.0), rng.normal(0.3, 0.2, 3)),
                extents_m=rng.uniform(0.02, 0.1, 3),
            )
            for _ in range(tokens)
        ),
        table_height_m=0.0,
    )


def same(a: PolicyOutput, b: PolicyOutput) -> bool:
    return (
        np.array_equal(a.T_base_tool, b.T_base_tool)
        and np.array_equal(a.opening, b.opening)
        and a.done == b.done
    )


def test_timing_and_sizes_are_positive(policy):
    assert policy.period_s > 0.0
    assert policy.horizon >= 1
    assert policy.observation_steps >= 1


@pytest.mark.parametrize("tokens", range(TOKEN_SLOTS + 1))
def test_chunk_has_the_promised_shape_and_valid_poses(policy, tokens):
    policy.reset(0)
    out = policy.infer(make_input(policy, tokens))
    assert out.T_base_tool.shape == (policy.horizon, 4, 4)
    R = out.T_base_tool[:, :3, :3]
    np.testing.assert_allclose(R @ np.swapaxes(R, 1, 2), np.eye(3)[None] + 0 * R, atol=1e-6)
    assert (np.linalg.det(R) > 0.0).all()
    assert (out.T_base_tool[:, 3] == [0.0, 0.0, 0.0, 1.0]).all()
    assert out.opening.shape == (policy.horizon,)
    assert ((out.opening >= 0.0) & (out.opening <= 1.0)).all()
    assert isinstance(out.done, float)
    assert 0.0 <= out.done <= 1.0


def test_same_seed_and_inputs_give_the_same_outputs_bit_for_bit(policy):
    inputs = [make_input(policy, seed=seed) for seed in range(3)]

    def episode() -> list[PolicyOutput]:
        policy.reset(7)
        return [policy.infer(one) for one in inputs]

    for first, second in zip(episode(), episode(), strict=True):
        assert same(first, second)


def test_reset_forgets_the_episode_before(policy):
    policy.reset(7)
    fresh = policy.infer(make_input(policy))
    policy.reset(3)
    for seed in range(4):
        policy.infer(make_input(policy, seed=seed))
    policy.reset(7)
    assert same(policy.infer(make_input(policy)), fresh)


def test_inputs_are_left_as_they_were(policy):
    inputs = make_input(policy)
    poses, opening = inputs.T_base_tool.copy(), inputs.opening.copy()
    policy.infer(inputs)
    np.testing.assert_array_equal(inputs.T_base_tool, poses)
    np.testing.assert_array_equal(inputs.opening, opening)


def test_output_of_one_call_survives_the_next(policy):
    policy.reset(0)
    first = policy.infer(make_input(policy))
    kept = first.T_base_tool.copy()
    policy.infer(make_input(policy, seed=1))
    np.testing.assert_array_equal(first.T_base_tool, kept)
