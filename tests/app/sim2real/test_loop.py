"""The loop on a twin: every stage once, resumed, and refused where it is of something else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robot_skills.app.sim2real.command import main
from robot_skills.app.sim2real.options import Sim2RealOptions
from robot_skills.app.sim2real.stages import STAGES
from robot_skills.core.errors import RefusedError

SMALL = Sim2RealOptions(
    robot="twin:1", skill="push", out=Path("run"), trials=2, demonstrations=3, steps=20
)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"robot": "my_cell"}, "my_cell"),
        ({"robot": "so101"}, "the simulation has no arm"),
        ({"robot": "twin:x"}, "whole number"),
        ({"skill": "juggle"}, "juggle"),
        ({"arm": "pandda"}, "pandda"),
        ({"robot": "sim_panda", "arm": "panda"}, "in its file"),
        ({"trials": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(
    wrong: dict[str, object], words: str, tmp_path: Path
) -> None:
    options = replace(SMALL, out=tmp_path / "run", **wrong)
    with pytest.raises(RefusedError, match=words):
        main(options)
    assert not (tmp_path / "run").exists()


def test_every_stage_needs_only_what_was_made_before() -> None:
    made = {"plan"}
    for stage in STAGES:
        assert set(stage.needs) <= made
        made.add(stage.name)


@pytest.mark.slow
def test_a_run_is_complete_resumed_and_guarded(tmp_path: Path) -> None:
    options = replace(SMALL, out=tmp_path / "run")
    payload = main(options).payload
    assert payload["n"] == SMALL.trials
    assert 0.0 <= payload["success_after"] <= 1.0
    assert set(payload["seconds"]) == {"plan", *(stage.name for stage in STAGES)}
    page = (options.out / "report.html").read_text()
    assert payload["sha256"]["after"] in page

    again = main(options).payload
    assert again["sha256"] == payload["sha256"]

    after = options.out / "after.json"
    content = json.loads(after.read_text())
    after.unlink()
    assert main(options).payload["sha256"].keys() == payload["sha256"].keys()
    repeated = json.loads(after.read_text())
    successes = [
        [trial["success"] for trial in one["body"]["trials"]] for one in (content, repeated)
    ]
    assert successes[0] == successes[1]

    with pytest.raises(RefusedError, match="another run"):
        main(replace(options, seed=5))
    with pytest.raises(RefusedError, match="twin:1"):
        main(replace(options, robot="twin:2"))
    (options.out / "calibrate.json").unlink()
    with pytest.raises(RefusedError, match="stale"):
        main(options)
