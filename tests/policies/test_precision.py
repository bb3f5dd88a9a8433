"""Checkpoints in fewer bits: read as float32, alike in both engines, and nothing is believed."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from policies.checkpoint import load_checkpoint, save_checkpoint
from policies.checkpoint_files import CONFIG, WEIGHTS
from policies.compression import compress
from policies.config import Trunk
from policies.contract import ImageSpec
from policies.export import export_onnx
from policies.onnx_engine import OnnxEngine
from policies.precision import Precision, float32_file, pack, unpack
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import CheckpointError, RefusedError
from tests.policies.test_checkpoint import edit_json, refusal, sign
from tests.policies.test_export import assert_alike, both_engines
from tests.policies.untrained import SMALL, given_contract, untrained_checkpoint

ROUNDED = (Precision.FLOAT16, Precision.INT8)


def stored(directory: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(directory / WEIGHTS)


def weights(directory: Path) -> dict[str, np.ndarray]:
    state = load_checkpoint(directory).network.state_dict()
    return {name: tensor.numpy() for name, tensor in state.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return untrained_checkpoint(tmp_path_factory.mktemp("whole") / "policy")


@pytest.fixture(scope="module", params=ROUNDED, ids=lambda precision: precision.value)
def rounded(request, whole, tmp_path_factory) -> Path:
    """The same checkpoint in fewer bits, with its graph. Tests that damage it work on a copy."""
    out = tmp_path_factory.mktemp("rounded") / request.param.value
    compress(whole, out, request.param)
    export_onnx(out)
    return out


@pytest.fixture
def int8(whole, tmp_path) -> Path:
    """A copy that a test may damage."""
    out = tmp_path / "int8"
    compress(whole, out, Precision.INT8)
    export_onnx(out)
    return out


def test_matrices_are_rounded_and_all_else_is_kept(whole, rounded):
    precision = load_checkpoint(rounded).config.precision
    before, after = stored(whole), stored(rounded)
    for name, array in before.items():
        if name.startswith("network.") and array.ndim > 1:
            assert after[name].dtype == precision.value
        elif not name.startswith("golden."):
            np.testing.assert_array_equal(after[name], array)


def test_int8_is_off_by_half_a_step_of_its_row_at_most(whole, int8):
    for name, weight in weights(int8).items():
        exact = weights(whole)[name]
        if weight.ndim > 1:
            half = 0.5 * np.abs(exact).max(axis=tuple(range(1, exact.ndim)), keepdims=True) / 127
            assert (np.abs(weight - exact) <= half * 1.001).all()


def test_float16_has_eleven_bits(whole, tmp_path):
    compress(whole, tmp_path / "half", Precision.FLOAT16)
    for name, weight in weights(tmp_path / "half").items():
        exact = weights(whole)[name]
        np.testing.assert_allclose(weight, exact, rtol=2.0**-11, atol=1e-7)


def test_a_row_of_zeros_stays_one():
    weight = np.array([[0.0, 0.0], [0.5, -1.0]], dtype=np.float32)
    again = unpack(Path("x"), pack({"w": weight}, Precision.INT8), Precision.INT8)
    assert set(again) == {"w"}
    np.testing.assert_array_equal(again["w"][0], 0.0)
    np.testing.assert_allclose(again["w"][1], weight[1], atol=0.5 / 127)


def test_rounded_weights_are_read_as_float32(rounded):
    assert {weight.dtype for weight in weights(rounded).values()} == {np.dtype(np.float32)}


def test_both_engines_answer_alike(rounded):
    ours, wanted = both_engines(rounded)
    assert_alike(ours, wanted)


@pytest.mark.parametrize("trunk", [Trunk.UNET, Trunk.DIT])
def test_convolutions_and_attention_answer_alike(tmp_path, trunk):
    whole = untrained_checkpoint(tmp_path / "whole", network=replace(SMALL, trunk=trunk))
    compress(whole, tmp_path / "int8", Precision.INT8)
    assert_alike(*both_engines(tmp_path / "int8"))


def test_policies_that_see_pictures_answer_alike(tmp_path):
    front = ImageSpec(key="observation.images.front", height=32, width=32)
    whole = untrained_checkpoint(tmp_path / "whole", given_contract(images=[front]))
    compress(whole, tmp_path / "int8", Precision.INT8)
    assert_alike(*both_engines(tmp_path / "int8"))


def test_the_worked_example_is_that_of_the_rounded_weights(whole, int8):
    before, after = stored(whole), stored(int8)
    np.testing.assert_array_equal(after["golden.noise"], before["golden.noise"])
    assert np.abs(after["golden.chunk"] - before["golden.chunk"]).max() > 1e-4


def test_what_it_costs_is_measured_and_small(whole, tmp_path):
    half = compress(whole, tmp_path / "half", Precision.FLOAT16)
    quarter = compress(whole, tmp_path / "quarter", Precision.INT8)
    assert 0.0 < half.off_mean < quarter.off_mean < quarter.off_max < 0.2
    assert half.off_max < 0.01
    assert quarter.bytes_after < half.bytes_after < half.bytes_before


def test_a_shipped_checkpoint_can_be_halved_once_more(tmp_path):
    assert load_checkpoint(zoo_dir() / "reach").config.precision is Precision.FLOAT16
    done = compress(zoo_dir() / "reach", tmp_path / "reach", Precision.INT8)
    assert done.bytes_after < 0.54 * done.bytes_before
    assert done.bytes_after < 1.4e6


def test_a_checkpoint_from_before_is_read_as_it_stands(whole, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(whole, old)
    edit_json(old, CONFIG, lambda config: config.pop("precision"))
    data = (old / WEIGHTS).read_bytes()
    assert float32_file(old, data, Precision.FLOAT32) is data
    for name, weight in weights(old).items():
        np.testing.assert_array_equal(weight, stored(old)[f"network.{name}"])
    save_checkpoint(tmp_path / "again", load_checkpoint(old))
    for name, array in stored(tmp_path / "again").items():
        if not name.startswith("golden."):
            np.testing.assert_array_equal(array, stored(old)[name])


def test_another_way_to_store_is_refused_with_what_to_do(int8):
    edit_json(int8, CONFIG, lambda config: config.update(precision="int4"))
    said = refusal(int8)
    assert "'int4'" in said
    assert "float32, float16, int8" in said
    assert "robot-skills compress" in said
    with pytest.raises(CheckpointError, match="'int4'"):
        OnnxEngine.load(int8)


@pytest.mark.parametrize("claimed", ["float16", "float32"])
def test_settings_that_say_otherwise_than_the_file_are_refused(int8, claimed):
    edit_json(int8, CONFIG, lambda config: config.update(precision=claimed))
    assert "is stored as int8" in refusal(int8) or "foreign weights: step." in refusal(int8)
    with pytest.raises(CheckpointError):
        OnnxEngine.load(int8)


def damage_steps(change):
    def damage(tensors):
        name = next(name for name in tensors if name.startswith("step."))
        tensors[name] = change(tensors[name])
        if tensors[name] is None:
            del tensors[name]

    return damage


@pytest.mark.parametrize(
    "change",
    [
        lambda step: None,
        lambda step: step[:-1],
        lambda step: -step,
        lambda step: step.astype(np.float64),
        lambda step: step.reshape(-1),
    ],
)
def test_rows_without_proper_steps_are_refused(int8, change):
    tensors = stored(int8)
    damage_steps(change)(tensors)
    safetensors.numpy.save_file(tensors, int8 / WEIGHTS)
    sign(int8)
    assert "no proper steps" in refusal(int8)
    with pytest.raises(CheckpointError, match="no proper steps"):
        OnnxEngine.load(int8)


def test_steps_of_nothing_are_refused(int8):
    tensors = stored(int8) | {"step.network.none": np.ones((3, 1), dtype=np.float32)}
    safetensors.numpy.save_file(tensors, int8 / WEIGHTS)
    sign(int8)
    assert "step.network.none" in refusal(int8)


def test_other_numbers_do_not_reproduce_the_worked_example(int8):
    tensors = stored(int8)
    tensors["network.denoiser.enter.weight"] = -tensors["network.denoiser.enter.weight"]
    safetensors.numpy.save_file(tensors, int8 / WEIGHTS)
    sign(int8)
    assert "worked example" in refusal(int8)
    with pytest.raises(CheckpointError, match="worked example"):
        OnnxEngine.load(int8)


def test_a_file_that_was_cut_is_refused(int8):
    data = (int8 / WEIGHTS).read_bytes()
    (int8 / WEIGHTS).write_bytes(data[:-100])
    assert "truncated" in refusal(int8)
    sign(int8)
    assert "not a safetensors file" in refusal(int8)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        OnnxEngine.load(int8)


def test_what_is_rounded_already_is_not_rounded_to_as_many_bits(rounded, tmp_path):
    for precision in Precision:
        if precision.bits >= load_checkpoint(rounded).config.precision.bits:
            with pytest.raises(RefusedError, match="already"):
                compress(rounded, tmp_path / precision.value, precision)


def test_no_checkpoint_is_overwritten(whole, rounded):
    with pytest.raises(RefusedError, match="choose another --out"):
        compress(whole, rounded, Precision.INT8)


def test_weights_too_large_for_float16_are_refused(whole, tmp_path):
    checkpoint = load_checkpoint(whole)
    with torch.no_grad():
        checkpoint.network.termination.layers[0].weight[0, 0] = 1e5
    config = replace(checkpoint.config, precision=Precision.FLOAT16)
    with pytest.raises(RefusedError, match="too large for float16"):
        save_checkpoint(tmp_path / "half", replace(checkpoint, config=config))
    assert not (tmp_path / "half").exists()
