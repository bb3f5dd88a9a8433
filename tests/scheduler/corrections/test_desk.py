"""Corrections in a run: the executive on fake skills, and a desk that is spoken to."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from robot_skills.app.corrections.desk import replanner
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from robot_skills.scheduler.attribution import attribute
from robot_skills.scheduler.corrections import CorrectionDesk, CorrectionStore, RememberingPlanner
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.binding import bind_case
from robot_skills.skills.heeding import SLOWEST
from robot_skills.skills.library import SkillLibrary
from tests.fakes import ZOO
from tests.scheduler import worlds
from tests.scheduler.encoders import ThesaurusEncoder
from tests.scheduler.test_executive import FakeWorld, executive

CARDS = {card.name: card for card in SkillLibrary.load(ZOO)}
ANY_CUBE = "put a cube in the box"
PLACE_ON_TABLE = SkillCall(
    skill="place", args={"object": "can", "relation": "on", "target": "table"}
)


class Cell:
    """A fake world that is run with a desk; `says` is said as calls begin, by skill."""

    def __init__(self, path=None, scene=None, says=None) -> None:
        self.world = FakeWorld(scene or worlds.kitchen())
        self.events = EventList()
        self.says = dict(says or {})
        encoder = ThesaurusEncoder()
        store = None if path is None else CorrectionStore(path).open()
        parse = LanguageParser(CARDS.values(), encoder).parse
        self.desk = CorrectionDesk(CARDS, encoder, parse, store)
        planner = RulesPlanner(CARDS.values())
        self.executive = executive(
            self.world,
            self.events,
            planner=RememberingPlanner(planner, self.desk),
            amender=self.desk,
        )
        self.executive._run = self.run_skill
        replan = replanner(planner, self.executive.accept)
        self.desk.meet(self.executive.emit, lambda: self.world.now_s, replan)

    def run_skill(self, call: SkillCall, scene: Scene, attempt: int):
        """A skill that listens before it does anything, as a learned one does at each period."""
        case = CARDS[call.skill].case(call.args)
        self.desk.begins(call, scene, bind_case(case, call.args, scene, _ABOVE))
        for words in self.says.pop(call.skill, ()):
            self.desk.say(words)
        wanted = self.desk.wanted()
        if wanted.obsolete:
            result = SkillResult(
                call=call, outcome=Outcome.STOPPED, reason=wanted.obsolete, duration_s=0.0
            )
            return result, scene
        return self.world.run(call, scene, attempt)

    def told(self, does: str) -> list[str]:
        events = self.events.of_kind(EventKind.CORRECTION)
        return [event.data["text"] for event in events if event.data["does"] == does]

    def run(self, instruction: str):
        result = self.executive.run(instruction)
        self.desk.close()
        return result


_ABOVE = SE3.from_translation((0.5, 0.0, 0.3))


def test_another_thing_is_taken_at_once_and_remembered_in_another_scene(tmp_path):
    path = tmp_path / "c.sqlite"
    first = Cell(path, says={"grasp": ["the blue one instead"]})
    assert first.run(ANY_CUBE).success
    assert first.world.calls == ["grasp blue_cube", "place blue_cube in box"]
    assert attribute(first.events.events) is None

    scene = worlds.scene(
        worlds.cube("red", (0.4, 0.1)), worlds.cube("blue", (0.6, 0.1)), worlds.box()
    )
    later = Cell(path, scene)
    assert later.run("put some cube into the box").success
    assert later.world.calls[0] == "grasp blue_cube"
    assert later.told("remembers")

    explicit = Cell(path, scene)
    assert explicit.run("put the red cube in the box").success
    assert explicit.world.calls[0] == "grasp red_cube"
    assert not explicit.told("remembers")


def test_which_one_is_asked_where_several_would_do():
    cell = Cell(says={"grasp": ["the other one"]})
    assert cell.run(ANY_CUBE).success
    (question,) = cell.told("refuses")
    assert question.startswith("Which one?")
    assert "green_cube" in question


def test_something_more_is_done_afterwards_and_remembered(tmp_path):
    path = tmp_path / "c.sqlite"
    first = Cell(path, says={"grasp": ["close the drawer afterwards"]})
    assert first.run("put the red cube in the drawer").success
    assert first.world.calls[-1] == "close drawer"

    later = Cell(path)
    assert later.run("put the bread in the drawer").success
    assert later.world.calls[-1] == "close drawer"

    elsewhere = Cell(path)
    assert elsewhere.run("put the bread in the box").success
    assert elsewhere.world.calls == ["grasp bread", "place bread in box"]


def test_what_contradicts_the_words_is_not_done():
    cell = Cell(says={"grasp": ["leave the drawer open", "close the drawer afterwards"]})
    cell.run("put the red cube in the drawer")
    assert cell.world.calls[-1] == "place red_cube in drawer"
    assert any("contradicts" in text for text in cell.told("refuses"))


def test_a_prohibition_makes_another_plan_or_is_answered():
    cell = Cell(says={"grasp": ["never put it in the box"]})
    assert cell.run("put the red cube in the box").success
    assert cell.told("refuses")


def test_undo_takes_back_the_plan_and_the_file(tmp_path):
    path = tmp_path / "c.sqlite"
    cell = Cell(path, says={"grasp": ["close the drawer afterwards"], "place": ["undo that"]})
    assert cell.run("put the red cube in the drawer").success
    assert cell.world.calls[-1] == "place red_cube in drawer"
    with CorrectionStore(path) as store:
        assert store.all() == []


def test_as_before_keeps_what_is_remembered_for_other_situations(tmp_path):
    path = tmp_path / "c.sqlite"
    Cell(path, says={"grasp": ["close the drawer afterwards"]}).run("put the bread in the drawer")
    contradicted = Cell(path, says={"grasp": ["no, as before"]})
    contradicted.run("put the red cube in the drawer")
    assert contradicted.world.calls[-1] == "place red_cube in drawer"
    again = Cell(path)
    again.run("put the red cube in the drawer")
    assert again.world.calls[-1] == "place red_cube in drawer"
    assert not again.told("remembers")
    elsewhere = Cell(path)
    elsewhere.run("put the bread in the drawer")
    assert elsewhere.told("remembers")


def begun(cell: Cell, *said: str, call: SkillCall = PLACE_ON_TABLE, things=()) -> np.ndarray:
    """How far a call goes from its usual place when something is said as it begins."""
    wanted_things = things or (worlds.groceries()[0], worlds.groceries()[3])
    scene = worlds.scene(*wanted_things, held="can" if call.skill == "place" else None)
    plan = RulesPlanner(CARDS.values()).plan("put the can on the table", scene)
    cell.desk.recalled(replace(plan, calls=(call,)), scene)
    card = CARDS[call.skill]
    binding = bind_case(card.case(call.args), call.args, scene, _ABOVE)
    cell.desk.amended(replace(plan, calls=(call,)), scene)
    cell.desk.begins(call, scene, binding)
    for words in said:
        cell.desk.say(words)
    return cell.desk.wanted().shift_m


def test_an_offset_moves_the_spot_and_adds_up():
    assert begun(Cell(), "5 cm to the right") == pytest.approx([0.0, -0.05, 0.0], abs=0.011)
    twice = begun(Cell(), "5 cm to the right", "5 cm to the right")
    assert twice == pytest.approx([0.0, -0.10, 0.0], abs=0.011)


def test_an_offset_is_remembered_for_another_thing(tmp_path):
    path = tmp_path / "c.sqlite"
    cell = Cell(path)
    begun(cell, "5 cm to the right")
    cell.desk.close()
    milk, bottle = worlds.groceries()[3], worlds.groceries()[1]
    call = replace(PLACE_ON_TABLE, args={**PLACE_ON_TABLE.args, "object": "milk"})
    scene_things = (milk, bottle, worlds.groceries()[0])
    shift = begun(Cell(path), call=call, things=scene_things)
    assert shift[1] == pytest.approx(-0.05, abs=0.011)


@pytest.mark.parametrize(
    "said", ["2 m to the right", "9999 m up", "25 cm down", "55 cm away from the edge", "asdf qwer"]
)
def test_what_cannot_be_is_answered_and_changes_nothing(said):
    cell = Cell()
    assert begun(cell, said) == pytest.approx(np.zeros(3))
    assert len(cell.told("refuses")) == 1
    assert not cell.told("heeds")


def test_a_gap_is_kept_and_matters_only_where_the_thing_is(tmp_path):
    path = tmp_path / "c.sqlite"
    milk = replace(worlds.groceries()[3], T_base_entity=SE3.from_translation((0.4, 0.05, 0.09)))
    near = (worlds.groceries()[0], milk)
    cell = Cell(path)
    shift = begun(cell, "20 cm away from the milk", things=near)
    assert np.linalg.norm(shift) > 0.0
    cell.desk.close()
    alone = Cell(path)
    assert begun(alone, things=(worlds.groceries()[0],)) == pytest.approx(np.zeros(3))
    assert not alone.told("remembers")


def test_slower_has_a_limit_and_faster_only_takes_it_back():
    cell = Cell()
    begun(cell, *["much slower"] * 9)
    assert cell.desk.wanted().speed == SLOWEST
    cell.desk.say("faster")
    assert cell.desk.wanted().speed == pytest.approx(2 * SLOWEST)
    usual = Cell()
    begun(usual, "faster")
    assert usual.desk.wanted().speed == 1.0
    assert usual.told("refuses")


def test_a_flood_and_endless_words_do_not_end_the_run():
    cell = Cell(says={"grasp": ["x" * 100_000, *["asdf qwer"] * 40]})
    assert cell.run(ANY_CUBE).success
    assert len(cell.told("refuses")) == 41


def test_a_file_that_cannot_be_written_is_said_and_the_correction_heeded(tmp_path):
    path = tmp_path / "c.sqlite"
    cell = Cell(path, says={"grasp": ["the blue one instead"]})
    assert cell.desk._store is not None
    cell.desk._store.close()
    assert cell.desk._store.path == path
    cell.desk.recalled = lambda plan, scene: plan
    assert cell.run(ANY_CUBE).success
    assert cell.world.calls[0] == "grasp blue_cube"
    assert any("not kept" in text for text in cell.told("heeds"))


def test_corrections_said_at_a_time_wait_for_it():
    cell = Cell()
    begun(cell)
    cell.desk.say("5 cm to the right", at_s=2.0)
    assert cell.desk.wanted().shift_m == pytest.approx(np.zeros(3))
    cell.world.now_s = 2.0
    assert cell.desk.wanted().shift_m[1] == pytest.approx(-0.05, abs=0.011)


def test_every_event_is_json(tmp_path):
    import json

    cell = Cell(tmp_path / "c.sqlite", says={"grasp": ["the blue one instead", "asdf"]})
    cell.run(ANY_CUBE)
    events = cell.events.of_kind(EventKind.CORRECTION)
    assert len(list(map(partial(json.dumps, allow_nan=False), (dict(e.data) for e in events)))) == 2
