"""How ROS 2 messages travel: on this machine alone, or on the network of the cell.

Fast DDS hands messages over in a segment of shared memory of 512 kB unless it is told otherwise;
two cameras lose most of their pictures there. The profiles give it room for them.
"""

import os
import re
from enum import Enum
from pathlib import Path

from robot_skills.core.errors import RefusedError

PROFILES = Path(__file__).resolve().parent / "profiles"
_PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Kilted and later read the first, Jazzy the second."""
_HIGHEST_DOMAIN = 232
_NAMESPACE = re.compile(r"(/?[A-Za-z][A-Za-z0-9_]*)(/[A-Za-z][A-Za-z0-9_]*)*/?")


class Reach(Enum):
    """Who can hear what is said."""

    MACHINE = "machine"
    """This machine only."""
    NETWORK = "network"
    """Whoever is in the same network and domain."""


def prepare_environment(
    reach: Reach = Reach.MACHINE, domain: int | None = None, *, pictures: bool = True
) -> None:
    """Set what ROS reads from the environment, where nobody has set it; before `rclpy` starts.

    Args:
        reach: Who can hear.
        domain: Of ROS; None leaves it to ``ROS_DOMAIN_ID``.
        pictures: Whether this process sends or hears pictures, which take shared memory. With it,
            processes stood still for 0.3 s, or heard nothing for as long, about once in a hundred
            starts and kills of others. Why is not known; what controls an arm, or tells where it
            is, does without, and neither was seen there.

    Raises:
        RefusedError: There is no such domain.
    """
    # `sys.prefix` is where wheels put what a ROS installation has under /opt/ros.
    import sys

    os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    if domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(checked_domain(domain))
    set_already = [os.environ[name] for name in _PROFILE_VARIABLES if name in os.environ]
    # One of ours comes from the process that started this one, and was chosen for that.
    if any(Path(profile).parent != PROFILES for profile in set_already):
        return
    # Both at once only earns a warning, and only on Kilted: choose by what is installed.
    names = _PROFILE_VARIABLES[1:] if _is_jazzy() else _PROFILE_VARIABLES[:1]
    for name in names:
        kind = "" if pictures else "_control"
        os.environ[name] = str(PROFILES / f"{reach.value}{kind}.xml")
    # The profile decides; where ROS restricts the range by itself, it ignores the profile.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "SYSTEM_DEFAULT")


def _is_jazzy() -> bool:
    if os.environ.get("ROS_DISTRO"):
        return os.environ["ROS_DISTRO"] == "jazzy"
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ros-rclpy").startswith("7.")
    except PackageNotFoundError:
        return False


def checked_domain(domain: int) -> int:
    """A domain of ROS, or an error that says which there are.

    Raises:
        RefusedError: There is no such domain.
    """
    if not 0 <= domain <= _HIGHEST_DOMAIN:
        raise RefusedError(f"ROS domains go from 0 to {_HIGHEST_DOMAIN}, got {domain}.")
    return domain


def checked_namespace(namespace: str) -> str:
    """A namespace with one slash before it and none behind; empty stays empty.

    Raises:
        RefusedError: ROS has no such names.
    """
    if not namespace.strip("/"):
        return ""
    if not _NAMESPACE.fullmatch(namespace):
        raise RefusedError(
            f"{namespace!r} is no namespace of ROS: words of letters, digits and underscores that "
            "begin with a letter, with slashes between them."
        )
    return "/" + namespace.strip("/")
