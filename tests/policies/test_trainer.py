from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from policies.checkpoint import CONFIG, WEIGHTS, load_checkpoint
from policies.checkpoint_files import MANIFEST
from policies.config import NetworkConfig, NoiseConfig, TrainConfig
from policies.diffusion import DiffusionPolicy
from policies.trainer import RESUME, train
from robot_skills.core.errors import CheckpointError, DatasetError, RefusedError
from robot_skills.core.se3 import SE3
from tests.policies.synthetic import goal_of, history, random_start, random_token


def weights(directory) -> bytes:
    return (directory / WEIGHTS).read_bytes()


def test_the_same_recipe_gives_the_same_weights(tmp_path, reaching, tiny_config, tiny_checkpoint):
    train(reaching, tmp_path / "again", tiny_config, progress=False)
    assert weights(tmp_path / "again") == weights(tiny_checkpoint)


def test_another_seed_gives_other_weights(tmp_path, reaching, tiny_config, tiny_checkpoint):
    train(reaching, tmp_path / "other", replace(tiny_config, seed=1), progress=False)
    assert weights(tmp_path / "other") != weights(tiny_checkpoint)


def test_training_leaves_global_random_state_alone(tmp_path, reaching, tiny_config):
    before = torch.random.get_rng_state()
    train(reaching, tmp_path / "out", tiny_config, progress=False)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("sitting", [5, 7, 11])
def test_resumed_training_ends_bit_for_bit_as_an_uninterrupted_one(
    tmp_path, reaching, tiny_config, tiny_checkpoint, sitting
):
    out = tmp_path / "out"
    train(reaching, out, tiny_config, progress=False, stop_after=sitting)
    result = train(reaching, out, tiny_config, progress=False, resume=True)
    assert result.steps == tiny_config.steps
    assert weights(out) == weights(tiny_checkpoint)


def test_an_interrupted_run_leaves_no_checkpoint_but_can_be_resumed(
    tmp_path, reaching, tiny_config
):
    train(reaching, tmp_path / "out", tiny_config, progress=False, stop_after=5)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [RESUME]


def test_a_finished_run_holds_the_checkpoint_only(tiny_checkpoint):
    assert {path.name for path in tiny_checkpoint.iterdir()} == {WEIGHTS, CONFIG, MANIFEST}


def test_what_would_be_overwritten_is_kept(tmp_path, reaching, tiny_config, tiny_checkpoint):
    before = weights(tiny_checkpoint)
    with pytest.raises(RefusedError, match="finished checkpoint"):
        train(reaching, tiny_checkpoint, tiny_config, progress=False)
    assert weights(tiny_checkpoint) == before
    train(reaching, tmp_path / "out", tiny_config, progress=False, stop_after=5)
    with pytest.raises(RefusedError, match="--resume"):
        train(reaching, tmp_path / "out", tiny_config, progress=False)


def test_resuming_with_another_recipe_is_refused(tmp_path, reaching, tiny_config):
    out = tmp_path / "out"
    train(reaching, out, tiny_config, progress=False, stop_after=5)
    with pytest.raises(CheckpointError, match="another recipe"):
        train(reaching, out, replace(tiny_config, learning_rate=0.1), progress=False, resume=True)


def test_a_damaged_resume_file_is_refused(tmp_path, reaching, tiny_config):
    out = tmp_path / "out"
    train(reaching, out, tiny_config, progress=False, stop_after=5)
    (out / RESUME).write_bytes((out / RESUME).read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        train(reaching, out, tiny_config, progress=False, resume=True)


def test_a_dataset_that_does_not_fit_writes_nothing(tmp_path, tiny_config):
    with pytest.raises(DatasetError):
        train(tmp_path / "nowhere", tmp_path / "out", tiny_config, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_time_limit_ends_training_with_a_usable_checkpoint(tmp_path, reaching, tiny_config):
    config = replace(tiny_config, steps=10**6, max_minutes=0.01)
    result = train(reaching, tmp_path / "out", config, progress=False)
    assert 0 < result.steps < 10**6
    assert load_checkpoint(tmp_path / "out").config.data["steps"] == result.steps


def test_tensorboard_logs_are_written_where_asked(tmp_path, reaching, tiny_config):
    config = replace(tiny_config, log_every=4)
    train(reaching, tmp_path / "out", config, progress=False, log_dir=tmp_path / "logs")
    assert list((tmp_path / "logs").glob("events.*"))


def test_the_checkpoint_says_how_it_was_made(tiny_checkpoint, tiny_config):
    config = load_checkpoint(tiny_checkpoint).config
    assert config.training == tiny_config
    assert config.contract.period_s == pytest.approx(0.05)
    assert config.data["episodes"] == 60
    assert config.data["steps"] == tiny_config.steps


def test_average_differs_from_the_last_weights(tmp_path, reaching, tiny_config):
    train(reaching, tmp_path / "out", tiny_config, progress=False, stop_after=10)
    tensors = safetensors.torch.load_file(tmp_path / "out" / RESUME)
    name = "denoiser.enter.weight"
    assert not torch.equal(tensors[f"network.{name}"], tensors[f"average.{name}"])


def test_a_small_network_learns_to_reach_an_entity_in_closed_loop(tmp_path, reaching):
    config = TrainConfig(
        steps=500,
        batch_size=128,
        learning_rate=2e-3,
        warmup_steps=50,
        threads=1,
        network=NetworkConfig(width=128, blocks=2, termination_width=32),
        noise=NoiseConfig(anchor_m=0.001, anchor_yaw_rad=0.01),
    )
    train(reaching, tmp_path / "out", config, progress=False)
    policy = DiffusionPolicy.load(tmp_path / "out")
    rng = np.random.default_rng(100)
    runs = [_reach(policy, rng) for _ in range(15)]
    errors_m, closed, done = (np.array(column) for column in zip(*runs, strict=True))
    assert np.median(errors_m) < 0.006
    assert errors_m.max() < 0.02
    assert (closed < 0.2).mean() > 0.9
    assert (done > 0.5).mean() > 0.9


def _reach(policy: DiffusionPolicy, rng: np.random.Generator) -> tuple[float, float, float]:
    """Distance to the goal, opening and done after eight chunks, of which four steps are done."""
    token, poses, openings = random_token(rng), [random_start(rng)], [1.0]
    policy.reset(0)
    assert policy.infer(history(poses, openings, token)).done < 0.5
    for _ in range(8):
        out = policy.infer(history(poses, openings, token))
        poses += [SE3.from_matrix(T) for T in out.T_base_tool[:4]]
        openings += [float(value) for value in out.opening[:4]]
    done = policy.infer(history(poses, openings, token)).done
    return poses[-1].distance_to(goal_of(token))[0], openings[-1], done
