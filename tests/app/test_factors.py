"""One factor at a time: both sides differ in it alone, and what is asked has to make sense."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robot_skills.app.evaluate import main
from robot_skills.app.factors import Drop, drop_of, measure_factors
from robot_skills.app.options import EvalOptions
from robot_skills.app.success_figures import drops_figure
from robot_skills.app.trials import Trial
from robot_skills.core.errors import RefusedError, StorageError, UnknownNameError
from sim.tabletop.factors import TABLETOP_FACTORS, Factor
from sim.tabletop.levels import LEVELS, Level
from sim.tabletop.tasks import Instance
from sim.variation import FACTORS


def trial(success: bool, believed: bool | None = None) -> Trial:
    return Trial(
        index=0,
        task="open the drawer",
        group="open the drawer",
        success=success,
        believed=success if believed is None else believed,
        reason="because",
        sim_s=1.0,
        wall_s=1.0,
        chunk_ms=1.0,
        attempts=1,
    )


def drawn(level: Level, index: int) -> Instance:
    _, instance = level.draw(7, index)
    return instance


def drop(name: str, lost: float) -> Drop:
    return Drop(
        factor=name,
        n=50,
        usual=48,
        varied=round(48 - 50 * lost),
        drop=lost,
        ci90=(lost - 0.05, lost + 0.08),
        false_reports=1,
        left_out=(),
    )


def test_every_factor_can_be_measured():
    assert set(TABLETOP_FACTORS) == set(FACTORS)


@pytest.mark.parametrize("factor", TABLETOP_FACTORS.values(), ids=lambda factor: factor.name)
def test_both_sides_set_the_same_tasks_to_the_arm_that_demonstrated(factor: Factor):
    assert factor.usual.tasks == factor.varied.tasks
    assert factor.usual.arms == factor.varied.arms == LEVELS["I"].arms
    assert factor.usual.variation != factor.varied.variation
    names = {task.name for task in factor.usual.tasks}
    assert names | set(factor.left_out) == {task.name for task in LEVELS["I"].tasks}


@pytest.mark.parametrize("name", ["light", "texture", "camera pose", "table height", "friction"])
def test_what_does_not_move_things_leaves_them_where_they_are_as_usual(name):
    factor = TABLETOP_FACTORS[name]
    for i in range(len(factor.usual.tasks)):
        usual, varied = drawn(factor.usual, i), drawn(factor.varied, i)
        assert usual.instruction == varied.instruction
        for one, other in zip(usual.layout.objects, varied.layout.objects, strict=True):
            assert one.name == other.name
            assert np.allclose(one.T_base_object.p[:2], other.T_base_object.p[:2])


def test_where_sizes_vary_cubes_are_acted_on():
    factor = TABLETOP_FACTORS["size"]
    for i in range(10):
        instance = drawn(factor.varied, i)
        acted_on = {arg for literal in instance.goal for arg in literal.args}
        assert any(name.endswith("cube") for name in acted_on)
        if factor.usual.tasks[i % len(factor.usual.tasks)].pushed is None:
            assert drawn(factor.usual, i).instruction == instance.instruction


def test_tasks_that_draw_nothing_are_left_out_of_the_factor_object():
    assert "open the drawer" in TABLETOP_FACTORS["object"].left_out
    assert "peg into its hole" in TABLETOP_FACTORS["object"].left_out
    assert "peg into its hole" not in TABLETOP_FACTORS["mass"].left_out
    assert TABLETOP_FACTORS["light"].left_out == ()


def test_the_drop_is_of_pairs():
    light = TABLETOP_FACTORS["light"]
    usual = [[trial(True)] * 10, [trial(True)] * 9 + [trial(False)]]
    varied = [[trial(True)] * 8 + [trial(False, believed=True)] * 2, [trial(True)] * 10]
    found = drop_of(light, usual, varied)
    assert (found.n, found.usual, found.varied, found.false_reports) == (20, 19, 18, 2)
    assert found.drop == pytest.approx(0.05)
    assert found.ci90[0] < 0.05 < found.ci90[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (EvalOptions(suite="tabletop", factor="light", level="II"), "either --level, or --factor"),
        (EvalOptions(skill="grasp", factor="light"), "--suite tabletop"),
        (EvalOptions(suite="tabletop", figure=Path("drop.png")), "are of --factor"),
        (EvalOptions(suite="tabletop", level="I", zoos=(Path("zoo"),)), "are of --factor"),
        (
            EvalOptions(suite="tabletop", factor="light", zoo=Path("a"), zoos=(Path("b"),)),
            "a folder per training seed",
        ),
        (EvalOptions(suite="tabletop", factor="light", zoos=(Path("a"), Path("a"))), "twice"),
    ],
)
def test_contradictions_are_refused(options, says):
    with pytest.raises(RefusedError, match=says):
        main(options)


def test_an_unknown_factor_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'texture'\?.* all,"):
        main(EvalOptions(suite="tabletop", factor="textures"))


def test_what_factors_share_is_measured_once_for_each_training_seed(tmp_path, capsys):
    sides = []

    def run_trials(job, episodes, workers, name):
        sides.append(name)
        failing = name.startswith("light")
        return [trial(not failing or i % 2 == 0) for i in range(episodes)], 0

    figure = tmp_path / "drops.png"
    options = EvalOptions(
        suite="tabletop",
        factor="all",
        episodes=10,
        zoos=(tmp_path / "one", tmp_path / "two"),
        figure=figure,
    )
    payload = measure_factors(options, run_trials).payload
    # Four usual sides, since six factors share level I, and nine varied ones.
    assert len(sides) == len(set(sides)) == 2 * (4 + 9)
    worst = payload["factors"][0]
    assert (worst["factor"], worst["n"], worst["drop"]) == ("light", 20, 0.5)
    assert len(payload["failures"]) == 10
    assert "object cannot act on, and leaves out: open the drawer" in capsys.readouterr().out
    assert figure.stat().st_size > 10_000


def test_the_figure_shows_bars_and_names_a_folder_that_cannot_be_written(tmp_path):
    path = tmp_path / "new" / "drops.png"
    drops_figure([drop("light", 0.02), drop("object", 0.30)], path, training_seeds=1)
    colours = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    assert (colours == (0x00, 0x72, 0xB2)).all(axis=1).sum() > 1000
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        drops_figure([drop("light", 0.02)], tmp_path / "file" / "drops.png", training_seeds=1)


@pytest.mark.slow
def test_a_factor_is_measured_through_the_whole_stack():
    payload = main(
        EvalOptions(suite="tabletop", factor="texture", episodes=3, seed=7, workers=1)
    ).payload
    assert payload["factors"][0]["n"] == 3
    assert payload["factors"][0]["usual"] == 3
