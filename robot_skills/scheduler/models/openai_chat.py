"""A `ChatModel` behind any endpoint that speaks OpenAI's chat completions.

OpenAI itself, vLLM, Ollama, the server of llama.cpp. The answer is streamed, so that one that never
ends can be left; everything together has one deadline, and a request to stop is heard meanwhile.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.scheduler.models.chat import ChatReply, ChatRequest
from robot_skills.scheduler.models.errors import (
    AskStoppedError,
    EndpointDownError,
    EndpointSlowError,
    ModelError,
    RateLimitedError,
    RequestRefusedError,
    WrongKeyError,
    quoted,
    without_key,
)
from robot_skills.scheduler.models.limited_http import limited_client
from robot_skills.scheduler.models.streams import read_stream
from robot_skills.scheduler.models.wishes import Wishes

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"

_LOOK_S = 0.02
"""How often somebody who waits looks whether to go on."""
_CLOSING_S = 1.0
_BYTES_PER_CHARACTER = 400
"""A stream of single characters has about so many around each."""
_LEAST_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAiConfig:
    """Which endpoint, and how patiently.

    Attributes:
        base_url: Where it is, up to and with ``/v1``.
        key_variable: Environment variable that holds the key. When None, `KEY_VARIABLE`, which is
            told only to encrypted endpoints and to this machine.
        connect_timeout_s: Until there is a connection.
        deadline_s: From asking to the last word, repetitions included.
        retries: How often to ask again when the endpoint is busy, broken or lost.
        backoff_s: Wait before the first repetition, where the endpoint does not say; doubled each
            time.
        max_characters: Longest answer that is read.
    """

    base_url: str = OPENAI_URL
    key_variable: str | None = None
    connect_timeout_s: float = 5.0
    deadline_s: float = 60.0
    retries: int = 2
    backoff_s: float = 0.5
    max_characters: int = 20_000

    def __post_init__(self) -> None:
        url = _split(self.base_url)
        if url is None or url.scheme not in ("http", "https") or not url.hostname:
            raise RefusedError(
                f"{quoted(self.base_url)} is no address of an endpoint: it needs http:// or "
                "https://, a host, and usually /v1 at the end, as in http://127.0.0.1:8000/v1."
            )
        if url.username or url.password or url.query:
            raise RefusedError(
                "The address of an endpoint holds no names, passwords or parameters: put the key "
                "into an environment variable."
            )
        if min(self.connect_timeout_s, self.deadline_s) <= 0.0 or self.max_characters < 1:
            raise ValueError("An endpoint needs timeouts and a length above zero.")
        if self.retries < 0 or self.backoff_s < 0.0:
            raise ValueError("An endpoint needs retries >= 0 and backoff_s >= 0.")

    def key(self) -> str:
        """The key, which nobody keeps; empty where there is none to be told.

        Raises:
            WrongKeyError: The endpoint certainly wants one, or one was named that is not there.
        """
        name = self.key_variable or KEY_VARIABLE
        key = os.environ.get(name, "").strip()
        if not key and (self.key_variable is not None or self.base_url == OPENAI_URL):
            raise WrongKeyError(
                f"{self.base_url} needs a key: put it into the environment variable {name}, or "
                "name a local server (--base-url)."
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise WrongKeyError(
                f"What the environment variable {name} holds is no key: keys are letters, digits "
                "and signs without spaces. Put the right one there."
            )
        return key if self.key_variable is not None or _private(self.base_url) else ""


class OpenAiChat:
    """Asks one endpoint.

    What the endpoint does not take (JSON schemas, JSON at all, a temperature) is learned once.

    Args:
        config: Which endpoint.
        stop_requested: Asked all the time; a request to stop ends the waiting.
    """

    def __init__(
        self, config: OpenAiConfig | None = None, stop_requested: Callable[[], bool] | None = None
    ) -> None:
        self._config = config or OpenAiConfig()
        self._stop_requested = stop_requested or (lambda: False)
        self._wishes = Wishes()

    def __repr__(self) -> str:
        return f"OpenAiChat({self._config.base_url})"

    def ask(self, request: ChatRequest) -> ChatReply:
        """Wait for a whole answer. Raises as `ChatModel.ask` does."""
        key = self._config.key()
        # A loop of its own, closed without waiting for the system's look-up of names, which
        # nobody can interrupt.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self._within_deadline(self._exchange(request, key)))
        finally:
            # After an interruption something may be left.
            left = [task for task in asyncio.all_tasks(loop) if task.cancel()]
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=_CLOSING_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _within_deadline(self, work: Coroutine[Any, Any, ChatReply]) -> ChatReply:
        task = asyncio.ensure_future(work)
        until_s = time.monotonic() + self._config.deadline_s
        try:
            while not task.done():
                if self._stop_requested():
                    raise AskStoppedError("Stopped while a model was asked.")
                left_s = until_s - time.monotonic()
                if left_s <= 0.0:
                    raise self._slow()
                await asyncio.wait({task}, timeout=min(_LOOK_S, left_s))
            return task.result()
        finally:
            if task.cancel():
                await asyncio.wait({task}, timeout=_CLOSING_S)

    async def _exchange(self, request: ChatRequest, key: str) -> ChatReply:
        """Ask, and ask again where that may help. Raises `ModelError`."""
        start_s = time.monotonic()
        openai = _openai()
        config = self._config
        most = _LEAST_BYTES + _BYTES_PER_CHARACTER * config.max_characters
        async with limited_client(config.connect_timeout_s, config.deadline_s, most) as http:
            # The package insists on a key; where there is none, the header is left out.
            client = openai.AsyncOpenAI(
                api_key=key or "none", base_url=config.base_url, max_retries=0, http_client=http
            )
            attempt = 0
            while True:
                try:
                    return await self._ask(client, request, key, start_s)
                except openai.OpenAIError as error:
                    if isinstance(error.__cause__, ModelError):
                        raise error.__cause__ from None
                    wait_s = config.backoff_s * 2**attempt
                    await self._pause(error, wait_s, start_s, last=attempt == config.retries)
                attempt += 1

    async def _ask(
        self, client: "openai.AsyncOpenAI", request: ChatRequest, key: str, start_s: float
    ) -> ChatReply:
        """One answer, asked for in the strictest form that the endpoint takes."""
        openai = _openai()
        wishes, refusal = self._wishes, None
        while True:
            try:
                options = wishes.options(request, official=self._config.base_url == OPENAI_URL)
                stream = await client.chat.completions.create(
                    **options, extra_headers={} if key else {"Authorization": openai.Omit()}
                )
                reply = await read_stream(stream, request, self._config.max_characters, key)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refusal = refusal or error
                fewer = wishes.fewer(error.param)
                if fewer is None:
                    raise RequestRefusedError(
                        f"{self._config.base_url} refuses the request: {_said(refusal, key)}. "
                        "Check the model's name (--model) and how long its prompts may be."
                    ) from None
                wishes = fewer
                continue
            self._wishes = wishes
            return reply.finished(time.monotonic() - start_s)

    async def _pause(
        self, error: "openai.OpenAIError", wait_s: float, start_s: float, *, last: bool
    ) -> None:
        """Wait before the next attempt.

        Raises:
            ModelError: There is none, because it would not help or come too late.
        """
        openai = _openai()
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        if isinstance(error, openai.APIStatusError):
            wait_s = max(wait_s, retry_after_s(error.response.headers.get("retry-after", "")))
        used_up = isinstance(error, openai.APIError) and error.code == "insufficient_quota"
        lost = isinstance(error, openai.APIConnectionError)
        again = lost or status in (408, 409, 429) or (status is not None and status >= 500)
        left_s = self._config.deadline_s - (time.monotonic() - start_s)
        if not again or used_up or last or wait_s >= left_s:
            self._refuse(error, status)
        await asyncio.sleep(wait_s)

    def _refuse(self, error: "openai.OpenAIError", status: int | None) -> NoReturn:
        """Raises the error of ours that says what another one means, without its words."""
        openai = _openai()
        at = self._config.base_url
        variable = self._config.key_variable or KEY_VARIABLE
        raised: ModelError
        match status:
            case 401 | 403:
                raised = WrongKeyError(
                    f"{at} does not accept the key: put the right one into the environment "
                    f"variable {variable}."
                )
            case 429:
                raised = RateLimitedError(
                    f"{at} takes no more requests for now. Wait, ask for a higher limit there, or "
                    "use the planner 'rules'."
                )
            case 404 | 405:
                raised = RequestRefusedError(
                    f"{at} has no such model or no chat completions ({status}). Check the model's "
                    "name (--model) and the address (--base-url), which usually ends with /v1."
                )
            case None if isinstance(error, openai.APIConnectionError):
                raised = EndpointDownError(
                    f"{at} does not answer or loses the connection. Start the server, or check "
                    "the address (--base-url)."
                )
            case _:
                what = f"status {status}" if status is not None else "an error in its answer"
                raised = EndpointDownError(
                    f"{at} is broken ({what}). Look at the server, try again later, or use the "
                    "planner 'rules'."
                )
        raise raised from None

    def _slow(self) -> EndpointSlowError:
        return EndpointSlowError(
            f"{self._config.base_url} gave no whole answer in {self._config.deadline_s:g} s. Take "
            "a faster model, or wait longer (--model-deadline)."
        )


def retry_after_s(text: str) -> float:
    """Seconds of a Retry-After header, a number or a date; 0 for anything else."""
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return max(seconds, 0.0) if seconds == seconds else 0.0


def _split(base_url: str) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    try:
        url = urlsplit(base_url)
        _ = url.port
    except ValueError:
        return None
    return url if base_url.isascii() and base_url.isprintable() and " " not in base_url else None


def _private(base_url: str) -> bool:
    """Whether nobody on the way reads what is sent: it is encrypted, or stays on this machine."""
    url = urlsplit(base_url)
    if url.scheme == "https" or url.hostname == "localhost":
        return True
    try:
        return ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False


def _said(error: "openai.APIStatusError", key: str) -> str:
    """What a server says of a request that it refuses, without the key."""
    return quoted(without_key(str(error.message), key))


def _openai():
    try:
        import openai
    except ImportError as error:
        raise MissingDependencyError(
            f"Asking a language model needs the package openai, which is not there: {error}. "
            "Install the extra `llm`: pip install 'robot-skills[llm]', or use the planner 'rules'."
        ) from None
    return openai
