"""Planners that ask language models: built from options before there is a cell to plan for."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.app.options import VLM, ModelOptions
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Plan, Planner
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.scheduler.model_critic import ModelCritic
from robot_skills.scheduler.models.accounts import Account, Ceiling, MeteredChat, Prices
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from robot_skills.scheduler.models.fallback_planner import Ask, FallbackPlanner, nobody
from robot_skills.scheduler.models.model_planner import Check, ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig
from robot_skills.scheduler.models.tree_walk import TreeWalk
from robot_skills.scheduler.plan_checker import PlanChecker, PlanVerdict
from robot_skills.skills.library import SkillLibrary


class Models:
    """The language models of one run: how they are asked, what they cost, and what they see.

    Args:
        options: Which model, and what it may cost.
        ask: Asks the operator what neither a model nor the rules know.
        stop_requested: Asked while a model is waited for; a request to stop ends that.

    Raises:
        RefusedError: No model is named, or the options contradict each other.
    """

    def __init__(
        self,
        options: ModelOptions,
        ask: Ask = nobody,
        stop_requested: Callable[[], bool] | None = None,
    ) -> None:
        if not options.model:
            raise RefusedError(
                "Planning by a language model needs the model's name, as the endpoint knows it: "
                "--model NAME, and --base-url for another endpoint than OpenAI's."
            )
        self._options, self._ask = options, ask
        try:
            self.account = _account(options)
            self._config, endpoint = _planner_config(options, options.model), _endpoint(options)
        except ValueError as error:
            raise RefusedError(f"The options of the model contradict each other: {error}") from None
        chat = MeteredChat(OpenAiChat(endpoint, stop_requested), self.account)
        mode = ExchangeMode(options.exchange_mode)
        self._recorded = None
        if options.exchanges is not None:
            self._recorded = RecordedChat(chat, options.exchanges, mode)
        elif mode is ExchangeMode.REPLAY:
            raise RefusedError("--exchange-mode replay needs the recording: --exchanges FILE.")
        self._chat = self._recorded or chat
        self._planner: ModelPlanner | None = None
        self._check: Check | None = None
        self._robot: Robot | None = None

    def planner(self, name: str, cards: SkillLibrary, rules: Planner) -> FallbackPlanner | TreeWalk:
        """A planner that asks the model first, and the rules where it is no help.

        Args:
            name: One of `MODEL_PLANNERS`.
            cards: The skills.
            rules: Plan otherwise.
        """
        self._check = PlanChecker(cards).check
        pictures = self._pictures if name == VLM else None
        self._planner = ModelPlanner(self._chat, cards, self._config, self._judge, pictures)
        both = FallbackPlanner(self._planner, rules, self._judge, self._ask)
        if self._options.plans == 1:
            return both
        return TreeWalk(name, partial(both.ways, count=self._options.plans))

    def critic(self, cards: SkillLibrary) -> ModelCritic | None:
        """Who looks at what calls have come to; nobody where that is not asked for."""
        if not self._options.critic:
            return None
        return ModelCritic(self._chat, self._config.model, cards, self._pictures)

    def meet(self, robot: Robot, check: Check) -> None:
        """Plan for this robot from now on.

        Args:
            robot: Whose cameras a model sees through.
            check: Accepts plans for it.
        """
        self._robot = robot
        self.judge_by(check)

    def judge_by(self, check: Check) -> None:
        """Judge plans by another checker from now on."""
        self._check = check

    def told(self) -> dict[str, Any]:
        """What it took, as JSON values."""
        account = self.account
        return {
            "model": self._config.model,
            "requests": account.requests,
            "replayed": 0 if self._recorded is None else self._recorded.replayed,
            "repairs": 0 if self._planner is None else self._planner.repairs,
            "prompt_tokens": account.prompt_tokens,
            "completion_tokens": account.completion_tokens,
            "cached_tokens": account.cached_tokens,
            "tokens": account.tokens,
            "tokens_counted": account.counted,
            "cost": account.cost,
            "seconds": account.seconds,
        }

    def _judge(self, plan: Plan, scene: Scene) -> PlanVerdict:
        assert self._check is not None
        return self._check(plan, scene)

    def _pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        """Raises `PerceptionError` and `UnknownNameError`."""
        if self._robot is None:
            raise RefusedError("Nobody sees anything yet: there is no robot with cameras.")
        frames = self._robot.observe(self._options.cameras).cameras
        return {name: frame.rgb for name, frame in frames.items()}


def ask_operator(question: str) -> str | None:
    """Ask whoever sits at the terminal; None where nobody does, or nothing is said."""
    if not sys.stdin.isatty():
        return None
    print(f"\n{question}\n> ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or None


def _account(options: ModelOptions) -> Account:
    prices = None
    if options.prices is not None:
        prices = Prices(prompt=options.prices[0], completion=options.prices[1])
    return Account(prices, Ceiling(tokens=options.max_tokens, cost=options.max_cost))


def _planner_config(options: ModelOptions, model: str) -> ModelPlannerConfig:
    if options.plans < 1:
        raise ValueError("--plans is at least 1.")
    return ModelPlannerConfig(
        model=model,
        temperature=options.temperature,
        max_tokens=options.answer_tokens,
        max_repairs=options.repairs,
    )


def _endpoint(options: ModelOptions) -> OpenAiConfig:
    return OpenAiConfig(
        base_url=options.base_url,
        key_variable=options.key_variable,
        deadline_s=options.model_deadline,
    )
