"""`robot-skills replay`: a recorded episode once more, on a robot, measured."""

from robot_skills.app.replay.player import ReplayConfig, replay
from robot_skills.app.replay.tracking import TrackingReport

__all__ = ["ReplayConfig", "TrackingReport", "replay"]
