"""Exported policies: the same answers without torch, and nothing believed of what is on disk."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from policies.checkpoint import load_checkpoint, save_checkpoint
from policies.checkpoint_files import MANIFEST, ONNX, WEIGHTS
from policies.config import Head, SamplerConfig, Solver, Trunk
from policies.contract import Channels, CloudSpec, ImageSpec
from policies.engines import EngineKind, load_engine
from policies.export import ExportError, export_onnx
from policies.network import example_inputs
from policies.onnx_engine import OnnxEngine
from robot_skills.core.errors import CheckpointError
from tests.policies.test_checkpoint import sign
from tests.policies.untrained import SMALL, given_contract, untrained_checkpoint


def both_engines(directory):
    """The exported policy and the one in torch."""
    export_onnx(directory)
    return load_engine(directory, EngineKind.ONNX), load_engine(directory, EngineKind.TORCH)


def assert_alike(ours, wanted, known_steps=(0, 3)):
    """Two engines answer alike over episodes, chunks and prefixes."""
    generator = torch.Generator().manual_seed(1)
    config = wanted.config
    for seed in (0, 7):
        ours.reset(seed)
        wanted.reset(seed)
        for k in known_steps:
            drawn = example_inputs(config.contract, len(config.feature_names), generator)
            inputs = {name: value.numpy() for name, value in drawn.items()}
            known = np.full((k, wanted.actions.mean.shape[1]), 0.4, dtype=np.float32)
            (chunk, done), (chunk_wanted, done_wanted) = (
                engine.run(inputs, known if k else None) for engine in (ours, wanted)
            )
            np.testing.assert_allclose(chunk, chunk_wanted, atol=1e-4)
            np.testing.assert_allclose(chunk[:k], known, atol=1e-5)
            assert done == pytest.approx(done_wanted, abs=1e-4)


@pytest.mark.parametrize("trunk", Trunk)
def test_every_trunk_answers_as_in_torch(tmp_path, trunk):
    directory = untrained_checkpoint(tmp_path, network=replace(SMALL, trunk=trunk))
    assert_alike(*both_engines(directory))


SAMPLERS = {
    "ddpm": SamplerConfig(inference_steps=4, solver=Solver.DDPM),
    "dpm": SamplerConfig(inference_steps=4, solver=Solver.DPM),
    "score": SamplerConfig(inference_steps=3, head=Head.SCORE),
    "flow": SamplerConfig(inference_steps=3, head=Head.FLOW),
    "fresh noise": SamplerConfig(inference_steps=2, keep_noise=False),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_answers_as_in_torch(tmp_path, name):
    directory = untrained_checkpoint(tmp_path, sampler=SAMPLERS[name])
    assert_alike(*both_engines(directory))


def test_regression_answers_as_in_torch(tmp_path):
    sampler = SamplerConfig(inference_steps=1, head=Head.REGRESSION)
    directory = untrained_checkpoint(tmp_path, sampler=sampler)
    assert_alike(*both_engines(directory), known_steps=(0,))


def test_guidance_answers_as_in_torch(tmp_path):
    sampler = SamplerConfig(inference_steps=3, drop_goal=0.1, guidance=1.5)
    contract = given_contract(language=True)
    directory = untrained_checkpoint(tmp_path, contract, sampler=sampler)
    assert_alike(*both_engines(directory))


def test_pictures_answer_as_in_torch(tmp_path):
    front = ImageSpec(key="observation.images.front", height=32, width=32, channels=Channels.RGBD)
    contract = given_contract(images=[front])
    assert_alike(*both_engines(untrained_checkpoint(tmp_path, contract)))


def test_clouds_answer_as_in_torch(tmp_path):
    cloud = CloudSpec(
        key="observation.images.side",
        K=[1.0] * 9,
        T_base_camera=[0.0] * 16,
        low_m=[0.0] * 3,
        high_m=[1.0] * 3,
        points=16,
    )
    contract = given_contract(clouds=[cloud])
    assert_alike(*both_engines(untrained_checkpoint(tmp_path, contract)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A checkpoint with its graph. Tests that damage it work on a copy."""
    directory = untrained_checkpoint(tmp_path_factory.mktemp("exported") / "policy")
    export_onnx(directory)
    return directory


@pytest.fixture
def damaged(tmp_path, exported):
    return shutil.copytree(exported, tmp_path / "copy")


def test_the_graph_repeats_no_weights_and_comes_out_the_same_again(exported):
    before = (exported / ONNX).read_bytes()
    assert len(before) < (exported / WEIGHTS).stat().st_size
    assert export_onnx(exported).read_bytes() == before
    weight = np.asarray(load_engine(exported, EngineKind.TORCH).actions.std).tobytes()
    assert weight not in before


def test_two_threads_answer_as_one(exported):
    one, two = OnnxEngine.load(exported, threads=1), OnnxEngine.load(exported, threads=2)
    assert_alike(two, one)


def test_running_an_exported_policy_imports_no_torch(exported):
    code = (
        "import sys\n"
        "from policies.diffusion import DiffusionPolicy\n"
        f"policy = DiffusionPolicy.load({str(exported)!r})\n"
        "import numpy as np\n"
        "from robot_skills.core.policy import PolicyInput\n"
        "seen = PolicyInput(T_base_tool=np.stack([np.eye(4)] * 2), opening=np.ones(2),\n"
        "                   tokens=(), table_height_m=0.0)\n"
        "assert np.isfinite(policy.infer(seen).T_base_tool).all()\n"
        "print(*sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(out.stdout.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "diffusers", "onnx", "lerobot", "transformers"}


def edit_manifest(directory, change):
    manifest = json.loads((directory / MANIFEST).read_text())
    change(manifest["files"])
    (directory / MANIFEST).write_text(json.dumps(manifest))


def flip_a_byte(directory):
    data = bytearray((directory / ONNX).read_bytes())
    data[len(data) // 2] ^= 1
    (directory / ONNX).write_bytes(data)


def cut_and_sign(directory):
    data = (directory / ONNX).read_bytes()
    (directory / ONNX).write_bytes(data[: len(data) // 2])
    sign(directory)


def take_anothers_graph_and_sign(directory):
    other = untrained_checkpoint(
        directory.parent / "other", sampler=SamplerConfig(inference_steps=2)
    )
    shutil.copy(export_onnx(other), directory / ONNX)
    sign(directory)


def replace_weights_and_sign(directory):
    tensors = safetensors.torch.load_file(directory / WEIGHTS)
    tensors["golden.chunk"] += 0.1
    safetensors.torch.save_file(tensors, directory / WEIGHTS)
    sign(directory)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: (d / ONNX).unlink(), "cannot be read"),
        (lambda d: edit_manifest(d, lambda files: files.pop(ONNX)), "does not list policy.onnx"),
        (flip_a_byte, "sha256"),
        (cut_and_sign, "refuses policy.onnx"),
        (take_anothers_graph_and_sign, "worked example"),
        (replace_weights_and_sign, "worked example"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(damaged, damage, said):
    damage(damaged)
    with pytest.raises(CheckpointError, match=said) as caught:
        OnnxEngine.load(damaged)
    assert "\n" not in str(caught.value)


def test_torch_takes_over_from_a_graph_that_does_not_fit_and_says_why(damaged, caplog):
    flip_a_byte(damaged)
    engine = load_engine(damaged)
    assert type(engine).__name__ == "TorchEngine"
    assert "sha256" in caplog.text


def test_a_checkpoint_that_is_written_anew_forgets_its_graph(damaged):
    save_checkpoint(damaged, load_checkpoint(damaged))
    assert type(load_engine(damaged)).__name__ == "TorchEngine"


def test_a_graph_that_answers_otherwise_is_not_written(damaged, monkeypatch):
    (damaged / ONNX).unlink()
    monkeypatch.setattr("policies.export.parity", lambda *_: 0.5)
    with pytest.raises(ExportError, match=r"0\.5 off torch"):
        export_onnx(damaged)
    assert not (damaged / ONNX).exists()
