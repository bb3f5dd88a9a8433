"""Recordings of exchanges: what is replayed, what is refused, and what survives."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robot_skills.scheduler.models.chat import ChatRequest, Message, Picture, Role
from robot_skills.scheduler.models.errors import AskStoppedError, EndpointSlowError, ExchangeError
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig
from tests.scheduler.models.chats import ScriptedChat
from tests.scheduler.models.server import answers, serve

PICTURE = Picture(media_type="image/jpeg", data=b"jpeg")
REQUEST = ChatRequest(
    messages=(Message(role=Role.USER, parts=("hello", PICTURE)),), schema={}, model="fake"
)
OTHER = replace(REQUEST, temperature=1.0)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "exchanges.jsonl"


def record(path: Path, *answers_: str, requests=(REQUEST,)) -> None:
    chat = RecordedChat(ScriptedChat(list(answers_)), path, ExchangeMode.RECORD)
    for request in requests:
        chat.ask(request)


def replay(path: Path) -> RecordedChat:
    return RecordedChat(None, path, ExchangeMode.REPLAY)


def test_what_was_recorded_is_replayed_without_a_model(path):
    record(path, "first")
    chat = replay(path)
    reply = chat.ask(REQUEST)
    assert reply.text == "first"
    assert reply.prompt_tokens == 100
    assert chat.replayed == 1


def test_pictures_lie_beside_the_recording_under_their_hash(path):
    record(path, "first", "second", requests=(REQUEST, OTHER))
    (picture,) = (path.parent / "exchanges.jsonl.pictures").iterdir()
    assert picture.read_bytes() == b"jpeg"
    assert picture.stem in path.read_text()
    assert "jpeg;base64" not in path.read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "another"},
        {"temperature": None},
        {"max_tokens": 7},
        {"schema": None},
        {"messages": (Message(role=Role.SYSTEM, parts=("hello", PICTURE)),)},
        {"messages": (Message(role=Role.USER, parts=("hello",)),)},
    ],
)
def test_a_request_that_differs_in_anything_is_unknown(path, changes):
    record(path, "first")
    with pytest.raises(ExchangeError, match=r"exchanges\.jsonl holds no answer.*cache"):
        replay(path).ask(replace(REQUEST, **changes))


def test_a_request_made_again_is_answered_as_it_was_each_time(path):
    record(path, "first", "second", requests=(REQUEST, REQUEST))
    chat = replay(path)
    assert [chat.ask(REQUEST).text for _ in range(3)] == ["first", "second", "second"]


def test_a_cache_asks_only_for_what_it_does_not_know(path):
    record(path, "first")
    model = ScriptedChat(["new"])
    chat = RecordedChat(model, path, ExchangeMode.CACHE)
    assert [chat.ask(one).text for one in (REQUEST, OTHER, OTHER)] == ["first", "new", "new"]
    assert len(model.requests) == 1
    assert replay(path).ask(OTHER).text == "new"


def test_what_ended_in_an_error_does_so_again(path):
    chat = RecordedChat(
        ScriptedChat([EndpointSlowError("slow"), AskStoppedError("stop"), "late"]),
        path,
        ExchangeMode.RECORD,
    )
    for error in (EndpointSlowError, AskStoppedError):
        with pytest.raises(error):
            chat.ask(REQUEST)
    with pytest.raises(EndpointSlowError, match="slow"):
        replay(path).ask(REQUEST)
    cache = RecordedChat(ScriptedChat(["late"]), path, ExchangeMode.CACHE)
    assert cache.ask(REQUEST).text == "late"


def test_live_writes_nothing(path):
    RecordedChat(ScriptedChat(["first"]), path, ExchangeMode.LIVE).ask(REQUEST)
    assert not path.exists()


def test_a_recording_that_broke_off_loses_its_last_exchange_alone(path):
    record(path, "first", "second", requests=(REQUEST, OTHER))
    path.write_bytes(path.read_bytes()[:-30])
    chat = replay(path)
    assert chat.ask(REQUEST).text == "first"
    with pytest.raises(ExchangeError):
        chat.ask(OTHER)
    record(path, "again", requests=(OTHER,))
    assert replay(path).ask(OTHER).text == "again"
    assert replay(path).ask(REQUEST).text == "first"


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace('"first"', '"other"'),
        lambda line: line.replace("hello", "hallo"),
        lambda line: "not json",
        lambda line: "[]",
        lambda line: "",
        lambda line: json.dumps({**json.loads(line), "more": 1}),
        lambda line: "[" * 100_000,
    ],
)
def test_a_line_that_was_changed_is_refused(path, change):
    record(path, "first")
    path.write_text(change(path.read_text().rstrip("\n")) + "\n")
    with pytest.raises(ExchangeError, match="Line 1"):
        replay(path)


@pytest.mark.parametrize("mode", [ExchangeMode.RECORD, ExchangeMode.CACHE, ExchangeMode.REPLAY])
@pytest.mark.parametrize("text", ["my notes", "my notes\n", '{"name": 1}'])
def test_a_file_of_something_else_is_left_as_it_is(path, mode, text):
    path.write_text(text)
    with pytest.raises(ExchangeError):
        RecordedChat(ScriptedChat(["new"]), path, mode)
    assert path.read_text() == text


def test_a_recording_that_is_not_there_is_refused(path):
    with pytest.raises(ExchangeError, match="--exchange-mode record"):
        replay(path)


def test_no_key_is_in_a_recording(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serve(answers('{"key": "sk-secret"}')) as endpoint:
        model = OpenAiChat(OpenAiConfig(base_url=endpoint.url))
        RecordedChat(model, path, ExchangeMode.RECORD).ask(REQUEST)
        assert endpoint.keys == ["Bearer sk-secret"]
    assert "sk-secret" not in path.read_text()
