"""The files of a LeRobot policy checkpoint, checked before LeRobot reads them.

=============================  ================================================================
``config.json``                type of the policy and its settings
``model.safetensors``          weights
``policy_preprocessor.json``   steps from observation to network input, each with its state in
                               its own safetensors file
``policy_postprocessor.json``  steps from network output to action
``skill.json``                 ours and optional: what LeRobot does not write down (`SkillNotes`)
=============================  ================================================================

LeRobot itself looks at none of this: weights that are missing stay random, NaN goes unnoticed, and
a processor may name any class that can be imported. Pickles are never opened. Nothing heavy is
imported here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.end_to_end import EndToEndNotes
from policies.json_config import JsonConfig, require
from robot_skills.core.errors import CheckpointError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
NOTES = "skill.json"

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_PICKLE_STARTS = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_DEVICE_STEP, _TOKENIZER_STEP = "device_processor", "tokenizer_processor"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_TRUSTED_MODULES = ("lerobot.", "lerobot_policy_")


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillNotes(JsonConfig):
    """What a LeRobot checkpoint does not say, and a skill needs."""

    fps: float | None = None
    """Steps per second of the dataset that it was trained on."""
    instruction: str = ""
    """What a policy that knows language is told."""
    still: float | None = None
    """Done is said when no number of a chunk moves further than this [recorded units]. LeRobot's
    policies know no end of their work; without a rule the skill ends by its timeout, and its
    effects decide."""
    termination: str | None = None
    """Folder, beside this file, of a checkpoint of ours whose termination head says done."""
    end_to_end: EndToEndNotes | None = None
    """What pictures and numbers mean, of a policy that was not trained on a skill dataset."""
    backbone: str | None = None
    """Folder, beside this file, with settings and tokenizer of the language model that it is built
    on; without it LeRobot asks the hub, or its cache, for them."""

    def __post_init__(self) -> None:
        require(self.fps is None or self.fps > 0.0, f"fps is {self.fps}.")
        require(self.still is None or self.still >= 0.0, f"still is {self.still}.")
        require(
            self.still is None or self.termination is None,
            "Done is said by `still` or by `termination`, not by both.",
        )


def is_lerobot_checkpoint(directory: Path) -> bool:
    """Whether a folder says that it is a LeRobot policy."""
    try:
        return "type" in _json_object(directory, CONFIG)
    except CheckpointError:
        return False


def local_checkpoint(path_or_id: str | Path, revision: str | None = None) -> Path:
    """The folder of a checkpoint: a local one, or one downloaded from the Hugging Face hub.

    Only JSON and safetensors are downloaded.

    Raises:
        CheckpointError: There is no such folder, and it cannot be downloaded.
    """
    directory = Path(path_or_id)
    if directory.is_dir():
        return directory
    if not _HUB_ID.fullmatch(str(path_or_id)):
        raise CheckpointError(f"Checkpoint {path_or_id}: there is no such folder.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                str(path_or_id), revision=revision, allow_patterns=["*.json", "*.safetensors"]
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"Checkpoint {path_or_id}: there is no such folder, and the Hugging Face hub does not "
            f"give it ({_line(error)})."
        ) from None


def check_files(directory: Path) -> str:
    """Check everything that can be checked without LeRobot, and return the policy's type.

    Raises:
        CheckpointError: A file is missing, damaged, a pickle, or names what it must not.
    """
    config = _json_object(directory, CONFIG)
    kind = config.get("type")
    if not isinstance(kind, str):
        raise CheckpointError(f"Checkpoint {directory}: {CONFIG} names no policy type.")
    if config.get("use_peft"):
        raise CheckpointError(
            f"Checkpoint {directory} is an adapter (PEFT) of another one; merge them first."
        )
    _check_weights_exist(directory)
    check_tensors(directory, WEIGHTS)
    for name in (PREPROCESSOR, POSTPROCESSOR):
        for step in _steps(directory, name):
            _check_step(directory, name, step)
    return kind


def step_overrides(
    directory: Path, name: str, device: str, backbone: Path | None = None
) -> dict[str, dict[str, str]]:
    """Overrides for LeRobot's loader of the processor `name`.

    Args:
        directory: Of the checkpoint.
        name: File of the processor.
        device: Where its steps run.
        backbone: Folder of the tokenizer; the one that is named when None.
    """
    wanted = {_DEVICE_STEP: {"device": device}}
    if backbone is not None:
        wanted[_TOKENIZER_STEP] = {"tokenizer_name": str(backbone)}
    named = [step.get("registry_name") for step in _steps(directory, name)]
    return {step: override for step, override in wanted.items() if step in named}


def backbone_folder(directory: Path, notes: SkillNotes) -> Path | None:
    """Where the language model's settings lie; None where nobody says.

    Raises:
        CheckpointError: There is no such folder.
    """
    if notes.backbone is None:
        return None
    folder = directory / notes.backbone
    if not (folder / CONFIG).is_file():
        raise CheckpointError(
            f"Checkpoint {directory}: {NOTES} names the backbone {notes.backbone!r}, but {folder} "
            f"holds no {CONFIG}. Copy the settings and the tokenizer of the language model there."
        )
    return folder


def read_notes(directory: Path) -> SkillNotes:
    """The notes in a checkpoint's folder; none are needed. Raises `CheckpointError`."""
    if not (directory / NOTES).is_file():
        return SkillNotes()
    try:
        return SkillNotes.from_json(_json_object(directory, NOTES))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"Checkpoint {directory}: {NOTES} is refused: {error}") from None


def check_tensors(directory: Path, name: str) -> None:
    """Refuse a safetensors file that is truncated, damaged, or not finite in every number.

    Raises:
        CheckpointError: It is.
    """
    from safetensors import SafetensorError, safe_open

    path = directory / name
    try:
        with safe_open(path, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118, it is no dict
                tensor = tensors.get_tensor(key)
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise CheckpointError(
                        f"Checkpoint {directory}: {key} in {name} holds non-finite values."
                    )
    except (SafetensorError, OSError, ValueError) as error:
        if _is_pickle(path):
            raise CheckpointError(
                f"Checkpoint {directory}: {name} is a pickle, which can run code; it is refused."
            ) from None
        raise CheckpointError(
            f"Checkpoint {directory}: {name} is not a safetensors file ({_line(error)})."
        ) from None


def _is_pickle(path: Path) -> bool:
    """Whether a file that is no safetensors looks like a pickle; sound files may begin alike."""
    try:
        with path.open("rb") as file:
            return file.read(2) in _PICKLE_STARTS
    except OSError:
        return False


def _check_weights_exist(directory: Path) -> None:
    if (directory / WEIGHTS).is_file():
        return
    found = sorted(path.name for path in directory.iterdir())
    pickles = [name for name in found if name.endswith(_PICKLES)]
    if pickles:
        raise CheckpointError(
            f"Checkpoint {directory} has no {WEIGHTS}, only {', '.join(pickles[:3])}: "
            "pickles can run code and are refused."
        )
    raise CheckpointError(
        f"Checkpoint {directory} has no {WEIGHTS}. Found: {', '.join(found[:8]) or 'nothing'}."
    )


def _steps(directory: Path, name: str) -> Iterator[dict[str, Any]]:
    if not (directory / name).is_file():
        raise CheckpointError(
            f"Checkpoint {directory} has no {name}; LeRobot versions before 0.4 wrote none, and "
            "`python -m lerobot.processor.migrate_policy_normalization` adds it."
        )
    steps = _json_object(directory, name).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError(f"Checkpoint {directory}: {name} lists no steps.")
    yield from steps


def _check_step(directory: Path, name: str, step: dict[str, Any]) -> None:
    where = f"Checkpoint {directory}: a step in {name}"
    if "registry_name" not in step:
        # LeRobot would import whatever module stands here.
        path = step.get("class")
        if not isinstance(path, str) or not path.startswith(_TRUSTED_MODULES):
            raise CheckpointError(f"{where} is of a class that is not LeRobot's: {path!r:.60}.")
    state = step.get("state_file")
    if state is None:
        return
    if not isinstance(state, str) or Path(state).name != state:
        raise CheckpointError(f"{where} keeps its state elsewhere: {state!r:.60}.")
    if not state.endswith(".safetensors"):
        raise CheckpointError(f"{where} keeps its state in {state}; only safetensors are read.")
    check_tensors(directory, state)


def _json_object(directory: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads((directory / name).read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"Checkpoint {directory}: {name} cannot be read ({error.strerror})."
        ) from None
    except ValueError:
        raise CheckpointError(f"Checkpoint {directory}: {name} is not JSON.") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"Checkpoint {directory}: {name} holds no JSON object.")
    return values


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text[:160]}..." if len(text) > 160 else text or type(error).__name__
