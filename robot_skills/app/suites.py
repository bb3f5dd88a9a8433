"""Composed instructions to be measured: tasks of several skills, each over many random scenes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.app.trials import Trial, TrialConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteTask:
    name: str


SUITES: Mapping[str, tuple[SuiteTask, ...]] = {}


def suite_trial(config: TrialConfig, task: SuiteTask, index: int) -> Trial:
    raise NotImplementedError
