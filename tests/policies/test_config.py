import json

import pytest

from policies.config import NetworkConfig, Prediction, SamplerConfig, TrainConfig
from policies.sampler import SamplerTable


def test_config_survives_json():
    config = TrainConfig(
        seed=3, max_minutes=4.5, sampler=SamplerConfig(prediction=Prediction.V, inference_steps=7)
    )
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": "256"}, "Wanted int"),
        ({"width": True}, "Wanted int"),
        ({"width": 0}, "positive"),
        ({"trunk": "gru"}, "gru"),
        ({"depth": 3}, "depth"),
    ],
)
def test_bad_fields_are_refused_with_a_reason(change, said):
    values = {**NetworkConfig().to_json(), **change}
    with pytest.raises(ValueError, match=said):
        NetworkConfig.from_json(values)


def test_missing_fields_are_refused():
    with pytest.raises(ValueError, match="model"):
        SamplerTable.from_json({"timesteps": [9], "state": [0.0]})


def test_a_file_older_than_a_field_gets_its_default():
    values = SamplerConfig(inference_steps=3).to_json()
    del values["noise_scale"]
    assert SamplerConfig.from_json(values) == SamplerConfig(inference_steps=3)


def test_more_sampling_steps_than_noise_levels_are_refused():
    with pytest.raises(ValueError, match="1 to 10 steps"):
        SamplerConfig(train_timesteps=10, inference_steps=11)
