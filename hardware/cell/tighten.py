"""Limits of a cell: those of the arm's data sheet, made tighter and never looser."""

from collections.abc import Mapping, Sequence

import numpy as np

from hardware.cell.nodes import Section
from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits
from robot_skills.core.se3 import Array

RATES = ("velocity_rad_s", "acceleration_rad_s2", "jerk_rad_s3")
_UNITS = {
    "lower_rad": "rad",
    "upper_rad": "rad",
    "velocity_rad_s": "rad/s",
    "acceleration_rad_s2": "rad/s2",
    "jerk_rad_s3": "rad/s3",
}
_SAME = 1e-6
_LARGEST = 1e6


def given_rates(section: Section, joints: int) -> Mapping[str, Array]:
    """Velocities, accelerations and jerks that a cell gives, (n,) each."""
    rates = {
        name: section.numbers(name, joints, low=1e-3, high=_LARGEST, unit=_UNITS[name], spread=True)
        for name in RATES
    }
    return {name: values for name, values in rates.items() if values is not None}


def tightened(section: Section, sheet: ArmLimits, joints: Sequence[str]) -> ArmLimits:
    """What a cell allows: the data sheet, with the cell's tighter numbers.

    A number that is looser is a mistake of the section, which names both.
    """
    made = section.attempt(
        lambda: ArmLimits(
            joint=_joint(section, sheet.joint, joints),
            cartesian=_cartesian(section, sheet.cartesian),
            gripper_width_m=section.number(
                "gripper_width_m", sheet.gripper_width_m, low=0.0, high=0.5, unit="m"
            ),
        )
    )
    return made if isinstance(made, ArmLimits) else sheet


def _joint(section: Section, sheet: JointLimits, joints: Sequence[str]) -> JointLimits:
    n = len(sheet.lower_rad)
    rates = given_rates(section, n)
    chosen: dict[str, Array] = {}
    for name, unit in _UNITS.items():
        allowed = getattr(sheet, name)
        if name in RATES:
            values = rates.get(name)
        else:
            values = section.numbers(name, n, low=-20.0, high=20.0, unit=unit)
        if values is None:
            chosen[name] = allowed
            continue
        looser = values < allowed - _SAME if name == "lower_rad" else values > allowed + _SAME
        for i in np.flatnonzero(looser):
            joint = _name(joints, i)
            section.mistake(name, _looser(joint, float(values[i]), float(allowed[i]), unit))
        chosen[name] = np.where(looser, allowed, values)
    for i in np.flatnonzero(chosen["lower_rad"] >= chosen["upper_rad"]):
        joint = _name(joints, i)
        section.mistake("lower_rad", f"{joint} has no room between lower_rad and upper_rad.")
        chosen["lower_rad"] = sheet.lower_rad
        chosen["upper_rad"] = sheet.upper_rad
    return JointLimits(**chosen)


def _cartesian(section: Section, sheet: CartesianLimits) -> CartesianLimits:
    chosen: dict[str, float] = {}
    for field, name, unit in (
        ("tool_speed_m_s", "speed_m_s", "m/s"),
        ("turn_rate_rad_s", "turn_rate_rad_s", "rad/s"),
        ("jump_m", "jump_m", "m"),
        ("jump_rad", "jump_rad", "rad"),
    ):
        allowed = getattr(sheet, name)
        value = section.number(field, allowed, low=1e-4, high=_LARGEST, unit=unit)
        if value > allowed + _SAME:
            section.mistake(field, _looser("the tool", value, allowed, unit))
            value = allowed
        chosen[name] = value
    lower, upper = _workspace(section, sheet)
    return CartesianLimits(workspace_lower_m=lower, workspace_upper_m=upper, **chosen)


def _workspace(section: Section, sheet: CartesianLimits) -> tuple[Array, Array]:
    chosen = []
    for name, sign in (("workspace_lower_m", -1.0), ("workspace_upper_m", 1.0)):
        allowed = getattr(sheet, name)
        values = section.numbers(name, 3, low=-_LARGEST, high=_LARGEST, unit="m")
        if values is None:
            chosen.append(allowed)
            continue
        looser = sign * (values - allowed) > _SAME
        for i in np.flatnonzero(looser):
            section.mistake(name, _looser("xyz"[i], float(values[i]), float(allowed[i]), "m"))
        chosen.append(np.where(looser, allowed, values))
    lower, upper = chosen
    if np.any(lower >= upper):
        section.mistake("workspace_lower_m", f"{lower} is not below {upper} on every axis.")
        return sheet.workspace_lower_m, sheet.workspace_upper_m
    return lower, upper


def _name(joints: Sequence[str], i: int) -> str:
    # There may be fewer names than joints; that is a mistake of its own.
    return joints[i] if i < len(joints) else f"joint {i}"


def _looser(what: str, value: float, allowed: float, unit: str) -> str:
    return (
        f"{what}: {value:g} {unit} is looser than the {allowed:g} {unit} of the data sheet; "
        "a cell may only tighten limits."
    )
