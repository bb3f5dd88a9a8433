import re
from dataclasses import replace

import httpx
import pytest
import viser
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from robot_skills.console.view3d import View3d
from robot_skills.console.view3d_proxy import script_sources
from tests.console.conftest import TOKEN
from tests.console.fakes import FakeBackend, scene

PROTOCOL = Subprotocol(f"viser-v{viser.__version__}")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("arm", [None, scene()])
def test_statuses_are_drawn_with_and_without_an_arm(arm):
    view = View3d(arm)
    view.start()
    status = FakeBackend().status()
    view.draw(status)
    view.draw(replace(status, things=status.things[:1], path_m={}))
    view.draw(replace(status, things=(), arms={}))
    view.stop()
    view.stop()
    view.draw(status)


def test_nothing_is_printed_on_stdout(capsys):
    view = View3d()
    view.start()
    view.stop()
    assert capsys.readouterr().out == ""


def test_messages_pass_towards_the_page_only(console):
    with connect(
        f"ws://{console.host}/view3d",
        additional_headers=BEARER,
        subprotocols=[PROTOCOL],
        proxy=None,
    ) as socket:
        assert socket.subprotocol == PROTOCOL
        assert len(socket.recv(timeout=10.0)) > 0
        # viser closes the connection on what it cannot read; this never gets there.
        for _ in range(5):
            socket.send(b"nothing that viser understands")
        console.backend.p_base_tool = console.backend.p_base_tool + 0.01
        assert len(socket.recv(timeout=10.0)) > 0


def test_page_of_another_make_is_allowed_its_scripts():
    assert script_sources(b"<html><script>let a = 1</script></html>") == "'unsafe-inline'"


def test_scripts_of_the_page_are_known_by_their_hashes(console):
    policy = httpx.get(f"{console.base}/view3d/", headers=BEARER).headers["content-security-policy"]
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
