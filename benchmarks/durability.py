"""What survives when everything is killed while recording: ``python -m benchmarks.durability``.

A process group records one short episode after another (state, and one 64x48 RGB-D camera) and says
"saved N" as soon as that is acknowledged. At a random moment the whole group gets SIGKILL. Then the
dataset is looked at as it is, nothing mended: every acknowledged episode has to be there, whole.
The next round goes on with the same dataset. LeRobot's recorder is treated the same way; where its
dataset cannot be read any more, everything acknowledged is lost, and the next round begins anew.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

KILLS, PEER_KILLS = 200, 20
_READY_S = 120.0
_LONGEST_S, _JOURNAL_LONGEST_S, _PEER_LONGEST_S = 1.5, 4.0, 6.0
_TICKS = 12
_PERIOD_S = 0.02


@dataclass(slots=True)
class Tally:
    """What became of the episodes of one recorder.

    Attributes:
        side: ``ours``, ``ours, journal`` or ``LeRobot``.
        kills: How often everything was killed.
        acknowledged: Episodes that were said to be saved.
        lost: Acknowledged, and not there after the kill.
        corrupt: There, and not as they were saved.
        recovered: Episodes that were being recorded, and were saved from a journal.
        resume_failed: Rounds whose dataset could not be gone on with.
    """

    side: str
    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    corrupt: int = 0
    recovered: int = 0
    resume_failed: int = 0


def main() -> None:
    """Print one line of JSON per recorder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--peer-kills", type=int, default=PEER_KILLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", choices=("ours", "journal", "peer"))
    parser.add_argument("--root", type=Path)
    args = parser.parse_args()
    if args.child:
        {"ours": _record, "journal": _record_journal, "peer": _record_peer}[args.child](args.root)
        return
    rng = random.Random(args.seed)
    for measure in (
        lambda: ours(args.kills, rng),
        lambda: ours(args.kills // 4, rng, journal=True),
        lambda: peer(args.peer_kills, rng),
    ):
        print(json.dumps(asdict(measure())), flush=True)


def ours(kills: int, rng: random.Random, *, journal: bool = False) -> Tally:
    """Kill our recorder."""
    from robot_skills.data.store import EpisodeStore

    tally = Tally(side="ours, journal" if journal else "ours")
    known: dict[int, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="durability-") as folder:
        root = Path(folder) / "ours"
        store = EpisodeStore(root)
        for _ in range(kills):
            after_s = rng.uniform(0.0, _JOURNAL_LONGEST_S if journal else _LONGEST_S)
            said = _round("journal" if journal else "ours", root, after_s)
            tally.kills += 1
            if said is None:
                tally.resume_failed += 1
                continue
            tally.acknowledged += len(said)
            numbers = store.numbers()
            tally.lost += len(set(said) - set(numbers)) + len(set(known) - set(numbers))
            bad = {one.episode for _, found in store.verify() for one in found}
            tally.corrupt += len(bad)
            for number in numbers:
                manifest = (store.directory(number) / "manifest.json").read_bytes()
                tally.corrupt += known.setdefault(number, manifest) != manifest
            _progress(tally, kills)
        tally.recovered = sum(entry.manifest.recovered for entry in store.entries())
    return tally


def peer(kills: int, rng: random.Random) -> Tally:
    """Kill LeRobot's recorder."""
    tally = Tally(side="LeRobot")
    with tempfile.TemporaryDirectory(prefix="durability-") as folder:
        root = Path(folder) / "peer"
        there = 0
        for _ in range(kills):
            said = _round("peer", root, rng.uniform(0.0, _PEER_LONGEST_S))
            tally.kills += 1
            if said is None:
                tally.resume_failed += 1
                shutil.rmtree(root, ignore_errors=True)
                there = 0
                continue
            tally.acknowledged += len(said)
            there += len(said)
            readable = _peer_episodes(root)
            tally.lost += max(there - readable, 0)
            there = readable
            if not readable:
                shutil.rmtree(root, ignore_errors=True)
            _progress(tally, kills)
    return tally


def _round(child: str, root: Path, after_s: float) -> list[int] | None:
    """Record until the kill; the numbers that were acknowledged, None if it never began."""
    command = [sys.executable, "-m", "benchmarks.durability", "--child", child, "--root", str(root)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    lines = _Lines(process.stdout.fileno())
    ready = lines.until(lambda line: line == "ready", _READY_S)
    if ready:
        lines.until(lambda line: False, after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lines.until(lambda line: False, 0.5)
    process.stdout.close()
    return (
        [int(line.split()[1]) for line in lines.all if line.startswith("saved")] if ready else None
    )


class _Lines:
    """Whole lines of a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._rest = descriptor, b""
        self.all: list[str] = []

    def until(self, wanted: Callable[[str], bool], timeout_s: float) -> bool:
        """Read until a line is wanted; False when it did not come in time."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0.0:
            if not select.select([self._descriptor], [], [], left_s)[0]:
                return False
            data = os.read(self._descriptor, 65536)
            if not data:
                return False
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.all += [line.decode() for line in lines]
            if any(wanted(line.decode()) for line in lines):
                return True
        return False


def _record(root: Path, *, journal: bool = False) -> None:
    """Our recorder, until it is killed."""
    from robot_skills.core.annotation import Outcome
    from robot_skills.core.clock import MonotonicClock
    from robot_skills.core.frame_ring import FrameRing, RingSize
    from robot_skills.data.recorder import EpisodeHeader, Recorder, RecorderConfig, Saved
    from robot_skills.data.schema import CameraSpec, DatasetSchema

    ring = FrameRing("front", RingSize(height_px=48, width_px=64))
    schema = DatasetSchema(
        name="ours",
        robot="fake",
        control_period_s=_PERIOD_S,
        arms={"arm": 7},
        cameras=(CameraSpec(name="front", width_px=64, height_px=48, hz=1.0 / _PERIOD_S),),
    )
    clock = MonotonicClock()
    config = RecorderConfig(journal=journal, reserve_bytes=0)
    with Recorder(root, schema, clock, config, {"front": ring}) as recorder:
        print("ready", flush=True)
        # With a journal the episodes are long enough for something to be worth recovering.
        ticks = 6 * _TICKS if journal else _TICKS
        while True:
            header = EpisodeHeader(task="kill", start_s=clock.now_s(), started="", origin={})
            recorder.begin(header)
            for tick in range(ticks):
                observation = _observation(clock.now_s(), tick)
                recorder.state(observation)
                ring.write(observation.cameras["front"])
                time.sleep(_PERIOD_S)
            recorder.commit(Outcome.SUCCESS)
            while not (saved := [n for n in recorder.poll() if isinstance(n, Saved)]):
                time.sleep(0.001)
            print(f"saved {saved[0].number}", flush=True)


def _record_journal(root: Path) -> None:
    _record(root, journal=True)


def _observation(now_s: float, number: int):
    import numpy as np

    from robot_skills.core.se3 import SE3
    from robot_skills.core.types import ArmState, Observation, RgbdFrame

    rng = np.random.default_rng(number)
    state = ArmState(
        stamp_s=now_s,
        q_rad=rng.normal(size=7),
        dq_rad_s=np.zeros(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3.identity(),
        opening=1.0,
    )
    frame = RgbdFrame(
        stamp_s=now_s,
        rgb=rng.integers(0, 256, (48, 64, 3), dtype=np.uint8),
        depth_m=rng.uniform(0.3, 1.0, (48, 64)).astype(np.float32),
        K=np.eye(3),
        T_base_camera=SE3.identity(),
        number=None,
    )
    return Observation(stamp_s=now_s, arms={"arm": state}, cameras={"front": frame})


_PEER_FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (7,), "names": [f"q{i}" for i in range(7)]},
    "action": {"dtype": "float32", "shape": (7,), "names": [f"q{i}" for i in range(7)]},
}


def _record_peer(root: Path) -> None:
    """LeRobot's recorder, until it is killed; numbers only, which is kinder to it than pictures."""
    import numpy as np

    os.environ["HF_HUB_OFFLINE"] = "1"
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if root.exists():
        dataset = LeRobotDataset.resume(repo_id="bench/peer", root=root)
    else:
        dataset = LeRobotDataset.create(
            repo_id="bench/peer",
            fps=round(1.0 / _PERIOD_S),
            features=_PEER_FEATURES,
            root=root,
            use_videos=False,
        )
    print("ready", flush=True)
    number = dataset.meta.total_episodes
    while True:
        for tick in range(_TICKS):
            row = np.full(7, tick, dtype=np.float32)
            dataset.add_frame({"observation.state": row, "action": row, "task": "kill"})
            time.sleep(_PERIOD_S)
        dataset.save_episode()
        print(f"saved {number}", flush=True)
        number += 1


def _peer_episodes(root: Path) -> int:
    """Episodes that LeRobot itself can read back after a kill."""
    code = (
        "import os, sys; os.environ['HF_HUB_OFFLINE'] = '1'\n"
        "from lerobot.datasets.lerobot_dataset import LeRobotDataset\n"
        "d = LeRobotDataset(repo_id='bench/peer', root=sys.argv[1])\n"
        "d[len(d) - 1]\n"
        "print('episodes', d.num_episodes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("episodes")]
    return int(found[0]) if done.returncode == 0 and found else 0


def _progress(tally: Tally, kills: int) -> None:
    print(
        f"\r{tally.side}: {tally.kills}/{kills} kills, {tally.acknowledged} acknowledged, "
        f"{tally.lost} lost, {tally.corrupt} corrupt, {tally.resume_failed} not resumed",
        end="" if tally.kills < kills else "\n",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
