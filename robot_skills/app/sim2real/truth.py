"""What calibrations without any error would find of a twin."""

from calibration.lens import Lens
from robot_skills.app.sim2real.bed import MOUNTS
from robot_skills.app.sim2real.boards import BOARD_PX
from robot_skills.app.sim2real.calibrated import CameraFile, CellFile
from robot_skills.core.latencies import ArmLatencies
from sim.arms import ARMS
from sim.twin import Hidden
from sim.twin.cell import T_tool_wrist
from sim.twin.eyes import nominal_K
from sim.world import FRONT_CAMERA, T_BASE_FRONT


def exactly(hidden: Hidden) -> CellFile:
    """A twin as it is: an upper bound for what calibrating is worth, and a cell to learn from."""
    width, _ = BOARD_PX
    delays = hidden.delays
    cameras = {}
    for name, camera in hidden.cameras.items():
        K = camera.lens.K(nominal_K(name, BOARD_PX), width)
        place = T_BASE_FRONT if name == FRONT_CAMERA else T_tool_wrist(ARMS[hidden.arm])
        stereo = camera.stereo
        cameras[name] = CameraFile(
            lens=Lens(
                size_px=BOARD_PX,
                lens_px=(float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])),
                distortion=camera.lens.distortion,
            ),
            mount=MOUNTS[name],
            T_mount_camera=place @ camera.T_nominal_true,
            depth_scale=1.0 if stereo is None else 1.0 / stereo.scale,
            depth_offset_m=0.0 if stereo is None else -stereo.offset_m / stereo.scale,
            latency_s=delays.camera_s,
        )
    return CellFile(
        cameras=cameras,
        latencies=ArmLatencies(
            action_s=delays.action_s, gripper_s=delays.gripper_s, state_s=delays.state_s
        ),
    )
