import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from websockets.sync.server import ServerConnection, serve

from policies.faces import STATE, TaskOfSkill
from policies.openpi.client import ClientConfig, OpenPiPolicy, RemoteContract, RemoteField
from policies.openpi.server import PolicyServer, ServerConfig
from policies.openpi.wire import RemotePolicyError, pack, unpack
from robot_skills.core.errors import RefusedError
from tests.contracts.test_policy_contract import HoldPolicy, make_input
from tests.policies.openpi.faces import CountingPolicy, state_history

FOREIGN = RemoteContract(period_s=0.05, horizon=2, action=3, numbers={STATE: 3})


@contextmanager
def foreign_server(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server that does what the handler does."""
    server = serve(handler, "127.0.0.1", 0, compression=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def remote_of(
    handler: Callable[[ServerConnection], None], contract: RemoteContract = FOREIGN
) -> Iterator[OpenPiPolicy]:
    """A client of a server that does what the handler does."""
    config = ClientConfig(contract=contract)
    with foreign_server(handler) as url, OpenPiPolicy(url, config) as remote:
        yield remote


def answering(*answers: object, heard: list | None = None) -> Callable[[ServerConnection], None]:
    """Metadata, then one answer per request."""

    def handler(connection: ServerConnection) -> None:
        connection.send(pack({"robot": "other"}))
        for answer, frame in zip(answers, connection, strict=False):
            if heard is not None:
                heard.append(unpack(frame))
            connection.send(answer if isinstance(answer, (str, bytes)) else pack(answer))

    return handler


@pytest.fixture
def served():
    policy = CountingPolicy()
    with PolicyServer(policy, ServerConfig(port=0)) as server:
        yield policy, server


def test_our_server_needs_no_declaration(served):
    policy, server = served
    with OpenPiPolicy(server.url) as remote:
        assert (remote.horizon, remote.observation_steps, remote.period_s) == (4, 2, 0.1)
        assert remote.sizes == policy.sizes
        remote.reset(3)
        chunk = remote.infer(state_history(0.0, 1.0), "go")
    np.testing.assert_array_equal(chunk.actions, [[4.0 + i] * 3 for i in range(4)])
    assert chunk.actions.dtype == np.float32
    assert chunk.done == 0.25
    assert policy.prompts == ["go"]
    assert policy.seeds == [3]


def test_a_skill_can_be_served_and_used_as_if_it_were_here():
    local = HoldPolicy()
    server = PolicyServer(TaskOfSkill(local), ServerConfig(port=0))
    with server, OpenPiPolicy(server.url) as remote:
        skill = remote.skill()
        skill.reset(0)
        inputs = make_input(skill)
        far, near = skill.infer(inputs), local.infer(inputs)
    np.testing.assert_allclose(far.T_base_tool, near.T_base_tool, atol=1e-6)
    np.testing.assert_allclose(far.opening, near.opening, atol=1e-6)
    assert far.done == near.done


def test_a_policy_that_is_no_skill_is_refused_as_one(served):
    with (
        OpenPiPolicy(served[1].url) as remote,
        pytest.raises(RefusedError, match=r"this policy sees observation\.state \(3\)"),
    ):
        remote.skill()


def test_a_foreign_server_needs_a_declared_contract():
    with foreign_server(answering()) as url, pytest.raises(RefusedError, match="RemoteContract"):
        OpenPiPolicy(url).connect()


def test_a_foreign_server_gets_its_own_names_and_one_observation():
    heard: list = []
    contract = RemoteContract(
        period_s=0.05,
        horizon=2,
        action=3,
        numbers={STATE: 3},
        pictures={"observation.images.front": [4, 5]},
        fields=[
            RemoteField(key="observation/joint_position", source=STATE, stop=2),
            RemoteField(key="observation/gripper_position", source=STATE, start=2),
            RemoteField(key="observation/image", source="observation.images.front"),
        ],
    )
    answer = {"actions": np.ones((5, 3)), "server_timing": {"infer_ms": 2.0}}
    history = {
        STATE: np.array([[1.0, 2.0, 3.0]]),
        "observation.images.front": np.zeros((1, 4, 5, 3), np.uint8),
    }
    with remote_of(answering(answer, heard=heard), contract) as remote:
        remote.reset(1)
        chunk = remote.infer(history, "pick it up")
        assert remote.latency.server_p50_ms == 2.0
    assert chunk.actions.shape == (2, 3)
    assert chunk.done == 0.0
    (request,) = heard
    assert set(request) == {
        "observation/joint_position",
        "observation/gripper_position",
        "observation/image",
        "prompt",
    }
    np.testing.assert_array_equal(request["observation/joint_position"], [1.0, 2.0])
    np.testing.assert_array_equal(request["observation/gripper_position"], [3.0])
    assert request["observation/image"].shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "Traceback (most recent call last):\n  File\nValueError: bad obs\n",
            "ValueError: bad obs",
        ),
        ({"nothing": 1}, "actions"),
        ({"actions": np.ones(3)}, "shape"),
        ({"actions": np.ones((2, 4))}, "shape"),
        ({"actions": np.ones((1, 3))}, "shape"),
        ({"actions": np.full((2, 3), np.inf)}, "not finite"),
        ({"actions": np.array([["a"] * 3] * 2)}, "actions are"),
        ({"actions": np.ones((2, 3)), "done": 2.0}, "done"),
        ({"actions": np.ones((2, 3)), "done": float("nan")}, "done"),
        (b"\xc1", "not msgpack"),
    ],
)
def test_a_wrong_answer_never_becomes_a_chunk(answer, reason):
    with remote_of(answering(answer)) as remote:
        with pytest.raises(RemotePolicyError, match=reason) as error:
            remote.infer({STATE: np.zeros((1, 3))}, "")
        assert "\n" not in str(error.value)


def test_a_broken_connection_is_made_again_and_told_of_the_episode(served):
    policy, server = served
    with OpenPiPolicy(server.url) as remote:
        remote.reset(5)
        remote.infer(state_history(0.0, 0.0), "")
        remote._connection.close()
        chunk = remote.infer(state_history(0.0, 0.0), "")
        assert remote.latency.reconnects == 1
    assert chunk.actions[0, 0] == 5.0
    assert policy.seeds == [5, 5]


def test_a_server_that_keeps_hanging_up_is_given_up_on():
    def hang_up(connection: ServerConnection) -> None:
        connection.send(pack({}))
        connection.recv()

    with remote_of(hang_up) as remote, pytest.raises(RemotePolicyError, match="hung up"):
        remote.infer({STATE: np.zeros((1, 3))}, "")


def test_a_late_chunk_is_dropped_and_never_taken_for_the_next_one():
    slow_first = CountingPolicy(delay_s=0.5)
    server = PolicyServer(slow_first, ServerConfig(port=0))
    with server, OpenPiPolicy(server.url, ClientConfig(infer_timeout_s=0.2)) as remote:
        with pytest.raises(RemotePolicyError, match=r"within 0\.2 s"):
            remote.infer(state_history(0.0, 1.0), "")
        slow_first.delay_s = 0.0
        time.sleep(0.5)
        chunk = remote.infer(state_history(0.0, 9.0), "")
    assert chunk.actions[0, 0] == 9.0


def test_an_observation_that_does_not_fit_is_not_sent(served):
    policy, server = served
    with OpenPiPolicy(server.url) as remote:
        with pytest.raises(RefusedError, match=r"observation\.state"):
            remote.infer({}, "")
        with pytest.raises(RefusedError, match="shape"):
            remote.infer({STATE: np.zeros((1, 3))}, "")
    assert policy.prompts == []


def test_a_key_is_shown_and_a_wrong_one_named():
    config = ServerConfig(port=0, api_key="right")
    with PolicyServer(CountingPolicy(), config) as server:
        with OpenPiPolicy(server.url, ClientConfig(api_key="right")) as remote:
            assert remote.horizon == 4
        with pytest.raises(RemotePolicyError, match="401"):
            OpenPiPolicy(server.url, ClientConfig(api_key="wrong")).connect()


def test_nobody_there_is_said_in_one_line():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(RemotePolicyError, match="cannot be reached"):
            OpenPiPolicy(f"ws://127.0.0.1:{port}").connect()


def test_an_address_that_is_none_is_refused():
    with pytest.raises(RefusedError, match="ws://host:port"):
        OpenPiPolicy("here").connect()


def test_a_description_that_lies_is_refused():
    def lie(connection: ServerConnection) -> None:
        connection.send(pack({"robot_skills": {"version": 1, "horizon": -3}}))

    with foreign_server(lie) as url, pytest.raises(RemotePolicyError, match="description"):
        OpenPiPolicy(url).connect()


def test_latency_counts_every_chunk(served):
    with OpenPiPolicy(served[1].url) as remote:
        for _ in range(3):
            remote.infer(state_history(0.0, 0.0), "")
        stats = remote.latency
    assert stats.n == 3
    assert 0.0 < stats.p50_ms <= stats.p95_ms <= stats.max_ms


def test_client_loads_neither_torch_nor_lerobot():
    code = "import policies.openpi.client, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "lerobot", "diffusers", "mujoco"} & set(loaded.stdout.split())
