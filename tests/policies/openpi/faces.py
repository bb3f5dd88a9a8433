"""Task-faced policies that need no learning."""

import time

import numpy as np

from policies.faces import STATE, FeatureSizes, check_history
from policies.task_policy import History, TaskChunk

CAMERA = "observation.images.front"


class CountingPolicy:
    """Answers with what it sees: row i of a chunk is the newest state plus the seed plus i."""

    period_s = 0.1
    horizon = 4
    observation_steps = 2

    def __init__(self, camera: bool = False, delay_s: float = 0.0) -> None:
        pictures = {CAMERA: (6, 8)} if camera else {}
        self.sizes = FeatureSizes(numbers={STATE: 3}, pictures=pictures, action=3, language=True)
        self.prompts: list[str] = []
        self.seeds: list[int] = []
        self._seed = 0
        self.delay_s = delay_s

    def reset(self, seed: int) -> None:
        self._seed = seed
        self.seeds.append(seed)

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        checked = check_history(history, self.sizes, self.observation_steps)
        self.prompts.append(instruction)
        time.sleep(self.delay_s)
        if instruction == "break":
            raise RuntimeError("the network\nbroke")
        steps = np.arange(self.horizon, dtype=np.float32)[:, None]
        actions = checked[STATE][-1] + np.float32(self._seed) + steps
        return TaskChunk(actions=actions, done=0.25)


def state_history(*rows: float) -> dict[str, np.ndarray]:
    """States that repeat one number, per row."""
    return {STATE: np.stack([np.full(3, row, dtype=np.float32) for row in rows])}
