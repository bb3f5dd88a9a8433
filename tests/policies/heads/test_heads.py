"""One contract for every head, then what each refuses."""

from dataclasses import replace

import pytest
import torch

from policies.config import Head, Prediction, SamplerConfig, Solver
from policies.heads import build_head
from policies.heads.consistency import TEACHER_STEPS
from policies.heads.diffusion import DiffusionHead
from policies.heads.path import loudness
from policies.heads.presets import suggested
from policies.sampler import SamplerTable, sample_chunk
from robot_skills.core.errors import RefusedError

SHAPE = (64, 8, 3)
HEADS = pytest.mark.parametrize("head", list(Head))
GENERATIVE = pytest.mark.parametrize("head", [head for head in Head if head is not Head.REGRESSION])


def settings(head: Head, steps: int = 4) -> SamplerConfig:
    return replace(suggested(head), inference_steps=1 if head is Head.REGRESSION else steps)


def chunks(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


class _Knows:
    """A network that knows the clean chunk."""

    def __init__(self, clean: torch.Tensor) -> None:
        self._clean = clean

    def condition(self, features):
        return features

    def embed_time(self, timesteps):
        return timesteps

    def denoise(self, noisy, time, condition):
        return self._clean


@HEADS
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_network_that_knows_the_chunk_samples_it(head, steps):
    table, clean = build_head(settings(head, steps)).table(), chunks()
    levels, features = torch.tensor(table.timesteps), torch.zeros(len(clean), 1)
    out = sample_chunk(_Knows(clean), table, levels, features, chunks(1))
    torch.testing.assert_close(out, clean, rtol=0.0, atol=1e-5)


@HEADS
def test_a_network_that_knows_the_chunk_makes_no_errors(head):
    clean = chunks()
    errors = build_head(settings(head)).errors(
        lambda noisy, level: clean,
        clean,
        torch.Generator().manual_seed(0),
        teacher=lambda noisy, level: clean,
    )
    assert errors.shape == SHAPE
    assert float(errors.max()) < 1e-9


@HEADS
def test_levels_in_training_and_sampling_lie_between_zero_and_a_hundred(head):
    seen = []

    def predict(noisy, level):
        assert noisy.shape == SHAPE
        assert level.shape == SHAPE[:1]
        seen.append(level)
        return noisy

    made = build_head(settings(head))
    made.errors(predict, chunks(), torch.Generator().manual_seed(0), teacher=predict)
    levels = torch.cat([*seen, torch.tensor(made.table().timesteps)])
    assert float(levels.min()) >= 0.0
    assert float(levels.max()) <= 100.0


@HEADS
def test_sampling_starts_at_a_level_that_training_reaches(head):
    made, seen = build_head(settings(head)), []

    def predict(noisy, level):
        seen.append(level)
        return noisy

    for seed in range(50):
        made.errors(predict, chunks(), torch.Generator().manual_seed(seed), teacher=predict)
    assert float(torch.cat(seen).max()) > made.table().timesteps[0] - 10.0


@HEADS
def test_the_same_generator_draws_the_same_errors(head):
    def errors(seed):
        draws = torch.Generator().manual_seed(seed)
        predict = lambda noisy, level: 0.5 * noisy + 0.01 * level[:, None, None]  # noqa: E731
        return build_head(settings(head)).errors(predict, chunks(), draws, teacher=predict)

    assert torch.equal(errors(3), errors(3))
    if head is not Head.REGRESSION:
        assert not torch.equal(errors(3), errors(4))


@HEADS
def test_table_survives_being_written_to_a_checkpoint(head):
    table = build_head(settings(head)).table()
    assert SamplerTable.from_json(table.to_json()) == table


@GENERATIVE
def test_states_are_made_of_signal_and_noise_as_the_table_says(head):
    table = build_head(settings(head)).table()
    assert table.can_inpaint
    assert table.sigma[0] == pytest.approx(1.0, abs=0.02)
    assert table.signal[0] == pytest.approx(0.0, abs=0.02)
    assert table.signal == sorted(table.signal)


def test_regression_does_not_look_at_its_noise():
    table = build_head(suggested(Head.REGRESSION)).table()

    class Doubles(_Knows):
        def denoise(self, noisy, time, condition):
            return 2.0 * noisy

    levels = torch.tensor(table.timesteps)
    out = sample_chunk(Doubles(chunks()), table, levels, torch.zeros(64, 1), chunks())
    assert float(out.abs().max()) == 0.0


@pytest.mark.parametrize("prediction", [Prediction.SAMPLE, Prediction.V])
@pytest.mark.parametrize("head", [Head.DIFFUSION, Head.SCORE, Head.FLOW])
def test_every_kind_of_prediction_is_learned_from_a_target_that_fits_the_table(head, prediction):
    """The network that predicts without error, by the table, makes no errors in training."""
    made, clean = build_head(replace(settings(head, 100), prediction=prediction)), chunks()
    table = made.table()

    def predict(noisy, level):
        # The table's clean_state and clean_model, between whose levels training draws.
        state = _between(table.timesteps, table.clean_state, level)
        model = _between(table.timesteps, table.clean_model, level)
        return (clean - state * noisy) / model

    errors = made.errors(predict, clean, torch.Generator().manual_seed(0))
    assert float(errors.mean()) < 1e-2


def _between(levels, values, level):
    from numpy import interp

    at = interp(level.numpy(), levels[::-1], values[::-1])
    return torch.tensor(at, dtype=torch.float32)[:, None, None]


def test_student_without_error_is_where_the_teacher_arrives():
    def teacher(noisy, level):
        return 0.7 * noisy + 0.1

    # The teacher is affine, so where it arrives is an affine function of where it starts.
    walked = SamplerConfig(solver=Solver.DDIM, inference_steps=TEACHER_STEPS)
    places, loud = DiffusionHead(walked).visited(), [*loudness(TEACHER_STEPS).tolist(), 0.0]
    signal, sigma = [*places.signal.tolist(), 1.0], [*places.sigma.tolist(), 0.0]
    ends = []
    for x in (0.0, 1.0):
        for i in range(TEACHER_STEPS):
            clean = 0.7 * x + 0.1
            eps = (x - signal[i] * clean) / (sigma[i] * loud[i])
            x = signal[i + 1] * clean + sigma[i + 1] * loud[i + 1] * eps
        ends.append(x)
    offset, slope = ends[0], ends[1] - ends[0]
    errors = build_head(settings(Head.CONSISTENCY, 1)).errors(
        lambda noisy, level: slope * noisy + offset,
        chunks(),
        torch.Generator().manual_seed(0),
        teacher,
    )
    assert float(errors.max()) < 1e-8


def test_student_learns_without_gradients_in_the_teacher():
    weight = torch.ones((), requires_grad=True)
    head = build_head(settings(Head.CONSISTENCY))
    errors = head.errors(
        lambda noisy, level: weight * noisy,
        chunks(),
        torch.Generator().manual_seed(0),
        lambda noisy, level: weight * noisy + 1.0,
    )
    (whole,) = torch.autograd.grad(errors.mean(), weight)
    assert float(whole) != 0.0
    assert not errors.isnan().any()


def test_consistency_without_a_teacher_is_refused():
    with pytest.raises(RefusedError, match="teacher"):
        build_head(settings(Head.CONSISTENCY)).errors(
            lambda noisy, level: noisy, chunks(), torch.Generator(), None
        )


@pytest.mark.parametrize("steps", [3, 5, 16])
def test_consistency_refuses_steps_that_its_teacher_does_not_take(steps):
    with pytest.raises(ValueError, match="1, 2, 4 or 8"):
        build_head(settings(Head.CONSISTENCY, steps))


@pytest.mark.parametrize("head", [Head.FLOW, Head.CONSISTENCY])
def test_predicting_noise_is_refused_where_nothing_but_noise_is_seen(head):
    with pytest.raises(ValueError, match="epsilon"):
        build_head(replace(settings(head), prediction=Prediction.EPSILON))


def test_regression_refuses_more_than_one_step():
    with pytest.raises(ValueError, match="1 inference step, got 4"):
        build_head(SamplerConfig(head=Head.REGRESSION, inference_steps=4))


@HEADS
def test_suggested_settings_build_their_head(head):
    assert suggested(head).head is head
    assert build_head(suggested(head)).table().steps <= 10
