"""The supervisor with real processes that need no ROS."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot_skills.app.bringup.child import Child, how_it_ended
from robot_skills.app.bringup.plan import BringupPlan, NodePlan, Ready, Respawn
from robot_skills.app.bringup.supervisor import NodeState, Supervisor
from robot_skills.core.errors import RobotFault

QUICK = Respawn(first_pause_s=0.01, longest_pause_s=0.05, most=2)


class ScriptNode(NodePlan):
    """A node that is a few lines of Python."""

    __slots__ = ()

    def command(self, keeper=None, *, spare=False):
        return [sys.executable, "-c", self.module, *(["--spare"] if spare else [])]


def node(name, code, **settings):
    settings.setdefault("end_s", 5.0)
    return ScriptNode(name=name, executable=name, module=code, about=name, **settings)


class FakeGraph:
    """A network on which there is whatever the tests put there."""

    def __init__(self):
        self.there = set()
        self.remembers, self.generation = False, 0
        self.activated = []
        self.refuses = False

    def _end(self, name):
        return f"{name} {self.generation}".encode()

    def missing(self, ready, gone=frozenset()):
        there = {name for name in self.there if self._end(name) not in gone}
        return [name for name in (*ready.topics, *ready.services) if name not in there]

    def ends(self, ready):
        """A network that forgets the dead at once, or one that remembers them."""
        return frozenset(map(self._end, self.there)) if self.remembers else frozenset()

    def present(self, ready):
        return [name for name in (*ready.topics, *ready.services) if name in self.there]

    def activate(self, node, going_on):
        if self.refuses:
            raise RobotFault(f"{node} could not be configured.")
        self.activated.append(node)


class Cell:
    """A supervisor that is stepped by a test."""

    def __init__(self, logs, *nodes, spare_after_s=None):
        self.graph, self.shown, self.logs = FakeGraph(), [], logs
        plan = BringupPlan(name="test", cell="none", nodes=nodes)
        self.supervisor = Supervisor(
            plan,
            self.graph,
            logs,
            self.shown.append,
            discovery_s=0.0,
            spare_after_s=spare_after_s,
        )

    def log(self, name):
        """What a node has said."""
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def until(self, so, timeout_s=20.0):
        until_s = time.monotonic() + timeout_s
        while not so():
            assert time.monotonic() < until_s, self.supervisor.reports
            self.supervisor.step()
            time.sleep(0.01)

    def report(self, name):
        return next(one for one in self.supervisor.reports if one.name == name)

    def states(self, name):
        return [one.state.value for one in self.shown if one.name == name]


@pytest.fixture
def cell(tmp_path):
    made = []

    def make(*nodes, **settings):
        made.append(Cell(tmp_path / "logs", *nodes, **settings))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.end()


SLEEP = "import time; time.sleep(100)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); "
    "time.sleep(100)"
)


def alive(pid):
    """Whether a process still does anything."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_for(so, timeout_s=20.0):
    until_s = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def test_a_node_waits_for_what_it_needs_and_is_ended_first(cell):
    made = cell(
        node("arm", SLEEP, ready=Ready(topics=("/joint_states",))),
        node("gate", SLEEP, after=("arm",)),
    )
    made.until(lambda: made.report("arm").state is NodeState.STARTING)
    for _ in range(30):
        made.supervisor.step()
        time.sleep(0.01)
    assert made.report("gate").state is NodeState.WAITING
    made.graph.there.add("/joint_states")
    made.until(lambda: made.supervisor.up)
    pids = [one.pid for one in made.supervisor.reports]
    made.supervisor.end()
    order = [one.name for one in made.shown if one.state is NodeState.ENDED]
    assert order == ["gate", "arm"]
    assert not any(alive(pid) for pid in pids)


def test_the_end_of_a_required_node_ends_all_and_says_why(cell):
    made = cell(
        node("arm", SLEEP),
        node("driver", "print('no such cable'); raise SystemExit(3)", after=("arm",)),
    )
    assert not made.supervisor.run(bool)
    assert "driver ended with exit code 3" in made.supervisor.reason
    assert "no such cable" in made.supervisor.reason
    assert made.report("arm").state is NodeState.ENDED
    assert made.report("arm").why == "was ended by SIGTERM"


def test_a_node_is_started_again_until_it_is_given_up(cell):
    code = "print('dies'); raise SystemExit(1)"
    made = cell(node("arm", SLEEP), node("shaky", code, respawn=QUICK))
    assert not made.supervisor.run(bool)
    assert made.report("shaky").restarts == 2
    assert made.states("shaky").count("starting") == 3
    assert made.report("shaky").state is NodeState.GIVEN_UP
    assert made.report("shaky").log.read_text().count("dies") == 3


def test_others_go_on_without_a_node_that_is_not_required(cell):
    code = "raise SystemExit(1)"
    made = cell(node("arm", SLEEP), node("view", code, respawn=QUICK, required=False))
    made.until(lambda: made.report("view").state is NodeState.GIVEN_UP)
    made.until(lambda: made.report("arm").state is NodeState.RUNNING)
    assert not made.supervisor.reason


def test_a_killed_node_comes_back_as_another_process(cell):
    made = cell(node("gate", SLEEP, respawn=QUICK))
    made.until(lambda: made.supervisor.up)
    before = made.report("gate").pid
    os.kill(before, signal.SIGKILL)
    made.until(lambda: made.supervisor.up and made.report("gate").pid != before)
    assert made.report("gate").restarts == 1
    assert made.report("gate").why == "was ended by SIGKILL"


def test_refused_input_is_not_tried_again(cell):
    code = "print('There is no cell there'); raise SystemExit(2)"
    made = cell(node("gate", code, respawn=QUICK))
    assert not made.supervisor.run(bool)
    assert made.report("gate").restarts == 0
    assert "There is no cell there" in made.supervisor.reason


def test_what_does_not_become_ready_is_named(cell):
    ready = Ready(services=("/gate/acquire",), timeout_s=0.3)
    made = cell(node("gate", SLEEP, ready=ready))
    assert not made.supervisor.run(bool)
    assert "not ready after 0.3 s" in made.supervisor.reason
    assert "/gate/acquire" in made.supervisor.reason


def test_who_does_not_end_is_killed_with_what_it_started(cell, tmp_path):
    children = tmp_path / "children"
    code = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}])\n"
        f"pathlib.Path({str(children)!r}).write_text(str(child.pid))\n"
        f"{STUBBORN.replace('; ', chr(10))}"
    )
    made = cell(node("stubborn", code, end_s=0.2))
    made.until(children.exists)
    made.until(lambda: "up" in made.report("stubborn").log.read_text())
    wait_for(children.read_text)
    pids = (made.report("stubborn").pid, int(children.read_text()))
    assert all(alive(pid) for pid in pids)
    made.supervisor.end()
    assert made.report("stubborn").why == "was ended by SIGKILL"
    wait_for(lambda: not any(alive(pid) for pid in pids))


def test_a_stopped_node_is_ended(cell):
    made = cell(node("gate", SLEEP))
    made.until(lambda: made.supervisor.up)
    os.kill(made.report("gate").pid, signal.SIGSTOP)
    made.supervisor.end()
    assert made.report("gate").why == "was ended by SIGTERM"


def test_managed_nodes_are_activated(cell):
    made = cell(node("skills", SLEEP, namespace="/left", lifecycle=True))
    made.until(lambda: made.supervisor.up)
    assert made.graph.activated == ["/left/skills"]


def test_a_managed_node_that_cannot_be_configured_ends_all(cell):
    made = cell(node("skills", SLEEP, lifecycle=True))
    made.graph.refuses = True
    assert not made.supervisor.run(bool)
    assert "could not be configured" in made.supervisor.reason


def test_a_second_gate_beside_a_running_one_is_not_started(cell):
    made = cell(node("gate", SLEEP, ready=Ready(services=("/gate/acquire",)), respawn=QUICK))
    made.graph.there.add("/gate/acquire")
    assert not made.supervisor.run(bool)
    assert "gate is running already" in made.supervisor.reason
    assert made.states("gate") == ["given up"]


def test_what_a_dead_node_left_on_the_network_does_not_stop_its_restart(cell):
    made = cell(node("gate", SLEEP, ready=Ready(services=("/gate/acquire",)), respawn=QUICK))
    made.until(lambda: made.report("gate").state is NodeState.STARTING)
    made.graph.there.add("/gate/acquire")
    made.until(lambda: made.supervisor.up)
    os.kill(made.report("gate").pid, signal.SIGKILL)
    made.until(lambda: made.supervisor.up and made.report("gate").restarts == 1)


def test_a_killed_node_is_not_ready_by_what_is_still_heard_of_it(cell):
    ready = Ready(services=("gate/submit",))
    made = cell(node("gate", SLEEP, ready=ready, respawn=QUICK))
    made.until(lambda: made.report("gate").state is NodeState.STARTING)
    made.graph.there.add("gate/submit")
    made.until(lambda: made.supervisor.up)
    made.graph.remembers = True
    os.kill(made.report("gate").pid, signal.SIGKILL)
    made.until(lambda: made.states("gate")[-2:] == ["pausing", "starting"])
    for _ in range(30):
        made.supervisor.step()
        time.sleep(0.01)
    assert made.report("gate").state is NodeState.STARTING
    made.graph.generation += 1
    made.until(lambda: made.supervisor.up)


def test_asked_to_end_it_ends_well(cell):
    made = cell(node("arm", SLEEP))
    assert made.supervisor.run(lambda: made.supervisor.up)
    assert made.report("arm").state is NodeState.ENDED


def test_last_words_are_those_of_this_start(tmp_path):
    log = tmp_path / "log"
    log.write_text("from before\n")
    child = Child([sys.executable, "-c", "pass"], log)
    wait_for(lambda: child.exit_code() is not None)
    assert child.last_words() == ""
    assert child.clear() == 0
    assert how_it_ended(-int(signal.SIGSEGV)) == "was ended by SIGSEGV"


KEPT = """
import sys, time
from robot_skills.app.nodes.arguments import obey
obey(int(sys.argv[1]))
print("kept", flush=True)
time.sleep(100)
"""


def test_a_kept_node_ends_with_its_killed_keeper(tmp_path):
    log = tmp_path / "log"
    keeper_code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {KEPT!r}, str(os.getpid())],"
        f" stdout=open({str(log)!r}, 'w'), start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    keeper = subprocess.Popen([sys.executable, "-c", keeper_code], stdout=subprocess.PIPE)
    try:
        assert keeper.stdout is not None
        pid = int(keeper.stdout.readline())
        wait_for(lambda: "kept" in log.read_text())
        assert alive(pid)
        os.kill(pid, signal.SIGINT)
        time.sleep(0.2)
        assert alive(pid), "Ctrl-C is for the keeper"
        keeper.kill()
        wait_for(lambda: not alive(pid))
    finally:
        keeper.kill()
        keeper.communicate()


def test_a_kept_node_does_not_start_after_its_keeper(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KEPT, "1"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "is gone" in done.stderr


SPARE = (
    "import os, sys, time\n"
    "def say(word): os.write(1, f'{word} {os.getpid()}\\n'.encode())\n"
    "say('loaded')\n"
    "if '--spare' in sys.argv and not sys.stdin.readline(): raise SystemExit(0)\n"
    "say('began'); time.sleep(100)"
)


def said(text, word):
    """Process numbers that said a word, in order."""
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith(word)]


def test_a_node_that_ends_is_replaced_by_a_process_that_has_loaded_before(cell):
    one = cell(node("a", SPARE, respawn=QUICK, required=False), spare_after_s=0.0)
    one.until(lambda: len(said(one.log("a"), "loaded")) == 2)
    first, spare = said(one.log("a"), "loaded")
    assert said(one.log("a"), "began") == [first]
    os.kill(first, signal.SIGKILL)
    one.until(lambda: said(one.log("a"), "began") == [first, spare])
    assert one.report("a").pid == spare
    # And there is another one again.
    one.until(lambda: len(said(one.log("a"), "loaded")) == 3)
    one.supervisor.end()
    assert not any(map(alive, said(one.log("a"), "loaded")))


def test_a_spare_that_has_ended_is_not_what_takes_the_place(cell):
    one = cell(node("a", SPARE, respawn=QUICK, required=False), spare_after_s=0.0)
    one.until(lambda: len(said(one.log("a"), "loaded")) == 2)
    first, spare = said(one.log("a"), "loaded")
    os.kill(spare, signal.SIGKILL)
    one.until(lambda: not alive(spare))
    os.kill(first, signal.SIGKILL)
    one.until(lambda: len(said(one.log("a"), "began")) == 2)
    assert said(one.log("a"), "began")[1] not in (first, spare)


def test_only_what_is_started_again_has_a_spare(cell):
    one = cell(node("a", SPARE), node("b", SPARE, respawn=QUICK), spare_after_s=0.0)
    one.until(lambda: len(said(one.log("b"), "loaded")) == 2)
    assert len(said(one.log("a"), "loaded")) == 1


def test_a_process_can_hurry_with_all_that_it_has_started(tmp_path):
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    child = Child([sys.executable, "-c", code], tmp_path / "log")
    try:
        until_s = time.monotonic() + 20.0
        while len(child._family()) < 2:
            assert time.monotonic() < until_s
            time.sleep(0.02)
        before = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in child._family()}
        # Everybody may be slower; only some may be faster.
        child.hurry(3)
        after = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in child._family()}
        assert after == {pid: nice + 3 for pid, nice in before.items()}
    finally:
        child.clear()
