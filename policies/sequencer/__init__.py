"""Learned sequencers: which call comes next. Implements `robot_skills.core.sequencer`."""

from policies.sequencer.checkpoint import SequencerConfig, load_sequencer, save_sequencer
from policies.sequencer.learned import LearnedSequencer
from policies.sequencer.network import SequencerNetwork, SequencerNetworkConfig
from policies.sequencer.training import Choice, SequencerTraining, train_sequencer

__all__ = [
    "Choice",
    "LearnedSequencer",
    "SequencerConfig",
    "SequencerNetwork",
    "SequencerNetworkConfig",
    "SequencerTraining",
    "load_sequencer",
    "save_sequencer",
    "train_sequencer",
]
