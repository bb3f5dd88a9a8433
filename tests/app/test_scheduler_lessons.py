"""What a learned scheduler learns from: imagined requests, its own mistakes, and recorded runs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from policies.learned_scheduler import Sample
from policies.learned_scheduler.encoding import Encoded
from robot_skills.app.cli import main
from robot_skills.app.learned_deciding import vocabulary_of
from robot_skills.app.scheduler_lessons import Teacher, lesson, relabelled, steps_of
from robot_skills.app.scheduler_runs import recorded, recorded_logs
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.next_call import Moment
from robot_skills.core.plan import Literal
from robot_skills.skills.library import SkillLibrary
from sim.imagined import imagined_scene
from sim.layout import DrawerStart, random_layout
from sim.tabletop.requests import Request

CARDS = tuple(SkillLibrary.load(zoo_dir()))
VOCABULARY = vocabulary_of(CARDS)
INTO_THE_BOX = ("in", "red_cube", "box")


def request(*wishes, missing: str = "", calls: tuple[bool, ...] | None = None) -> Request:
    rng = np.random.default_rng(0)
    layout = random_layout(
        rng, with_objects=("red_cube",), count=2, drawer=DrawerStart.CLOSED, button=True
    )
    return Request(
        wordings=("put the red cube in the box", "the red cube goes in the box"),
        layout=layout,
        wishes=wishes,
        calls=calls or (False,) * len(wishes),
        missing=missing,
    )


def named(sample: Sample) -> str:
    """What was right, in words."""
    moment = sample.moment
    behind = sample.place - len(moment.options)
    if behind >= 0:
        return ("done", "unknown")[behind]
    skill, *args = moment.options[sample.place]
    values = [*(label for label in moment.labels), *VOCABULARY.words]
    return " ".join([VOCABULARY.names[skill], *(values[i] for i in args if i >= 0)])


def test_the_teacher_fulfils_wishes_in_their_order():
    asked = request(INTO_THE_BOX, ("turned_on", "button"))
    teacher = Teacher(CARDS, steps_of(asked, CARDS))
    plan = teacher.plan("", imagined_scene(replace(asked.layout, button_on=False)))
    assert [call.skill for call in plan.calls] == ["grasp", "place", "press"]
    assert [str(literal) for literal in plan.goal] == ["in(red_cube, box)", "turned_on(button)"]


def test_what_a_later_wish_ends_is_no_goal_and_contradictions_are_refused():
    scene = imagined_scene(request().layout)
    opened = (Literal(predicate="open", args=("drawer",)),)
    shut = (Literal(predicate="closed", args=("drawer",)),)
    plan = Teacher(CARDS, (opened, shut)).plan("", scene)
    assert [str(literal) for literal in plan.goal] == ["closed(drawer)"]
    on_drawer = (Literal(predicate="on", args=("red_cube", "drawer")),)
    in_box = (Literal(predicate="in", args=("red_cube", "box")),)
    with pytest.raises(PlanningError, match="contradict"):
        Teacher(CARDS, (on_drawer, in_box)).plan("", scene)


def test_a_lesson_shows_every_call_and_the_end():
    shown = lesson(request(INTO_THE_BOX), CARDS, 0.0, np.random.default_rng(0))
    said = [named(sample) for sample in shown]
    # What is foreseen from the start comes before what then happens.
    assert said == [
        "place cube in box",
        "done",
        "grasp cube",
        "place cube in box",
        "done",
    ]
    assert shown[-1].moment.calls.shape == (2, 4)


def test_failures_are_part_of_lessons():
    samples: list[Encoded] = []
    for seed in range(6):
        found = lesson(request(INTO_THE_BOX), CARDS, 0.6, np.random.default_rng(seed))
        samples += [sample.moment for sample in found]
    assert any((moment.attempts[:, 0] == 0.0).any() for moment in samples if len(moment.attempts))


def test_what_cannot_be_done_is_not_known():
    for asked in (request(), request(INTO_THE_BOX, missing="red_cube")):
        (sample,) = lesson(asked, CARDS, 0.0, np.random.default_rng(0))
        assert named(sample) == "unknown"
    assert "cube" not in sample.moment.labels or sample.moment.labels.count("cube") == 1


class Home:
    """Wants to go home, whatever is asked for."""

    def scores(self, moment: Moment) -> np.ndarray:
        scores = np.full(len(moment.options) + 2, -9.0)
        scores[[call.skill for call in moment.options].index("home")] = 0.0
        return scores


def test_what_it_should_have_done_is_learned_where_it_comes_to_by_itself():
    asked = request(INTO_THE_BOX)
    found = relabelled(asked, CARDS, Home(), 0.0, np.random.default_rng(0))
    assert {named(sample) for sample in found} == {"grasp cube"}
    assert [len(sample.moment.calls) for sample in found[:3]] == [0, 1, 2]
    assert relabelled(request(), CARDS, Home(), 0.0, np.random.default_rng(0)) == []


def test_a_recorded_run_is_learned_from_with_its_pictures(tmp_path, capfd):
    words = ["run", "go over the red cube", "--seed", "3", "--no-video", "--json"]
    code = main([*words, "--out", str(tmp_path / "run")])
    assert json.loads(capfd.readouterr().out)["success"]
    assert code == 0
    (log,) = recorded_logs(tmp_path)
    shown = recorded(log, CARDS)
    assert [named(sample).split()[0] for sample in shown] == ["reach", "done"]
    assert shown[0].wordings == ("go over the red cube",)
    assert shown[0].moment.glimpses


def test_a_folder_without_runs_says_how_they_are_recorded(tmp_path):
    with pytest.raises(RefusedError, match="robot-skills run INSTRUCTION --out"):
        recorded_logs(tmp_path)


@pytest.mark.parametrize("words", [["--steps", "0"], ["--relabelled", "-1"], ["--failing", "1"]])
def test_training_refuses_what_makes_no_sense(words, tmp_path, capsys):
    assert main(["train-scheduler", "--out", str(tmp_path / "out"), *words]) == 2
    assert "must be at least" in capsys.readouterr().err


@pytest.mark.slow
def test_a_scheduler_is_trained_by_one_command_that_can_be_repeated(tmp_path, capfd):
    words = [
        *["train-scheduler", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")],
        *["--requests", "12", "--relabelled", "4", "--layouts", "2", "--held-out", "6"],
        *["--steps", "20", "--json"],
    ]
    assert main(words) == 0
    first = json.loads(capfd.readouterr().out)["scheduler"]
    weights = (tmp_path / "out" / "weights.safetensors").read_bytes()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.npz")}
    assert main(words) == 0
    assert json.loads(capfd.readouterr().out)["scheduler"] == first
    assert (tmp_path / "out" / "weights.safetensors").read_bytes() == weights
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert first["data"]["corrections"] > 0
    assert "--requests 12 --relabelled 4" in first["data"]["command"]
    assert set(first["measured"]) == {"learned wordings", "held-out wordings"}
