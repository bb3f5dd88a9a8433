"""Ways to say things that come down to plainer ones, which the grammar reads.

"See the bottle? Put the cube beside it." names a thing first. "Is the drawer open? If so, close
it." is a condition, and so is "should the drawer be open, close it".
"""

from collections.abc import Sequence

from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.exceptions import EXCEPTING, list_of_phrases, say_exceptions_first
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.lexicon import phrases
from robot_skills.scheduler.words.plainly import PLAINLY
from robot_skills.scheduler.words.tokens import (
    PUNCTUATION,
    base_form,
    find_all,
    joined,
    longest_start,
    strip_start,
)
from robot_skills.scheduler.words.verbs import verb

_SEE = phrases("""
    careful with, be careful with, watch out for, look out for, beware of, never mind, forget,
    forget about, ignore, mind, see, do you see, can you see, you see, you can see, you know,
    do you know, look at, notice,
    have a look at, take a look at, remember, do you remember, have you seen, as for, regarding,
    about, concerning, as regards, with regard to, with respect to, when it comes to, speaking of,
    there is, there are, here is, this is about, it is about, consider, considering, you have seen,
    did you see, do you notice, do you have, you have, we have, i have, i see, i can see,
    is there not, now for, take
""")
"""Openings that bring up a thing and ask for nothing."""
_LOOK = phrases("""
    check whether, check if, see whether, see if, look whether, look if, find out whether,
    find out if, verify whether, test whether
""")
_IF_SO = phrases("""
    if so, if yes, if it is, if they are, if there is, if there are, if that is the case,
    if that is so, if that is true, in that case, if it is so, if you do, if you can, if it does,
    then, so, if this is the case, when so, if true, well then
""")
_IF_NOT = phrases("""
    if not, if it is not, if they are not, if there is not, if there is none, if that is not so,
    if that is not the case, otherwise, if no
""")
_INSIDE = phrases("inside of it, inside it, inside, in it, in there, within it")
_ON_TOP = phrases("on top of it, on top, on it")
_SAME = phrases("""
    do the same thing with, do the same thing for, do the same thing to, do the same with,
    do the same for, do the same to, do likewise with, do likewise for, the same with,
    the same for, same with, same for, same goes for, the same goes for, repeat that with,
    repeat that for, repeat this with, repeat this for, likewise for, likewise with, ditto for,
    do that with, do that for, do it with, do this for, do this with
""")
_OFF_LIMITS = phrases("""
    is off limits, are off limits, is not yours, is taboo, are taboo, is none of your business
""")
_CONTAINS = phrases("""
    should contain, must contain, has to contain, needs to contain, ought to contain, should hold,
    must hold, has to hold, should have, must have, should end up with, should end up holding
""")
_THERE_SHOULD_BE = phrases("""
    there should be, there must be, there has to be, there needs to be, there shall be,
    there ought to be
""")
_DETERMINERS = words.ARTICLES | words.COLOURS.keys() | words.NUMBERS.keys()
_GOING_ON = ("keep on", "keep", "continue to", "continue", "go on", "carry on")


def reworded(tokens: Sequence[str], grounder: Grounder) -> list[str]:
    """The same, as the grammar reads it.

    Args:
        tokens: Of an instruction.
        grounder: Resolves what is brought up before it is spoken of.
    """
    rest = [word for text in _said_plainly(tokens) for word in text.split()]
    rest = _conditions(_without_having(rest, grounder), grounder)
    rest = say_exceptions_first(_stated(_forbidden(rest, grounder), grounder), grounder)
    rest = _introduced(rest, grounder)
    rest = _containing(rest, grounder)
    rest = _without_same(rest)
    return _until_done(rest)


def _said_plainly(tokens: Sequence[str]) -> list[str]:
    """The words with plainer ones in the place of some phrases."""
    rest = list(tokens)
    for i, text in reversed(find_all(rest, PLAINLY)):
        length = len(text.split())
        if i > 0 or not text.startswith("what"):
            rest[i : i + length] = PLAINLY[text].split()
    rest = [word for i in range(len(rest)) for word in _in_context(rest, i)]
    openings = ("the", "a", "an", "my", "your", "into", "onto", "to", "of", "at", "not")
    return [t for i, t in enumerate(rest) if t != "," or i == 0 or rest[i - 1] not in openings]


def _without_having(tokens: list[str], grounder: Grounder) -> list[str]:
    """ "Have the drawer open" is the drawer open."""
    openings = ("and", ",", "then", "but", ".")
    return [
        token
        for i, token in enumerate(tokens)
        if token != "have"
        or (i > 0 and tokens[i - 1] not in openings)
        or grounder.phrase(tokens[i + 1 :]) == 0
    ]


def _in_context(tokens: Sequence[str], i: int) -> list[str]:
    """A word as it is meant before the word behind it."""
    word, behind = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
    if word.endswith("'s") and behind in (*words.STATES, "not", "in", "on", "already", "still"):
        return [word.removesuffix("'s"), "is"]
    if word == "no" and behind.endswith("ing"):
        return ["do", "not"]
    if word == "of" and tokens[i - 1 : i] == ["touching"]:
        return []
    if word == "is" and "whichever" in tokens[max(0, i - 4) : i]:
        return []
    if word == "whichever" and behind not in ("", ","):
        return ["the"]
    if word == "only" and behind == "if" and tokens[i - 1 : i] == ["but"]:
        return []
    if word in ("but", ",") and joined(
        tokens[i + (word == ",") : i + 3 + (word == ",")]
    ).startswith("but only if"):
        return []
    only = word == "only" and (behind == "if" if i == 0 else behind in _DETERMINERS)
    return [] if only else [word]


def _forbidden(tokens: list[str], grounder: Grounder) -> list[str]:
    """Prohibitions in other words: "the milk is off limits", "keep the cube out of the box"."""
    for i, _ in find_all(tokens, _OFF_LIMITS):
        begin = next((j for j in range(i) if j + grounder.phrase(tokens[j:]) == i), None)
        if begin is not None:
            end = i + next(len(t.split()) for j, t in find_all(tokens, _OFF_LIMITS) if j == i)
            return [*tokens[:begin], "do", "not", "touch", *tokens[begin:i], *tokens[end:]]
    for i, text in find_all(tokens, ("keep", "leave")):
        thing = grounder.phrase(tokens[i + 1 :])
        out = tokens[i + 1 + thing : i + 3 + thing] == ["out", "of"]
        if text and thing and out:
            behind = tokens[i + 3 + thing :]
            return [*tokens[:i], "do", "not", "put", *tokens[i + 1 : i + 1 + thing], "in", *behind]
    for i, text in find_all(tokens, ("i do not want",)):
        begin = i + len(text.split())
        thing = grounder.phrase(tokens[begin:])
        state = tokens[begin + thing : begin + thing + 1]
        if thing and state and (state[0] in words.STATES or state[0].endswith("ed")):
            named = tokens[begin : begin + thing]
            return [*tokens[:i], *named, "must", "never", "be", *tokens[begin + thing :]]
    return tokens


def _stated(tokens: list[str], grounder: Grounder) -> list[str]:
    """Wanted states in other words: "the box should contain the can", "there should be ..."."""
    for i, text in find_all(tokens, _CONTAINS):
        begin = next((j for j in range(i) if j + grounder.phrase(tokens[j:]) == i), None)
        things = list_of_phrases(tokens[i + len(text.split()) :], grounder)
        if begin is not None and things:
            end = i + len(text.split()) + things
            said_things = tokens[i + len(text.split()) : end]
            moved = [*said_things, "must", "be", "in", *tokens[begin:i]]
            return [*tokens[:begin], *moved, *tokens[end:]]
    for i, text in find_all(tokens, _THERE_SHOULD_BE):
        begin = i + len(text.split())
        if tokens[begin : begin + 2] in (["nothing", "in"], ["nothing", "inside"]):
            end = begin + 2 + grounder.phrase(tokens[begin + 2 :])
            return [*tokens[:i], *tokens[begin + 2 : end], "must", "be", "empty", *tokens[end:]]
        thing = grounder.phrase(tokens[begin:])
        if thing:
            end = begin + thing
            return [*tokens[:i], *tokens[begin:end], "should", "be", *tokens[end:]]
    if joined(tokens[:4]) in ("nothing should be in", "nothing must be in"):
        return [*tokens[4:], "must", "be", "empty"]
    return tokens


def _introduced(tokens: list[str], grounder: Grounder) -> list[str]:
    """Mention what is brought up at the beginning, and go on behind it."""
    end = next((i for i, t in enumerate(tokens) if t in PUNCTUATION and t != "&"), None)
    if end is None:
        return tokens
    piece, behind = tokens[:end], tokens[end + 1 :]
    opening = longest_start(piece, _SEE) if piece else ""
    thing = piece[len(opening.split()) :]
    known = not opening.startswith("take") and grounder.begins_phrase(thing)
    if not (known and any(t.isalpha() for t in behind)) or (
        not opening and not _topic(thing, behind)
    ):
        return tokens
    if not opening and verb(strip_start(behind, (*words.POLITE, "if", "unless"))) is None:
        conditional = behind[0] in ("if", "unless", "when")
        if not conditional:
            return tokens
    thing = thing[: _end_of_phrase(thing)]
    if not grounder.peek(joined(thing)):
        return tokens
    grounder.resolve(joined(thing))
    return _introduced(behind, grounder)


def _topic(thing: Sequence[str], behind: Sequence[str]) -> bool:
    """Whether a bare noun phrase is spoken of again behind it."""
    bare = not find_all(thing, (*words.STATE_VERBS, *words.RELATIONS)) and "not" not in thing
    again = words.IT | words.THEM
    return bare and not again.isdisjoint(behind)


def _end_of_phrase(thing: Sequence[str]) -> int:
    """Where what is said of the thing besides begins: "the bottle is over there"."""
    ends = [i for i, word in enumerate(thing) if word in ("is", "are", "over", "right", "and")]
    return min([i for i in ends if i > 0], default=len(thing))


def _conditions(tokens: list[str], grounder: Grounder) -> list[str]:
    """Questions that a command hangs on, and conditions that begin with their verb."""
    start = strip_start(tokens, ("and", "so", "now", "then", "also"))
    if start[:1] == ["should"] and "be" in start and "," in start:
        comma, be = start.index(","), start.index("be")
        if be < comma:
            return ["if", *start[1:be], "is", *start[be + 1 :]]
    looked = longest_start(start, _LOOK) if start else ""
    marks = [i for i, token in enumerate(start) if token in ("?" if not looked else "?;,.")]
    if not marks or not (looked or start[0] in ("is", "are")):
        return tokens
    end = marks[0]
    asked, behind = start[1:end], strip_start(start[end + 1 :], ("and",))
    sentence = start[len(looked.split()) : end]
    sentence = sentence if looked else _statement(asked, start[0], grounder)
    if not sentence or not behind:
        return tokens
    for mark, openings in (("unless", _IF_NOT), ("if", _IF_SO)):
        opening = longest_start(behind, openings)
        command = strip_start(behind[len(opening.split()) :], ("then",))
        if command and (opening or "then" in behind[-1:]):
            return [mark, *sentence, ",", *command]
    return tokens


def _statement(asked: list[str], is_: str, grounder: Grounder) -> list[str]:
    """A question in the order of a statement; empty when it cannot be told."""
    if asked[:1] == ["there"]:
        return ["there", is_, *asked[1:]]
    for i in range(len(asked) - 1, 0, -1):
        if grounder.peek(joined(asked[:i])) or asked[:i] in (["it"], ["that"]):
            return [*asked[:i], is_, *asked[i:]]
    return []


def _containing(tokens: list[str], grounder: Grounder) -> list[str]:
    """ "The drawer closed with the bread inside" is the bread in the drawer, and it closed."""
    for i in (i for i, token in enumerate(tokens) if token == "with"):
        for ends, relation in ((_INSIDE, "in"), (_ON_TOP, "on")):
            for j, text in find_all(tokens[i + 1 :], ends):
                thing = tokens[i + 1 : i + 1 + j]
                host = _host(tokens[:i], grounder)
                marked = set(thing) & PUNCTUATION
                if not host or not thing or marked or not grounder.begins_phrase(thing):
                    continue
                rest = tokens[i + 1 + j + len(text.split()) :]
                return [*thing, "must", "be", relation, *host, ",", *tokens[:i], *rest]
    return tokens


def _host(tokens: list[str], grounder: Grounder) -> list[str]:
    """The noun phrase that something opens or closes in the words, with its article."""
    for i in range(len(tokens)):
        n = grounder.noun(tokens[i:])
        names = grounder.peek(joined(tokens[i : i + n])) if n else ()
        if len(names) == 1 and grounder.scene[names[0]].cavity is not None:
            return ["the", *tokens[i : i + n]]
    return []


def _without_same(tokens: list[str]) -> list[str]:
    """ "Do the same with the can" is "the can": what was asked for last is asked of it."""
    rest = list(tokens)
    for i, text in reversed(find_all(tokens, _SAME)):
        if i > 0:
            del rest[i : i + len(text.split())]
    return rest


def _until_done(tokens: list[str]) -> list[str]:
    """ "Keep pressing the button until ..." is "press the button until ..."."""
    if "until" not in tokens:
        return tokens
    for i, text in find_all(tokens, _GOING_ON):
        behind = tokens[i + len(text.split()) :]
        if behind and behind[0].endswith("ing") and verb(behind) is not None:
            return [*tokens[:i], base_form(behind[0]), *behind[1:]]
    return tokens


SPOKEN = (
    *(*_SEE, *_IF_SO, *_IF_NOT, *_INSIDE, *_ON_TOP, *_SAME, *_GOING_ON, *PLAINLY),
    *(*EXCEPTING, *_OFF_LIMITS, *_CONTAINS, *_THERE_SHOULD_BE),
)
"""Every phrase that is read here."""
