"""Encoders do not come before what drives an arm."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from robot_skills.core.priority import (
    RealTimeProcess,
    ordinary_priority,
    real_time_processes,
)

av = pytest.importorskip("av")
REAL_TIME = {os.SCHED_FIFO, os.SCHED_RR}
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gets real-time priority")


def policies() -> set[int]:
    found = set()
    for thread in os.listdir("/proc/self/task"):
        try:
            found.add(os.sched_getscheduler(int(thread)))
        except ProcessLookupError:
            continue
    return found


def encode(path: Path) -> set[int]:
    """Scheduling policies of this process while it encodes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libsvtav1", rate=20)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        picture = np.zeros((96, 96, 3), np.uint8)
        for _ in range(3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        seen = policies()
        for packet in stream.encode():
            container.mux(packet)
    return seen


@root_only
def test_an_encoder_stays_ordinary(tmp_path):
    with ordinary_priority():
        assert not encode(tmp_path / "a.mp4") & REAL_TIME
    assert not policies() & REAL_TIME


@root_only
def test_the_right_is_back_afterwards_and_other_threads_keep_theirs():
    claimed = []

    def claim() -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        claimed.append(os.sched_getscheduler(0))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    elsewhere, begin = threading.Thread(target=lambda: (begin.wait(), claim())), threading.Event()
    elsewhere.start()
    with ordinary_priority():
        with pytest.raises(PermissionError):
            claim()
        begin.set()
        elsewhere.join()
    claim()
    assert claimed == [os.SCHED_FIFO, os.SCHED_FIFO]


def test_who_has_no_such_right_is_left_alone():
    with ordinary_priority(), ordinary_priority():
        pass


def write_process(proc: Path, pid: int, name: str, priorities: dict[int, int], command: bytes):
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    (proc / str(pid) / "cmdline").write_bytes(command)
    for thread, priority in priorities.items():
        (proc / str(pid) / "task" / str(thread)).mkdir(parents=True)
        fields = ["S"] + 36 * ["0"] + [str(priority)] + 12 * ["0"]
        text = f"{thread} ({name}) {' '.join(fields)}\n"
        (proc / str(pid) / "task" / str(thread) / "stat").write_text(text)


def test_who_comes_before_others_is_named(tmp_path):
    write_process(tmp_path, 30, "odd) 1 (name", {30: 0, 31: 99}, b"ffmpeg\0")
    write_process(tmp_path, 20, "gate", {20: 50, 21: 49}, b"python\0")
    write_process(tmp_path, 10, "migration/0", {10: 99}, b"")
    (tmp_path / "40").mkdir()
    assert real_time_processes(above=50, proc=tmp_path) == [
        RealTimeProcess(pid=30, name="odd) 1 (name", priority=99)
    ]
    assert [one.pid for one in real_time_processes(above=49, proc=tmp_path)] == [20, 30]


@root_only
def test_what_the_system_tells_is_understood():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(7))
    try:
        mine = [one for one in real_time_processes(above=6) if one.pid == os.getpid()]
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert [one.priority for one in mine] == [7]
