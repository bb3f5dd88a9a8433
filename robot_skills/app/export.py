"""`robot-skills export`: a checkpoint for ONNX Runtime, which runs it without torch."""

from robot_skills.app.options import ExportOptions
from robot_skills.app.outcome import CommandResult


def main(options: ExportOptions) -> CommandResult:
    """Export the checkpoint that the options name."""
    from policies.export import PARITY_TOLERANCE, export_onnx

    path = export_onnx(options.checkpoint)
    size = path.stat().st_size
    print(f"{path}: {size / 1024:.0f} kB, answers as torch does within {PARITY_TOLERANCE:g}")
    return CommandResult(
        payload={"file": str(path), "bytes": size, "tolerance": PARITY_TOLERANCE},
    )
