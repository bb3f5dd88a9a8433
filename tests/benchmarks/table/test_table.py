"""The table: what it asks for, when it is measured anew, and what it says."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.results_page import page
from benchmarks.table.__main__ import chosen, left_out, summary, training_seeds
from benchmarks.table.cells import CELLS, Cell, Kind, TrainingSeed
from benchmarks.table.figure import table_figure
from benchmarks.table.growing import Stream
from benchmarks.table.methods import METHODS, TASK_CENTRIC, skills_hash
from benchmarks.table.rows import Row, count, read_rows, write_rows
from benchmarks.table.trial_log import Job, TrialLog
from robot_skills.app.trials import Trial
from robot_skills.app.zoo import COMPARED, TASK_CENTRIC_FOLDER, zoo_dir
from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.tabletop.levels import LEVELS
from sim.variation import FACTORS

LEVEL_IV = Cell(kind=Kind.LEVEL, of="IV")
WHOLE_TASKS_IV = Cell(kind=Kind.LEVEL, of="IV", method=TASK_CENTRIC.name)
LIGHT = Cell(kind=Kind.FACTOR, of="light")
PUSH = Cell(kind=Kind.SKILL, of="push")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    """A copy of the shipped cards, without the weights."""
    folder = tmp_path_factory.mktemp("zoos") / "seed_1"
    left = ("*.safetensors", "*.onnx", *COMPARED)
    shutil.copytree(zoo_dir(), folder, ignore=shutil.ignore_patterns(*left))
    return folder


def ended(success: bool, believed: bool) -> Trial:
    return Trial(
        index=0,
        task="open the drawer",
        group="open the drawer",
        success=success,
        believed=believed,
        reason="because",
        sim_s=1.0,
        wall_s=1.0,
        chunk_ms=1.0,
        attempts=1,
    )


def fixed(index: int) -> Trial:
    raise AssertionError("Nothing is to be measured here.")


def job(name: str, source: str) -> Job:
    return Job(name=name, source=source, decides=source, run=fixed)


@pytest.fixture
def with_whole(zoo, tmp_path) -> Path:
    """The same with something in the place of a policy for whole tasks."""
    folder = tmp_path / "with_whole"
    shutil.copytree(zoo, folder)
    shutil.copytree(zoo / "push", folder / TASK_CENTRIC_FOLDER)
    (folder / TASK_CENTRIC_FOLDER / "card.yaml").unlink()
    return folder


def counted(cell: Cell, log: TrialLog, failing: int, other_failing: int = 0) -> Row:
    """The row of a cell with 20 trials in each of two training seeds."""
    streams = []
    for source in ("a", "b"):
        jobs = [job(cell.name, source)]
        if cell.kind is Kind.FACTOR or cell.method == TASK_CENTRIC.name:
            jobs.append(job("other side", source))
        for each, fails in zip(jobs, (failing, other_failing), strict=False):
            for i in range(20):
                log.add(each, i, ended(i >= fails, believed=i != 1))
        streams.append(Stream(jobs=tuple(jobs), wanted=50))
    row = count(cell, streams, log)
    assert row is not None
    return row


@pytest.fixture
def rows(tmp_path) -> list[Row]:
    log = TrialLog.open(tmp_path / "trials.jsonl")
    return [
        counted(PUSH, log, failing=0),
        counted(LEVEL_IV, log, failing=6),
        counted(WHOLE_TASKS_IV, log, failing=18, other_failing=6),
        counted(LIGHT, log, failing=3, other_failing=1),
    ]


def test_every_skill_level_and_factor_has_a_cell_of_its_own_name():
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names)
    assert {cell.of for cell in CELLS if cell.kind is Kind.LEVEL} == set(LEVELS)
    assert {cell.of for cell in CELLS if cell.kind is Kind.FACTOR} == set(FACTORS)
    for method in METHODS:
        assert sum(cell.method == method for cell in CELLS if cell.kind is Kind.LEVEL) == 5


def test_only_our_skills_have_to_reach_the_bars():
    assert LEVEL_IV.bar == 0.75
    assert PUSH.bar == 0.95
    assert LIGHT.bar is None
    assert Cell(kind=Kind.LEVEL, of="IV", method="another").bar is None


def test_skills_have_to_be_far_ahead_of_whole_task_policies_where_tasks_or_arms_are_new():
    bars = {cell.name: cell.lead_bar for cell in CELLS if cell.lead_bar is not None}
    assert bars == {"level:IV:task-centric": 0.5, "level:V:task-centric": 0.5}


def test_a_level_is_tried_by_another_method_and_by_the_skills_in_pairs(with_whole):
    trained = TrainingSeed.of(with_whole)
    theirs, ours = WHOLE_TASKS_IV.jobs(trained)
    (alone,) = LEVEL_IV.jobs(trained)
    assert ours.key(3) == alone.key(3)
    assert theirs.key(3) != ours.key(3)


def test_a_policy_for_whole_tasks_that_changed_is_measured_anew_and_the_skills_are_not(
    with_whole, tmp_path
):
    changed = tmp_path / "changed"
    shutil.copytree(with_whole, changed)
    (changed / TASK_CENTRIC_FOLDER / "config.json").write_text("{}")
    pairs = [WHOLE_TASKS_IV.jobs(TrainingSeed.of(zoo)) for zoo in (with_whole, changed)]
    (theirs, ours), (theirs_changed, ours_changed) = pairs
    assert theirs.key(0) != theirs_changed.key(0)
    assert ours.key(0) == ours_changed.key(0)


def test_a_training_seed_without_a_policy_for_whole_tasks_says_so(zoo, with_whole):
    trained = [TrainingSeed.of(zoo), TrainingSeed.of(with_whole)]
    (line,) = left_out([LEVEL_IV, WHOLE_TASKS_IV], trained)
    assert line.startswith("task-centric is left out of seed_1")
    assert str(zoo / TASK_CENTRIC_FOLDER) in line
    assert left_out([LEVEL_IV], trained) == []


def test_a_factor_shares_what_is_usual_with_level_one(zoo):
    trained = TrainingSeed.of(zoo)
    (level_one,) = Cell(kind=Kind.LEVEL, of="I").jobs(trained)
    varied, usual = LIGHT.jobs(trained)
    assert usual.key(3) == level_one.key(3)
    assert varied.key(3) != usual.key(3)


def test_what_decides_a_trial_does_not_differ_between_processes(zoo):
    for cell in CELLS:
        for each in cell.jobs(TrainingSeed(zoo=zoo, hashes={name: "0" for name in METHODS})):
            assert "object at 0x" not in repr(each.run)


def test_cells_of_a_zoo_that_changed_are_measured_anew(zoo, tmp_path):
    changed = tmp_path / "seed_1"
    shutil.copytree(zoo, changed)
    same = TrainingSeed.of(changed)
    assert LEVEL_IV.jobs(same)[0].key(0) == LEVEL_IV.jobs(TrainingSeed.of(zoo))[0].key(0)
    manifest = changed / "push" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("weights", "other_weights"))
    other = TrainingSeed.of(changed)
    for cell in (LEVEL_IV, PUSH, LIGHT):
        assert cell.jobs(other)[0].key(0) != cell.jobs(same)[0].key(0)


def test_a_result_in_a_card_decides_nothing_and_a_limit_does(zoo, tmp_path):
    changed = tmp_path / "seed_1"
    shutil.copytree(zoo, changed)
    card = changed / "push" / "card.yaml"
    before, text = skills_hash(zoo), card.read_text(encoding="utf-8")
    card.write_text(text[: text.index("results:")] + "results: []\n", encoding="utf-8")
    assert skills_hash(changed) == before
    card.write_text(text.replace("timeout_s: 15", "timeout_s: 5"), encoding="utf-8")
    assert skills_hash(changed) != before


def test_the_same_skills_are_not_two_training_seeds(zoo, tmp_path):
    again = tmp_path / "seed_2"
    shutil.copytree(zoo, again)
    with pytest.raises(RefusedError, match="hold the same skills"):
        training_seeds([zoo, again])
    with pytest.raises(RefusedError, match="not a folder"):
        training_seeds([tmp_path / "nowhere"])


def test_cells_are_chosen_by_patterns():
    assert [cell.of for cell in chosen(["level:I*:skills"])] == ["I", "II", "III", "IV"]
    assert len(chosen(None)) == len(CELLS)
    with pytest.raises(UnknownNameError, match="Did you mean 'skill:push:skills'"):
        chosen(["skill:pus:skills"])


def test_rows_count_truth_belief_and_pairs(rows):
    push, level, whole_tasks, light = rows
    assert (push.n, push.successes, push.rate, push.training_seeds) == (40, 40, 1.0, 2)
    assert push.ci90 == (1.0, 1.0)
    assert push.ci95[0] < 0.95
    assert (level.successes, level.false_reports) == (28, 10)
    assert level.ci90[0] < level.rate < level.ci90[1]
    assert level.lead is None
    assert (whole_tasks.successes, whole_tasks.n) == (4, 40)
    assert whole_tasks.lead is not None
    assert (whole_tasks.lead.n, whole_tasks.lead.mean) == (40, pytest.approx(0.6))
    assert 0.4 < whole_tasks.lead.ci90[0] < 0.6 < whole_tasks.lead.ci90[1] < 0.8
    assert light.lead is None
    assert light.drop is not None
    assert (light.drop.usual, light.drop.varied) == (38, 34)
    assert light.drop.drop == pytest.approx(0.1)


def test_nothing_finished_is_no_row(tmp_path):
    log = TrialLog.open(tmp_path / "trials.jsonl")
    assert count(PUSH, [Stream(jobs=(job("push", "a"),), wanted=50)], log) is None


def test_rows_survive_their_file(rows, tmp_path):
    write_rows(tmp_path / "table.jsonl", rows)
    again = read_rows(tmp_path / "table.jsonl")
    assert [row.cell for row in again] == [row.cell for row in rows]
    write_rows(tmp_path / "again.jsonl", again)
    assert (tmp_path / "again.jsonl").read_text() == (tmp_path / "table.jsonl").read_text()


def test_rows_that_were_written_before_methods_were_compared_are_read(rows, tmp_path):
    path = tmp_path / "table.jsonl"
    write_rows(path, [row for row in rows if row.lead is None])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["lead"], line["lead_bar"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_rows(path) == [row for row in read_rows(path) if row.lead is None]
    assert len(read_rows(path)) == 3


def test_the_page_says_what_was_found_and_what_is_required(rows, tmp_path):
    write_rows(tmp_path / "table.jsonl", rows)
    text = page(tmp_path)
    assert "| `push` | 100 (100-100) | (91-100) | 95 | 0 (0.0 %) | 40 |" in text
    assert "| IV | compositions that nobody demonstrated | skills | 70 (" in text
    assert "| 75 | 10 (25.0 %) | 40 | - | - |" in text
    assert "| task-centric | 10 (" in text
    assert "| 40 | +60 (+" in text
    assert ") | 50 |" in text
    assert "| light | 95 | 85 | 10.0 (" in text
    assert "2 training seeds" in text
    assert "In all 120 trials of our skills there are 14 false reports (11.67 %); 3 %" in text


def test_the_terminal_names_a_bar_that_was_missed(rows):
    text = summary(rows)
    assert "0.75 MISSED" in text
    assert "0.95 MISSED" not in text
    assert "+0.600, +0." in text
    assert "0.50 MISSED" not in text


def test_the_terminal_names_a_lead_that_is_too_small(tmp_path):
    log = TrialLog.open(tmp_path / "trials.jsonl")
    row = counted(WHOLE_TASKS_IV, log, failing=12, other_failing=6)
    assert "0.50 MISSED" in summary([row])


def test_the_figure_shows_levels_skills_and_drops(rows, tmp_path):
    table_figure(rows, tmp_path / "table.png")
    pixels = np.asarray(Image.open(tmp_path / "table.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (pixels == colour).all(axis=1).sum() > 1000


@pytest.mark.slow
def test_the_command_measures_resumes_and_writes_a_draft(tmp_path, capsys):
    from benchmarks.table.__main__ import main

    arguments = ["--only", "skill:reach:*", "factor:light:*", "--episodes", "2", "--workers", "1"]
    arguments += ["--out", str(tmp_path), "--draft"]
    assert main(arguments) == 0
    first = (tmp_path / "table.jsonl").read_text()
    trials = (tmp_path / "trials.jsonl").read_text()
    assert len(trials.splitlines()) == 2 + 4
    assert main([*arguments, "--budget-minutes", "0"]) == 0
    assert (tmp_path / "table.jsonl").read_text() == first
    assert (tmp_path / "trials.jsonl").read_text() == trials
    assert "skill:reach:skills" in capsys.readouterr().out
