"""What a model relies on before each step, compared with what the steps before it bring about."""

from collections.abc import Iterable, Sequence

from robot_skills.core.scene import Scene
from robot_skills.scheduler.models.answers import Step
from robot_skills.scheduler.world_model import WorldModel, card_predicates, ground_call
from robot_skills.skills.card import SkillCard


def broken_expectations(
    steps: Sequence[Step], scene: Scene, cards: Iterable[SkillCard]
) -> tuple[str, ...]:
    """The first step before which something would not hold that a model relies on.

    The calls themselves must have been accepted before.

    Args:
        steps: Of one plan.
        scene: That they begin in.
        cards: Of the skills.

    Returns:
        What to say about it; nothing where all would hold.
    """
    by_name = {card.name: card for card in cards}
    spoken_of = {one.predicate: len(one.args) for step in steps for one in step.expects}
    model = WorldModel(scene, {**spoken_of, **card_predicates(by_name.values())})
    state = model.initial()
    for number, step in enumerate(steps, start=1):
        missing = model.unmet(state, step.expects)
        if missing:
            what = ", ".join(map(str, missing))
            return (f"step {number}, {step.call}: it expects {what}, which would not hold then",)
        grounded = ground_call(by_name[step.call.skill], step.call.args)
        state = model.apply(state, grounded.effects)
    return ()
