"""How well pictures, states and actions of a recorded episode fit together.

Run with ``python -m benchmarks.alignment``. A simulated Panda moves along a wave while it is
recorded; its camera is 100 ms late, jitters, and stamps its pictures on a clock of its own. Each
picture carries, as black and white bars, the simulated time that it shows; nothing but this
measurement reads them. The rows of the aligned episode are compared with the simulator: when what
the picture shows was true, where the tool was, and where it was one period after the action.
"""

import argparse
import json
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import PerceptionError
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation, single_arm_chunk
from robot_skills.data.lerobot import align
from robot_skills.data.messages import Command
from robot_skills.data.reader import read_recorded
from robot_skills.data.recorder import EpisodeHeader, Recorder, RecorderConfig, Saved
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import EpisodeStore
from sim.latency import LateCameras, Lateness
from sim.robot import CONTROL_PERIOD_S, SimRobot

CAMERA, PX = "front", (128, 96)
_TICKS, _BITS, _BAR_PX = 200, 12, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """Errors of the rows of one recording.

    Attributes:
        case: What was injected, and what was known of it.
        rows: How many rows.
        picture_ms: Time that the picture shows minus time of the row: median and largest, absolute.
        state_mm: Tool of the row minus true tool at its time: largest.
        action_mm: Action of the row minus what was commanded for one period later: largest.
        limit_ms: Half a control period.
    """

    case: str
    rows: int
    picture_ms: tuple[float, float]
    state_mm: float
    action_mm: float
    limit_ms: float


class MarkedRobot(SimRobot):
    """Draws the simulated time into its pictures."""

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = super().observe(cameras)
        tick = round(seen.stamp_s / CONTROL_PERIOD_S)
        marked = {
            name: replace(frame, rgb=_mark(frame.rgb, tick)) for name, frame in seen.cameras.items()
        }
        return replace(seen, cameras=marked)


def _mark(rgb: NDArray[np.uint8], tick: int) -> NDArray[np.uint8]:
    marked = rgb.copy()
    for bit in range(_BITS):
        bar = slice(bit * _BAR_PX, (bit + 1) * _BAR_PX)
        marked[: 2 * _BAR_PX, bar] = 255 if tick >> bit & 1 else 0
    return marked


def _read_mark(rgb: NDArray[np.uint8]) -> int:
    bars = rgb[2 : 2 * _BAR_PX - 2, : _BITS * _BAR_PX].mean(axis=(0, 2))
    bits = bars.reshape(_BITS, _BAR_PX)[:, 2:-2].mean(axis=1) > 127
    return int(sum(1 << bit for bit in np.flatnonzero(bits)))


def measure(case: str, lateness: Lateness, seed: int = 0) -> Alignment:
    """Record, align, and compare with the simulator."""
    sim = MarkedRobot("panda", camera_size_px=PX)
    robot = LateCameras(sim, lateness, np.random.default_rng(seed))
    robot.connect()
    truth: dict[int, tuple[SE3, SE3]] = {}
    with tempfile.TemporaryDirectory(prefix="alignment-") as folder:
        root = Path(folder) / "alignment"
        _record(robot, root, truth)
        store = EpisodeStore(root)
        episode = read_recorded(store.entry(0), store)
        rows = align(episode, 1.0 / CONTROL_PERIOD_S)
        camera = rows.cameras[CAMERA]
        taken_s = camera.series.stamp_s[camera.index] - camera.offset_s
        ticks = np.rint(taken_s / CONTROL_PERIOD_S).astype(int)
        pictures = [_read_mark(camera.series.pictures.rgb(int(i))) for i in camera.index]
        state = rows.columns["observation.state"].values[:, :3]
        action = rows.columns["action"].values[:, :3]
    sim.close()
    off_ms = 1e3 * CONTROL_PERIOD_S * np.abs(np.array(pictures) - ticks)
    true = [truth[int(tick)] for tick in ticks]
    state_mm = [1e3 * np.abs(state[i] - T.p).max() for i, (T, _) in enumerate(true)]
    action_mm = [1e3 * np.abs(action[i] - T.p).max() for i, (_, T) in enumerate(true)]
    return Alignment(
        case=case,
        rows=len(rows),
        picture_ms=(float(np.median(off_ms)), float(off_ms.max())),
        state_mm=float(max(state_mm)),
        action_mm=float(max(action_mm)),
        limit_ms=500.0 * CONTROL_PERIOD_S,
    )


def _record(robot: LateCameras, root: Path, truth: dict[int, tuple[SE3, SE3]]) -> None:
    schema = DatasetSchema(
        name="alignment",
        robot="panda",
        control_period_s=CONTROL_PERIOD_S,
        arms={"arm": 7},
        cameras=(
            CameraSpec(name=CAMERA, width_px=PX[0], height_px=PX[1], hz=1.0 / CONTROL_PERIOD_S),
        ),
    )
    start = robot.observe().arms["arm"].T_base_tool
    _warm_up(robot)
    ring = FrameRing(CAMERA, RingSize(height_px=PX[1], width_px=PX[0], slots=2 * _TICKS))
    config = RecorderConfig(reserve_bytes=0)
    clock = robot.clock
    with ring, Recorder(root, schema, clock, config, {CAMERA: ring}) as recorder:
        recorder.begin(EpisodeHeader(task="wave", start_s=clock.now_s(), started=""))
        for _ in range(_TICKS):
            now_s = clock.now_s()
            seen = robot.observe((CAMERA,))
            ring.write(seen.cameras[CAMERA])
            recorder.state(seen)
            due_s = now_s + CONTROL_PERIOD_S * np.array([1.0, 2.0])
            poses = np.stack([_wave(start, at_s).matrix() for at_s in due_s])
            chunk = single_arm_chunk(due_s, poses, np.ones(2))
            accepted = robot.command(chunk)
            recorder.command(Command(stamp_s=now_s, requested=chunk, accepted=accepted))
            truth[round(now_s / CONTROL_PERIOD_S)] = (
                seen.arms["arm"].T_base_tool,
                _wave(start, float(due_s[0])),
            )
            clock.sleep_until(now_s + CONTROL_PERIOD_S)
        recorder.commit(Outcome.SUCCESS)
        while not any(isinstance(news, Saved) for news in recorder.poll()):
            pass


def _warm_up(robot: LateCameras) -> None:
    """Let the cameras run for two seconds, as they have long before an episode begins."""
    for _ in range(40):
        with suppress(PerceptionError):
            robot.observe((CAMERA,))
        robot.clock.sleep_until(robot.clock.now_s() + CONTROL_PERIOD_S)


def _wave(start: SE3, at_s: float) -> SE3:
    offset = 0.05 * np.array([np.sin(2.0 * at_s), np.sin(1.3 * at_s), 0.5 * np.sin(0.9 * at_s)])
    return SE3.from_translation(offset) @ start


CASES = {
    "100 ms late, known": Lateness(latency_s=0.1, known_s=0.1),
    "100 ms late and 10 ms of jitter, known": Lateness(latency_s=0.1, jitter_s=0.01, known_s=0.1),
    "100 ms late, not known": Lateness(latency_s=0.1, known_s=0.0),
}


def main() -> None:
    """Print one line of JSON per case."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for case, lateness in CASES.items():
        print(json.dumps(asdict(measure(case, lateness))), flush=True)


if __name__ == "__main__":
    main()
