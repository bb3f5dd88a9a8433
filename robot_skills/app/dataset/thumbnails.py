"""Small pictures that a page carries with it."""

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WIDTH_PX = 160
_QUALITY = 70


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """A small picture.

    Attributes:
        words: What it shows.
        uri: The picture itself.
    """

    words: str
    uri: str


def thumbnail(words: str, rgb: NDArray[np.uint8]) -> Thumbnail:
    """A small copy of a picture (H, W, 3)."""
    import cv2

    height, width = rgb.shape[:2]
    size = (_WIDTH_PX, max(round(height * _WIDTH_PX / width), 1))
    small = rgb if width <= _WIDTH_PX else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(np.asarray(small, dtype=np.uint8), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return Thumbnail(words=words, uri="data:image/jpeg;base64," + base64.b64encode(data).decode())
