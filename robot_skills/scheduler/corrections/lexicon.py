"""Words of corrections. Left and right are the robot's: +y of the base is left, +x is forward."""

from collections.abc import Mapping

from robot_skills.scheduler.words.lexicon import phrases

Direction = tuple[int, int, int]

FORWARD, BACK, LEFT, RIGHT, UP, DOWN = (
    (1, 0, 0),
    (-1, 0, 0),
    (0, 1, 0),
    (0, -1, 0),
    (0, 0, 1),
    (0, 0, -1),
)

DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(phrases("right, rightward, rightwards"), RIGHT),
    **dict.fromkeys(phrases("left, leftward, leftwards"), LEFT),
    **dict.fromkeys(phrases("up, upward, upwards, higher, raise, high, above"), UP),
    **dict.fromkeys(phrases("down, downward, downwards, lower, low"), DOWN),
    **dict.fromkeys(
        phrases("""
            forward, forwards, ahead, outward, outwards, further away, farther away, further out,
            farther out, away from you, away from the robot, away from the base,
            away from yourself, further from you, farther from you, far away
        """),
        FORWARD,
    ),
    **dict.fromkeys(
        phrases("""
            back, backward, backwards, inward, inwards, towards you, toward you,
            towards the robot, toward the robot, towards the base, towards yourself, closer to you,
            nearer to you, closer to the robot, nearer to the robot, closer to yourself,
            closer to the base, nearer to the base
        """),
        BACK,
    ),
}
"""What moves where a call goes, and where to."""

LITTLE = phrases("""
    a little bit, a little, a bit, little, bit, slightly, a touch, a tad, a hair, a smidgen,
    marginally, barely, tiny, somewhat
""")
LOT = phrases("a lot, a good deal, much, way, far, considerably, a good bit, clearly")
INVERTED = phrases("too, not so, not that, not quite so, not as, less")
"""What turns a direction or a speed round: "too high" asks for lower."""

SLOWER = phrases("""
    slower, slowly, slow, slow down, gently, gentler, gentle, carefully, careful, more careful,
    softly, softer, take it easy, easy, cautiously, calmly, take your time
""")
FASTER = phrases("faster, fast, quicker, quickly, quick, speed up, hurry, hurry up, hasty")

UNDO = phrases("""
    undo that, undo this, undo it, undo, as before, like before, the way it was,
    the way it was before, as it was, as usual, take that back, take it back, revert that, revert,
    forget that, forget it, never mind, nevermind, scratch that, cancel that, do it as before,
    the way you did before, the usual way, ignore that
""")

EDGES = phrases("edge, edges, rim, border, brink, end of the table, side of the table")
NEXT_TO = phrases("""
    right next to, close to, next to, close beside, beside, near to, near, too near, so near,
    too close to, so close to, against, by, right by, right beside, at, close by
""")
AWAY = phrases("""
    away from, clear of, a distance to, a distance from, distance to, distance from, further from,
    farther from, far from, space to, room to, clear from, a margin to, margin to, a gap to, gap to,
    distant from
""")
NEGATIONS = phrases("""
    do not, don't, never, not, avoid, please do not, must not, should not, shouldn't, mustn't,
    cannot, can't, no longer, dont
""")
ON_TOP = phrases("on top of, onto, on, upon, atop")
INSIDE = phrases("inside of, inside, into, within, in")

INSTEAD = phrases("instead, rather")
MEANT = phrases("""
    i meant, i mean, i was talking about, i want, i wanted, we want, it should be, it is, take, use,
    pick, grab, get, choose, go for, make it, make that, should be, try, wrong one, the wrong one,
    not this one, not that one, not this, not that, not it, but, with
""")
AFTERWARDS = phrases("""
    afterwards, afterward, after that, when you are done, when you're done, when done,
    when finished, once you are done, once done, in the end, at the end, later, finally, as well,
    too, also, then, and then, next, additionally, in addition, when that is done, after this,
    remember to, do not forget to, don't forget to, make sure to, as the last thing, besides,
    before you stop
""")

CONFIRMATIONS = phrases("""
    right, that's right, that is right, all right, it is right, just right, quite right, yes right,
    good, very good, fine, yes, okay, perfect, thank you, thanks, no
""")
"""What corrects nothing."""
RETURNS = phrases("put it back, bring it back, place it back, put that back, bring that back")

OPENERS = phrases("""
    no, nope, nah, not quite, wait, hey, ok, okay, well, hmm, hm, actually, sorry, please, but, and,
    oh, so, listen, stop stop, robot, alright, right so, yes but, yes, almost, good but, fine but,
    i said, i would like it, i'd like it, i want it, i would prefer it, i'd prefer it, could you,
    can you, would you, will you, you should, you need to, just, try to, for me, let us, let's
""")
FILLERS = frozenset(
    phrases("""
        a, about, actually, again, almost, and, arm, around, at, be, bit, bring, but,
        by, can, come, could, do, drop, end, even, farther, for, from, further, get, go,
        goes, going, good, gripper, hand, have, here, hey, hm, hmm, hold, i, in, is, it,
        it's, just, keep, lay, less, let, let's, lift, like, made, make, maybe, me,
        more, move, moves, moving, must, nah, need, needs, no, nope, now, object, of,
        oh, ok, okay, on, only, over, perhaps, place, please, position, prefer, put,
        puts, quite, rather, robot, roughly, set, shift, should, side, so, some, sorry,
        spot, stay, still, than, that, that's, the, there, thing, things, think, this,
        to, too, tool, try, us, very, wait, want, we, well, while, will, with, would,
        yes, yet, you, your
    """)
)
"""Words that a direction or a speed may stand among."""
SPEAKERS = frozenset({"my", "mine", "our"})
"""Whose left and right nobody knows."""

UNITS: Mapping[str, float] = {
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres", "cms"), 0.01),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 0.001),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("inch", "inches", "in"), 0.0254),
}
NUMBERS: Mapping[str, float] = {
    **{"half a": 0.5, "a couple of": 2.0, "a few": 3.0, "a": 1.0, "an": 1.0},
    **{"one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0},
    **{"eight": 8.0, "nine": 9.0, "ten": 10.0, "fifteen": 15.0, "twenty": 20.0},
}

PROTOTYPES: Mapping[str, tuple[str, ...]] = {
    "to the right": (
        "it belongs on the right hand side",
        "aim for a spot on the right",
        "steer it rightwards",
    ),
    "to the left": (
        "it belongs on the left hand side",
        "aim for a spot on the left",
        "steer it leftwards",
    ),
    "forward": ("push it out in front of you", "extend the arm some more", "reach out farther"),
    "back": ("pull it in towards yourself", "do not reach out so far", "bring it close to you"),
    "higher": (
        "leave more height above it",
        "lift the hand some more",
        "do not come down so close",
        "keep more clearance from above",
    ),
    "lower": ("come down closer to it", "sink the hand some more", "descend some more"),
    "slower": ("be careful with it", "it is fragile, take care", "do not rush", "calm down"),
    "faster": ("hurry up a bit", "do not take so long", "pick up the pace"),
    "away from the edge": (
        "it could fall off the table there",
        "that is dangerously close to falling off",
        "leave some space before the table ends",
    ),
    "the other one": ("you took the wrong one", "that is not the one that i want"),
    "undo that": ("i did not mean to change that", "how it was before was better"),
}
"""Corrections, each with sentences of the same meaning that open wording is compared with."""
FOREIGN = (
    "what is the weather like",
    "tell me a joke",
    "how are you today",
    "who won the game",
    "play some music",
    "what time is it",
    "the robot is blue",
    "i like it very much",
    "that is perfect",
    "well done",
)
"""Sentences that correct nothing."""
