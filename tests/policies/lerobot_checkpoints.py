"""Tiny LeRobot checkpoints with random weights, written by LeRobot itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from policies.lerobot_files import POSTPROCESSOR, PREPROCESSOR

STATE, ENV, CAMERA = (
    "observation.state",
    "observation.environment_state",
    "observation.images.front",
)
NUMBERS = {STATE: (7,), ENV: (2,)}
SEEING = {STATE: (7,), CAMERA: (3, 48, 64)}
SIZES: dict[str, dict[str, Any]] = {
    "act": {"chunk_size": 5, "n_action_steps": 5, "dim_model": 16, "n_heads": 2}
    | {"dim_feedforward": 16, "n_encoder_layers": 1, "n_vae_encoder_layers": 1, "latent_dim": 4}
    | {"pretrained_backbone_weights": None},
    "diffusion": {"n_obs_steps": 2, "horizon": 8, "n_action_steps": 4, "down_dims": (16, 32)}
    | {"diffusion_step_embed_dim": 8, "n_groups": 4, "num_train_timesteps": 4}
    | {"spatial_softmax_num_keypoints": 4, "pretrained_backbone_weights": None},
    "vqbet": {"n_obs_steps": 3, "n_action_pred_token": 2, "action_chunk_size": 3}
    | {"gpt_input_dim": 16, "gpt_output_dim": 16, "gpt_hidden_dim": 16, "gpt_n_layer": 1}
    | {"gpt_n_head": 2, "gpt_block_size": 50, "vqvae_n_embed": 4, "vqvae_embedding_dim": 8}
    | {"vqvae_enc_hidden_dim": 8, "crop_shape": None}
    | {"spatial_softmax_num_keypoints": 4, "pretrained_backbone_weights": None},
}
"""Settings of every kind that make it small."""


def write_checkpoint(
    directory: Path,
    kind: str,
    inputs: Mapping[str, tuple[int, ...]],
    action: int = 3,
    rename: Mapping[str, str] | None = None,
    **settings: Any,
) -> Path:
    """A checkpoint of a policy of a kind, with statistics that are not trivial.

    Args:
        directory: Where to write it.
        kind: Type of the policy.
        inputs: Shapes of what it sees.
        action: Numbers in one action.
        rename: Names in the dataset to names in `inputs`, as `lerobot-train --rename_map` has it.
        settings: More settings of the policy.
    """
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import (
        get_policy_class,
        make_policy_config,
        make_pre_post_processors,
    )

    config = make_policy_config(
        kind,
        input_features={key: PolicyFeature(_type(key), shape) for key, shape in inputs.items()},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (action,))},
        device="cpu",
        push_to_hub=False,
        **(SIZES[kind] | settings),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = get_policy_class(kind)(config)
    pre, post = make_pre_post_processors(
        config, dataset_stats=_stats({**inputs, "action": (action,)})
    )
    pre.steps[0].rename_map = dict(rename or {})
    policy.save_pretrained(directory)
    pre.save_pretrained(directory, config_filename=PREPROCESSOR)
    post.save_pretrained(directory, config_filename=POSTPROCESSOR)
    return directory


def write_config(directory: Path, kind: str, inputs: Mapping[str, tuple[int, ...]]) -> None:
    """The settings alone of a policy that is too large to be built in a test."""
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import make_policy_config

    config = make_policy_config(
        kind,
        input_features={key: PolicyFeature(_type(key), shape) for key, shape in inputs.items()},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (3,))},
        device="cpu",
        push_to_hub=False,
    )
    config.save_pretrained(directory)


def _type(key: str) -> Any:
    from lerobot.configs import FeatureType

    if key.startswith("observation.images."):
        return FeatureType.VISUAL
    return FeatureType.STATE if key == "observation.state" else FeatureType.ENV


def _stats(features: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, torch.Tensor]]:
    values = {"mean": 0.4, "std": 0.3, "min": -2.0, "max": 3.0}
    shapes = {key: (3, 1, 1) if len(shape) == 3 else shape for key, shape in features.items()}
    return {
        key: {name: torch.full(shape, value) for name, value in values.items()}
        for key, shape in shapes.items()
    }
