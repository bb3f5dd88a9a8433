"""Start situations of skills that the simulator knows nothing of: drawn from their cards.

A card says what has to hold before a call. So scenes are drawn until there is one in which some
call may begin and is not done already.
"""

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.predicates import unmet
from robot_skills.core.scene import Scene
from robot_skills.scheduler.world_model import (
    GroundCall,
    WorldModel,
    card_predicates,
    ground_calls,
)
from robot_skills.skills.card import ParameterType, SkillCard
from robot_skills.skills.runner import in_words
from sim.layout import DrawerStart, random_layout
from sim.objects import PEG
from sim.placements import Layout
from sim.scenarios import SCENARIOS, Scenario, draw_scenario, random_start
from sim.truth import truth_scene
from sim.variation import TRAINING, Variation, vary
from sim.world import TabletopWorld

_DRAWS = 40
_ANY_ARM = "panda"
"""Where things are at the start does not depend on the arm."""


def draw_start(
    card: SkillCard, rng: np.random.Generator, variation: Variation = TRAINING
) -> Scenario:
    """A random start of a skill: one of its own scenarios, or else one that its card allows.

    Args:
        card: Of the skill.
        rng: Source of all randomness.
        variation: What differs between starts.

    Raises:
        RefusedError: No start was found.
    """
    if card.name in SCENARIOS:
        return draw_scenario(card.name, rng, variation)
    return draw_card_scenario(card, rng, variation)


def draw_card_scenario(
    card: SkillCard, rng: np.random.Generator, variation: Variation = TRAINING
) -> Scenario:
    """A random start that a card allows. Arguments and errors are those of `draw_start`."""
    for _ in range(_DRAWS):
        try:
            layout = _layout(card, rng, variation)
        except RefusedError:
            # So many things did not fit on the table: draw others.
            continue
        scene = truth_scene(TabletopWorld(_ANY_ARM, layout))
        model = WorldModel(scene, card_predicates([card]))
        calls = [call for call in ground_calls([card], model) if _may_begin(call, scene)]
        if calls:
            call = calls[int(rng.integers(len(calls)))]
            return _scenario(card, call, vary(layout, variation, rng), rng)
    raise RefusedError(
        f"The simulator finds no start for {card.name!r}: in {_DRAWS} scenes its preconditions "
        "never held, or its effects did already. Nothing is drawn inside or on top of anything."
    )


def _layout(card: SkillCard, rng: np.random.Generator, v: Variation) -> Layout:
    """A random layout with the fixtures that the card speaks of, and some others."""
    types = {parameter.type for parameter in card.parameters}
    doors = ParameterType.ARTICULATED in types and rng.random() < 0.5
    drawer = DrawerStart.ABSENT if doors or rng.random() < 0.5 else DrawerStart.ANY
    needs_hole = any(
        literal.predicate == "snug" and not literal.negated
        for case in card.cases
        for literal in case.preconditions
    )
    controls = ParameterType.CONTROL in types
    return random_layout(
        rng,
        with_objects=(PEG,) if needs_hole else (),
        drawer=drawer,
        box=ParameterType.CONTAINER in types or bool(rng.random() < 0.5),
        button=controls and bool(rng.random() < 0.5),
        switch=controls,
        cupboard=DrawerStart.ANY if doors else DrawerStart.ABSENT,
        zone=ParameterType.AREA in types,
        socket=needs_hole,
        others=v.others,
        clutter=v.clutter,
        cube_size=v.size,
    )


def _may_begin(call: GroundCall, scene: Scene) -> bool:
    """Whether a call may be made from a scene once its thing is in the hand, and is not done."""
    held = _held(call)
    before = [
        literal
        for literal in call.preconditions
        if literal.predicate != "holding" and not (held and literal.predicate == "hand_empty")
    ]
    return not unmet(scene, tuple(before)) and bool(unmet(scene, call.effects))


def _held(call: GroundCall) -> str | None:
    """The thing that has to be in the hand at the start."""
    wanted = [
        literal.args[0]
        for literal in call.preconditions
        if literal.predicate == "holding" and not literal.negated
    ]
    return wanted[0] if wanted else None


def _scenario(
    card: SkillCard, call: GroundCall, layout: Layout, rng: np.random.Generator
) -> Scenario:
    args = call.call.args
    return Scenario(
        skill=card.name,
        args=args,
        task=in_words(card, args),
        layout=layout,
        tokens=tuple((args[t.argument], t.anchor.value) for t in card.case(args).tokens),
        effects=call.effects,
        held=_held(call),
        **random_start(rng),
    )
