"""Depth of stereo cameras, cleaned by a small network that sees picture and raw depth."""

from policies.depth.checkpoint import DepthConfig, load_depth, save_depth
from policies.depth.denoiser import DepthDenoiser, DepthGuess
from policies.depth.edges import without_edges
from policies.depth.network import DepthNetwork, DepthNetworkConfig
from policies.depth.samples import CleanFrame, load_frames, save_frames
from policies.depth.training import DepthTraining, train_depth
from policies.depth.wrappers import CleanCamera, CleanDepthRobot, cleaned

__all__ = [
    "CleanCamera",
    "CleanDepthRobot",
    "CleanFrame",
    "DepthConfig",
    "DepthDenoiser",
    "DepthGuess",
    "DepthNetwork",
    "DepthNetworkConfig",
    "DepthTraining",
    "cleaned",
    "load_depth",
    "load_frames",
    "save_depth",
    "save_frames",
    "train_depth",
    "without_edges",
]
