"""What a policy sees and answers: the part of a skill that data, training and runtime must share.

A contract is declared once, travels inside the checkpoint, and is compared with the dataset before
training and with the live input before running. Inputs of the network are named tensors:

=====================  =========================================================================
``vector``             all numbers and their history, normalised, (B, F) float32
``image/<key>``        colours, (B, n, 3, H, W) uint8
``image/<key>_depth``  depth of the same camera [m], (B, n, 1, H, W) float32, 0 = no reading
``cloud/<key>``        points in the base frame [m], (B, P, 3 or 6) float32
``language``           sentence embedding, (B, 384) float32; zeros mean "no goal given"
=====================  =========================================================================
"""

from dataclasses import dataclass, field
from enum import Enum
from math import isfinite
from typing import Self

from policies.json_config import JsonConfig, require
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES, slots_of

VECTOR, IMAGE, CLOUD, LANGUAGE = "vector", "image/", "cloud/", "language"
LANGUAGE_SIZE = 384


def depth_key(key: str) -> str:
    """Feature with the depth that belongs to a camera's colours."""
    return f"{key}_depth"


class Frame(Enum):
    """How recorded numbers become network inputs."""

    TOOL = "tool"
    """State and action have the layout of `core.policy`; all is made relative to the tool."""
    GIVEN = "given"
    """Numbers are normalised as they are."""


class Channels(Enum):
    """What a picture holds."""

    RGB = "rgb"
    DEPTH = "depth"
    RGBD = "rgbd"


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorSpec(JsonConfig):
    """A vector of numbers."""

    key: str
    """Feature of the dataset."""
    names: list[str]
    """Its layout."""

    def __post_init__(self) -> None:
        require(len(self.names) >= 1, f"{self.key} has no numbers.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSpec(JsonConfig):
    """Pictures of one camera. Depth of `observation.images.x` is `observation.images.x_depth`."""

    key: str
    """Feature of the dataset with the colours; the depth's name follows from it."""
    height: int
    """Rows that the network sees; recorded pictures are resized once."""
    width: int
    """Columns that the network sees."""
    channels: Channels = Channels.RGB
    """What of the camera is used."""
    steps: int = 1
    """How many of the newest pictures; state carries the motion, so one mostly serves."""
    crop: float = 0.92
    """Side of the random crop in training, of the whole; the middle is taken at run time."""

    def __post_init__(self) -> None:
        require(min(self.height, self.width) >= 16, f"{self.key}: pictures need 16 px a side.")
        require(self.steps >= 1, f"{self.key}: needs at least one picture.")
        require(0.5 <= self.crop <= 1.0, f"{self.key}: crop must be in [0.5, 1].")


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudSpec(JsonConfig):
    """A point cloud made of one camera's depth, cut to a box and thinned to a fixed number."""

    key: str
    """Feature of the dataset with the camera's colours; its depth is what is used."""
    K: list[float]
    """Intrinsic matrix of the recorded pictures, row by row, (9,) [px]."""
    T_base_camera: list[float]
    """Pose of the camera, row by row, (16,)."""
    low_m: list[float]
    """Lower corner of the box in the base frame, (3,)."""
    high_m: list[float]
    """Upper corner of the box."""
    points: int = 256
    """Points kept, by farthest point sampling."""
    colour: bool = False
    """Also give each point its colour in [0, 1]."""

    def __post_init__(self) -> None:
        sizes = [len(x) for x in (self.K, self.T_base_camera, self.low_m, self.high_m)]
        require(sizes == [9, 16, 3, 3], f"{self.key}: K, T_base_camera or box of wrong size.")
        require(self.points >= 16, f"{self.key}: needs at least 16 points.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyContract(JsonConfig):
    """What a policy sees and answers."""

    fps: float
    """Steps per second."""
    observation_steps: int
    """Length of the history of numbers."""
    horizon: int
    """Actions in a chunk."""
    frame: Frame
    """How numbers become network inputs."""
    state: VectorSpec
    """Numbers that are seen."""
    action: VectorSpec
    """Numbers that are answered."""
    images: list[ImageSpec] = field(default_factory=list)
    """Pictures that are seen."""
    clouds: list[CloudSpec] = field(default_factory=list)
    """Point clouds that are seen."""
    language: bool = False
    """Whether the instruction is seen, as a sentence embedding."""
    anchors: list[list[str]] = field(default_factory=list)
    """Frames of the entities that are seen, in order, for each kind of call, as skill cards name
    them; empty where nobody took note."""

    def __post_init__(self) -> None:
        require(isfinite(self.fps) and self.fps > 0.0, f"fps is {self.fps}.")
        require(self.horizon >= 1 and self.observation_steps >= 1, "Too short a chunk or history.")
        named = [[spec.key for spec in specs] for specs in (self.images, self.clouds)]
        require(
            all(image.steps <= self.observation_steps for image in self.images),
            "A picture's history cannot be longer than that of the numbers.",
        )
        for keys in named:
            require(len(keys) == len(set(keys)), f"A camera is named twice: {', '.join(keys)}.")
        if self.frame is Frame.TOOL:
            fits = (
                slots_of(self.state.names) is not None and tuple(self.action.names) == ACTION_NAMES
            )
            require(fits, "Frame TOOL needs the state and action layout of core.policy.")
            require(self.observation_steps >= 2, "Frame TOOL needs a history of at least 2.")

    @classmethod
    def of_skills(cls, fps: float, observation_steps: int, horizon: int) -> Self:
        """What meta-skills see: tool and entities, relative to the tool."""
        return cls(
            fps=fps,
            observation_steps=observation_steps,
            horizon=horizon,
            frame=Frame.TOOL,
            state=VectorSpec(key="observation.state", names=list(STATE_NAMES)),
            action=VectorSpec(key="action", names=list(ACTION_NAMES)),
        )

    @property
    def shows(self) -> bool:
        """Whether anything but numbers and words is seen."""
        return bool(self.images or self.clouds)

    @property
    def period_s(self) -> float:
        """Time between steps."""
        return 1.0 / self.fps


@dataclass(frozen=True, kw_only=True, slots=True)
class ObserveConfig(JsonConfig):
    """What of a dataset a policy is to see; with the dataset it makes a `PolicyContract`."""

    frame: Frame | None = None
    """How numbers become network inputs; by default TOOL where the dataset has that layout."""
    state: str = "observation.state"
    """Feature with the numbers that are seen."""
    action: str = "action"
    """Feature with the numbers that are answered."""
    leave_out: list[str] = field(default_factory=list)
    """Names of state numbers that are not seen, or patterns of names: ``cup.*``."""
    allow_constant: bool = False
    """Leave out state numbers that never change, and keep such action numbers at their value,
    instead of refusing the dataset."""
    images: list[ImageSpec] = field(default_factory=list)
    """Pictures that are seen."""
    clouds: list[CloudSpec] = field(default_factory=list)
    """Point clouds that are seen."""
    language: bool = False
    """Whether the instruction is seen."""
    anchors: list[list[str]] = field(default_factory=list)
    """Frames of the entities that the dataset shows, see `PolicyContract`."""
