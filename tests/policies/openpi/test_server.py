import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from policies.faces import STATE
from policies.openpi.server import PolicyServer, ServerConfig
from policies.openpi.wire import OURS, pack, unpack
from robot_skills.core.errors import RefusedError, StorageError
from tests.policies.openpi.faces import CAMERA, CountingPolicy, state_history


@pytest.fixture
def policy() -> CountingPolicy:
    return CountingPolicy()


@pytest.fixture
def server(policy):
    with PolicyServer(policy, ServerConfig(port=0), name="count") as server:
        yield server


@pytest.fixture
def talk(server):
    """A connection that has heard the metadata."""
    with connect(server.url, compression=None, proxy=None) as connection:
        connection.recv(timeout=5.0)
        yield connection


def test_metadata_comes_first_and_describes_the_policy(server):
    with connect(server.url, compression=None, proxy=None) as connection:
        described = unpack(connection.recv(timeout=5.0))[OURS]
    assert described["name"] == "count"
    assert described["horizon"] == 4
    assert described["observation_steps"] == 2
    assert described["numbers"] == {STATE: 3}


def test_a_single_observation_is_answered_with_a_chunk_and_timing(talk, policy):
    talk.send(pack({STATE: np.ones(3), "prompt": "go", "unknown": [1, 2]}))
    answer = unpack(talk.recv(timeout=5.0))
    np.testing.assert_array_equal(answer["actions"], [[1.0 + i] * 3 for i in range(4)])
    assert answer["server_timing"]["infer_ms"] >= 0.0
    assert answer["done"] == 0.25
    assert policy.prompts == ["go"]


def test_a_history_is_taken_as_it_is(talk):
    talk.send(pack(state_history(0.0, 5.0)))
    assert unpack(talk.recv(timeout=5.0))["actions"][0, 0] == 5.0


def test_the_second_answer_says_how_long_the_first_took(talk):
    for _ in range(2):
        talk.send(pack(state_history(0.0, 1.0)))
        answer = unpack(talk.recv(timeout=5.0))
    assert answer["server_timing"]["prev_total_ms"] > 0.0


def test_a_seed_starts_a_new_episode(talk, policy):
    for seed in (7, None, 9):
        request = state_history(0.0, 0.0) | ({} if seed is None else {"seed": seed})
        talk.send(pack(request))
        last = unpack(talk.recv(timeout=5.0))["actions"][0, 0]
    assert policy.seeds == [7, 9]
    assert last == 9.0


def test_clients_that_take_turns_keep_their_own_episodes(server, policy):
    with connect(server.url, proxy=None) as a, connect(server.url, proxy=None) as b:
        for connection in (a, b):
            connection.recv(timeout=5.0)
        answers = []
        for connection, seed in ((a, 1), (b, 2), (a, None), (b, None)):
            request = state_history(0.0, 0.0) | ({} if seed is None else {"seed": seed})
            connection.send(pack(request))
            answers.append(float(unpack(connection.recv(timeout=5.0))["actions"][0, 0]))
    assert answers == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("hello", "text"),
        (b"\xc1", "not msgpack"),
        (pack([1, 2]), "a map"),
        (pack({}), "observation.state"),
        (pack({STATE: np.zeros(5)}), "shape"),
        (pack({STATE: np.full(3, np.nan)}), "not finite"),
        (pack({STATE: np.array(["a", "b", "c"])}), "numbers"),
        (pack({STATE: [[1], [1, 2]]}), "no array"),
        (pack(state_history(0.0, 0.0) | {"prompt": 3}), "prompt"),
        (pack(state_history(0.0, 0.0) | {"seed": -1}), "seed"),
        (pack(state_history(0.0, 0.0) | {"prompt": "break"}), "RuntimeError: the network broke"),
    ],
)
def test_a_bad_request_gets_one_line_of_text_and_ends_only_its_own_connection(
    server, frame, reason
):
    with connect(server.url, proxy=None) as connection:
        connection.recv(timeout=5.0)
        connection.send(frame)
        answer = connection.recv(timeout=5.0)
        assert isinstance(answer, str)
        assert reason in answer
        assert "\n" not in answer
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=5.0)
    with connect(server.url, proxy=None) as connection:
        connection.recv(timeout=5.0)
        connection.send(pack(state_history(0.0, 0.0)))
        assert isinstance(connection.recv(timeout=5.0), bytes)


def test_pictures_are_checked_too():
    with (
        PolicyServer(CountingPolicy(camera=True), ServerConfig(port=0)) as server,
        connect(server.url, proxy=None) as connection,
    ):
        connection.recv(timeout=5.0)
        request = {STATE: np.zeros(3), CAMERA: np.zeros((6, 8, 3), np.uint8)}
        connection.send(pack(request))
        assert isinstance(connection.recv(timeout=5.0), bytes)
        connection.send(pack(request | {CAMERA: np.zeros((6, 8, 3), np.float32)}))
        assert "uint8" in connection.recv(timeout=5.0)


def http_status(url: str) -> int:
    with urllib.request.urlopen(url.replace("ws://", "http://"), timeout=5.0) as response:
        return response.status


def test_healthz_answers_without_a_key(server):
    assert http_status(f"{server.url}/healthz") == 200


def test_only_who_shows_the_key_is_let_in(policy):
    with PolicyServer(policy, ServerConfig(port=0, api_key="open sesame")) as server:
        assert http_status(f"{server.url}/healthz") == 200
        for headers in (None, {"Authorization": "Api-Key open"}, {"Authorization": "open sesame"}):
            with pytest.raises(InvalidStatus) as refused:
                connect(server.url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 401
        headers = {"Authorization": "Api-Key open sesame"}
        with connect(server.url, additional_headers=headers, proxy=None) as connection:
            assert isinstance(connection.recv(timeout=5.0), bytes)


def test_web_pages_are_turned_away(server):
    with pytest.raises(InvalidStatus):
        connect(server.url, origin="http://evil.example", proxy=None)


def test_too_many_clients_are_told_to_come_back(policy):
    with (
        PolicyServer(policy, ServerConfig(port=0, max_clients=1)) as server,
        connect(server.url, proxy=None) as first,
    ):
        first.recv(timeout=5.0)
        with connect(server.url, proxy=None) as second, pytest.raises(ConnectionClosed):
            second.recv(timeout=5.0)
        first.send(pack(state_history(0.0, 0.0)))
        assert isinstance(first.recv(timeout=5.0), bytes)


def test_a_server_that_others_can_reach_needs_a_key():
    with pytest.raises(RefusedError, match="API key"):
        ServerConfig(host="0.0.0.0")
    assert ServerConfig(host="0.0.0.0", api_key="k").host == "0.0.0.0"


def test_a_port_in_use_is_named(server, policy):
    port = int(server.url.rsplit(":", 1)[1])
    with (
        pytest.raises(StorageError, match=str(port)),
        PolicyServer(policy, ServerConfig(port=port)),
    ):
        pass


def test_many_clients_at_once_each_get_their_own_answers(server):
    wrong: list[float] = []

    def client(value: float) -> None:
        with connect(server.url, proxy=None) as connection:
            connection.recv(timeout=5.0)
            for _ in range(10):
                connection.send(pack(state_history(0.0, value)))
                got = float(unpack(connection.recv(timeout=5.0))["actions"][0, 0])
                if got != value:
                    wrong.append(got)

    threads = [threading.Thread(target=client, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20.0)
    assert wrong == []
