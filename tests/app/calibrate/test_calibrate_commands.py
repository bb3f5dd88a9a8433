"""`robot-skills calibrate` from printed board to cell file, and what it refuses to write."""

import json
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import tyro
import yaml

from calibration.board import Board
from calibration.errors import CalibrationRefused
from calibration.lens import Lens
from calibration.prediction import Mount
from calibration.record import load_record
from robot_skills.app.calibrate.cell_lines import edited_cell, lines, pose_field
from robot_skills.app.calibrate.collect import Collector, collect_by_hand, looking
from robot_skills.app.calibrate.command import main
from robot_skills.app.calibrate.files import read_board, read_poses, write_json
from robot_skills.app.calibrate.options import (
    CalibrateBoard,
    CalibrateCheck,
    CalibrateCollect,
    CalibrateHandEye,
    CalibrateIntrinsics,
    CalibrateOptions,
    CalibrateRig,
)
from robot_skills.app.cells import find_cell, load_cell
from robot_skills.core.errors import RefusedError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState, Observation, RgbdFrame
from sim.board_cell import BoardRobot, lying_board
from tests.calibration.seeing import LENS, SIZE_PX, X, Y, tool_pose, view

BOARD = Board(columns=9, rows=7, square_m=0.03, marker_m=0.021)
_TEXTURE_PX = 40


def picture(T_camera_board, rng, lens=LENS):
    """The board's plane as a pinhole sees it, by its homography."""
    texture = BOARD.picture(_TEXTURE_PX)
    scale = BOARD.square_m / _TEXTURE_PX
    plane = np.column_stack([T_camera_board.R[:, :2], T_camera_board.p])
    # Pixel (0, 0) of the texture has its centre half a pixel inside the board.
    to_plane = np.array([[scale, 0, 0.5 * scale], [0, scale, 0.5 * scale], [0, 0, 1]])
    H = lens.K @ plane @ to_plane
    seen = cv2.warpPerspective(
        texture, H, lens.size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        borderValue=130,
    )  # fmt: skip
    seen = cv2.GaussianBlur(seen, (0, 0), 0.8) + 2.0 * rng.standard_normal(seen.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A folder as `collect` leaves it: board, pictures, poses, lens."""
    root = tmp_path_factory.mktemp("collected")
    rng = np.random.default_rng(0)
    poses = {}
    for i in range(14):
        T = view(rng, tilt_rad=0.7, away_m=(0.35, 0.5))
        name = f"{i:03d}.png"
        cv2.imwrite(str(root / name), picture(T, rng))
        poses[name] = tool_pose(Mount.TOOL, T, X[Mount.TOOL], Y[Mount.TOOL])
    write_json(root / "poses.json", poses)
    write_json(root / "lens.json", LENS)
    write_json(root / "board" / "board.json", BOARD)
    return root


def _hand_eye(collected, out, **more):
    return CalibrateHandEye(
        board=collected / "board" / "board.json",
        pictures=collected,
        lens=collected / "lens.json",
        out=out,
        camera="wrist",
        **more,
    )


@pytest.fixture(scope="module")
def mount_file(collected, tmp_path_factory):
    out = tmp_path_factory.mktemp("calibrated") / "wrist.json"
    main(_hand_eye(collected, out))
    return out


def _cell(tmp_path):
    path = tmp_path / "my_cell.yaml"
    path.write_text(find_cell("ur5e_realsense").read_text())
    return path


def test_a_board_is_written_and_corrected_by_what_was_measured(tmp_path):
    first = main(CalibrateBoard(out=tmp_path))
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
    assert read_board(tmp_path / "board.json").square_m == 0.024
    bar_mm = first.payload["bar_mm"]
    for _ in range(2):
        main(CalibrateBoard(out=tmp_path, measured_mm=1.012 * bar_mm))
        assert read_board(tmp_path / "board.json").square_m == pytest.approx(0.024 * 1.012)
    with pytest.raises(CalibrationRefused):
        main(CalibrateBoard(out=tmp_path, measured_mm=0.9 * bar_mm))
    assert read_board(tmp_path / "board.json").square_m == pytest.approx(0.024 * 1.012)


def test_a_lens_is_calibrated_from_pictures(collected, tmp_path):
    out, report = tmp_path / "lens.json", tmp_path / "lens.html"
    result = main(
        CalibrateIntrinsics(
            board=collected / "board" / "board.json", pictures=collected, out=out, report=report
        )
    )
    found = load_record(out).result.lens
    assert found.lens_px[0] == pytest.approx(LENS.lens_px[0], rel=5e-3)
    assert json.dumps(result.payload, allow_nan=False)
    page = report.read_text()
    assert page.count("<svg") == 3
    assert result.payload["sha256"] in page


def test_a_mount_is_calibrated_and_written_into_the_cell_file(collected, tmp_path):
    cell = _cell(tmp_path)
    before = cell.read_text()
    result = main(
        CalibrateHandEye(
            board=collected / "board" / "board.json",
            pictures=collected,
            lens=collected / "lens.json",
            out=tmp_path / "front.json",
            report=tmp_path / "front.html",
            camera="front",
            cell=cell,
            write=True,
        )
    )
    off_m, off_rad = load_record(tmp_path / "front.json").result.T_mount_camera.distance_to(
        X[Mount.TOOL]
    )
    assert off_m < 1e-3
    assert off_rad < np.deg2rad(0.1)
    written = load_cell(cell).cameras["front"]
    assert written.mount.value == "tool"
    assert written.T_mount_camera is not None
    assert written.T_mount_camera.distance_to(X[Mount.TOOL])[0] < 1e-3
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert comments == [
        line for line in cell.read_text().splitlines() if line.lstrip().startswith("#")
    ]
    assert result.payload["cell_fields"]["front"]["mount"] == "tool"
    assert "<svg" in (tmp_path / "front.html").read_text()


def test_nothing_is_saved_when_the_cell_file_does_not_take_it(collected, tmp_path):
    cell = _cell(tmp_path)
    before = cell.read_bytes()
    with pytest.raises(RefusedError, match="wrist"):
        main(_hand_eye(collected, tmp_path / "wrist.json", cell=cell, write=True))
    assert not (tmp_path / "wrist.json").exists()
    assert cell.read_bytes() == before


def test_nothing_is_saved_when_poses_do_not_fit(collected, tmp_path):
    poses = dict(read_poses(collected / "poses.json"))
    shuffled = dict(zip(poses, [*list(poses.values())[5:], *list(poses.values())[:5]], strict=True))
    write_json(tmp_path / "poses.json", shuffled)
    out = tmp_path / "wrist.json"
    with pytest.raises(CalibrationRefused):
        main(_hand_eye(collected, out, poses=tmp_path / "poses.json"))
    assert not out.exists()


def test_a_good_calibration_survives_a_worse_one(collected, mount_file):
    before = mount_file.read_bytes()
    record = load_record(mount_file)
    rng = np.random.default_rng(1)
    noisy = {
        name: T @ SE3.from_rotvec(0.006 * rng.standard_normal(3), 0.002 * rng.standard_normal(3))
        for name, T in read_poses(collected / "poses.json").items()
    }
    write_json(mount_file.parent / "noisy.json", noisy)
    with pytest.raises(CalibrationRefused, match="stays"):
        main(_hand_eye(collected, mount_file, poses=mount_file.parent / "noisy.json"))
    assert mount_file.read_bytes() == before
    assert record.kind == "hand_eye"


def _check(collected, mount_file, folder):
    return main(
        CalibrateCheck(
            board=collected / "board" / "board.json",
            calibration=mount_file,
            lens=collected / "lens.json",
            pictures=folder,
            camera="wrist",
        )
    )


@pytest.mark.parametrize("moved", [False, True])
def test_one_look_says_whether_the_camera_was_moved(collected, mount_file, tmp_path, moved):
    rng = np.random.default_rng(2)
    T = view(rng, tilt_rad=0.4)
    bump = SE3.from_translation((0.004, 0.003, 0.0)) if moved else SE3.identity()
    cv2.imwrite(str(tmp_path / "look.png"), picture(T, rng))
    T_base_tool = tool_pose(Mount.TOOL, T, X[Mount.TOOL] @ bump, Y[Mount.TOOL])
    write_json(tmp_path / "poses.json", {"look.png": T_base_tool})
    result = _check(collected, mount_file, tmp_path)
    assert result.payload["moved"] is moved
    assert result.exit_code == int(moved)


def test_a_look_at_another_size_is_refused(collected, mount_file, tmp_path):
    rng = np.random.default_rng(3)
    big = Lens(size_px=(1280, 960), lens_px=(1200.0, 1196.0, 644.0, 472.0))
    cv2.imwrite(str(tmp_path / "look.png"), picture(view(rng, tilt_rad=0.2), rng, big))
    with pytest.raises(CalibrationRefused, match="640 x 480"):
        _check(collected, mount_file, tmp_path)


def test_a_rig_is_calibrated_from_two_folders(collected, tmp_path):
    rng = np.random.default_rng(4)
    right = SE3.from_rotvec((0.0, -0.25, 0.0), (0.1, 0.0, 0.02))
    for moment in range(8):
        T = view(rng, tilt_rad=0.4, roll_rad=0.4, away_m=(0.5, 0.6))
        for name, T_seen in (("left", T), ("right", right.inverse() @ T)):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{moment}.png"), picture(T_seen, rng))
    lens = collected / "lens.json"
    main(
        CalibrateRig(
            board=collected / "board" / "board.json",
            pictures=tuple(f"{name}={tmp_path / name}" for name in ("left", "right")),
            lenses=(f"left={lens}", f"right={lens}"),
            out=tmp_path / "rig.json",
            report=tmp_path / "rig.html",
        )
    )
    rig = load_record(tmp_path / "rig.json").result
    assert rig.T_rig_camera["right"].distance_to(right)[0] < 1e-3


def test_folders_without_pictures_poses_or_boards_are_refused(collected, tmp_path):
    options = _hand_eye(collected, tmp_path / "out.json")
    empty = tmp_path / "empty"
    empty.mkdir()
    for change, words in (
        ({"pictures": empty, "poses": collected / "poses.json"}, "no pictures"),
        ({"poses": tmp_path / "none.json"}, "no file of poses"),
        ({"board": tmp_path / "none.json"}, "no board"),
        ({"lens": collected / "poses.json"}, "no calibration"),
        ({"write": True}, "--cell"),
    ):
        fields = {name: getattr(options, name) for name in options.__dataclass_fields__}
        with pytest.raises(RefusedError, match=words):
            main(CalibrateHandEye(**{**fields, **change}))


def test_a_cell_file_that_would_not_be_accepted_stays(tmp_path):
    cell = _cell(tmp_path)
    before = cell.read_text()
    with pytest.raises(RefusedError):
        edited_cell(cell, {"front": {"lens_px": "[1, 2, 9999, 4]"}}, load_cell)
    with pytest.raises(RefusedError, match="no 'side'"):
        edited_cell(cell, {"side": {"lens_px": "[600, 600, 320, 240]"}}, load_cell)
    assert cell.read_text() == before
    assert [one.name for one in tmp_path.iterdir()] == [cell.name]


def test_fields_are_replaced_in_any_style_and_added_where_missing(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text(
        "cameras:\n"
        "  front:\n"
        "    # where it is\n"
        "    T_mount_camera:\n"
        "      xyz: [1, 2, 3]   # measured\n"
        "      wxyz: [1, 0, 0, 0]\n"
        "    rate_hz: 30   # fine\n"
        "  side: {rate_hz: 15}\n"
        "network:\n  reach: machine\n"
    )
    T = SE3.from_rotvec((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    fields = {"front": {"T_mount_camera": pose_field(T), "lens_px": "[600, 601, 320, 240]"}}
    text = edited_cell(path, fields, lambda tried: yaml.safe_load(tried.read_text()))
    data = yaml.safe_load(text)
    assert data["cameras"]["front"]["T_mount_camera"]["xyz"] == [0.4, 0.5, 0.6]
    assert data["cameras"]["front"]["lens_px"] == [600, 601, 320, 240]
    assert data["cameras"]["front"]["rate_hz"] == 30
    assert data["network"] == {"reach": "machine"}
    assert "# where it is" in text
    assert "# fine" in text
    with pytest.raises(RefusedError, match="lines of their own"):
        edited_cell(path, {"side": {"lens_px": "[1, 1, 1, 1]"}}, lambda _: None)


def test_printed_lines_are_those_of_a_cell_file():
    T = SE3.from_rotvec((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    data = yaml.safe_load(lines({"front": {"mount": "base", "T_mount_camera": pose_field(T)}}))
    found = data["cameras"]["front"]["T_mount_camera"]
    assert SE3.from_wxyz(found["wxyz"], found["xyz"]).allclose(T, atol=1e-6)


class _Eye:
    """A robot whose camera sees what it is shown."""

    def __init__(self, pictures):
        self.pictures = list(pictures)

    def observe(self, cameras=()):
        rgb = np.repeat(self.pictures.pop(0)[..., None], 3, axis=-1)
        frame = RgbdFrame(
            stamp_s=0.0,
            rgb=rgb,
            depth_m=np.zeros(rgb.shape[:2], dtype=np.float32),
            K=LENS.K,
            T_base_camera=SE3.identity(),
        )
        zeros = np.zeros(6)
        arm = ArmState(
            stamp_s=0.0, q_rad=zeros, dq_rad_s=zeros, tau_nm=zeros,
            T_base_tool=SE3.from_translation((0.1, 0.2, 0.3)), opening=1.0,
        )  # fmt: skip
        return Observation(stamp_s=0.0, arms={"arm": arm}, cameras=dict.fromkeys(cameras, frame))


def test_collecting_by_hand_keeps_good_pictures_and_says_what_to_show(tmp_path):
    rng = np.random.default_rng(5)
    grey = np.full((SIZE_PX[1], SIZE_PX[0]), 130, dtype=np.uint8)
    robot = _Eye([grey, picture(view(rng, tilt_rad=0.2), rng), picture(view(rng, 0.2), rng)])
    asked = []

    def ask(line):
        asked.append(line)
        return ""

    collector = Collector(tmp_path / "new", BOARD, "wrist")
    collect_by_hand(looking(cast(Robot, robot), "wrist"), collector, 2, ask)
    assert sorted(one.name for one in (tmp_path / "new").glob("*.png")) == ["000.png", "001.png"]
    assert read_poses(tmp_path / "new" / "poses.json")["001.png"].p == pytest.approx(
        (0.1, 0.2, 0.3)
    )
    assert len(asked) == 3
    assert "move the board" in asked[2]
    with pytest.raises(RefusedError, match="exists"):
        Collector(tmp_path / "new", BOARD, "wrist")


def test_every_subcommand_takes_its_options():
    words = ["hand-eye", "--board", "b", "--pictures", "p", "--lens", "l", "--out", "o"]
    options = tyro.cli(CalibrateOptions, args=words)
    assert isinstance(options, CalibrateHandEye)
    assert options.lens == Path("l")


def test_the_simulated_arm_calibrates_its_wrist_camera_by_itself(tmp_path):
    main(CalibrateBoard(out=tmp_path / "board", columns=7, rows=5, square_mm=30, marker_mm=21))
    board = tmp_path / "board" / "board.json"
    main(CalibrateCollect(board=board, out=tmp_path / "views", views=12, speed_m_s=0.4))
    found = main(
        CalibrateHandEye(
            board=board,
            pictures=tmp_path / "views",
            lens=tmp_path / "views" / "lens.json",
            camera="wrist",
            out=tmp_path / "wrist.json",
        )
    )
    assert found.exit_code == 0
    drawn = read_board(board)
    robot = BoardRobot("panda", lying_board(drawn.picture(48), drawn.size_m))
    robot.connect()
    try:
        truth = robot.world.T_tool_camera("wrist")
    finally:
        robot.close()
    off_m, off_rad = load_record(tmp_path / "wrist.json").result.T_mount_camera.distance_to(truth)
    assert off_m < 1e-3
    assert off_rad < np.deg2rad(0.2)
