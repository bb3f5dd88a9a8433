"""The layers of the stack, one of which is at fault when a run goes wrong."""

from enum import Enum


class Layer(Enum):
    """What can be at fault."""

    PERCEPTION = "perception"
    PLAN = "plan"
    SKILL = "skill"
    GATE = "gate"
    DRIVER = "driver"
    INSTRUCTION = "instruction"
    """Nothing of ours: what was asked for is not understood, or cannot be done."""
