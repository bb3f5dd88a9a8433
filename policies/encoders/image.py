"""Pictures as a few numbers: where things are, and how clearly they are there."""

import torch
from torch import Tensor, nn

from policies.contract import IMAGE, Channels, ImageSpec, depth_key
from policies.resize import crop_size

_NEAR_M = 0.5
"""Distance that maps to the middle of the depth channel's range."""
_FAR_M = 10.0
"""Readings beyond count as none."""
_STAGES = ((2, 2), (4, 2), (8, 1))
"""Channels of each residual stage, as a multiple of the stem's, and its stride."""


class ImageEncoder(nn.Module):
    """Small residual network with group normalisation and a spatial softmax.

    Batch statistics and a moving average of the weights do not get along, so normalisation is per
    picture, and positions instead of means are what a policy needs (Chi et al., 2023, Diffusion
    Policy). The last stage keeps its resolution (stride 8 in all), since positions are read off it.

    Args:
        spec: The camera.
        width: Channels of the stem.
        embedding: Size of what comes out per picture.

    Attributes:
        size: Length of the features: all pictures of the history.
    """

    def __init__(self, spec: ImageSpec, width: int, embedding: int) -> None:
        super().__init__()
        self._spec, self._crop = spec, crop_size(spec)
        self.size = spec.steps * embedding
        stages, channels = [], width
        for multiple, stride in _STAGES:
            stages.append(ResidualBlock(channels, multiple * width, stride))
            channels = multiple * width
        self.trunk = nn.Sequential(
            nn.Conv2d(channels_of(spec), width, 5, stride=2, padding=2, bias=False),
            group_norm(width),
            nn.SiLU(),
            *stages,
        )
        self.pool = SpatialSoftmax(channels, embedding)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features (B, size) of the pictures of this camera among the inputs.

        Pictures of the camera's full size are cut to the middle, as at run time; crops, as in
        training, are taken as they are.
        """
        pixels = as_pixels(inputs, self._spec, self._crop)
        return self.pool(self.trunk(pixels.flatten(0, 1))).reshape(len(pixels), self.size)


class ResidualBlock(nn.Module):
    """Two convolutions with a way around them (He et al., 2016), normalised by groups."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False),
            group_norm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            group_norm(channels),
        )
        self.around = nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.layers(x) + self.around(x))


class SpatialSoftmax(nn.Module):
    """Where each channel is most active, and how active it is there (Levine et al., 2016).

    Positions are relative to the picture, in [-1, 1]; the activation says whether the thing is in
    the picture at all, which a position alone cannot.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.project = nn.Linear(3 * channels, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Embedding (B, E) of activations (B, C, h, w)."""
        height, width = x.shape[-2:]
        # In full precision: eight bits of mantissa are too few for a position.
        x = x.flatten(2).float()
        weight = x.softmax(dim=-1)
        across = torch.linspace(-1.0, 1.0, width, device=x.device).repeat(height)
        down = torch.linspace(-1.0, 1.0, height, device=x.device).repeat_interleave(width)
        read = [(weight * what).sum(dim=-1) for what in (across, down, x)]
        return self.project(torch.cat(read, dim=1))


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalisation over groups of eight channels, where they can be made."""
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)


def channels_of(spec: ImageSpec) -> int:
    """Channels of a camera's pixels: colours, and depth with where it is known."""
    return 3 * (spec.channels is not Channels.DEPTH) + 2 * (spec.channels is not Channels.RGB)


def as_pixels(inputs: dict[str, Tensor], spec: ImageSpec, crop: tuple[int, int]) -> Tensor:
    """Colours in [-1, 1], scaled depth and its mask, as one picture (B, n, C, h, w)."""
    parts = []
    if spec.channels is not Channels.DEPTH:
        colours = centre_crop(inputs[IMAGE + spec.key], spec, crop)
        parts.append(colours.float() * (1.0 / 127.5) - 1.0)
    if spec.channels is not Channels.RGB:
        depth = centre_crop(inputs[IMAGE + depth_key(spec.key)], spec, crop)
        parts.append(scale_depth(depth.float()))
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def centre_crop(pictures: Tensor, spec: ImageSpec, crop: tuple[int, int]) -> Tensor:
    """The middle of pictures of full size (..., H, W); crops come back as they are.

    Raises:
        ValueError: When they are of another size.
    """
    found = tuple(pictures.shape[-2:])
    if found == crop:
        return pictures
    if found != (spec.height, spec.width):
        raise ValueError(
            f"{spec.key}: wanted pictures of {spec.height} x {spec.width} px or crops of "
            f"{crop[0]} x {crop[1]} px, got {found[0]} x {found[1]}."
        )
    top, left = (spec.height - crop[0]) // 2, (spec.width - crop[1]) // 2
    return pictures[..., top : top + crop[0], left : left + crop[1]]


def scale_depth(depth_m: Tensor) -> Tensor:
    """Depth (..., 1, H, W) as two channels: 1 for near to -1 for far, and whether it is known.

    The scale is that of disparity, so a millimetre counts for more the nearer it is. Where depth is
    unknown it is the mean of the picture, since any fixed value would look like an edge.
    """
    known = (depth_m > 0.0) & (depth_m < _FAR_M)
    # Comparisons with NaN are false, so it counts as unknown and goes no further.
    scaled = 2.0 * _NEAR_M / (torch.where(known, depth_m, 0.0) + _NEAR_M) - 1.0
    mask = known.to(scaled.dtype)
    count = mask.sum(dim=(-2, -1), keepdim=True).clamp(min=1.0)
    mean = (scaled * mask).sum(dim=(-2, -1), keepdim=True) / count
    return torch.cat([torch.where(known, scaled, mean), mask], dim=-3)
