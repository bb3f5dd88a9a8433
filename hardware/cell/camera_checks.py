"""What is looked at of cameras before anything may move: plain functions of what was heard."""

from dataclasses import dataclass

from hardware.cameras.lens import is_same_lens, lens_matrix, lens_numbers
from hardware.cell.findings import CheckFinding, bad, good
from hardware.cell.schema import CameraDriver, Cell, CellCamera
from robot_skills.core.se3 import Array

_OFF_CENTRE = 0.2
"""Share of the picture. Lenses are centred within a few percent; numbers of a picture of half or
twice the size are off by a quarter or more."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeardCamera:
    """What came of one camera.

    Attributes:
        pictures: Width and height of its colours; None where none came.
        depths: Of its depth.
        info_px: That its info speaks of; None where no info came.
        K: Its lens, (3, 3); None where the info has none.
        problem: Why the info cannot be used.
    """

    pictures: tuple[int, int] | None = None
    depths: tuple[int, int] | None = None
    info_px: tuple[int, int] | None = None
    K: Array | None = None
    problem: str = ""


def check_camera(cell: Cell, camera: CellCamera, heard: HeardCamera) -> CheckFinding:
    """A camera gives pictures, depth and a lens, and all of them fit together and to the cell."""
    what, place = f"camera {camera.name}", cell.place_of(f"cameras.{camera.name}")
    colour, depth, info = camera.topics()
    missing = [
        topic
        for topic, there in (
            (colour, heard.pictures),
            (depth, heard.depths or not camera.has_depth),
            (info, heard.info_px),
        )
        if not there
    ]
    if missing:
        if camera.driver is CameraDriver.ROS:
            mend = f"start its driver, with aligned depth, or name its topics: {place}"
        else:
            mend = f"bring the cell up (`robot-skills bringup --cell {cell.name}`): {place}"
        return bad(what, f"nothing came on {', '.join(missing)}", mend)
    if heard.problem or heard.K is None:
        return bad(
            what,
            f"{info}: {heard.problem}",
            f"calibrate the camera, send rectified pictures, or tell its lens: {place}",
        )
    sizes = {colour: heard.pictures, info: heard.info_px}
    if camera.has_depth:
        sizes[depth] = heard.depths
    wrong = [f"{topic} {_size(size)}" for topic, size in sizes.items() if size != camera.size_px]
    if wrong:
        return bad(
            what,
            f"the cell says {_size(camera.size_px)}: {', '.join(wrong)}",
            f"have its driver send this size, depth aligned to colours, or change {place}",
        )
    return _check_lens(what, camera, heard.K, info, place)


def _check_lens(what: str, camera: CellCamera, K: Array, info: str, place: str) -> CheckFinding:
    fx, fy, cx, cy = lens_numbers(K)
    told = f"{info} says fx {fx:.1f}, fy {fy:.1f}, cx {cx:.1f}, cy {cy:.1f} px"
    width, height = camera.size_px
    if max(abs(cx / width - 0.5), abs(cy / height - 0.5)) > _OFF_CENTRE:
        return bad(
            what,
            f"{told}: that is far from the middle of a picture of {_size(camera.size_px)}",
            "the info is that of another size: calibrate at this one, or have the driver scale it",
        )
    if camera.lens_px is not None and not is_same_lens(K, lens_matrix(camera.lens_px)):
        numbers = ", ".join(f"{value:g}" for value in camera.lens_px)
        return bad(
            what,
            f"{told}; the cell says {numbers}",
            f"it is another camera, or was calibrated anew: {place}, lens_px",
        )
    return good(what, f"{_size(camera.size_px)}, {told}")


def _size(size: tuple[int, int] | None) -> str:
    return "none" if size is None else f"{size[0]} x {size[1]}"
