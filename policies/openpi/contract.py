"""What an openpi server that does not describe itself sees and answers, as declared by its user."""

from dataclasses import dataclass, field
from typing import Any

from policies.faces import FeatureSizes, Pixels
from policies.json_config import JsonConfig, require


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteField(JsonConfig):
    """One entry of the observation that a server wants, and where it comes from."""

    key: str
    """The server's name, for example ``observation/joint_position``."""
    source: str
    """Our feature, for example ``observation.state``."""
    start: int = 0
    """First number of the feature, for vectors that the server wants in parts."""
    stop: int | None = None
    """One past the last number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteContract(JsonConfig):
    """What a server that does not describe itself sees and answers."""

    period_s: float
    """Time between actions."""
    horizon: int
    """Actions in a chunk; a server may answer with more, and the rest is dropped."""
    action: int
    """Numbers in one action."""
    numbers: dict = field(default_factory=dict)
    """Size of each vector that is observed, per feature of ours."""
    pictures: dict = field(default_factory=dict)
    """[height, width] of each picture that is observed; null where any will do."""
    fields: list[RemoteField] = field(default_factory=list)
    """What is sent; every feature under its own name when left out."""
    language: bool = True
    """Whether the instruction is sent."""

    def __post_init__(self) -> None:
        require(self.period_s > 0.0, f"period_s is {self.period_s}.")
        require(self.horizon >= 1 and self.action >= 1, "Chunks need at least one number.")
        require(bool(self.numbers or self.pictures), "The server must observe something.")
        known = {*self.numbers, *self.pictures}
        odd = sorted({spec.source for spec in self.fields} - known)
        require(not odd, f"Sent, but not observed: {', '.join(odd)}.")

    @property
    def sizes(self) -> FeatureSizes:
        """The same for checks."""
        return FeatureSizes(
            numbers={key: int(n) for key, n in self.numbers.items()},
            pictures={key: as_pixels(px) for key, px in self.pictures.items()},
            action=self.action,
            language=self.language,
        )


def as_pixels(px: Any) -> Pixels:
    """Height and width from JSON. Raises `TypeError`, `ValueError` or `IndexError`."""
    return None if px is None else (int(px[0]), int(px[1]))
