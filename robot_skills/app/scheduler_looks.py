"""Pictures of things, for a learned scheduler to learn what they look like: rendered layouts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from robot_skills.app.trials import CAMERA_PX
from robot_skills.core.next_call import Glimpses
from robot_skills.perception.glimpses import glimpses
from sim.placements import Layout
from sim.robot import SimRobot
from sim.tabletop.levels import LEVELS
from sim.tabletop.requests import draw_request
from sim.truth import truth_scene
from sim.variation import TRAINING, vary
from sim.world import FRONT_CAMERA

_OTHERWISE = 0.3
"""How often the room, the light and the camera are others than usual."""

Looks = dict[str, NDArray[np.uint8]]


def draw_looks(layouts: int, seed: int) -> Looks:
    """What things look like in so many random layouts, by their names.

    Args:
        layouts: How many are rendered.
        seed: Of the layouts.
    """
    found: dict[str, list[NDArray[np.uint8]]] = {}
    for layout in _layouts(layouts, seed):
        for name, picture in looks_of(layout).items():
            found.setdefault(name, []).append(picture)
    return {name: np.stack(pictures) for name, pictures in sorted(found.items())}


def looks_of(layout: Layout) -> Glimpses:
    """What the things of a layout look like through the fixed camera, by their names."""
    cell = SimRobot(layout=layout, camera_size_px=CAMERA_PX)
    cell.connect()
    try:
        return glimpses(truth_scene(cell.world), cell.observe((FRONT_CAMERA,)).cameras)
    finally:
        cell.close()


def _layouts(count: int, seed: int) -> Iterator[Layout]:
    for i in range(count):
        rng = np.random.default_rng((seed, i))
        layout = draw_request(rng).layout
        otherwise = rng.random() < _OTHERWISE
        yield vary(layout, LEVELS["III"].variation if otherwise else TRAINING, rng)
