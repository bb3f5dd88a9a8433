"""What the wheel carries besides Python: cells, launch files and the skills' weights.

They lie beside the packages in the repository, and inside `robot_skills/shipped` in an installation
(`robot_skills.core.shipped`). An editable installation reads them where they are.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LEFT_OUT = ("seeds", "task_centric")
"""Folders of the zoo that only benchmarks measure, and which are not in the wheel either."""
_ROOT = Path(__file__).resolve().parent


class ShippedFiles(BuildHookInterface):
    """Puts them into wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        zoo = sorted(path.name for path in (_ROOT / "zoo").iterdir())
        for name in ("launch", *(f"zoo/{each}" for each in zoo if each not in LEFT_OUT)):
            build_data["force_include"][name] = f"robot_skills/shipped/{name}"
