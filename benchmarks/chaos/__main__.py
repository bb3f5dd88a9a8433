"""``python -m benchmarks.chaos``: print one line of JSON per fault, and the sums at the end."""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.canary import Canary, canary
from benchmarks.chaos.cell import Processes, Watcher, Worker
from benchmarks.chaos.faults import CHAOS, Chaos
from benchmarks.faults.measure import STALL_S, beyond
from robot_skills.app.cells import load_cell
from robot_skills.core.errors import RobotSkillsError

MINUTES = 30.0
INSTRUCTIONS = (
    "put the red cube into the box",
    "open the drawer",
    "close the drawer",
)
_PAUSE_S = (10.0, 30.0)
_LONGEST_S = 60.0
_NAMED_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One fault.

    Attributes:
        at_s: Since the beginning.
        fault: What went wrong.
        named: Somebody said so.
        by: What was said, the beginning of it.
        recovered_s: From its end until work could go on; negative when it could not.
        stalled_s: Longest that the machine itself stood still meanwhile.
    """

    at_s: float
    fault: str
    named: bool
    by: str
    recovered_s: float
    stalled_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """All of it.

    Attributes:
        minutes: Of work.
        faults: That were injected.
        named: Of those that have an effect, named by somebody.
        to_name: How many have.
        recovered: After which work could go on.
        recovery_p50_s: Median time until it could.
        recovery_p95_s: 95th percentile.
        recovery_max_s: Longest.
        setpoints: That were sent.
        outside: Of those outside a joint's limit.
        largest: Largest share of a limit that was used.
        instructions: That were tried.
        succeeded: Of those.
        episodes: That were acknowledged.
        whole: Of those in the dataset, every byte as it was written.
        damaged: Damage found in the dataset, in words.
        stalls: How often the machine itself stood still for more than 20 ms.
    """

    minutes: float
    faults: int
    named: int
    to_name: int
    recovered: int
    recovery_p50_s: float
    recovery_p95_s: float
    recovery_max_s: float
    setpoints: int
    outside: int
    largest: float
    instructions: int
    succeeded: int
    episodes: int
    whole: int
    damaged: list[str]
    stalls: int


class Soak:
    """A cell that works while things go wrong.

    Args:
        processes: Of the cell.
        watcher: Who looks after it.
        bird: Knows when the machine stood still.
        rng: Chooses what goes wrong, and when.
    """

    def __init__(
        self, processes: Processes, watcher: Watcher, bird: Canary, rng: np.random.Generator
    ) -> None:
        self._processes, self._watcher, self._bird, self._rng = processes, watcher, bird, rng
        self.begun_s = time.monotonic()
        self.rows: list[Row] = []

    def run(self, minutes: float) -> None:
        """Every kind in turn, in an order that changes, with pauses."""
        order: list[Chaos] = []
        while time.monotonic() - self.begun_s < 60.0 * minutes:
            if not self._processes.up:
                raise SystemExit(f"Bringing up has ended:\n{self._processes.said}")
            order = order or [CHAOS[i] for i in self._rng.permutation(len(CHAOS))]
            time.sleep(float(self._rng.uniform(*_PAUSE_S)))
            row = self._once(order.pop())
            self.rows.append(row)
            print(json.dumps(asdict(row)), flush=True)

    def _once(self, chaos: Chaos) -> Row:
        watcher = self._watcher
        at_s, marks = time.monotonic(), self._processes.marks()
        try:
            chaos.inject(watcher, self._rng)
        except RobotSkillsError as problem:
            # What it would have hit was not there: the fault before is not over yet.
            watcher.heard.reasons.append((time.monotonic(), f"not injected: {problem}"))
        over_s = time.monotonic()
        # What was killed is still said to run for a moment.
        time.sleep(0.2)
        while not watcher.ready() and time.monotonic() - over_s < _LONGEST_S:
            time.sleep(0.02)
        recovered_s = time.monotonic() - over_s if watcher.ready() else -1.0
        by = self._named(chaos, at_s, marks)
        until_s = time.monotonic() + _NAMED_S
        while not by and not chaos.silent and time.monotonic() < until_s:
            time.sleep(0.1)
            by = self._named(chaos, at_s, marks)
        stalls = self._bird.stalls(since_s=at_s)
        return Row(
            at_s=at_s - self.begun_s,
            fault=chaos.name,
            named=bool(by) or chaos.silent,
            by=by,
            recovered_s=recovered_s,
            stalled_s=max((one.lasted_s for one in stalls), default=0.0),
        )

    def _named(self, chaos: Chaos, since_s: float, marks: dict[Path, int]) -> str:
        """Who said so, and what."""
        heard = self._watcher.heard
        texts = [words for at_s, words in (*heard.causes, *heard.reasons) if at_s >= since_s]
        texts += self._processes.said_since(marks).splitlines()
        for text in texts:
            if any(word in text for word in chaos.words):
                return text.strip()[:160]
        return ""


def sums(soak: Soak, worker: Worker, processes: Processes, watcher: Watcher, bird: Canary) -> Sums:
    """All that was counted."""
    limits = load_cell(processes.cell).limits.joint
    outside, largest = beyond(watcher.heard.sent, limits)
    damaged, whole = _verify(processes.dataset_folder(), worker.acknowledged)
    times = [row.recovered_s for row in soak.rows if row.recovered_s >= 0.0] or [0.0]
    loud = {chaos.name for chaos in CHAOS if not chaos.silent}
    to_name = [row for row in soak.rows if row.fault in loud]
    p50_s, p95_s = np.quantile(times, [0.5, 0.95])
    return Sums(
        minutes=(time.monotonic() - soak.begun_s) / 60.0,
        faults=len(soak.rows),
        named=sum(row.named for row in to_name),
        to_name=len(to_name),
        recovered=sum(row.recovered_s >= 0.0 for row in soak.rows),
        recovery_p50_s=float(p50_s),
        recovery_p95_s=float(p95_s),
        recovery_max_s=max(times),
        setpoints=len(watcher.heard.sent),
        outside=outside,
        largest=largest,
        instructions=worker.done,
        succeeded=worker.succeeded,
        episodes=len(worker.acknowledged),
        whole=whole,
        damaged=damaged,
        stalls=len(bird.stalls(longer_s=STALL_S)),
    )


def _verify(folder: Path, acknowledged: list[str]) -> tuple[list[str], int]:
    """Damage in a dataset, and how many of these episodes are in it, whole."""
    from robot_skills.data.store import EpisodeStore

    store = EpisodeStore(folder)
    damaged = [str(one) for _, damage in store.verify() for one in damage]
    there = {str(store.directory(number).resolve()) for number in store.numbers()}
    whole = sum(str(Path(path).resolve()) in there for path in acknowledged)
    return damaged, whole if not damaged else 0


@contextmanager
def cell_up(folder: Path, domain: int) -> Iterator[tuple[Processes, Watcher]]:
    """Everything that is needed, ended in order."""
    processes = Processes(folder, domain)
    watcher = None
    try:
        processes.wait_until_up()
        processes.record()
        processes.wait_until_up(("recorder",))
        watcher = Watcher(processes, domain)
        yield processes, watcher
    finally:
        if watcher is not None:
            watcher.close()
        processes.close()


def main() -> None:
    """Let it soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for logs and dataset; a temporary one")
    args = parser.parse_args()
    domain = int(os.environ.get("ROS_DOMAIN_ID", "86"))
    with tempfile.TemporaryDirectory() as temporary, canary() as bird:
        folder = (args.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with cell_up(folder, domain) as (processes, watcher):
            worker = Worker(watcher, INSTRUCTIONS)
            try:
                soak = Soak(processes, watcher, bird, np.random.default_rng(args.seed))
                soak.run(args.minutes)
            finally:
                worker.close()
            heard = sorted(watcher.heard.causes + watcher.heard.reasons)
            lines = "\n".join(f"{at_s - soak.begun_s:9.2f}  {words}" for at_s, words in heard)
            (folder / "heard.txt").write_text(lines + "\n", encoding="utf-8")
            print(json.dumps(asdict(sums(soak, worker, processes, watcher, bird))), flush=True)


if __name__ == "__main__":
    main()
