"""Pictures of the report: what a camera saw, with the boxes that perception made of it."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame

_WIDTH_PX = 480
"""Pictures are enlarged to about this width, so that boxes and names can be read."""
_NEAR_M = 0.02
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_EDGES = [
    (i, j)
    for i in range(8)
    for j in range(i + 1, 8)
    if np.abs(_CORNERS[i] - _CORNERS[j]).sum() == 1
]
_COLOURS: Sequence[tuple[int, int, int]] = (
    (255, 92, 92),
    (86, 204, 118),
    (92, 154, 255),
    (255, 200, 64),
    (255, 146, 66),
    (196, 128, 255),
    (64, 208, 214),
    (255, 128, 190),
)
_REMEMBERED = (200, 200, 200)


def jpeg_uri(image: Image.Image) -> str:
    """A photograph as a ``data:`` address."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=86)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def with_boxes(frame: RgbdFrame, scene: Scene) -> Image.Image:
    """The picture, enlarged, with the box and the name of every entity in view.

    Boxes of entities that this look did not see, but remembers, are thin and grey.
    """
    factor = max(round(_WIDTH_PX / frame.rgb.shape[1]), 1)
    height, width = frame.rgb.shape[:2]
    page = Image.fromarray(frame.rgb).resize(
        (width * factor, height * factor), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(13)
    entities = [entity for entity in scene if entity.name != TABLE]
    for i, entity in enumerate(entities):
        pixels = _corner_pixels(frame, entity)
        if pixels is None or not _in_view(pixels, width, height):
            continue
        # Pixel (0, 0) has its centre at (0, 0): enlarged, its centre is at (factor - 1) / 2.
        corners = (pixels + 0.5) * factor - 0.5
        colour = _COLOURS[i % len(_COLOURS)] if entity.visible else _REMEMBERED
        for a, b in _EDGES:
            line = [(float(x), float(y)) for x, y in corners[[a, b]]]
            draw.line(line, fill=colour, width=2 if entity.visible else 1)
        _label(draw, corners, entity.name.replace("_", " "), colour, font, page.size)
    return page


def depth_picture(depth_m: NDArray[np.float32]) -> Image.Image:
    """Depth as a picture: near is bright, no reading is black."""
    seen = depth_m[depth_m > 0.0]
    if seen.size == 0:
        return Image.fromarray(np.zeros((*depth_m.shape, 3), dtype=np.uint8))
    # Half by distance, half by rank: a finger close by would else leave the table one flat colour.
    percent = np.linspace(0.0, 1.0, 65)
    spread_m = np.quantile(seen, percent) + 1e-6 * percent
    rank = np.interp(depth_m, spread_m, percent)
    near_m, far_m = spread_m[1], spread_m[-2]
    distance = np.clip((depth_m - near_m) / max(float(far_m - near_m), 1e-6), 0.0, 1.0)
    rgb = _warm_map(1.0 - 0.5 * (rank + distance))
    rgb[depth_m <= 0.0] = 0
    factor = max(round(_WIDTH_PX / depth_m.shape[1]), 1)
    size = (depth_m.shape[1] * factor, depth_m.shape[0] * factor)
    return Image.fromarray(rgb).resize(size, Image.Resampling.NEAREST)


def _warm_map(value: Array) -> NDArray[np.uint8]:
    """Colours (..., 3) from deep blue over magenta to pale yellow for values in [0, 1]."""
    stops = np.array([0.0, 0.3, 0.6, 0.85, 1.0])
    colours = np.array(
        [[18, 12, 54], [92, 26, 120], [214, 72, 98], [250, 168, 88], [252, 246, 190]]
    )
    channels = [np.interp(value, stops, colours[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _corner_pixels(frame: RgbdFrame, entity: Entity) -> Array | None:
    """Pixels (8, 2) as (column, row) of a box's corners; None when it reaches behind the camera."""
    p_base = entity.T_base_entity @ (_CORNERS * entity.extents_m)
    p_camera = frame.T_base_camera.inverse() @ p_base
    if np.any(p_camera[:, 2] < _NEAR_M):
        return None
    pixels = p_camera @ frame.K.T
    return pixels[:, :2] / pixels[:, 2:]


def _in_view(pixels: Array, width: int, height: int) -> bool:
    centre = pixels.mean(axis=0)
    return bool(0 <= centre[0] < width and 0 <= centre[1] < height)


def _label(
    draw: ImageDraw.ImageDraw,
    corners: Array,
    text: str,
    colour: tuple[int, int, int],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    size: tuple[int, int],
) -> None:
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 5
    x = float(np.clip(corners[:, 0].mean() - width / 2, 0, size[0] - width))
    y = float(np.clip(corners[:, 1].min() - height - 2, 0, size[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=(18, 20, 26))
    draw.text((x + 3 - left, y + 2 - top), text, font=font, fill=colour)
