"""What a calibration means for a cell file: lines to copy, or the file itself, comments kept."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import yaml

from calibration.hand_eye import HandEye
from calibration.intrinsics import Intrinsics
from calibration.latency import Found, Latency
from calibration.lens import NO_DISTORTION
from robot_skills.app.calibrate.files import write_bytes
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3

_INDENT = 2

Fields = Mapping[str, str]
"""Values as YAML in one line, by name."""
NO_FIELDS: Fields = MappingProxyType({})


def pose_field(T: SE3) -> str:
    """A pose as YAML."""
    xyz = ", ".join(f"{value:.6f}" for value in T.p)
    wxyz = ", ".join(f"{value:.8f}" for value in T.wxyz())
    return f"{{xyz: [{xyz}], wxyz: [{wxyz}]}}"


def lens_fields(found: Intrinsics) -> Fields:
    """Of a camera, after its lens was calibrated."""
    fields = {"lens_px": _numbers(found.lens.lens_px, 3)}
    if found.lens.distortion != NO_DISTORTION:
        fields["distortion"] = _numbers(found.lens.distortion, 8)
    return fields


def mount_fields(found: HandEye) -> Fields:
    """Of a camera, after its mount was calibrated."""
    return {"mount": found.mount.value, "T_mount_camera": pose_field(found.T_mount_camera)}


def arm_latency_fields(found: Latency) -> Fields:
    """Of the robot, after its latencies were found."""
    fields = {
        "action_latency_s": _seconds(found.action),
        "state_latency_s": _seconds(found.state),
    }
    if found.gripper is not None:
        fields["gripper_latency_s"] = _seconds(found.gripper)
    return fields


def camera_latency_fields(found: Latency) -> Mapping[str, Fields]:
    """Of the cameras, after their latencies were found."""
    return {name: {"latency_s": _seconds(one)} for name, one in found.cameras.items()}


def _seconds(found: Found) -> str:
    return f"{found.latency_s:.4f}"


def lines(cameras: Mapping[str, Fields], robot: Fields = NO_FIELDS) -> str:
    """The fields as lines of a cell file."""
    out = []
    if robot:
        out.append("robot:")
        out += [f"{' ' * _INDENT}{name}: {value}" for name, value in robot.items()]
    if cameras:
        out.append("cameras:")
    for camera, fields in cameras.items():
        out.append(f"{' ' * _INDENT}{camera}:")
        out += [f"{' ' * 2 * _INDENT}{name}: {value}" for name, value in fields.items()]
    return "\n".join(out)


def edited_cell(
    path: Path,
    cameras: Mapping[str, Fields],
    check: Callable[[Path], object],
    robot: Fields = NO_FIELDS,
) -> str:
    """The text of a cell file with fields of cameras set; comments and other fields stay.

    Args:
        path: Of the file, which stays as it is.
        cameras: Fields by camera.
        check: Reads the new text from a file beside it, and raises where it is wrong.
        robot: Fields of the robot.

    Raises:
        RefusedError: The file has no such camera, is written in another style, or is not accepted
            afterwards.
        StorageError: Nothing can be written beside it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror or error}.") from error
    for camera, fields in cameras.items():
        for name, value in fields.items():
            text = _with_field(path, text, ("cameras", camera), name, value)
    for name, value in robot.items():
        text = _with_field(path, text, ("robot",), name, value)
    tried = path.with_name(f".{path.stem}.calibrated{path.suffix}")
    try:
        write_bytes(tried, text.encode())
        check(tried)
    finally:
        tried.unlink(missing_ok=True)
    return text


def _with_field(path: Path, text: str, owner: Sequence[str], name: str, value: str) -> str:
    """The text of a file with one field of a camera, or of the robot, set."""
    section = _section(path, text, owner)
    for key, node in section.value:
        if key.value == name:
            return text[: node.start_mark.index] + value + text[_end(text, node) :]
    first = section.value[0][0].start_mark
    line = f"{name}: {value}\n{' ' * first.column}"
    return text[: first.index] + line + text[first.index :]


def _section(path: Path, text: str, owner: Sequence[str]) -> yaml.MappingNode:
    """The mapping of a camera, or of the robot, in lines of its own."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in owner:
        inside = node.value if isinstance(node, yaml.MappingNode) else ()
        found = [value for key, value in inside if key.value == name]
        if not found:
            names = ", ".join(str(key.value) for key, _ in inside) or "nothing"
            raise RefusedError(f"{path} has no {name!r} there, only {names}.")
        node = found[0]
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise RefusedError(
            f"{path}: the fields of {' '.join(owner)} have to stand in lines of their own."
        )
    return node


def _end(text: str, node: yaml.Node) -> int:
    """Where the value of a field ends; blocks end with the last thing in them, not behind it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(text, node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(text, node.value[-1])
    return node.end_mark.index


def _numbers(values: tuple[float, ...], digits: int) -> str:
    return "[" + ", ".join(f"{value:.{digits}f}" for value in values) + "]"
