"""Recordings of a model that plans for the written instructions."""

import json
from pathlib import Path

import pytest

from benchmarks.instructions.instruction import Half, load
from benchmarks.instructions.recorded import RECORDING, record, recorded_planner
from benchmarks.instructions.scenes import load_scene
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import PlanningError
from robot_skills.scheduler.models.chat import ChatReply, ChatRequest
from robot_skills.scheduler.models.errors import ExchangeError
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from robot_skills.skills.library import SkillLibrary

CARDS = list(SkillLibrary.load(zoo_dir()))
INSTRUCTIONS = load(Half.TUNED)[:3]


class Model:
    """Says that everything is too much for it."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, request: ChatRequest) -> ChatReply:
        self.asked += 1
        lists = ("goal", "on_the_way", "never", "untouched", "steps")
        answer = {"answer": "impossible", "say": f"no {self.asked}", **{key: [] for key in lists}}
        return ChatReply(text=json.dumps(answer))


def recording(path: Path, model: Model, name: str = "small") -> None:
    chat = RecordedChat(model, path, ExchangeMode.CACHE)
    assert record(chat, name, CARDS, INSTRUCTIONS, at_once=2) == len(INSTRUCTIONS)


def test_what_was_recorded_is_answered_again_and_nothing_is_asked_twice(tmp_path):
    model, path = Model(), tmp_path / "said.jsonl"
    recording(path, model)
    recording(path, model)
    assert model.asked == len(INSTRUCTIONS)
    planner = recorded_planner(CARDS, path)
    for one in INSTRUCTIONS:
        with pytest.raises(PlanningError, match="small says: no"):
            planner.plan(one.text, load_scene(one.scene))


def test_answers_of_two_models_are_no_recording_of_one(tmp_path):
    path = tmp_path / "said.jsonl"
    recording(path, Model(), "small")
    recording(path, Model(), "large")
    with pytest.raises(ExchangeError, match="2 models"):
        recorded_planner(CARDS, path)


def test_the_recording_answers_what_is_asked_today():
    planner = recorded_planner(CARDS)
    for one in load(Half.TUNED)[::10]:
        try:
            planner.plan(one.text, load_scene(one.scene))
        except PlanningError:
            assert one.refuse is not None, one.text
    assert RECORDING.stat().st_size < 4_000_000
