"""`robot-skills dataset`: hands each subcommand to its file."""

from robot_skills.app.dataset.options import (
    DatasetExport,
    DatasetImport,
    DatasetInfo,
    DatasetMerge,
    DatasetOptions,
    DatasetRepair,
    DatasetReport,
    DatasetSplit,
    DatasetVerify,
)
from robot_skills.app.outcome import CommandResult


def main(options: DatasetOptions) -> CommandResult:
    """Do what a subcommand says; only its own libraries are loaded."""
    match options:
        case DatasetVerify():
            from robot_skills.app.dataset import verify

            return verify.main(options)
        case DatasetRepair():
            from robot_skills.app.dataset import repair

            return repair.main(options)
        case DatasetInfo():
            from robot_skills.app.dataset import info

            return info.main(options)
        case DatasetExport():
            from robot_skills.app.dataset import export

            return export.main(options)
        case DatasetImport():
            from robot_skills.app.dataset import importing

            return importing.main(options)
        case DatasetMerge():
            from robot_skills.app.dataset import merge

            return merge.main(options)
        case DatasetSplit():
            from robot_skills.app.dataset import split

            return split.main(options)
        case DatasetReport():
            from robot_skills.app.dataset import report

            return report.main(options)
