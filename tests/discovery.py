"""Tests of which a node never found a service that is there are repeated.

Of some thousand nodes of Fast DDS, one does not learn of an endpoint that every other sees, and
never will: see `hardware.ros2.second_look`. Nodes that drive an arm give their place up then and
are started again; a node of a test can only be made anew, with the whole test.
"""

import re
from collections.abc import Iterable

import pytest

_NOT_FOUND = re.compile(
    r"^E\s+\S*RobotFault: Waited \S+ s for (the service(?: \S*\w)?|the (?:action )?server)\b",
    re.MULTILINE,
)


def undiscovered(reports: Iterable[pytest.TestReport]) -> str:
    """Why a test that failed is repeated; empty when it found everybody, or did not fail."""
    for report in reports:
        if report.failed and (found := _NOT_FOUND.search(report.longreprtext)):
            return f"{found[1]} was not discovered"
    return ""
