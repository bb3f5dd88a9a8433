"""Plans as data: what is refused, and how restarts are counted."""

import sys
from dataclasses import replace

import pytest

from robot_skills.app.bringup.plan import BringupPlan, NodePlan, Ready, Respawn, Restarts
from robot_skills.app.bringup.plans import (
    CellFacts,
    Demonstration,
    Instructions,
    PlanName,
    plan_of,
)
from robot_skills.core.errors import RefusedError, UnknownNameError

SIM = CellFacts(cell="/cells/a.yaml", name="a", simulated=True, namespace="/left", domain=7)
REAL = CellFacts(cell="/cells/b.yaml", name="b", cameras=("front", "wrist"))


def node(name, **settings):
    module = settings.pop("module", "robot_skills.app.nodes.gate")
    return NodePlan(name=name, executable=name, module=module, about=name, **settings)


def names(plan):
    return [one.name for one in plan.nodes]


def test_a_simulated_cell_has_its_arm_and_a_real_one_its_cameras():
    assert names(plan_of(PlanName.SIM, SIM)) == ["sim_robot", "gate"]
    assert names(plan_of(PlanName.BRINGUP, SIM)) == ["sim_robot", "gate"]
    assert names(plan_of(PlanName.BRINGUP, REAL)) == ["gate", "camera_front", "camera_wrist"]
    with pytest.raises(RefusedError, match="The arm of b is a real one"):
        plan_of(PlanName.SIM, REAL)


@pytest.mark.parametrize("facts", [SIM, REAL])
@pytest.mark.parametrize("name", [one for one in PlanName if one is not PlanName.SIM])
def test_everything_that_moves_the_arm_stands_above_the_gate(name, facts):
    plan = plan_of(name, facts)
    above = [one for one in plan.nodes if one.after == ("gate",)]
    assert len(above) == len(plan.nodes) - names(plan).index("gate") - 1 - len(facts.cameras)
    gate = next(one for one in plan.nodes if one.name == "gate")
    assert gate.required
    assert gate.respawn is not None


def test_nodes_of_a_plan_can_be_started_on_other_machines():
    plan = plan_of(PlanName.SKILLS, replace(SIM, network=True))
    assert plan.network
    assert names(plan)[2:] == ["perception", "skill_server", "scheduler"]
    alone = plan.selected(only=("scheduler",))
    assert names(alone) == ["scheduler"]
    # What it waits for is started elsewhere.
    assert alone.nodes[0].after == ()
    rest = plan.selected(without=("scheduler", "perception"))
    assert names(rest) == ["sim_robot", "gate", "skill_server"]
    assert rest.nodes[2].after == ("gate",)
    assert plan.selected() == plan
    with pytest.raises(UnknownNameError, match="Did you mean 'scheduler'"):
        plan.selected(only=("schedular",))
    with pytest.raises(RefusedError, match="no node is left"):
        plan.selected(only=("gate",), without=("gate",))


def test_namespaces_and_domains_reach_every_node():
    for one in plan_of(PlanName.SKILLS, SIM).nodes:
        command = one.command()
        assert command[:2] == [sys.executable, "-m"]
        assert command[command.index("--domain") + 1] == "7"
        assert command[command.index("--ros-args") :] == ["--ros-args", "-r", "__ns:=/left"]
    sim, gate = plan_of(PlanName.SIM, SIM).nodes
    assert sim.ready is not None
    assert sim.ready.topics == ("/left/joint_states",)
    assert gate.ready is not None
    assert gate.ready.services == ("/left/gate/acquire", "/left/gate/submit")


def test_hands_and_recorder_are_told_what_is_demonstrated():
    shown = Demonstration(devices=("gamepad", "words"), dataset="/data/push", task="push it")
    *_, recorder, teleop = plan_of(PlanName.COLLECT, SIM, shown).nodes
    assert recorder.arguments[-4:] == ("--dataset", "/data/push", "--task", "push it")
    assert teleop.arguments[-6:] == (
        *("--device", "gamepad", "--device", "words"),
        *("--task", "push it"),
    )
    assert recorder.ready is not None
    assert recorder.ready.services == ("/left/recorder/episode",)
    # Nobody records while an arm is led before its cameras.
    *_, hands = plan_of(PlanName.CALIBRATE, SIM).nodes
    assert hands.arguments[-1] == "--no-recorder"
    with pytest.raises(RefusedError, match="'bringup' has no hands"):
        plan_of(PlanName.BRINGUP, SIM, shown)
    with pytest.raises(RefusedError, match="'calibrate' has no recorder"):
        plan_of(PlanName.CALIBRATE, SIM, shown)


def test_the_scheduler_is_told_how_instructions_are_carried_out():
    told = Instructions(executive="fixed", runs="/data/runs")
    *_, scheduler = plan_of(PlanName.SKILLS, SIM, instructions=told).nodes
    assert scheduler.arguments[-4:] == ("--executive", "fixed", "--runs", "/data/runs")
    *others, scheduler = plan_of(PlanName.SKILLS, SIM).nodes
    assert not {"--executive", "--runs"} & set(scheduler.arguments)
    assert all("--executive" not in one.arguments for one in others)
    with pytest.raises(RefusedError, match=r"'bringup' has no scheduler.*the plan 'skills'"):
        plan_of(PlanName.BRINGUP, SIM, instructions=told)
    with pytest.raises(UnknownNameError, match="Did you mean 'closed-loop'"):
        Instructions(executive="closedloop")


def test_plans_with_hands_are_complete():
    for name in (PlanName.COLLECT, PlanName.CALIBRATE):
        for facts in (SIM, REAL):
            plan_of(name, facts).check()


def test_a_command_line_has_all_of_a_node(tmp_path):
    one = node(
        "gate", arguments=("--cell", "a"), remaps=(("x", "y"),), parameters=(tmp_path / "p.yaml",)
    )
    assert one.command(12)[3:] == [
        *("--cell", "a", "--keeper", "12"),
        *("--ros-args", "-r", "x:=y", "--params-file", str(tmp_path / "p.yaml")),
    ]
    assert "--ros-args" not in node("gate").command()


def test_contradictory_plans_are_refused():
    with pytest.raises(RefusedError, match="two nodes 'a'"):
        BringupPlan(name="p", cell="c", nodes=(node("a"), node("a")))
    with pytest.raises(RefusedError, match="'a' starts after b"):
        BringupPlan(name="p", cell="c", nodes=(node("a", after=("b",)), node("b")))
    with pytest.raises(RefusedError, match="does not shrink"):
        Respawn(factor=0.5)


def test_all_that_is_missing_is_named_at_once(tmp_path):
    nodes = (
        node("ghost", module="robot_skills.app.nodes.ghost"),
        # There is such a module, but nothing to run in it.
        node("mute", module="robot_skills.app.nodes"),
        node("lost", module="no_such_package.node"),
        node("gate", parameters=(tmp_path / "none.yaml",)),
    )
    plan = BringupPlan(name="p", cell="c", nodes=nodes)
    with pytest.raises(RefusedError) as refused:
        plan.check()
    assert all(word in str(refused.value) for word in ("ghost", "mute", "lost", "none.yaml"))
    assert plan.payload()["missing"] == ["ghost", "mute", "lost"]
    assert sum("MISSING" in line for line in plan.lines()) == 3


def test_a_plan_says_how_each_node_is_treated():
    plan = BringupPlan(
        name="p",
        cell="c",
        nodes=(
            node("arm", ready=Ready(topics=("/joint_states",))),
            node("gate", after=("arm",), respawn=Respawn(most=3), lifecycle=True),
            node("view", required=False),
        ),
    )
    text = "\n".join(plan.lines())
    assert "its end ends all" in text
    assert "ready with /joint_states" in text
    assert "started again up to 3 times in a row, then all ends" in text
    assert "after arm" in text
    assert "configured and activated" in text
    assert "others go on without it" in text


def test_pauses_grow_to_a_bound_and_health_is_rewarded():
    restarts = Restarts(Respawn(first_pause_s=1.0, factor=3.0, longest_pause_s=5.0, most=3))
    assert [restarts.pause_s(0.1) for _ in range(4)] == [1.0, 3.0, 5.0, None]
    assert restarts.pause_s(1000.0) == 1.0
    assert restarts.total == 4
    assert Restarts(None).pause_s(1000.0) is None
