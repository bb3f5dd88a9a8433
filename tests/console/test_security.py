import http.client
import json
import logging
import shutil
import ssl
import subprocess

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from robot_skills.console.config import ConsoleConfig
from robot_skills.console.server import ConsoleServer
from robot_skills.core.errors import RefusedError
from tests.console.clients import Page
from tests.console.conftest import TOKEN
from tests.console.fakes import FakeBackend

BEARER = {"authorization": f"Bearer {TOKEN}"}
PATHS = [
    "/",
    "/web/js/main.js",
    "/api/library",
    "/api/episodes/3/curves",
    "/api/episodes/3/colour?camera=front&at_s=1",
    "/view3d/",
    "/nothing",
]


def _logged_in(console) -> httpx.Client:
    client = httpx.Client(base_url=console.base)
    client.get("/", params={"token": TOKEN})
    return client


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_served_without_the_token(console, path):
    assert httpx.get(console.base + path).status_code == 401
    wrong = {"authorization": f"Bearer {'0' * 32}"}
    assert httpx.get(console.base + path, headers=wrong).status_code == 401


def test_login_hands_out_a_strict_cookie_and_hides_the_token(console):
    client = httpx.Client(base_url=console.base)
    answer = client.get("/", params={"token": TOKEN})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/").status_code == 200


def test_wrong_token_at_login_is_refused(console):
    answer = httpx.get(console.base, params={"token": "f" * 32})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_foreign_host_and_origin_are_refused_even_with_the_token(console, path):
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
        assert httpx.get(console.base + path, headers=BEARER | headers).status_code == 403
    assert httpx.get(console.base + path, headers=BEARER | {"origin": "null"}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"authorization": f"Bearer {'0' * 32}"}, 401),
        (BEARER | {"host": "evil.example"}, 403),
        (BEARER | {"origin": "http://evil.example"}, 403),
    ],
)
def test_stop_by_post_needs_token_and_origin(console, headers, status):
    answer = httpx.post(f"{console.base}/api/estop", headers=headers, json={})
    assert answer.status_code == status
    assert console.backend.calls == []


def test_cookie_alone_changes_nothing_without_an_origin(console):
    client = _logged_in(console)
    assert client.post("/api/estop", json={}).status_code == 403
    assert console.backend.calls == []
    answer = client.post("/api/estop", json={}, headers={"origin": console.base})
    assert answer.status_code == 200
    assert console.backend.names() == ["wish"]


@pytest.mark.parametrize("path", ["/ws", "/view3d"])
@pytest.mark.parametrize(
    ("headers", "origin", "status"),
    [
        ({}, "own", 401),
        ({"authorization": f"Bearer {'0' * 32}"}, "own", 401),
        (BEARER, "http://evil.example", 403),
        (BEARER | {"Host": "evil.example"}, None, 403),
        ({}, None, 403),
    ],
)
def test_sockets_are_judged_before_they_open(console, path, headers, origin, status):
    origin = console.base if origin == "own" else origin
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{console.host}{path}", additional_headers=headers, origin=origin, proxy=None)
    assert refused.value.response.status_code == status
    assert console.backend.calls == []


def test_cookie_and_own_origin_open_the_socket(console):
    client = _logged_in(console)
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with connect(
        f"ws://{console.host}/ws",
        additional_headers={"Cookie": cookie},
        origin=console.base,
        proxy=None,
    ) as socket:
        assert json.loads(socket.recv(timeout=10.0))["type"] in ("hello", "status")


@pytest.mark.parametrize("path", ["/api/estop", "/api/episodes/3"])
def test_get_changes_nothing(console, path):
    before = console.library.episodes()
    assert httpx.get(console.base + path, headers=BEARER).status_code == 405
    assert console.backend.calls == []
    assert console.library.episodes() == before


def test_changes_are_json_only(console):
    answer = httpx.post(f"{console.base}/api/estop", headers=BEARER, data={"a": "b"})
    assert answer.status_code == 415
    assert console.backend.calls == []


def test_oversize_request_is_refused(console):
    body = json.dumps({"label": "x" * 100_000})
    headers = BEARER | {"content-type": "application/json"}
    before = console.library.episodes()
    answer = httpx.post(f"{console.base}/api/episodes/3", headers=headers, content=body)
    assert answer.status_code == 413
    chunked = (part.encode() for part in (body[:50_000], body[50_000:]))
    answer = httpx.post(f"{console.base}/api/episodes/3", headers=headers, content=chunked)
    assert answer.status_code >= 400
    assert console.library.episodes() == before


def test_oversize_message_closes_the_socket_and_does_nothing(console):
    with Page(console.server.port) as page:
        page.take()
        page.send("say", words="x" * 100_000)
        with pytest.raises(ConnectionClosed):
            page.wait("never")
    assert "say" not in console.backend.names()


@pytest.mark.parametrize(
    "message",
    ["", "[]", "nonsense", '{"type":"reboot"}', '{"type":"__class__"}', "[" * 20_000, '{"a":1}'],
)
def test_nonsense_is_answered_and_does_nothing(console, message):
    with Page(console.server.port) as page:
        page.take()
        page.socket.send(message)
        assert page.wait("refused")["what"] == "message"
    assert set(console.backend.names()) <= {"hand_gone"}


def test_guesses_are_limited_but_open_sessions_go_on(console):
    client = _logged_in(console)
    answers = [
        httpx.get(console.base, params={"token": f"{n:032x}"}).status_code for n in range(12)
    ]
    assert answers == [401] * 10 + [429] * 2
    assert httpx.get(console.base, params={"token": TOKEN}).status_code == 429
    assert client.get("/").status_code == 200


def test_every_answer_carries_the_policies(console):
    client = _logged_in(console)
    for path in ("/", "/web/js/main.js", "/api/library", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    policy = client.get("/view3d/").headers["content-security-policy"]
    assert "'unsafe-inline' 'wasm" not in policy
    assert policy.count("'sha256-") == 2


def test_page_names_no_foreign_address(console):
    client = _logged_in(console)
    page = client.get("/").text
    assert "//" not in page.replace("<!doctype html>", "")
    assert "style=" not in page
    assert "onclick" not in page


def test_paths_do_not_leave_the_folder(console):
    connection = http.client.HTTPConnection(console.host, timeout=10.0)
    for path in ("/web/../server.py", "/web/%2e%2e/server.py", "/view3d/../../__init__.py"):
        connection.request("GET", path, headers=BEARER)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404
    connection.close()


def test_log_never_holds_the_token(console, caplog):
    with caplog.at_level(logging.DEBUG):
        _logged_in(console)
        httpx.get(console.base, params={"token": "e" * 32})
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert any("opened" in line for line in ours)
    assert not any(TOKEN in line or "e" * 32 in line for line in ours)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "robot.example"])
def test_opening_to_the_network_needs_tls_or_a_word(host):
    with pytest.raises(RefusedError, match="network"):
        ConsoleConfig(host=host)
    assert ConsoleConfig(host=host, insecure=True).insecure


def test_contradictions_are_refused(tmp_path):
    with pytest.raises(RefusedError, match="128 bits"):
        ConsoleConfig(token="secret")
    with pytest.raises(RefusedError, match="key"):
        ConsoleConfig(tls_certificate=tmp_path / "certificate.pem")
    with pytest.raises(RefusedError, match="heartbeat_s"):
        ConsoleConfig(heartbeat_s=0.0)
    assert ConsoleConfig().token != ConsoleConfig().token
    assert ConsoleConfig().token not in repr(ConsoleConfig())


def test_taken_port_is_refused(console):
    other = ConsoleServer(FakeBackend(), None, ConsoleConfig(port=console.server.port))
    with pytest.raises(RefusedError, match="listen"):
        other.start()


def test_certificate_that_does_not_load_is_refused(tmp_path):
    for name in ("certificate", "key"):
        (tmp_path / name).write_text("nothing")
    config = ConsoleConfig(
        port=0, tls_certificate=tmp_path / "certificate", tls_key=tmp_path / "key"
    )
    with pytest.raises(RefusedError, match="certificate"):
        ConsoleServer(FakeBackend(), None, config).start()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_page_over_tls_has_a_secure_cookie(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    config = ConsoleConfig(port=0, token=TOKEN, tls_certificate=certificate, tls_key=key)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with ConsoleServer(FakeBackend(), None, config) as server:
        answer = httpx.get(server.url, verify=context)
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        assert server.url.startswith("https://")
