"""The five levels of generalisation, each as what it varies beyond the demonstrations.

The levels are those of Mao et al., *RoboMatrix: A Skill-centric Hierarchical Framework for Scalable
Robot Task Planning and Execution in Open World*, 2024: object, scene, task and body.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.appearance import Texture
from sim.objects import OBJECT_NAMES, UNSEEN_NAMES
from sim.tabletop.tasks import TRAINING_TASKS, UNSEEN_TASKS, Instance, Task
from sim.variation import TRAINING, UNSEEN, Variation

SEEN_ARM = "panda"
"""The one that demonstrations were made with."""
UNSEEN_ARMS = ("ur5e", "gen3")

_OF_ITS_OWN_COLOUR = ("red_cube", "green_cube", "yellow_cube", "orange_cube")
"""What stands beside shapes that go by their colours alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One level.

    Attributes:
        name: Roman numeral; of the sides of a factor, what tells them apart.
        says: What is new in it.
        tasks: That are set.
        variation: What scenes are drawn from.
        arms: That carry them out, in turn.
    """

    name: str
    says: str
    tasks: tuple[Task, ...] = TRAINING_TASKS
    variation: Variation = TRAINING
    arms: tuple[str, ...] = (SEEN_ARM,)

    def draw(self, seed: int, index: int) -> tuple[str, Instance]:
        """Arm and instance of one trial; tasks take turns, and so do arms."""
        task = self.tasks[index % len(self.tasks)]
        arm = self.arms[index // len(self.tasks) % len(self.arms)]
        return arm, task.draw(np.random.default_rng((seed, index)), self.variation)


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        Level(name="I", says="seen tasks and objects, new layouts"),
        Level(
            name="II",
            says="other shapes, sizes, colours and masses",
            tasks=tuple(task for task in TRAINING_TASKS if task.draws),
            variation=Variation(objects=UNSEEN, others=_OF_ITS_OWN_COLOUR),
        ),
        Level(
            name="III",
            says="other tables, light, camera poses, and clutter of unknown things",
            variation=Variation(
                others=(*OBJECT_NAMES, *UNSEEN_NAMES),
                clutter=2,
                table_rgb=((0.10, 0.85), (0.10, 0.85), (0.10, 0.85)),
                textures=tuple(Texture),
                light=(0.25, 0.9),
                ambient=(0.2, 0.5),
                light_turn_rad=0.6,
                camera_off_m=0.08,
                camera_off_rad=0.08,
            ),
        ),
        Level(name="IV", says="compositions that nobody demonstrated", tasks=UNSEEN_TASKS),
        Level(name="V", says="other arms, without training", arms=UNSEEN_ARMS),
    )
}
"""By name."""
