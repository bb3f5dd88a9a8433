"""The benchmark of fault localisation: what is injected, and how it is counted."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.localisation.__main__ import confusion, row, summary
from benchmarks.localisation.cell import Outcome
from benchmarks.localisation.injection import Injection
from benchmarks.localisation.page import chapter
from benchmarks.localisation.table import FAULTS, SOUND
from robot_skills.core.events import Event, EventKind
from sim.tabletop.tasks import TRAINING_TASKS, UNSEEN_TASKS

CUBE, CAN = {"object": "red_cube"}, {"object": "can"}


def outcome(layer="skill", named="skill", **changes) -> Outcome:
    usual = {"skill": "grasp", "args": CUBE, "named_skill": "grasp", "named_args": CUBE}
    return Outcome(kind="ends early", layer=layer, named_layer=named, **{**usual, **changes})


def test_twelve_faults_of_each_layer_are_injected():
    instance = TRAINING_TASKS[0].draw(np.random.default_rng(0))
    layers: Counter[str] = Counter()
    for kind in FAULTS:
        layer = kind.make(np.random.default_rng(0), instance).layer
        assert layer is not None
        layers[layer.value] += kind.count
    assert layers == dict.fromkeys(("perception", "plan", "skill", "gate", "driver"), 12)
    assert SOUND.make(np.random.default_rng(0), instance).layer is None


def test_faults_happen_in_tasks_that_there_are():
    known = {task.name for task in (*TRAINING_TASKS, *UNSEEN_TASKS)}
    assert all(set(kind.tasks) <= known for kind in (*FAULTS, SOUND))


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({}, True),
        ({"named_skill": "place"}, False),
        ({"named_args": CAN}, False),
        ({"named": "gate"}, False),
        ({"args": {}, "named_args": {}}, True),
        ({"args": {}}, True),
    ],
)
def test_right_is_the_layer_and_the_call(changes, right):
    assert outcome(**changes).right is right


def test_rows_and_sums_count_what_was_named():
    runs = [outcome(), outcome(named="driver"), outcome(named="", named_skill="", named_args={})]
    told = row(runs)
    assert (told["n"], told["layer_right"], told["right"]) == (3, 1, 1)
    assert told["named_instead"] == {"driver": 1, "nobody": 1}
    sound = outcome(layer="", named="", skill="", args={}, named_skill="", named_args={})
    total = summary([*runs, sound], seed=7)
    assert (total["n"], total["right"], total["sound"], total["sound_blamed"]) == (3, 1, 1, 0)
    assert confusion([*runs, sound])["nobody"] == {"nobody": 1}
    page = chapter([told, total])
    assert "`python -m benchmarks.localisation --seed 7`" in page
    assert "| skill | ends early | 1 / 3 | 1 / 3 | driver 1, nobody 1 | 0 |" in page
    assert "| skill | 1 | 1 | 1 |" in page


def test_a_fault_begins_with_the_call_that_was_drawn_and_not_before():
    instance = TRAINING_TASKS[0].draw(np.random.default_rng(0))
    injection = Injection(np.random.default_rng(1), instance)
    injection.skills, injection.delay_s = ("place",), 0.5
    now_s = [0.0]
    injection.keep_time(lambda: now_s[0])
    calls = [{"skill": "grasp", "args": CUBE}, {"skill": "place", "args": CUBE}]
    injection.emit(Event(stamp_s=0.0, kind=EventKind.PLAN, data={"calls": calls}))
    injection.emit(Event(stamp_s=1.0, kind=EventKind.SKILL_START, data=calls[0]))
    now_s[0] = 5.0
    assert not injection.is_on()
    injection.emit(Event(stamp_s=5.0, kind=EventKind.SKILL_START, data=calls[1]))
    assert not injection.is_on()
    now_s[0] = 5.5
    assert injection.is_on()
