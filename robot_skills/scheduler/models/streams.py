"""Puts the pieces of a streamed answer together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robot_skills.scheduler.models.chat import (
    CHARACTERS_PER_TOKEN,
    TOO_LONG,
    ChatReply,
    ChatRequest,
)
from robot_skills.scheduler.models.errors import (
    AnswerFormatError,
    AnswerTruncatedError,
    without_key,
)

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionChunk


@dataclass(kw_only=True, slots=True)
class StreamedReply:
    """What came so far.

    Attributes:
        request: That is answered.
        pieces: Of the text.
        characters: That were read, what the model thought among them.
        finish_reason: Empty until the endpoint gives one.
        model: That answers.
        usage: Tokens asked, answered and remembered; None where nobody counted them.
    """

    request: ChatRequest
    pieces: list[str]
    characters: int = 0
    finish_reason: str = ""
    model: str = ""
    usage: tuple[int, int, int] | None = None

    def add(self, chunk: "ChatCompletionChunk") -> None:
        """Take a piece; what is not of the protocol raises whatever Python makes of it."""
        self.model = str(chunk.model or self.model)[:200]
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = 0 if details is None else details.cached_tokens or 0
            asked, answered = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
            self.usage = max(int(asked), 0), max(int(answered), 0), max(int(cached), 0)
        for choice in chunk.choices[:1]:
            content = choice.delta.content or ""
            # What a model thinks aloud comes under a name that only some endpoints have.
            thought = getattr(choice.delta, "reasoning_content", None) or ""
            self.pieces.append(content)
            self.characters += len(content) + len(thought)
            self.finish_reason = str(choice.finish_reason or self.finish_reason)

    def finished(self, latency_s: float) -> ChatReply:
        """The whole reply."""
        asked = self.request.prompt_tokens_at_most
        answered = self.characters // CHARACTERS_PER_TOKEN + 1
        prompt, completion, cached = self.usage or (asked, answered, 0)
        return ChatReply(
            text="".join(self.pieces),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            counted=self.usage is not None,
            finish_reason=self.finish_reason,
            model=self.model,
            latency_s=latency_s,
        )


async def read_stream(
    stream: "openai.AsyncStream[ChatCompletionChunk]", request: ChatRequest, most: int, key: str
) -> StreamedReply:
    """Read an answer to its end, or as far as anybody reads.

    Args:
        stream: From the endpoint.
        request: What was asked.
        most: Characters that are read.
        key: That must not be in the answer, whoever put it there.

    Raises:
        AnswerTruncatedError: It broke off.
        AnswerFormatError: It is not of the protocol.
        openai.APIError: The connection was lost, or the server gave up.
    """
    reply = StreamedReply(request=request, pieces=[])
    try:
        async with stream:
            async for chunk in stream:
                reply.add(chunk)
                if reply.characters > most:
                    reply.finish_reason = TOO_LONG
                    break
    except (ValueError, TypeError, AttributeError, RecursionError, UnicodeError) as error:
        raise AnswerFormatError(
            f"The endpoint does not speak OpenAI's protocol ({type(error).__name__} in its stream)."
            " Check the address (--base-url), which usually ends with /v1."
        ) from None
    if not reply.finish_reason:
        raise AnswerTruncatedError(
            "The endpoint's answer broke off. Look at the server's log, or ask again."
        )
    if key:
        reply.pieces = [without_key("".join(reply.pieces), key)]
    return reply
