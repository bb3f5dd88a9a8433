"""Phrases with plainer ones that mean the same."""

from collections.abc import Mapping

from robot_skills.scheduler.words.lexicon import phrases

_SAME: Mapping[str, str] = {
    "all other things": "everything else, anything else, all else",
    "anything but": "any cube but, any block but, any can but, any one but, any thing but",
    "another thing": "something else, one more thing",
    "them": """
        both of them, them both, all of them, them all, the both of them, the two of them,
        all three of them, the lot, the whole lot
    """,
    "the thing you are holding": """
        what you are holding, what you hold, what is in your hand, whatever you are holding,
        what you have in your hand, what you have, what is in the gripper, whatever is in your hand
    """,
    "is on": "turns on, lights up, comes on, goes on, is lit, gets lit, is lit up",
    "is off": "turns off, goes off, goes out, goes dark, is dark",
    "should be on": "should be lit, must be lit, needs to be lit",
    "until it is closed": "until it closes, until it shuts, until it clicks shut",
    "until it is open": "until it opens",
    "is": "happens to be, turns out to be, is found to be",
    "if": """
        in case, provided that, provided, assuming that, assuming, on condition that,
        if and only if
    """,
    "if there is a": "if you have a, if you have an, if you have any, if you have the",
    "if there is": "when there is",
    "if there are": "when there are",
    "if you see": "when you see",
    "do not": """
        i do not want you to, you are not supposed to, you are not to, do not you dare to,
        do not you dare, do not dare to, do not dare, you do not get to, we do not want to,
        try not to, mind you do not
    """,
    "let go": """
        free your hand, empty your hand, empty your gripper, free your gripper, empty the gripper,
        your hand should be empty, your hand must be empty, your gripper should be empty,
        your hand empty, your gripper empty, your hands empty
    """,
    "": "on top of each other, on top of one another, on each other",
    "first": "before anything else, before all else, before everything else",
}
PLAINLY: Mapping[str, str] = {
    **{said: plain for plain, texts in _SAME.items() for said in phrases(texts)},
    **{
        f"{what} is {where}": f"everything {where}"
        for what in ("what", "whatever", "everything that", "anything that", "all that")
        for where in ("in", "inside", "on", "on top of")
    },
    **{
        f"{one} that {verb} not": f"{one} except the one"
        for one in ("one", "cube", "can", "block", "thing")
        for verb in ("is", "are")
    },
}
"""What is said, and what it is read as."""
