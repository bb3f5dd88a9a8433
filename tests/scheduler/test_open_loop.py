"""Calls on the first look: what somebody else moves is not noticed."""

from dataclasses import replace

from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome
from robot_skills.core.se3 import SE3
from robot_skills.scheduler.open_loop import OpenLoop, believed
from tests.scheduler import worlds
from tests.scheduler.test_executive import PUT, FakeWorld, executive, nothing


def moved(scene, name, xyz):
    return scene.with_entity(replace(scene[name], T_base_entity=SE3.from_translation(xyz)))


def test_every_call_is_made_once_and_in_order():
    failed = [(Outcome.FAILED, nothing)]
    script = {"grasp": failed, "place": list(failed)}
    world, events = FakeWorld(worlds.kitchen(), script=script), EventList()
    result = executive(world, events, strategy=OpenLoop()).run(PUT)
    assert not result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert not events.of_kind(EventKind.RETRY)
    assert not events.of_kind(EventKind.REPLAN)


def test_a_run_without_trouble_succeeds():
    assert executive(FakeWorld(worlds.kitchen()), strategy=OpenLoop()).run(PUT).success


def test_milestones_on_the_way_are_passed():
    words = "open the drawer, put the red cube in it and close it"
    result = executive(FakeWorld(worlds.kitchen()), strategy=OpenLoop()).run(words)
    assert result.success, result.reason


def test_what_nobodys_call_was_about_is_where_it_was_at_first():
    first = worlds.kitchen()
    latest = moved(moved(first, "red_cube", (0.6, 0.2, 0.02)), "can", (0.6, 0.3, 0.05))
    scene = believed(first, latest, {"can"})
    assert scene["red_cube"].T_base_entity.allclose(first["red_cube"].T_base_entity)
    assert scene["can"].T_base_entity.allclose(latest["can"].T_base_entity)


def test_what_has_vanished_is_still_believed_to_be_there():
    first = worlds.kitchen()
    entities = {name: entity for name, entity in first.entities.items() if name != "red_cube"}
    assert "red_cube" in believed(first, replace(first, entities=entities), {"red_cube"})
