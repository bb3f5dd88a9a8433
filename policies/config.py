"""Settings of networks, samplers, noise and training; they travel inside every checkpoint.

Nothing heavy is imported here, so that a command line can print its help at once.
"""

from dataclasses import asdict, dataclass, field
from enum import Enum

from policies.contract import ObserveConfig
from policies.json_config import JsonConfig, require

__all__ = [
    "Backbone",
    "Head",
    "JsonConfig",
    "NetworkConfig",
    "NoiseConfig",
    "Prediction",
    "Preset",
    "SamplerConfig",
    "Solver",
    "TrainConfig",
    "Trunk",
    "require",
]


class Trunk(Enum):
    """Which network denoises a chunk. A new one is a new member and a case in `build_denoiser`."""

    RESIDUAL_MLP = "residual_mlp"
    MIXER = "mixer"
    UNET = "unet"
    DIT = "dit"


class Preset(Enum):
    """Size of a network."""

    TINY = "tiny"
    BASE = "base"
    LARGE = "large"


class Backbone(Enum):
    """Which network looks at pictures. A new one is a new member and a case in the encoders."""

    SMALL = "small"
    """A few group-normalised residual blocks, learned from the demonstrations alone."""
    RESNET18 = "resnet18"
    """ResNet-18 with weights from ImageNet; slower by an order of magnitude."""


class Head(Enum):
    """How chunks are learned and sampled. A new one is a new member and a case in `build_head`."""

    DIFFUSION = "diffusion"
    SCORE = "score"
    FLOW = "flow"
    CONSISTENCY = "consistency"
    REGRESSION = "regression"


class Solver(Enum):
    """Which sampler of `diffusers` denoises, for `Head.DIFFUSION`."""

    DDIM = "ddim"
    DDPM = "ddpm"
    DPM = "dpm_solver++"


class Prediction(Enum):
    """What the network predicts, under diffusers' names."""

    SAMPLE = "sample"
    V = "v_prediction"
    EPSILON = "epsilon"


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig(JsonConfig):
    """Shape of the network."""

    trunk: Trunk = Trunk.RESIDUAL_MLP
    """Which network denoises."""
    width: int = 256
    """Size of the residual stream."""
    blocks: int = 3
    """Residual blocks."""
    expansion: int = 2
    """Hidden size of a block, as a multiple of the width."""
    termination_width: int = 128
    """Hidden size of the termination head."""
    attention_heads: int = 4
    """Attention heads of a transformer."""
    backbone: Backbone = Backbone.SMALL
    """What looks at pictures."""
    image_width: int = 16
    """Channels of an image encoder's first stage; they double with every stage."""
    embedding: int = 64
    """Size of what an encoder makes of one picture, one cloud or one sentence."""

    def __post_init__(self) -> None:
        sizes = (
            *(self.width, self.blocks, self.expansion, self.termination_width),
            *(self.attention_heads, self.image_width, self.embedding),
        )
        require(min(sizes) >= 1, f"Network sizes must be positive, got {sizes}.")
        require(self.width % 2 == 0, f"The network width must be even, got {self.width}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerConfig(JsonConfig):
    """Noise schedule of training, and how a chunk is sampled from noise."""

    head: Head = Head.SCORE
    """How chunks are learned and sampled."""
    solver: Solver = Solver.DDIM
    """Sampler of `Head.DIFFUSION`; the others bring their own."""
    train_timesteps: int = 100
    """Noise levels in training (squared cosine schedule)."""
    inference_steps: int = 4
    """Denoising steps per chunk."""
    prediction: Prediction = Prediction.SAMPLE
    """What the network predicts."""
    keep_noise: bool = True
    """Start every chunk of an episode from the same noise, so that consecutive chunks agree on
    which of several good ways to go; the seed of `reset` chooses the noise."""
    noise_scale: float = 1.0
    """Size of that noise, of what training saw. Below 1 chunks are a little more accurate, but of
    several good ways the most common one is taken almost always, or, with few steps, none."""
    drop_goal: float = 0.0
    """Part of the training windows whose goal (the sentence) is blanked, which teaches what to do
    without one and makes `guidance` possible (classifier-free guidance, Ho & Salimans, 2022)."""
    guidance: float = 0.0
    """How far to go beyond the prediction with the goal, away from the one without; 0 for none."""

    def __post_init__(self) -> None:
        require(self.noise_scale >= 0.0, f"noise_scale cannot be {self.noise_scale}.")
        require(0.0 <= self.drop_goal < 1.0, f"drop_goal must be in [0, 1), got {self.drop_goal}.")
        require(
            self.guidance == 0.0 or self.drop_goal > 0.0,
            "Guidance compares with and without a goal, so training must drop_goal sometimes.",
        )
        require(
            1 <= self.inference_steps <= self.train_timesteps,
            f"Sampling takes 1 to {self.train_timesteps} steps, got {self.inference_steps}.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseConfig(JsonConfig):
    """Standard deviations of the noise added to training inputs, drawn once per window.

    Perception will be about this wrong, and the tool will be about this far from where the
    demonstrations were; the absolute targets stay, so the policy learns to correct for both. Keep
    the tool's noise above the anchor's: with less, an offset that is seen near the goal is most
    likely an error of perception, and the policy learns not to close the last millimetres.
    """

    anchor_m: float = 0.003
    """Entity anchor position, per axis."""
    anchor_yaw_rad: float = 0.05
    """Entity anchor heading."""
    extents_m: float = 0.002
    """Entity sizes, per axis."""
    value_m: float = 0.003
    """Joint value of articulated entities."""
    table_m: float = 0.002
    """Height of the table."""
    tool_m: float = 0.004
    """Tool position, per axis."""
    tool_rad: float = 0.03
    """Tool rotation, per axis."""
    given: float = 0.01
    """Numbers of frame GIVEN, as a part of each one's own spread in the batch."""
    sentence: float = 1.0
    """Embedded sentences, as a part of their length: other words for the same lie about this far
    off."""
    exposure: float = 0.0
    """Of pictures: logarithm of their brightness."""
    white: float = 0.0
    """Of pictures: logarithm of the gain of each colour."""
    pixel: float = 0.0
    """Of pictures: each pixel, of 255."""

    def __post_init__(self) -> None:
        require(min(asdict(self).values()) >= 0.0, "Noise cannot be negative.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig(JsonConfig):
    """One training run. The same values on the same data give the same weights, bit for bit,
    unless `max_minutes` cuts the run short."""

    seed: int = 0
    """Seeds weights, batches and noise."""
    steps: int = 20_000
    """Optimiser steps."""
    max_minutes: float | None = None
    """Stop after this time; the learning rate then falls to zero in the last tenth of it."""
    batch_size: int = 256
    """Windows per step."""
    learning_rate: float = 1e-3
    """Peak of the cosine schedule."""
    warmup_steps: int = 500
    """Steps of linear warm-up."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    ema_power: float = 0.75
    """EMA decay at step n is 1 - (1 + n) ** -power ..."""
    ema_max: float = 0.9995
    """... and at most this."""
    termination_weight_max: float = 5.0
    """Frames with the work done are rare; they weigh more by the ratio, but at most this."""
    bf16: bool = True
    """Multiply in bfloat16 where the processor has it."""
    compile: bool = False
    """Compile the network with TorchInductor."""
    threads: int = 2
    """Processor threads."""
    observation_steps: int = 2
    """Length of the history in an observation."""
    horizon: int = 16
    """Waypoints in a chunk."""
    observe: ObserveConfig = field(default_factory=ObserveConfig)
    """What of the dataset is seen."""
    held_out: float = 0.1
    """Part of the episodes that the termination head does not learn from; it is calibrated on
    them. The chunks of all episodes are learned."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Shape of the network."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    """Noise schedule and sampling."""
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    """Noise on the inputs."""
    save_every: int = 2_000
    """Steps between saves from which `resume` can go on."""
    log_every: int = 100
    """Steps between entries in the TensorBoard log."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "threads", "horizon", "save_every", "log_every"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1.")
        require(self.observation_steps >= 1, "observation_steps must be at least 1.")
        require(self.max_minutes is None or self.max_minutes > 0.0, "max_minutes must be positive.")
        require(0.0 <= self.held_out < 0.5, f"held_out must be in [0, 0.5), got {self.held_out}.")
        require(0.0 <= self.ema_max < 1.0, f"ema_max must be in [0, 1), got {self.ema_max}.")
