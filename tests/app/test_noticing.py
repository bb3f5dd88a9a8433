"""What a running skill notices in the simulated cell: a thing taken out of the hand, or away."""

import numpy as np
import pytest

from robot_skills.app.gating import gate_here
from robot_skills.app.trials import loaded_policy
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.events import EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.guarding import GuardConfig
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext, run_skill
from sim.demonstrate import move_to, prepare
from sim.disturbances import ChangeKind, Disturbance, disturb
from sim.robot import SimRobot
from sim.scenarios import draw_scenario
from sim.truth import truth_scene
from sim.world import FRONT_CAMERA


@pytest.mark.parametrize(
    ("skill", "after_s", "noticed"),
    [("place", 0.5, "is no longer held"), ("grasp", 0.1, "is no longer where it was")],
)
def test_what_somebody_takes_away_ends_the_motion_at_once(skill, after_s, noticed):
    rng = np.random.default_rng(3)
    scenario = draw_scenario(skill, rng)
    cell = SimRobot(layout=scenario.layout, camera_size_px=(128, 96))
    cell.connect()
    thing = scenario.args["object"]
    try:
        prepare(cell, scenario, rng)
        move_to(cell, cell.home(DEFAULT_ARM), 0.0 if scenario.held else 1.0)
        due_s = cell.clock.now_s() + after_s
        taken = [Disturbance(kind=ChangeKind.REMOVED, thing=thing, call=0, delay_s=after_s)]

        def step(robot: SimRobot) -> None:
            if taken and robot.clock.now_s() >= due_s:
                disturb(robot.world, taken.pop(), rng)

        cell.on_step.append(step)
        events = EventList()
        context = SkillContext(
            robot=gate_here(cell, events),
            library=SkillLibrary.load(zoo_dir(), loaded_policy),
            look=lambda: truth_scene(cell.world, cell.clock.now_s()),
            events=events,
            guarding=GuardConfig(cameras=(FRONT_CAMERA,)),
        )
        result, _ = run_skill(SkillCall(skill=skill, args=scenario.args), context)
    finally:
        cell.close()
    assert result.outcome is Outcome.FAILED
    assert f"{thing} {noticed}" in result.reason
    assert result.duration_s < 6.0
