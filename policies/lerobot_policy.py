"""Runs any LeRobot policy checkpoint: ACT, diffusion, SmolVLA, pi0, plugins, ...

LeRobot builds the network and its pre- and post-processing; here observations are handed over as
its datasets name them, histories are filled in, and what it leaves unchecked is checked before
anything moves. Importing LeRobot takes ten seconds, so that happens in `LeRobotPolicy.load`.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from policies.end_to_end import EndToEndSkill
from policies.faces import DescribedTask, FeatureSizes, SkillOfTask, check_history
from policies.lerobot_files import (
    POSTPROCESSOR,
    PREPROCESSOR,
    SkillNotes,
    backbone_folder,
    check_files,
    local_checkpoint,
    read_notes,
    step_overrides,
)
from policies.task_policy import History, TaskChunk
from robot_skills.core.errors import CheckpointError, MissingDependencyError, RobotSkillsError

log = logging.getLogger(__name__)

ACTION = "action"
_EMPTY_CAMERA = "observation.images.empty_camera"
"""Cameras that VLAs were built for and that a robot need not have; LeRobot fills them in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeRobotOptions:
    """How to load a checkpoint.

    Attributes:
        device: Where to run.
        threads: Processor threads of torch, for the whole process.
        overrides: Settings to change, in LeRobot's words: ``--num_inference_steps=10``.
        revision: Commit, branch or tag on the hub.
        fps: Steps per second; the checkpoint's `SkillNotes` say it otherwise.
    """

    device: str = "cpu"
    threads: int = 1
    overrides: tuple[str, ...] = ()
    revision: str | None = None
    fps: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ending:
    """A checkpoint whose termination head says when the work is done.

    Attributes:
        directory: Where it lies.
        policy: The same in recorded numbers.
    """

    directory: Path
    policy: DescribedTask


class LeRobotPolicy:
    """The task face of a LeRobot policy; `skill` gives the other one.

    A policy with a history is shown all of it for every chunk, so nothing but the seed is carried
    from one chunk to the next, and skipped or repeated observations do no harm.
    """

    def __init__(
        self,
        policy: Any,
        preprocess: Any,
        postprocess: Any,
        notes: SkillNotes,
        ending: Ending | None = None,
    ) -> None:
        """Wrap what LeRobot made; `load` does it all.

        Args:
            policy: `lerobot.policies.PreTrainedPolicy`, in evaluation mode.
            preprocess: Its pre-processor pipeline.
            postprocess: Its post-processor pipeline.
            notes: What LeRobot does not know.
            ending: Asked for `done`, with the same history.

        Raises:
            CheckpointError: The policy makes no usable chunk of a still, dark world.
        """
        self._policy, self._pre, self._post = policy, preprocess, postprocess
        self._notes = notes
        self._ending = ending
        self._sizes = feature_sizes(policy.config, _dataset_names(preprocess))
        self._draws = torch.Generator()
        self._seed: int | None = None
        self.reset(0)
        self._horizon = self._try_out()
        self.reset(0)

    @classmethod
    def load(cls, path_or_id: str | Path, options: LeRobotOptions | None = None) -> Self:
        """Read a checkpoint, from a folder or from the Hugging Face hub.

        Args:
            path_or_id: Folder, or the hub's ``owner/name``.
            options: How to load it.

        Raises:
            CheckpointError: It is missing, damaged, unsafe, or does not fit.
            MissingDependencyError: LeRobot, or a package that this policy needs, is not installed.
        """
        options = options or LeRobotOptions()
        directory = local_checkpoint(path_or_id, options.revision)
        notes = read_notes(directory)
        kind = check_files(directory)
        torch.set_num_threads(options.threads)
        with _refused_as(directory, kind):
            parts = _build(directory, options, backbone_folder(directory, notes))
            ending = _ending(directory, notes, options.device)
            return cls(*parts, _with_fps(notes, options.fps), ending)

    def skill(self, instruction: str | None = None) -> SkillOfTask | EndToEndSkill:
        """The skill face.

        Raises:
            RefusedError: It was not trained on a skill dataset and nobody says what its numbers
                mean, or nobody knows its fps.
        """
        told = self._notes.instruction if instruction is None else instruction
        task, ending = self, None
        if self._ending is not None:
            from policies.loading import load_policy

            task, ending = copy(self), load_policy(self._ending.directory)
            task._ending = None
        if self._notes.end_to_end is not None:
            return EndToEndSkill(task, self._notes.end_to_end, told, ending)
        return SkillOfTask(task, told, ending)

    @property
    def config(self) -> Any:
        """LeRobot's settings of the policy."""
        return self._policy.config

    @property
    def period_s(self) -> float | None:
        return None if self._notes.fps is None else 1.0 / self._notes.fps

    @property
    def horizon(self) -> int:
        return self._horizon

    @property
    def observation_steps(self) -> int:
        """Length of the history; a termination head may want more of it than LeRobot's policy."""
        end = 1 if self._ending is None else self._ending.policy.observation_steps
        return max(self._policy.config.n_obs_steps, end)

    @property
    def sizes(self) -> FeatureSizes:
        return self._sizes

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are sampled from."""
        self._draws.manual_seed(seed)
        self._seed = None

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk.

        Raises:
            RefusedError: The history is not what the policy was trained on.
        """
        checked = check_history(history, self._sizes, self.observation_steps)
        actions = self._sample(checked, instruction)
        return TaskChunk(actions=actions, done=self._done(history, instruction, actions))

    def _sample(self, history: History, instruction: str) -> np.ndarray:
        """Actions (H, A) in recorded units."""
        if self._seed is None or not getattr(self._policy.config, "keep_noise", False):
            self._seed = int(torch.randint(2**62, (), generator=self._draws))
        with torch.inference_mode(), _seeded(self._seed, self._policy.config.device):
            self._policy.reset()
            self._pre.reset()
            self._post.reset()
            newest = range(-self._policy.config.n_obs_steps, 0)
            steps = [self._batch(history, step, instruction) for step in newest]
            chunk = _predict(self._policy, steps)
            return self._post(chunk)[0].float().cpu().numpy()

    def _batch(self, history: History, step: int, instruction: str) -> dict[str, Any]:
        """One observation as the network wants it, batch of one."""
        observation: dict[str, Any] = {"task": instruction}
        for key in self._sizes.numbers:
            observation[key] = torch.from_numpy(history[key][step])
        for key in self._sizes.pictures:
            picture = torch.from_numpy(np.ascontiguousarray(history[key][step]))
            observation[key] = picture.permute(2, 0, 1).float().div_(255.0)
        return self._pre(observation)

    def _done(self, history: History, instruction: str, actions: np.ndarray) -> float:
        if self._ending is not None:
            newest = self._ending.policy.observation_steps
            shorter = {key: values[-newest:] for key, values in history.items()}
            return self._ending.policy.infer(shorter, instruction).done
        if self._notes.still is not None:
            return float(np.ptp(actions, axis=0).max() <= self._notes.still)
        return 0.0

    def _try_out(self) -> int:
        """Length of a chunk; the first one also takes longest, so it is not left to the robot."""
        n, sizes = self.observation_steps, self._sizes
        still: dict[str, np.ndarray] = {
            key: np.zeros((n, size), dtype=np.float32) for key, size in sizes.numbers.items()
        }
        for key, px in sizes.pictures.items():
            still[key] = np.zeros((n, *(px or (96, 96)), 3), dtype=np.uint8)
        actions = self._sample(still, self._notes.instruction)
        if actions.ndim != 2 or actions.shape[1] != sizes.action or not len(actions):
            raise CheckpointError(
                f"a chunk has the shape {actions.shape}, wanted (steps, {sizes.action})"
            )
        if not np.isfinite(actions).all():
            raise CheckpointError("a chunk is not finite")
        return len(actions)


def _predict(policy: Any, steps: list[dict[str, Any]]) -> torch.Tensor:
    """Normalised chunk (1, H, A) from observations, oldest first.

    LeRobot has two kinds of policies: those that keep observations in queues, which only
    `select_action` fills, and those that are asked for a chunk directly. The former execute what
    is in the queue of actions, so that is their chunk. An action in the queue keeps them from
    sampling while older observations are shown.
    """
    queues = getattr(policy, "_queues", {})
    if set(queues) <= {ACTION}:
        return policy.predict_action_chunk(steps[-1])
    placeholder = torch.zeros(1, policy.config.action_feature.shape[0])
    for step in steps[:-1]:
        policy._queues[ACTION].append(placeholder)
        policy.select_action(step)
    first = policy.select_action(steps[-1])
    return torch.stack([first, *policy._queues[ACTION]], dim=1)


def _build(directory: Path, options: LeRobotOptions, backbone: Path | None) -> tuple[Any, Any, Any]:
    """Policy, pre- and post-processor, by LeRobot's own factory."""
    from lerobot.configs import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    overrides = [f"--device={options.device}", *options.overrides]
    config = PreTrainedConfig.from_pretrained(directory, cli_overrides=overrides)
    # Weights of a backbone would be downloaded only to be overwritten by the checkpoint's.
    settings: dict[str, Any] = {"pretrained_backbone_weights": None, "load_vlm_weights": False}
    if backbone is not None:
        settings["vlm_model_name"] = str(backbone)
    for name, value in settings.items():
        if hasattr(config, name):
            setattr(config, name, value)
    policy = get_policy_class(config.type).from_pretrained(directory, config=config, strict=True)
    pre, post = make_pre_post_processors(
        config,
        pretrained_path=str(directory),
        preprocessor_overrides=step_overrides(directory, PREPROCESSOR, options.device, backbone),
        postprocessor_overrides=step_overrides(directory, POSTPROCESSOR, "cpu"),
    )
    return policy.eval(), pre, post


def _ending(directory: Path, notes: SkillNotes, device: str) -> Ending | None:
    if notes.termination is None:
        return None
    from policies.loading import load_task

    return Ending(
        directory=directory / notes.termination,
        policy=load_task(directory / notes.termination, device),
    )


def _with_fps(notes: SkillNotes, fps: float | None) -> SkillNotes:
    return notes if fps is None else SkillNotes.from_json(notes.to_json() | {"fps": float(fps)})


def _dataset_names(preprocess: Any) -> dict[str, str]:
    """What the dataset called the features that the pre-processor renames, by their new names."""
    renamed: dict[str, str] = {}
    for step in preprocess.steps:
        renamed |= {new: old for old, new in getattr(step, "rename_map", {}).items()}
    return renamed


def feature_sizes(config: Any, dataset_names: dict[str, str]) -> FeatureSizes:
    """What a policy sees and answers, under the names of its dataset.

    Args:
        config: LeRobot's settings of the policy.
        dataset_names: Old names of the features that the pre-processor renames, by new name.

    Raises:
        CheckpointError: It sees or answers something that cannot be handed over.
    """
    from lerobot.configs import FeatureType

    if config.action_feature is None:
        raise CheckpointError(f"it answers no {ACTION!r}")
    numbers, pictures = {}, {}
    for name, feature in config.input_features.items():
        key = dataset_names.get(name, name)
        if feature.type in (FeatureType.STATE, FeatureType.ENV):
            numbers[key] = int(feature.shape[0])
        elif feature.type is FeatureType.VISUAL and not name.startswith(_EMPTY_CAMERA):
            channels, height, width = feature.shape
            if channels != 3:
                raise CheckpointError(f"{key} has {channels} channels; only colour is handed over")
            pictures[key] = (int(height), int(width))
    return FeatureSizes(
        numbers=numbers,
        pictures=pictures,
        action=int(config.action_feature.shape[0]),
        language=True,
    )


@contextlib.contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """LeRobot's policies draw from torch's global generator; it is put back afterwards."""
    cuda = torch.device(device).type == "cuda"
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if cuda else ()):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _refused_as(directory: Path, kind: str) -> Iterator[None]:
    """Whatever LeRobot stumbles over in a checkpoint is the checkpoint's fault, in one line."""
    # Tokenizers fork; and LeRobot prints to stdout, which belongs to the command's result.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Checkpoint {directory} ({kind}) needs a package that is missing: {error.name}."
        ) from None
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(
            text if text.startswith("Checkpoint ") else f"Checkpoint {directory} ({kind}): {text}."
        ) from None
    except RobotSkillsError:
        raise
    except Exception as error:
        log.debug("loading %s failed", directory, exc_info=True)
        raise CheckpointError(
            f"Checkpoint {directory} ({kind}) is refused by LeRobot: {_reason(error)}"
        ) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:300]}..." if len(text) > 300 else text
