"""Episodes as rows on one clock, and as LeRobot v3 datasets."""

from robot_skills.data.lerobot.export import (
    Codec,
    ExportConfig,
    ExportReport,
    SourceEpisodes,
    export_lerobot,
)
from robot_skills.data.lerobot.rows import Column, RowCamera, Rows, Told, align

__all__ = [
    "Codec",
    "Column",
    "ExportConfig",
    "ExportReport",
    "RowCamera",
    "Rows",
    "SourceEpisodes",
    "Told",
    "align",
    "export_lerobot",
]
