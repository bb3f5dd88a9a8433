"""How a cell looks beyond what stands where: its table, its light, where its camera hangs."""

from dataclasses import dataclass, field
from enum import Enum

import mujoco
import numpy as np

from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen

_TILES_PER_M = 8.0
_TEXTURE_PX = 32
"""Few, so that a speck is some millimetres large."""
_SPECKS = 0.06


class Texture(Enum):
    """What covers the table."""

    PLAIN = "plain"
    CHECKED = "checked"
    SPECKLED = "speckled"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Appearance:
    """What a picture shows of the room.

    Attributes:
        texture: What covers the table.
        second_rgb: Colour of every second tile, or of the specks, (3,).
        light_direction: Of the ceiling's light, (3,); it shines along it.
        light: Brightness of the ceiling's light.
        ambient: Brightness of the light from everywhere.
        T_front_moved: From where the fixed camera usually is to where it is, in its optical frame.
            Its pose is known, as after a calibration.
    """

    texture: Texture = Texture.PLAIN
    second_rgb: Array = field(default_factory=lambda: np.array([0.5, 0.5, 0.5]))
    light_direction: Array = field(default_factory=lambda: np.array([-0.1, 0.25, -1.0]))
    light: float = 0.6
    ambient: float = 0.35
    T_front_moved: SE3 = field(default_factory=SE3.identity)

    def __post_init__(self) -> None:
        for name in ("second_rgb", "light_direction"):
            object.__setattr__(self, name, _frozen(getattr(self, name), (3,), name))


USUAL = Appearance()
"""How the cell looks in demonstrations."""


def cover_table(world: mujoco.MjSpec, table: mujoco.MjsGeom, rgb: Array, look: Appearance) -> None:
    """Give the table its colour and what covers it.

    Args:
        world: Of the table.
        table: Its geom that is seen, 1 m of which takes `_TILES_PER_M` tiles.
        rgb: Its colour, (3,).
        look: What covers it.
    """
    if look.texture is Texture.PLAIN:
        table.rgba = [*rgb, 1.0]
        return
    checked = look.texture is Texture.CHECKED
    texture = world.add_texture(
        name="tabletop",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER
        if checked
        else mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=rgb.tolist(),
        rgb2=look.second_rgb.tolist(),
        width=_TEXTURE_PX,
        height=_TEXTURE_PX,
    )
    if not checked:
        texture.mark = mujoco.mjtMark.mjMARK_RANDOM
        texture.markrgb = look.second_rgb.tolist()
        texture.random = _SPECKS
    material = world.add_material(name="tabletop", texrepeat=[_TILES_PER_M, _TILES_PER_M])
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tabletop"
    material.texuniform = True
    table.material = "tabletop"
