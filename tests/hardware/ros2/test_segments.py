"""Shared memory of killed processes is removed; that of living ones is not."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hardware.ros2.segments import FOLDER, remove_left_over

LIVES = """
import sys, time
from hardware.ros2.runtime import RosNode
node = RosNode("lives", domain=int(sys.argv[1]))
print("up", flush=True)
time.sleep(100.0)
"""


def segments_since(before):
    return {name for name in os.listdir(FOLDER) if "port" not in name} - before


def grow_old(names):
    for name in names:
        os.utime(FOLDER / name, (1.0, 1.0))


def test_what_a_killed_process_left_is_removed_and_not_before(ros_domain):
    before = set(os.listdir(FOLDER))
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES, str(ros_domain)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        its = {name for name in segments_since(before) if _of(name, process.pid)}
        assert len(its) == 2
        grow_old(its)
        remove_left_over()
        assert its <= set(os.listdir(FOLDER))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert its <= set(os.listdir(FOLDER))
        assert remove_left_over() >= 1
        assert not its & set(os.listdir(FOLDER))
    finally:
        process.kill()
        process.wait()


def _of(name, pid):
    """Whether a process has a file of shared memory open, or its lock."""
    name = name.removesuffix("_el")
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return any(f"/dev/shm/{name}" in line for line in maps)


def test_young_locks_and_other_files_stay(tmp_path):
    young, old, strange = (
        tmp_path / "fastdds_0123456789abcdef_el",
        tmp_path / "fastdds_fedcba9876543210_el",
        tmp_path / "fastdds_port7400_el",
    )
    for path in (young, old, strange, tmp_path / "fastdds_fedcba9876543210"):
        path.write_bytes(b"")
    os.utime(old, (1.0, 1.0))
    os.utime(strange, (1.0, 1.0))
    assert remove_left_over(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {young.name, strange.name}


def test_a_machine_without_such_a_folder_has_nothing_left_over(tmp_path):
    assert remove_left_over(tmp_path / "none") == 0
