"""Sizes that go together: three for every trunk, the same for all tasks.

TINY has 0.3 to 0.4 million parameters, BASE 1.2 to 1.3, LARGE 9 to 11 (state input, chunks of 16).
"""

from policies.config import NetworkConfig, Preset, Trunk

_SIZES = {
    # (width, blocks, expansion, attention heads)
    (Trunk.RESIDUAL_MLP, Preset.TINY): (160, 2, 2, 4),
    (Trunk.RESIDUAL_MLP, Preset.BASE): (256, 3, 2, 4),
    (Trunk.RESIDUAL_MLP, Preset.LARGE): (640, 4, 2, 4),
    (Trunk.MIXER, Preset.TINY): (96, 4, 2, 4),
    (Trunk.MIXER, Preset.BASE): (192, 4, 2, 4),
    (Trunk.MIXER, Preset.LARGE): (448, 8, 2, 4),
    (Trunk.UNET, Preset.TINY): (16, 2, 2, 4),
    (Trunk.UNET, Preset.BASE): (32, 2, 2, 4),
    (Trunk.UNET, Preset.LARGE): (96, 2, 2, 4),
    (Trunk.DIT, Preset.TINY): (64, 4, 4, 4),
    (Trunk.DIT, Preset.BASE): (128, 4, 4, 4),
    (Trunk.DIT, Preset.LARGE): (320, 6, 4, 8),
}


_IMAGE_WIDTHS = {Preset.TINY: 8, Preset.BASE: 16, Preset.LARGE: 32}


def preset(trunk: Trunk, size: Preset) -> NetworkConfig:
    """Settings of a trunk at one of three sizes; the termination head stays as it is."""
    width, blocks, expansion, attention_heads = _SIZES[trunk, size]
    return NetworkConfig(
        trunk=trunk,
        width=width,
        blocks=blocks,
        expansion=expansion,
        attention_heads=attention_heads,
        image_width=_IMAGE_WIDTHS[size],
    )
