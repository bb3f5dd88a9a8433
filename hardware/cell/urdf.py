"""What a robot description says about joints: their limits and their order."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robot_skills.core.errors import RefusedError


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedJoint:
    """One joint of a URDF.

    Attributes:
        name: Of the joint.
        parent: Link before it.
        child: Link behind it.
        lower_rad: Lowest position; None where it turns without end.
        upper_rad: Highest position.
        velocity_rad_s: Highest speed; None where none is given.
    """

    name: str
    parent: str
    child: str
    lower_rad: float | None
    upper_rad: float | None
    velocity_rad_s: float | None


def described_joints(urdf: str) -> Mapping[str, DescribedJoint]:
    """The joints of a URDF, by name.

    Raises:
        RefusedError: It is no URDF.
    """
    try:
        robot = ElementTree.fromstring(urdf)
        found = [_joint(joint) for joint in robot.findall("joint")]
    except (ElementTree.ParseError, ValueError) as error:
        raise RefusedError(f"The robot description cannot be read: {error}.") from None
    return {joint.name: joint for joint in found}


def _joint(element: ElementTree.Element) -> DescribedJoint:
    limit = element.find("limit")
    bounded = limit is not None and element.get("type") != "continuous"
    return DescribedJoint(
        name=element.get("name", ""),
        parent=_link(element, "parent"),
        child=_link(element, "child"),
        lower_rad=_number(limit, "lower") if bounded else None,
        upper_rad=_number(limit, "upper") if bounded else None,
        velocity_rad_s=_number(limit, "velocity"),
    )


def _link(element: ElementTree.Element, what: str) -> str:
    found = element.find(what)
    return "" if found is None else found.get("link", "")


def _number(limit: ElementTree.Element | None, what: str) -> float | None:
    text = None if limit is None else limit.get(what)
    return None if text is None else float(text)


def base_to_tip(joints: Mapping[str, DescribedJoint], names: Sequence[str]) -> tuple[str, ...]:
    """Some joints in the order in which they follow one another in the description."""
    before = {joint.child: joint for joint in joints.values()}

    def depth(name: str) -> int:
        steps, link = 0, joints[name].parent
        # A description that bites its own tail would never end.
        while link in before and steps <= len(joints):
            steps, link = steps + 1, before[link].parent
        return steps

    return tuple(sorted((name for name in names if name in joints), key=depth))
