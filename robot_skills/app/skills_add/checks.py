"""Whether a draft card can become a skill of a library, and whether demonstrations are of it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.core.policy import pose_to_vector, vector_to_pose
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.verbs import verb
from robot_skills.skills.card import ParameterType, SkillCard, SkillKind
from robot_skills.skills.library import SkillLibrary

if TYPE_CHECKING:
    from policies.dataset import Demonstrations
    from sim.segments import Recorded

CHECKPOINT = "weights.safetensors"
"""What the card of a skill that is added calls its checkpoint."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_draft(card: SkillCard, name: str, library: SkillLibrary) -> None:
    """Refuse a draft card that would not do beside the skills that there are.

    Args:
        card: The draft.
        name: What the skill is to be called.
        library: Where it is to go.

    Raises:
        RefusedError: Says everything that is wrong.
    """
    problems = [
        *_name_problems(card, name, library),
        *_verb_problems(card, library),
        *_effect_problems(card),
    ]
    if problems:
        raise RefusedError(f"Draft card of {name!r}: {'; '.join(problems)}.")


def _name_problems(card: SkillCard, name: str, library: SkillLibrary) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"name: {name!r} is not one word of small letters, digits and _"
    if card.name != name:
        yield f"name: the card calls itself {card.name!r}"
    if name in library:
        yield f"name: {library[name].directory} holds a skill of that name already"
    if card.kind is not SkillKind.LEARNED or card.checkpoint != CHECKPOINT:
        yield f"a skill that is taught has kind: learned and checkpoint: {CHECKPOINT}"
    if card.training is not None or card.results:
        yield "training and results are written when the skill is added: leave them out"


def _verb_problems(card: SkillCard, library: SkillLibrary) -> Iterator[str]:
    if not card.verbs:
        yield "verbs: say in which words the skill is asked for"
    taken = {_spoken(form): other.name for other in library for form in other.verbs}
    for form in card.verbs:
        said = _spoken(form)
        unsaid = [p.name for p in card.parameters if f"{{{p.name}}}" not in form.split()]
        if unsaid:
            yield f"verbs: {form!r} does not say {', '.join(unsaid)}"
        if said in taken:
            yield f"verbs: {form!r} is taken by the skill {taken[said]!r}"
            continue
        found = verb(said)
        if found is not None and all(_says_nothing_new(word) for word in found[1]):
            yield f"verbs: {form!r} is taken, it is understood as {found[0].value!r}"


def _spoken(form: str) -> tuple[str, ...]:
    """A form of words, whatever its parameters are called."""
    return tuple("{}" if word.startswith("{") else word for word in form.lower().split())


def _says_nothing_new(word: str) -> bool:
    """Whether a word behind a known verb leaves the meaning to the verb."""
    return word == "{}" or word in words.RELATIONS


def _effect_problems(card: SkillCard) -> Iterator[str]:
    for i, case in enumerate(card.cases):
        at = f"cases[{i}]"
        if not case.effects:
            yield f"{at}.effects: say what holds afterwards, or no plan can use the skill"
        if not case.tokens:
            yield f"{at}.tokens: say which entities the policy is to see"
        changed = {arg for effect in case.effects for arg in effect.args}
        for parameter in card.parameters:
            if parameter.type is ParameterType.WORD or not case.effects:
                continue
            if f"{{{parameter.name}}}" not in changed:
                yield f"{at}.effects: nothing is said of the parameter {parameter.name!r}"


def read_demonstrations(dataset: Path, card: SkillCard) -> "tuple[Recorded, ...]":
    """The demonstrations of a dataset, checked against a card.

    Args:
        dataset: LeRobot v3 dataset with the layout of a skill.
        card: What they are said to show.

    Raises:
        DatasetError: It is none, or shows other entities than the card.
    """
    from policies.dataset import load_demonstrations
    from policies.features import ANCHOR, ENTITIES, PRESENT, TOKEN_SIZE
    from sim.segments import Recorded

    data = load_demonstrations(dataset)
    tokens = data.states[:, ENTITIES].reshape(len(data.states), -1, TOKEN_SIZE)
    present = tokens[:, :, PRESENT, None] > 0.5
    seen = present.sum(axis=(1, 2))
    _check_entities(dataset, card, set(seen.tolist()))
    anchors = np.where(present, tokens[:, :, ANCHOR], pose_to_vector(np.eye(4)))
    T_base_anchor = vector_to_pose(anchors.astype(np.float64))
    T_base_tool = vector_to_pose(data.actions[:, :9].astype(np.float64))
    return tuple(
        Recorded(
            T_base_tool=T_base_tool[rows],
            opening=data.actions[rows, 9].astype(np.float64),
            done=data.done[rows],
            T_base_anchor=T_base_anchor[rows, : seen[rows[0]]],
        )
        for rows in _episodes(data)
    )


def _check_entities(dataset: Path, card: SkillCard, counts: Iterable[int]) -> None:
    fitting = {
        count
        for case in card.cases
        for count in range(case.entity_counts[0], case.entity_counts[1] + 1)
    }
    odd = sorted(set(counts) - fitting)
    if odd:
        tokens = " or ".join(
            ", ".join(f"{token.anchor.value} of {token.argument}" for token in case.tokens)
            for case in card.cases
        )
        raise DatasetError(
            f"Dataset {dataset} shows {odd[0]} entities in some frames; the card of "
            f"{card.name!r} shows the policy: {tokens}. Record these, or mend the card's tokens."
        )


def _episodes(data: "Demonstrations") -> Iterator[np.ndarray]:
    """Rows of each episode that are to be imitated."""
    start = 0
    for end in data.episode_ends:
        rows = start + np.flatnonzero(data.label_valid[start:end])
        start = int(end)
        if len(rows):
            yield rows
