"""RGB-D frames to scenes."""

from robot_skills.perception.perceiver import RgbdPerceiver
from robot_skills.perception.sight import SightConfig

__all__ = ["RgbdPerceiver", "SightConfig"]
