"""How a randomised room looks: its light, its table, and where its fixed camera hangs."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calibration.randomisation import Scale, Spread
from robot_skills.core.se3 import SE3, Array, so3_exp
from sim.appearance import USUAL
from sim.placements import Layout

_LOOK = "look"
_LIGHT, _AMBIENT = f"{_LOOK}.light", f"{_LOOK}.ambient"
_TABLE = tuple(f"{_LOOK}.table.{colour}" for colour in ("red", "green", "blue"))
_LIGHT_TURN, _CAMERA_M, _CAMERA_RAD = (
    tuple(f"{_LOOK}.{name}.{axis}" for axis in "xyz")
    for name in ("light_turn_rad", "camera_m", "camera_rad")
)
LOOK_NAMES = (_LIGHT, _AMBIENT, *_TABLE, *_LIGHT_TURN, *_CAMERA_M, *_CAMERA_RAD)
"""Parameters of how a room looks."""
_TAPE_M, _TAPE_RAD = 0.012, 0.02
"""How well a camera's place is known from a tape measure, per axis (standard deviations)."""
_REACH = 2.5
"""Ends of ranges, in standard deviations."""


def any_look(front: tuple[float, float] | None = None) -> dict[str, Spread]:
    """Ranges of rooms that nobody has seen.

    Args:
        front: How well the place [m] and the rotation [rad] of the fixed camera are known, per
            axis (standard deviations); None where nobody has calibrated it.
    """
    room = "of any room"
    camera_m, camera_rad = front or (_TAPE_M, _TAPE_RAD)
    known = "usual of tape measures" if front is None else "as unsure as its calibration"

    def share(sigma: float, usual: float, low: float, high: float) -> Spread:
        return Spread(mean=usual, sigma=sigma, low=low, high=high, scale=Scale.LOG, source=room)

    def around_nothing(sigma: float, source: str) -> Spread:
        return Spread(
            mean=0.0, sigma=sigma, low=-_REACH * sigma, high=_REACH * sigma, source=source
        )

    return {
        _LIGHT: share(0.3, USUAL.light, 0.15, 1.0),
        _AMBIENT: share(0.3, USUAL.ambient, 0.15, 0.6),
        **{name: share(0.3, 1.0, 0.4, 2.0) for name in _TABLE},
        **{name: around_nothing(0.25, room) for name in _LIGHT_TURN},
        **{name: around_nothing(camera_m, known) for name in _CAMERA_M},
        **{name: around_nothing(camera_rad, known) for name in _CAMERA_RAD},
    }


def with_look(layout: Layout, values: Mapping[str, float]) -> Layout:
    """A layout as parameters say that it looks; those left out are as usual."""

    def three(names: tuple[str, ...], usual: float) -> Array:
        return np.array([values.get(name, usual) for name in names])

    look = layout.appearance
    turned = so3_exp(three(_LIGHT_TURN, 0.0)) @ look.light_direction
    return replace(
        layout,
        table_rgb=np.clip(layout.table_rgb * three(_TABLE, 1.0), 0.02, 0.98),
        appearance=replace(
            look,
            light=values.get(_LIGHT, look.light),
            ambient=values.get(_AMBIENT, look.ambient),
            light_direction=turned,
            T_front_moved=look.T_front_moved
            @ SE3.from_rotvec(three(_CAMERA_RAD, 0.0), three(_CAMERA_M, 0.0)),
        ),
    )
