"""The arms of robot-skills as a LeRobot plugin.

LeRobot imports this module when it looks for plugins; that registers ``--robot.type=robot_skills``.
"""

from lerobot_robot_robot_skills.config_robot_skills import RobotSkillsRobotConfig, RosArm, RosView
from lerobot_robot_robot_skills.robot_skills_robot import RobotSkillsRobot

__all__ = ["RobotSkillsRobot", "RobotSkillsRobotConfig", "RosArm", "RosView"]
