"""Small recordings for tests: a fake arm, one fake camera."""

import time
from pathlib import Path

import numpy as np

from robot_skills.core.annotation import Outcome
from robot_skills.core.clock import ManualClock
from robot_skills.core.events import Event, EventKind
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState, Observation, RgbdFrame, single_arm_chunk
from robot_skills.data.messages import Command
from robot_skills.data.recorder import (
    EpisodeHeader,
    Failed,
    Health,
    News,
    Recorder,
    RecorderConfig,
    Saved,
)
from robot_skills.data.schema import CameraSpec, DatasetSchema, NumbersSpec

PERIOD_S = 0.05
CAMERA = CameraSpec(name="front", width_px=32, height_px=24, hz=20.0)
SCHEMA = DatasetSchema(
    name="small",
    robot="fake",
    control_period_s=PERIOD_S,
    arms={"arm": 7},
    cameras=(CAMERA,),
    numbers=(NumbersSpec(name="observation.extra", names=("a", "b")),),
)
BLIND = DatasetSchema(name="small", robot="fake", control_period_s=PERIOD_S, arms={"arm": 7})
SMALL = RecorderConfig(reserve_bytes=0)


def ring() -> FrameRing:
    return FrameRing("front", RingSize(height_px=24, width_px=32, slots=64))


def observation(stamp_s: float) -> Observation:
    state = ArmState(
        stamp_s=stamp_s,
        q_rad=np.linspace(-1.0, 1.0, 7) + stamp_s,
        dq_rad_s=np.ones(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3.from_yaw(0.1 * stamp_s, (0.4 + 0.1 * stamp_s, 0.0, 0.3)),
        opening=0.5,
    )
    return Observation(stamp_s=stamp_s, arms={"arm": state})


def frame(stamp_s: float, number: int, received_s: float | None = None) -> RgbdFrame:
    rgb = np.zeros((24, 32, 3), dtype=np.uint8)
    rgb[:, : number % 32] = 200
    depth = np.full((24, 32), 0.5 + 0.001 * (number % 100), dtype=np.float32)
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=rgb,
        depth_m=depth,
        K=np.array([[30.0, 0.0, 15.5], [0.0, 30.0, 11.5], [0.0, 0.0, 1.0]]),
        T_base_camera=SE3.look_at((1.0, 0.0, 0.8), (0.5, 0.0, 0.0)),
        number=number,
        device_s=100.0 + stamp_s,
        received_s=stamp_s + 0.01 if received_s is None else received_s,
    )


def command(stamp_s: float) -> Command:
    poses = np.stack(
        [
            SE3.from_translation((0.4 + 0.1 * (stamp_s + k * PERIOD_S), 0.0, 0.3)).matrix()
            for k in (1, 2)
        ]
    )
    chunk = single_arm_chunk(stamp_s + PERIOD_S * np.array([1.0, 2.0]), poses, np.array([1.0, 0.5]))
    return Command(stamp_s=stamp_s, requested=chunk, accepted=chunk)


def header(start_s: float = 0.0, task: str = "lift the cube") -> EpisodeHeader:
    return EpisodeHeader(
        task=task, start_s=start_s, started="2026-01-02T03:04:05+00:00", origin={"code": "abc"}
    )


def record(
    recorder: Recorder,
    clock: ManualClock,
    frames: FrameRing | None = None,
    *,
    ticks: int = 20,
    task: str = "lift the cube",
    end: bool = True,
    outcome: Outcome = Outcome.SUCCESS,
) -> None:
    """One episode of `ticks` control steps; saved unless `end` is False."""
    start_s = clock.now_s()
    recorder.begin(header(start_s, task))
    recorder.emit(Event(stamp_s=start_s, kind=EventKind.SUBTASK, data={"words": "reach"}))
    for tick in range(ticks):
        now_s = clock.now_s()
        recorder.state(observation(now_s))
        recorder.command(command(now_s))
        if frames is not None:
            recorder.numbers("observation.extra", now_s, np.array([tick, 0.5]))
            frames.write(frame(now_s, tick))
        if tick == ticks // 2:
            recorder.emit(Event(stamp_s=now_s, kind=EventKind.SUBTASK, data={"words": "lift"}))
        clock.sleep_until(now_s + PERIOD_S)
    if end:
        recorder.commit(outcome)


def wait_for(recorder: Recorder, *kinds: type[News], timeout_s: float = 30.0) -> News:
    """The next news of one of these kinds; whatever else comes is passed over.

    Raises:
        TimeoutError: It did not come.
        AssertionError: The recorder failed, and that was not waited for.
    """
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        for news in recorder.poll():
            if isinstance(news, kinds):
                return news
            if not isinstance(news, Health):
                raise AssertionError(f"unexpected: {news}")
        time.sleep(0.005)
    raise TimeoutError(f"no {', '.join(kind.__name__ for kind in kinds)} came")


def saved(recorder: Recorder) -> Saved:
    news = wait_for(recorder, Saved)
    assert isinstance(news, Saved)
    return news


def failed(recorder: Recorder) -> Failed:
    news = wait_for(recorder, Failed)
    assert isinstance(news, Failed)
    return news


def small_dataset(root: Path, episodes: int = 2, *, cameras: bool = True) -> None:
    """A dataset of short episodes."""
    clock = ManualClock()
    frames = ring() if cameras else None
    rings = {"front": frames} if frames is not None else {}
    with Recorder(root, SCHEMA if cameras else BLIND, clock, SMALL, rings) as recorder:
        for _ in range(episodes):
            record(recorder, clock, frames)
            saved(recorder)
            clock.sleep_until(clock.now_s() + 1.0)
