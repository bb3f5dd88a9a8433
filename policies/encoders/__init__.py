"""Encoders: everything that a policy sees, as one vector of features."""

from pathlib import Path

import torch
from torch import Tensor, nn

from policies.config import Backbone, NetworkConfig
from policies.contract import LANGUAGE, VECTOR, Frame, ImageSpec, PolicyContract
from policies.encoders.cloud import CloudEncoder
from policies.encoders.entities import EntityAttention, entity_rows
from policies.encoders.image import ImageEncoder
from policies.encoders.language import LanguageEncoder, SentenceFocus
from policies.encoders.resnet import ResNetEncoder
from robot_skills.core.errors import CheckpointError

__all__ = [
    "Backbone",
    "CloudEncoder",
    "ImageEncoder",
    "LanguageEncoder",
    "ObservationEncoder",
    "ResNetEncoder",
]


class ObservationEncoder(nn.Module):
    """Numbers as they are, then one embedding per picture, per cloud and of the sentence.

    A contract with numbers only has no parameters here, and the features are its numbers.

    Attributes:
        size: Length E of the features.
    """

    def __init__(
        self,
        contract: PolicyContract,
        feature_size: int,
        config: NetworkConfig,
    ) -> None:
        """Build the encoders that a contract needs.

        Args:
            contract: What is seen.
            feature_size: Length F of `vector`.
            config: Widths, and what looks at pictures.
        """
        super().__init__()
        width, embedding = config.image_width, config.embedding
        # In the order of the contract: keys of datasets have dots, which names of modules may not.
        self.images = nn.ModuleList(_image_encoder(image, config) for image in contract.images)
        self.clouds = nn.ModuleList(
            CloudEncoder(cloud, width, embedding) for cloud in contract.clouds
        )
        self.language = LanguageEncoder(embedding) if contract.language else None
        shown = sum(image.steps for image in contract.images) + len(contract.clouds)
        seen = feature_size + embedding * shown
        rows = None
        if contract.language and contract.frame is Frame.GIVEN:
            rows = entity_rows(contract.state.names, contract.observation_steps)
        self.entities = None if rows is None else EntityAttention(rows, feature_size, embedding)
        if self.entities is not None:
            seen += self.entities.size
        self.focus = SentenceFocus(seen, embedding, config.width) if contract.language else None
        self.size = seen + (embedding + config.width) * int(contract.language)

    def load_pretrained(self, path: Path | None = None) -> None:
        """Start the picture encoders from ImageNet weights; call it before training.

        Args:
            path: Weights as safetensors; from the hub by default.

        Raises:
            CheckpointError: When the backbone takes none, or the file does not fit.
            MissingDependencyError: When the weights are neither cached nor reachable.
        """
        encoders = [encoder for encoder in self.images if isinstance(encoder, ResNetEncoder)]
        if not encoders:
            raise CheckpointError("This policy has no picture encoder that takes ImageNet weights.")
        for encoder in encoders:
            encoder.load_pretrained(path)

    def forward(self, inputs: dict[str, Tensor], keep_goal: Tensor | None = None) -> Tensor:
        """Features (B, E).

        Args:
            inputs: Named tensors, as `policies.contract` lists them.
            keep_goal: Where False, the sentence is blanked, (B,) bool; None keeps all.
        """
        parts = [inputs[VECTOR]]
        parts += [encoder(inputs) for encoder in (*self.images, *self.clouds)]
        seen = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        if self.language is None or self.focus is None:
            return seen
        sentence = self.language(_blanked(inputs[LANGUAGE], keep_goal))
        if self.entities is not None:
            seen = torch.cat([seen, self.entities(inputs[VECTOR], sentence)], dim=1)
        return torch.cat([seen, sentence, self.focus(seen, sentence)], dim=1)


def _image_encoder(image: ImageSpec, config: NetworkConfig) -> ImageEncoder | ResNetEncoder:
    match config.backbone:
        case Backbone.SMALL:
            return ImageEncoder(image, config.image_width, config.embedding)
        case Backbone.RESNET18:
            return ResNetEncoder(image, config.embedding)


def _blanked(sentences: Tensor, keep_goal: Tensor | None) -> Tensor:
    """Sentences with zeros in the rows that lose their goal."""
    if keep_goal is None:
        return sentences
    return torch.where(keep_goal[:, None], sentences, 0.0)
