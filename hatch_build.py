"""What the wheel carries besides Python: cells, launch files and the skills' weights.

They lie beside the packages in the repository, and inside `robot_skills/shipped` in an installation
(`robot_skills.core.shipped`). An editable installation reads them where they are.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("launch", "zoo")


class ShippedFiles(BuildHookInterface):
    """Puts them into wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for folder in SHIPPED:
            build_data["force_include"][folder] = f"robot_skills/shipped/{folder}"
