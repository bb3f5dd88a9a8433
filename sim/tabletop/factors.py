"""One factor at a time: the tasks of level I as usual, and with one factor varied.

After Xie et al., *Decomposing the Generalization Gap in Imitation Learning for Visual Robotic
Manipulation*, 2023. Both sides of a factor are levels of their own; trial i of either is drawn from
the same seed, so that they differ in as little as the factor allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sim.objects import CUBE, OBJECT_NAMES
from sim.tabletop.levels import LEVELS, Level
from sim.tabletop.tasks import Task
from sim.variation import FACTORS, Pool, Variation

_USUAL = LEVELS["I"]
_MOVING = ("grasp", "push")
"""Skills that move a free thing."""
_CUBES = tuple(name for name in OBJECT_NAMES if name.endswith(CUBE))


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One factor, and what it is measured on.

    Attributes:
        name: One of `sim.variation.FACTORS`.
        usual: Tasks that it can act on, as in level I.
        varied: The same with the factor varied.
    """

    name: str
    usual: Level
    varied: Level

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the tasks of level I that it cannot act on."""
        kept = {task.name for task in self.usual.tasks}
        return tuple(task.name for task in _USUAL.tasks if task.name not in kept)


def _factor(name: str, variation: Variation) -> Factor:
    match name:
        case "object":
            usual = replace(_USUAL, name="I, things that are drawn", tasks=_drawing())
        case "size":
            # It acts on cubes, so no other thing is drawn on either side.
            pool = Pool(things=_CUBES, stackable=_CUBES, low=_CUBES, pushed=_CUBES)
            usual = replace(
                _USUAL, name="I, cubes", tasks=_drawing(), variation=Variation(objects=pool)
            )
            variation = replace(variation, objects=pool)
        case "mass":
            usual = replace(_USUAL, name="I, things that are moved", tasks=_moving())
        case _:
            usual = _USUAL
    varied = replace(usual, name=name, says=f"{name} varied alone", variation=variation)
    return Factor(name=name, usual=usual, varied=varied)


def _drawing() -> tuple[Task, ...]:
    return tuple(task for task in _USUAL.tasks if task.draws)


def _moving() -> tuple[Task, ...]:
    return tuple(task for task in _USUAL.tasks if set(_MOVING) & set(task.skills))


TABLETOP_FACTORS: Mapping[str, Factor] = {
    name: _factor(name, variation) for name, variation in FACTORS.items()
}
"""By name."""
