"""Tests of which a node did not find a service within 20 s or more are repeated.

Now and then a node of Fast DDS does not learn of an endpoint that every other sees, and never will:
see `hardware.ros2.second_look`. Nodes that drive an arm give their place up then and are started
again; a node of a test can only be made anew, with the whole test. Shorter waits are no excuse: a
service that is not there so soon may be a fault of what is tested.
"""

import re
from collections.abc import Iterable

import pytest

_NOT_FOUND = re.compile(
    r"^E\s+\S*RobotFault: Waited (?:[2-9]\d|\d{3,}) s for "
    r"(the service(?: \S*\w)?|the (?:action )?server)\b",
    re.MULTILINE,
)


def undiscovered(reports: Iterable[pytest.TestReport]) -> str:
    """Why a test that failed is repeated; empty when it found everybody, or did not fail."""
    for report in reports:
        if report.failed and (found := _NOT_FOUND.search(report.longreprtext)):
            return f"{found[1]} was not discovered"
    return ""
