"""The cell that stands in for a real one: the tabletop with everything that a twin hides."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

import mujoco
import numpy as np

from robot_skills.core.excitation import SensorNoise
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation, RgbdFrame
from sim.arms import ARMS, HAND_BODY, PREFIX, ArmSpec
from sim.board_cell import BoardOnTable
from sim.board_views import BOARD_BODY, add_board
from sim.parts import DRAWN_GROUP
from sim.placements import Layout
from sim.robot import Cell, CellRobot, SimRobot
from sim.twin.eyes import TrueEyes, nominal_K
from sim.twin.hidden import Hidden
from sim.world import CAMERAS, FRONT_CAMERA, T_BASE_FRONT, TabletopWorld

# MuJoCo's cameras look along -z with +y up; optical frames along +z with +y down.
_T_GL_OPTICAL = SE3.from_rotvec((np.pi, 0.0, 0.0))
_KEPT = 16
"""Control steps that pictures may be late by."""
_CAMERA_CLOCK_S = 1000.0
"""What the cameras' own clock shows at the project clock's zero."""
T_TOOL_BOARD = SE3(
    np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.array([0.0, 0.0, 0.03])
)
"""Turn of a board that hangs from the fingers, its picture towards the fixed camera, and where the
middle of its upper edge is."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeldBoard:
    """A board that is fixed to the tool.

    Attributes:
        board: Its picture and size; `T_base_board` is not asked.
        T_tool_board: Where it is.
    """

    board: BoardOnTable
    T_tool_board: SE3


Target = BoardOnTable | HeldBoard
"""What a twin's cameras are calibrated with."""


def held_board(board: BoardOnTable) -> HeldBoard:
    """A board that hangs from the fingers."""
    across = T_TOOL_BOARD.R @ np.array([0.5 * board.size_m[0], 0.0, 0.0])
    return HeldBoard(board=board, T_tool_board=SE3(T_TOOL_BOARD.R, T_TOOL_BOARD.p - across))


def T_tool_wrist(arm: ArmSpec) -> SE3:
    """Where the wrist camera is taken to be."""
    return arm.T_hand_tool.inverse() @ arm.T_hand_camera


class TwinWorld(TabletopWorld):
    """A tabletop as it truly is.

    Args:
        hidden: In what it differs.
        target: A calibration board, if there is one.
        arm: Key in `sim.arms.ARMS`.
        layout: What stands where.
    """

    def __init__(self, hidden: Hidden, target: Target | None, arm: str, layout: Layout) -> None:
        self._hidden, self._target = hidden, target
        super().__init__(arm, layout, hidden.dynamics)

    def _spec(self) -> mujoco.MjSpec:
        spec = super()._spec()
        for name, camera in self._hidden.cameras.items():
            seen = spec.camera(name)
            T_body_gl = SE3.from_wxyz(seen.quat, seen.pos)
            T = T_body_gl @ _T_GL_OPTICAL @ camera.T_nominal_true @ _T_GL_OPTICAL.inverse()
            seen.pos, seen.quat = T.p.tolist(), T.wxyz().tolist()
        match self._target:
            case BoardOnTable() as board:
                self._add_board(spec, spec.worldbody, board, board.T_base_board)
            case HeldBoard() as held:
                T_hand_board = self.arm.T_hand_tool @ held.T_tool_board
                self._add_board(spec, spec.body(PREFIX + HAND_BODY), held.board, T_hand_board)
            case None:
                pass
        return spec

    def _add_board(
        self, spec: mujoco.MjSpec, parent: mujoco.MjsBody, board: BoardOnTable, T_parent_board: SE3
    ) -> None:
        body = parent.add_body(
            name=BOARD_BODY, pos=T_parent_board.p.tolist(), quat=T_parent_board.wxyz().tolist()
        )
        add_board(spec, body, board.texture, board.size_m, group=DRAWN_GROUP)


class TwinCell(SimRobot):
    """The robot of a twin, in the process that knows the truth.

    What its frames claim of lens, place and time is nominal, as the files of a new cell are: a
    picture claims to be of the moment at which it arrives.

    Args:
        hidden: The truth.
        target: A calibration board, if there is one.
        camera_size_px: Width and height of pictures.
        filters: Whether the drivers of its cameras smooth depth, as they usually do.
    """

    def __init__(
        self,
        hidden: Hidden,
        target: Target | None = None,
        camera_size_px: tuple[int, int] = (256, 192),
        *,
        filters: bool = True,
    ) -> None:
        cell = Cell(
            arms=ARMS, build=partial(TwinWorld, hidden, target), layout=Layout(), cameras=CAMERAS
        )
        CellRobot.__init__(self, cell, hidden.arm, camera_size_px=camera_size_px)
        self._hidden = hidden
        self._eyes = TrueEyes(hidden, camera_size_px, filters=filters)
        self._noise = SensorNoise()
        self._past: deque[tuple[float, Array]] = deque(maxlen=_KEPT)
        self._count = 0
        self.on_step.append(TwinCell._remember)
        self.begin_episode(0)

    def begin_episode(self, number: int) -> None:
        """Let the noise of an episode begin, whatever came before.

        Args:
            number: Of the episode.
        """
        self._rng = np.random.default_rng((self._hidden.seed, number))
        self._eyes.begin(self._rng)

    def reset(self, layout: Layout | None = None) -> None:
        super().reset(layout)
        self._past.clear()
        self._remember()
        self._shown = mujoco.MjData(self.world.model)

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """What its sensors say, with their noise."""
        seen = super().observe(cameras)
        state = with_noise(seen.arms[DEFAULT_ARM], self._noise, self._kinematics, self._rng)
        return replace(seen, arms={DEFAULT_ARM: state})

    def _remember(self) -> None:
        self._past.append((self.clock.now_s(), self.world.data.qpos.copy()))

    def _show(self, stamp_s: float) -> mujoco.MjData:
        """The world as it was a moment ago."""
        model, past = self.world.model, list(self._past)
        times = np.array([time_s for time_s, _ in past])
        at = float(np.clip(stamp_s, times[0], times[-1]))
        later = max(int(np.searchsorted(times, at)), 1) if len(past) > 1 else 0
        (end_s, end_q), (start_s, start_q) = past[later], past[max(later - 1, 0)]
        step = np.zeros(model.nv)
        q = start_q.copy()
        if end_s > start_s:
            mujoco.mj_differentiatePos(model, step, end_s - start_s, start_q, end_q)
            mujoco.mj_integratePos(model, q, step, at - start_s)
        self._shown.qpos[:] = q
        mujoco.mj_kinematics(model, self._shown)
        mujoco.mj_comPos(model, self._shown)
        mujoco.mj_camlight(model, self._shown)
        return self._shown

    def _frame(self, name: str, now_s: float) -> RgbdFrame:
        if self._renderer is None:
            self._renderer = self._eyes.renderer(self.world.model)
        capture_s = now_s - self._hidden.delays.camera_s
        drawn = self._renderer.render(self._show(capture_s), name)
        rgb, depth_m = self._eyes.see(name, drawn.rgb, drawn.depth_m)
        self._count += 1
        return RgbdFrame(
            stamp_s=now_s,
            rgb=rgb,
            depth_m=depth_m,
            K=nominal_K(name, self._camera_size_px),
            T_base_camera=self._nominal_place(name),
            number=self._count,
            device_s=capture_s + _CAMERA_CLOCK_S,
            received_s=now_s,
        )

    def _nominal_place(self, name: str) -> SE3:
        if name == FRONT_CAMERA:
            return T_BASE_FRONT
        return self.world.T_base_tool() @ T_tool_wrist(self._spec)


def with_noise(
    state: ArmState, noise: SensorNoise, kinematics: Kinematics, rng: np.random.Generator
) -> ArmState:
    """A state as sensors say it."""
    q, dq, tau = rng.standard_normal((3, len(state.q_rad)))
    q_rad = state.q_rad + noise.q_rad * q
    return replace(
        state,
        q_rad=q_rad,
        dq_rad_s=state.dq_rad_s + noise.dq_rad_s * dq,
        tau_nm=state.tau_nm + noise.tau_nm * tau,
        T_base_tool=kinematics.forward(q_rad),
    )
