"""A skill that is wanted otherwise while it runs, on the fake robot behind the real gate."""

import numpy as np
import pytest

from robot_skills.core.events import EventKind
from robot_skills.core.plan import Outcome
from robot_skills.skills.heeding import AS_USUAL, FARTHEST_M, Wanted
from tests.skills.test_runner import GRASP, Cell, place


class Speaker:
    """A `Heed` that changes its mind after some periods."""

    def __init__(self, later: Wanted, after: int = 6) -> None:
        self.later, self.after = later, after
        self.asked = 0
        self.begun = []

    def begins(self, call, scene, binding) -> None:
        self.begun.append(call)
        self.asked = 0

    def wanted(self) -> Wanted:
        self.asked += 1
        return self.later if self.asked > self.after else AS_USUAL


def held() -> Cell:
    cell = Cell()
    cell.run(GRASP)
    return cell


def test_a_shift_moves_where_a_thing_is_put_and_the_policy_is_asked_at_once():
    shift = np.array([0.03, -0.04, 0.0])
    usual, otherwise = held(), held()
    usual.run(place("on", "table"))
    speaker = Speaker(Wanted(shift_m=shift))
    # The fake policy looks at its tokens once, when it begins.
    speaker.after = 0
    result, scene = otherwise.run(place("on", "table"), heed=speaker)
    assert result.outcome is Outcome.SUCCESS
    assert speaker.begun == [place("on", "table")]
    moved = scene["red_cube"].T_base_entity.p - usual.look()["red_cube"].T_base_entity.p
    assert moved == pytest.approx(shift, abs=2e-3)


def test_a_change_is_asked_about_at_the_next_period():
    cell = held()
    cell.policies["place"].inputs.clear()
    cell.run(place("on", "table"), heed=Speaker(Wanted(shift_m=np.array([0.0, -0.04, 0.0]))))
    inputs = cell.policies["place"].inputs
    first, second = (inputs[i].tokens[1].T_base_anchor.p for i in (0, 1))
    assert second - first == pytest.approx([0.0, -0.04, 0.0])
    stamps = [event.stamp_s for event in cell.events.of_kind(EventKind.CHUNK)]
    assert stamps[-len(inputs) + 1] - stamps[-len(inputs)] == pytest.approx(6 * 0.05)


def test_slower_gives_every_waypoint_more_time():
    usual, slow = Cell(), Cell()
    usual.run(GRASP)
    slow.run(GRASP, heed=Speaker(Wanted(speed=0.5), after=0))
    usual_s, slow_s = (
        float(np.diff(cell.robot.commands[0].stamp_s).max()) for cell in (usual, slow)
    )
    assert slow_s == pytest.approx(2.0 * usual_s)


def test_what_is_not_wanted_any_more_is_left_for_home_and_looked_at():
    cell = Cell()
    looks = cell.looks
    result, scene = cell.run(GRASP, heed=Speaker(Wanted(obsolete="not this one")))
    assert result.outcome is Outcome.STOPPED
    assert result.reason == "not this one"
    assert scene["red_cube"].held_by is None
    assert cell.looks == looks + 2
    home = cell.robot.home("arm")
    assert cell.tool.distance_to(home)[0] < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"shift_m": np.array([FARTHEST_M + 0.01, 0.0, 0.0])},
        {"shift_m": np.array([np.nan, 0.0, 0.0])},
        {"speed": 0.0},
        {"speed": 1.5},
        {"speed": float("nan")},
    ],
)
def test_what_goes_beyond_the_limits_cannot_be_told(wrong):
    with pytest.raises(ValueError):
        Wanted(**wrong)
