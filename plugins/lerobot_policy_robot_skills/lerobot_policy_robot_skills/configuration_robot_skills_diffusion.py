"""Settings of the policy, as `lerobot-train --policy.NAME=VALUE` takes them."""

from dataclasses import dataclass, field

from lerobot.configs import FeatureType, NormalizationMode, PreTrainedConfig
from lerobot.optim import AdamWConfig, DiffuserSchedulerConfig

from policies.config import Head, NetworkConfig, SamplerConfig, Trunk
from policies.contract import Channels, Frame, ImageSpec, PolicyContract, VectorSpec
from policies.heads import build_head

STATE, ENV = "observation.state", "observation.environment_state"
LANGUAGE = "observation.language"
"""Sentence embedding of the task, which the pre-processor adds."""
_ANY_FPS = 1.0


@PreTrainedConfig.register_subclass("robot_skills_diffusion")
@dataclass
class RobotSkillsDiffusionConfig(PreTrainedConfig):
    """A diffusion policy that is small, fast and averaged over training.

    Sees states, environment states, colour pictures and, when asked to, the task's words; any mix.

    Attributes:
        n_obs_steps: Length of the history of numbers; of pictures the newest is used.
        horizon: Actions in a chunk, the first of which is the one to be made now.
        n_action_steps: Actions of a chunk that are made before the next one is sampled.
        trunk: ``residual_mlp``, ``mixer``, ``unet`` or ``dit``.
        width: Size of the trunk's residual stream.
        blocks: Its residual blocks.
        image_size: Height and width that pictures are resized to.
        crop: Side of the random crop in training, of the whole; the middle is taken at run time.
        image_width: Channels of a picture encoder's first stage.
        embedding: Size of what an encoder makes of one picture or sentence.
        language: Whether the task's words are seen (MiniLM embedding).
        head: ``diffusion``, ``score``, ``flow`` or ``regression``.
        inference_steps: Denoising steps per chunk; 1 for ``regression``.
        noise_scale: Size of the noise that chunks start from, of what training saw.
        keep_noise: Start every chunk of an episode from the same noise.
        drop_goal: Part of the training batch whose sentence is blanked.
        guidance: How far to go beyond the prediction with the goal, away from the one without.
        ema_power: Decay of the averaged weights at step n is ``1 - (1 + n) ** -ema_power`` ...
        ema_max: ... and at most this. Averaged weights are what runs; 0 turns averaging off.
        normalization_mapping: How LeRobot's processors normalise each kind of feature.
        optimizer_lr: Peak of the cosine schedule.
        optimizer_weight_decay: Of AdamW.
        scheduler_warmup_steps: Steps of linear warm-up.
    """

    n_obs_steps: int = 2
    horizon: int = 16
    n_action_steps: int = 8

    trunk: str = "residual_mlp"
    width: int = 256
    blocks: int = 3
    image_size: tuple[int, int] = (96, 96)
    crop: float = 0.92
    image_width: int = 16
    embedding: int = 64
    language: bool = False

    head: str = "diffusion"
    inference_steps: int = 5
    noise_scale: float = 0.1
    keep_noise: bool = True
    drop_goal: float = 0.0
    guidance: float = 0.0

    ema_power: float = 0.75
    ema_max: float = 0.9995

    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: {
            "VISUAL": NormalizationMode.IDENTITY,
            "STATE": NormalizationMode.MEAN_STD,
            "ENV": NormalizationMode.MEAN_STD,
            "ACTION": NormalizationMode.MEAN_STD,
        }
    )
    optimizer_lr: float = 1e-3
    optimizer_weight_decay: float = 1e-4
    scheduler_warmup_steps: int = 500

    def __post_init__(self) -> None:
        """Refuse contradictions with a `ValueError`, as LeRobot expects it."""
        super().__post_init__()
        self.network_config()
        if Head(self.head) is Head.CONSISTENCY:
            raise ValueError("The consistency head is distilled from a teacher; LeRobot has none.")
        build_head(self.sampler_config())
        if not 1 <= self.n_action_steps <= self.horizon or self.n_obs_steps < 1:
            raise ValueError(
                f"Needs 1 <= n_action_steps ({self.n_action_steps}) <= horizon ({self.horizon}) "
                f"and n_obs_steps ({self.n_obs_steps}) >= 1."
            )
        if not 0.0 <= self.ema_max < 1.0 or self.ema_power < 0.0:
            raise ValueError(f"ema_max must be in [0, 1), got {self.ema_max}.")

    @property
    def observation_delta_indices(self) -> list[int]:
        return list(range(1 - self.n_obs_steps, 1))

    @property
    def action_delta_indices(self) -> list[int]:
        return list(range(self.horizon))

    @property
    def reward_delta_indices(self) -> None:
        return None

    def get_optimizer_preset(self) -> AdamWConfig:
        """AdamW, with the gradient's norm cut to 1."""
        return AdamWConfig(
            lr=self.optimizer_lr, weight_decay=self.optimizer_weight_decay, grad_clip_norm=1.0
        )

    def get_scheduler_preset(self) -> DiffuserSchedulerConfig:
        """Cosine decay after a linear warm-up."""
        return DiffuserSchedulerConfig(name="cosine", num_warmup_steps=self.scheduler_warmup_steps)

    def validate_features(self) -> None:
        """Raises `ValueError` when there is nothing to see or nothing to do."""
        if self.action_feature is None:
            raise ValueError("The dataset has no 'action'.")
        if not (self.number_features or self.colour_features):
            seen = ", ".join(self.input_features or {}) or "nothing"
            raise ValueError(
                f"The policy needs {STATE}, {ENV} or a colour camera; the dataset has {seen}."
            )

    @property
    def number_features(self) -> dict[str, int]:
        """Size of each vector that is seen, the robot's state first."""
        kinds = {STATE: FeatureType.STATE, ENV: FeatureType.ENV}
        features = self.input_features or {}
        return {
            key: int(features[key].shape[0])
            for key, kind in kinds.items()
            if key in features and features[key].type is kind
        }

    @property
    def colour_features(self) -> list[str]:
        """Cameras with colours; depth is left to robot-skills' own trainer."""
        return [key for key, feature in self.image_features.items() if feature.shape[0] == 3]

    def contract(self) -> PolicyContract:
        """What the networks see and answer. Raises `ValueError` as `validate_features` does."""
        self.validate_features()
        action = self.action_feature.shape[0] if self.action_feature else 0
        names = [f"{key}.{i}" for key, size in self.number_features.items() for i in range(size)]
        height, width = self.image_size
        return PolicyContract(
            fps=_ANY_FPS,
            observation_steps=self.n_obs_steps,
            horizon=self.horizon,
            frame=Frame.GIVEN,
            state=VectorSpec(key=STATE, names=names or ["none"]),
            action=VectorSpec(key="action", names=[str(i) for i in range(action)]),
            images=[
                ImageSpec(
                    key=key, height=height, width=width, channels=Channels.RGB, crop=self.crop
                )
                for key in self.colour_features
            ],
            language=self.language,
        )

    def network_config(self) -> NetworkConfig:
        """Sizes of the networks. Raises `ValueError` on impossible ones."""
        return NetworkConfig(
            trunk=Trunk(self.trunk),
            width=self.width,
            blocks=self.blocks,
            image_width=self.image_width,
            embedding=self.embedding,
        )

    def sampler_config(self) -> SamplerConfig:
        """How chunks are learned and sampled. Raises `ValueError` on contradictions."""
        return SamplerConfig(
            head=Head(self.head),
            inference_steps=self.inference_steps,
            keep_noise=self.keep_noise,
            noise_scale=self.noise_scale,
            drop_goal=self.drop_goal,
            guidance=self.guidance,
        )
