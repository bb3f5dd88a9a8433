"""Training in several processes, one per GPU (or per group of cores), through `accelerate`.

Alone, nothing of it is imported. Started by ``torchrun`` (or on GPUs ``accelerate launch``), every
process runs the same code on its own rows of every batch, and gradients are averaged. What a step
draws (noise, noise levels) is each process's own, so two processes do not repeat one's run.
"""

import os
from typing import Any

import torch
from torch import nn

from policies.sources import Share


class Team:
    """The processes that train one policy.

    Attributes:
        share: Which rows of a batch are ours.
        device: Where our tensors live.
        leads: Whether this process writes files and shows progress.
    """

    def __init__(self, device: str | None) -> None:
        self._accelerator: Any = None
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size > 1:
            from accelerate import Accelerator

            # Our own autocast chooses the precision, whatever the launcher says.
            self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
            self.share = Share(
                rank=self._accelerator.process_index, size=self._accelerator.num_processes
            )
            self.device = self._accelerator.device
        else:
            self.share = Share()
            self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.leads = self.share.rank == 0

    def wrap(self, learner: nn.Module) -> nn.Module:
        """The learner, with gradients averaged over the team after every backward pass."""
        learner = learner.to(self.device)
        return self._accelerator.prepare(learner) if self._accelerator else learner

    def wait(self) -> None:
        """Let all processes get here before any goes on."""
        if self._accelerator:
            self._accelerator.wait_for_everyone()
