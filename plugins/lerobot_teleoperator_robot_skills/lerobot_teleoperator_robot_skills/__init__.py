"""The teleoperation devices of robot-skills as a LeRobot plugin.

LeRobot imports this module when it looks for plugins; that registers
``--teleop.type=robot_skills``.
"""

from lerobot_teleoperator_robot_skills.config_robot_skills import RobotSkillsTeleoperatorConfig
from lerobot_teleoperator_robot_skills.robot_skills_teleoperator import RobotSkillsTeleoperator

__all__ = ["RobotSkillsTeleoperator", "RobotSkillsTeleoperatorConfig"]
