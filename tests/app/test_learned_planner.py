"""The shipped learned scheduler, as `--planner learned` loads it."""

import numpy as np
import pytest

from robot_skills.app.deciding import load_deciders
from robot_skills.core.errors import InstructionError, RefusedError
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
        ("swing the drawer open", "open(drawer)"),
        ("the hand should be over the can", "over(can)"),
    ],
)
def test_it_reads_what_rules_read_and_what_they_do_not(planner, scene, words, goal):
    plan = planner.plan(words, scene)
    assert goal in [str(literal) for literal in plan.goal]
    assert plan.planner == "learned"


@pytest.mark.parametrize("words", ["squirrel around", "good morning"])
def test_it_refuses_what_nobody_knows(planner, scene, words):
    with pytest.raises(InstructionError, match="does not know"):
        planner.plan(words, scene)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("slice the can", "No skill for 'slice'"),
        ("put the milk in the box", "Nothing in the scene is 'the milk'"),
        ("would you kindly stow the pear inside the box", "Nothing in the scene is 'the pear'"),
        ("throw the can at the wall", "is refused"),
        ("let the can breathe, but never touch the red cube", "cannot be honoured"),
    ],
)
def test_it_refuses_what_rules_refuse_however_sure_it_is(planner, scene, words, why):
    with pytest.raises(RefusedError, match=why):
        planner.plan(words, scene)
