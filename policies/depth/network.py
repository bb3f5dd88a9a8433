"""Clean depth from a picture and raw depth: learned averages of what was measured.

Raw depth holds value noise, holes and readings between two surfaces (Liu et al., *Manipulation as
in Simulation*, 2025). The network works on inverse depth: its noise is as large near as far, and
it is linear over a plane, so that a symmetric average of it is no less exact on a slanted surface.

A small U-Net looks at picture and depth and says of every pixel how far its reading can be trusted
and, for a ladder of widths, which neighbours belong to its surface. Readings are averaged by
that, from the widest to the narrowest (the à-trous filter of Dammertz et al., 2010, with the
predicted kernels of Bako et al., 2017); what differs much in depth belongs together less, as in a
bilateral filter (Tomasi and Manduchi, 1998), by how much is predicted too. The narrow averages may
begin again from the readings, where the wide ones went across an edge. Beside the averages stand
three more candidates: the pixel's own reading; the last one to its left, as the shadow of a stereo
camera falls to the left of what casts it and belongs to what is behind; and what the surroundings
fill in. What no average can give, it adds: a relative correction. Last it says whether it knows at
all.

=========  ==================================================
``w``      inverse depth [1/m]
``mass``   how much trusted measurement an average stands on
=========  ==================================================
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad, pixel_shuffle, pixel_unshuffle

from policies.json_config import JsonConfig, require

MULTIPLE_PX = 16
"""Sides of pictures are multiples of it."""
_INPUTS = 8
"""Channels: picture, whether there is a reading, and four of `_seen`."""
_DILATIONS = (16, 8, 4, 2, 1)
"""Of the averages, in their order, in pixels."""
_FINE = 2
"""So many of the last ones have a kernel of their own for every pixel, not for four."""
_TAPS, _CENTRE = 9, 4
_SURE = 2.0
"""Logit that kernels begin with in their middle: averages begin narrow."""
_FINE_KERNELS = _FINE * (_TAPS + 1)
"""Channels: kernels, and how strict each is about differences in depth."""
_CANDIDATES = 3
"""What the surroundings fill in, the reading to the left, the pixel's own."""
_CANDIDATE, _LEAST_CANDIDATE, _MOST_CANDIDATE = -7.0, -12.0, 3.0
"""Logarithm of the mass that they begin with, and its limits."""
_OTHERS = 4
"""Channels: how much of the wide averages is kept, trust, correction, knowledge."""
_KEEP = 3.0
"""Logit that the wide averages begin to be kept with."""
_FILL_LEVELS = 5
_NEAR_DETAIL, _FAR_DETAIL = 0.01, 0.05
"""Differences of inverse depth to its surroundings [1/m] that are seen well."""
_CORRECTION = 0.05
_APART = 0.05
"""Difference of inverse depth [1/m] that is counted as one between surfaces ..."""
_MOST_APART = 4.0
"""... and at most so much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthNetworkConfig(JsonConfig):
    """Shape of the network.

    Attributes:
        channels: Of each level; the first is at half the picture's size, each further one at half
            of the one before.
        blocks: Of each level on the way down; on the way up there is one each.
        widening: Of the hidden layer of a block.
    """

    channels: list[int] = field(default_factory=lambda: [24, 40, 64, 96])
    blocks: list[int] = field(default_factory=lambda: [1, 2, 2, 2])
    widening: int = 2

    def __post_init__(self) -> None:
        require(len(self.channels) == 4, f"There are four levels, not {len(self.channels)}.")
        require(len(self.blocks) == 4, f"There are four levels, not {len(self.blocks)}.")
        sizes = (*self.channels, *self.blocks, self.widening)
        require(min(sizes) >= 1, f"Needs sizes of at least 1, got {sizes}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cleaned:
    """What the network says of B pictures.

    Attributes:
        w: Inverse depth [1/m], (B, 1, H, W).
        known: Logit that it is right, (B, 1, H, W).
    """

    w: Tensor
    known: Tensor


class DepthNetwork(nn.Module):
    """Cleans depth.

    Args:
        config: Its shape.
    """

    def __init__(self, config: DepthNetworkConfig) -> None:
        super().__init__()
        channels = config.channels
        self.enter = nn.Conv2d(4 * _INPUTS, channels[0], 1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(channels))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(channels))
        self.inward = nn.ModuleList(
            nn.Sequential(*(_Block(width, config.widening) for _ in range(count)))
            for width, count in zip(channels, config.blocks, strict=True)
        )
        self.outward = nn.ModuleList(_Block(width, config.widening) for width in channels[:-1])
        coarse = len(_DILATIONS) - _FINE
        self.wide = nn.Conv2d(channels[0], coarse * (_TAPS + 1), 1)
        singles = _FINE_KERNELS + _CANDIDATES + _OTHERS
        self.fine = nn.Conv2d(channels[0], 4 * singles, 1)
        wide, fine = torch.zeros(coarse, _TAPS + 1), torch.zeros(singles, 4)
        wide[:, _CENTRE] = fine[_CENTRE : _FINE_KERNELS : _TAPS + 1] = _SURE
        fine[_FINE_KERNELS:-_OTHERS] = _CANDIDATE
        fine[-_OTHERS] = _KEEP
        for head, bias in ((self.wide, wide), (self.fine, fine)):
            nn.init.zeros_(head.weight)
            head.bias = nn.Parameter(bias.flatten())

    def forward(self, rgb: Tensor, depth_m: Tensor) -> Cleaned:
        """Clean the depth of pictures.

        Args:
            rgb: In [0, 1], (B, 3, H, W); H and W are multiples of `MULTIPLE_PX`.
            depth_m: (B, 1, H, W), 0 where there is no reading.
        """
        valid = (depth_m > 0.0).to(depth_m.dtype)
        w = valid / depth_m.clamp(min=1e-3)
        filled = fill(w, valid)
        left = left_of(w, valid, filled)
        features = self._features(torch.cat([rgb, valid, _seen(filled, left)], dim=1))
        wide, fine = self.wide(features), pixel_shuffle(self.fine(features), 2)
        kernels, masses, others = fine.split((_FINE_KERNELS, _CANDIDATES, _OTHERS), dim=1)
        keep, trust, correction, known = others.split(1, dim=1)
        mass = valid * trust.sigmoid()
        carried = _averaged(w, mass, wide, kernels, keep.sigmoid(), filled)
        average = _answer(carried, w, valid, left, filled, masses)
        return Cleaned(w=average * (1.0 + _CORRECTION * correction), known=known)

    def _features(self, inputs: Tensor) -> Tensor:
        """What the U-Net makes of the inputs, at half their size."""
        x = self.inward[0](self.enter(pixel_unshuffle(inputs, 2)))
        levels = [x]
        for down, inward in zip(self.down, list(self.inward)[1:], strict=True):
            x = inward(down(x))
            levels.append(x)
        for i in reversed(range(len(self.up))):
            x = levels[i] + interpolate(self.up[i](x), scale_factor=2.0, mode="nearest")
            x = self.outward[i](x)
        return x


class _Block(nn.Module):
    """A depthwise convolution and two layers for every pixel, beside a way around them."""

    def __init__(self, width: int, widening: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.widen = nn.Conv2d(width, widening * width, 1)
        self.narrow = nn.Conv2d(widening * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(nn.functional.silu(self.widen(self.around(x))))


def fill(w: Tensor, valid: Tensor) -> Tensor:
    """Inverse depth with holes filled from ever wider surroundings, (B, 1, H, W).

    Pull-push (Gortler et al., *The Lumigraph*, 1996) with boxes. Where nothing at all was
    measured it is one per metre.
    """
    sums, counts = [w * valid], [valid]
    for _ in range(_FILL_LEVELS - 1):
        sums.append(avg_pool2d(sums[-1], 2, ceil_mode=True))
        counts.append(avg_pool2d(counts[-1], 2, ceil_mode=True))
    total = counts[-1].sum(dim=(2, 3), keepdim=True)
    whole = sums[-1].sum(dim=(2, 3), keepdim=True) / total.clamp(min=1e-6)
    filled = torch.where(total > 0.0, whole, torch.ones_like(whole)).expand_as(sums[-1])
    for level, (part, count) in reversed(list(enumerate(zip(sums, counts, strict=True)))):
        if level < _FILL_LEVELS - 1:
            filled = interpolate(filled, size=part.shape[-2:], mode="bilinear")
        filled = torch.where(count > 0.0, part / count.clamp(min=1e-6), filled)
    return filled


def left_of(w: Tensor, valid: Tensor, filled: Tensor) -> Tensor:
    """Inverse depth with every hole taken from the next reading to its left, (B, 1, H, W).

    Where there is none it is `filled`.
    """
    columns = torch.arange(w.shape[-1], device=w.device).expand_as(w)
    last = torch.where(valid > 0.0, columns, -1).cummax(dim=-1).values
    return torch.where(last >= 0, w.gather(-1, last.clamp(min=0)), filled)


def _seen(filled: Tensor, left: Tensor) -> Tensor:
    """Inverse depth as the U-Net takes it in: how far, and what stands out, (B, 4, H, W)."""
    details = []
    for size, scale in ((4, _NEAR_DETAIL), (16, _FAR_DETAIL)):
        around = interpolate(avg_pool2d(filled, size), size=filled.shape[-2:], mode="bilinear")
        details.append(torch.tanh((filled - around) / scale))
    details.append(torch.tanh((left - filled) / _FAR_DETAIL))
    return torch.cat([filled.clamp(min=1e-3).log(), *details], dim=1)


def _averaged(
    w: Tensor, mass: Tensor, wide: Tensor, fine: Tensor, keep: Tensor, filled: Tensor
) -> Tensor:
    """Averages of averages, from the widest to the narrowest: times mass, and mass, (B, 2, H, W).

    `keep` is the share of the wide ones that the narrow ones begin with; the rest is readings.
    """
    readings = torch.cat([w * mass, mass], dim=1)
    carried = readings
    coarse = len(_DILATIONS) - _FINE
    for i, dilation in enumerate(_DILATIONS):
        if i < coarse:
            kernel = _kernel(wide, i, filled[..., ::2, ::2], dilation // 2)
            kernel = interpolate(kernel, scale_factor=2.0, mode="nearest")
        else:
            kernel = _kernel(fine, i - coarse, filled, dilation)
        if i == coarse:
            carried = readings + keep * (carried - readings)
        carried = _spread(carried, kernel, dilation)
    return carried


def _answer(
    carried: Tensor, w: Tensor, valid: Tensor, left: Tensor, filled: Tensor, masses: Tensor
) -> Tensor:
    """The average with the other candidates, by mass, (B, 1, H, W)."""
    around, beside, own = masses.clamp(_LEAST_CANDIDATE, _MOST_CANDIDATE).exp().split(1, dim=1)
    own = own * valid
    total = carried[:, :1] + around * filled + beside * left + own * w
    return total / (carried[:, 1:] + around + beside + own)


def _kernel(predicted: Tensor, i: int, filled: Tensor, dilation: int) -> Tensor:
    """The i-th kernel, (B, 9, H, W), with less weight for what differs in depth."""
    first = i * (_TAPS + 1)
    logits, strictness = predicted[:, first : first + _TAPS], predicted[:, first + _TAPS, None]
    padded = pad(filled, [dilation] * 4, mode="replicate")
    around = torch.cat(list(_taps(padded, dilation)), dim=1)
    apart = ((around - filled).abs() / _APART).clamp(max=_MOST_APART)
    return (logits - nn.functional.softplus(strictness) * apart).softmax(dim=1)


def _spread(carried: Tensor, kernel: Tensor, dilation: int) -> Tensor:
    """One average over 3 x 3 neighbours that are so far apart, by kernels (B, 9, H, W)."""
    if torch.is_grad_enabled():
        return _Spread.apply(carried, kernel, dilation)
    padded = pad(carried, [dilation] * 4)
    total = torch.zeros_like(carried)
    for tap, part in enumerate(_taps(padded, dilation)):
        total = total + kernel[:, tap : tap + 1] * part
    return total


def _taps(padded: Tensor, dilation: int) -> Iterator[Tensor]:
    """The neighbours of all pixels, one after the other, as views of what is padded for them."""
    height, width = padded.shape[-2] - 2 * dilation, padded.shape[-1] - 2 * dilation
    for tap in range(_TAPS):
        row, column = dilation * (tap // 3), dilation * (tap % 3)
        yield padded[..., row : row + height, column : column + width]


class _Spread(torch.autograd.Function):
    """`_spread` with a backward pass that adds up in place: torch's own makes a copy per tap."""

    @staticmethod
    def forward(ctx: Any, carried: Tensor, kernel: Tensor, dilation: int) -> Tensor:
        padded = pad(carried, [dilation] * 4)
        ctx.save_for_backward(padded, kernel)
        ctx.dilation = dilation
        total = torch.zeros_like(carried)
        for tap, part in enumerate(_taps(padded, dilation)):
            total.addcmul_(kernel[:, tap : tap + 1], part)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        (grad,) = grads
        padded, kernel = ctx.saved_tensors
        dilation: int = ctx.dilation
        to_padded, to_kernel = torch.zeros_like(padded), torch.empty_like(kernel)
        parts, sums = _taps(padded, dilation), _taps(to_padded, dilation)
        for tap, (part, add_to) in enumerate(zip(parts, sums, strict=True)):
            torch.sum(grad * part, dim=1, out=to_kernel[:, tap])
            add_to.addcmul_(kernel[:, tap : tap + 1], grad)
        inside = (..., slice(dilation, -dilation), slice(dilation, -dilation))
        return to_padded[inside], to_kernel, None
