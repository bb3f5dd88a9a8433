from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from robot_skills.console.config import ConsoleConfig
from robot_skills.console.guard import FailedLogins
from robot_skills.console.server import ConsoleServer
from tests.console.fakes import FakeBackend, FakeLibrary, scene

TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass
class Console:
    """A console that runs, and what stands behind it."""

    server: ConsoleServer
    backend: FakeBackend
    library: FakeLibrary

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def base(self) -> str:
        return f"http://{self.host}"


def _started() -> Iterator[Console]:
    backend, library = FakeBackend(), FakeLibrary()
    # Two shared cores: a page may be silent for longer here than at a robot.
    config = ConsoleConfig(port=0, token=TOKEN, heartbeat_s=1.0, lease_s=10.0)
    with ConsoleServer(backend, library, config, scene()) as server:
        yield Console(server, backend, library)


fresh_console = pytest.fixture(_started, name="fresh_console")
"""A console of its own."""
_shared = pytest.fixture(_started, name="_shared", scope="session")


@pytest.fixture
def console(_shared: Console) -> Iterator[Console]:
    """A console that all tests share, as if it were new; starting one takes a while."""
    yield _shared
    hub, access = _shared.server._hub, _shared.server._access
    assert access is not None
    _shared.backend.wait_until(lambda: not hub.clients)
    _shared.backend.__init__()
    _shared.library.__init__()
    access.failures = FailedLogins()
