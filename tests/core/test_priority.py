"""Encoders do not come before what drives an arm."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from robot_skills.core.priority import ordinary_priority

av = pytest.importorskip("av")
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
        assert encode(tmp_path / "a.mp4") == {os.SCHED_OTHER}
    assert policies() == {os.SCHED_OTHER}


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
