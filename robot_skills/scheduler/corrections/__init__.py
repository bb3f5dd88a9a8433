"""Corrections in words: heeded at once, kept, and remembered where they are wanted again."""

from robot_skills.scheduler.corrections.changes import Correction, Scope
from robot_skills.scheduler.corrections.desk import CorrectionDesk
from robot_skills.scheduler.corrections.planner import RememberingPlanner
from robot_skills.scheduler.corrections.reading import CorrectionReader
from robot_skills.scheduler.corrections.store import CorrectionStore

__all__ = [
    "Correction",
    "CorrectionDesk",
    "CorrectionReader",
    "CorrectionStore",
    "RememberingPlanner",
    "Scope",
]
