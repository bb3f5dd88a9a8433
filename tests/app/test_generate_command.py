"""`robot-skills generate` demonstrates a skill or a suite's task, never both, never neither."""

from pathlib import Path

import pytest

from robot_skills.app import generate
from robot_skills.app.options import GenerateOptions
from robot_skills.core.errors import RefusedError, UnknownNameError


def test_a_skill_or_a_suite_s_task_has_to_be_named_but_not_both(tmp_path: Path) -> None:
    for options in (
        GenerateOptions(out=tmp_path / "data"),
        GenerateOptions(out=tmp_path / "data", skill="grasp", suite="metaworld:reach"),
    ):
        with pytest.raises(RefusedError, match="either --skill NAME or --suite SUITE:TASK"):
            generate.main(options)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("reach", "named SUITE:TASK"),
        ("metaworld:", "named SUITE:TASK"),
        ("nowhere:reach", "Unknown suite 'nowhere'"),
        ("metaworld:reech", "Did you mean 'reach'"),
    ],
)
def test_a_suite_s_task_that_is_not_there_is_refused(
    tmp_path: Path, asked: str, answer: str
) -> None:
    with pytest.raises(RefusedError, match=answer):
        generate.main(GenerateOptions(out=tmp_path / "data", suite=asked))
    assert list(tmp_path.iterdir()) == []


def test_a_skill_is_not_looked_for_among_suites(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="skill with an expert"):
        generate.main(GenerateOptions(out=tmp_path / "data", skill="metaworld:reach"))


def test_the_suite_s_own_name_of_a_task_is_the_same_task(tmp_path: Path) -> None:
    options = GenerateOptions(out=tmp_path / "data", suite="metaworld:reach-v3", episodes=2)
    result = generate.main(options)
    assert result.payload["episodes"] == 2
    assert '"metaworld:reach"' in (tmp_path / "data" / "meta" / "generated.json").read_text()
