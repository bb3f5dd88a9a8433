"""Cameras' pictures as a model is shown them: small, and encoded as JPEG."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import MissingDependencyError
from robot_skills.scheduler.models.chat import Picture

_QUALITY = 85


def encoded(rgb: NDArray[np.uint8], longest_px: int) -> Picture:
    """A picture, made smaller where it is larger than wanted.

    Args:
        rgb: Picture, (height, width, 3).
        longest_px: Longest side afterwards.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"A picture is uint8 (height, width, 3), got {rgb.dtype} {rgb.shape}.")
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            f"Showing pictures to a model needs Pillow, which is not there: {error}. Install the "
            "extra `llm`: pip install 'robot-skills[llm]', or use the planner 'llm'."
        ) from None
    image = Image.fromarray(np.ascontiguousarray(rgb))
    image.thumbnail((longest_px, longest_px))
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=_QUALITY)
    return Picture(media_type="image/jpeg", data=buffer.getvalue())
