"""Contract of whatever turns observations into scenes."""

from typing import Protocol

from robot_skills.core.scene import Scene
from robot_skills.core.types import Observation


class Perceiver(Protocol):
    """Keeps track of the entities over an episode.

    An entity that is hidden now (shut in a drawer, behind the arm) stays in the scene with
    ``visible=False`` and its last pose; one that is held moves with the tool.
    """

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras that `look` needs in its observation; empty when it needs none."""
        ...

    def reset(self) -> None:
        """Forget everything: a new episode starts."""
        ...

    def look(self, observation: Observation) -> Scene:
        """The scene as of this observation.

        Raises:
            PerceptionError: A camera is missing or shows nothing usable.
        """
        ...
