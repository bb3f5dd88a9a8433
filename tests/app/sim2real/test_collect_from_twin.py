"""A twin's cameras are calibrated by the commands that calibrate real ones."""

from pathlib import Path

import numpy as np
import pytest

from calibration.hand_eye import HandEye
from calibration.record import load_record
from robot_skills.app.calibrate.command import main
from robot_skills.app.calibrate.files import write_json
from robot_skills.app.calibrate.options import (
    CalibrateCollect,
    CalibrateHandEye,
    CalibrateIntrinsics,
)
from robot_skills.app.sim2real.bed import BOARD
from sim.arms import ARMS
from sim.twin import draw_hidden
from sim.twin.cell import T_tool_wrist
from sim.world import WRIST_CAMERA

SEED = 1


@pytest.mark.slow
def test_commands_find_where_a_twins_camera_truly_is(tmp_path: Path) -> None:
    board, views = tmp_path / "board.json", tmp_path / "views"
    lens, mount = tmp_path / "wrist_lens.json", tmp_path / "mount.json"
    write_json(board, BOARD)
    main(CalibrateCollect(board=board, out=views, robot=f"twin:{SEED}", speed_m_s=0.25))
    main(CalibrateIntrinsics(board=board, pictures=views, camera=WRIST_CAMERA, out=lens))
    main(CalibrateHandEye(board=board, pictures=views, lens=lens, camera=WRIST_CAMERA, out=mount))
    found = load_record(mount).result
    assert isinstance(found, HandEye)
    hidden = draw_hidden(SEED)
    nominal = T_tool_wrist(ARMS[hidden.arm])
    true = nominal @ hidden.cameras[WRIST_CAMERA].T_nominal_true
    off_m, off_rad = found.T_mount_camera.distance_to(true)
    assert off_m < 1e-3
    assert off_rad < np.deg2rad(0.1)
    assert nominal.distance_to(true)[0] > 5e-3
