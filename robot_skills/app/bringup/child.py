"""One process of a cell: started, watched, ended with everything it has started itself."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_TAIL_BYTES = 4096


class Child:
    """A process in a process group of its own, which writes to a file.

    Its output goes straight to the file, not through us: it can neither be held up by a supervisor
    that is busy nor killed by one that is gone. To be made in the main thread: children are told
    of the end of the thread that made them.

    Args:
        command: Its command line.
        log: File that its output is added to.
        environment: Of the process; None is ours.
        spare: It waits for a line on its standard input before it begins; see `take_turn`.

    Attributes:
        pid: Its number, also of its group.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        spare: bool = False,
    ) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._begin = output.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if spare else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        self.pid = self._process.pid

    def take_turn(self) -> None:
        """Let a spare begin; its log begins here."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._begin = self._log.stat().st_size
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"begin\n")
            self._process.stdin.close()

    def hurry(self, by: int) -> None:
        """Let it and all that it has started come before others, or wait for them again.

        Without the right to it nothing changes.

        Args:
            by: Steps of niceness; below 0 they hurry more.
        """
        for process in self._family():
            for thread in Path(f"/proc/{process}/task").glob("*"):
                number = int(thread.name)
                with contextlib.suppress(OSError):
                    nice = os.getpriority(os.PRIO_PROCESS, number)
                    os.setpriority(os.PRIO_PROCESS, number, nice + by)

    def _family(self) -> list[int]:
        """It and what it has started."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getpgid(int(folder.name)) == self.pid:
                    found.append(int(folder.name))
        return found

    def exit_code(self) -> int | None:
        """How it ended, below 0 for a signal; None while it runs.

        Who has ended is not yet cleared away, so that its number still means its group.
        """
        if self._process.returncode is not None:
            return self._process.returncode
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, self.pid, options)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def ask_to_end(self) -> None:
        """SIGTERM to the process, which ends those that it has started."""
        if self.exit_code() is None:
            os.kill(self.pid, signal.SIGTERM)
            # One that is stopped would hear it only when it goes on.
            os.kill(self.pid, signal.SIGCONT)

    def clear(self) -> int:
        """Kill what is left of the process and of its group, and return how it ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def last_words(self) -> str:
        """The last line that this process wrote; empty when there is none."""
        with contextlib.suppress(OSError), self._log.open("rb") as text:
            size = text.seek(0, os.SEEK_END)
            text.seek(max(self._begin, size - _TAIL_BYTES))
            lines = text.read().decode("utf-8", errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


def how_it_ended(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"was ended by signal {-exit_code}"
