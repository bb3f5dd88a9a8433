"""Where the verb of a clause is, which act it means, and what belongs to it."""

from collections.abc import Sequence

from robot_skills.core.errors import InstructionError, NotUnderstoodError
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.lexicon import Act
from robot_skills.scheduler.words.tokens import at, base_form, find_all, inflections, without


def verb(tokens: Sequence[str]) -> tuple[Act, list[str]] | None:
    """The act of the known verb at the start of a clause, and the words behind it."""
    for length in range(min(_LONGEST_VERB, len(tokens)), 0, -1):
        act = _VERBS.get(tuple(tokens[:length]))
        if act is not None:
            rest = list(tokens[length:])
            found = _with_particle(tokens[0], rest) if length == 1 else None
            return found or (act, rest)
    return _with_particle(tokens[0], list(tokens[1:])) if tokens else None


def _with_particle(verb: str, rest: list[str]) -> tuple[Act, list[str]] | None:
    """A verb whose particle stands behind the object: "pull the drawer open"."""
    for (first, particle), act in words.PARTICLE_VERBS.items():
        if first != base_form(verb) or particle not in rest:
            continue
        i = rest.index(particle)
        if particle == "out" and at(rest, i, "out of"):
            return act, rest
        if i == len(rest) - 1 or particle in ("up", "down", "open"):
            return act, without(rest, particle)
    return None


def state_verb(tokens: Sequence[str]) -> tuple[int, str] | None:
    """Position and text of "should be" and its like."""
    found = [item for item in find_all(tokens, words.STATE_VERBS) if item[0] > 0]
    return found[0] if found else None


def bare_state(tokens: Sequence[str]) -> int:
    """Where the state begins in "(I want) the drawer closed" or "the red cube in the box"."""
    if tokens[-1] in words.STATES:
        # Also in two words: "turned off".
        return len(tokens) - (2 if tokens[-2:-1] in (["turned"], ["switched"]) else 1)
    splits = [i for i, _ in find_all(tokens, words.RELATIONS) if i > 0]
    return splits[-1] if splits else len(tokens)


def with_from(things: list[str]) -> list[str]:
    """The words of a thing with "out of", "off", ... as "from", which says where it is now."""
    source = find_all(things, words.SOURCES)
    if not source:
        return things
    i, preposition = source[-1]
    return [*things[:i], "from", *things[i + len(preposition.split()) :]]


def refuse_foreign_relations(rest: Sequence[str]) -> None:
    """Refuse "next to" and its like where the goal is said; inside the phrase before it is fine."""
    relations = find_all(rest, (*words.FOREIGN_RELATIONS, *words.RELATIONS))
    if relations and relations[-1][1] not in words.RELATIONS:
        # A hand can be where no thing can be left.
        raise (InstructionError if _HANDS.isdisjoint(rest) else NotUnderstoodError)(
            f"{relations[-1][1]!r} is not a relation that a skill can make. "
            "Available: in, on, beside."
        )


def match_form(form: Sequence[str], tokens: Sequence[str]) -> dict[str, list[str]] | None:
    """Slots of a verb form such as ``press {button}`` filled from the words, or None."""
    if not form:
        return None if tokens else {}
    head, rest = form[0], form[1:]
    if not head.startswith("{"):
        same = bool(tokens) and tokens[0] in inflections(head)
        return match_form(rest, tokens[1:]) if same else None
    for length in range(1, len(tokens) + 1):
        more = match_form(rest, tokens[length:])
        if more is not None:
            return {head.strip("{}"): list(tokens[:length]), **more}
    return None


def _verb_table() -> dict[tuple[str, ...], Act]:
    table: dict[tuple[str, ...], Act] = {}
    for act, phrases in words.VERBS.items():
        for phrase in phrases:
            first, *others = phrase.split()
            for form in inflections(first):
                table[(form, *others)] = act
    return table


_HANDS = frozenset({"hand", "gripper", "arm"})
_VERBS = _verb_table()
_LONGEST_VERB = max(map(len, _VERBS))
