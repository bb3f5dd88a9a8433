"""Success is foreseen while a skill runs: at every period, in every event, acted on if wanted."""

from robot_skills.core.events import EventKind
from robot_skills.core.plan import Outcome
from robot_skills.skills.policy_skill import PolicySkillConfig
from tests.fakes import T_HOME
from tests.skills.test_runner import GRASP, Cell


class Foreteller:
    """Always says the same, and counts."""

    def __init__(self, likely: float) -> None:
        self.likely, self.asked, self.resets = likely, 0, 0

    def reset(self) -> None:
        self.resets += 1

    def probability(self, inputs) -> float:
        self.asked += 1
        return self.likely


def test_what_foresees_success_is_asked_at_every_period_and_told_in_the_events():
    cell, foreteller = Cell(), Foreteller(0.8)
    result, _ = cell.run(GRASP, predictors={"grasp": foreteller})
    assert result.outcome is Outcome.SUCCESS
    assert result.likely == 0.8
    assert foreteller.resets == 1
    assert foreteller.asked > 4 * result.chunks
    assert {event.data["likely"] for event in cell.events.of_kind(EventKind.CHUNK)} == {0.8}
    assert cell.events.of_kind(EventKind.SKILL_END)[-1].data["likely"] == 0.8


def test_where_nothing_foresees_success_nothing_is_said_of_it():
    cell = Cell()
    result, _ = cell.run(GRASP)
    assert result.likely is None
    assert all("likely" not in event.data for event in cell.events.events)


def test_a_hopeless_attempt_is_given_up_only_where_that_is_asked_for():
    patient = Cell().run(GRASP, predictors={"grasp": Foreteller(0.01)})[0]
    assert patient.outcome is Outcome.SUCCESS
    config = PolicySkillConfig(give_up_below=0.05, give_up_after=2)
    cell = Cell()
    result, _ = cell.run(GRASP, predictors={"grasp": Foreteller(0.01)}, policy_config=config)
    assert result.outcome is Outcome.FAILED
    assert "unlikely (0.01)" in result.reason
    assert result.chunks == 2
    assert cell.events.of_kind(EventKind.CHUNK)[-1].data["verdict"] == "unlikely"
    assert cell.tool.allclose(T_HOME, atol=1e-3)
