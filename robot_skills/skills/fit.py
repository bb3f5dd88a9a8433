"""Whether a card and the policy beside it speak of the same entities."""

from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import Policy, TrainedPolicy
from robot_skills.skills.card import SkillCard, SkillCase


def check_fit(card: SkillCard, policy: Policy) -> None:
    """Refuse a policy that was trained to see other entities than the card shows it.

    What a policy does not know about its training is not checked.

    Args:
        card: Of the skill.
        policy: That its checkpoint holds.

    Raises:
        CheckpointError: They contradict each other; says what each wants.
    """
    if not isinstance(policy, TrainedPolicy):
        return
    wanted = {tuple(token.anchor.value for token in case.tokens) for case in card.cases}
    if policy.anchors and policy.anchors != wanted:
        raise _contradiction(card, _calls(wanted), _calls(policy.anchors))
    if policy.entity_counts is None:
        return
    least, most = policy.entity_counts
    for case in card.cases:
        fewest, all_of_them = case.entity_counts
        if not least <= fewest <= all_of_them <= most:
            seen = f"{least}" if least == most else f"{least} to {most}"
            raise _contradiction(card, _entities(case), f"{seen} of them")


def _contradiction(card: SkillCard, shown: str, trained: str) -> CheckpointError:
    return CheckpointError(
        f"Skill {card.name!r}: its card shows the policy {shown}, but the checkpoint in "
        f"{card.directory} was trained to see {trained}. Mend the card's tokens, or train anew."
    )


def _entities(case: SkillCase) -> str:
    anchors = ", ".join(token.anchor.value for token in case.tokens)
    return f"{len(case.tokens)} entities ({anchors or 'none'})"


def _calls(kinds: set[tuple[str, ...]] | frozenset[tuple[str, ...]]) -> str:
    return " or ".join(f"({', '.join(anchors)})" for anchors in sorted(kinds))
