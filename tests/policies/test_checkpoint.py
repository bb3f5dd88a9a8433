import hashlib
import json
import pickle
import shutil

import pytest
import safetensors.torch
import torch

from policies.checkpoint import CONFIG, WEIGHTS, load_checkpoint, save_checkpoint
from policies.checkpoint_files import MANIFEST
from robot_skills.core.errors import CheckpointError


@pytest.fixture
def checkpoint(tmp_path, tiny_checkpoint):
    """A copy that a test may damage."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


def sign(directory):
    """Make the manifest match the files again, as a careful forger would."""
    manifest = json.loads((directory / MANIFEST).read_text())
    for name in manifest["files"]:
        data = (directory / name).read_bytes()
        manifest["files"][name] = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    (directory / MANIFEST).write_text(json.dumps(manifest))


def edit_weights(directory, change):
    tensors = safetensors.torch.load_file(directory / WEIGHTS)
    change(tensors)
    safetensors.torch.save_file(tensors, directory / WEIGHTS)
    sign(directory)


def edit_json(directory, name, change):
    values = json.loads((directory / name).read_text())
    change(values)
    (directory / name).write_text(json.dumps(values))
    if name != MANIFEST:
        sign(directory)


def refusal(directory) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(directory)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_checkpoint_survives_a_round_trip(checkpoint, tmp_path):
    first = load_checkpoint(checkpoint)
    save_checkpoint(tmp_path / "again", first)
    for name in (WEIGHTS, CONFIG, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (checkpoint / name).read_bytes()


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, MANIFEST])
def test_missing_file_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    assert name in refusal(checkpoint)


def test_missing_directory_is_refused(tmp_path):
    assert "Found: nothing" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_flipped_byte_is_refused(checkpoint, name):
    data = bytearray((checkpoint / name).read_bytes())
    data[len(data) // 2] ^= 1
    (checkpoint / name).write_bytes(data)
    assert "sha256" in refusal(checkpoint)


def test_truncated_weights_are_refused(checkpoint):
    data = (checkpoint / WEIGHTS).read_bytes()
    (checkpoint / WEIGHTS).write_bytes(data[:-7])
    assert "truncated" in refusal(checkpoint)
    sign(checkpoint)
    assert "not a safetensors file" in refusal(checkpoint)


@pytest.mark.parametrize("write", ["pickle", "torch"])
def test_pickles_are_refused_and_never_opened(checkpoint, tmp_path, write):
    trace = tmp_path / "executed"
    if write == "pickle":
        (checkpoint / WEIGHTS).write_bytes(pickle.dumps(_Bomb(str(trace))))
    else:
        torch.save({"bomb": _Bomb(str(trace))}, checkpoint / WEIGHTS)
    sign(checkpoint)
    assert "pickle" in refusal(checkpoint)
    assert not trace.exists()


class _Bomb:
    """Touches a file when unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self):
        return open, (self._path, "w")


def test_non_finite_weights_are_refused(checkpoint):
    def poison(tensors):
        tensors["network.denoiser.enter.weight"][0, 0] = float("nan")

    edit_weights(checkpoint, poison)
    assert "network.denoiser.enter.weight holds non-finite" in refusal(checkpoint)


def test_weights_of_another_shape_are_refused(checkpoint):
    edit_weights(checkpoint, lambda tensors: tensors.update({"actions.std": torch.ones(3, 10)}))
    assert "actions.std" in refusal(checkpoint)


def test_foreign_weights_are_refused(checkpoint):
    edit_weights(checkpoint, lambda tensors: tensors.update({"unet.conv": torch.ones(3)}))
    assert "unet.conv" in refusal(checkpoint)


def test_normaliser_that_divides_by_zero_is_refused(checkpoint):
    edit_weights(checkpoint, lambda tensors: tensors["features.std"].zero_())
    assert "features.std" in refusal(checkpoint)


def test_changed_weights_do_not_reproduce_the_worked_example(checkpoint):
    def nudge(tensors):
        tensors["network.denoiser.leave.1.bias"] += 0.5

    edit_weights(checkpoint, nudge)
    assert "worked example" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda config: config["contract"]["state"]["names"].pop(), "layout of core.policy"),
        (lambda config: config["contract"]["action"]["names"].reverse(), "layout of core.policy"),
        (lambda config: config.pop("feature_names"), "feature_names"),
        (lambda config: config["contract"].update(horizon="16"), "Wanted int"),
        (lambda config: config["contract"].update(horizon=8), "wanted torch.float32 (1, 8, 10)"),
        (lambda config: config["network"].update(width=64), "network.denoiser"),
        (lambda config: config["network"].update(width=10**9), "network.denoiser"),
        (lambda config: config.update(surprise=1), "surprise"),
        (lambda config: config["table"]["state"].append(1.0), "one length"),
        (lambda config: config["table"].update(state=["a", "b", "c"]), "Wanted float"),
        (lambda config: config["table"].update(model=[0.0, 0.0, 0.0]), "worked example"),
    ],
)
def test_settings_that_do_not_fit_are_refused(checkpoint, change, said):
    edit_json(checkpoint, CONFIG, change)
    assert said in refusal(checkpoint)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest.update(format="other"), "foreign"),
        (lambda manifest: manifest.update(version=99), "version 99"),
        (lambda manifest: manifest.pop("files"), "does not list"),
    ],
)
def test_foreign_manifest_is_refused(checkpoint, change, said):
    edit_json(checkpoint, MANIFEST, change)
    assert said in refusal(checkpoint)


def test_manifest_that_is_not_json_is_refused(checkpoint):
    (checkpoint / MANIFEST).write_bytes(b"\x80\x04\x95")
    assert "not JSON" in refusal(checkpoint)
