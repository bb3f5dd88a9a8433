"""`robot-skills train` turns its options into a recipe, and refuses what the data cannot give."""

import json
from pathlib import Path

import pytest

from calibration.randomisation import make_randomisation, save_randomisation
from policies.config import Head, NoiseConfig, Preset, Trunk
from policies.contract import Channels
from policies.heads.presets import suggested
from policies.trunks.presets import preset
from robot_skills.app.options import TrainOptions
from robot_skills.app.sim2real.randomised import unknown_cell
from robot_skills.app.train import config_of
from robot_skills.core.errors import DatasetError, RefusedError


def options(folder: Path, **changes) -> TrainOptions:
    return TrainOptions(dataset=(folder,), out=folder / "out", **changes)


def test_head_and_trunk_come_with_what_suits_them(tmp_path):
    config = config_of(options(tmp_path, head="flow", trunk="dit", preset="tiny"))
    assert config.sampler == suggested(Head.FLOW)
    assert config.network == preset(Trunk.DIT, Preset.TINY)


def test_cameras_are_named_as_people_say_them(tmp_path):
    config = config_of(options(tmp_path, cameras=("front",), channels="rgbd", image_px=(80, 64)))
    (image,) = config.observe.images
    assert image.key == "observation.images.front"
    assert (image.width, image.height, image.channels) == (80, 64, Channels.RGBD)


def cameras_file(folder: Path, T_base_camera: list[float] | None) -> None:
    (folder / "meta").mkdir()
    lens = [100.0, 0.0, 48.0, 0.0, 100.0, 48.0, 0.0, 0.0, 1.0]
    record = {"front": {"K": lens, "T_base_camera": T_base_camera}}
    (folder / "meta" / "cameras.json").write_text(json.dumps(record))


def test_a_cloud_takes_lens_and_pose_from_the_dataset(tmp_path):
    pose = [1.0 if i % 5 == 0 else 0.0 for i in range(16)]
    cameras_file(tmp_path, pose)
    (cloud,) = config_of(options(tmp_path, clouds=("front",))).observe.clouds
    assert (cloud.key, cloud.T_base_camera) == ("observation.images.front", pose)


def test_a_cloud_of_a_camera_that_moves_or_is_not_known_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="does not say where the camera front is"):
        config_of(options(tmp_path, clouds=("front",)))
    cameras_file(tmp_path, None)
    with pytest.raises(DatasetError, match="moves"):
        config_of(options(tmp_path, clouds=("front",)))


@pytest.mark.parametrize(("task", "accepted"), [("metaworld:reach", True), ("grasp", False)])
def test_constant_numbers_are_accepted_of_suites_only(tmp_path, task, accepted):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "generated.json").write_text(json.dumps({"config": {"task": task}}))
    assert config_of(options(tmp_path)).observe.allow_constant is accepted


def test_inputs_are_as_far_off_as_a_randomisation_says(tmp_path):
    assert config_of(options(tmp_path)).noise == NoiseConfig()
    path = tmp_path / "randomisation.json"
    save_randomisation(path, make_randomisation(unknown_cell("panda"), {}))
    noise = config_of(options(tmp_path, randomise=path)).noise
    assert noise.anchor_m == pytest.approx(0.012)
    assert noise.tool_m > noise.anchor_m
    assert min(noise.exposure, noise.white, noise.pixel) > 0.0


def test_a_randomisation_that_is_none_is_refused(tmp_path):
    path = tmp_path / "randomisation.json"
    path.write_text("{}")
    with pytest.raises(RefusedError):
        config_of(options(tmp_path, randomise=path))
