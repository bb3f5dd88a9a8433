"""An arm on one machine, what commands it or its policy on another, and the cable between them."""

import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from benchmarks.machine_programs import RESTS
from benchmarks.machines import TwoMachines, why_not
from benchmarks.two_machines import WANTED, cut_once, scene

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "possible")
CHUNK_S = 0.8
"""Of what the arm was told before the cut."""


def test_two_machines_have_nothing_but_a_cable_in_common(tmp_path):
    code = (
        "import time, pathlib;"
        "print(pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip(),"
        "time.monotonic(), len(list(pathlib.Path('/dev/shm').iterdir())))"
    )
    said = []
    with TwoMachines() as two:
        for machine in (two.near, two.far):
            with (tmp_path / "said").open("w+") as file:
                assert machine.start("-c", code, stdout=file).wait(timeout=30.0) == 0
                file.seek(0)
                said.append(file.read().split())
    near, far = said
    assert near[0] != far[0]
    assert float(far[1]) - float(near[1]) > 80_000.0
    assert near[2] == far[2] == "0"


def test_an_arm_that_its_commander_lost_holds_until_somebody_decides_to_go_on():
    with scene() as at:
        seen = cut_once(at, cut_s=2.0)
    assert seen.state == WANTED
    assert seen.rested_s is not None
    assert 0.0 < seen.rested_s < CHUNK_S + 1.0
    assert "the network in between is cut" in seen.named
    assert seen.after_rad_s < RESTS
    assert "resume()" in seen.refused


def test_an_arm_whose_policy_is_cut_off_holds_and_goes_on_with_it_later():
    with scene(remote_policy=True) as at:
        seen = cut_once(at, cut_s=1.0, needs_decision=False)
    assert seen.state == WANTED
    assert "RemotePolicyError: ws://" in seen.named
    assert seen.after_rad_s < RESTS
