"""Trunks: the networks that denoise chunks, all behind `Denoiser`."""

from policies.config import NetworkConfig, Trunk
from policies.trunks.denoiser import Denoiser
from policies.trunks.dit import DiffusionTransformer
from policies.trunks.mixer import Mixer
from policies.trunks.residual_mlp import ResidualMlp
from policies.trunks.unet import UNet

__all__ = ["Denoiser", "DiffusionTransformer", "Mixer", "ResidualMlp", "UNet", "build_denoiser"]


def build_denoiser(
    feature_size: int, horizon: int, action_size: int, config: NetworkConfig
) -> ResidualMlp | Mixer | UNet | DiffusionTransformer:
    """The denoiser that a config asks for.

    Args:
        feature_size: E, size of an encoded observation.
        horizon: H, actions in a chunk.
        action_size: A, numbers of an action.
        config: Which trunk, and its sizes.

    Raises:
        ValueError: When the sizes do not suit the trunk.
    """
    match config.trunk:
        case Trunk.RESIDUAL_MLP:
            build = ResidualMlp
        case Trunk.MIXER:
            build = Mixer
        case Trunk.UNET:
            build = UNet
        case Trunk.DIT:
            build = DiffusionTransformer
    return build(feature_size, horizon, action_size, config)
