"""Whose fault a run was, from hand-made events."""

import json
from typing import Any

import pytest

from robot_skills.core.events import Event, EventKind
from robot_skills.scheduler.attribution import attribute
from robot_skills.scheduler.layers import Layer

GRASP = {"skill": "grasp", "args": {"object": "red_cube"}}
PLACE = {"skill": "place", "args": {"object": "red_cube", "relation": "in", "target": "box"}}
CUBE, BOX, CAN = (0.5, 0.1, 0.02), (0.5, -0.25, 0.04), (0.6, 0.3, 0.05)
HOME = [0.45, 0.0, 0.3]


class Log:
    """Events of a run, one after the other; the defaults are those of a run that goes well."""

    def __init__(self, step_s: float = 0.5) -> None:
        self.events: list[Event] = []
        self._step_s, self._now_s = step_s, 0.0

    def emit(self, kind: EventKind, **data: Any) -> "Log":
        self._now_s += self._step_s
        self.events.append(Event(stamp_s=self._now_s, kind=kind, data=data))
        return self

    def look(self, views=None, **moved: tuple[float, float, float] | None) -> "Log":
        places = {"red_cube": CUBE, "box": BOX, "can": CAN, **moved}
        things = {
            name: {
                "p_m": list(p),
                "movable": name != "box",
                "visible": True,
                "held": p[2] > 0.2,
            }
            for name, p in places.items()
            if p is not None
        }
        readings = {"front": {"age_s": 0.0, "readings": 0.9}} if views is None else views
        return self.emit(EventKind.LOOK, entities=list(things), things=things, views=readings)

    def plan(self, *calls) -> "Log":
        self.emit(EventKind.INSTRUCTION, text="put the red cube in the box")
        self.look()
        return self.emit(EventKind.PLAN, number=0, goal=["in(red_cube, box)"], calls=list(calls))

    def begin(self, call) -> "Log":
        self.emit(EventKind.PRECONDITIONS, **call, unmet=[])
        return self.emit(EventKind.SKILL_START, **call, max_speed_m_s=0.6, from_m=HOME)

    def end(self, call, outcome="success", promised=(), unmet=(), **data) -> "Log":
        if promised:
            checked, missing = list(promised), list(unmet)
            self.emit(EventKind.EFFECTS, **call, checked=checked, unmet=missing)
        return self.emit(EventKind.SKILL_END, **call, outcome=outcome, chunks=10, **data)

    def grasped(self) -> "Log":
        self.begin(GRASP).look(red_cube=(0.45, 0.0, 0.28))
        return self.end(GRASP, promised=["holding(red_cube)"])

    def failed_grasp(self, after=CUBE, **data: Any) -> "Log":
        told = {"nearest_m": {"red_cube": 0.01}, "least_opening": 0.0, "least_told": 0.0}
        self.begin(GRASP).look(red_cube=after)
        return self.end(
            GRASP,
            "failed",
            promised=["holding(red_cube)"],
            unmet=["holding(red_cube)"],
            reason="holding(red_cube) does not hold",
            **{**told, **data},
        )

    def refused(self, code: str, leads_to=(0.5, 0.1, 0.05), **details: Any) -> "Log":
        where = {} if leads_to is None else {"leads_to_m": list(leads_to)}
        return self.emit(
            EventKind.GATE, accepted=False, code=code, message=code, details={**where, **details}
        )

    def failed(self, **data: Any) -> "Log":
        return self.emit(EventKind.RUN_END, success=False, reason="failed", **data)

    def succeeded(self) -> "Log":
        return self.emit(EventKind.RUN_END, success=True, reason="the goal holds")

    def fault(self):
        return attribute(self.events)

    def named(self) -> tuple[Layer, str]:
        fault = self.fault()
        assert fault is not None
        return fault.layer, fault.skill


def plan() -> Log:
    return Log().plan(GRASP, PLACE)


def test_a_run_that_goes_well_is_nobodys_fault():
    log = plan().grasped().begin(PLACE).look(red_cube=BOX)
    assert log.end(PLACE, promised=["in(red_cube, box)"]).succeeded().fault() is None


def test_who_asks_to_stop_blames_nobody():
    log = plan().begin(GRASP).end(GRASP, "stopped")
    assert log.failed(stopped=True).fault() is None


def test_the_answer_is_json_and_says_where_to_look():
    fault = plan().failed_grasp(nearest_m={"red_cube": 0.11}).failed().fault()
    assert fault is not None
    told = json.loads(json.dumps(fault.to_json()))
    assert (told["layer"], told["skill"], told["args"]) == ("skill", "grasp", GRASP["args"])
    assert told["evidence"]["event"] == "skill_end"
    assert "11 cm" in told["reason"]


@pytest.mark.parametrize(
    ("error", "layer"),
    [
        ("PlanRefusedError", Layer.PLAN),
        ("UnusableSkillError", Layer.SKILL),
        ("UnknownNameError", Layer.PERCEPTION),
        ("InstructionError", Layer.INSTRUCTION),
        ("MissingSkillError", Layer.INSTRUCTION),
    ],
)
def test_a_refused_instruction_is_told_by_its_error(error, layer):
    log = Log().look().emit(EventKind.REFUSED, reason="no", error=error, skill="grasp")
    assert log.named() == (layer, "grasp")


@pytest.mark.parametrize(
    ("error", "layer"),
    [
        ("RobotFault", Layer.DRIVER),
        ("PerceptionError", Layer.PERCEPTION),
        ("CheckpointError", Layer.SKILL),
        ("SkillServerFault", Layer.SKILL),
        ("PlanningError", Layer.PLAN),
    ],
)
def test_an_attempt_that_an_error_ended_is_told_by_the_error(error, layer):
    log = plan().begin(GRASP).end(GRASP, "failed", error=error, reason="no").failed()
    assert log.named() == (layer, "grasp")


def test_an_error_outside_of_any_call_counts_as_during_the_last_one():
    assert plan().grasped().failed(error="RobotFault").named() == (Layer.DRIVER, "grasp")


def test_without_a_first_look_perception_is_at_fault():
    log = Log().emit(EventKind.INSTRUCTION, text="x").failed(error="PerceptionError")
    assert log.named() == (Layer.PERCEPTION, "")


def test_an_arm_that_does_not_move_is_the_drivers_fault():
    log = plan().begin(GRASP).emit(EventKind.DRIVER, part="joint 1", message="joint 1 stalls")
    assert log.look().end(GRASP, "timeout").failed().named() == (Layer.DRIVER, "grasp")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"box": None}, "not known any more"),
        ({"box": (0.5, -0.19, 0.04)}, "stands fast"),
        ({"red_cube": CAN, "can": CUBE}, "changed places"),
        ({"views": {"front": {"age_s": 0.0, "readings": 0.0}}}, "no depth"),
    ],
)
def test_what_cannot_be_so_is_perceptions_fault_even_if_nobody_noticed(seen, said):
    fault = plan().begin(PLACE).look(**seen).end(PLACE).succeeded().fault()
    assert fault is not None
    assert (fault.layer, fault.skill) == (Layer.PERCEPTION, "place")
    assert said in fault.reason


def test_a_thing_that_moves_by_itself_is_suspicious_only_when_it_is_then_missed():
    tower = (0.4, -0.25, 0.02)

    def jumped() -> Log:
        log = plan().begin(PLACE).look(can=(0.6, 0.37, 0.05), red_cube=tower)
        return log.end(PLACE)

    take_can = {"skill": "grasp", "args": {"object": "can"}}
    assert jumped().succeeded().fault() is None
    log = jumped().begin(take_can).look(can=(0.6, 0.37, 0.05), red_cube=tower)
    assert log.end(take_can, "failed").failed().named() == (Layer.PERCEPTION, "place")


def test_a_thing_that_moves_by_itself_and_breaks_the_plan_is_suspicious():
    log = plan().begin(PLACE).look(can=(0.6, 0.37, 0.05), red_cube=(0.4, -0.25, 0.02)).end(PLACE)
    log.emit(EventKind.REPLAN, reason="on(can, zone) would not hold at the end")
    assert log.failed().named() == (Layer.PERCEPTION, "place")


def test_an_arm_that_does_not_come_home_is_the_drivers_fault():
    log = plan().begin(GRASP).look().end(GRASP, "fault", reason="could not go home")
    assert log.failed().named() == (Layer.DRIVER, "grasp")


def test_a_call_that_no_call_has_prepared_is_the_plans_fault():
    log = Log().plan(PLACE)
    log.emit(EventKind.PRECONDITIONS, **PLACE, unmet=["holding(red_cube)"])
    assert log.end(PLACE, "failed", reason="cannot start").failed().named() == (Layer.PLAN, "place")


def test_a_call_whose_preparation_did_not_last_is_the_fault_of_who_prepared_it():
    log = plan().grasped()
    log.emit(EventKind.PRECONDITIONS, **PLACE, unmet=["holding(red_cube)"])
    log.end(PLACE, "failed", reason="cannot start")
    assert log.failed().named() == (Layer.SKILL, "grasp")


def test_what_a_call_has_undone_on_purpose_did_not_get_lost():
    log = plan().begin(PLACE).look().end(PLACE, promised=["in(red_cube, box)", "hand_empty()"])
    log.begin(GRASP).look().end(GRASP, promised=["holding(red_cube)", "not hand_empty()"])
    press = {"skill": "press", "args": {"control": "button"}}
    log.emit(EventKind.PRECONDITIONS, **press, unmet=["hand_empty()"])
    assert log.end(press, "failed", reason="cannot start").failed().named() == (Layer.PLAN, "press")


def test_a_look_belongs_to_the_call_that_it_ends_even_if_the_next_begins_at_once():
    log = Log(step_s=0.0).plan(GRASP, PLACE).begin(GRASP).look(box=(0.5, 0.0, 0.04)).end(GRASP)
    log.begin(PLACE).look(box=(0.5, 0.0, 0.04)).end(PLACE, "failed")
    assert log.failed().named() == (Layer.PERCEPTION, "grasp")


def test_a_goal_that_no_call_was_to_reach_is_the_plans_fault():
    log = plan().grasped().emit(EventKind.GOAL, unmet=["in(red_cube, box)"], ahead=[])
    assert log.failed().named() == (Layer.PLAN, "")


def test_a_goal_that_was_reached_and_lost_is_the_fault_of_who_reached_it():
    log = plan().begin(PLACE).look().end(PLACE, promised=["in(red_cube, box)"])
    log.emit(EventKind.GOAL, unmet=["in(red_cube, box)"], ahead=[])
    assert log.failed().named() == (Layer.SKILL, "place")


@pytest.mark.parametrize(
    ("code", "details", "layer"),
    [
        ("non_finite", {}, Layer.SKILL),
        ("late", {}, Layer.SKILL),
        ("workspace", {}, Layer.GATE),
        ("workspace", {"leads_to": (0.9, 0.1, 0.05)}, Layer.SKILL),
        ("collision", {}, Layer.GATE),
        ("joint_range", {}, Layer.GATE),
        ("unreachable", {}, Layer.SKILL),
        ("speed", {"value": 0.3, "limit": 0.1}, Layer.GATE),
        ("speed", {"value": 1.5, "limit": 1.0}, Layer.SKILL),
        ("stale_observation", {"age_s": 1.2}, Layer.DRIVER),
        ("stale_observation", {"age_s": 0.0}, Layer.GATE),
        ("state", {}, Layer.DRIVER),
        ("lease", {}, Layer.DRIVER),
    ],
)
def test_a_refused_chunk_is_told_by_its_code_and_where_it_leads(code, details, layer):
    log = plan().begin(GRASP).refused(code, **details)
    assert log.look().end(GRASP, "fault", refused_by=code).failed().named() == (layer, "grasp")


def test_a_few_refused_chunks_do_not_explain_a_failure():
    log = plan().begin(GRASP).refused("joint_velocity").look()
    log.end(GRASP, "failed", promised=["holding(red_cube)"], nearest_m={"red_cube": 0.2})
    assert log.failed().named() == (Layer.SKILL, "grasp")


def test_a_hand_that_closed_on_nothing_where_a_thing_still_seems_to_be_blames_perception():
    assert plan().failed_grasp().failed().named() == (Layer.PERCEPTION, "grasp")


def test_a_thing_that_a_hand_may_have_moved_and_that_is_then_not_there_was_seen_to_jump():
    aside = (0.52, 0.18, 0.02)
    take_can = {"skill": "grasp", "args": {"object": "can"}}
    log = Log().look(can=aside).emit(EventKind.PLAN, calls=[GRASP, take_can])
    log.begin(GRASP).look(can=(0.48, 0.14, 0.02)).end(GRASP).begin(take_can)
    log.look(can=(0.48, 0.14, 0.02)).end(
        take_can,
        "failed",
        promised=["holding(can)"],
        nearest_m={"can": 0.01},
        least_opening=0.0,
        least_told=0.0,
    )
    assert log.failed().named() == (Layer.PERCEPTION, "grasp")
    assert log.fault().args == GRASP["args"]


def test_a_thing_that_was_moved_by_its_own_call_was_not_seen_to_jump():
    push = {"skill": "push", "args": {"object": "red_cube", "target": "box"}}
    pushed = (0.5, -0.1, 0.02)
    log = plan().begin(push).look(red_cube=pushed).end(push)
    assert log.failed_grasp(after=pushed).failed().named() == (Layer.PERCEPTION, "grasp")


@pytest.mark.parametrize(
    "instead",
    [
        {"after": (0.53, 0.1, 0.02)},
        {"least_told": 1.0, "least_opening": 1.0},
        {"least_opening": 0.4},
        {"nearest_m": {"red_cube": 0.09}},
    ],
)
def test_any_other_grasp_in_vain_blames_the_skill(instead):
    assert plan().failed_grasp(**instead).failed().named() == (Layer.SKILL, "grasp")


def test_trouble_that_was_got_over_is_told_when_the_run_succeeds():
    log = plan().failed_grasp(nearest_m={"red_cube": 0.2}).emit(EventKind.RETRY, **GRASP)
    assert log.grasped().succeeded().named() == (Layer.SKILL, "grasp")


def test_trouble_that_was_got_over_is_not_what_ended_the_run():
    log = plan().failed_grasp(nearest_m={"red_cube": 0.2}).emit(EventKind.RETRY, **GRASP).grasped()
    log.begin(PLACE).end(PLACE, "fault", error="RobotFault", reason="emergency stop")
    assert log.failed().named() == (Layer.DRIVER, "place")


def test_a_plan_that_what_was_seen_broke_blames_the_call_before():
    log = plan().grasped().emit(EventKind.REPLAN, reason="holding(red_cube) would not hold")
    assert log.failed().named() == (Layer.SKILL, "grasp")
