"""In which form an answer is asked for: as strictly as the endpoint can."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from robot_skills.scheduler.models.chat import ChatRequest, Message


class AnswerForm(Enum):
    """What the endpoint is told of the form of an answer."""

    SCHEMA = "json_schema"
    JSON = "json_object"
    TEXT = "text"


_LESS_STRICT = {AnswerForm.SCHEMA: AnswerForm.JSON, AnswerForm.JSON: AnswerForm.TEXT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is asked for beside the answer, and not every endpoint takes.

    Attributes:
        form: Of the answer.
        temperature: Whether one is set.
        usage: Whether the tokens are to be counted.
    """

    form: AnswerForm = AnswerForm.SCHEMA
    temperature: bool = True
    usage: bool = True

    def fewer(self, refused: str | None) -> "Wishes | None":
        """What to ask for after a refusal; None when there is nothing left to do without.

        Args:
            refused: The parameter that was not taken, where the endpoint says so.
        """
        if refused == "temperature" and self.temperature:
            return replace(self, temperature=False)
        if self.form in _LESS_STRICT:
            return replace(self, form=_LESS_STRICT[self.form])
        if self.temperature or self.usage:
            return replace(self, temperature=False, usage=False)
        return None

    def options(self, request: ChatRequest, *, official: bool) -> dict[str, Any]:
        """Arguments of the `openai` package's call.

        Args:
            request: What is asked.
            official: Whether the endpoint is OpenAI's own, which names the longest answer anew.
        """
        length = "max_completion_tokens" if official else "max_tokens"
        options: dict[str, Any] = {
            "model": request.model,
            "messages": [_message(message) for message in request.messages],
            length: request.max_tokens,
            "stream": True,
        }
        if self.usage:
            options["stream_options"] = {"include_usage": True}
        if self.temperature and request.temperature is not None:
            options["temperature"] = request.temperature
        if request.schema is not None and self.form is AnswerForm.SCHEMA:
            schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
            options["response_format"] = {"type": self.form.value, "json_schema": schema}
        elif request.schema is not None and self.form is AnswerForm.JSON:
            options["response_format"] = {"type": self.form.value}
        return options


def _message(message: Message) -> dict[str, Any]:
    texts = [part for part in message.parts if isinstance(part, str)]
    if len(texts) == len(message.parts):
        # Not every endpoint takes a list where a text will do.
        return {"role": message.role.value, "content": "\n".join(texts)}
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": part.url}}
        for part in message.parts
    ]
    return {"role": message.role.value, "content": content}
