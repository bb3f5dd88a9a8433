"""Models that are asked live, taken down, or not asked at all because the answer is on record."""

from collections import Counter, defaultdict
from enum import Enum
from pathlib import Path

from robot_skills.scheduler.models.chat import ChatModel, ChatReply, ChatRequest
from robot_skills.scheduler.models.errors import ExchangeError, ModelError
from robot_skills.scheduler.models.exchange_file import ExchangeFile, is_answer, request_key


class ExchangeMode(Enum):
    """What a recording is for."""

    LIVE = "live"
    """Nothing: the model is asked."""
    RECORD = "record"
    """The model is asked, and every exchange taken down."""
    REPLAY = "replay"
    """Answers come from the recording alone."""
    CACHE = "cache"
    """Answers come from the recording, and from the model where there is none yet."""


class RecordedChat:
    """A `ChatModel` with a recording.

    A request that was made several times is answered as it was each time, and then as the last
    time. One that ended in an error does so again, but in a cache, where the model is asked anew.

    Args:
        chat: Answers what is not on record; nobody when None, which only a replay can do with.
        path: Of the recording.
        mode: What it is for.

    Raises:
        ExchangeError: What is to be replayed or added to cannot be read, or was changed.
    """

    def __init__(self, chat: ChatModel | None, path: Path, mode: ExchangeMode) -> None:
        if chat is None and mode is not ExchangeMode.REPLAY:
            raise ValueError("Only a replay can do without a model.")
        self._chat, self._mode = chat, mode
        self._file = ExchangeFile(path)
        self._known: defaultdict[str, list[ChatReply | ModelError]] = defaultdict(list)
        self._asked: Counter[str] = Counter()
        self.replayed = 0
        if mode is ExchangeMode.REPLAY or (mode is not ExchangeMode.LIVE and path.exists()):
            # What is only added to has to be a recording as well.
            for exchange in self._file.read():
                if mode is ExchangeMode.REPLAY or (
                    mode is ExchangeMode.CACHE and isinstance(exchange.reply, ChatReply)
                ):
                    self._known[exchange.key].append(exchange.reply)

    def ask(self, request: ChatRequest) -> ChatReply:
        """Raises as `ChatModel.ask` does, `ExchangeError`, and `StorageError`."""
        key = request_key(request)
        known = self._known.get(key)
        if known:
            self.replayed += 1
            reply = known[min(self._asked[key], len(known) - 1)]
            self._asked[key] += 1
            if isinstance(reply, ModelError):
                raise reply
            return reply
        if self._chat is None or self._mode is ExchangeMode.REPLAY:
            raise ExchangeError(
                f"The recording {self._file.path} holds no answer to this request ({key[:12]}): "
                "instruction, scene, skills, model or settings were others. Replay what was "
                "recorded, or ask the model with --exchange-mode cache."
            )
        try:
            reply = self._chat.ask(request)
        except ModelError as error:
            if self._mode is not ExchangeMode.LIVE and is_answer(error):
                self._file.append(request, error)
            raise
        if self._mode is not ExchangeMode.LIVE:
            self._file.append(request, reply)
        if self._mode is ExchangeMode.CACHE:
            self._known[key].append(reply)
        return reply
