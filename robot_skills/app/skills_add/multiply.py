"""Many demonstrations out of few: each is repeated in new scenes, where the simulator judges it.

After *MimicGen: A Data Generation System for Scalable Robot Learning using Human Demonstrations*
(Mandlekar et al., 2023). Scenes are drawn from the card; what a demonstration did relative to a
thing is done relative to the thing of the new call, under pushes like those of scripted experts,
and kept where the card's effects hold in the simulator's own state.
"""

from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_skills.app.card_scenarios import draw_card_scenario
from robot_skills.app.skills_add.checks import read_demonstrations
from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.skills.card import SkillCard
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, demonstrate_in
from sim.experts.replay import ReplayExpert
from sim.segments import Segment, cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Multiplication:
    """What to multiply; implements `sim.generate.Job`.

    Attributes:
        task: Name of the skill.
        card: Its draft card.
        dataset: The given demonstrations.
        robot: Arm that repeats them.
        episodes: Demonstrations wanted.
        seed: Of everything.
    """

    task: str
    card: Path
    dataset: Path
    robot: str
    episodes: int
    seed: int

    @property
    def fps(self) -> int:
        return CONTROL_HZ

    def demonstrate(self, i: int) -> Demonstration:
        """One demonstration, drawn at random, repeated in scene i. Raises `AttemptFailed`."""
        card, demonstrations = _sources(self.card, self.dataset)
        rng = np.random.default_rng((self.seed, i))
        scenario = draw_card_scenario(card, rng)
        segments = demonstrations[int(rng.integers(len(demonstrations)))]
        return demonstrate_in(scenario, partial(ReplayExpert, segments), rng, arm=self.robot)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"card": str(self.card), "dataset": str(self.dataset)}


def check_multipliable(job: Multiplication) -> None:
    """Refuse what cannot be repeated in the simulator, before any process starts.

    Raises:
        RefusedError: The card has several cases, or the simulator finds no start for it.
        DatasetError: The demonstrations cannot be carried over to other scenes.
    """
    from policies.dataset import open_dataset

    card, _ = _sources(job.card, job.dataset)
    if len(card.cases) > 1:
        raise RefusedError(
            f"The card of {card.name!r} has {len(card.cases)} cases, and nothing says which of "
            "them a demonstration shows. Record as many as --episodes asks for."
        )
    fps = open_dataset(job.dataset).fps
    if fps != CONTROL_HZ:
        raise DatasetError(
            f"Dataset {job.dataset} has {fps:g} frames per second; demonstrations are repeated at "
            f"{CONTROL_HZ}. Record them at that rate, or as many as --episodes asks for."
        )
    draw_card_scenario(card, np.random.default_rng((job.seed, 0)))


@cache
def _sources(card: Path, dataset: Path) -> tuple[SkillCard, tuple[tuple[Segment, ...], ...]]:
    """Card and segments of every demonstration, read once per process."""
    loaded = SkillCard.load(card)
    return loaded, tuple(cut(recorded) for recorded in read_demonstrations(dataset, loaded))
