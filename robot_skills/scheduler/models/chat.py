"""Contract of whatever answers in a chat: a request in, a whole reply out."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

CHARACTERS_PER_TOKEN = 3
"""Tokens are seldom shorter: what is counted by this is rather too many than too few."""
TOKENS_PER_PICTURE = 1500


class Role(Enum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An encoded picture.

    Attributes:
        media_type: How it is encoded.
        data: The file's bytes.
    """

    media_type: Literal["image/png", "image/jpeg"]
    data: bytes

    @property
    def url(self) -> str:
        """The picture itself as a URL."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What one side says: texts and pictures in order."""

    role: Role
    parts: tuple[str | Picture, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """Everything that an answer depends on.

    Attributes:
        messages: The conversation so far.
        schema: JSON schema of the answer; None asks for plain text.
        model: Name of the model at the endpoint.
        temperature: Of sampling; None takes the model's own.
        max_tokens: Longest answer.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Json] | None = None
    model: str
    temperature: float | None = 0.0
    max_tokens: int = 2000

    def __post_init__(self) -> None:
        if not self.messages or not self.model or self.max_tokens < 1:
            raise ValueError("A request needs messages, a model, and max_tokens of at least 1.")

    @property
    def prompt_tokens_at_most(self) -> int:
        """About how many tokens the messages are, rather too many than too few."""
        parts = [part for message in self.messages for part in message.parts]
        letters = sum(len(part) for part in parts if isinstance(part, str))
        pictures = sum(isinstance(part, Picture) for part in parts)
        return letters // CHARACTERS_PER_TOKEN + TOKENS_PER_PICTURE * pictures + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatReply:
    """What came back.

    Attributes:
        text: The answer.
        prompt_tokens: Of the request.
        completion_tokens: Of the answer, with what the model thought.
        cached_tokens: Of the prompt's, those that the endpoint remembered.
        counted: Whether the endpoint counted the tokens; else they are estimated from the texts.
        finish_reason: As the endpoint gives it: ``stop``, ``length``, ...; ``too long`` where
            reading was stopped.
        model: That answered, as the endpoint calls it.
        latency_s: Wall time from asking to the last word, repetitions included.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    counted: bool = True
    finish_reason: str = "stop"
    model: str = ""
    latency_s: float = 0.0


TOO_LONG = "too long"
"""`ChatReply.finish_reason` where reading was stopped."""


class ChatModel(Protocol):
    """Answers requests, one at a time."""

    def ask(self, request: ChatRequest) -> ChatReply:
        """Wait for a whole answer.

        Raises:
            ModelError: There is none; says why and what to do.
            MissingDependencyError: Something that asking needs is not installed.
        """
        ...
