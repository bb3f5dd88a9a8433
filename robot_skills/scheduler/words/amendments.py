"""Sentences that are taken back while they are spoken: "put the red, no, the blue cube in the box".

Speakers mark where they break off ("no", "I mean", "sorry"), and go on with what replaces the last
thing of its sort: a command a command, a place a place, a thing a thing. Reparandum, editing term
and repair are those of *Preliminaries to a theory of speech disfluencies* (Shriberg, 1994).
"""

from collections.abc import Sequence

from robot_skills.core.errors import InstructionError
from robot_skills.core.scene import TABLE, Entity
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.lexicon import phrases
from robot_skills.scheduler.words.nouns import colour
from robot_skills.scheduler.words.tokens import PUNCTUATION, find_all, joined, shown, strip_start
from robot_skills.scheduler.words.verbs import state_verb, verb

EDITING = phrases("""
    no i mean, no i meant, no sorry, sorry no, no wait, wait no, wait wait, no no, no no no, oh no,
    no actually, actually no, no rather, no make that, no make it, sorry i mean, sorry i meant,
    i am sorry i meant, i am sorry i mean, excuse me i meant, i mean, i meant, i meant to say,
    or rather, or better, or better yet, better yet, or better said, rather, make that, make it,
    scratch that, strike that, correction, on second thought, on second thoughts, my mistake,
    my bad, oops, whoops, oops i mean, oops i meant, hang on, hold on, hold on no, wait a second,
    wait, no, nope, sorry, that is to say, that is, or no, or actually, change of plan,
    change of plans, never mind that, forget that, forget it, cancel that, let me correct that,
    er, um, uh, erm, ah, oh, hmm, let me rephrase, let me rephrase that, what i mean is,
    what i meant was, i take that back,
    take that back, instead, well no, well actually, well rather, er no, actually make that,
    actually make it, no not that one, not that one, no not that, not that, wrong, that was wrong,
    i misspoke, pardon, pardon me, i said it wrong, excuse me, no excuse me, no hang on, no hold on,
    actually wait, actually hold on, wait actually, actually let us do, actually
""")
"""What marks that something is taken back."""
_BARE = frozenset(
    {"no", "wait", "rather", "actually", "that is", "instead", "make it", "sorry"}
    | {"er", "um", "uh", "erm", "ah", "oh", "hmm"}
)
"""Those that mark it between two commas, or at a comma, alone."""
_STOP = frozenset({"and", "then", "but", "or", "with", "without", "if", "while", "until", "so"})
_STATES = words.STATES | {"off", "on", "up", "down", "out", "in"}


class Amendments:
    """Replaces what is taken back.

    Args:
        grounder: Knows which words are noun phrases, and of what.
    """

    def __init__(self, grounder: Grounder) -> None:
        self._grounder = grounder

    def amended(self, tokens: Sequence[str]) -> list[str]:
        """The tokens as the speaker wants them to have been.

        Raises:
            InstructionError: Something is taken back, and nothing put in its place.
        """
        rest = self._afterwards(self._contrasted(list(tokens)))
        while True:
            mark = _first_mark(rest)
            if mark is None:
                return rest
            i, length = mark
            behind = strip_start(rest[i + length :], EDITING)
            left, right = _bare_end(rest[:i]), _bare_start(behind)
            if not right:
                raise InstructionError(
                    f"{shown(joined(tokens))} is taken back, and nothing is said instead."
                )
            rest = self._repaired(left, right) if left else right

    def _afterwards(self, tokens: list[str]) -> list[str]:
        """ "The red cube, the blue one, sorry" is "the red cube, sorry, the blue one"."""
        for i in (i for i, token in enumerate(tokens) if token == "sorry"):
            commas = [j for j in range(i) if tokens[j] == ","]
            end = i - 1 if tokens[i - 1 : i] == [","] else i
            starts = [j + 1 for j in commas if j + 1 < end]
            if starts and self._grounder.phrase(tokens[starts[-1] : end]) == end - starts[-1]:
                j = starts[-1]
                behind = tokens[i + 1 :]
                behind = behind[1:] if behind[:1] == [","] else behind
                return [*tokens[:j], "sorry", ",", *tokens[j:end], *behind]
        return tokens

    def _contrasted(self, tokens: list[str]) -> list[str]:
        """ "Not the red but the blue cube" and "the blue cube instead of the red one"."""
        for i, text in find_all(tokens, ("instead of", "rather than", "as opposed to")):
            begin = i + len(text.split())
            end = begin + self._grounder.phrase(tokens[begin:])
            if end > begin:
                return self._contrasted([*_bare_end(tokens[:i]), *tokens[end:]])
        for i, token in enumerate(tokens):
            if token != "not" or not self._grounder.begins_phrase(tokens[i + 1 :]):
                continue
            end = i + 1 + self._grounder.phrase(tokens[i + 1 :])
            if end < len(tokens) and tokens[end] == ",":
                end += 1
            if tokens[i - 1 : i] == [","] and self._ends_with_thing(tokens[: i - 1]):
                return self._contrasted([*tokens[: i - 1], *tokens[end:]])
            if tokens[end : end + 1] == ["but"]:
                return [*tokens[:i], *tokens[end + 1 :]]
        return tokens

    def _ends_with_thing(self, tokens: list[str]) -> bool:
        """Whether the last words name a thing, or things of which none is left to choose."""
        spans = self._spans(tokens)
        return bool(spans) and spans[-1][1] == len(tokens)

    def _repaired(self, left: list[str], right: list[str]) -> list[str]:
        """What was said, with what replaces its last part in its place."""
        begin = self._last_clause(left)
        clause = left[begin:]
        length = self._grounder.phrase(right)
        if length and right[length : length + 1] == [","] and self._goes_on(right[length + 1 :]):
            right = [*right[:length], *right[length + 1 :]]
        spoken = strip_start(right, words.POLITE)
        if (negated := strip_start(spoken, ("do not", "not", "never"))) != spoken:
            if not strip_start(negated, ("do that", "do it", "do", "that", "it")):
                raise InstructionError(
                    f"{shown(joined(left))} is taken back, and nothing is said instead."
                )
            return [*_bare_end(left), ".", *right]
        if self._grounder.begins_phrase(spoken) and state_verb(spoken) is not None:
            return [*left[:begin], *spoken]
        if not self._grounder.begins_phrase(spoken) and verb(spoken) is not None:
            return [*left[:begin], *self._with_referent(clause, spoken)]
        if any(i == 0 for i, _ in find_all(spoken, (*words.RELATIONS, *words.SOURCES))):
            return [*left[:begin], *_with_place(clause, spoken)]
        if spoken[0] in _STATES and (len(spoken) == 1 or not self._grounder.begins_phrase(spoken)):
            ends = [i for i, word in enumerate(clause) if word in _STATES and i > 0]
            if ends:
                return [
                    *left[:begin],
                    *clause[: ends[-1]],
                    spoken[0],
                    *clause[ends[-1] + 1 :],
                    *spoken[1:],
                ]
        if self._grounder.begins_phrase(spoken):
            return [*left[:begin], *self._with_thing(clause, spoken)]
        return [*left[:begin], *spoken]

    def _goes_on(self, tokens: list[str]) -> bool:
        """Whether words behind a comma go on with a sentence rather than begin another one."""
        going_on = (*words.RELATIONS, *words.SOURCES, *words.STATE_VERBS)
        return any(i == 0 for i, _ in find_all(tokens, going_on))

    def _last_clause(self, tokens: list[str]) -> int:
        """Where the last command begins."""
        starts = [
            i + 1
            for i, token in enumerate(tokens)
            if token in (*_STOP, *PUNCTUATION)
            and verb(strip_start(tokens[i + 1 :], words.POLITE)) is not None
        ]
        return starts[-1] if starts else 0

    def _with_referent(self, clause: list[str], command: list[str]) -> list[str]:
        """The command, whose "it" is what the one that it replaces was about."""
        spans = self._spans(clause)
        pronouns = [i for i, word in enumerate(command) if word in (*words.IT, *words.THEM)]
        named = [i for i in range(len(command)) if self._grounder.names_a_thing(command[i:])]
        alone = [i for i in pronouns if not named or i < named[0]]
        if not spans:
            return command
        first, end = spans[0]
        if alone:
            i = alone[0]
            return [*command[:i], *clause[first:end], *command[i + 1 :]]
        if not named and not pronouns and len(command) == 1:
            return [*command, *clause[first:end]]
        return command

    def _with_thing(self, clause: list[str], right: list[str]) -> list[str]:
        """The clause with another thing in the place of the last one that is like it."""
        length = self._grounder.phrase(right)
        thing, behind = right[:length], right[length:]
        spans = self._spans(clause)
        if not spans:
            return [*clause, *right]
        begin, end = self._replaced(clause, spans, thing)
        head = clause[begin:end]
        thing = self._with_kind(head, thing)
        again = any(i == 0 for i, _ in find_all(behind, (*words.RELATIONS, *words.SOURCES)))
        if again:
            return [*clause[:begin], *thing, *behind]
        return [*clause[:begin], *thing, *clause[end:], *behind]

    def _replaced(
        self, clause: list[str], spans: list[tuple[int, int]], thing: list[str]
    ) -> tuple[int, int]:
        """The last of the noun phrases that means the same sort of thing as another one."""
        colourless = [word for word in thing if word in (*words.THINGS, *words.ARTICLES)]
        for begin, end in reversed(spans):
            said = clause[begin:end]
            meant = self._with_kind(said, thing)
            one, other = self._sort(said), self._sort(meant)
            if one == other and (one is not None or len(colourless) < len(thing)):
                return begin, end
        for begin, end in reversed(spans):
            if self._sort(clause[begin:end]) is None:
                return begin, end
        return spans[-1]

    def _sort(self, phrase: list[str]) -> tuple[bool, ...] | None:
        """What can be done with a thing that a phrase names; None when it names none alone."""
        names = self._grounder.peek(joined(phrase))
        said = {colour(word) for word in phrase if colour(word)}
        if not names or any(
            self._grounder.scene[name].colour not in said for name in names if said
        ):
            return None
        return _sort(self._grounder.scene[names[0]])

    def _with_kind(self, said: list[str], thing: list[str]) -> list[str]:
        """ "The blue one" is of the kind of what it replaces."""
        nouns = [
            said[i : i + n] for i in range(len(said)) if (n := self._grounder.noun(said[i:])) > 0
        ]
        if nouns and thing[-1] in ("one", "ones"):
            return [*thing[:-1], *nouns[-1]]
        return thing

    def _spans(self, tokens: list[str]) -> list[tuple[int, int]]:
        """Where noun phrases begin and end."""
        spans: list[tuple[int, int]] = []
        i = 0
        while i < len(tokens):
            length = self._grounder.phrase(tokens[i:]) if tokens[i] not in _STOP else 0
            if length:
                spans.append((i, i + length))
            i += max(length, 1)
        return spans


def _first_mark(tokens: Sequence[str]) -> tuple[int, int] | None:
    """Position and length of the first words that take something back."""
    for i, text in find_all(tokens, EDITING):
        length = len(text.split())
        before, behind = tokens[i - 1 : i], tokens[i + length : i + length + 1]
        apart = not before or before[0] in (*PUNCTUATION, "but", "or")
        if text in _BARE and not (apart and (behind in ([","], ["."], ["!"]) or not behind)):
            loose = text in ("no", "rather", "actually", "sorry") and apart and bool(before)
            if not (loose and behind and _is_repair(text, behind[0])):
                continue
        if not before and not behind:
            continue
        return i, length
    return None


def _is_repair(mark: str, word: str) -> bool:
    """Whether a word behind "no" may begin what is meant instead: "no cubes" has none."""
    return mark != "no" or word in words.ARTICLES or word in words.RELATIONS


def _sort(entity: Entity) -> tuple[bool, ...]:
    return (
        entity.movable and entity.name != TABLE,
        entity.control is not None,
        entity.articulation is not None or entity.cavity is not None or entity.name == TABLE,
    )


def _with_place(clause: list[str], place: list[str]) -> list[str]:
    """The clause with another place."""
    places = [i for i, _ in find_all(clause, (*words.RELATIONS, *words.SOURCES)) if i > 0]
    return [*clause[: places[-1] if places else len(clause)], *place]


def _bare_end(tokens: list[str]) -> list[str]:
    rest = list(tokens)
    while rest and (rest[-1] in PUNCTUATION or rest[-1] in ("but", "or", "and")):
        rest.pop()
    return rest


def _bare_start(tokens: list[str]) -> list[str]:
    rest = list(tokens)
    while rest and (rest[0] in PUNCTUATION or rest[0] in ("but", "and")):
        rest = rest[1:]
    return rest
