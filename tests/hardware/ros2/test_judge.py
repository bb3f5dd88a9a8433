"""Judgements travel whole or not at all, and a gate never waits for them."""

import threading

import numpy as np
import pytest

from hardware.gate.path import JointWaypoints, Judgement
from hardware.ros2.judge import ExpectedArm, Judge, Judged, JudgeSetup, judge_sockets, receive
from hardware.safety_gate import GateCode, GateConfig
from robot_skills.core.errors import RobotFault
from tests.fakes import LIMITS, FakeKinematics
from tests.hardware.gate.arm_bench import ArmBench


def judged(waypoints=True):
    points = JointWaypoints(
        stamp_s=np.arange(4.0), q_rad=np.arange(24.0).reshape(4, 6), opening=np.linspace(0, 1, 4)
    )
    judgement = Judgement(
        code=GateCode.CLIPPED, message="slower", waypoints=points if waypoints else None
    )
    return Judged(number=7, judgement=judgement, epoch=3, observed_s=1.25)


@pytest.mark.parametrize("waypoints", [True, False])
def test_a_judgement_comes_back(waypoints):
    sent = judged(waypoints)
    back = Judged.unpack(sent.pack())
    assert (back.number, back.epoch, back.observed_s) == (7, 3, 1.25)
    assert (back.judgement.code, back.judgement.message) == (GateCode.CLIPPED, "slower")
    if not waypoints:
        assert back.judgement.waypoints is None
        return
    for name in ("stamp_s", "q_rad", "opening"):
        ours = getattr(back.judgement.waypoints, name)
        np.testing.assert_array_equal(ours, getattr(sent.judgement.waypoints, name))


def test_a_packet_that_was_cut_is_refused():
    with pytest.raises(ValueError, match="numbers"):
        Judged.unpack(judged().pack()[:-8])


def test_the_gate_never_waits_and_notices_an_end():
    gate, judge = judge_sockets()
    assert receive(gate) is None
    judge.send(judged().pack())
    found = receive(gate)
    assert found is not None
    assert found.number == 7
    judge.close()
    with pytest.raises(EOFError):
        receive(gate)


class Setting:
    """A gate on a bench, asked by a judge in a thread."""

    def __init__(self):
        self.bench = ArmBench()
        self.end, judge_end = judge_sockets()
        self.expected = ExpectedArm(6)
        setup = JudgeSetup(
            limits=LIMITS, make_kinematics=FakeKinematics, config=GateConfig(), arm="arm"
        )
        self.judge = Judge(setup, self.expected, judge_end, lambda: self.bench.now_s)

    def ask(self, chunk, epoch=None):
        """Submit in a thread, while the gate ticks."""
        found = []
        epoch = self.bench.epoch if epoch is None else epoch

        def work():
            found.append(self.judge.submit(chunk, epoch, self.bench.now_s))

        self.expected.write(self.bench.gate.expected())
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            request = receive(self.end)
            if request is not None:
                answer = self.bench.gate.submit(
                    request.judgement, request.epoch, self.bench.now_s, request.observed_s
                )
                back = Judgement(code=answer.code, message=answer.message)
                self.end.send(Judged(number=request.number, judgement=back).pack())
        thread.join()
        return found[0]


def test_what_is_judged_well_is_followed():
    setting = Setting()
    answer, followed = setting.ask(setting.bench.chunk())
    assert answer.code is GateCode.OK
    assert len(followed) == 16
    setting.bench.run(0.3)
    assert setting.bench.state == "running"


def test_the_gate_has_the_last_word():
    setting = Setting()
    answer, followed = setting.ask(setting.bench.chunk(), epoch=99)
    assert answer.code is GateCode.LEASE
    assert followed is None
    assert setting.bench.state == "idle"


def test_a_gate_that_does_not_answer_is_named():
    setting = Setting()
    setting.expected.write(setting.bench.gate.expected())
    with pytest.raises(RobotFault, match="does not answer"):
        setting.judge.submit(setting.bench.chunk(), 1, setting.bench.now_s)


def test_nothing_is_judged_before_the_arm_has_spoken():
    setting = Setting()
    with pytest.raises(RobotFault, match="where it is"):
        setting.judge.submit(setting.bench.chunk(), 1, setting.bench.now_s)
