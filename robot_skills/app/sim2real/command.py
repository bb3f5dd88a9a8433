"""`robot-skills sim2real`: nothing heavy is loaded before it is known what is wanted."""

from robot_skills.app.outcome import CommandResult
from robot_skills.app.sim2real.options import Sim2RealOptions


def main(options: Sim2RealOptions) -> CommandResult:
    """Carry a skill from the simulation to a robot."""
    from robot_skills.app.sim2real.loop import carry_over

    return carry_over(options)
