"""Planners are asked, counted and timed alike, whoever they are; unions ask one after the other."""

import json

import pytest

from benchmarks.instructions.__main__ import as_text
from benchmarks.instructions.candidates import first_accepted
from benchmarks.instructions.counting import answers, summary
from benchmarks.instructions.instruction import Half, load
from benchmarks.instructions.judge import Judge, Verdict
from benchmarks.instructions.page import chapter
from benchmarks.instructions.scenes import load_scene
from benchmarks.instructions.timing import LONG_SCENE, LONG_TEXT, Timing, timed
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import InstructionError, StorageError
from robot_skills.core.plan import Plan, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.skills.card import parse_literal
from robot_skills.skills.library import SkillLibrary

CARDS = SkillLibrary.load(zoo_dir())
JUDGE, CHECKER = Judge(CARDS), PlanChecker(CARDS)
TIMING = Timing(
    planned=40,
    plan_ms=30.0,
    plan_p95_ms=90.0,
    refuse_ms=2.0,
    encode_ms=10.0,
    long_ms=50.0,
    long_calls=6,
    long_entities=10,
)


def refuses(instruction: str, scene: Scene) -> Plan:
    raise InstructionError("I understand nothing.")


def closes(instruction: str, scene: Scene) -> Plan:
    call = SkillCall(skill="close", args={"thing": "drawer"})
    return Plan(instruction=instruction, goal=(), calls=(call,), planner="closes")


def grasps_nothing(instruction: str, scene: Scene) -> Plan:
    call = SkillCall(skill="grasp", args={"object": "unicorn"})
    return Plan(instruction=instruction, goal=(), calls=(call,), planner="unicorn")


def breaks(instruction: str, scene: Scene) -> Plan:
    raise StorageError("The disk is full.")


def packs(instruction: str, scene: Scene) -> Plan:
    """A planner that knows one sentence."""
    if instruction != LONG_TEXT:
        raise InstructionError("I know one sentence.")
    cubes = ("red_cube", "green_cube", "blue_cube")
    goal = tuple(parse_literal(f"in({cube}, box)") for cube in cubes)
    calls = SymbolicPlanner(CARDS).plan(scene, goal)
    return Plan(instruction=instruction, goal=goal, calls=calls, planner="packs")


def test_who_refuses_everything_is_right_where_refusing_is():
    half = load(Half.TUNED)
    found = answers(refuses, JUDGE, half)
    right = [answer.instruction for answer in found if answer.right]
    assert right == [one for one in half if one.refuse is not None]
    assert {a.judgement.verdict for a in found} == {
        Verdict.RIGHTLY_REFUSED,
        Verdict.WRONGLY_REFUSED,
    }


def test_a_summary_adds_up_and_names_what_went_wrong_only_where_it_may():
    found = answers(closes, JUDGE, load(Half.HELD_OUT))
    line = summary(Half.HELD_OUT, "closes", found, TIMING, shown=False)
    assert sum(line[verdict.value] for verdict in Verdict) == line["n"] == 50
    assert line["right"] == line["exactly_right"] + line["rightly_refused"]
    assert sum(counts["right"] for counts in line["per_kind"].values()) == line["right"]
    assert line["unsafe_plan"] == sum(counts["unsafe"] for counts in line["per_kind"].values()) > 0
    assert line["ratio"] == pytest.approx(3.0)
    for instruction in load(Half.HELD_OUT):
        assert instruction.text not in json.dumps(line)
        assert instruction.text not in as_text(line)
    shown = summary(Half.HELD_OUT, "closes", found, TIMING, shown=True)
    assert len(shown["wrong"]) == 50 - shown["right"]
    assert shown["wrong"][0]["id"] in as_text(shown)


def test_a_union_takes_the_first_plan_that_the_checker_accepts():
    scene = load_scene("sorted")
    union = first_accepted([refuses, grasps_nothing, closes], CHECKER)
    assert union("close it", scene).planner == "closes"
    with pytest.raises(InstructionError, match="nothing"):
        first_accepted([grasps_nothing, refuses], CHECKER)("close it", scene)


def test_a_fault_of_a_planner_is_no_refusal():
    with pytest.raises(StorageError):
        first_accepted([breaks, closes], CHECKER)("close it", load_scene("sorted"))
    with pytest.raises(StorageError):
        answers(breaks, JUDGE, load(Half.TUNED)[:1])


def test_times_are_of_every_instruction_and_of_a_long_plan_among_ten_things():
    timing = timed(lambda: packs, load(Half.TUNED)[:2], repeats=1)
    assert timing.long_calls == 6
    assert timing.long_entities == len(load_scene(LONG_SCENE)) - 1 == 10
    assert (timing.planned, timing.plan_ms, timing.ratio) == (0, None, None)
    assert timing.encode_ms > 0.0
    closing = timed(lambda: closes, load(Half.TUNED)[:2], repeats=1)
    assert (closing.planned, closing.refuse_ms) == (2, None)
    assert closing.plan_ms is not None
    assert closing.ratio == closing.plan_ms / closing.encode_ms


def test_figures_are_text_where_there_are_none():
    timing = timed(lambda: refuses, load(Half.TUNED)[:1], repeats=1)
    found = answers(refuses, JUDGE, load(Half.TUNED)[:1])
    text = as_text(summary(Half.TUNED, "nobody", found, timing, shown=True))
    assert "refused among 10 things" in text
    assert "of 0 plans: -" in text
    assert "t01 wrongly_refused" in text


def test_the_page_has_a_line_per_half():
    lines = [
        summary(half, "closes", answers(closes, JUDGE, load(half)), TIMING, shown=False)
        for half in Half
    ]
    text = chapter(lines)
    for line in lines:
        assert f"| {line['half']} | closes | " in text
    assert text.count("6 calls among 10 things takes closes 50 ms.") == 1
