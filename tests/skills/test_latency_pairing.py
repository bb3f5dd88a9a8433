"""A policy that sees is shown the arm as it was when its pictures were taken."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.arm_states import state_at
from robot_skills.core.robot import RobotWrapper
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.motion import Motor
from robot_skills.skills.runner import run_skill
from tests.fakes import FakePolicy
from tests.skills.test_runner import GRASP, Cell, grasp_script

_OLD_S = 0.12


class _SeeingPolicy(FakePolicy):
    cameras = ("front",)


class _OldPictures(RobotWrapper):
    """Pictures show what was some time ago, and say so."""

    def __init__(self, robot):
        super().__init__(robot)
        self.states = []

    def observe(self, cameras=()):
        seen = self._robot.observe(cameras)
        state = seen.arms[DEFAULT_ARM]
        if not self.states or state.stamp_s > self.states[-1].stamp_s:
            self.states.append(state)
        frames = {
            name: replace(frame, stamp_s=frame.stamp_s - _OLD_S)
            for name, frame in seen.cameras.items()
        }
        return replace(seen, cameras=frames)


def test_pictures_come_with_the_state_of_their_time():
    policy = _SeeingPolicy(grasp_script)
    cell = Cell(grasp=policy)
    robot = _OldPictures(cell.gated)
    run_skill(GRASP, replace(cell.context, robot=robot))
    moved_m = []
    for asked in policy.inputs:
        shown_s = asked.frames["front"].stamp_s
        there = state_at(robot.states, shown_s).T_base_tool.p
        assert asked.T_base_tool[-1][:3, 3] == pytest.approx(there, abs=1e-9)
        newest = state_at(robot.states, shown_s + _OLD_S).T_base_tool.p
        moved_m.append(float(np.linalg.norm(newest - there)))
    assert max(moved_m) > 0.01


def test_a_robot_that_is_told_early_says_so_to_whoever_moves_it():
    class Early(RobotWrapper):
        lead_s = 0.07

    cell = Cell()
    usual = Motor(robot=cell.gated, events=cell.events, stop_requested=lambda: False)
    early = replace(usual, robot=Early(cell.gated))
    assert (usual.lead_s, early.lead_s) == (0.0, 0.07)
