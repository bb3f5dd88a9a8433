"""A model may doubt what went well, and nothing else; what it says is read as data."""

import json

import numpy as np
import pytest

from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.scheduler.model_critic import ModelCritic
from robot_skills.scheduler.models.chat import Picture
from robot_skills.scheduler.models.errors import EndpointDownError
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from tests.scheduler import worlds
from tests.scheduler.models.chats import ScriptedChat
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive, nothing

GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
BEFORE, AFTER = worlds.kitchen(), worlds.kitchen(held="red_cube")
SURE = json.dumps({"done": True, "why": ""})
UNSURE = json.dumps({"done": False, "why": "the hand\nis empty"})


def critic(*script, **more) -> tuple[ModelCritic, ScriptedChat]:
    chat = ScriptedChat(list(script))
    return ModelCritic(chat, "a-model", worlds.cards().values(), **more), chat


def test_a_model_that_is_content_says_nothing():
    one, chat = critic(SURE)
    assert one.doubt(GRASP, BEFORE, AFTER) == ""
    asked = chat.requests[0].messages[-1].parts[0]
    assert "holding(red_cube)" in str(asked)
    assert chat.requests[0].schema is not None


def test_a_doubt_is_one_line_of_words():
    one, _ = critic(UNSURE)
    assert one.doubt(GRASP, BEFORE, AFTER) == "a second opinion doubts it: the hand is empty"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        "[1]",
        json.dumps({"done": "yes", "why": ""}),
        json.dumps({"done": False}),
        json.dumps({"done": False, "why": "", "skill": "open"}),
        "[" * 5000,
    ],
)
def test_an_answer_of_another_form_is_no_doubt(answer):
    one, _ = critic(answer)
    assert one.doubt(GRASP, BEFORE, AFTER) == ""


def test_a_model_that_cannot_be_asked_has_no_doubts():
    one, _ = critic(EndpointDownError("gone"))
    assert one.doubt(GRASP, BEFORE, AFTER) == ""


def test_a_model_that_sees_is_shown_the_pictures():
    one, chat = critic(SURE, pictures=lambda: {"front": np.zeros((20, 30, 3), dtype=np.uint8)})
    one.doubt(GRASP, BEFORE, AFTER)
    assert any(isinstance(part, Picture) for part in chat.requests[0].messages[-1].parts)


def test_what_was_recorded_is_said_again_without_the_model(tmp_path):
    recording = tmp_path / "exchanges.jsonl"
    live = RecordedChat(ScriptedChat([UNSURE]), recording, ExchangeMode.RECORD)
    said = ModelCritic(live, "a-model", worlds.cards().values()).doubt(GRASP, BEFORE, AFTER)
    replayed = RecordedChat(None, recording, ExchangeMode.REPLAY)
    again = ModelCritic(replayed, "a-model", worlds.cards().values())
    assert again.doubt(GRASP, BEFORE, AFTER) == said != ""


def test_a_doubt_is_an_event_and_leads_to_another_look_which_counts():
    world, events = FakeWorld(worlds.kitchen()), EventList()
    one, _ = critic(UNSURE, SURE)
    result = executive(world, events, second=one).run(PUT)
    assert result.success
    assert world.looks == 3
    surprises = [event.data.get("surprises", []) for event in events.of_kind(EventKind.EFFECTS)]
    assert ["a second opinion doubts it: the hand is empty"] in surprises


def test_what_the_other_look_shows_to_have_failed_is_tried_again():
    world = FakeWorld(worlds.kitchen())

    class Slips:
        """Doubts the first grasp; the thing has slipped out by the time of the next look."""

        def __init__(self) -> None:
            self.asked = 0

        def doubt(self, call, before, after) -> str:
            self.asked += 1
            if self.asked == 1:
                world.scene = dropped("red_cube")(world.scene)
                return "it slips"
            return ""

    result = executive(world, second=Slips()).run(PUT)
    assert result.success
    assert world.calls == ["grasp red_cube", "grasp red_cube", "place red_cube in box"]


def test_a_failure_stays_one_and_the_model_is_not_even_asked():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)] * 9})
    one, chat = critic(SURE)
    result = executive(world, second=one).run(PUT)
    assert not result.success
    assert not chat.requests
