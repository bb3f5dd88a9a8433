"""Datasets of others, read as our own episodes."""

from robot_skills.data.foreign.detect import open_source
from robot_skills.data.foreign.lerobot_v3 import LeRobotV3
from robot_skills.data.foreign.lerobot_v21 import LeRobotV21
from robot_skills.data.foreign.robomimic import Robomimic
from robot_skills.data.foreign.rosbag import RosBag
from robot_skills.data.foreign.rosbag_mapping import BagMapping, load_mapping
from robot_skills.data.foreign.zarr_replay import ZarrReplay

__all__ = [
    "BagMapping",
    "LeRobotV3",
    "LeRobotV21",
    "Robomimic",
    "RosBag",
    "ZarrReplay",
    "load_mapping",
    "open_source",
]
