"""Nodes start, talk, and end without hanging or taking the process down."""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from hardware.ros2.runtime import RosNode
from hardware.ros2.times import SenderClocks, clock_name
from hardware.ros2.transport import checked_domain, checked_namespace
from robot_skills.core.errors import RefusedError, RobotFault


def test_two_nodes_talk_whoever_spins():
    from std_msgs.msg import String

    heard = []
    with RosNode("speaker") as speaker, RosNode("listener", namespace="cell/left") as listener:
        listener.node.create_subscription(String, "/words", lambda m: heard.append(m.data), 10)
        publisher = speaker.node.create_publisher(String, "/words", 10)
        speaker.wait_for(lambda: publisher.get_subscription_count() == 1, 10.0, "a listener")
        publisher.publish(String(data="asked"))
        listener.wait_for(lambda: heard == ["asked"], 5.0, "words")
        listener.start()
        publisher.publish(String(data="threaded"))
        listener.wait_for(lambda: heard[-1] == "threaded", 5.0, "words")
        assert listener.node.get_fully_qualified_name() == "/cell/left/listener"
    assert not listener.alive
    listener.close()


def test_a_service_answers_or_its_absence_is_named():
    from std_srvs.srv import Trigger

    with RosNode("server") as server, RosNode("client") as client:

        def answer(request, response):
            response.success, response.message = True, "here"
            return response

        server.node.create_service(Trigger, "/there", answer)
        server.start()
        there = client.node.create_client(Trigger, "/there")
        assert client.call(there, Trigger.Request(), 10.0).message == "here"
        absent = client.node.create_client(Trigger, "/absent")
        with pytest.raises(RobotFault, match="/absent"):
            client.call(absent, Trigger.Request(), 0.3)


def test_a_process_with_a_spinning_node_ends_by_itself(tmp_path):
    script = tmp_path / "node.py"
    script.write_text(
        textwrap.dedent(
            """
            from hardware.ros2.runtime import RosNode
            with RosNode("short") as node:
                node.start()
                node.node.get_logger().info("up")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("domain", [-1, 233])
def test_domains_that_do_not_exist_are_refused(domain):
    with pytest.raises(RefusedError, match="0 to 232"):
        checked_domain(domain)


@pytest.mark.parametrize("name", ["1arm", "a b", "a//b", "a-b", "../x"])
def test_names_that_ros_does_not_have_are_refused(name):
    with pytest.raises(RefusedError, match="namespace"):
        checked_namespace(name)


def test_namespaces_have_one_form():
    assert checked_namespace("") == checked_namespace("/") == ""
    assert checked_namespace("cell/left/") == "/cell/left"


def test_times_of_this_machine_are_taken_as_they_are_and_others_are_mapped():
    clocks = SenderClocks()
    assert clocks.offset_s(clock_name(), 5.0, 100.0) == 0.0
    for i in range(20):
        # Half a second behind, and up to 10 ms on the way.
        offset_s = clocks.offset_s("elsewhere", i * 0.1, i * 0.1 + 0.5 + 0.01 * (i % 3))
    assert offset_s == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("cut_s", [0.3, 2.0, 60.0])
def test_what_a_cut_network_held_back_is_not_taken_for_new(cut_s):
    clocks = SenderClocks()
    for i in range(20):
        clocks.offset_s("elsewhere", i * 0.1, i * 0.1 + 0.5)
    sent_s = 2.0
    offset_s = clocks.offset_s("elsewhere", sent_s, sent_s + 0.5 + cut_s)
    assert offset_s == pytest.approx(0.5, abs=0.02)


def test_clocks_may_drift_apart_slowly():
    clocks, now_s = SenderClocks(), 0.0
    for i in range(2000):
        sent_s = float(i)
        now_s = sent_s * (1.0 + 1e-4) + 3.0
        offset_s = clocks.offset_s("elsewhere", sent_s, now_s)
    assert sent_s + offset_s == pytest.approx(now_s, abs=1e-6)


_ORPHAN = """
import multiprocessing, os, pathlib, sys, time

def child(folder):
    from hardware.ros2.runtime import ProcessEnd
    while os.getppid() == int((folder / "parent").read_text()):
        time.sleep(0.02)
    end = ProcessEnd()
    with end.watched(with_parent=True):
        (folder / "asked").write_text(str(end.asked))

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    (folder / "parent").write_text(str(os.getpid()))
    multiprocessing.get_context("spawn").Process(target=child, args=(folder,)).start()
    os._exit(0)
"""


def test_a_child_whose_parent_ended_while_it_was_loading_is_asked_to_end(tmp_path):
    program = tmp_path / "orphan.py"
    program.write_text(_ORPHAN)
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    subprocess.run(
        [sys.executable, str(program), str(tmp_path)], env=environment, timeout=60.0, check=True
    )
    answer, until_s = tmp_path / "asked", time.monotonic() + 60.0
    while not (answer.is_file() and answer.read_text()):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    assert answer.read_text() == "True"


_PELTED = """
import signal, sys
from hardware.ros2.runtime import ProcessEnd

signals = 0

def in_the_midst(frame, event, argument):
    '''At every step of a handler, up to a point, the next signal comes.'''
    global signals
    callers = frame
    while callers is not None and callers.f_code.co_name != "_ask":
        callers = callers.f_back
    if callers is not None and signals < 20:
        signals += 1
        signal.raise_signal(signal.SIGTERM)

end = ProcessEnd()
with end.watched(with_parent=True):
    sys.setprofile(in_the_midst)
    signal.raise_signal(signal.SIGTERM)
    sys.setprofile(None)
    signal.alarm(0)
    assert end.asked and signals > 1
"""


def test_signals_that_come_while_others_are_handled_lock_nobody_out():
    subprocess.run([sys.executable, "-c", _PELTED], timeout=30.0, check=True)
