"""Who decides after the plan, and after every call: the names that ``--executive`` takes.

Nothing else is imported here, so that a wrong name is refused before anything is loaded.
"""

from robot_skills.core.errors import unknown_name

CLOSED_LOOP, FIXED, SEQUENCER = "closed-loop", "fixed", "sequencer"
"""The last is also the folder of its checkpoint, among the skills."""
EXECUTIVES = (CLOSED_LOOP, FIXED, SEQUENCER)
"""Executives that there are: what decides after the plan, and after every call."""


def checked_executive(name: str) -> str:
    """The name of an executive. Raises `UnknownNameError` where there is none of that name."""
    if name not in EXECUTIVES:
        raise unknown_name("executive", name, EXECUTIVES)
    return name
