"""Learned schedulers: the next call, from words, scene and looks.

Implements `robot_skills.core.next_call`.
"""

from policies.learned_scheduler.checkpoint import (
    LearnedSchedulerConfig,
    load_learned_scheduler,
    save_learned_scheduler,
)
from policies.learned_scheduler.learned import LearnedScheduler
from policies.learned_scheduler.network import (
    LearnedSchedulerNetwork,
    LearnedSchedulerNetworkConfig,
)
from policies.learned_scheduler.samples import Sample
from policies.learned_scheduler.training import LearnedSchedulerTraining, train_learned_scheduler

__all__ = [
    "LearnedScheduler",
    "LearnedSchedulerConfig",
    "LearnedSchedulerNetwork",
    "LearnedSchedulerNetworkConfig",
    "LearnedSchedulerTraining",
    "Sample",
    "load_learned_scheduler",
    "save_learned_scheduler",
    "train_learned_scheduler",
]
