"""robot-skills' diffusion policies as a LeRobot plugin.

LeRobot imports this module when it looks for plugins; that registers the configuration, and the
step of the pre-processor that checkpoints name.
"""

from lerobot_policy_robot_skills.configuration_robot_skills_diffusion import (
    RobotSkillsDiffusionConfig,
)
from lerobot_policy_robot_skills.processor_robot_skills_diffusion import (
    SentenceStep,
    make_robot_skills_diffusion_pre_post_processors,
)

__all__ = [
    "RobotSkillsDiffusionConfig",
    "SentenceStep",
    "make_robot_skills_diffusion_pre_post_processors",
]
