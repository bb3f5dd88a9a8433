"""Recording two 640x480 RGB-D cameras and an arm, beside a control loop: does it notice?

Run with ``python -m benchmarks.record`` (``--minutes 10`` for the long one). Two camera processes
deliver 30 frames per second each, a control loop runs at 100 Hz and records its state at every
step. The same loop without a recorder, with the cameras running, is the limit. The peer is
LeRobot's `LeRobotDataset` as its own record loop uses it, in the control process, with four threads
per camera that write pictures: colour only, at 30 Hz.
"""

import argparse
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.result import BenchResult, table
from robot_skills.core.annotation import Outcome
from robot_skills.core.clock import Clock
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState, Observation, RgbdFrame
from robot_skills.data.recorder import EpisodeHeader, Failed, Recorder, Saved
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import EpisodeStore

WIDTH, HEIGHT, HZ, CONTROL_HZ, PEER_HZ = 640, 480, 30.0, 100.0, 30.0
CAMERAS = ("left", "right")
REPEATS = 3
_SCENES = 24
_EPISODE_S, _PEER_S = 30.0, 15.0
_K = np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 239.5], [0.0, 0.0, 1.0]])


class SystemClock:
    """`time.monotonic`, which the camera processes share."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_until(self, stamp_s: float) -> None:
        time.sleep(max(stamp_s - time.monotonic(), 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What one stretch of recording did.

    Attributes:
        p99_ms: 99th percentile of the control period.
        worst_ms: Longest control period.
        seconds: Length.
        frames: Pictures that the cameras delivered.
        lost: Of these, not written.
        bytes: Written.
        commit_ms: From the end of an episode to its acknowledgement, per episode.
        verify_gb_s: How fast what was recorded is verified; 0 where nothing can be.
        sha256sum_gb_s: How fast coreutils reads and hashes the same files.
    """

    p99_ms: float
    worst_ms: float
    seconds: float
    frames: int = 0
    lost: int = 0
    bytes: int = 0
    commit_ms: tuple[float, ...] = ()
    verify_gb_s: float = 0.0
    sha256sum_gb_s: float = 0.0


def run(minutes: float = 1.0) -> list[BenchResult]:
    """Both sides, taking turns with the loop that records nothing."""
    without, ours, peers = [], [], []
    share_s = 60.0 * minutes / REPEATS
    for _ in range(REPEATS):
        without.append(_idle(min(share_s, 30.0)))
        ours.append(_ours(share_s))
        peers.append(_peer(_PEER_S))
    return [
        _period(without, ours, peers),
        _frames(ours, peers),
        _commits(ours, peers),
        _verified(ours),
    ]


def _period(without: list[Load], ours: list[Load], peers: list[Load]) -> BenchResult:
    limit, mine = _median([x.p99_ms for x in without]), _median([x.p99_ms for x in ours])
    theirs = _median([x.p99_ms for x in peers])
    # The peer's loop is slower on purpose; what compares is how much longer it takes than it
    # should.
    return BenchResult(
        ours=mine,
        peer=theirs,
        limit=limit,
        ratio=(theirs / (1e3 / PEER_HZ)) / (mine / (1e3 / CONTROL_HZ)),
        unit="ms, 99th percentile of the control period while recording",
        repeats=REPEATS,
        detail=(
            f"ours: {CONTROL_HZ:g} Hz loop, {mine / limit:.2f} times the period without recording, "
            f"worst {max(x.worst_ms for x in ours):.1f} ms ({max(x.worst_ms for x in without):.1f} "
            f"without); two {WIDTH}x{HEIGHT} RGB-D cameras at {HZ:g} Hz; peer: {PEER_HZ:g} Hz "
            "loop, colour only; ratio: of the periods in units of what they should be"
        ),
    )


def _frames(ours: list[Load], peers: list[Load]) -> BenchResult:
    frames, lost = sum(x.frames for x in ours), sum(x.lost for x in ours)
    taken, missed = sum(x.frames for x in peers), sum(x.lost for x in peers)
    seconds = sum(x.seconds for x in ours)
    kept, peer_kept = frames / max(frames + lost, 1), taken / max(taken + missed, 1)
    return BenchResult(
        ours=100.0 * (1.0 - kept),
        peer=100.0 * (1.0 - peer_kept),
        limit=0.0,
        ratio=kept / max(peer_kept, 1e-9),
        unit="% of the cameras' pictures lost",
        repeats=REPEATS,
        detail=(
            f"ours: {lost} of {frames + lost} in {seconds:.0f} s, {_rate(ours):.1f} MB/s, colour "
            f"and depth; peer: {missed} of {taken + missed}, that its loop came too late for; "
            "ratio: of what is kept"
        ),
    )


def _rate(loads: list[Load]) -> float:
    return sum(x.bytes for x in loads) / 1e6 / sum(x.seconds for x in loads)


def _commits(ours: list[Load], peers: list[Load]) -> BenchResult:
    commits = [ms for x in ours for ms in x.commit_ms]
    theirs = [ms for x in peers for ms in x.commit_ms]
    return BenchResult(
        ours=_median(commits),
        peer=_median(theirs),
        limit=None,
        ratio=_median(theirs) / _median(commits),
        unit="ms from the end of an episode to its acknowledgement",
        repeats=len(commits),
        detail=(
            f"ours: episodes of {_EPISODE_S:g} s or less, slowest {max(commits):.0f} ms, safe from "
            f"a power cut then; peer: of {_PEER_S:g} s, encoded before it returns, not safe yet"
        ),
    )


def _verified(ours: list[Load]) -> BenchResult:
    mine, theirs = (
        _median([x.verify_gb_s for x in ours]),
        _median([x.sha256sum_gb_s for x in ours]),
    )
    return BenchResult(
        ours=mine,
        peer=theirs,
        limit=None,
        ratio=mine / theirs,
        unit="GB/s of `dataset verify`",
        repeats=len(ours),
        detail=(
            f"of the {_median([x.bytes for x in ours]) / 1e9:.2f} GB just recorded; peer: "
            "sha256sum of coreutils on the same files, as LeRobot has nothing of the kind; "
            "wanted: 0.5"
        ),
    )


def _median(values: list[float]) -> float:
    return float(np.median(values))


# The cameras


def _camera(ring: FrameRing, seed: int, stop: Event) -> None:
    """A process that delivers pictures at a steady rate."""
    scenes = _scenes(seed)
    due_s = time.monotonic()
    number = 0
    while not stop.is_set():
        rgb, depth_m = scenes[number % _SCENES]
        now_s = time.monotonic()
        ring.write(
            RgbdFrame(
                stamp_s=now_s,
                rgb=rgb,
                depth_m=depth_m,
                K=_K,
                T_base_camera=SE3.identity(),
                number=number,
                device_s=now_s,
                received_s=now_s,
            )
        )
        number += 1
        due_s += 1.0 / HZ
        time.sleep(max(due_s - time.monotonic(), 0.0))


def _scenes(seed: int) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Pictures with the texture and the noise of real ones, which is what makes them large."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    base = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    ramp = np.linspace(0.5, 1.2, HEIGHT, dtype=np.float32)[:, None]
    depth = ramp + 0.1 * cv2.resize(
        rng.uniform(size=(HEIGHT // 32, WIDTH // 32)).astype(np.float32), (WIDTH, HEIGHT)
    )
    found = []
    for _ in range(_SCENES):
        rgb = np.clip(base + rng.normal(0.0, 3.0, base.shape), 0, 255).astype(np.uint8)
        noise = rng.normal(size=depth.shape).astype(np.float32)
        found.append((rgb, depth + 0.0015 * depth**2 * noise))
    return found


@contextmanager
def _cameras() -> Iterator[dict[str, FrameRing]]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    size = RingSize(height_px=HEIGHT, width_px=WIDTH, slots=32)
    with ExitStack() as stack:
        rings = {name: stack.enter_context(FrameRing(name, size)) for name in CAMERAS}
        processes = [
            context.Process(target=_camera, args=(ring, seed, stop), daemon=True)
            for seed, ring in enumerate(rings.values())
        ]
        for process in processes:
            process.start()
        while any(ring.head < 5 for ring in rings.values()):
            time.sleep(0.05)
        try:
            yield rings
        finally:
            stop.set()
            for process in processes:
                process.join()


# The control loop


def _loop(
    clock: Clock, hz: float, seconds: float, step: Callable[[float, int], None]
) -> tuple[list[float], float]:
    """Run `step` at a rate; the periods [s] and the time it took."""
    periods, started_s = [], clock.now_s()
    due_s = last_s = started_s
    for number in range(round(seconds * hz)):
        step(clock.now_s(), number)
        due_s += 1.0 / hz
        clock.sleep_until(due_s)
        now_s = clock.now_s()
        periods.append(now_s - last_s)
        last_s = now_s
        if now_s > due_s + 0.1:
            due_s = now_s
    return periods, clock.now_s() - started_s


def _observation(now_s: float) -> Observation:
    """What a step reads, and about as much arithmetic as a step has."""
    q = np.sin(now_s + np.arange(7.0))
    for _ in range(20):
        q = np.clip(q * 0.999 + 1e-4, -2.0, 2.0)
    state = ArmState(
        stamp_s=now_s,
        q_rad=q,
        dq_rad_s=np.zeros(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3.from_yaw(float(q[0]), (0.4, 0.0, 0.3)),
        opening=1.0,
    )
    return Observation(stamp_s=now_s, arms={"arm": state})


def _idle(seconds: float) -> Load:
    with _cameras():
        periods, took_s = _loop(
            SystemClock(), CONTROL_HZ, seconds, lambda now_s, _: _observation(now_s) and None
        )
    return _load(periods, took_s)


def _load(periods: list[float], seconds: float, **counts: object) -> Load:
    return Load(
        p99_ms=1e3 * float(np.quantile(periods, 0.99)),
        worst_ms=1e3 * max(periods),
        seconds=seconds,
        **counts,  # type: ignore[arg-type]
    )


def _ours(seconds: float) -> Load:
    folder = Path(tempfile.mkdtemp(prefix="bench-record-"))
    clock = SystemClock()
    schema = DatasetSchema(
        name="bench",
        robot="fake",
        control_period_s=1.0 / CONTROL_HZ,
        arms={"arm": 7},
        cameras=tuple(
            CameraSpec(name=name, width_px=WIDTH, height_px=HEIGHT, hz=HZ) for name in CAMERAS
        ),
    )
    saved: list[Saved] = []
    try:
        with (
            _cameras() as rings,
            Recorder(folder / "bench", schema, clock, rings=rings) as recorder,
        ):
            episode_steps = round(_EPISODE_S * CONTROL_HZ)
            waiting = False

            def step(now_s: float, number: int) -> None:
                nonlocal waiting
                if number % episode_steps == 0 and not waiting:
                    if number:
                        recorder.commit(Outcome.SUCCESS)
                    recorder.begin(EpisodeHeader(task="bench", start_s=now_s, started=""))
                recorder.state(_observation(now_s))
                _take(recorder, saved)

            periods, took_s = _loop(clock, CONTROL_HZ, seconds, step)
            recorder.commit(Outcome.SUCCESS)
            wanted = -(-round(seconds * CONTROL_HZ) // episode_steps)
            until_s = clock.now_s() + 60.0
            while len(saved) < wanted and clock.now_s() < until_s:
                _take(recorder, saved)
                time.sleep(0.01)
        speeds = _verify(folder / "bench")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    streams = [stats for one in saved for stats in one.streams.values()]
    cameras = [
        stats for one in saved for name, stats in one.streams.items() if name.startswith("/camera")
    ]
    return _load(
        periods,
        took_s,
        frames=sum(stats.count for stats in cameras),
        lost=sum(stats.lost for stats in streams),
        bytes=sum(one.bytes for one in saved),
        commit_ms=tuple(1e3 * one.commit_s for one in saved),
        verify_gb_s=speeds[0],
        sha256sum_gb_s=speeds[1],
    )


def _verify(root: Path) -> tuple[float, float]:
    """Speeds [GB/s] at which our `verify` and sha256sum read a dataset; both may use its cache."""
    started_s = time.perf_counter()
    read, damage = 0, []
    for count, found in EpisodeStore(root).verify():
        read += count
        damage += found
    ours_s = time.perf_counter() - started_s
    if damage:
        raise RuntimeError(f"What was recorded is damaged: {damage[0]}")
    files = [path for path in root.rglob("*") if path.is_file()]
    started_s = time.perf_counter()
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)
    theirs_s = time.perf_counter() - started_s
    return read / 1e9 / ours_s, sum(path.stat().st_size for path in files) / 1e9 / theirs_s


def _take(recorder: Recorder, saved: list[Saved]) -> None:
    for news in recorder.poll():
        if isinstance(news, Saved):
            saved.append(news)
        elif isinstance(news, Failed):
            raise RuntimeError(news.reason)


def _peer(seconds: float) -> Load:
    import os

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    folder = Path(tempfile.mkdtemp(prefix="bench-record-"))
    names = [f"q{i}" for i in range(7)]
    features: dict[str, dict] = {
        "observation.state": {"dtype": "float32", "shape": (7,), "names": names},
        "action": {"dtype": "float32", "shape": (7,), "names": names},
    }
    for name in CAMERAS:
        features[f"observation.images.{name}"] = {
            "dtype": "video",
            "shape": (HEIGHT, WIDTH, 3),
            "names": ["height", "width", "channels"],
        }
    frames = 0
    try:
        dataset = LeRobotDataset.create(
            repo_id="bench/peer",
            fps=round(PEER_HZ),
            features=features,
            root=folder / "peer",
            image_writer_threads=4 * len(CAMERAS),
        )
        with _cameras() as rings:

            def step(now_s: float, number: int) -> None:
                nonlocal frames
                observation = _observation(now_s)
                row = observation.arms["arm"].q_rad.astype(np.float32)
                frame: dict = {"observation.state": row, "action": row, "task": "bench"}
                for name, ring in rings.items():
                    latest = ring.latest()
                    assert latest is not None
                    frame[f"observation.images.{name}"] = latest.rgb
                    frames += 1
                dataset.add_frame(frame)

            before = {name: ring.head for name, ring in rings.items()}
            periods, took_s = _loop(SystemClock(), PEER_HZ, seconds, step)
            delivered = sum(ring.head - before[name] for name, ring in rings.items())
        started_s = time.monotonic()
        dataset.save_episode()
        commit_ms = 1e3 * (time.monotonic() - started_s)
        dataset.finalize()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _load(
        periods,
        took_s,
        frames=min(frames, delivered),
        lost=max(delivered - frames, 0),
        commit_ms=(commit_ms,),
    )


def main() -> None:
    """Print the table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = run(args.minutes)
    lines = [asdict(result) for result in results]
    print(json.dumps({**lines[0], "results": lines}) if args.json else table(results))


if __name__ == "__main__":
    main()
