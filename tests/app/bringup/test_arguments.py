"""What nodes take on their command lines."""

import os
import subprocess
import sys

import pytest

from robot_skills.app.nodes.arguments import (
    NodeArguments,
    no_ros_arguments,
    parse_arguments,
    run_node,
    split_ros,
)
from robot_skills.core.errors import RefusedError, RobotFault


def parse(*argv):
    return parse_arguments("gate", "A gate.", argv)


def test_a_cell_is_enough():
    assert parse("--cell", "panda") == NodeArguments(cell="panda")


def test_everything_at_once():
    told = parse(
        "--cell=a.yaml", "--domain", "7", "--keeper", "12",
        "--ros-args", "-r", "__ns:=/left", "-p", "x:=1", "--params-file", "p.yaml",
    )  # fmt: skip
    assert told == NodeArguments(
        cell="a.yaml",
        namespace="/left",
        domain=7,
        keeper=12,
        ros=("-p", "x:=1", "--params-file", "p.yaml"),
    )


def test_what_launch_appends_is_understood():
    # launch_ros ends every command line with an empty section, and makes several.
    told = parse("--cell", "a", "--ros-args", "--remap", "__ns:=/b", "--", "--ros-args")
    assert (told.namespace, told.ros) == ("/b", ())


def test_ros_arguments_end_at_two_dashes():
    assert split_ros(["a", "--ros-args", "b", "--", "c"]) == (["a", "c"], ("b",))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "--cell"),
        (["--cell"], "expected one argument"),
        (["--cel", "a"], "Did you mean '--cell'"),
        (["--cell", "a", "--domian=3"], "Did you mean '--domain'"),
        (["--cell", "a", "--domain", "three"], "invalid int value: 'three'"),
        (["--cell", "a", "stray"], "Unknown argument 'stray'"),
        (["--cell", "a", "-r", "__ns:=/b"], "--ros-args"),
        (["--cell", "a", "--namespace", "b", "--ros-args", "-r", "__ns:=/c"], "Two namespaces"),
    ],
)
def test_wrong_arguments_are_refused_with_what_is_right(argv, words):
    with pytest.raises(RefusedError, match="(?i)" + words.replace("(", r"\(")):
        parse(*argv)


def test_the_same_namespace_twice_is_one():
    told = parse("--cell", "a", "--namespace", "b", "--ros-args", "-r", "__ns:=/b")
    assert told.namespace == "/b"


def test_a_node_that_cannot_use_remappings_says_so():
    with pytest.raises(RefusedError, match="-r a:=b"):
        no_ros_arguments("gate", NodeArguments(cell="x", ros=("-r", "a:=b")))


def test_errors_become_exit_codes_and_one_line(capsys):
    def fails(error):
        def run(_):
            raise error

        return run_node("gate", run, [])

    assert fails(RefusedError("no such\ncell")) == 2
    assert capsys.readouterr().err == "gate: no such cell\n"
    assert fails(RobotFault("gone")) == 1
    assert run_node("gate", lambda _: None, []) == 0


@pytest.mark.parametrize("node", ["gate", "recorder", "simulate", "teleop", "wait_for"])
def test_help_and_refusals_need_no_vendor_library(node):
    command = [sys.executable, "-X", "importtime", "-m", f"robot_skills.app.nodes.{node}"]
    environment = {**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"}
    helped = subprocess.run(
        [*command, "--help"], capture_output=True, text=True, check=False, env=environment
    )
    assert helped.returncode == 0
    assert "--ros-args" in helped.stdout
    assert not any(name in helped.stderr for name in ("rclpy", "mujoco", "torch"))
    refused = subprocess.run([*command, "--nonsense"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("name", ["gate", "perception", "recorder", "scheduler", "skills"])
def test_a_spare_loads_and_ends_when_nobody_wants_it(name):
    pytest.importorskip("rclpy")
    pytest.importorskip("robot_skills_interfaces")
    command = [sys.executable, "-m", f"robot_skills.app.nodes.{name}", "--cell", "sim_panda"]
    found = subprocess.run(
        [*command, "--spare"], input="", capture_output=True, text=True, timeout=120
    )
    assert (found.returncode, found.stderr) == (0, "")
