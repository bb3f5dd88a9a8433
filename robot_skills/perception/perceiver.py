"""RGB-D pictures to scenes: `robot_skills.core.perceiver.Perceiver` on open3d and numpy."""

from dataclasses import replace
from pathlib import Path

from robot_skills.core.scene import Scene
from robot_skills.core.types import Observation
from robot_skills.perception.freshness import Freshness
from robot_skills.perception.labels import ZOO_LABELS, load_labels
from robot_skills.perception.sight import SightConfig, see
from robot_skills.perception.things import recognise
from robot_skills.perception.tracker import Tracker


class RgbdPerceiver:
    """Sees the table, the fixtures of its catalogue and free things, and remembers them.

    Construction and `reset` cost nothing; the first `look` imports open3d and reads the label
    classifier.

    Args:
        config: What to look at; the defaults fit the simulated cell.
        labels: Folder of the label classifier.
    """

    def __init__(self, config: SightConfig | None = None, labels: Path = ZOO_LABELS) -> None:
        self._config = SightConfig() if config is None else config
        self._labels = labels
        self.reset()

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._config.cameras

    def reset(self) -> None:
        """Forget everything: a new episode starts."""
        self._tracker = Tracker()
        self._freshness = Freshness(self._config.oldest_s)

    def look(self, observation: Observation) -> Scene:
        """The scene as of this observation.

        Raises:
            PerceptionError: A camera is missing, late or frozen, or shows nothing usable.
            CheckpointError: The label classifier cannot be read.
            MissingDependencyError: open3d is not installed.
        """
        model = load_labels(self._labels)
        views = self._freshness.check(observation, self._config.cameras)
        sight = see(observation, self._config, self._tracker.fixtures)
        scene = self._tracker.update(
            sight,
            [recognise(thing, model) for thing in sight.things],
            {arm: recognise(thing, model) for arm, thing in sight.in_hand.items()},
            observation,
        )
        return replace(scene, views=views)
