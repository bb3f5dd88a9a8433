"""The 3-D view: arm, things and planned path, drawn by viser on an address of this machine only.

Pages reach it through the console's own server (`view3d_proxy.py`), never directly.
"""

import contextlib
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import viser
from numpy.typing import NDArray

from robot_skills.console.backend import ArmStatus, ConsoleStatus, ThingStatus
from robot_skills.core.se3 import SE3

_COLOURS = {
    "red": (214, 69, 65),
    "green": (64, 153, 84),
    "blue": (58, 110, 205),
    "yellow": (228, 184, 52),
    "orange": (226, 128, 45),
    "purple": (132, 84, 178),
    "white": (225, 225, 225),
    "black": (50, 50, 50),
    "grey": (140, 140, 140),
    "brown": (134, 94, 60),
}
_UNKNOWN_COLOUR = (150, 160, 170)
_PATH_COLOUR = (43, 138, 220)
_TRACE_COLOUR = (160, 160, 160)
_TRACE_POINTS = 100
_NEW_POINT_M = 0.002


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LinkMesh:
    """The shape of one link.

    Attributes:
        link: Name that `Scene3d.poses` uses.
        vertices: In the link's frame [m], (n, 3).
        faces: Indices of vertices, (m, 3).
        rgb: Colour, 0 to 255 each.
    """

    link: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]
    rgb: tuple[int, int, int] = (190, 195, 200)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene3d:
    """What arms look like.

    Attributes:
        meshes: Of each arm by its name; a link may have several.
        poses: From an arm's name, its joints [rad] and its opening to ``T_base_link`` by link.
    """

    meshes: Mapping[str, Sequence[LinkMesh]]
    poses: Callable[[str, Sequence[float], float], Mapping[str, SE3]]


def _silent() -> contextlib.redirect_stdout[io.StringIO]:
    """viser prints where it listens, and that it has stopped; stdout is for results."""
    return contextlib.redirect_stdout(io.StringIO())


class View3d:
    """Draws statuses. Safe to call from any one thread at a time.

    Args:
        scene: What the arms look like; without it the tool's frame and its trace are drawn.
    """

    def __init__(self, scene: Scene3d | None = None) -> None:
        self._scene = scene
        self._server: viser.ViserServer | None = None
        self._frames: dict[str, viser.FrameHandle] = {}
        self._things: dict[str, tuple[ThingStatus, viser.BoxHandle]] = {}
        self._lines: dict[str, tuple[object, viser.LineSegmentsHandle]] = {}
        self._traces: dict[str, list[tuple[float, float, float]]] = {}
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where viser listens on 127.0.0.1."""
        assert self._server is not None, "The view is not started."
        return self._server.get_port()

    def start(self) -> None:
        """Start viser on a free port of 127.0.0.1 and draw what never moves."""
        with _silent():
            self._server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        self._server.gui.configure_theme(show_logo=False, show_share_button=False)
        self._server.gui.main_panel.minimize()
        scene = self._server.scene
        scene.set_up_direction("+z")
        scene.add_grid("/floor", width=2.0, height=2.0, cell_size=0.1, section_size=0.5)
        self._server.initial_camera.position = (1.05, -0.5, 0.55)
        self._server.initial_camera.look_at = (0.33, 0.04, 0.2)
        for arm, meshes in (self._scene.meshes if self._scene else {}).items():
            for number, mesh in enumerate(meshes):
                self._add_mesh(arm, number, mesh)

    def stop(self) -> None:
        """Stop viser; safe to call twice."""
        if self._server is not None:
            with _silent():
                self._server.stop()
            self._server = None

    def draw(self, status: ConsoleStatus) -> None:
        """Draw a status."""
        with self._lock:
            if self._server is None:
                return
            with self._server.atomic():
                for name, arm in status.arms.items():
                    self._draw_arm(name, arm)
                self._draw_things(status.things)
                self._draw_paths(status)

    def _add_mesh(self, arm: str, number: int, mesh: LinkMesh) -> None:
        assert self._server is not None
        self._server.scene.add_mesh_simple(
            f"{self._frame(arm, mesh.link)}/mesh_{number}",
            vertices=np.asarray(mesh.vertices, dtype=np.float32),
            faces=np.asarray(mesh.faces, dtype=np.uint32),
            color=mesh.rgb,
            flat_shading=False,
        )

    def _frame(self, arm: str, link: str, axes: bool = False) -> str:
        """The name of a link's frame, which is added at first."""
        name = f"/{arm}/{link}"
        if name not in self._frames:
            assert self._server is not None
            self._frames[name] = self._server.scene.add_frame(
                name, show_axes=axes, axes_length=0.09, axes_radius=0.004, origin_radius=0.008
            )
        return name

    def _draw_arm(self, name: str, arm: ArmStatus) -> None:
        tool = self._frames[self._frame(name, "tool_frame", axes=True)]
        tool.position, tool.wxyz = arm.p_base_tool, arm.wxyz_base_tool
        if self._scene is not None and name in self._scene.meshes:
            for link, T_base_link in self._scene.poses(name, arm.q_rad, arm.opening).items():
                frame = self._frames[self._frame(name, link)]
                frame.position, frame.wxyz = T_base_link.p, T_base_link.wxyz()
        trace = self._traces.setdefault(name, [])
        if not trace or np.linalg.norm(np.subtract(trace[-1], arm.p_base_tool)) > _NEW_POINT_M:
            trace.append(arm.p_base_tool)
            del trace[:-_TRACE_POINTS]
            self._draw_line(f"/{name}/trace", tuple(trace), _TRACE_COLOUR, 0.002)

    def _draw_things(self, things: Sequence[ThingStatus]) -> None:
        present = {thing.name for thing in things}
        for name in [name for name in self._things if name not in present]:
            self._things.pop(name)[1].remove()
        for thing in things:
            known = self._things.get(thing.name)
            if known is None or known[0].extents_m != thing.extents_m:
                self._things[thing.name] = thing, self._add_thing(thing)
            elif known[0] != thing:
                known[1].position, known[1].wxyz = thing.p_base, thing.wxyz_base
                self._things[thing.name] = thing, known[1]

    def _add_thing(self, thing: ThingStatus) -> viser.BoxHandle:
        assert self._server is not None
        return self._server.scene.add_box(
            f"/things/{thing.name}",
            color=_COLOURS.get(thing.colour, _UNKNOWN_COLOUR),
            dimensions=thing.extents_m,
            position=thing.p_base,
            wxyz=thing.wxyz_base,
        )

    def _draw_paths(self, status: ConsoleStatus) -> None:
        for name in [name for name in status.arms if not status.path_m.get(name)]:
            self._draw_line(f"/{name}/path", (), _PATH_COLOUR, 0.005)
        for name, path in status.path_m.items():
            self._draw_line(f"/{name}/path", path, _PATH_COLOUR, 0.005)

    def _draw_line(
        self,
        name: str,
        points: Sequence[tuple[float, float, float]],
        rgb: tuple[int, int, int],
        thickness_m: float,
    ) -> None:
        known = self._lines.get(name)
        if known is not None and known[0] == points:
            return
        if len(points) < 2:
            if known is not None:
                self._lines.pop(name)[1].remove()
            return
        ends = np.asarray(points, dtype=np.float32)
        segments = np.stack([ends[:-1], ends[1:]], axis=1)
        if known is None:
            assert self._server is not None
            line = self._server.scene.add_line_segments(
                name, points=segments, colors=rgb, thickness=thickness_m
            )
        else:
            line = known[1]
            line.points = segments
        self._lines[name] = points, line
