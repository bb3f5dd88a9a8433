"""Success is foreseen from what is seen, honestly, and damaged predictors are refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from policies.checkpoint import WEIGHTS, load_checkpoint
from policies.checkpoint_files import MANIFEST
from policies.features import OPENING, Float32, observation_features
from policies.rollouts import INFO, Rollout, RolloutsInfo, read_rollouts
from policies.success import (
    SUCCESS_CONFIG,
    SUCCESS_WEIGHTS,
    SuccessConfig,
    SuccessPredictor,
    histories,
    policy_sha256,
    read_success_config,
)
from policies.success_training import SuccessTraining, train_success
from robot_skills.core.errors import CheckpointError, DatasetError, RefusedError
from robot_skills.core.policy import PolicyInput, encode_state
from robot_skills.core.se3 import SE3
from tests.policies.synthetic import history, random_start, random_token
from tests.policies.test_imports import HEAVY, loaded_by

TICKS, SLIP = 40, 20
RECIPE = SuccessTraining(steps=300, batch_size=128, width=16, members=4)


def attempt(rng: np.random.Generator) -> Rollout:
    """A hand that closes on a thing; where the thing slips out half way, the hand closes wholly."""
    token, pose = random_token(rng), random_start(rng)
    slips = bool(rng.random() < 0.5)
    states = []
    for tick in range(TICKS):
        opening = 1.0 if tick < 10 else 0.5
        if slips and tick >= SLIP:
            opening = 0.0
        if tick >= 34:
            opening = 1.0
        pose = SE3(pose.R, pose.p + rng.normal(0.0, 0.002, 3))
        states.append(encode_state(history([pose], [opening + rng.normal(0.0, 0.02)], token)))
    return Rollout(
        states=np.stack(states),
        success=not slips,
        believed=not slips,
        outcome="failed" if slips else "success",
        mishap="slippery" if slips else "none",
        tick=SLIP,
        done=True,
    )


def write(folder: Path, checkpoint: Path, seed: int, count: int = 100) -> Path:
    folder.mkdir()
    info = RolloutsInfo(
        skill="grasp", arm="panda", seed=seed, policy_sha256=policy_sha256(checkpoint)
    )
    (folder / INFO).write_text(json.dumps(info.to_json()))
    rng = np.random.default_rng(seed)
    for i in range(count):
        attempt(rng).save(folder / f"rollout_{i:06d}.npz")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_checkpoint) -> tuple[Path, Path, Path]:
    """Rollouts to learn from, others to measure on, and a checkpoint with a trained predictor."""
    root = tmp_path_factory.mktemp("success")
    checkpoint = root / "policy"
    shutil.copytree(tiny_checkpoint, checkpoint)
    learn, test = write(root / "learn", checkpoint, 1), write(root / "test", checkpoint, 2)
    train_success(learn, test, checkpoint, RECIPE)
    return learn, test, checkpoint


@pytest.fixture
def damaged(tmp_path, folders) -> Path:
    """A copy of the checkpoint that a test may damage."""
    return Path(shutil.copytree(folders[2], tmp_path / "policy"))


def live_inputs(states: Float32) -> list[PolicyInput]:
    rng = np.random.default_rng(0)
    token, start = random_token(rng), random_start(rng)
    opening = [float(state[OPENING]) for state in states]
    return [
        history([start] * 2, opening[max(tick - 1, 0) : tick + 1], token)
        for tick in range(len(states))
    ]


def test_what_slipped_is_foreseen_and_still_known_after_the_hand_has_opened(folders):
    predictor = SuccessPredictor.load(folders[2])
    for rollout in read_rollouts(folders[1])[1][:20]:
        p = predictor.rate(rollout.states)
        assert (p[SLIP + 8] > 0.5) == rollout.success
        assert (p[-1] > 0.5) == rollout.success


def test_nothing_is_claimed_before_anything_could_be_known(folders):
    predictor = SuccessPredictor.load(folders[2])
    early = [predictor.rate(rollout.states)[5] for rollout in read_rollouts(folders[1])[1]]
    assert 0.25 < np.mean(early) < 0.75


def test_measurements_tell_the_unseen_rollouts(folders):
    config = read_success_config(folders[2])
    assert config is not None
    found = config.measured
    assert found is not None
    assert (found.n, found.seed) == (100, 2)
    assert found.auroc > 0.95
    assert found.auroc_ci95[0] <= found.auroc <= found.auroc_ci95[1]
    assert found.brier < found.brier_base
    assert found.per_mishap["slippery"]["successes"] == 0
    assert config.calibration.groups == config.rollouts == 100


def test_live_inputs_give_what_recorded_states_give(folders):
    predictor = SuccessPredictor.load(folders[2])
    inputs = live_inputs(read_rollouts(folders[1])[1][0].states)
    states = np.stack([encode_state(one) for one in inputs])
    for _ in range(2):
        predictor.reset()
        live = [predictor.probability(one) for one in inputs]
        np.testing.assert_allclose(live, predictor.rate(states), atol=1e-5)


def test_the_past_counts_until_reset(folders):
    predictor = SuccessPredictor.load(folders[2])
    states = next(r.states for r in read_rollouts(folders[1])[1] if not r.success)
    features = observation_features(histories(states, 2))
    first = predictor.next(features[0])
    for row in features:
        predictor.next(row)
    assert predictor.next(features[0]) != pytest.approx(first, abs=1e-3)
    predictor.reset()
    assert predictor.next(features[0]) == first


def test_the_same_rollouts_give_the_same_predictor(folders, damaged):
    train_success(folders[0], folders[1], damaged, RECIPE)
    for name in (SUCCESS_WEIGHTS, SUCCESS_CONFIG):
        assert (damaged / name).read_bytes() == (folders[2] / name).read_bytes()


def test_the_policy_itself_stays_as_it_was(folders, tiny_checkpoint):
    for name in (WEIGHTS, MANIFEST):
        assert (folders[2] / name).read_bytes() == (tiny_checkpoint / name).read_bytes()
    assert load_checkpoint(folders[2])


def test_running_it_takes_numpy_alone():
    assert not loaded_by("policies.success") & {*HEAVY, "scipy"}


def test_a_history_of_another_length_is_refused(folders):
    predictor = SuccessPredictor.load(folders[2])
    one = live_inputs(read_rollouts(folders[1])[1][0].states)[0]
    longer = replace(one, T_base_tool=np.stack([np.eye(4)] * 3), opening=np.ones(3))
    with pytest.raises(ValueError, match="history of 2"):
        predictor.probability(longer)


def test_changed_weights_are_refused(damaged):
    data = bytearray((damaged / SUCCESS_WEIGHTS).read_bytes())
    data[-1] ^= 1
    (damaged / SUCCESS_WEIGHTS).write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="sha256"):
        SuccessPredictor.load(damaged)


def test_weights_that_are_not_finite_are_refused(damaged):
    import hashlib

    weights = safetensors.numpy.load_file(damaged / SUCCESS_WEIGHTS)
    weights["layer0.bias"][0, 0] = np.nan
    data = safetensors.numpy.save(weights)
    (damaged / SUCCESS_WEIGHTS).write_bytes(data)
    document = json.loads((damaged / SUCCESS_CONFIG).read_text())
    document["weights"]["sha256"] = hashlib.sha256(data).hexdigest()
    (damaged / SUCCESS_CONFIG).write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="non-finite"):
        SuccessPredictor.load(damaged)


def test_a_predictor_of_another_policy_is_refused(damaged):
    manifest = json.loads((damaged / MANIFEST).read_text())
    manifest["files"][WEIGHTS]["sha256"] = "0" * 64
    (damaged / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="other weights"):
        SuccessPredictor.load(damaged)


@pytest.mark.parametrize("text", ["", "{}", '{"format": "else"}', "[]"])
def test_a_foreign_or_broken_document_is_refused(damaged, text):
    (damaged / SUCCESS_CONFIG).write_text(text)
    with pytest.raises(CheckpointError, match=SUCCESS_CONFIG):
        SuccessPredictor.load(damaged)


def test_where_there_is_no_predictor_there_is_none(tiny_checkpoint):
    assert read_success_config(tiny_checkpoint) is None
    with pytest.raises(CheckpointError, match="cannot be read"):
        SuccessPredictor.load(tiny_checkpoint)


def test_rollouts_are_read_as_they_were_written(tmp_path):
    rollout = attempt(np.random.default_rng(0))
    rollout.save(tmp_path / "rollout_000000.npz")
    read = Rollout.load(tmp_path / "rollout_000000.npz")
    assert np.array_equal(read.states, rollout.states)
    assert (read.success, read.outcome, read.mishap, read.tick, read.done) == (
        *(rollout.success, rollout.outcome, rollout.mishap, rollout.tick, rollout.done),
    )


def test_a_truncated_rollout_is_refused(tmp_path):
    path = tmp_path / "rollout_000000.npz"
    attempt(np.random.default_rng(0)).save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match="no rollout"):
        Rollout.load(path)


def test_rollouts_of_the_same_seed_cannot_measure(folders, damaged):
    with pytest.raises(RefusedError, match="has the seed"):
        train_success(folders[0], folders[0], damaged, RECIPE)


def test_rollouts_of_another_policy_are_refused(tmp_path, folders, damaged):
    other = Path(shutil.copytree(folders[0], tmp_path / "other"))
    info = json.loads((other / INFO).read_text()) | {"policy_sha256": "0" * 64}
    (other / INFO).write_text(json.dumps(info))
    with pytest.raises(DatasetError, match="another policy"):
        train_success(other, folders[1], damaged, RECIPE)


def test_too_few_failures_are_refused(tmp_path, folders, damaged):
    few = write(tmp_path / "few", damaged, 3, count=4)
    with pytest.raises(DatasetError, match="at least 10"):
        train_success(few, folders[1], damaged, RECIPE)


def test_settings_that_contradict_themselves_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        SuccessTraining(members=3)
    with pytest.raises(ValueError, match="maturing"):
        SuccessConfig(
            skill="x",
            fps=20.0,
            observation_steps=2,
            feature_names=[],
            width=8,
            members=2,
            base_rate=0.5,
            rollouts=1,
            seed=0,
            policy_sha256="",
            maturing=[1.0],
        )
