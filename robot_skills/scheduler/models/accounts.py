"""What models cost in a run, and the ceiling that the next request must not go beyond."""

from dataclasses import dataclass

from robot_skills.scheduler.models.chat import ChatModel, ChatReply, ChatRequest
from robot_skills.scheduler.models.errors import (
    AskStoppedError,
    EndpointSlowError,
    SpendingError,
)

_MILLION = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """What a model costs, in any one currency, per million tokens.

    Attributes:
        prompt: Of what is asked.
        completion: Of what is answered.
        cached: Of what is asked and the endpoint remembered; as `prompt` when None.
    """

    prompt: float
    completion: float
    cached: float | None = None

    def __post_init__(self) -> None:
        if not min(self.prompt, self.completion, self.cached or 0.0) >= 0.0:
            raise ValueError("Prices per million tokens cannot be below zero.")

    def cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> float:
        """Of so many tokens; the cached ones are among those of the prompt."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = prompt_tokens - cached_tokens
        total = self.prompt * fresh + cached * cached_tokens + self.completion * completion_tokens
        return total / _MILLION


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """What may be spent at most; None is no limit.

    Attributes:
        tokens: Asked and answered.
        cost: In the currency of the prices.
        requests: How often a model is asked.
    """

    tokens: int | None = None
    cost: float | None = None
    requests: int | None = None


class Account:
    """Counts what was spent.

    Args:
        prices: Of the model; without them only tokens are counted.
        ceiling: What may be spent at most.

    Raises:
        SpendingError: The cost is limited, and nobody knows the prices.
    """

    def __init__(self, prices: Prices | None = None, ceiling: Ceiling | None = None) -> None:
        self.prices = prices
        self.ceiling = ceiling or Ceiling()
        if self.ceiling.cost is not None and prices is None:
            raise SpendingError(
                "A limit on the cost needs prices per million tokens. Give them (--prices PROMPT "
                "COMPLETION), or limit the tokens (--max-tokens)."
            )
        self.requests = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cached_tokens = 0
        self.counted = True
        self.seconds = 0.0

    @property
    def tokens(self) -> int:
        """Asked and answered."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float | None:
        """In the currency of the prices; None where they are not known."""
        if self.prices is None:
            return None
        return self.prices.cost(self.prompt_tokens, self.completion_tokens, self.cached_tokens)

    def check(self, request: ChatRequest) -> None:
        """Refuse a request that could go beyond the ceiling, were its answer as long as it may be.

        Raises:
            SpendingError: It could.
        """
        most, ceiling = request.prompt_tokens_at_most, self.ceiling
        if ceiling.requests is not None and self.requests >= ceiling.requests:
            raise SpendingError(
                f"The model was asked {self.requests} times, as often as is allowed. Allow more, "
                "or use the planner 'rules'."
            )
        tokens = self.tokens + most + request.max_tokens
        if ceiling.tokens is not None and tokens > ceiling.tokens:
            raise SpendingError(
                f"{self.tokens} tokens are spent, and the next request could bring them to "
                f"{tokens}: {ceiling.tokens} are allowed. Allow more (--max-tokens), or use the "
                "planner 'rules'."
            )
        if ceiling.cost is None or self.prices is None or self.cost is None:
            return
        cost = self.cost + self.prices.cost(most, request.max_tokens)
        if cost > ceiling.cost:
            raise SpendingError(
                f"{self.cost:.4f} is spent, and the next request could bring it to {cost:.4f}: "
                f"{ceiling.cost:.4f} is allowed. Allow more (--max-cost), or use the planner "
                "'rules'."
            )

    def note(self, reply: ChatReply) -> None:
        """Count a reply."""
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        self.cached_tokens += min(reply.cached_tokens, reply.prompt_tokens)
        self.counted = self.counted and reply.counted
        self.seconds += reply.latency_s


class MeteredChat:
    """A `ChatModel` whose exchanges are counted, and refused when they could cost too much.

    Args:
        chat: Answers.
        account: Counts.
    """

    def __init__(self, chat: ChatModel, account: Account) -> None:
        self._chat, self.account = chat, account

    def ask(self, request: ChatRequest) -> ChatReply:
        """Raises as `ChatModel.ask` does, and `SpendingError`."""
        self.account.check(request)
        self.account.requests += 1
        try:
            reply = self._chat.ask(request)
        except (EndpointSlowError, AskStoppedError):
            # Nobody waits for the bill, and it comes all the same.
            self.account.note(ChatReply(text="", prompt_tokens=request.prompt_tokens_at_most))
            self.account.counted = False
            raise
        self.account.note(reply)
        return reply
