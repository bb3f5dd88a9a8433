"""Who may talk to the console: every request and every WebSocket passes here first.

In this order: the ``Host`` must be one of ours (a foreign name that resolves to this machine ends
here), the ``Origin`` must be ours (pages of other sites end here), then the token or the session
cookie that it was exchanged for. A WebSocket is judged before it is accepted.
"""

import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robot_skills.console.config import ConsoleConfig

audit = logging.getLogger("robot_skills.console.audit")

MAX_BODY_BYTES = 64 * 1024
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_FAILURES = 10
_FAILURES_WINDOW_S = 60.0
_KEPT_ADDRESSES = 1024

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), xr-spatial-tracking=(self)",
    "cache-control": "no-store",
}


class FailedLogins:
    """Counts wrong tokens per address over the last minute."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def blocked(self, address: str) -> bool:
        """Whether this address has guessed too often; its tokens are not even compared."""
        times = self._times.get(address)
        while times and time.monotonic() - times[0] > _FAILURES_WINDOW_S:
            times.popleft()
        return times is not None and len(times) >= _FAILURES

    def add(self, address: str) -> None:
        """Count one wrong token."""
        if len(self._times) >= _KEPT_ADDRESSES:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(address, deque(maxlen=_FAILURES)).append(time.monotonic())


@dataclass(frozen=True, kw_only=True, slots=True)
class Denial:
    """Why a request ends here."""

    status: int
    text: str


@dataclass(kw_only=True, slots=True)
class Access:
    """Who is let in at one address.

    Attributes:
        token: Opens the console.
        hosts: Values of ``Host`` that are ours.
        scheme: ``http`` or ``https``.
        cookie: Name of the session cookie; two consoles on one machine do not share it.
        session: Value of the session cookie, new with every server.
    """

    token: str = field(repr=False)
    hosts: frozenset[str]
    scheme: str
    cookie: str
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    failures: FailedLogins = field(default_factory=FailedLogins)

    @classmethod
    def of(cls, config: ConsoleConfig, port: int) -> "Access":
        """Access to a server that listens on a port."""
        return cls(
            token=config.token,
            hosts=frozenset(_hosts(config, port)),
            scheme="https" if config.tls else "http",
            cookie=f"robot_skills_console_{port}",
        )

    def host_denial(self, headers: Headers, unsafe: bool) -> Denial | None:
        """Judge ``Host`` and ``Origin``. Whatever may change something has to name its origin,
        unless it brings the token itself, which no foreign page can."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or len(origins) > 1 or hosts[0].lower() not in self.hosts:
            return Denial(status=403, text="This host name is not allowed here.")
        origin = origins[0] if origins else None
        if origin is None:
            if unsafe and "authorization" not in headers:
                return Denial(status=403, text="The request does not say where it comes from.")
        elif origin.lower() not in {f"{self.scheme}://{host}" for host in self.hosts}:
            return Denial(status=403, text="Pages of other sites may not talk to the console.")
        return None

    def token_denial(self, headers: Headers, address: str) -> Denial | None:
        """Judge the session cookie, or the token in the header."""
        if _same(_cookie(headers, self.cookie), self.session):
            return None
        kind, _, value = headers.get("authorization", "").partition(" ")
        return self.login_denial(value if kind.lower() == "bearer" else "", address)

    def login_denial(self, token: str, address: str) -> Denial | None:
        """Judge a token. Sessions that are open go on while an address is blocked."""
        if self.failures.blocked(address):
            return Denial(status=429, text="Too many wrong tokens; wait a minute.")
        if _same(token, self.token):
            return None
        if token:
            self.failures.add(address)
            audit.warning("Wrong token from %s.", address)
            return Denial(status=401, text="The token is wrong.")
        return Denial(status=401, text="Open the console by the address that holds its token.")

    def set_cookie(self) -> str:
        """The header value that hands out the session cookie."""
        secure = "; Secure" if self.scheme == "https" else ""
        return f"{self.cookie}={self.session}; Path=/; HttpOnly; SameSite=Strict{secure}"


class Guard:
    """ASGI middleware that lets nothing through before `Access` has judged it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case _:
                await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        send = _with_headers(send, _policies(headers, scope["path"], self._access.scheme))
        denial = self._access.host_denial(headers, scope["method"] not in _SAFE_METHODS)
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if token:
            # Whoever logs this request must not log the token.
            scope["query_string"] = b""
        if denial is None and token and scope["path"] == "/" and scope["method"] == "GET":
            await self._login(token[0], scope, send)
            return
        denial = (
            denial or self._access.token_denial(headers, _address(scope)) or _body_denial(scope)
        )
        if denial is None:
            await self._app(scope, _capped(receive), send)
        else:
            _log_denial(denial, scope)
            await _respond(send, denial.status, denial.text)

    async def _login(self, token: str, scope: Scope, send: Send) -> None:
        denial = self._access.login_denial(token, _address(scope))
        if denial is not None:
            await _respond(send, denial.status, denial.text)
            return
        audit.info("Console opened from %s.", _address(scope))
        cookie = self._access.set_cookie().encode("latin-1")
        await _respond(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie)])

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        denial = self._access.host_denial(headers, unsafe=True)
        denial = denial or self._access.token_denial(headers, _address(scope))
        if denial is None:
            await self._app(scope, receive, send)
            return
        _log_denial(denial, scope)
        if "websocket.http.response" in scope.get("extensions", {}):
            await _respond(send, denial.status, denial.text, prefix="websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008})


def _hosts(config: ConsoleConfig, port: int) -> Iterable[str]:
    bracketed = f"[{config.host}]" if ":" in config.host else config.host
    names = [bracketed, *config.allowed_hosts]
    if config.loopback:
        names += ["localhost", "127.0.0.1", "[::1]"]
    default_port = 443 if config.tls else 80
    for name in (name.lower() for name in names):
        has_port = name.rpartition(":")[2].isdigit() and not name.endswith("]")
        yield name if has_port else f"{name}:{port}"
        if port == default_port and not has_port:
            yield name


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "unknown"


def _body_denial(scope: Scope) -> Denial | None:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return Denial(status=413, text=f"A request may have {MAX_BODY_BYTES} bytes.")
    if scope["method"] in _SAFE_METHODS:
        return None
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Denial(status=415, text="Changes are sent as application/json.")
    return None


def _capped(receive: Receive) -> Receive:
    """Chunked bodies announce no length: stop reading them where they grow too long."""
    seen = 0

    async def capped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return capped


def _policies(headers: Headers, path: str, scheme: str) -> dict[str, str]:
    """Security headers. The 3-D view is a page of its own, with the policy that it needs."""
    if path.startswith("/view3d"):
        return {}
    ws = "wss" if scheme == "https" else "ws"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        f"connect-src 'self' {ws}://{headers.get('host', '')}; frame-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return {"content-security-policy": policy, "x-frame-options": "DENY"}


def _with_headers(send: Send, policies: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in (_HEADERS | policies).items():
                headers[name] = value
        await send(message)

    return sending


async def _respond(
    send: Send,
    status: int,
    text: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    prefix: str = "http.response",
) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    length = (b"content-length", str(len(text.encode())).encode())
    start = {"type": f"{prefix}.start", "status": status, "headers": [plain, length, *headers]}
    await send(start)
    await send({"type": f"{prefix}.body", "body": text.encode()})


def _log_denial(denial: Denial, scope: Scope) -> None:
    audit.warning(
        "%d to %s for %s %s: %s",
        denial.status,
        _address(scope),
        scope.get("method", "WebSocket"),
        scope["path"],
        denial.text,
    )
