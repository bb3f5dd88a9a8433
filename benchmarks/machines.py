"""Two machines in one: what tells computers apart, without a second computer.

Each has a network of its own with one cable to the other, its own shared memory, and one of them
another time since its start, by which a program that takes its clock for the other's is found out.
All of it is the system's namespaces, held by one process each; when that ends, however it does,
nothing is left. It takes Linux and root.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

_TOOLS = ("ip", "unshare", "nsenter", "mount")
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_AHEAD_S = 86_400
_CABLE = "cable"
_END_S = 15.0
_ROOT = Path(__file__).resolve().parents[1]
NEAR_ADDRESS, FAR_ADDRESS = "10.77.0.1", "10.77.0.2"


def why_not() -> str:
    """Why there can be no second machine here; empty where there can."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"two machines need {', '.join(missing)}"
    asked = ["unshare", *_SEPARATE, "--fork", "true"]
    tried = subprocess.run(asked, capture_output=True, text=True, timeout=20.0)
    if tried.returncode:
        return f"two machines need root and namespaces: {tried.stderr.strip()}"
    return ""


_SEPARATE = ("--net", "--mount", "--uts", "--time")


class Machine:
    """One of the two.

    Args:
        ahead_s: How much longer than this computer it has been on.
        folder: For its files.
    """

    def __init__(self, ahead_s: int, folder: Path) -> None:
        boot_id = folder / f"boot_id_{ahead_s}"
        boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        prepare = (
            "mount --make-rprivate / && mount -t tmpfs tmpfs /dev/shm && "
            f"mount --bind {boot_id} {_BOOT_ID} && ip link set lo up && echo $$ && "
            "while read -r command; do $command >&2; echo $?; done"
        )
        ahead = ["--monotonic", str(ahead_s), "--boottime", str(ahead_s)]
        self._holder = subprocess.Popen(
            ["unshare", *_SEPARATE, *ahead, "--fork", "--kill-child", "sh", "-c", prepare],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline().strip()
        if not said:
            raise RuntimeError("The system gave no machine of its own.")
        self.pid = int(said)

    def inside(self, command: Sequence[str]) -> list[str]:
        """A command line that runs a command there."""
        return [
            *("nsenter", "--target", str(self.pid), "--net", "--mount", "--uts", "--time"),
            *(f"--wd={_ROOT}", *command),
        ]

    def do(self, *command: str) -> None:
        """Run a short command there, of words without spaces, at once. Raises `RuntimeError`."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(" ".join(command) + "\n")
        self._holder.stdin.flush()
        code = self._holder.stdout.readline().strip()
        if code != "0":
            raise RuntimeError(f"{' '.join(command)} ended with {code or 'the machine'}.")

    def start(self, *command: str, **how: Any) -> subprocess.Popen[Any]:
        """Start a program of this Python there."""
        return subprocess.Popen(self.inside([sys.executable, *command]), **how)

    def close(self) -> None:
        """Give it back. Programs there are ended by who started them."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()


class TwoMachines:
    """A machine at the arm and one far from it, with a cable between them."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="two_machines_")
        self._machines: list[Machine] = []
        try:
            for ahead_s in (0, _AHEAD_S):
                self._machines.append(Machine(ahead_s, Path(self._folder.name)))
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self._machines:
            machine.close()
        self._folder.cleanup()

    @property
    def near(self) -> Machine:
        """Where the arm is."""
        return self._machines[0]

    @property
    def far(self) -> Machine:
        return self._machines[1]

    def _connect(self) -> None:
        near, far = self._machines
        cable = ["ip", "link", "add", _CABLE, "netns", str(near.pid), "type", "veth"]
        cable += ["peer", "name", _CABLE, "netns", str(far.pid)]
        subprocess.run(cable, check=True, capture_output=True, timeout=20.0)
        for machine, address in ((near, NEAR_ADDRESS), (far, FAR_ADDRESS)):
            machine.do("ip", "address", "add", f"{address}/24", "dev", _CABLE)
        self.heal()

    def cut(self) -> None:
        """Nothing passes any more."""
        self.near.do("ip", "link", "set", _CABLE, "down")

    def heal(self) -> None:
        for machine in self._machines:
            machine.do("ip", "link", "set", _CABLE, "up")


class Puppet:
    """A program on a machine that does what it is told, a line of JSON each.

    Args:
        machine: Where it runs.
        command: Of Python; the program serves with `obey`.
    """

    def __init__(self, machine: Machine, *command: str) -> None:
        self._process = machine.start(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._said: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)

    def do(self, what: str, timeout_s: float = 40.0, **arguments: Any) -> Any:
        """Have it do something.

        Raises:
            RuntimeError: It failed, with what it said; or it said nothing in time.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        try:
            answer = json.loads(self._said.get(timeout=timeout_s))
        except Empty:
            raise RuntimeError(f"{what!r} was not answered in {timeout_s:g} s.") from None
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        end(self._process)


def obey(actions: Mapping[str, Callable[..., Any]]) -> None:
    """Be a puppet until nobody tells what to do any more."""
    # What libraries print is not to be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        told = json.loads(line)
        try:
            answer: Any = {"result": actions[told.pop("do")](**told)}
        except Exception as error:  # noqa: BLE001 (Whoever told it decides what it means.)
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a program to end, and make it."""
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
