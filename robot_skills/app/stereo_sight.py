"""Eyes behind stereo cameras: depth is cleaned first, and things are told apart by what is left.

The usual classifier of things has learned from exact depth, and takes what stereo depth makes of
their edges for other shapes. This one has learned from stereo depth that was cleaned as here.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robot_skills.app.zoo import zoo_dir
from robot_skills.core.scene import Scene
from robot_skills.core.shipped import shipped
from robot_skills.core.types import Observation
from robot_skills.perception.fixtures import CATALOGUE, BoxKind
from robot_skills.perception.perceiver import RgbdPerceiver
from robot_skills.perception.sight import SightConfig

if TYPE_CHECKING:
    from policies.depth import DepthDenoiser

STEREO_LABELS = shipped("zoo/perception_stereo")
"""Folder of the classifier."""
STEREO_CATALOGUE = tuple(
    replace(kind, painted_m=0.018, widest=1.3) if isinstance(kind, BoxKind) else kind
    for kind in CATALOGUE
)
"""Fixtures as stereo depth shows them: walls are measured off their place, and rims too wide."""


STEREO_SIGHT = SightConfig(catalogue=STEREO_CATALOGUE)


class StereoPerceiver:
    """`robot_skills.core.perceiver.Perceiver` for raw depth of stereo cameras, without bias.

    Args:
        config: What to look at; the defaults fit the simulated cell.
        cameras: Those whose depth is cleaned; all where left out.
    """

    def __init__(
        self, config: SightConfig | None = None, cameras: Collection[str] | None = None
    ) -> None:
        self._eyes = RgbdPerceiver(config or STEREO_SIGHT, STEREO_LABELS)
        self._cleaned = self._eyes.cameras if cameras is None else cameras

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._eyes.cameras

    def reset(self) -> None:
        """Forget everything: a new episode starts."""
        self._eyes.reset()

    def look(self, observation: Observation) -> Scene:
        """The scene as of this observation.

        Raises:
            PerceptionError: A camera is missing, late or frozen, or shows nothing usable.
            CheckpointError: The denoiser or the label classifier cannot be read.
            MissingDependencyError: open3d or torch is not installed.
        """
        return self._eyes.look(with_clean_depth(observation, self._cleaned))


def with_clean_depth(observation: Observation, cameras: Collection[str]) -> Observation:
    """An observation with cleaned depth of some cameras, 0 = hole; edges are holes, too.

    Raises:
        CheckpointError: The shipped denoiser cannot be read.
    """
    frames = {
        name: replace(frame, depth_m=_clean(frame.rgb, frame.depth_m)) if name in cameras else frame
        for name, frame in observation.cameras.items()
    }
    return replace(observation, cameras=frames)


def _clean(rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    from policies.depth import without_edges

    return without_edges(_denoiser()(rgb, depth_m))


@cache
def _denoiser() -> "DepthDenoiser":
    from policies.depth import DepthDenoiser

    return DepthDenoiser.load(zoo_dir() / "depth")
