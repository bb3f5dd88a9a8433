"""The words that speak of time."""

from enum import Enum

from robot_skills.scheduler.words.lexicon import phrases


class Relation(Enum):
    """What a subordinate clause says about when its main clause holds."""

    WHILE = "while"
    UNTIL = "until"
    AFTER = "after"
    UNLESS = "unless"
    IF = "if"
    WHENEVER = "whenever"


PROHIBITIONS = phrases("""
    do not ever, don't ever, do not, don't, dont, never ever, never, must not, must never, mustn't,
    should not, should never, shouldn't, may not, can not, cannot, you must not, you must never,
    you mustn't, you should not, you should never, you shouldn't, you may not, you cannot,
    you can not, you are not allowed to, you're not allowed to, you are never to, at no time,
    at no point, at no point may you, under no circumstances, avoid, refrain from, without ever,
    without first, without, not to, never to, while not, while never, but not, not, neither
""")
"""Openings of what must not be done."""
KEEPINGS = phrases("""
    always keep, keep, keeping, whilst keeping, while keeping, while you keep, always leave, leave,
    leaving, while leaving, always hold, maintain
""")
"""Openings of what has to stay as it is; of "leave" only some."""
STAYS = phrases("""
    must always stay, must always remain, must stay, must remain, has to stay, has to remain,
    have to stay, have to remain, needs to stay, needs to remain, should always stay,
    should always remain, should stay, should remain, shall stay, shall remain, stays, remains,
    remain, stay, must always be, should always be, must be kept, should be kept, has to be kept,
    is always, is to stay, is to remain, staying, remaining, is kept
""")
NEVER_IS = phrases("""
    must never be, must not be, mustn't be, should never be, should not be, shouldn't be,
    may not be, may never be, can not be, cannot be, can never be, is never, is not to be,
    shall not be, shall never be, is never to be
""")
"""Verbs of what must not come to be: "the drawer must never be open"."""
LEFT_ALONE = phrases("""
    alone, untouched, where it is, where they are, as it is, as they are, in place, in peace,
    undisturbed, in its place
""")
AWAY_FROM = ("your hands off of", "your hands off", "hands off", "away from", "clear of", "off of")
TOUCHES = frozenset(
    {
        *("touch", "touches", "touching", "touched", "disturb", "disturbing", "disturbed"),
        *("handle", "handling", "handled", "bother", "bothering", "manipulate", "manipulating"),
        *("budge", "budging", "displace", "displacing", "use", "using", "interact", "moved"),
    }
)
"""Verbs for whatever a hand can do to a thing."""
HOLDING = frozenset({"hold", "holding", "carry", "carrying", "grip", "gripping", "grasping"})
"""Verbs that say what the hand is like rather than what it does."""
RELATIONS: dict[str, Relation] = {
    "while": Relation.WHILE,
    **dict.fromkeys(("until", "before", "until after", "without first", "without"), Relation.UNTIL),
    **dict.fromkeys(("after", "once"), Relation.AFTER),
    **dict.fromkeys(("unless", "except when", "except if"), Relation.UNLESS),
    **dict.fromkeys(("if", "in case", "provided that", "provided"), Relation.IF),
    **dict.fromkeys(
        ("whenever", "every time", "each time", "any time", "anytime", "always when", "when"),
        Relation.WHENEVER,
    ),
}
"""Words that begin a subordinate clause."""
RULES = tuple(
    text for text, kind in RELATIONS.items() if kind is Relation.WHENEVER and text != "when"
)
"""Openings of what goes for every time that something is so."""
ALL_THE_TIME = phrases("""
    at all times, all the time, the whole time, the entire time, throughout, at any time, at all,
    at any point, ever, the whole while, all along, during all of this, during the whole task,
    during this, meanwhile, in the meantime, in the process, while doing so, while you do so,
    while doing it, while doing this, while you do it, while you do that, while doing that
""")
"""Endings that say no more than that something goes for the whole task."""
_WHEN = ("when", "once", "after", "and when", "and once", "as soon as", "only when")
_DONE = phrases("""
    you are done, you are finished, you are through, you have finished, you are ready, you are done
    with that, you are done with this, you are finished with that, you have done that,
    you have done this, you have done so, you have done it, you did that, that is done,
    this is done, it is done, that is finished, everything is done, all that is done,
    all of that is done, all is done, done, finished, done with that, doing that, doing so,
    doing this, you finish, you have finished that, you finish that, that has been done,
    that is out of the way, that is taken care of
""")
SAID_SHORTER = {
    **{f"{when} {done}": "then" for when in _WHEN for done in _DONE},
    **dict.fromkeys(("with that done", "that done", "having done that", "having done so"), "then"),
    **dict.fromkeys(("after which", "whereupon", "thereafter", "followed by"), "then"),
    **dict.fromkeys(("immediately after", "right after", "straight after", "just after"), "after"),
    **dict.fromkeys(("immediately before", "right before", "just before", "ahead of"), "before"),
    "and only then": "then",
    "only then": "then",
    "as soon as": "once",
    "so long as": "while",
    "as long as": "while",
    "whilst": "while",
    "till": "until",
    "up until": "until",
    "prior to": "before",
}
"""Phrases with a word that means the same."""
OTHERWISE = ("or else", "otherwise", "else", "if not", "if that is not so", "if it is not")
