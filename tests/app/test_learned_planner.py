"""The shipped learned scheduler, as `--planner learned` loads it."""

import numpy as np
import pytest

from robot_skills.app.deciding import load_deciders
from robot_skills.core.errors import InstructionError
from robot_skills.core.plan import Planner
from robot_skills.core.scene import Scene
from sim.imagined import imagined_scene
from sim.layout import DrawerStart, random_layout


@pytest.fixture(scope="module")
def planner() -> Planner:
    return load_deciders(planner="learned").planner


@pytest.fixture(scope="module")
def scene() -> Scene:
    things = ("red_cube", "green_cube", "can")
    layout = random_layout(
        np.random.default_rng(4),
        with_objects=things,
        count=3,
        drawer=DrawerStart.CLOSED,
        button=False,
    )
    return imagined_scene(layout)


@pytest.mark.parametrize(
    ("words", "goal"),
    [
        ("put the red cube in the box", "in(red_cube, box)"),
        ("would you kindly stow the green cube inside the box", "in(green_cube, box)"),
        ("stack the green cube on the red cube", "on(green_cube, red_cube)"),
        ("open the drawer", "open(drawer)"),
        ("pick up the can", "holding(can)"),
    ],
)
def test_it_reads_words_that_no_rule_stands_behind(planner, scene, words, goal):
    plan = planner.plan(words, scene)
    assert goal in [str(literal) for literal in plan.goal]
    assert plan.planner == "learned"


@pytest.mark.parametrize("words", ["sing a song", "slice the can", "good morning"])
def test_it_refuses_what_it_does_not_know(planner, scene, words):
    with pytest.raises(InstructionError, match="does not know"):
        planner.plan(words, scene)
