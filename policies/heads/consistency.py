"""One step: a student that jumps to the end of the path that a trained teacher would walk.

A consistency function takes every point of a path to the path's end (Song et al., "Consistency
models", 2023; for robots Prasad et al., "Consistency Policy", 2024). It is usually taught to agree
with itself at neighbouring points, because walking a teacher to the end for every example costs too
much with pictures. Chunks are small: here the teacher walks all the way, and its end is the target
at every point the student may be asked about, which leaves no error to add up along the path.
"""

from dataclasses import replace

import torch
from torch import Tensor

from policies.config import Head, Prediction, SamplerConfig, Solver
from policies.heads.diffusion import DiffusionHead
from policies.heads.head import Predict
from policies.heads.path import loudness, normal_like, walk
from policies.json_config import require
from policies.sampler import SamplerTable
from robot_skills.core.errors import RefusedError

TEACHER_STEPS = 8
"""Steps of the teacher: DDIM, loud at first and quiet at last (see `loudness`)."""


class ConsistencyHead:
    """Distillation of a `Head.DIFFUSION` network into one that samples in one step, or a few.

    The teacher starts from the noise that the student will start from, so `noise_scale` belongs to
    what is learned: train with the one you will run with. With more than one step, the estimated
    chunk is made noisy again in between (multistep consistency sampling, Song et al., 2023).

    Args:
        config: Steps, and the noise levels and prediction type of the teacher.

    Raises:
        ValueError: When the steps are not among the teacher's, or it predicts noise: where nothing
            but noise is seen, that prediction says nothing of the chunk.
    """

    def __init__(self, config: SamplerConfig) -> None:
        steps = config.inference_steps
        require(
            TEACHER_STEPS % steps == 0 and config.train_timesteps >= TEACHER_STEPS,
            f"Head 'consistency' cannot sample in {steps} of {config.train_timesteps} levels. "
            "Available: 1, 2, 4 or 8 steps, of 8 levels or more.",
        )
        require(
            config.prediction is not Prediction.EPSILON,
            "Head 'consistency' cannot predict 'epsilon'. Available: 'v_prediction', 'sample'.",
        )
        self._config = config
        walked = DiffusionHead(
            replace(config, head=Head.DIFFUSION, solver=Solver.DDIM, inference_steps=TEACHER_STEPS)
        ).visited()
        self._teacher = walk(walked, loudness(TEACHER_STEPS))
        self._stride = TEACHER_STEPS // steps
        self._places = walked.at(torch.arange(0, TEACHER_STEPS, self._stride))

    def table(self) -> SamplerTable:
        """Jump to the end, go part of the way back with fresh noise, jump again."""
        places = self._places
        clean_state, clean_model = places.clean_coefficients()
        signal = torch.cat([places.signal[1:], torch.ones(1)])
        # As much noise as where the teacher was in these places, which is where students learn.
        noise = torch.tensor(self._teacher.sigma)[:: self._stride]
        again = torch.cat([noise[1:], torch.zeros(1)])
        return SamplerTable(
            timesteps=places.level.tolist(),
            state=(signal * clean_state).tolist(),
            model=(signal * clean_model).tolist(),
            clean_state=clean_state.tolist(),
            clean_model=clean_model.tolist(),
            noise=(again * self._config.noise_scale).tolist(),
            signal=places.signal.tolist(),
            sigma=noise.tolist(),
        )

    def errors(
        self, predict: Predict, x_0: Tensor, draws: torch.Generator, teacher: Predict | None = None
    ) -> Tensor:
        """Squared distance (B, H, A) from where the student jumps to where the teacher arrives.

        Raises:
            RefusedError: Without a teacher.
        """
        if teacher is None:
            raise RefusedError(
                "Head 'consistency' learns from a teacher and none was given; "
                "train head 'diffusion' on the same data first."
            )
        start = self._config.noise_scale * normal_like(x_0, draws)
        with torch.no_grad():
            *visited, end = self._walk(teacher, start)
        count, steps = len(x_0), len(self._places.level)
        which = torch.randint(steps, (count,), generator=draws, device=draws.device).cpu()
        x = torch.stack(visited[:: self._stride])[which, torch.arange(count)]
        here = self._places.at(which)
        clean_state, clean_model = (c.to(x)[:, None, None] for c in here.clean_coefficients())
        jumped = clean_state * x + clean_model * predict(x, here.level.to(x))
        return (jumped - end).square()

    def _walk(self, teacher: Predict, start: Tensor) -> list[Tensor]:
        """All states (B, H, A) of the teacher's path, from the start to the clean end."""
        states = [start]
        for level, row in zip(self._teacher.timesteps, self._teacher.rows(), strict=True):
            x = states[-1]
            f = teacher(x, torch.full((len(x),), level, device=x.device))
            states.append(row.state * x + row.model * f)
        return states
