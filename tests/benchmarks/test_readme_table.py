"""The README's results are what was measured, and nothing else of it changes."""

from dataclasses import replace

import pytest

from benchmarks.readme_table import BEGIN, END, results_text, with_results
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.skills.card import SuiteResult
from robot_skills.skills.library import SkillLibrary

RESULT = SuiteResult(
    suite="skill",
    arm="panda",
    scene="rgbd",
    n=100,
    successes=97,
    rate=0.97,
    ci95=(0.915, 0.99),
    seeds="100000-100099",
    command="robot-skills eval --skill grasp",
)


def _library(*results: SuiteResult) -> SkillLibrary:
    card = replace(SkillLibrary.load(zoo_dir())["grasp"], results=results)
    return SkillLibrary({"grasp": card})


def test_rates_carry_their_interval_and_n():
    text = results_text(_library(RESULT), [])
    assert "| `grasp` | panda | rgbd | 97 (92-99) | 100 |" in text


def test_suites_and_benchmarks_have_their_own_tables():
    task = {"rate": 0.9, "ci95": [0.78, 0.95], "n": 50, "believed": 44, "disagree": 1}
    suite = {"arm": "panda", "scene": "rgbd", "per_task": {"stack": task}, **task}
    bench = {"unit": "steps/s", "ours": 1500.0, "peer": 250.0, "limit": None, "ratio": 6.0}
    text = results_text(_library(), [suite, bench])
    assert "| stack | panda, rgbd | 90 (78-95) | 44 | 1 | 50 |" in text
    assert "| steps/s | 1,500 | 250 | - | 6 |" in text


def test_nothing_measured_is_said_so():
    assert results_text(_library(), []) == "Not measured yet."


def test_only_the_block_changes():
    before = f"# Title\n{BEGIN}\nold\n{END}\nrest"
    assert with_results(before, "new") == f"# Title\n{BEGIN}\nnew\n{END}\nrest"


def test_a_readme_without_marks_is_refused():
    with pytest.raises(RefusedError, match="marks"):
        with_results("# Title", "new")
