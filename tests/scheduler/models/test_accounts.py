"""What models cost, and the request that is not made."""

import pytest

from robot_skills.scheduler.models.accounts import Account, Ceiling, MeteredChat, Prices
from robot_skills.scheduler.models.chat import ChatRequest, Message, Role
from robot_skills.scheduler.models.errors import EndpointSlowError, SpendingError
from tests.scheduler.models.chats import ScriptedChat

REQUEST = ChatRequest(
    messages=(Message(role=Role.USER, parts=("x" * 300,)),), model="fake", max_tokens=50
)
PRICES = Prices(prompt=2.0, completion=10.0, cached=0.5)


def metered(ceiling: Ceiling | None = None, prices: Prices | None = None):
    model = ScriptedChat(["answer"])
    return MeteredChat(model, Account(prices, ceiling)), model


def test_tokens_and_cost_add_up():
    chat, _ = metered(prices=PRICES)
    for _ in range(2):
        chat.ask(REQUEST)
    account = chat.account
    assert (account.requests, account.prompt_tokens, account.completion_tokens) == (2, 200, 20)
    assert account.cost == pytest.approx((200 * 2.0 + 20 * 10.0) / 1e6)


def test_remembered_tokens_have_their_own_price():
    assert PRICES.cost(1_000_000, 0, 400_000) == pytest.approx(0.6 * 2.0 + 0.4 * 0.5)
    assert Prices(prompt=2.0, completion=0.0).cost(1_000_000, 0, 400_000) == pytest.approx(2.0)


def test_without_prices_there_is_no_cost():
    chat, _ = metered()
    chat.ask(REQUEST)
    assert chat.account.cost is None
    assert chat.account.tokens == 110


@pytest.mark.parametrize(
    "ceiling",
    [Ceiling(requests=1), Ceiling(tokens=250), Ceiling(cost=0.0009)],
    ids=["requests", "tokens", "cost"],
)
def test_what_could_go_beyond_the_ceiling_is_not_asked(ceiling):
    chat, model = metered(ceiling, PRICES)
    chat.ask(REQUEST)
    with pytest.raises(SpendingError):
        chat.ask(REQUEST)
    assert len(model.requests) == 1


def test_a_limit_on_the_cost_needs_prices():
    with pytest.raises(SpendingError, match="--prices"):
        Account(ceiling=Ceiling(cost=1.0))


def test_an_answer_that_nobody_waited_for_counts_all_the_same():
    chat = MeteredChat(ScriptedChat([EndpointSlowError("slow")]), Account())
    with pytest.raises(EndpointSlowError):
        chat.ask(REQUEST)
    assert chat.account.prompt_tokens >= 100
    assert not chat.account.counted


def test_prices_below_zero_are_refused():
    with pytest.raises(ValueError, match="zero"):
        Prices(prompt=-1.0, completion=0.0)
