"""A robot and a library that need no hardware: their pictures and curves move by formulas."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.console.backend import (
    ArmStatus,
    ConsoleStatus,
    DatasetStatus,
    EpisodeRow,
    EpisodeStatus,
    Notice,
    StepStatus,
    StreamStatus,
    ThingStatus,
)
from robot_skills.console.view3d import LinkMesh, Scene3d
from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import Rate, TeleopSample, Wish
from robot_skills.core.types import RgbdFrame

HEIGHT_PX, WIDTH_PX = 360, 480
CAMERAS = ("front", "wrist")
_CUBES = {"red_cube": ((200, 60, 56), -0.12), "blue_cube": ((58, 110, 205), 0.1)}


def painted(camera: str, phase: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A table with two cubes and a gripper over it, colour and depth [m]."""
    v, u = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    depth = 1.35 - 0.75 * (v / HEIGHT_PX) ** 1.5
    shade = np.clip(1.25 - 0.5 * depth, 0.4, 1.0)[..., None]
    rgb = np.array([186, 160, 128], dtype=np.float32) * shade
    wall = v < 0.3 * HEIGHT_PX
    rgb[wall], depth[wall] = (94, 104, 116), 1.6
    boxes = [
        (0.5 + 2.2 * y, 0.68, 0.05, color, 0.9) for color, y in (_CUBES[name] for name in _CUBES)
    ]
    x = 0.5 + 0.25 * math.sin(phase) * (1.0 if camera == "front" else 0.4)
    boxes += [(x, 0.12, 0.035, (52, 56, 62), 0.75), (x, 0.3, 0.06, (72, 78, 86), 0.7)]
    boxes += [(x - 0.045, 0.44, 0.014, (210, 214, 218), 0.72)]
    boxes += [(x + 0.045, 0.44, 0.014, (210, 214, 218), 0.72)]
    for x_share, y_share, half, colour, at_m in boxes:
        tall = half * (2.0 if half < 0.02 else 1.2)
        inside = (np.abs(u / WIDTH_PX - x_share) < half) & (np.abs(v / HEIGHT_PX - y_share) < tall)
        rgb[inside], depth[inside] = colour, at_m
    depth[(u < 8) & (v > 300)] = 0.0
    return rgb.astype(np.uint8), depth.astype(np.float32)


def frame_at(camera: str, stamp_s: float) -> RgbdFrame:
    """The picture of a camera at a time."""
    rgb, depth_m = painted(camera, stamp_s)
    K = np.array([[420.0, 0.0, 240.0], [0.0, 420.0, 180.0], [0.0, 0.0, 1.0]])
    return RgbdFrame(stamp_s=stamp_s, rgb=rgb, depth_m=depth_m, K=K, T_base_camera=SE3.identity())


@dataclass
class FakeBackend:
    """Notes what it is asked for; a hand moves its tool, and wishes run its recorder."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    samples: list[TeleopSample] = field(default_factory=list)
    motion: str = "idle"
    recording_since_s: float | None = None
    saved: int = 16
    task: str = "put the red cube into the drawer"
    subtask: str = ""
    instruction: str = ""
    plan: tuple[StepStatus, ...] = ()
    notices: tuple[Notice, ...] = ()
    p_base_tool: NDArray[np.float64] = field(default_factory=lambda: np.array([0.42, 0.0, 0.28]))
    opening: float = 1.0
    frozen_s: float | None = None
    """A moment at which pictures stand still."""

    def __post_init__(self) -> None:
        self._begun_s = time.monotonic()
        self._changed = threading.Condition()

    def wait_for(self, name: str, value: object = ..., timeout_s: float = 10.0) -> bool:
        """Wait until a call was made."""

        def there() -> bool:
            return any(n == name and (value is ... or v == value) for n, v in self.calls)

        with self._changed:
            return self._changed.wait_for(there, timeout_s)

    def wait_until(self, condition, timeout_s: float = 10.0) -> bool:
        """Wait until something holds."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while not condition() and time.monotonic() < end_s:
                self._changed.wait(0.05)
            return bool(condition())

    def names(self) -> list[str]:
        """Names of the calls so far."""
        return [name for name, _ in self.calls]

    def _note(self, name: str, value: Any = None) -> None:
        with self._changed:
            self.calls.append((name, value))
            self._changed.notify_all()

    def frame(self, camera: str) -> RgbdFrame | None:
        if camera not in CAMERAS:
            return None
        now_s = time.monotonic() if self.frozen_s is None else self.frozen_s
        return frame_at(camera, round(now_s * 15.0) / 15.0)

    def hand(self, sample: TeleopSample) -> None:
        with self._changed:
            self.samples.append(sample)
            self._changed.notify_all()
        if sample.held and isinstance(sample.motion, Rate) and self.motion != "estop":
            self.motion = "moving"
            self.p_base_tool = np.clip(
                self.p_base_tool + 0.003 * sample.motion.linear, [0.2, -0.4, 0.05], [0.7, 0.4, 0.6]
            )
        elif self.motion == "moving":
            self.motion = "idle"
        if sample.opening is not None:
            self.opening = sample.opening

    def hand_gone(self) -> None:
        if self.motion == "moving":
            self.motion = "held"
        self._note("hand_gone")

    def wish(self, wish: Wish) -> None:
        if wish is Wish.ESTOP:
            self.motion = "estop"
        elif wish is Wish.RELEASE:
            self.motion = "idle"
        elif wish in (Wish.START, Wish.REDO):
            self.recording_since_s = time.monotonic()
        elif self.recording_since_s is not None:
            self.recording_since_s = None
            if wish is not Wish.DISCARD:
                self.saved += 1
        self._note("wish", wish)

    def describe(self, task: str | None = None, subtask: str | None = None) -> None:
        self.task = self.task if task is None else task
        self.subtask = self.subtask if subtask is None else subtask
        self._note("describe", (task, subtask))

    def say(self, words: str) -> None:
        self.notices = (Notice(number=len(self.notices) + 1, level="info", text=f"Heard: {words}"),)
        self._note("say", words)

    def instruct(self, instruction: str) -> None:
        self.instruction = instruction
        self.plan = _plan()
        self._note("instruct", instruction)

    def status(self) -> ConsoleStatus:
        now_s = time.monotonic()
        x, y, z = (float(value) for value in self.p_base_tool)
        path = [(x + 0.01 * i, y + 0.12 * math.sin(0.2 * i), z - 0.006 * i) for i in range(16)]
        return ConsoleStatus(
            stamp_s=now_s,
            robot="panda, simulated",
            motion=self.motion,
            why="The hand was lost." if self.motion == "held" else "",
            arms={"arm": self._arm((x, y, z))},
            things=_things(),
            path_m={"arm": tuple(path)},
            devices={"console": bool(self.samples and self.samples[-1].held), "gamepad": False},
            control_hz=199.6,
            control_p99_ms=0.84,
            cameras=CAMERAS,
            streams=_streams(now_s - self._begun_s),
            episode=self._episode(now_s),
            dataset=self._dataset(),
            plan=self.plan,
            instruction=self.instruction,
            notices=self.notices,
        )

    def _arm(self, p_base_tool: tuple[float, float, float]) -> ArmStatus:
        return ArmStatus(
            q_rad=(0.1, -0.4, 0.0, -2.1, 0.0, 1.7, 0.8),
            p_base_tool=p_base_tool,
            wxyz_base_tool=(0.0, 1.0, 0.0, 0.0),
            opening=self.opening,
        )

    def _episode(self, now_s: float) -> EpisodeStatus:
        recording = self.recording_since_s is not None
        return EpisodeStatus(
            state="recording" if recording else "idle",
            number=self.saved + 1,
            elapsed_s=now_s - self.recording_since_s if self.recording_since_s else 0.0,
            task=self.task,
            subtask=self.subtask,
        )

    def _dataset(self) -> DatasetStatus:
        return DatasetStatus(
            name="drawer_demos",
            episodes=self.saved,
            seconds=14.2 * self.saved,
            wanted=50,
            last_saved=self.saved,
            free_bytes=182_400_000_000,
            seconds_left=41_000.0,
        )


def _streams(elapsed_s: float) -> tuple[StreamStatus, ...]:
    count = int(30 * elapsed_s)
    return (
        StreamStatus(
            name="camera/front", expected_hz=30.0, rate_hz=29.9, age_s=0.021, latency_s=0.018,
            count=count,
        ),
        StreamStatus(
            name="camera/wrist", expected_hz=30.0, rate_hz=24.1, age_s=0.065, latency_s=0.031,
            count=count, dropped=37, repeated=2, late=4,
        ),
        StreamStatus(
            name="arm/state", expected_hz=200.0, rate_hz=199.7, age_s=0.004, latency_s=0.001,
            count=200 * count,
        ),
        StreamStatus(
            name="arm/action", expected_hz=20.0, rate_hz=20.0, age_s=0.048, latency_s=0.002,
            count=20 * count,
        ),
        StreamStatus(
            name="gamepad", expected_hz=None, rate_hz=0.0, age_s=9.4, latency_s=0.004, live=False
        ),
    )  # fmt: skip


def _things() -> tuple[ThingStatus, ...]:
    still = (1.0, 0.0, 0.0, 0.0)
    return (
        ThingStatus(name="red_cube", colour="red", p_base=(0.5, -0.12, 0.025),
                    wxyz_base=still, extents_m=(0.05, 0.05, 0.05)),
        ThingStatus(name="blue_cube", colour="blue", p_base=(0.44, 0.16, 0.025),
                    wxyz_base=(0.92, 0.0, 0.0, 0.39), extents_m=(0.05, 0.05, 0.05)),
        ThingStatus(name="drawer", colour="brown", p_base=(0.62, 0.28, 0.09),
                    wxyz_base=(0.0, 0.0, 0.0, 1.0), extents_m=(0.2, 0.24, 0.18)),
    )  # fmt: skip


def _plan() -> tuple[StepStatus, ...]:
    return (
        StepStatus(call="open(drawer)", state="done", checks=(("open(drawer)", True),)),
        StepStatus(
            call="grasp(red_cube)",
            state="running",
            checks=(("hand_empty(arm)", True), ("accessible(red_cube)", True)),
        ),
        StepStatus(call="place(red_cube, in, drawer)", state="waiting"),
    )


def scene() -> Scene3d:
    """An arm of two boxes."""
    corners = np.array(
        [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)], dtype=np.float32
    )
    faces = np.array(
        [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
         (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)],
        dtype=np.uint32,
    )  # fmt: skip
    sizes = {"foot": (0.14, 0.14, 0.3), "upper": (0.09, 0.09, 0.32), "lower": (0.07, 0.07, 0.3)}
    meshes = [
        LinkMesh(link=link, vertices=corners * np.float32(size), faces=faces)
        for link, size in sizes.items()
    ]
    return Scene3d(meshes={"arm": meshes}, poses=_link_poses)


def _link_poses(arm: str, q_rad: Sequence[float], opening: float) -> Mapping[str, SE3]:
    T_base_upper = SE3.from_rotvec((0.0, 0.5, 0.0), (0.0, 0.0, 0.3))
    T_upper_lower = SE3.from_rotvec((0.0, 1.4, 0.0), (0.0, 0.0, 0.32))
    return {
        "foot": SE3.identity(),
        "upper": T_base_upper,
        "lower": T_base_upper @ T_upper_lower,
    }


class FakeLibrary:
    """Sixteen episodes."""

    name = "drawer_demos"

    def __init__(self) -> None:
        self._rows = {number: _row(number) for number in range(1, 17)}

    def episodes(self) -> Sequence[EpisodeRow]:
        return list(self._rows.values())

    def picture(self, number: int, camera: str, at_s: float) -> NDArray[np.uint8]:
        self._require(number, camera)
        return painted(camera, at_s + number)[0]

    def depth(self, number: int, camera: str, at_s: float) -> NDArray[np.float32]:
        self._require(number, camera)
        return painted(camera, at_s + number)[1]

    def curves(self, number: int) -> Mapping[str, Any]:
        self._require(number)
        t = np.arange(0.0, self._rows[number].duration_s, 0.05)
        closed = (t > 4.0) & (t < 9.0)
        curves = {"opening": np.clip(1.0 - closed * np.minimum(t - 4.0, 0.6) / 0.6, 0.0, 1.0)}
        curves["requested.opening"] = np.where(closed, 0.0, 1.0)
        for axis, (size, rate, base) in {
            "x": (0.12, 0.5, 0.45), "y": (0.2, 0.35, 0.0), "z": (0.1, 0.8, 0.22)
        }.items():  # fmt: skip
            curves[f"tool.{axis}"] = base + size * np.sin(rate * t + number)
            curves[f"requested.{axis}"] = base + size * np.sin(rate * (t + 0.12) + number)
        return {"stamp_s": t.tolist()} | {name: values.tolist() for name, values in curves.items()}

    def annotate(
        self,
        number: int,
        *,
        task: str | None = None,
        outcome: Outcome | None = None,
        rating: int | None = None,
        label: str | None = None,
        discarded: bool | None = None,
        trim_s: tuple[float, float] | None = None,
        subtasks: Sequence[Subtask] | None = None,
    ) -> EpisodeRow:
        self._require(number)
        row = self._rows[number]
        if trim_s is not None:
            if not trim_s[0] < trim_s[1] <= row.duration_s + 1e-6:
                raise RefusedError(f"A trim lies within {row.duration_s} s, got {trim_s}.")
            whole = trim_s[0] == 0.0 and trim_s[1] >= row.duration_s
            row = replace(row, trim_s=None if whole else trim_s)
        changes = {
            "task": task,
            "outcome": outcome,
            "rating": rating,
            "label": label,
            "discarded": discarded,
            "subtasks": None if subtasks is None else tuple(subtasks),
        }
        row = replace(row, **{name: value for name, value in changes.items() if value is not None})
        self._rows[number] = row
        return row

    def _require(self, number: int, camera: str | None = None) -> None:
        if number not in self._rows:
            raise unknown_name("episode", str(number), map(str, self._rows))
        if camera is not None and camera not in CAMERAS:
            raise unknown_name("camera", camera, CAMERAS)


def _row(number: int) -> EpisodeRow:
    outcome = (Outcome.SUCCESS, Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN)[number % 4]
    duration_s = 11.0 + 0.7 * (number % 5)
    return EpisodeRow(
        number=number,
        task="put the red cube into the drawer" if number % 3 else "open the drawer",
        outcome=outcome,
        rating=None if number % 4 == 3 else 3 + number % 3,
        label="",
        duration_s=duration_s,
        started=f"2026-03-14T10:{number:02d}:07",
        bytes=38_000_000 + 410_000 * number,
        flags=("camera/wrist dropped 37 of 360 pictures",) if number % 5 == 2 else (),
        discarded=number == 7,
        cameras=CAMERAS,
        trim_s=(1.2, duration_s - 1.0) if number % 6 == 1 else None,
        subtasks=(
            Subtask(start_s=0.0, end_s=4.0, words="reach the cube"),
            Subtask(start_s=4.0, end_s=9.0, words="carry it"),
        )
        if number % 2 == 0
        else (),
    )


def library() -> FakeLibrary:
    """What a console in a process of its own builds."""
    return FakeLibrary()
