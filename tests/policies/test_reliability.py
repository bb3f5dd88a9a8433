"""Calibration where the truth is known: over-confident logits are put right, and no more."""

import numpy as np
import pytest

from policies.reliability import Calibration, auroc, fit_calibration, reliability, sigmoid


def overconfident(factor: float = 3.0, shift: float = 0.0, n: int = 4000, seed: int = 0):
    """Logits that are `factor` times too large, of samples whose probabilities are known."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0.0, 1.5, n)
    truth = rng.random(n) < sigmoid(right)
    return factor * (right - shift), truth


def test_overconfident_logits_get_their_true_scale():
    logits, truth = overconfident(3.0)
    fitted = fit_calibration(logits, truth)
    assert fitted.scale == pytest.approx(1.0 / 3.0, rel=0.08)
    assert fitted.shift == pytest.approx(0.0, abs=0.1)


def test_a_shifted_logit_gets_its_shift():
    logits, truth = overconfident(1.0, shift=0.8)
    assert fit_calibration(logits, truth).shift == pytest.approx(0.8, abs=0.1)


def test_the_calibration_error_and_the_brier_score_fall():
    fitted = fit_calibration(*overconfident(4.0))
    assert fitted.ece_before > 0.1
    assert fitted.ece < 0.03
    assert fitted.brier < fitted.brier_before


def test_a_calibrated_logit_is_left_as_it_is():
    fitted = fit_calibration(*overconfident(1.0))
    assert fitted.scale == pytest.approx(1.0, abs=0.1)
    assert fitted.ece == pytest.approx(fitted.ece_before, abs=0.015)


def test_it_holds_on_samples_that_it_was_not_fitted_to():
    fitted = fit_calibration(*overconfident(3.0))
    logits, truth = overconfident(3.0, seed=1)
    assert reliability(fitted.probabilities(logits), truth).ece < 0.03


def test_frames_of_one_episode_do_not_judge_each_other():
    """Every episode has one outcome and one logit that says nothing about it."""
    rng = np.random.default_rng(0)
    episodes, frames = 12, 50
    groups = np.repeat(np.arange(episodes), frames)
    logits = np.repeat(rng.normal(0.0, 3.0, episodes), frames)
    truth = np.repeat(rng.permutation(np.arange(episodes) % 2), frames) > 0
    by_episode = fit_calibration(logits, truth, groups)
    by_frame = fit_calibration(logits, truth)
    assert by_episode.groups == episodes
    assert by_episode.brier > by_frame.brier


def test_separable_classes_stay_finite():
    logits = np.concatenate([np.full(50, -40.0), np.full(50, 40.0)])
    fitted = fit_calibration(logits, logits > 0.0)
    assert np.isfinite([fitted.scale, fitted.shift]).all()
    assert fitted.ece < 0.05


@pytest.mark.parametrize("wrong", [-1e4, 1e4])
def test_a_hopelessly_wrong_logit_does_not_throw_the_fit_off(wrong):
    logits, truth = overconfident(3.0)
    logits[0], truth[0] = wrong, wrong < 0.0
    fitted = fit_calibration(logits, truth)
    assert np.isfinite([fitted.scale, fitted.shift]).all()
    assert 0.0 <= fitted.scale < 1.0


@pytest.mark.parametrize(
    ("logits", "truth"),
    [
        (np.linspace(-1.0, 1.0, 100), np.ones(100, dtype=bool)),
        (np.linspace(-1.0, 1.0, 100), np.zeros(100, dtype=bool)),
        (np.array([1.0, -1.0]), np.array([True, False])),
        (np.empty(0), np.empty(0, dtype=bool)),
    ],
    ids=["only positives", "only negatives", "too few", "none"],
)
def test_where_there_is_nothing_to_fit_the_logit_stays(logits, truth):
    fitted = fit_calibration(logits, truth)
    assert not fitted.fitted
    assert fitted.n == len(logits)
    assert fitted.probability(1.3) == pytest.approx(float(sigmoid(np.array(1.3))))


def test_too_few_episodes_are_not_fitted():
    logits, truth = overconfident(n=300)
    assert not fit_calibration(logits, truth, np.arange(300) // 100).fitted


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        fit_calibration(np.zeros(30), np.zeros(29, dtype=bool))
    with pytest.raises(ValueError, match="not finite"):
        fit_calibration(np.full(30, np.nan), np.zeros(30, dtype=bool))


def test_a_calibration_survives_its_file():
    fitted = fit_calibration(*overconfident())
    assert Calibration.from_json(fitted.to_json()) == fitted


def test_auroc_counts_pairs_and_halves_ties():
    truth = np.array([False, True, False, True])
    assert auroc(np.array([0.1, 0.4, 0.2, 0.9]), truth) == 1.0
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), truth) == 0.5
    assert auroc(np.array([0.3, 0.2, 0.1, 0.9]), truth) == 0.75
    assert np.isnan(auroc(np.zeros(2), np.array([True, True])))
