"""`robot-skills compress`: a checkpoint in a half or a quarter of the space."""

import shutil
import sys
from dataclasses import asdict

from robot_skills.app.options import CompressOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.train import export_too
from robot_skills.core.errors import CheckpointError
from robot_skills.skills.card import CARD_FILE


def main(options: CompressOptions) -> CommandResult:
    """Store the checkpoint that the options name in fewer bits."""
    from policies.compression import compress
    from policies.precision import Precision

    done = compress(options.checkpoint, options.out, Precision(options.precision))
    exported = export_too(done.checkpoint)
    foresees = _copy_success(options)
    card = options.checkpoint / CARD_FILE
    if card.is_file():
        shutil.copy(card, options.out / CARD_FILE)
    print(
        f"{done.checkpoint}: {done.bytes_after / 1e6:.2f} MB of weights as {options.precision}, "
        f"before {done.bytes_before / 1e6:.2f} MB"
    )
    print(
        f"answers differ by {done.off_mean:.2g} standard deviations of the demonstrations in the "
        f"mean, by {done.off_max:.2g} at most"
    )
    payload = {**asdict(done), "checkpoint": str(done.checkpoint), "exported": exported}
    payload["success_predictor"] = foresees
    return CommandResult(payload={"precision": options.precision, **payload})


def _copy_success(options: CompressOptions) -> bool:
    """Copy what foresees success, which advises alone: a broken one stays behind."""
    from policies.success import copy_success

    try:
        return copy_success(options.checkpoint, options.out)
    except CheckpointError as error:
        print(f"robot-skills: success is not foreseen there: {error}", file=sys.stderr)
        return False
