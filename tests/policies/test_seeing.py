"""Meta-skills that look through cameras and hear their words themselves."""

from dataclasses import replace

import numpy as np
import pytest

from policies.checkpoint import load_checkpoint
from policies.contract import Channels, CloudSpec, ImageSpec, PolicyContract
from policies.diffusion import DiffusionPolicy
from policies.sentences import Sentences
from policies.torch_engine import TorchEngine
from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import PolicyInput, SeeingPolicy
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame
from tests.policies.untrained import untrained_checkpoint

FRONT = ImageSpec(
    key="observation.images.front", height=24, width=24, channels=Channels.RGBD, crop=1.0
)
CLOUD = CloudSpec(
    key="observation.images.side",
    K=[20.0, 0.0, 16.0, 0.0, 20.0, 16.0, 0.0, 0.0, 1.0],
    T_base_camera=np.eye(4).ravel().tolist(),
    low_m=[-1.0, -1.0, 0.0],
    high_m=[1.0, 1.0, 2.0],
    points=16,
)


def seeing_contract(**parts) -> PolicyContract:
    return replace(PolicyContract.of_skills(20.0, 2, 8), **parts)


def policy_of(tmp_path, contract: PolicyContract) -> DiffusionPolicy:
    directory = untrained_checkpoint(tmp_path / "policy", contract)
    return DiffusionPolicy(TorchEngine(load_checkpoint(directory)))


def frame(shade: int, depth_m: float = 0.8) -> RgbdFrame:
    return RgbdFrame(
        stamp_s=0.0,
        rgb=np.full((32, 32, 3), shade, np.uint8),
        depth_m=np.full((32, 32), depth_m, np.float32),
        K=np.array(CLOUD.K).reshape(3, 3),
        T_base_camera=SE3.identity(),
    )


def inputs(**parts) -> PolicyInput:
    return PolicyInput(
        T_base_tool=np.stack([np.eye(4)] * 2),
        opening=np.ones(2),
        tokens=(),
        table_height_m=0.0,
        **parts,
    )


def test_it_names_the_cameras_that_it_looks_through(tmp_path):
    policy = policy_of(tmp_path, seeing_contract(images=[FRONT], clouds=[CLOUD]))
    assert isinstance(policy, SeeingPolicy)
    assert policy.cameras == ("front", "side")


def test_what_it_sees_changes_what_it_does(tmp_path):
    policy = policy_of(tmp_path, seeing_contract(images=[FRONT], clouds=[CLOUD]))

    def answer(**frames):
        policy.reset(0)
        return policy.infer(inputs(frames=frames)).T_base_tool

    dark = answer(front=frame(10), side=frame(10))
    np.testing.assert_array_equal(dark, answer(front=frame(10), side=frame(10)))
    assert not np.allclose(dark, answer(front=frame(200), side=frame(10)))
    assert not np.allclose(dark, answer(front=frame(10, 0.4), side=frame(10)))
    assert not np.allclose(dark, answer(front=frame(10), side=frame(10, 0.4)))


def test_a_missing_frame_is_refused(tmp_path):
    policy = policy_of(tmp_path, seeing_contract(images=[FRONT]))
    with pytest.raises(ValueError, match=r"observation\.images\.front"):
        policy.infer(inputs())


def test_pictures_of_the_past_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="newest picture"):
        policy_of(tmp_path, seeing_contract(images=[replace(FRONT, steps=2)]))


class _Encoder:
    """Says how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.full((len(texts), 384), 0.05, np.float32)


def test_a_sentence_is_embedded_once_and_no_sentence_is_no_goal():
    encoder = _Encoder()
    sentences = Sentences(encoder)
    assert not sentences.embed("").any()
    np.testing.assert_array_equal(sentences.embed("grasp it"), sentences.embed("grasp it"))
    assert encoder.asked == ["grasp it"]
