"""What a cell file says about what its arm must not run into, and how thick the arm is."""

from hardware.cell.nodes import Section
from hardware.cell.poses import pose_of
from robot_skills.core.collision import ArmShape, StaticBox, Surroundings
from robot_skills.core.se3 import SE3

_FARTHEST_M = 3.0
_LONGEST_M = 10.0


def surroundings_of(section: Section, *, simulated: bool) -> tuple[Surroundings, ArmShape]:
    """Read the section ``collision``; every field of it may be left out.

    Args:
        section: Of the cell file.
        simulated: Whether the arm is simulated, and its shape known.
    """
    usual, shape = Surroundings(), ArmShape()
    table_z_m: float | None = section.number(
        "table_z_m", usual.table_z_m, low=-_FARTHEST_M, high=_FARTHEST_M, unit="m (millimetres?)"
    )
    if not section.flag("table", True):
        if section.has("table_z_m"):
            section.mistake("table_z_m", "there is no table: 'table' is false.")
        table_z_m = None
    boxes = tuple(_box(name, part) for name, part in section.section("boxes").sections().items())
    lengths = {
        name: section.number(name, getattr(usual, name), low=0.0, high=high, unit="m")
        for name, high in (("margin_m", 0.2), ("self_margin_m", 0.2), ("finger_depth_m", 0.1))
    }
    radii = {
        name: section.number(name, getattr(shape, name), low=0.001, high=0.5, unit="m")
        for name in ("link_radius_m", "hand_radius_m", "finger_length_m", "finger_radius_m")
    }
    for name in radii:
        if simulated and section.has(name):
            section.mistake(name, "the shape of a simulated arm is known.")
    section.finish()
    known = [box for box in boxes if box is not None]
    made = section.attempt(lambda: Surroundings(table_z_m=table_z_m, boxes=tuple(known), **lengths))
    return made if isinstance(made, Surroundings) else usual, ArmShape(**radii)


def _box(name: str, part: Section) -> StaticBox | None:
    size_m = part.numbers("size_m", 3, low=0.001, high=_LONGEST_M, unit="m", needed=True)
    T_base_box: SE3 | None = pose_of(part, "T_base_box", needed=True)
    part.finish()
    if size_m is None or T_base_box is None:
        return None
    made = part.attempt(lambda: StaticBox(name=name, T_base_box=T_base_box, size_m=size_m))
    return made if isinstance(made, StaticBox) else None
