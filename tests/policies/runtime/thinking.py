"""A policy that loads in no time: processes of the tests import neither torch nor a checkpoint."""

import os
import time

import numpy as np

from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import PolicyInput, PolicyOutput


class ThinkingPolicy:
    """Holds still after a while; a table that is too low or too high upsets it."""

    period_s = 0.05
    horizon = 4
    observation_steps = 1

    def __init__(self, think_s: float = 0.0) -> None:
        self._think_s = think_s

    def reset(self, seed: int) -> None:
        pass

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        if inputs.table_height_m < 0.0:
            os._exit(7)
        if inputs.table_height_m > 1.0:
            raise ValueError("This table is too high.")
        time.sleep(self._think_s if inputs.table_height_m > 0.0 else 0.0)
        return PolicyOutput(
            T_base_tool=np.repeat(inputs.T_base_tool[-1:], self.horizon, axis=0),
            opening=np.repeat(inputs.opening[-1:], self.horizon),
            done=inputs.table_height_m,
        )


def refuse() -> ThinkingPolicy:
    raise CheckpointError("There is no such checkpoint.")
