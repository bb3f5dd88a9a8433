"""The perception benchmark counts and measures what it says."""

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.perception import Frames, Options, compare, layout_of, run, score, tables
from benchmarks.readme_table import results_text
from robot_skills.core.errors import RefusedError
from robot_skills.core.scene import TABLE, Articulation, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.skills.library import SkillLibrary


def _scene(entities: Iterable[Entity]) -> Scene:
    table = _thing(TABLE, (0.4, 0.0, -0.025), extents_m=(1.2, 1.4, 0.05))
    named = {entity.name: entity for entity in (table, *entities)}
    return Scene(stamp_s=0.0, entities=named, opening={})


def _thing(
    name: str,
    p: tuple[float, float, float],
    yaw_rad: float = 0.0,
    extents_m: tuple[float, float, float] = (0.04, 0.04, 0.04),
) -> Entity:
    T = SE3.from_yaw(yaw_rad, p)
    label = name.rsplit("_", 1)[-1]
    return Entity(name=name, label=label, T_base_entity=T, extents_m=np.array(extents_m))


def _drawer(value_m: float, yaw_rad: float = 0.0) -> Entity:
    slide = Articulation(
        value_m=value_m,
        upper_m=0.16,
        axis_entity=np.array([1.0, 0.0, 0.0]),
        T_entity_handle=SE3.from_translation((0.2 + value_m, 0.0, 0.04)),
        handle_extents_m=np.full(3, 0.02),
    )
    return replace(_thing("drawer", (0.5, 0.36, 0.05), yaw_rad), articulation=slide)


def test_each_thing_is_found_missed_or_invented_once():
    truth = _scene([_thing("red_cube", (0.5, 0.0, 0.02)), _thing("can", (0.6, 0.1, 0.04))])
    seen = _scene([_thing("red_cube", (0.503, 0.0, 0.02)), _thing("milk", (0.4, -0.2, 0.04))])
    look = compare(truth, seen)
    assert [(item.kind, item.named) for item in look.found] == [("cube", True)]
    assert look.found[0].centre_mm == pytest.approx(3.0)
    assert (look.missed, look.invented) == (("can",), ("milk",))


def test_what_stands_where_it_should_under_another_name_is_misnamed():
    truth = _scene([_thing("red_cube", (0.5, 0.0, 0.02))])
    result = score([compare(truth, _scene([_thing("orange_cube", (0.5, 0.0, 0.02))]))])
    assert (result.all.detected, result.all.missed, result.all.wrong_names) == (1, 0, 1)


def test_stacked_things_are_paired_with_the_nearest():
    low, high = (_thing(name, (0.5, 0.0, z)) for name, z in (("a_cube", 0.02), ("b_cube", 0.055)))
    look = compare(_scene([low, high]), _scene([high, low]))
    assert all(item.named and item.centre_mm == 0.0 for item in look.found)


def test_a_box_may_be_described_by_either_pair_of_axes():
    true = _thing("cereal", (0.5, 0.0, 0.1), 0.2, extents_m=(0.05, 0.10, 0.2))
    turned = _thing("cereal", (0.5, 0.0, 0.1), 0.2 + 1.5 * np.pi, extents_m=(0.10, 0.05, 0.2))
    (found,) = compare(_scene([true]), _scene([turned])).found
    assert found.yaw_deg == pytest.approx(0.0, abs=1e-9)
    assert found.extents_mm == pytest.approx(0.0)


def test_a_drawer_has_a_front_and_a_value():
    (found,) = compare(_scene([_drawer(0.10)]), _scene([_drawer(0.08, np.pi)])).found
    assert found.yaw_deg == pytest.approx(180.0)
    assert found.value_mm == pytest.approx(20.0)


def test_round_things_have_no_yaw():
    can = _thing("can", (0.5, 0.0, 0.04))
    assert compare(_scene([can]), _scene([can])).found[0].yaw_deg is None


def test_without_a_scene_everything_is_missed():
    look = compare(_scene([_drawer(0.0)]), None)
    assert (look.found, look.missed) == ((), ("drawer",))
    assert score([look]).perceive_ms is None


def test_the_same_seed_is_the_same_layout():
    first, second = layout_of(3), layout_of(3)
    assert first.entity_names == second.entity_names
    for a, b in zip(first.objects, second.objects, strict=True):
        assert np.array_equal(a.T_base_object.matrix(), b.T_base_object.matrix())


def test_no_layouts_are_refused():
    with pytest.raises(RefusedError, match="At least one"):
        run(Options(layouts=0))


def test_a_run_reports_every_kind_and_fits_the_readme():
    report = run(Options(layouts=1), (Frames.FAST,))
    line = json.loads(report.to_json())
    everything = line["frames"]["fast"]["all"]
    assert everything["things"] == len(layout_of(Options().first).entity_names)
    text = results_text(SkillLibrary({}), [line])
    assert f"| **all**, panda | fast | {everything['things']} | " in text
    assert "Frames: fast" in tables(report)
