"""Asking an endpoint that answers, is slow, fails, or sends what nobody asked for."""

import threading

import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.scheduler.models.chat import (
    TOO_LONG,
    ChatReply,
    ChatRequest,
    Message,
    Picture,
    Role,
)
from robot_skills.scheduler.models.errors import (
    AnswerFormatError,
    AnswerTooLongError,
    AnswerTruncatedError,
    AskStoppedError,
    EndpointDownError,
    EndpointSlowError,
    ModelError,
    RateLimitedError,
    RequestRefusedError,
    WrongKeyError,
)
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig, retry_after_s
from tests.scheduler.models import server
from tests.scheduler.models.server import answers, serve, status, takes_no

KEY = "sk-very-secret-0123456789"
VARIABLE = "ROBOT_SKILLS_TEST_KEY"
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
REQUEST = ChatRequest(
    messages=(Message(role=Role.USER, parts=("hello",)),), schema=SCHEMA, model="fake"
)


def chat(endpoint: server.Endpoint, **config) -> OpenAiChat:
    wanted = {"connect_timeout_s": 2.0, "deadline_s": 20.0, "backoff_s": 0.01, **config}
    return OpenAiChat(OpenAiConfig(base_url=endpoint.url, **wanted))


def ask(*script: server.Behaviour, **config) -> tuple[ChatReply, server.Endpoint]:
    with serve(*script) as endpoint:
        return chat(endpoint, **config).ask(REQUEST), endpoint


def error_of(*script: server.Behaviour, **config) -> tuple[ModelError, server.Endpoint]:
    with serve(*script) as endpoint:
        with pytest.raises(ModelError) as caught:
            chat(endpoint, **config).ask(REQUEST)
        return caught.value, endpoint


def test_an_answer_comes_whole_with_its_tokens():
    reply, endpoint = ask(answers('{"a": "longer than one piece"}'))
    assert reply.text == '{"a": "longer than one piece"}'
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (100, 20, 60)
    assert reply.counted
    assert reply.finish_reason == "stop"
    assert reply.model == "fake"
    body = endpoint.bodies[0]
    assert body["stream"] is True
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["messages"] == [{"role": "user", "content": "hello"}]


def test_tokens_that_nobody_counted_are_estimated():
    reply, _ = ask(answers("x" * 300, usage=False))
    assert not reply.counted
    assert reply.completion_tokens >= 100


def test_pictures_are_sent_in_the_message():
    picture = Picture(media_type="image/jpeg", data=b"\xff\xd8")
    message = Message(role=Role.USER, parts=("look", picture))
    with serve(answers("{}")) as endpoint:
        chat(endpoint).ask(ChatRequest(messages=(message,), model="fake"))
    text, image = endpoint.bodies[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "look"}
    assert image["image_url"]["url"] == "data:image/jpeg;base64,/9g="
    assert "response_format" not in endpoint.bodies[0]


def test_nobody_there():
    config = OpenAiConfig(base_url=f"http://127.0.0.1:{server.free_port()}/v1", backoff_s=0.01)
    with pytest.raises(EndpointDownError, match="--base-url"):
        OpenAiChat(config).ask(REQUEST)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (server.resets, EndpointDownError),
        (status(500), EndpointDownError),
        (status(503), EndpointDownError),
        (status(401), WrongKeyError),
        (status(403), WrongKeyError),
        (status(404), RequestRefusedError),
        (status(429), RateLimitedError),
        (status(400), RequestRefusedError),
        (server.breaks_off, AnswerTruncatedError),
        (server.babbles, AnswerFormatError),
        (server.compresses, AnswerFormatError),
        (server.redirects, EndpointDownError),
        (server.one_endless_line, AnswerTooLongError),
    ],
)
def test_every_fault_has_an_error_of_its_own_that_says_what_to_do(behaviour, error):
    found, _ = error_of(behaviour)
    assert type(found) is error
    assert "\n" not in str(found)
    assert isinstance(found, RefusedError)


@pytest.mark.parametrize("behaviour", [server.slow_headers, server.slow_tokens])
def test_one_deadline_holds_for_everything(behaviour):
    found, _ = error_of(behaviour, deadline_s=0.3)
    assert type(found) is EndpointSlowError


@pytest.mark.parametrize("behaviour", [server.slow_headers, server.slow_tokens])
def test_a_request_to_stop_ends_the_waiting(behaviour):
    stop = threading.Event()

    def asks_to_stop(handler, body):
        stop.set()
        behaviour(handler, body)

    with serve(asks_to_stop) as endpoint:
        config = OpenAiConfig(base_url=endpoint.url, deadline_s=250.0)
        with pytest.raises(AskStoppedError):
            OpenAiChat(config, stop.is_set).ask(REQUEST)


def test_what_is_too_long_is_not_read_on():
    reply, _ = ask(server.talks_for_ever, max_characters=10_000)
    assert reply.finish_reason == TOO_LONG
    assert len(reply.text) < 20_000


def test_a_cut_off_answer_says_so():
    reply, _ = ask(answers('{"answer"', finish="length"))
    assert reply.finish_reason == "length"


@pytest.mark.parametrize("first", [server.resets, status(500), status(429), status(503)])
def test_what_may_help_is_tried_again(first):
    reply, endpoint = ask(first, answers("{}"))
    assert reply.text == "{}"
    assert len(endpoint.bodies) == 2


def test_repetitions_are_bounded():
    _, endpoint = error_of(status(500), retries=2)
    assert len(endpoint.bodies) == 3


def test_a_wrong_key_and_an_empty_account_are_not_tried_again():
    assert len(error_of(status(401))[1].bodies) == 1
    found, endpoint = error_of(status(429, code="insufficient_quota"))
    assert type(found) is RateLimitedError
    assert len(endpoint.bodies) == 1


def test_nobody_waits_for_a_time_behind_the_deadline():
    found, endpoint = error_of(status(429, headers=[("Retry-After", "3600")]))
    assert type(found) is RateLimitedError
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("2", 2.0), ("-1", 0.0), ("nan", 0.0), ("soon", 0.0), ("", 0.0)]
)
def test_retry_after_is_a_number_of_seconds(text, seconds):
    assert retry_after_s(text) == seconds


def test_retry_after_can_be_a_date():
    assert retry_after_s("Wed, 21 Oct 2065 07:28:00 GMT") > 1e8
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def forms(endpoint: server.Endpoint) -> list[str | None]:
    return [body.get("response_format", {}).get("type") for body in endpoint.bodies]


def test_the_strictest_form_that_is_taken_is_learned_once():
    no_schema = takes_no("json_schema", answers("{}"))
    with serve(no_schema) as endpoint:
        model = chat(endpoint)
        model.ask(REQUEST)
        model.ask(REQUEST)
    assert forms(endpoint) == ["json_schema", "json_object", "json_object"]


def test_where_no_form_is_taken_text_is_asked_for():
    neither = takes_no("json_schema", takes_no("json_object", answers("{}")))
    reply, endpoint = ask(neither)
    assert reply.text == "{}"
    assert forms(endpoint) == ["json_schema", "json_object", None]


def test_a_temperature_that_is_not_taken_is_left_out_and_the_form_kept():
    def only_default(handler, body):
        refused = status(400, "Unsupported value", param="temperature")
        (refused if "temperature" in body else answers("{}"))(handler, body)

    _, endpoint = ask(only_default)
    assert forms(endpoint) == ["json_schema", "json_schema"]


def test_a_request_that_is_refused_in_every_form_says_what_the_server_said():
    found, _ = error_of(status(400, "context\nlength exceeded"))
    assert "context length exceeded" in str(found)


# Keys


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    return KEY


def test_a_key_comes_from_the_environment_and_is_shown_nowhere(key, caplog):
    with serve(status(400, f"bad request with {KEY}"), answers(f"you sent {KEY}")) as endpoint:
        model = chat(endpoint, key_variable=VARIABLE)
        caplog.set_level("DEBUG")
        endpoint.script.insert(0, status(401, f"Incorrect key {KEY}"))
        with pytest.raises(WrongKeyError) as caught:
            model.ask(REQUEST)
        reply = model.ask(REQUEST)
        assert endpoint.keys == [f"Bearer {KEY}"] * 3
    for shown in (str(caught.value), repr(caught.value), repr(model), reply.text, caplog.text):
        assert KEY not in shown
    assert VARIABLE in str(caught.value)
    refused, _ = error_of(status(400, f"bad request with {KEY}"), key_variable=VARIABLE)
    assert KEY not in str(refused)


def test_a_placeholder_for_a_key_takes_no_letter_out_of_an_answer(monkeypatch):
    monkeypatch.setenv(VARIABLE, "x")
    with serve(answers("the red box")) as endpoint:
        assert chat(endpoint, key_variable=VARIABLE).ask(REQUEST).text == "the red box"


def test_without_a_key_none_is_sent(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    _, endpoint = ask(answers("{}"))
    assert endpoint.keys == [None]


@pytest.mark.parametrize("wrong", ["sk-\u00e9t\u00e9", "two words", "sk-a\x07b"])
def test_what_is_no_key_is_not_sent_and_not_shown(wrong, monkeypatch):
    monkeypatch.setenv(VARIABLE, wrong)
    found, endpoint = error_of(answers("{}"), key_variable=VARIABLE)
    assert type(found) is WrongKeyError
    assert wrong not in str(found)
    assert endpoint.bodies == []


def test_a_key_that_was_named_has_to_be_there(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    found, endpoint = error_of(answers("{}"), key_variable=VARIABLE)
    assert type(found) is WrongKeyError
    assert VARIABLE in str(found)
    assert endpoint.bodies == []


def test_the_usual_key_is_told_to_nobody_who_could_be_overheard(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert OpenAiConfig(base_url="http://10.0.0.5:8000/v1").key() == ""
    assert OpenAiConfig(base_url="http://127.0.0.1:8000/v1").key() == KEY
    assert OpenAiConfig(base_url="https://example.com/v1").key() == KEY
    monkeypatch.setenv(VARIABLE, "another")
    named = OpenAiConfig(base_url="http://10.0.0.5:8000/v1", key_variable=VARIABLE)
    assert named.key() == "another"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://a/v1",
        "http://me:pw@a/v1",
        "http://",
        "http://[::1/v1",
        "http://a:port/v1",
        "http://a b/v1",
        "http://a\n/v1",
    ],
)
def test_addresses_that_are_none_are_refused(url):
    with pytest.raises(RefusedError):
        OpenAiConfig(base_url=url)
