"""What a gate looks at before its arm may move for the first time: over real nodes."""

import time
from dataclasses import replace
from functools import partial

import pytest

from hardware.cell.start import start_problems
from hardware.ros2.runtime import RosNode
from hardware.ros2.start_check import WAITING, StartCheck
from tests.hardware.cell.station import JOINTS, FakeDriver, cell_of, urdf_of

PATIENCE_S = 20.0


def listen(ros_domain, check, until, listen_s=0.5):
    """Call it as a gate does, until something holds of what it says."""
    node = RosNode("listener", domain=ros_domain)
    try:
        start = StartCheck(node, "/joint_states", JOINTS, check, listen_s)
        said = start.problems(time.monotonic())
        assert said == (WAITING,)
        end_s = time.monotonic() + PATIENCE_S
        while not until(said):
            assert time.monotonic() < end_s, said
            node.spin_once(0.005)
            said = start.problems(time.monotonic())
        return said
    finally:
        node.close()


def test_what_fits_the_cell_may_move(ros_domain, tmp_path):
    check = partial(start_problems, cell_of(tmp_path))
    with FakeDriver(ros_domain, urdf=urdf_of()):
        assert not listen(ros_domain, check, lambda said: not said)


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ({"q": dict(zip(JOINTS, (30.0, -60.0, 5.0), strict=True))}, "looks like degrees"),
        ({"q": {"shoulder": 0.0, "elbow_joint": 0.0}}, "does not tell base_joint, hand_joint"),
        ({"urdf": urdf_of(joints=tuple(reversed(JOINTS)))}, "from base to tip the arm has hand"),
        ({"rate_hz": 5.0}, "rate of states"),
    ],
)
def test_what_does_not_fit_is_named_and_keeps_the_arm_still(ros_domain, tmp_path, driver, words):
    check = partial(start_problems, cell_of(tmp_path))
    with FakeDriver(ros_domain, **driver):
        said = listen(ros_domain, check, lambda said: said and said != (WAITING,))
    assert words in "; ".join(said)


def test_arm_that_is_mended_may_move_without_a_new_start(ros_domain, tmp_path):
    judge, asked = partial(start_problems, cell_of(tmp_path)), []

    def check(heard):
        asked.append(heard)
        return ["not yet"] if len(asked) < 3 else judge(heard)

    with FakeDriver(ros_domain):
        assert not listen(ros_domain, check, lambda said: not said, listen_s=0.2)
    assert len(asked) == 3
    assert asked[-1].rate_hz > 10.0


def test_check_that_fails_is_no_leave_to_move(ros_domain):
    def check(heard):
        raise KeyError("no such thing")

    with FakeDriver(ros_domain):
        said = listen(ros_domain, check, lambda said: said != (WAITING,))
    assert "no such thing" in said[0]


class SaysDegrees:
    """Travels to the gate's process."""

    def __call__(self, heard):
        return [f"units: {sorted(heard.q)[0]} looks like degrees"]


def test_gate_holds_until_its_arm_is_checked_and_says_what_is_wrong(ros_domain):
    pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")
    from robot_skills.core.errors import RobotFault
    from tests.hardware.ros2.test_gated_arm import CellProcesses

    cell = CellProcesses(start_check=SaysDegrees())
    try:
        with pytest.raises(RobotFault, match="looks like degrees"):
            cell.robot.connect()
    finally:
        cell.end()


def test_gate_refuses_a_chunk_into_the_table(ros_domain):
    pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")
    from hardware.ros2.robot import Ros2Robot
    from robot_skills.app.nodes.sim_robot import SimRobotSetup
    from robot_skills.core.collision import Surroundings
    from robot_skills.core.errors import ActionRefused
    from sim.collision import arm_collisions
    from tests.hardware.ros2.test_gated_arm import CellProcesses

    # Less than 12 cm below the fingertips of the arm at home.
    around = Surroundings(table_z_m=0.3)
    cell = CellProcesses(
        simulated=SimRobotSetup(cameras=()),
        make_collisions=partial(arm_collisions, "panda", around),
        start_check=_nothing_is_wrong,
    )
    cell.robot = Ros2Robot(replace(cell.robot._config, cameras=()))
    try:
        cell.connect()
        assert list(cell.robot.status.disabled) == []
        with pytest.raises(ActionRefused, match=r"finger.* too near to table") as refused:
            cell.robot.command(cell.chunk(velocity=(0.0, 0.0, -0.2)))
        assert refused.value.code == "collision"
        assert cell.state == "idle"
        assert len(cell.robot.command(cell.chunk(velocity=(0.0, 0.0, -0.05)))) > 10
        cell.wait("hold")
    finally:
        cell.end()


def _nothing_is_wrong(heard):
    return []
