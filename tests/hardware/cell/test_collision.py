"""What a cell file says about table, boxes and the thickness of its arm."""

import numpy as np
import pytest

from hardware.cell.schema import CellError
from hardware.cell.start import start_problems
from hardware.ros2.start_check import HeardStates
from hardware.safety_gate import GateCode
from robot_skills.core.collision import ArmShape, Surroundings
from tests.hardware.cell.station import JOINTS, TEXT, cell_of, urdf_of

BOX = "{size_m: [0.1, 0.2, 0.3], T_base_box: {xyz: [0.5, 0.0, 0.1], wxyz: [1, 0, 0, 0]}}"


def with_collision(text: str) -> str:
    return f"{TEXT}\ncollision: {text}\n"


def test_cell_that_says_nothing_has_a_table_at_its_base(tmp_path):
    cell = cell_of(tmp_path)
    assert cell.surroundings.table_z_m == 0.0
    assert cell.surroundings.boxes == ()
    assert cell.shape == ArmShape()
    assert cell.surroundings.margin_m == Surroundings().margin_m


def test_table_boxes_margins_and_radii_are_read(tmp_path):
    text = f"{{table_z_m: -0.3, margin_m: 0.05, link_radius_m: 0.03, boxes: {{post: {BOX}}}}}"
    cell = cell_of(tmp_path, with_collision(text))
    assert cell.surroundings.table_z_m == -0.3
    assert cell.surroundings.margin_m == 0.05
    assert cell.shape.link_radius_m == 0.03
    (post,) = cell.surroundings.boxes
    assert post.name == "post"
    np.testing.assert_allclose(post.size_m, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(post.T_base_box.p, [0.5, 0.0, 0.1])
    assert cell_of(tmp_path, with_collision("{table: false}")).surroundings.table_z_m is None


def test_forbidden_regions_are_read(tmp_path):
    text = "forbidden: {lamp: {lower_m: [0.1, 0, 0], upper_m: [0.2, 0.1, 1]}}"
    (lamp,) = cell_of(tmp_path, f"{TEXT}\n{text}\n").forbidden
    assert lamp.name == "lamp"
    np.testing.assert_allclose(lamp.lower_m, [0.1, 0.0, 0.0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{lamp: {lower_m: [0.1, 0, 0]}}", "needs 'upper_m'"),
        ("{lamp: {lower_m: [0.1, 0, 0], upper_m: [100, 100, 1000]}}", "outside"),
        ("{lamp: {lower_m: [0.1, 0, 0], upper_m: [0.0, 1, 1]}}", "lower_m < upper_m"),
        ("{lamp: {lower_m: [0.1, 0, 0], upper_m: [1, 1, 1], soft: 1}}", "soft"),
    ],
)
def test_a_region_that_is_none_is_told(tmp_path, text, words):
    with pytest.raises(CellError, match=words):
        cell_of(tmp_path, f"{TEXT}\nforbidden: {text}\n")


def test_check_is_turned_off_by_its_name(tmp_path):
    cell = cell_of(tmp_path, TEXT + "\nsafety: {disabled: [collision]}\n")
    assert cell.judging.disabled == {GateCode.COLLISION}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{table_z_m: 750}", "millimetres?"),
        ("{table_z_m: low}", "no number"),
        ("{table: false, table_z_m: 0.1}", "there is no table"),
        ("{tabel_z_m: 0.1}", "Did you mean 'table_z_m'"),
        ("{margin_m: 2.0}", "outside"),
        ("{margin_m: -0.1}", "outside"),
        ("{link_radius_m: 0}", "outside"),
        ("{boxes: {post: {size_m: [1, 1]}}}", "needs 3 numbers"),
        ("{boxes: {post: {size_m: [1, 1, 1]}}}", "needs 'T_base_box'"),
        (f"{{boxes: {{table: {BOX}}}}}", "a name of its own"),
        ("{boxes: 3}", "needs fields"),
        ("[1]", "needs fields"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(tmp_path, text, words):
    with pytest.raises(CellError) as refused:
        cell_of(tmp_path, with_collision(text))
    line = len(TEXT.splitlines()) + 2
    assert any(words in told and f":{line}:" in told for told in refused.value.mistakes)


# What a gate asks of its arm


def heard(**changes) -> HeardStates:
    fields = {
        "names": JOINTS,
        "q": dict(zip(JOINTS, (0.1, 0.2, 0.3), strict=True)),
        "rate_hz": 100.0,
        "description": None,
    }
    return HeardStates(**{**fields, **changes})


def test_arm_that_sends_what_the_cell_says_may_move(tmp_path):
    cell = cell_of(tmp_path)
    assert start_problems(cell, heard()) == []
    assert start_problems(cell, heard(description=urdf_of())) == []
    assert start_problems(cell, heard(description="<no urdf")) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"names": ("a", "elbow_joint", "hand_joint")}, ("joint names", "base_joint")),
        ({"q": {"base_joint": 0.0, "elbow_joint": 0.0}}, ("joint names", "hand_joint")),
        ({"q": dict(zip(JOINTS, (20.0, -45.0, 3.0), strict=True))}, ("units", "degrees")),
        ({"q": dict(zip(JOINTS, (0.0, 2.5, 0.0), strict=True))}, ("start pose", "elbow_joint")),
        ({"rate_hz": 12.0}, ("rate of states", "12 times")),
        (
            {"description": urdf_of(joints=(JOINTS[1], JOINTS[0], JOINTS[2]))},
            ("joint order", "elbow_joint, base_joint"),
        ),
        ({"description": urdf_of(reach=1.0)}, ("limits", "base_joint")),
    ],
)
def test_what_an_arm_sends_wrong_is_named(tmp_path, changes, words):
    told = start_problems(cell_of(tmp_path), heard(**changes))
    assert len(told) == 1
    assert all(word in told[0] for word in words)
