"""Things that are remembered from before, in the scenes of now."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.camera import pinhole
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.predicates import in_
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation, RgbdFrame
from robot_skills.scheduler.memory.recall import MemoryPerceiver, RecallConfig
from robot_skills.scheduler.memory.records import Where
from robot_skills.scheduler.memory.store import TaskMemory
from tests.scheduler import worlds
from tests.scheduler.memory.runs import HERE

HOUR_S = 3600.0


class Eyes(Perceiver):
    """Sees what it is told to."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @property
    def cameras(self) -> tuple[str, ...]:
        return ()

    def reset(self) -> None:
        pass

    def look(self, observation: Observation) -> Scene:
        return self.scene


def blind() -> Observation:
    return Observation(stamp_s=0.0, arms={})


def watched(depth_m: float) -> Observation:
    """A camera that looks straight down from 1 m on everything near (0.5, 0.3)."""
    frame = RgbdFrame(
        stamp_s=0.0,
        rgb=np.zeros((96, 128, 3), np.uint8),
        depth_m=np.full((96, 128), depth_m, np.float32),
        K=pinhole(128, 96, 0.9),
        T_base_camera=SE3.look_at((0.5, 0.3, 1.0), (0.5, 0.3001, 0.0)),
    )
    return Observation(stamp_s=0.0, arms={}, cameras={"front": frame})


def look(memory, scene, observation=None, at=0.0, where=HERE, **more) -> Scene:
    """One look of a process that has just begun."""
    perceiver = MemoryPerceiver(Eyes(scene), memory, where, now=lambda: at, **more)
    return perceiver.look(observation or blind())


@pytest.fixture
def memory(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as opened:
        yield opened


CUBE = worlds.cube("red", (0.5, 0.3))


def test_a_thing_that_was_shut_away_is_still_there_after_a_restart(memory):
    drawer = worlds.drawer()
    look(memory, worlds.scene(worlds.in_drawer(CUBE), drawer))
    scene = look(memory, worlds.scene(drawer), at=HOUR_S)
    cube = scene["red_cube"]
    assert in_(scene, "red_cube", "drawer")
    assert not cube.visible
    assert cube.stamp_s == -HOUR_S
    assert (cube.label, cube.colour, cube.confidence) == ("cube", "red", CUBE.confidence)


def test_it_moves_with_the_drawer_that_it_is_in(memory):
    look(memory, worlds.scene(worlds.in_drawer(CUBE), worlds.drawer()))
    scene = look(memory, worlds.scene(worlds.drawer(0.16)))
    expected = worlds.in_drawer(CUBE, 0.16).T_base_entity.p
    np.testing.assert_allclose(scene["red_cube"].T_base_entity.p, expected, atol=1e-9)


def test_what_is_too_old_is_not_believed(memory):
    look(memory, worlds.scene(CUBE))
    config = RecallConfig(max_age_s=HOUR_S)
    assert "red_cube" in look(memory, worlds.scene(), at=HOUR_S - 1.0, config=config)
    assert "red_cube" not in look(memory, worlds.scene(), at=HOUR_S + 1.0, config=config)


def test_what_was_seen_at_a_time_that_is_still_to_come_is_not_believed(memory, caplog):
    look(memory, worlds.scene(CUBE), at=10.0 * HOUR_S)
    with caplog.at_level(logging.WARNING):
        assert "red_cube" not in look(memory, worlds.scene(), at=0.0)
    assert "a clock was wrong" in caplog.text


def test_what_is_looked_at_and_not_there_is_forgotten(memory):
    look(memory, worlds.scene(CUBE))
    assert "red_cube" in look(memory, worlds.scene(), watched(depth_m=0.5))
    assert "red_cube" not in look(memory, worlds.scene(), watched(depth_m=1.0))
    assert memory.things.all() == ()


def test_what_something_else_stands_on_the_place_of_is_forgotten(memory):
    look(memory, worlds.scene(CUBE))
    scene = look(memory, worlds.scene(worlds.cube("green", (0.5, 0.3))))
    assert set(scene.entities) == {"table", "green_cube"}


def test_who_sees_all_believes_nothing_else(memory):
    look(memory, worlds.scene(CUBE))
    assert "red_cube" not in look(memory, worlds.scene(), sees_all=True)


def test_a_thing_whose_container_is_gone_is_forgotten(memory):
    look(memory, worlds.scene(worlds.in_drawer(CUBE), worlds.drawer()))
    assert "red_cube" not in look(memory, worlds.scene())


def test_what_was_in_a_hand_is_not_believed_to_hang_in_the_air(memory):
    look(memory, worlds.scene(CUBE, held="red_cube"))
    assert "red_cube" not in look(memory, worlds.scene())


def test_a_thing_that_is_seen_is_where_it_is_seen(memory):
    look(memory, worlds.scene(CUBE))
    scene = look(memory, worlds.scene(worlds.cube("red", (0.6, -0.1))))
    assert scene["red_cube"].visible
    np.testing.assert_allclose(scene["red_cube"].T_base_entity.p[:2], (0.6, -0.1))


def test_another_cell_or_arm_remembers_nothing_of_it(memory):
    look(memory, worlds.scene(CUBE))
    for where in (Where(cell="other", arm="panda"), Where(cell="bench", arm="ur5e")):
        assert "red_cube" not in look(memory, worlds.scene(), where=where)


def test_things_of_a_kind_keep_their_names_where_they_stand(memory):
    near, far = _can("can", (0.4, 0.0)), _can("can_2", (0.6, 0.2))
    look(memory, worlds.scene(near, far))
    # The new process sees the far one first.
    seen = worlds.scene(replace(far, name="can"), replace(near, name="can_2"))
    scene = look(memory, seen)
    np.testing.assert_allclose(scene["can_2"].T_base_entity.p, far.T_base_entity.p)
    np.testing.assert_allclose(scene["can"].T_base_entity.p, near.T_base_entity.p)


def test_one_that_is_hidden_keeps_its_name_and_the_other_its_own(memory):
    hidden, seen = worlds.in_drawer(_can("can", (0.4, 0.0))), _can("can_2", (0.6, 0.2))
    look(memory, worlds.scene(hidden, seen, worlds.drawer()))
    scene = look(memory, worlds.scene(replace(seen, name="can"), worlds.drawer()))
    assert in_(scene, "can", "drawer")
    assert scene["can_2"].visible


def test_a_new_thing_does_not_take_the_name_of_one_that_is_hidden(memory):
    hidden = worlds.in_drawer(_can("can", (0.4, 0.0)))
    look(memory, worlds.scene(hidden, worlds.drawer()))
    new = [_can("can", (0.6, 0.2)), _can("can_2", (0.4, -0.2))]
    scene = look(memory, worlds.scene(*new, worlds.drawer()))
    names = [entity.name for entity in scene if entity.label == "can"]
    assert len(names) == len(set(names)) == 3
    assert in_(scene, "can", "drawer")


def test_a_memory_that_cannot_be_written_does_not_blind_the_robot(memory, caplog):
    with closing(sqlite3.connect(memory.path)) as other, caplog.at_level(logging.WARNING):
        other.execute("BEGIN IMMEDIATE")
        assert "red_cube" in look(memory, worlds.scene(CUBE))
    assert "not remembered" in caplog.text


def test_a_look_that_shows_nothing_new_writes_nothing(memory):
    perceiver = MemoryPerceiver(Eyes(worlds.scene(CUBE)), memory, HERE, now=lambda: 1.0)
    perceiver.look(blind())
    before = memory.things.all()[0][1]
    perceiver.look(blind())
    assert memory.things.all()[0][1].seen_at == before.seen_at


def _can(name: str, xy: tuple[float, float]) -> Entity:
    return worlds.entity(name, "can", (*xy, 0.05), (0.06, 0.06, 0.10))
