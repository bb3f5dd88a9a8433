"""Skills from other training seeds: trained side by side, resumed, and put into their library."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.train_seeds import Training, copy_scripted, publish, train_all, trainings
from policies.checkpoint import load_checkpoint, save_checkpoint
from policies.config import TrainConfig
from policies.engines import EngineKind, load_engine
from policies.precision import Precision
from policies.trainer import train
from robot_skills.app.zoo import SEEDS, seed_zoo, seed_zoos, zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.skills.library import SkillLibrary
from tests.policies.synthetic import reaching_dataset
from tests.policies.untrained import SMALL, untrained_checkpoint

RECIPE = TrainConfig(
    seed=0, steps=6, batch_size=16, warmup_steps=2, save_every=2, threads=2, network=SMALL
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    reaching_dataset(folder / "reach")
    return folder


@pytest.fixture
def library(tmp_path) -> SkillLibrary:
    """Two shipped skills, one of them learned with a recipe of six steps."""
    zoo = tmp_path / "zoo"
    shutil.copytree(zoo_dir() / "home", zoo / "home")
    untrained_checkpoint(zoo / "reach")
    shutil.copy(zoo_dir() / "reach" / "card.yaml", zoo / "reach")
    shipped = load_checkpoint(zoo / "reach")
    config = replace(shipped.config, training=RECIPE)
    save_checkpoint(zoo / "reach", replace(shipped, config=config))
    return SkillLibrary.load(zoo)


def wanted(library: SkillLibrary, data: Path, tmp_path: Path) -> list[Training]:
    return trainings([library["reach"]], [1, 2], data, tmp_path / "seeds")


def test_seeds_are_trained_and_published_as_libraries_of_their_own(library, data, tmp_path):
    zoo = tmp_path / "zoo"
    each = wanted(library, data, tmp_path)
    assert train_all(each, workers=2) == []
    for training in each:
        config = load_checkpoint(training.out).config
        assert replace(config.training, threads=2) == replace(RECIPE, seed=training.seed)
        publish(training, zoo)
        copy_scripted(library, seed_zoo(training.seed, zoo))
    assert seed_zoos(zoo) == [zoo, zoo / SEEDS / "1", zoo / SEEDS / "2"]
    for seed in (1, 2):
        mine = SkillLibrary.load(seed_zoo(seed, zoo))
        assert set(mine.names) == {"home", "reach"}
        assert mine["reach"].results == ()
        assert mine["reach"].training is not None
        assert f"--seeds {seed} --skills reach" in mine["reach"].training.train
        assert mine["reach"].cases == library["reach"].cases
        engine = load_engine(mine["reach"].directory, EngineKind.ONNX)
        assert engine.config.precision is Precision.INT8
    one, two = (load_checkpoint(training.out).actions.std for training in each)
    assert not np.array_equal(one, two)
    # The shipped library holds the others in a folder that is no skill.
    assert set(SkillLibrary.load(zoo).names) == {"home", "reach"}


def test_what_was_begun_is_gone_on_with_and_what_is_finished_is_kept(library, data, tmp_path):
    first, second = wanted(library, data, tmp_path)
    recipe = replace(RECIPE, seed=1, threads=1)
    train(first.dataset, first.out, recipe, progress=False, stop_after=4)
    train(first.dataset, tmp_path / "whole", recipe, progress=False)
    train(second.dataset, second.out, replace(recipe, seed=2), progress=False)
    kept = (second.out / "manifest.json").read_bytes()
    assert train_all([first, second], workers=1) == []
    assert (second.out / "manifest.json").read_bytes() == kept
    resumed, whole = (
        json.loads((folder / "manifest.json").read_text())["files"]["weights.safetensors"]
        for folder in (first.out, tmp_path / "whole")
    )
    assert resumed["sha256"] == whole["sha256"]


def test_a_training_that_fails_is_named_and_not_published(library, data, tmp_path, capfd):
    (training, _) = wanted(library, data, tmp_path)
    training.out.mkdir(parents=True)
    (training.out / "resume.safetensors").write_bytes(b"cut off")
    assert train_all([training], workers=1) == [training]
    assert "damaged" in capfd.readouterr().err


def test_missing_demonstrations_are_named_with_what_makes_them(library, tmp_path):
    with pytest.raises(RefusedError, match="robot-skills generate --skill reach"):
        wanted(library, tmp_path, tmp_path)


def test_libraries_of_seeds_come_in_the_order_of_their_numbers(tmp_path):
    for name in ("10", "2", "notes"):
        (tmp_path / SEEDS / name).mkdir(parents=True)
    assert seed_zoos(tmp_path) == [tmp_path, seed_zoo(2, tmp_path), seed_zoo(10, tmp_path)]
    assert seed_zoo(0, tmp_path) == tmp_path
