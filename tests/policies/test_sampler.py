import pytest
import torch

from policies.config import SamplerConfig
from policies.heads import build_head
from policies.sampler import Prefix, SamplerTable, sample_chunk


class _Oracle:
    """Knows the clean chunk, whatever it is shown."""

    def __init__(self, clean: torch.Tensor) -> None:
        self._clean = clean

    def condition(self, features):
        return features

    def embed_time(self, timesteps):
        return timesteps

    def denoise(self, noisy, time, condition):
        return self._clean


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_sampling_with_a_perfect_network_gives_the_clean_chunk(steps):
    table = build_head(SamplerConfig(inference_steps=steps)).table()
    clean, noise = torch.randn(2, 1, 16, 10, generator=torch.Generator().manual_seed(1))
    time = torch.tensor(table.timesteps)
    out = sample_chunk(_Oracle(clean), table, time, torch.zeros(1, 3), noise)
    torch.testing.assert_close(out, clean, atol=1e-6, rtol=0.0)


def test_table_with_columns_of_different_length_is_refused():
    with pytest.raises(ValueError, match="one length"):
        SamplerTable(timesteps=[9, 4], state=[0.5, 0.0], model=[1.0])


def test_an_inpainted_prefix_comes_out_as_it_went_in():
    table = build_head(SamplerConfig(inference_steps=4)).table()
    known, clean, noise = torch.randn(3, 1, 16, 10, generator=torch.Generator().manual_seed(2))
    out = sample_chunk(
        _Oracle(clean),
        table,
        torch.tensor(table.timesteps),
        torch.zeros(1, 3),
        noise,
        prefix=Prefix(chunk=known, weight=(torch.arange(16) < 5).float()[:, None]),
    )
    torch.testing.assert_close(out[:, :5], known[:, :5])
    torch.testing.assert_close(out[:, 5:], clean[:, 5:], atol=1e-6, rtol=0.0)
