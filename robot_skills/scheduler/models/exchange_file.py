"""Exchanges with models as lines of a file, each sealed by its hash, and pictures beside it."""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_skills.core.errors import StorageError
from robot_skills.scheduler.models.chat import ChatReply, ChatRequest, Picture
from robot_skills.scheduler.models.errors import (
    AnswerFormatError,
    AnswerTooLongError,
    AnswerTruncatedError,
    EndpointDownError,
    EndpointSlowError,
    ExchangeError,
    ModelError,
    RateLimitedError,
    RequestRefusedError,
    SpendingError,
    WrongKeyError,
)

_log = logging.getLogger(__name__)

PICTURES = ".pictures"
"""What is added to the name of a recording for the folder of its pictures."""
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}
_SEAL, _ERROR = "sha256", "error"
_BEGINS = b'{"key":"'
"""With what every line begins, as far as it got."""
_FIELDS = {"key", "request", "reply", _SEAL}
_ERRORS: dict[str, type[ModelError]] = {
    kind.__name__: kind
    for kind in (
        AnswerFormatError,
        AnswerTooLongError,
        AnswerTruncatedError,
        EndpointDownError,
        EndpointSlowError,
        RateLimitedError,
        RequestRefusedError,
        SpendingError,
        WrongKeyError,
    )
}
"""What an exchange may have ended in; a request to stop is no answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A request and its reply.

    Attributes:
        key: Hash of the whole request.
        model: Name of the model that was asked.
        reply: To it, or the error that it ended in.
    """

    key: str
    model: str
    reply: ChatReply | ModelError


def is_answer(error: ModelError) -> bool:
    """Whether an error is what an endpoint has come to, and would be again."""
    return type(error).__name__ in _ERRORS


def request_json(request: ChatRequest) -> dict[str, Any]:
    """A request as JSON values; pictures by their hash."""
    messages = [
        {
            "role": message.role.value,
            "parts": [
                part
                if isinstance(part, str)
                else {"media_type": part.media_type, "sha256": _hash(part.data)}
                for part in message.parts
            ],
        }
        for message in request.messages
    ]
    return {
        "messages": messages,
        "schema": request.schema,
        "model": request.model,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }


def request_key(request: ChatRequest) -> str:
    """Hash of all that an answer depends on."""
    return _hash(_line(request_json(request)))


class ExchangeFile:
    """A recording of exchanges.

    Args:
        path: Of the file; pictures lie in a folder beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[Exchange]:
        """Every exchange, in order.

        A last line that was cut off when the power failed is left out.

        Raises:
            ExchangeError: There is no such file, or a line of it is not what was written.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise ExchangeError(
                f"The recording {self.path} cannot be read: {error.strerror}. Name another one "
                "(--exchanges), or make it with --exchange-mode record."
            ) from None
        if not _BEGINS.startswith(lines[-1][: len(_BEGINS)]):
            raise ExchangeError(
                f"{self.path} is no recording of exchanges, and is left as it is. Name another "
                "file (--exchanges)."
            )
        if lines[-1]:
            _log.warning("The last exchange in %s is incomplete and left out.", self.path)
        for number, line in enumerate(lines[:-1], start=1):
            yield self._exchange(line, number)

    def append(self, request: ChatRequest, reply: ChatReply | ModelError) -> None:
        """Add an exchange, with its pictures, and force it to disk.

        Args:
            request: What was asked.
            reply: What came back, or the error that it ended in.

        Raises:
            StorageError: It cannot be written.
        """
        content = {
            "key": request_key(request),
            "request": request_json(request),
            "reply": _reply_json(reply),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for message in request.messages:
                for part in message.parts:
                    if isinstance(part, Picture):
                        self._keep(part)
            self._write(_line({**content, _SEAL: _hash(_line(content))}) + b"\n")
        except OSError as error:
            raise StorageError(f"Cannot write {self.path}: {error.strerror}.") from error

    def _write(self, line: bytes) -> None:
        with self.path.open("a+b") as file:
            # Others may be adding to it: what looks incomplete may be theirs.
            fcntl.flock(file, fcntl.LOCK_EX)
            _cut_off_incomplete(file.fileno())
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _keep(self, picture: Picture) -> None:
        folder = self.path.with_name(self.path.name + PICTURES)
        path = folder / f"{_hash(picture.data)}.{_SUFFIXES[picture.media_type]}"
        if path.exists():
            return
        folder.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(picture.data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)

    def _exchange(self, line: bytes, number: int) -> Exchange:
        try:
            content = json.loads(line)
            if not isinstance(content, dict) or content.keys() != _FIELDS:
                raise ValueError
            seal = content.pop(_SEAL)
            if seal != _hash(_line(content)) or content["key"] != _hash(_line(content["request"])):
                raise ValueError
            return Exchange(
                key=content["key"],
                model=content["request"]["model"],
                reply=_reply(content["reply"]),
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ExchangeError(
                f"Line {number} of the recording {self.path} is not what was written: it was "
                "changed or damaged. Restore the file, or record it anew."
            ) from None


def _reply_json(reply: ChatReply | ModelError) -> dict[str, Any]:
    if isinstance(reply, ModelError):
        return {_ERROR: type(reply).__name__, "message": str(reply)}
    return asdict(reply)


def _reply(content: dict[str, Any]) -> ChatReply | ModelError:
    if _ERROR in content:
        return _ERRORS[content[_ERROR]](content["message"])
    return ChatReply(**content)


def _cut_off_incomplete(descriptor: int) -> None:
    """Remove what follows the last end of a line, so that the next line stands by itself."""
    size = os.fstat(descriptor).st_size
    end, step = size, 1 << 16
    while end > 0:
        start = max(end - step, 0)
        at = os.pread(descriptor, end - start, start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)


def _line(content: dict[str, Any]) -> bytes:
    """The one way to write JSON values as a line."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
