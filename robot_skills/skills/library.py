"""The skills that there are: cards by name, and their policies when somebody needs them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from robot_skills.core.errors import (
    CheckpointError,
    RefusedError,
    UnusableSkillError,
    unknown_name,
)
from robot_skills.core.policy import Policy
from robot_skills.skills.card import CARD_FILE, SkillCard, SkillKind
from robot_skills.skills.fit import check_fit

PolicyLoader = Callable[[Path], Policy]
"""Loads the policy of a checkpoint directory; raises `CheckpointError`."""


class SkillLibrary:
    """Cards by name. A policy is loaded when it is first asked for, and kept."""

    def __init__(
        self, cards: Mapping[str, SkillCard], policy_loader: PolicyLoader | None = None
    ) -> None:
        self._cards = dict(cards)
        self._policy_loader = policy_loader
        self._policies: dict[str, Policy] = {}

    @classmethod
    def load(cls, zoo_dir: Path, policy_loader: PolicyLoader | None = None) -> "SkillLibrary":
        """Read every card in the folders of `zoo_dir`.

        Raises:
            RefusedError: There is no such folder, no card in it, a card is wrong, or two cards
                have the same name.
        """
        if not zoo_dir.is_dir():
            raise RefusedError(f"Skill library {zoo_dir} is not a folder.")
        cards: dict[str, SkillCard] = {}
        for path in sorted(zoo_dir.glob(f"*/{CARD_FILE}")):
            card = SkillCard.load(path)
            if card.name in cards:
                other = cards[card.name].directory / CARD_FILE
                raise RefusedError(f"Skill {card.name!r} has two cards: {other} and {path}.")
            cards[card.name] = card
        if not cards:
            raise RefusedError(f"Skill library {zoo_dir} has no card (*/{CARD_FILE}).")
        return cls(cards, policy_loader)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._cards)

    def __getitem__(self, name: str) -> SkillCard:
        """The card of a skill. Raises `UnknownNameError`."""
        try:
            return self._cards[name]
        except KeyError:
            raise unknown_name("skill", name, self._cards) from None

    def __contains__(self, name: object) -> bool:
        return name in self._cards

    def __iter__(self) -> Iterator[SkillCard]:
        return iter(self._cards.values())

    def __len__(self) -> int:
        return len(self._cards)

    def policy(self, name: str) -> Policy:
        """The policy of a learned skill.

        Raises:
            UnknownNameError: There is no such skill.
            CheckpointError: The skill has no policy, or its checkpoint cannot be used or
                contradicts the card.
        """
        card = self[name]
        if name not in self._policies:
            if card.kind is not SkillKind.LEARNED or card.checkpoint is None:
                raise CheckpointError(f"Skill {name!r} is scripted: it has no policy.")
            if self._policy_loader is None:
                raise CheckpointError(f"Skill {name!r} cannot run: nothing here loads policies.")
            try:
                policy = self._policy_loader(card.directory)
                check_fit(card, policy)
            except CheckpointError as error:
                raise UnusableSkillError(str(error), skill=name) from error
            self._policies[name] = policy
        return self._policies[name]
