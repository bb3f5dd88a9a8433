"""Several plans from one request, walked by what is seen."""

from functools import partial

import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome
from robot_skills.scheduler.executive import ExecutiveConfig
from robot_skills.scheduler.models.accounts import Account, MeteredChat
from robot_skills.scheduler.models.errors import EndpointDownError
from robot_skills.scheduler.models.fallback_planner import FallbackPlanner
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.plan_tree import merged
from robot_skills.scheduler.models.tree_walk import TreeWalk
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds
from tests.scheduler.models.chats import GRASP, PUT_IN_BOX, ScriptedChat, call, plans
from tests.scheduler.test_executive import FakeWorld, dropped, executive, nothing

CARDS = tuple(worlds.cards().values())
GOAL = ("in(red_cube, box)", "in(can, box)")
CAN = (
    call("grasp", object="can"),
    call("place", object="can", relation="in", target="box"),
)
CUBE = (GRASP, PUT_IN_BOX)
PUT_BOTH = "put the red cube and the can in the box"


def walker(*script) -> tuple[TreeWalk, ScriptedChat, Account]:
    chat, account, check = ScriptedChat(list(script)), Account(), PlanChecker(CARDS).check
    config = ModelPlannerConfig(model="fake", max_repairs=1)
    model = ModelPlanner(MeteredChat(chat, account), CARDS, config, check)
    both = FallbackPlanner(model, RulesPlanner(CARDS), check)
    return TreeWalk(both.name, partial(both.ways, count=3)), chat, account


def run(world: FakeWorld, *script, instruction=PUT_BOTH, **config):
    walk, chat, account = walker(*script)
    events = EventList()
    settings = ExecutiveConfig(**config)
    result = executive(world, events, strategy=walk, planner=walk, config=settings).run(instruction)
    return result, chat, account, events


def test_plans_are_merged_by_what_they_begin_with():
    root = merged([(*CUBE, *CAN), (*CAN, *CUBE), (*CUBE, call("home"), *CAN)])
    assert [child.call for child in root.children] == [CUBE[0], CAN[0]]
    assert [child.support for child in root.children] == [2, 1]
    fork = root.children[0].children[0]
    assert [child.call for child in fork.children] == [CAN[0], call("home")]
    assert root.likeliest() == (*CUBE, *CAN)


def test_what_most_plans_want_is_done_first():
    world = FakeWorld(worlds.kitchen())
    result, _, account, _ = run(
        world, plans((*CAN, *CUBE), (*CUBE, *CAN), (*CUBE, call("home"), *CAN), goal=GOAL)
    )
    assert result.success
    assert world.calls[:2] == ["grasp red_cube", "place red_cube in box"]
    assert account.requests == 1
    assert account.tokens == 110


def test_a_branch_that_is_blocked_gives_way_to_another_without_a_word_of_the_model():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, nothing)] * 2}
    result, chat, account, events = run(world, plans((*CUBE, *CAN), (*CAN, *CUBE), goal=GOAL))
    assert result.success
    assert world.calls[:3] == ["grasp red_cube", "grasp red_cube", "grasp can"]
    assert len(chat.requests) == account.requests == 1
    reasons = [event.data["reason"] for event in events.of_kind(EventKind.REPLAN)]
    assert reasons[0].startswith("another branch, grasp(object=can)")


def test_it_goes_back_to_the_nearest_fork_whose_call_can_be_made_now():
    home = call("home")
    world = FakeWorld(worlds.kitchen())
    # The cube falls down: nothing below can be done any more, but the fork before can.
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    ways = plans(
        CUBE,
        (GRASP, call("place", object="red_cube", relation="on", target="table"), *CUBE),
        (home, *CUBE),
        goal=GOAL[:1],
    )
    result, chat, _, _ = run(world, ways, instruction="put the red cube in the box")
    assert result.success
    assert world.calls == [
        "grasp red_cube",
        "place red_cube in box",
        "home",
        "grasp red_cube",
        "place red_cube in box",
    ]
    assert len(chat.requests) == 1


def test_a_tree_that_is_used_up_is_sampled_anew_a_few_times():
    world = FakeWorld(worlds.kitchen())
    world.script = {"grasp": [(Outcome.FAILED, nothing)] * 100}
    result, chat, _, _ = run(world, plans(CUBE, goal=GOAL[:1]), max_replans=2)
    assert not result.success
    assert "gave up after 2 new trees" in result.reason
    assert len(chat.requests) == 3


def test_a_new_tree_leads_to_the_goal():
    world = FakeWorld(worlds.kitchen())
    world.script = {"place": [(Outcome.FAILED, dropped("red_cube"))]}
    result, chat, _, _ = run(
        world, plans(CUBE, goal=GOAL[:1]), instruction="put the red cube in the box"
    )
    assert result.success
    assert len(chat.requests) == 2


def test_plans_that_the_checker_refuses_are_left_out_of_the_tree():
    world = FakeWorld(worlds.kitchen())
    result, chat, _, _ = run(world, plans((PUT_IN_BOX,), CUBE, goal=GOAL[:1]))
    assert result.success
    assert world.calls == ["grasp red_cube", "place red_cube in box"]
    assert len(chat.requests) == 1


def test_without_a_model_rules_give_the_tree_one_branch():
    world = FakeWorld(worlds.kitchen())
    result, _, _, _ = run(world, EndpointDownError("down"))
    assert result.success
    assert result.plans[0].planner == "rules"


def test_a_goal_that_holds_already_moves_nothing():
    world = FakeWorld(worlds.kitchen())
    result, _, _, _ = run(world, plans((), goal=("closed(drawer)",)), instruction="close it")
    assert result.success
    assert world.calls == []


def test_calls_for_their_own_sake_have_to_be_made():
    world = FakeWorld(worlds.kitchen())
    result, _, _, _ = run(world, plans((call("home"),), goal=()), instruction="go home")
    assert result.success
    assert world.calls == ["home"]


def test_a_fault_ends_the_run():
    world = FakeWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAULT, nothing)]})
    result, _, _, _ = run(world, plans(CUBE, goal=GOAL[:1]))
    assert not result.success
    assert world.calls == ["grasp red_cube"]


def test_a_first_tree_without_a_plan_is_refused():
    world = FakeWorld(worlds.kitchen())
    with pytest.raises(RefusedError):
        run(world, "gibberish", instruction="flurb the wug")
    assert world.calls == []
