"""Tasks of five calls and more, of several skills: long enough for something to come between."""

from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import unmet
from robot_skills.core.scene import Scene
from sim.layout import DrawerStart
from sim.objects import CUBE, ObjectPlacement
from sim.tabletop.tasks import UNSEEN_TASKS, Instance, Task

_DRAWS = 200

_STOW_TWO_AWAY = next(task for task in UNSEEN_TASKS if task.name == "stow two away")


@dataclass(frozen=True, kw_only=True, slots=True)
class LongTask:
    """A task, and for which of its things another one of the same kind will do.

    Attributes:
        task: Words, goal and scenes.
        any_of: Kind of the thing that is spoken of by its kind alone ("a cube"); empty where
            everything is named. Nothing else that is named is of that kind.
    """

    task: Task
    any_of: str = ""

    @property
    def calls(self) -> int:
        """How many it takes when nothing comes between."""
        return len(self.task.skills)

    def draw(self, rng: np.random.Generator) -> Instance:
        """A random instance.

        Raises:
            RefusedError: No scene was found.
        """
        for _ in range(_DRAWS):
            instance = self.task.draw(rng)
            if not self.any_of or len(self._of_kind(self._goal_things(instance))) == 1:
                return instance
        raise RefusedError(f"No scene for {self.task.name!r} was found in {_DRAWS} draws.")

    def things(self, instance: Instance) -> tuple[str, ...]:
        """Free objects that the goal is about."""
        return tuple(item.name for item in self._goal_things(instance))

    def alternatives(self, instance: Instance, thing: str) -> tuple[str, ...]:
        """What else would do for a thing that the goal is about."""
        others = self._of_kind(instance.layout.objects)
        if thing not in (item.name for item in others):
            return ()
        return tuple(item.name for item in others if item.name != thing)

    def reached(self, instance: Instance, scene: Scene) -> bool:
        """Whether the goal holds, with whichever thing of the kind that was spoken of."""
        named = self._of_kind(self._goal_things(instance))
        swaps = [{}]
        for item in named:
            swaps += [{item.name: other} for other in self.alternatives(instance, item.name)]
        return any(not unmet(scene, _swapped(instance.goal, swap)) for swap in swaps)

    def _goal_things(self, instance: Instance) -> tuple[ObjectPlacement, ...]:
        args = {arg for literal in instance.goal for arg in literal.args}
        return tuple(item for item in instance.layout.objects if item.name in args)

    def _of_kind(self, items: tuple[ObjectPlacement, ...]) -> tuple[ObjectPlacement, ...]:
        return tuple(item for item in items if item.label == self.any_of)


def _swapped(goal: tuple[Literal, ...], swap: dict[str, str]) -> tuple[Literal, ...]:
    return tuple(
        replace(literal, args=tuple(swap.get(arg, arg) for arg in literal.args)) for literal in goal
    )


LONG_TASKS: tuple[LongTask, ...] = (
    LongTask(task=_STOW_TWO_AWAY),
    LongTask(
        task=Task(
            name="a cube and more",
            words="put the {x} and a cube in the box, then press the button",
            skills=("grasp", "place", "grasp", "place", "press"),
            goal=(("in", "{x}", "box"), ("in", "{y}", "box"), ("turned_on", "button")),
            draws={"x": "pushed", "y": "stackable", "z": "stackable"},
            scene={"drawer": DrawerStart.ABSENT, "button": True},
            begins={"button_on": False},
        ),
        any_of=CUBE,
    ),
    LongTask(
        task=Task(
            name="swap and signal",
            words=(
                "take the {x} out of the drawer, put the {y} in the drawer, close the drawer "
                "and turn the button on"
            ),
            skills=("grasp", "place", "grasp", "place", "close", "press"),
            goal=(
                ("on", "{x}", "table"),
                ("in", "{y}", "drawer"),
                ("closed", "drawer"),
                ("turned_on", "button"),
            ),
            draws={"x": "low", "y": "low"},
            scene={"drawer": DrawerStart.OPEN, "box": False, "button": True},
            placed={"x": "drawer"},
            begins={"button_on": False},
        )
    ),
)
"""Of level IV or beyond it: no demonstration shows them."""
