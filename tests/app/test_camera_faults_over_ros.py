"""Cameras that are lost, frozen, late, shuffled, of another size or lens: what the gate says."""

import json
import multiprocessing
import time

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.gate_node import run_gate
from hardware.ros2.robot import Ros2Robot
from hardware.ros2.runtime import RosNode
from robot_skills.app.cells import find_cell, gate_setup, load_cell, robot_config, sim_setup
from robot_skills.app.nodes.sim_robot import run_sim_robot
from robot_skills.core.errors import ActionRefused, PerceptionError, RobotFault
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.ros_domain import claim_domain

CONTEXT = multiprocessing.get_context("spawn")
PATIENCE_S = 30.0
STARTS_S = 90.0
STALE_S = 1.5


class Station:
    """A simulated cell, its gate and a robot, with a hand that injects faults."""

    def __init__(self, folder):
        from diagnostic_msgs.msg import DiagnosticStatus
        from std_msgs.msg import String
        from std_srvs.srv import Trigger

        text = find_cell("sim_ur5e").read_text()
        text = text.replace("reach: machine", f"reach: machine\n  domain: {claim_domain()}")
        # Drawing shares two processors with all the other tests.
        text = text.replace("size_px: [256, 192]", f"size_px: [64, 48], stale_s: {STALE_S}")
        path = folder / "cell.yaml"
        path.write_text(text)
        cell = load_cell(path)
        self.processes = [
            CONTEXT.Process(target=run_sim_robot, args=(sim_setup(cell),)),
            CONTEXT.Process(target=run_gate, args=(gate_setup(cell),)),
        ]
        self.robot = Ros2Robot(robot_config(cell))
        self.node = RosNode("hand", domain=cell.network.domain)
        self.inject_to = self.node.node.create_publisher(String, "sim_robot/inject", 1)
        self.acknowledge_at = self.node.node.create_client(Trigger, "gate/acknowledge")
        self.health = {}
        for name in ("front", "wrist"):
            self.node.node.create_subscription(
                DiagnosticStatus, f"{name}/health", self.says(name), 10
            )
        self.node.start()

    def begin(self):
        for process in self.processes:
            process.start()
        # Others share the processors; a robot has less patience than these processes may need.
        self.node.wait_for(
            lambda: (
                len(self.health) == 2
                and all(message.level == b"\x00" for message in self.health.values())
            ),
            STARTS_S,
            "pictures",
        )
        self.robot.connect()
        self.node.wait_for(
            lambda: self.inject_to.get_subscription_count() == 2,
            PATIENCE_S,
            "the faults' listeners",
        )

    def says(self, name):
        return lambda message: self.health.__setitem__(name, message)

    def counter(self, camera, name):
        message = self.health.get(camera)
        known = {} if message is None else {pair.key: pair.value for pair in message.values}
        return int(known.get(name, 0))

    def inject(self, **faults):
        from std_msgs.msg import String

        self.inject_to.publish(String(data=json.dumps(faults)))

    @property
    def status(self):
        return self.robot.status

    def chunk(self):
        T = self.robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
        times = np.array(self.robot.clock.now_s() + 0.05 * np.arange(1.0, 17.0), np.float64)
        return single_arm_chunk(times, np.tile(T, (16, 1, 1)), np.ones(16))

    def moves_until(self, state):
        """Command again and again, as a skill does, until the gate is in a state; what it said."""
        until_s = time.monotonic() + PATIENCE_S
        refusals = []
        while self.status.state != state:
            assert time.monotonic() < until_s, self.status
            try:
                self.robot.command(self.chunk())
            except ActionRefused as refusal:
                refusals.append(str(refusal))
            except RobotFault:
                # The machine stood still for so long that the gate was not heard.
                self.robot.resume()
            time.sleep(0.05)
        return refusals

    def waits_for(self, *words):
        """Until the gate waits for something that is described with these words; the texts."""

        def so():
            texts = self.status.waits_for
            return any(all(word in text for word in words) for text in texts)

        self.node.wait_for(so, PATIENCE_S, f"a gate that waits for {words}, not {self.status}")
        return list(self.status.waits_for)

    def waits_for_nothing(self):
        self.node.wait_for(
            lambda: not self.status.waits_for, PATIENCE_S, "a gate that waits for nothing"
        )

    def end(self):
        self.robot.close()
        self.node.close()
        begun = [process for process in self.processes if process.pid is not None]
        for process in begun:
            process.terminate()
        for process in begun:
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()


@pytest.fixture(scope="module")
def shared_station(tmp_path_factory):
    made = Station(tmp_path_factory.mktemp("cell"))
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.fixture
def station(shared_station):
    shared_station.inject()
    shared_station.waits_for_nothing()
    return shared_station


def pids(station):
    return [process.pid for process in station.processes]


def test_an_unplugged_camera_holds_the_arm_until_it_is_back(station):
    before = pids(station)
    station.moves_until("running")
    station.inject(cameras=["front"], camera_silent_s=1000.0)
    while station.status.cause != "sensor_lost":
        station.moves_until("hold")
        time.sleep(0.02)
    assert station.status.state == "hold"
    assert station.status.why.startswith("front: nothing came on front/color/image_raw")
    with pytest.raises(ActionRefused, match=r"sensor_lost\(front\): nothing came on front/") as no:
        station.robot.command(station.chunk())
    assert no.value.code == "state"
    with pytest.raises(PerceptionError, match=r"sensor_lost\(front\)"):
        station.robot.observe(["front"])
    station.robot.observe(["wrist"])
    station.inject()
    station.waits_for_nothing()
    station.moves_until("running")
    assert pids(station) == before
    station.robot.observe(["front"])


def test_frozen_pictures_hold_the_arm_though_their_stamps_go_on(station):
    station.inject(cameras=["wrist"], camera_frozen=True)
    texts = station.waits_for("wrist: ", "the same picture came", "frozen")
    assert not any("front" in text for text in texts)
    with pytest.raises(ActionRefused, match=r"sensor_lost\(wrist\): .*frozen"):
        station.robot.command(station.chunk())
    station.inject()
    station.waits_for_nothing()
    station.moves_until("running")


def test_a_scene_at_rest_is_not_frozen(station):
    seen = station.counter("front", "frames")
    station.node.wait_for(
        lambda: station.counter("front", "frames") > seen + 25, PATIENCE_S, "25 pictures"
    )
    assert station.counter("front", "frozen") == 0


@pytest.mark.parametrize("late_s", [STALE_S - 0.05, STALE_S + 1.0])
def test_late_pictures_hold_the_arm(station, late_s):
    station.inject(cameras=["front"], camera_late_s=late_s)
    station.waits_for("front: ", "late")
    station.inject()
    station.waits_for_nothing()


def test_shuffled_pictures_are_left_out_and_counted(station):
    before = station.counter("front", "out_of_order")
    station.inject(cameras=["front"], camera_shuffled=True)
    station.node.wait_for(
        lambda: station.counter("front", "out_of_order") >= before + 5, PATIENCE_S, "5 left out"
    )
    assert station.counter("wrist", "out_of_order") == 0
    station.inject()
    station.waits_for_nothing()
    station.moves_until("running")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"camera_px": [84, 48]}, ("84 x 48", "64 x 48")),
        ({"camera_zoom": 1.3}, ("intrinsics", "fx fy cx cy")),
    ],
    ids=["size", "lens"],
)
def test_pictures_that_do_not_fit_are_a_fault_before_anything_moves(station, fault, words):
    from std_srvs.srv import Trigger

    station.robot.stop()
    station.inject(cameras=["front"], **fault)
    station.node.wait_for(
        lambda: station.status.state == "fault", PATIENCE_S, f"a fault, not {station.status}"
    )
    status = station.status
    assert status.cause == "sensor_misfit"
    assert status.why.startswith("front: ")
    assert all(word in status.why for word in words), status.why
    with pytest.raises(ActionRefused, match=r"fault: sensor_misfit\(front\)"):
        station.robot.command(station.chunk())
    # What goes on cannot be acknowledged.
    call = station.node.call
    assert not call(station.acknowledge_at, Trigger.Request(), PATIENCE_S).success
    station.inject()
    station.waits_for_nothing()
    # It is over, and still a person has to look.
    assert station.status.state == "fault"
    assert call(station.acknowledge_at, Trigger.Request(), PATIENCE_S).success
    station.robot.close()
    station.robot.connect()
    station.moves_until("running")
