"""A policy's own process: the same answers, no waiting, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

from policies.diffusion import DiffusionPolicy
from policies.export import export_onnx
from policies.runtime import PolicyProcess, PolicyProcessDied, PolicyProcessLate
from policies.runtime.wire import pack_question, unpack_question
from robot_skills.core.errors import CheckpointError, RobotFault
from robot_skills.core.policy import PolicyInput, PolicyOutput
from robot_skills.skills.asking import AskedPolicy, LiveAsker
from tests.policies.runtime.thinking import ThinkingPolicy, refuse
from tests.policies.synthetic import history, random_start, random_token
from tests.policies.untrained import untrained_checkpoint


def seen(table_height_m: float = 0.0) -> PolicyInput:
    return PolicyInput(
        T_base_tool=np.eye(4)[None],
        opening=np.ones(1),
        tokens=(),
        table_height_m=table_height_m,
    )


def wait_for_answer(process: PolicyProcess) -> PolicyOutput:
    until_s = time.monotonic() + 20.0
    while time.monotonic() < until_s:
        output = process.poll()
        if output is not None:
            return output
        time.sleep(0.002)
    raise AssertionError("No answer came.")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    directory = untrained_checkpoint(tmp_path_factory.mktemp("process") / "policy")
    export_onnx(directory)
    return directory


@pytest.fixture(scope="module")
def thinking():
    with PolicyProcess(partial(ThinkingPolicy, think_s=0.3)) as process:
        yield process


def test_answers_are_those_of_the_policy_bit_for_bit(checkpoint):
    own = DiffusionPolicy.load(checkpoint)
    rng = np.random.default_rng(0)
    inputs = history([random_start(rng)], [1.0], random_token(rng))
    with PolicyProcess(partial(DiffusionPolicy.load, checkpoint)) as process:
        assert isinstance(process, AskedPolicy)
        assert (process.period_s, process.horizon) == (own.period_s, own.horizon)
        for seed in (0, 3):
            own.reset(seed)
            process.reset(seed)
            first = own.infer(inputs)
            prefix = PolicyOutput(
                T_base_tool=first.T_base_tool[:3], opening=first.opening[:3], done=0.0
            )
            for known in (None, prefix):
                ours, theirs = own.infer(inputs, known), process.infer(inputs, known)
                assert np.array_equal(ours.T_base_tool, theirs.T_base_tool)
                assert np.array_equal(ours.opening, theirs.opening)
                assert ours.done == theirs.done


def test_a_question_survives_the_pipe_bit_for_bit():
    rng = np.random.default_rng(1)
    inputs = history([random_start(rng), random_start(rng)], [1.0, 0.4], random_token(rng))
    again, prefix = unpack_question(pack_question(inputs, None))
    assert prefix is None
    assert np.array_equal(again.T_base_tool, inputs.T_base_tool)
    for token, wanted in zip(again.tokens, inputs.tokens, strict=True):
        assert np.array_equal(token.T_base_anchor.matrix(), wanted.T_base_anchor.matrix())
        assert np.array_equal(token.extents_m, wanted.extents_m)


def test_asking_does_not_wait_and_the_answer_comes_once(thinking):
    thinking.submit(seen(table_height_m=0.5))
    assert thinking.poll() is None
    assert wait_for_answer(thinking).done == 0.5
    assert thinking.poll() is None


def test_an_answer_that_is_no_longer_wanted_is_dropped(thinking):
    thinking.submit(seen(table_height_m=0.5))
    thinking.submit(seen(table_height_m=0.25))
    assert wait_for_answer(thinking).done == 0.25
    thinking.submit(seen(table_height_m=0.5))
    thinking.reset(0)
    assert thinking.poll() is None
    assert thinking.infer(seen()).done == 0.0


def test_the_expected_latency_is_what_was_measured(thinking):
    for _ in range(2):
        thinking.infer(seen(table_height_m=0.5))
    assert thinking.expected_latency_s >= 0.3
    assert LiveAsker(thinking).expected_steps >= 6


def test_a_deadline_ends_the_wait_and_not_the_process():
    with PolicyProcess(partial(ThinkingPolicy, think_s=0.5), deadline_s=0.05) as process:
        with pytest.raises(PolicyProcessLate):
            process.infer(seen(table_height_m=0.5))
        process.submit(seen(table_height_m=0.25))
        assert wait_for_answer(process).done == 0.25


def test_a_refused_input_is_told_and_the_process_lives_on(thinking):
    with pytest.raises(RobotFault, match="too high"):
        thinking.infer(seen(table_height_m=2.0))
    assert thinking.infer(seen()).done == 0.0


def test_a_policy_that_cannot_be_loaded_says_why():
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        PolicyProcess(refuse).start()


def test_a_process_that_died_is_noticed_and_can_be_started_anew():
    with PolicyProcess(ThinkingPolicy) as process:
        with pytest.raises(PolicyProcessDied, match="exit code 7"):
            process.infer(seen(table_height_m=-1.0))
        with pytest.raises(PolicyProcessDied):
            process.infer(seen())
        process.restart()
        assert process.infer(seen()).done == 0.0


def test_what_was_never_started_says_so():
    with pytest.raises(PolicyProcessDied, match="not been started"):
        PolicyProcess(ThinkingPolicy).infer(seen())


_OWNER = """
import time
from policies.runtime import PolicyProcess
from tests.policies.runtime.thinking import ThinkingPolicy
if __name__ == "__main__":
    process = PolicyProcess(ThinkingPolicy)
    process.start()
    print(process._process.pid, flush=True)
    time.sleep(60)
"""


def test_nothing_is_left_when_the_owner_is_killed(tmp_path):
    script = tmp_path / "owner.py"
    script.write_text(_OWNER)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    owner = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    until_s = time.monotonic() + 20.0
    while _runs(child) and time.monotonic() < until_s:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
