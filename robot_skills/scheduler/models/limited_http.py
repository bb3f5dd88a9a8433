"""An HTTP client that reads no more than it was told to, whatever a server sends."""

from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from robot_skills.scheduler.models.errors import AnswerFormatError, AnswerTooLongError

if TYPE_CHECKING:
    from openai import DefaultAsyncHttpxClient


def limited_client(
    connect_timeout_s: float, read_timeout_s: float, max_bytes: int
) -> "DefaultAsyncHttpxClient":
    """A client for the `openai` package.

    It follows no redirects, so that no key goes where nobody has sent it, and takes nothing that is
    compressed, so that little cannot become much.

    Args:
        connect_timeout_s: Until there is a connection.
        read_timeout_s: Longest silence.
        max_bytes: Longest body of a response.
    """
    from openai import APIConnectionError, APITimeoutError, DefaultAsyncHttpxClient, Timeout

    async def limit(response: Any) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AnswerFormatError(
                "The endpoint sends compressed answers, which were not asked for. Check whether a "
                "proxy between here and there compresses them."
            )
        # The package brings its own httpx, under one name or another.
        library = import_module(type(response).__module__.partition(".")[0])
        stream, request = response.stream, response.request

        class Limited(library.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                left = max_bytes
                try:
                    async for chunk in stream:
                        left -= len(chunk)
                        if left < 0:
                            raise AnswerTooLongError(
                                f"The endpoint sent more than {max_bytes} bytes and was not read "
                                "on. Check that it is a language model's (--base-url)."
                            )
                        yield chunk
                except library.TimeoutException:
                    raise APITimeoutError(request) from None
                except library.TransportError:
                    raise APIConnectionError(request=request) from None

            async def aclose(self) -> None:
                await stream.aclose()

        response.stream = Limited()

    return DefaultAsyncHttpxClient(
        timeout=Timeout(read_timeout_s, connect=connect_timeout_s),
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [limit]},
    )
