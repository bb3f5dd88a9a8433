"""Who plans when a model is no help: rules, and then the operator."""

import pytest

from robot_skills.core.errors import (
    MissingSkillError,
    PerceptionError,
    PlanningError,
    RefusedError,
)
from robot_skills.core.plan import Outcome
from robot_skills.scheduler.models.accounts import Account, Ceiling, MeteredChat
from robot_skills.scheduler.models.errors import (
    AskStoppedError,
    EndpointDownError,
    ExchangeError,
    ImpossibleError,
    UnrepairedPlanError,
)
from robot_skills.scheduler.models.fallback_planner import FallbackPlanner, nobody
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds
from tests.scheduler.models import server
from tests.scheduler.models.chats import GRASP, PUT_IN_BOX, RIGHT, ScriptedChat, plan, says
from tests.scheduler.models.server import answers, serve, status
from tests.scheduler.test_executive import PUT, FakeWorld, dropped, executive

CARDS = tuple(worlds.cards().values())
DOWN = EndpointDownError("Nobody answers there.")
FAST = {"connect_timeout_s": 1.0, "deadline_s": 0.4, "backoff_s": 0.01, "retries": 1}


class Operator:
    """Gives these answers, and remembers the questions."""

    def __init__(self, *answers_: str | None) -> None:
        self.questions: list[str] = []
        self._answers = list(answers_)

    def __call__(self, question: str) -> str | None:
        self.questions.append(question)
        return self._answers.pop(0) if self._answers else None


def planner(chat, ask=nobody, checker=None, **more) -> FallbackPlanner:
    check = (checker or PlanChecker(CARDS)).check
    model = ModelPlanner(chat, CARDS, ModelPlannerConfig(model="fake", max_repairs=1), check)
    return FallbackPlanner(model, RulesPlanner(CARDS), check, ask, **more)


def scripted(*script, **more) -> tuple[FallbackPlanner, ScriptedChat]:
    chat = ScriptedChat(list(script))
    return planner(chat, **more), chat


def test_a_model_that_works_plans():
    both, _ = scripted(RIGHT)
    made = both.plan(PUT, worlds.kitchen())
    assert made.planner == both.name == "llm"
    assert made.wording == ()


@pytest.mark.parametrize(
    "behaviour",
    [
        server.resets,
        server.slow_headers,
        server.slow_tokens,
        server.breaks_off,
        server.talks_for_ever,
        server.one_endless_line,
        server.babbles,
        status(401),
        status(404),
        status(429, headers=[("Retry-After", "60")]),
        status(500),
        answers('{"answer"', finish="length"),
        answers("no JSON at all"),
        answers("[]"),
        answers(RIGHT.replace("grasp", "fly")),
        answers(RIGHT.replace("red_cube", "unicorn")),
        answers(plan(*[GRASP] * 1_000_000)),
        answers(plan(GRASP)),
    ],
)
def test_whatever_is_wrong_with_an_endpoint_rules_take_over_and_say_so(behaviour):
    world = FakeWorld(worlds.kitchen())
    with serve(behaviour) as endpoint:
        chat = OpenAiChat(OpenAiConfig(base_url=endpoint.url, **FAST))
        result = executive(world, planner=planner(chat)).run(PUT)
    assert result.success
    made = result.plans[0]
    assert made.planner == "rules"
    assert made.wording[-1].startswith("planned by rules: ")
    assert world.calls == ["grasp red_cube", "place red_cube in box"]


def test_over_budget_rules_take_over():
    chat = MeteredChat(ScriptedChat([RIGHT]), Account(ceiling=Ceiling(tokens=10)))
    made = planner(chat).plan(PUT, worlds.kitchen())
    assert made.planner == "rules"
    assert "--max-tokens" in made.wording[-1]


def test_when_the_cameras_show_nothing_rules_take_over():
    def dark():
        raise PerceptionError("The camera front is dark.")

    chat, check = ScriptedChat([RIGHT]), PlanChecker(CARDS).check
    model = ModelPlanner(chat, CARDS, ModelPlannerConfig(model="fake"), check, dark)
    made = FallbackPlanner(model, RulesPlanner(CARDS), check).plan(PUT, worlds.kitchen())
    assert made.planner == "rules"
    assert "front is dark" in made.wording[-1]
    assert chat.requests == []


def test_a_plan_that_is_not_mended_is_made_by_rules():
    made = scripted(plan(GRASP))[0].plan(PUT, worlds.kitchen())
    assert made.planner == "rules"
    assert made.calls == (GRASP, PUT_IN_BOX)
    assert "would not hold at the end" in made.wording[-1]


def test_what_the_checker_forbids_is_not_done_by_rules_either():
    def forbidden(call, scene):
        return "the box is forbidden" if call.args.get("target") == "box" else None

    checker = PlanChecker(CARDS, CheckerConfig(rules=(forbidden,)))
    world, operator = FakeWorld(worlds.kitchen()), Operator()
    both, _ = scripted(RIGHT, checker=checker, ask=operator)
    with pytest.raises(PlanningError) as caught:
        executive(world, planner=both, checker=checker).run(PUT)
    assert str(caught.value).count("the box is forbidden") == 2
    assert world.calls == []
    assert len(operator.questions) == 1


def test_when_rules_refuse_too_both_reasons_are_told():
    both, _ = scripted(DOWN)
    with pytest.raises(PlanningError) as caught:
        both.plan("flurb the wug", worlds.kitchen())
    assert "Nobody answers there." in str(caught.value)
    assert "flurb" in str(caught.value)


def test_a_skill_that_is_missing_is_still_named():
    both, _ = scripted(DOWN)
    with pytest.raises(MissingSkillError) as caught:
        both.plan("pour the can into the box", worlds.kitchen())
    assert caught.value.verb


def test_the_operator_can_say_it_otherwise():
    operator = Operator(PUT)
    both, _ = scripted(DOWN, ask=operator)
    assert both.plan("flurb the wug", worlds.kitchen()).calls == (GRASP, PUT_IN_BOX)
    (question,) = operator.questions
    assert "flurb" in question


def test_a_question_of_the_model_is_asked_and_its_answer_told():
    operator = Operator("the red\none")
    both, chat = scripted(says("ask", "Which cube?"), RIGHT, ask=operator)
    made = both.plan("put a cube in the box", worlds.kitchen())
    assert operator.questions == ["Which cube?"]
    assert made.wording == ("asked: Which cube? answered: the red one",)
    told = "\n".join(p for p in chat.requests[1].messages[1].parts if isinstance(p, str))
    assert '"the_operator_says": "the red one"' in told


def test_a_question_that_nobody_answers_goes_to_the_rules():
    both, _ = scripted(says("ask", "Really?"))
    made = both.plan(PUT, worlds.kitchen())
    assert made.planner == "rules"
    assert "Really?" in made.wording[-1]


def test_an_operator_is_not_asked_without_end():
    operator = Operator(*["hm"] * 50)
    both, chat = scripted(says("ask", "Which?"), ask=operator, max_questions=2)
    with pytest.raises(PlanningError):
        both.plan("flurb the wug", worlds.kitchen())
    assert len(operator.questions) == 2
    assert len(chat.requests) == 3


@pytest.mark.parametrize("error", [AskStoppedError("stop"), ExchangeError("changed")])
def test_a_stop_and_a_wrong_recording_are_not_covered_up(error):
    with pytest.raises(type(error)):
        scripted(error)[0].plan(PUT, worlds.kitchen())


def test_what_a_model_calls_impossible_stays_so():
    with pytest.raises(ImpossibleError):
        scripted(says("impossible", "no"))[0].plan(PUT, worlds.kitchen())


def test_rules_take_over_in_the_middle_of_a_run():
    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    both, _ = scripted(RIGHT, DOWN)
    result = executive(world, planner=both).run(PUT)
    assert result.success
    assert [made.planner for made in result.plans] == ["llm", "rules"]
    assert result.plans[1].goal == result.plans[0].goal


def test_in_the_middle_of_a_run_nobody_changes_its_goal():
    world, operator = FakeWorld(worlds.kitchen()), Operator("open the drawer")

    def gone(scene):
        left = {name: one for name, one in scene.entities.items() if name != "red_cube"}
        return worlds.scene(*(one for name, one in left.items() if name != "table"))

    world.script = {"place": [(Outcome.FAILED, gone)]}
    both, _ = scripted(RIGHT, DOWN, ask=operator)
    result = executive(world, planner=both).run(PUT)
    assert not result.success
    assert "red_cube" in result.reason
    assert operator.questions == []


def test_errors_of_the_family_are_refusals():
    assert issubclass(UnrepairedPlanError, RefusedError)
    assert issubclass(EndpointDownError, RefusedError)
