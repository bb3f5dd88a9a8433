"""The console's web server, in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Self

import uvicorn
from fastapi import FastAPI, Header, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from robot_skills.console.backend import ConsoleBackend, EpisodeLibrary
from robot_skills.console.config import ConsoleConfig
from robot_skills.console.guard import MAX_BODY_BYTES, Access, Guard
from robot_skills.console.hub import Hub, log_failure
from robot_skills.console.library_api import library_routes
from robot_skills.console.session import PageSession
from robot_skills.console.view3d import Scene3d, View3d
from robot_skills.console.view3d_proxy import View3dProxy
from robot_skills.core.errors import RefusedError, RobotSkillsError, UnknownNameError
from robot_skills.core.teleop import Wish

logger = logging.getLogger(__name__)

_WEB = Path(__file__).parent / "web"
_DRAW_PERIOD_S = 0.1
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0


class ConsoleServer:
    """Serves the console to browsers.

    Args:
        backend: The session behind the page.
        library: Recorded episodes; None hides the second tab.
        config: Where to listen, and whom to let in.
        scene: What the arms look like in the 3-D view.
    """

    def __init__(
        self,
        backend: ConsoleBackend,
        library: EpisodeLibrary | None,
        config: ConsoleConfig,
        scene: Scene3d | None = None,
    ) -> None:
        self._backend = backend
        self._library = library
        self._config = config
        self._hub = Hub(backend, config)
        self._access: Access | None = None
        self._view3d = View3d(scene)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """The address that opens the console, with its token."""
        scheme = "https" if self._config.tls else "http"
        host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(
            self._config.host, self._config.host
        )
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{self._port}/?token={self._config.token}"

    def start(self) -> None:
        """Listen, and serve from a thread.

        Raises:
            RefusedError: The address cannot be listened on, or the certificate does not load.
        """
        listener = _listener(self._config)
        self._port = listener.getsockname()[1]
        self._view3d.start()
        try:
            self._server = uvicorn.Server(self._uvicorn_config())
            self._server.config.load()
        except OSError as error:
            self._view3d.stop()
            listener.close()
            raise RefusedError(f"The TLS certificate or key does not load: {error}.") from error
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="console", daemon=True
        )
        self._thread.start()
        self._wait_until_started()
        logger.info("The console listens on port %d of %s.", self._port, self._config.host)

    def stop(self) -> None:
        """Close all pages and stop listening; safe to call twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_TIMEOUT_S)
            self._server = self._thread = None
        self._view3d.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_started(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        waiting = threading.Event()
        for _ in range(int(_START_TIMEOUT_S / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waiting.wait(0.02)
        if not self._server.started:
            self.stop()
            raise RefusedError("The console's server did not start; the log says why.")

    def _uvicorn_config(self) -> uvicorn.Config:
        config = self._config
        self._access = Access.of(config, self._port)
        return uvicorn.Config(
            Guard(self._app(), self._access),
            # The access log would hold the token.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=5.0,
            ws_ping_timeout=5.0,
            timeout_graceful_shutdown=2,
            limit_concurrency=200,
            ssl_certfile=str(config.tls_certificate) if config.tls_certificate else None,
            ssl_keyfile=str(config.tls_key) if config.tls_key else None,
        )

    def _app(self) -> FastAPI:
        hub = self._hub
        proxy = View3dProxy(self._view3d.port, "wss" if self._config.tls else "ws")

        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            drawing = asyncio.create_task(self._draw(proxy))
            drawing.add_done_callback(log_failure)
            async with hub.watching():
                yield
            drawing.cancel()

        app = FastAPI(
            openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
            lifespan=lifespan,
        )  # fmt: skip
        _add_errors(app)
        _add_page(app, hub, {"library": self._library is not None})
        app.include_router(proxy.router)
        if self._library is not None:
            app.include_router(library_routes(self._library, hub.require_control))
        app.mount("/web", StaticFiles(directory=_WEB))
        return app

    async def _draw(self, proxy: View3dProxy) -> None:
        """Keep the 3-D view up to date while somebody looks at it."""
        while True:
            await asyncio.sleep(_DRAW_PERIOD_S)
            if proxy.watchers:
                await asyncio.to_thread(self._view3d.draw, self._backend.status())


def _add_page(app: FastAPI, hub: Hub, features: dict[str, bool]) -> None:
    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(_WEB / "index.html")

    @app.post("/api/estop")
    async def estop(
        client: Annotated[str, Header(alias="x-console-client")] = "",
    ) -> dict[str, bool]:
        """For pages whose socket is broken just then."""
        hub.wish(client, Wish.ESTOP.value)
        return {"done": True}

    @app.websocket("/ws")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await PageSession(hub, socket, features).run()


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RobotSkillsError)
    async def refused(_: Request, error: RobotSkillsError) -> JSONResponse:
        status = 404 if isinstance(error, UnknownNameError) else 409
        return JSONResponse({"why": str(error)}, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()
        )
        return JSONResponse({"why": found}, 422)


def _listener(config: ConsoleConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise RefusedError(
            f"Cannot listen on {config.host}, port {config.port}: {error.strerror}. "
            "Port 0 takes a free one."
        ) from error
    return listener
