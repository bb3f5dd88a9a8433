"""The words that the rules planner knows. Everything else goes through sentence embeddings."""

from collections.abc import Mapping
from enum import Enum


class Act(Enum):
    """What a verb asks for."""

    PICK = "pick up"
    PLACE = "put"
    STACK = "stack"
    PUT_DOWN = "put down"
    TAKE_OUT = "take out"
    OPEN = "open"
    CLOSE = "close"
    RELEASE = "release"
    EMPTY = "empty"
    PUSH = "push"
    PRESS = "press"
    TURN_ON = "turn on"
    TURN_OFF = "turn off"
    GO_OVER = "go over"
    GO_NEXT_TO = "go next to"
    HOME = "go home"


def phrases(text: str) -> tuple[str, ...]:
    """Phrases separated by commas."""
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())


def single_words(text: str) -> frozenset[str]:
    """Words separated by spaces."""
    return frozenset(text.split())


COLOURS: Mapping[str, tuple[str, ...]] = {
    "red": ("crimson", "scarlet", "ruby", "cherry", "maroon", "reddish"),
    "green": ("emerald", "lime", "olive", "greenish"),
    "blue": ("azure", "navy", "cobalt", "sapphire", "bluish", "cyan"),
    "yellow": ("golden", "lemon", "amber", "yellowish"),
    "orange": ("tangerine",),
    "purple": ("violet", "magenta", "lilac"),
    "white": ("ivory",),
    "black": (),
    "grey": ("gray", "silver"),
    "brown": ("tan", "wooden", "beige"),
    "pink": ("rose",),
}
"""Basic colour words with other words for them."""

LABELS: Mapping[str, tuple[str, ...]] = {
    "cube": ("block", "brick", "die", "toy block", "building block"),
    "box": ("tray", "container", "bin", "basket", "crate", "tub", "open box"),
    "drawer": ("cabinet", "cupboard", "chest", "drawers", "chest of drawers", "dresser"),
    "cupboard": ("cabinet", "door", "cupboard door", "locker", "closet"),
    "can": ("tin", "soda", "coke", "cola", "pop", "soda can", "coke can", "tin can", "can of soda"),
    "bottle": ("flask", "water bottle", "bottle of water"),
    "cereal": ("cereals", "cereal box", "box of cereal", "box of cereals", "cornflakes", "muesli"),
    "milk": ("carton", "milk carton", "carton of milk", "box of milk", "milk box", "milk pack"),
    "bread": ("loaf", "loaf of bread", "bread loaf", "baguette"),
    "button": ("switch", "push button", "lamp", "light", "button lamp"),
    "switch": ("rocker", "rocker switch", "light switch", "toggle switch", "lamp", "light"),
    "zone": ("area", "square", "region", "patch", "field", "mark", "marked area", "target"),
    "socket": ("hole", "peg hole", "holder", "block with the hole"),
    "peg": ("pin", "dowel", "rod", "stick"),
    "table": ("desk", "tabletop", "table top", "counter", "worktop", "surface"),
}
"""Kinds of things with other words for them."""

SOMETHING = frozenset({"something", "anything"})
THINGS = frozenset({"thing", "object", "item", "one", "piece", "stuff"})
"""Nouns that say nothing about the kind."""
NO_THINGS = single_words("""
    hand gripper arm robot pose position posture home side place spot way middle edge corner end
    front back top bottom room space time moment rest job task
""")
"""Nouns for parts of the robot, for places, and for what cannot be taken."""
ARTICLES = frozenset({"the", "this", "that", "these", "those", "my", "your", "its", "their"})
INDEFINITE = frozenset({"a", "an", "any", "some", "one"})
ALL = frozenset({"all", "every", "each", "both", "everything", "everybody", "whatever"})
OTHER = frozenset({"other", "another", "remaining", "rest"})
NUMBERS: Mapping[str, int] = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "couple": 2, "pair": 2},
    **{"seven": 7, "eight": 8, "nine": 9, "ten": 10},
    **{str(i): i for i in range(1, 11)},
}
IT = frozenset({"it", "this", "that"})
THEM = frozenset({"them", "these", "those", "they"})
THERE = frozenset({"there", "here", "inside"})
FILLERS = frozenset(
    {"of", "little", "colored", "coloured", "nice", "same", "own", "very", "whole", "entire"}
    | {
        "single",
        "exact",
        "available",
        "lovely",
        "good",
        "damn",
        "darn",
        "bloody",
        "actual",
        "remaining",
    }
)
"""Words inside a noun phrase that change nothing."""

LEFT = frozenset({"left", "leftmost"})
RIGHT = frozenset({"right", "rightmost"})
NEAREST = frozenset({"nearest", "closest", "near", "nearer", "closer", "front", "frontmost"})
FARTHEST = frozenset(
    {"farthest", "furthest", "far", "farther", "further", "back", "rear", "rearmost", "remotest"}
)
BIGGEST = frozenset({"biggest", "largest", "bigger", "larger", "big", "large", "huge"})
SMALLEST = frozenset({"smallest", "tiniest", "smaller", "small", "tiny"})
TALLEST = frozenset({"tallest", "taller", "tall", "high", "longest", "longer"})
SHORTEST = frozenset({"shortest", "shorter", "low", "flattest", "flat", "flatter"})
TOP = frozenset({"top", "topmost", "uppermost", "upper", "highest", "higher"})
BOTTOM = frozenset({"bottom", "bottommost", "lowermost", "lower", "lowest"})
MIDDLE = frozenset({"middle", "central", "centre", "center", "middlemost", "midmost"})
RANKINGS = (
    LEFT
    | RIGHT
    | NEAREST
    | FARTHEST
    | BIGGEST
    | SMALLEST
    | TALLEST
    | SHORTEST
    | TOP
    | BOTTOM
    | MIDDLE
)
ORDINALS: Mapping[str, int] = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5},
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5},
}
PILES = frozenset({"tower", "towers", "stack", "pile", "column", "heap"})
"""Nouns for things that stand on each other."""

VERBS: Mapping[Act, tuple[str, ...]] = {
    Act.PICK: phrases("""
        pick up, pick, grasp, grab, lift up, lift, take, hold, get, raise, seize, grip, catch,
        fetch, clutch, take hold of, get hold of, pluck, hoist, scoop up, collect
    """),
    Act.PLACE: phrases("""
        put, place, move, set, bring, store, insert, drop, lay, transfer, deposit,
        pick and place, pack, stow, stash, shift, relocate, return, leave, load, carry, deliver,
        position, rest, keep, hide, tuck, slip, shelve, tuck away, stow away, pop, plop, plonk,
        dump, plug, add, stick, jam
    """),
    Act.STACK: phrases("""
        stack, pile
    """),
    Act.PUT_DOWN: phrases("""
        put down, set down, lay down, place down, put back down
    """),
    Act.TAKE_OUT: phrases("""
        take out, remove, extract, retrieve, get out, pull out
    """),
    Act.OPEN: phrases("""
        open up, open, slide open, pull open, unlatch, unclose
    """),
    Act.CLOSE: phrases("""
        close up, close, shut, push in, push shut, push closed, slide shut, slide closed, seal,
        slam shut, slam
    """),
    Act.RELEASE: phrases("""
        release, let go of, let go, ungrasp, open the gripper, open your hand, open the hand,
        open your gripper
    """),
    Act.EMPTY: phrases("""
        clear out, clear off, clear, empty out, empty, unpack, unload
    """),
    Act.PUSH: phrases("""
        push, slide, shove, nudge, scoot
    """),
    Act.PRESS: phrases("""
        press, push down on, press down, press down on, toggle, flip, flick, tap, hit, actuate
    """),
    Act.TURN_ON: phrases("""
        turn on, switch on, power on, activate, light up, flip on
    """),
    Act.TURN_OFF: phrases("""
        turn off, switch off, power off, deactivate, flip off
    """),
    Act.GO_OVER: phrases("""
        go over, go above, go to, move over, move above, move to, move the hand over,
        move the hand to, hover over, hover above, hover, reach, reach over, reach for, reach to,
        approach, go over to, move over to, position the hand over, move your hand over,
        move your hand above, move your hand to, move the hand above, put your hand over,
        put your hand above, position your hand over, bring your hand over, hold your hand over,
        move the gripper over, move the gripper above, move the gripper to, move your gripper over
    """),
    Act.GO_NEXT_TO: phrases("""
        go next to, go beside, go alongside, move next to, move alongside, move beside,
        move the hand next to, move the hand beside, reach next to, reach beside, stand next to
    """),
    Act.HOME: phrases("""
        go home, return home, move home, drive home, go to home, home, go to the home position,
        go back home, return to home, go to your home position, go to the start position,
        move to the home position, return to the home position
    """),
}
"""Base forms of the verbs of each act; inflections are made from them."""

PARTICLE_VERBS: Mapping[tuple[str, str], Act] = {
    **{(verb, "open"): Act.OPEN for verb in ("get", "shove", "move")},
    **{(verb, end): Act.CLOSE for verb in ("shove", "move") for end in ("closed", "shut")},
    ("get", "closed"): Act.CLOSE,
    ("get", "shut"): Act.CLOSE,
    ("pull", "open"): Act.OPEN,
    ("pull", "out"): Act.TAKE_OUT,
    ("slide", "open"): Act.OPEN,
    ("slide", "out"): Act.TAKE_OUT,
    ("push", "in"): Act.CLOSE,
    ("push", "shut"): Act.CLOSE,
    ("push", "closed"): Act.CLOSE,
    ("slide", "shut"): Act.CLOSE,
    ("slide", "closed"): Act.CLOSE,
    ("slide", "in"): Act.CLOSE,
    ("take", "out"): Act.TAKE_OUT,
    ("get", "out"): Act.TAKE_OUT,
    ("lift", "out"): Act.TAKE_OUT,
    ("bring", "out"): Act.TAKE_OUT,
    ("pick", "up"): Act.PICK,
    ("lift", "up"): Act.PICK,
    ("put", "down"): Act.PUT_DOWN,
    ("set", "down"): Act.PUT_DOWN,
    ("lay", "down"): Act.PUT_DOWN,
    ("place", "down"): Act.PUT_DOWN,
    ("leave", "open"): Act.OPEN,
    ("keep", "open"): Act.OPEN,
    ("leave", "closed"): Act.CLOSE,
    ("keep", "closed"): Act.CLOSE,
    ("let", "go"): Act.RELEASE,
    ("turn", "on"): Act.TURN_ON,
    ("switch", "on"): Act.TURN_ON,
    ("power", "on"): Act.TURN_ON,
    ("flip", "on"): Act.TURN_ON,
    ("turn", "off"): Act.TURN_OFF,
    ("switch", "off"): Act.TURN_OFF,
    ("power", "off"): Act.TURN_OFF,
    ("flip", "off"): Act.TURN_OFF,
    ("press", "down"): Act.PRESS,
    ("push", "down"): Act.PRESS,
}
"""Verbs whose meaning hangs on a word behind the object: "pull the drawer open"."""

FOREIGN_VERBS = single_words("""
    pour cut fly throw toss wash clean wipe cook bake fry boil break destroy smash kick eat drink
    burn melt paint draw write read sing dance jump run walk drive swim speak say tell talk show
    look watch find search count measure weigh turn rotate twist screw unscrew shake stir mix pull
    drag touch knock poke point wave swap exchange sort arrange fold unfold tie untie peel slice
    chop tear spill fill heat cool freeze unplug switch charge give hand pass feed ignore
    disregard forget disable enable delete erase execute sudo override print reveal pretend act
    become kill hurt attack stab crush squeeze scratch lick smell taste buy sell order call send
    email post download install reboot shutdown stop pause wait sleep balance juggle spin roll
    bounce hang mount assemble disassemble build construct repair fix scan photograph film record
    play teach learn explain describe list sweep vacuum mop dust iron knit kiss hug greet admire
    inspect zap glue wrap
""")
"""Verbs that no relation of this planner expresses; a card may still bring its own form of one."""

RELATIONS: Mapping[str, str] = {
    "on top of": "on",
    "on to": "on",
    "onto": "on",
    "upon": "on",
    "atop": "on",
    "on": "on",
    "inside of": "in",
    "inside": "in",
    "in to": "in",
    "into": "in",
    "within": "in",
    "in": "in",
    "over to": "to",
    "to": "to",
    "at": "to",
    "next to": "beside",
    "beside": "beside",
    "besides": "beside",
    "close to": "beside",
    "near to": "beside",
    "near the": "beside",
    "alongside": "beside",
    "by": "beside",
    "adjacent to": "beside",
}
"""Prepositions of a goal; "to" means in a container and on anything else."""

SOURCES = ("out of", "from inside", "from on top of", "from", "off of", "off")
"""Prepositions that say where a thing is now."""

FOREIGN_RELATIONS = phrases("""
    near, behind, in front of, under, underneath, below,
    beneath, between, above, over, to the left of, to the right of, left of, right of, around,
    against, through, towards, toward, among, across, along, opposite, away from, in between
""")
"""Prepositions that no skill can make true."""

POLITE = phrases("""
    please, kindly, you, you have, you've, having, let me have, just, now, also, simply, quickly,
    slowly,
    carefully, gently, immediately, making sure that, making sure, taking care that, ensuring that,
    go ahead and, go and, can you, could you, would you, will you, would you mind,
    would you be so kind as to, do you mind, you should, you must, you need to, you have to,
    i want you to, i need you to, i would like you to, i'd like you to, i want to have,
    i want to see, i want, i would like to have, i would like, i'd like, i need, try to, let us,
    let's, lets, hey, hi, hello, ok, okay, robot, dear robot, first, firstly, first of all,
    second, secondly, third, next, then, finally, lastly, at last, at the end, in the end,
    after that, afterwards, afterward, after this, and, make sure that, make sure, ensure that,
    ensure, see to it that, see that, the goal is that, the task is to, your task is to,
    it is time to, time to, so that, again, start by, start off by, begin by, finish by,
    finish off by, end by, go on to, proceed to, be sure to, make sure to, could you please
""")
"""Openings of a clause that carry no meaning of their own."""
TRAILING = phrases("""
    please, now, for me, again, thanks, thank you, immediately, carefully, gently, slowly,
    quickly, right now, would you, will you, ok, too, as well, afterwards, at the end,
    in the end, at last, finally, first
""")
"""Endings of a clause that carry no meaning of their own."""

THEN = (
    *phrases("""
        and then, and only then, only then, and after that, and afterwards, and finally, and next,
        after that, after this, afterwards, afterward, followed by, before you, then, finally,
        lastly, next
    """),
    ";",
    ".",
    "!",
)
"""Separators that always begin a new clause."""

AFTER = tuple(text for text in THEN if text[0].isalpha() and text != "before you")
"""Those of them that put what follows behind what was spoken before."""
EARLIER = phrases("""
    but first, but before that, but before this, and before that, before that, before this,
    but beforehand, beforehand
""")
"""Separators that put what follows before what was spoken."""

CONTRACTIONS = {"s": "is", "re": "are", "ve": "have", "ll": "will", "m": "am", "d": "would"}
"""What an ending behind an apostrophe stands for."""
CONTRACTED_WITH_IS = frozenset(
    {
        "it",
        "that",
        "this",
        "there",
        "here",
        "what",
        "where",
        "who",
        "how",
        "he",
        "she",
        "everything",
    }
)
"""Words behind which an s with an apostrophe is no genitive."""
SHORT_FORMS: Mapping[str, str] = {
    **dict.fromkeys(("let's", "lets"), "let us"),
    **dict.fromkeys(("can't", "cant", "cannot"), "can not"),
    **dict.fromkeys(("won't", "wont"), "will not"),
    **{f"{verb}nt": f"{verb} not" for verb in ("do", "does", "did", "is", "are", "was", "must")},
    **{f"{verb}nt": f"{verb} not" for verb in ("should", "would", "could", "has", "have")},
    **{"im": "i am", "ive": "i have", "youre": "you are", "youve": "you have"},
    **{"thats": "that is", "theres": "there is", "whats": "what is", "wheres": "where is"},
    **{"pls": "please", "plz": "please", "plse": "please", "thx": "thanks", "tnx": "thanks"},
    **{"te": "the", "th": "the", "da": "the", "pickup": "pick up", "putdown": "put down"},
    **{"u": "you", "ur": "your", "r": "are", "b4": "before", "n": "and", "w": "with"},
    **{"gimme": "give me", "lemme": "let me", "wanna": "want to", "gonna": "going to"},
    **{"gotta": "have to", "ya": "you", "em": "them", "'em": "them", "cos": "because"},
    **{"whilst": "while", "til": "until", "till": "until", "alright": "ok", "okay": "ok"},
}
"""Words as they are typed in a hurry, and what they stand for."""

QUESTIONS = frozenset(
    {"what", "where", "who", "whom", "why", "how", "which", "is", "are", "does", "did"}
)
CONDITIONS = frozenset(
    {"if", "unless", "until", "till", "while", "whenever", "as", "because", "or"}
)
NEGATIONS = frozenset(
    {"not", "never", "don't", "dont", "without", "no", "nothing", "avoid", "cannot"}
)
EXCEPTIONS = ("except for", "except", "but not", "other than", "apart from", "excluding")
STATES = frozenset({"open", "closed", "shut", "empty", "on", "off"})
STATE_VERBS = phrases("""
    should be, must be, needs to be, need to be, has to be, have to be, ought to be, shall be,
    should end up, should stand, should sit, should lie, is, are, be, to be, gets, should go,
    goes, belongs, belong, must go, go, should all go, needs to go, need to go, has to go,
    have to go, must all go, should end up, ends up, end up, should be put, must be put, gets put,
    should be placed, must be placed, can go, may go, should all be, must all be, should both be,
    should now be, should also be, ought to go, is supposed to be, are supposed to be,
    is supposed to go, are supposed to go, all go, both go, should go back, goes back, go back,
    should live, lives, live, get put, to end up, to go, to sit, to stand, to rest, sits, stands,
    rests, lies, sit,
    ended up, should rest, must end up, should remain, to stay, should hang out, wants to be,
    want to be, needs to end up
""")
"""Verbs of sentences that describe the wanted state: "the drawer should be closed"."""
