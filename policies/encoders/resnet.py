"""ResNet-18 with weights learned on ImageNet, for when there are few demonstrations.

Batch normalisation is frozen: its statistics belong to the weights, a moving average of the weights
stays valid, and a picture's features do not depend on its batch. The last of the four stages is
left out, since its map is too coarse to read positions off.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from policies.contract import Channels, ImageSpec
from policies.encoders.image import SpatialSoftmax, as_pixels, channels_of
from policies.resize import crop_size
from robot_skills.core.errors import CheckpointError, MissingDependencyError

REPOSITORY, FILE = "timm/resnet18.tv_in1k", "model.safetensors"
"""Torchvision's weights as safetensors; those that torchvision downloads are pickles."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet."""
_BASE_WIDTH = 64


class FrozenBatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy, 2015) with everything in it fixed."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "running_var"):
            self.register_buffer(name, torch.ones(channels))
        for name in ("bias", "running_mean"):
            self.register_buffer(name, torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class BasicBlock(nn.Module):
    """Two convolutions with a way around them (He et al., 2016); names as in torchvision."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = FrozenBatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = FrozenBatchNorm(channels)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), FrozenBatchNorm(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNetTrunk(nn.Module):
    """ResNet-18 up to its third stage: stride 16; names as in torchvision."""

    def __init__(self, channels: int, width: int = _BASE_WIDTH) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.channels = 4 * width

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        return self.layer3(self.layer2(self.layer1(x)))


def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(channels_in, channels, stride), BasicBlock(channels, channels, 1)
    )


class ResNetEncoder(nn.Module):
    """Pictures through ResNet-18 and a spatial softmax.

    Starts from random weights, so that a checkpoint can be loaded without a download; training
    begins with `load_pretrained`.

    Args:
        spec: The camera; it must give colours.
        embedding: Size of what comes out per picture.
        width: Channels of the first stage; the pretrained weights have 64.

    Attributes:
        size: Length of the features: all pictures of the history.

    Raises:
        ValueError: When the camera gives depth only.
    """

    _mean: Tensor
    _std: Tensor

    def __init__(self, spec: ImageSpec, embedding: int, width: int = _BASE_WIDTH) -> None:
        if spec.channels is Channels.DEPTH:
            raise ValueError(f"{spec.key}: pretrained weights see colours, not depth alone.")
        super().__init__()
        self._spec, self._crop = spec, crop_size(spec)
        self.size = spec.steps * embedding
        self.trunk = ResNetTrunk(channels_of(spec), width)
        self.pool = SpatialSoftmax(self.trunk.channels, embedding)
        # Pixels come in [-1, 1]; depth and its mask stay as they are.
        rest = channels_of(spec) - 3
        mean = [2.0 * value - 1.0 for value in _MEAN] + rest * [0.0]
        std = [2.0 * value for value in _STD] + rest * [1.0]
        for name, values in (("_mean", mean), ("_std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features (B, size) of the pictures of this camera among the inputs."""
        pixels = (as_pixels(inputs, self._spec, self._crop) - self._mean) / self._std
        features = self.pool(self.trunk(pixels.flatten(0, 1)))
        return features.reshape(len(pixels), self.size)

    def load_pretrained(self, path: Path | None = None) -> None:
        """Take the convolutions from weights on disk.

        Args:
            path: A safetensors file with torchvision's names; by default ImageNet weights from the
                hub, or from its local cache.

        Raises:
            MissingDependencyError: When the weights are neither cached nor reachable.
            CheckpointError: When the file is damaged or of another network.
        """
        path = _downloaded() if path is None else path
        self.trunk.load_state_dict(_fitting(path, self.trunk.state_dict()))


def _downloaded() -> Path:
    """The ImageNet weights, from the hub or its cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(REPOSITORY, FILE))
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingDependencyError(
            f"ImageNet weights {REPOSITORY} are neither cached nor reachable ({reason}) Fetch "
            f"{FILE} from there on another machine and name the file, or train without them."
        ) from None


def _fitting(path: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a trunk needs of a file's weights."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"Pretrained weights {path} cannot be read: {reason}.") from None
    weights = {}
    for name, own in wanted.items():
        if name not in found:
            raise CheckpointError(f"Pretrained weights {path} lack {name}; a ResNet-18 is needed.")
        weight = found[name].float()
        if name == "conv1.weight" and weight.shape[1] < own.shape[1]:
            # Depth starts without a say and earns it.
            silent = own.shape[1] - weight.shape[1]
            weight = torch.cat([weight, torch.zeros_like(own[:, :silent])], dim=1)
        if weight.shape != own.shape or not torch.isfinite(weight).all():
            raise CheckpointError(
                f"Pretrained weights {path}: {name} has shape {tuple(weight.shape)}, wanted "
                f"{tuple(own.shape)}, all finite."
            )
        weights[name] = weight
    return weights
