"""Registers the simulated cells as gymnasium environments.

Import this module, or let gymnasium do so: ``gymnasium.make("sim.gym:robot_skills/Lift-v0")``.
MuJoCo is imported when the first environment is made.

- ``robot_skills/Tabletop-v0``: see `sim.environment.tabletop`
- ``robot_skills/Lift-v0``, ``robot_skills/Stack-v0``: see `sim.environment.lift` and `stack`
"""

import gymnasium

NAMESPACE = "robot_skills"
_STEPS = {"Tabletop": 600, "Lift": 200, "Stack": 400}


def register() -> None:
    """Make the environments known to gymnasium; calling it again changes nothing."""
    for name, steps in _STEPS.items():
        env_id = f"{NAMESPACE}/{name}-v0"
        if env_id not in gymnasium.registry:
            gymnasium.register(
                id=env_id,
                entry_point=f"sim.environment:{name.lower()}",
                max_episode_steps=steps,
            )


register()
