"""What was done, where things were last seen, what failed and why: over the end of a process."""

from robot_skills.scheduler.memory.journal import Journal
from robot_skills.scheduler.memory.planner import MemoryPlanner
from robot_skills.scheduler.memory.recall import MemoryPerceiver, RecallConfig
from robot_skills.scheduler.memory.records import Failure, Sighting, Step, Task, TaskState, Where
from robot_skills.scheduler.memory.store import TaskMemory

__all__ = [
    "Failure",
    "Journal",
    "MemoryPerceiver",
    "MemoryPlanner",
    "RecallConfig",
    "Sighting",
    "Step",
    "Task",
    "TaskMemory",
    "TaskState",
    "Where",
]
