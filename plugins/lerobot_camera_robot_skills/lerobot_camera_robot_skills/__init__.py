"""The depth cameras of robot-skills as a LeRobot plugin.

LeRobot imports this module when it looks for plugins; that registers cameras of the type
``robot_skills``.
"""

from lerobot_camera_robot_skills.config_robot_skills import RobotSkillsCameraConfig
from lerobot_camera_robot_skills.robot_skills_camera import RobotSkillsCamera

__all__ = ["RobotSkillsCamera", "RobotSkillsCameraConfig"]
