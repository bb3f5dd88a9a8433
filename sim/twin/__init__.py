"""A stand-in for a real robot: the tabletop with a truth that nobody who drives it knows."""

from sim.twin.cell import HeldBoard, Target, held_board
from sim.twin.hidden import USUAL_RANGES, Hidden, TrueCamera, TwinRanges, draw_hidden
from sim.twin.name import TWIN, twin_seed
from sim.twin.optics import TrueLens, TrueSensor
from sim.twin.robot import TwinRobot, TwinTruth, make_twin, open_twin

__all__ = [
    "TWIN",
    "USUAL_RANGES",
    "HeldBoard",
    "Hidden",
    "Target",
    "TrueCamera",
    "TrueLens",
    "TrueSensor",
    "TwinRanges",
    "TwinRobot",
    "TwinTruth",
    "draw_hidden",
    "held_board",
    "make_twin",
    "open_twin",
    "twin_seed",
]
