"""The alternatives of "either ... or ...", each as words of its own."""

from collections.abc import Callable, Sequence

from robot_skills.core.errors import InstructionError
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.tokens import find_all, joined, shown, strip_start
from robot_skills.scheduler.words.verbs import verb

_JOINTS = ("and", ",", "then")


def alternatives(
    tokens: Sequence[str], is_command: Callable[[Sequence[str]], bool]
) -> list[list[str]]:
    """What a clause with a choice says, once for each way to choose.

    A choice is between whole commands ("either open the drawer or press the button"), between
    things ("put the can or the milk in the box"), or between places ("in the box or the drawer").

    Raises:
        InstructionError: There is nothing to choose between.
    """
    rest = list(tokens)
    if "or" not in rest:
        raise InstructionError(f"{shown(joined(tokens))} names one thing to choose only.")
    i = rest.index("or")
    left, right = rest[:i], rest[i + 1 :]
    right = right[1:] if right[:1] == ["either"] else right
    if not left or not right:
        raise InstructionError(f"{shown(joined(tokens))} leaves open what to choose between.")
    if is_command(right):
        first = [word for word in left if word != "either"]
        begin = left.index("either") if "either" in left else _last_clause(left, is_command)
        return [first, *_more([*left[:begin], *right], is_command)]
    begin = _begin(left, right, is_command)
    first = [word for word in left if word != "either"]
    stays = [word for word in left[:begin] if word != "either"]
    end = _end(right, stays, is_command)
    shared = right[end:]
    if first[-1] in words.COLOURS:
        # "The blue or the red cube".
        first = [*first, *right[max(end - 1, 0) : end]]
    return [
        *_listed([*first, *shared], len(stays), len(shared)),
        *_more([*stays, *right], is_command),
    ]


def _more(tokens: Sequence[str], is_command: Callable[[Sequence[str]], bool]) -> list[list[str]]:
    """Further alternatives behind the first "or"."""
    return alternatives(tokens, is_command) if "or" in tokens else [list(tokens)]


def _begin(
    left: Sequence[str], right: Sequence[str], is_command: Callable[[Sequence[str]], bool]
) -> int:
    """Where in the words before "or" the first of the things to choose between begins."""
    if "either" in left:
        return list(left).index("either")
    clause = strip_start(left[_last_clause(left, is_command) :], words.POLITE)
    start = len(left) - len(clause)
    behind_verb = start + (len(clause) - len(found[1]) if (found := verb(clause)) else 1)
    places = find_all(clause, (*words.RELATIONS, *words.SOURCES))
    if not places or start + places[-1][0] < behind_verb:
        return behind_verb
    i, text = places[-1]
    again = any(j == 0 for j, _ in find_all(right, (*words.RELATIONS, *words.SOURCES)))
    return start + (i if again else i + len(text.split()))


def _last_clause(tokens: Sequence[str], is_command: Callable[[Sequence[str]], bool]) -> int:
    """Where the last command among several begins."""
    joints = (i + 1 for i, token in enumerate(tokens) if token in _JOINTS)
    return max((i for i in joints if is_command(tokens[i:])), default=0)


def _end(
    right: Sequence[str], stays: Sequence[str], is_command: Callable[[Sequence[str]], bool]
) -> int:
    """Where behind "or" the things to choose between end."""
    ends = [i for i, token in enumerate(right) if token in _JOINTS and is_command(right[i + 1 :])]
    behind = max((i for i, token in enumerate(stays) if token in _JOINTS), default=0)
    if not find_all(stays[behind:], words.RELATIONS):
        ends += [i for i, _ in find_all(right, words.RELATIONS) if i > 0]
    return min(ends, default=len(right))


def _listed(tokens: list[str], begin: int, shared: int) -> list[list[str]]:
    """ "The can, the milk" before "or" are two things."""
    end = len(tokens) - shared
    things: list[list[str]] = [[]]
    for token in tokens[begin:end]:
        if token == ",":
            things.append([])
        else:
            things[-1].append(token)
    return [[*tokens[:begin], *thing, *tokens[end:]] for thing in things if thing]
