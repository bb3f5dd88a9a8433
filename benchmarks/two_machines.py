"""An arm on one machine, what commands it on another, and the cable between them cut in mid-motion.

Run with ``python -m benchmarks.two_machines``, as root. The simulated arm, its gate and a witness
are on the machine at the arm; far away is what commands it over DDS, or the policy that it asks
over openpi's protocol. Counted are the state that the gate ends in, how long it takes until the
setpoint rests, whether the other side says what has happened, and whether anything moves when the
cable is whole again, before somebody has decided to go on.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine_programs import LONGEST_S, RESTS
from benchmarks.machines import Machine, Puppet, TwoMachines, end

REPEATS = 50
_PROGRAMS = "benchmarks.machine_programs"
_BUDGET_S = 0.8 + 0.32
"""The longest chunk that can have been accepted just before, and what a policy that is killed is
allowed from there on (F1)."""
_WATCH_S = 1.5
"""After healing, before anybody decides to go on."""
_TRIES = 3
_CUTS_S = (0.8, 2.0, 5.0)


def cell_text() -> str:
    """A simulated cell whose messages go out to the network."""
    from robot_skills.app.cells import find_cell

    text = find_cell("sim_panda").read_text(encoding="utf-8")
    lines = text.replace("reach: machine", "reach: network").splitlines()
    # Without cameras: pictures are not what is tried.
    return "\n".join(line for line in lines if "driver: sim," not in line).replace(
        "cameras:", "cameras: {}"
    )


# The two of them


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """Everything runs, and the commander has the command.

    Attributes:
        machines: With the cable.
        witness: At the arm.
        commander: Of the arm.
    """

    machines: TwoMachines
    witness: Puppet
    commander: Puppet


@contextmanager
def scene(remote_policy: bool = False) -> Iterator[Scene]:
    """Two machines at work.

    Args:
        remote_policy: The commander is at the arm and asks a policy far away; otherwise it is far
            away itself.
    """
    programs: list[subprocess.Popen[Any]] = []
    puppets: list[Puppet] = []

    def puppet(machine: Machine, role: str, *more: str) -> Puppet:
        made = Puppet(machine, "-m", _PROGRAMS, role, *more)
        puppets.append(made)
        return made

    with tempfile.TemporaryDirectory(prefix="two_machines_cell_") as folder, TwoMachines() as two:
        cell = Path(folder) / "cell.yaml"
        cell.write_text(cell_text(), encoding="utf-8")
        try:
            for node in ("simulate", "gate"):
                module = f"robot_skills.app.nodes.{node}"
                programs.append(two.near.start("-m", module, "--cell", str(cell)))
            witness = puppet(two.near, "witness", "--cell", str(cell))
            asked = ["--cell", str(cell)]
            if remote_policy:
                url = puppet(two.far, "policy").do("url")
                asked += ["--policy", url]
            commander = puppet(two.near if remote_policy else two.far, "commander", *asked)
            _until(lambda: bool(witness.do("status")["state"]), 40.0, "the gate")
            commander.do("connect")
            yield Scene(machines=two, witness=witness, commander=commander)
        finally:
            two.heal()
            for made in reversed(puppets):
                made.close()
            for program in reversed(programs):
                program.terminate()
            for program in reversed(programs):
                end(program)


def _until(ready: Any, timeout_s: float, what: str) -> None:
    until_s = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > until_s:
            raise RuntimeError(f"Waited {timeout_s:g} s for {what}.")
        time.sleep(0.05)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One cut.

    Attributes:
        state: What the gate ended in, and why.
        rested_s: From the cut until the setpoint rested; None if it did not.
        named: What the other side said.
        after_rad_s: Fastest that a joint was told to be after healing, before the decision.
        refused: What came of a chunk before the decision; empty where it was followed.
        held_back: Chunks that reached the gate after healing, before the decision.
    """

    state: str
    rested_s: float | None
    named: str
    after_rad_s: float
    refused: str
    held_back: int


def cut_once(at: Scene, cut_s: float, *, needs_decision: bool = True) -> Seen:
    """Cut the cable in mid-motion, heal it, look, and go on.

    Args:
        at: Where.
        cut_s: How long the cable is cut, from when the arm rests.
        needs_decision: Whether what commands was cut off from the gate itself.
    """
    witness, commander = at.witness, at.commander
    commander.do("start")
    _until_moving(at)
    time.sleep(0.3)
    since_s = witness.do("now")
    at.machines.cut()
    try:
        rested_s = witness.do("rested", since_s=since_s)
        ended = witness.do("status")
        time.sleep(cut_s)
        named = commander.do("problem")
    finally:
        healed_s = witness.do("now")
        at.machines.heal()
    _until(lambda: commander.do("hears"), 30.0, "the arm to be heard again")
    time.sleep(_WATCH_S)
    moved = witness.do("most_since", since_s=healed_s)
    held_back = witness.do("status")["chunks"] - ended["chunks"]
    refused = ""
    if needs_decision:
        try:
            commander.do("once")
        except RuntimeError as problem:
            refused = str(problem)
        commander.do("resume")
    go_on(at)
    return Seen(
        state=f"{ended['state']}, {ended['cause']}",
        rested_s=None if rested_s is None else rested_s - since_s,
        named=named,
        after_rad_s=moved,
        refused=refused,
        held_back=held_back,
    )


def go_on(at: Scene) -> None:
    """Move again, and stop. Right after a cut an answer may be lost: then it is tried again."""
    for tries_left in reversed(range(_TRIES)):
        at.commander.do("start")
        try:
            _until_moving(at)
            break
        except RuntimeError:
            if not tries_left:
                raise
            at.commander.do("resume")
    at.commander.do("stop")
    _until(lambda: not at.witness.do("moves"), 20.0, "the arm to rest")


def _until_moving(at: Scene) -> None:
    try:
        _until(lambda: at.witness.do("moves"), 10.0, "the arm to move")
    except RuntimeError as problem:
        at.commander.do("stop")
        raise RuntimeError(
            f"{problem} The gate: {at.witness.do('status')}. What commands it: "
            f"{at.commander.do('problem') or 'no problem'}."
        ) from problem


# Measuring


@dataclass(slots=True)
class Row:
    """One kind of cut; the fields are those of `benchmarks.faults`.

    Attributes:
        number: In the table of faults.
        fault: What happens.
        injected: How often.
        as_named: How often it ended in the wanted state within the budget, was named by the other
            side, and nothing moved before somebody had decided to go on.
        states: What the gate ended in, how often.
        budget_ms: From the cut until the setpoint rests.
        p50_ms: Median of that time.
        p99_ms: 99th percentile.
        max_ms: Longest.
        replayed: How often something moved by itself after healing.
        held_back: Chunks that the cut network held back, and delivered after healing.
        named: What the other side said the last time.
    """

    number: str
    fault: str
    injected: int = 0
    as_named: int = 0
    states: dict[str, int] = field(default_factory=dict)
    budget_ms: float = 1e3 * _BUDGET_S
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    replayed: int = 0
    held_back: int = 0
    named: str = ""


WANTED = "hold, chunk_ended"


def measure(name: str, repeats: int, *, remote_policy: bool) -> Row:
    """Cut again and again."""
    row, times_ms = Row(number="F13", fault=name), []
    with scene(remote_policy) as at:
        for i in range(repeats):
            seen = cut_once(at, _CUTS_S[i % len(_CUTS_S)], needs_decision=not remote_policy)
            took_s = LONGEST_S if seen.rested_s is None else seen.rested_s
            times_ms.append(1e3 * took_s)
            replayed = seen.after_rad_s > RESTS
            decided = remote_policy or "resume()" in seen.refused
            good = seen.state == WANTED and took_s <= _BUDGET_S and bool(seen.named)
            row.injected += 1
            row.states[seen.state] = row.states.get(seen.state, 0) + 1
            row.as_named += good and decided and not replayed
            row.replayed += replayed
            row.held_back += seen.held_back
            row.named = seen.named
    row.p50_ms, row.p99_ms = (float(x) for x in np.quantile(times_ms, [0.5, 0.99]))
    row.max_ms = max(times_ms)
    return row


KINDS = (
    ("cable to what commands is cut", False),
    ("cable to the policy is cut", True),
)


def main() -> None:
    """Print one line of JSON per kind of cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    args = parser.parse_args()
    for name, remote_policy in KINDS:
        row = measure(name, args.repeats, remote_policy=remote_policy)
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
