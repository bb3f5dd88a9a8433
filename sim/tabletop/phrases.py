"""Ways to say things: the wishes that instructions are made of, each in many wordings.

What a learned scheduler reads is drawn from here. Some wordings are held out: it is measured on
them, and never learns from them. So are compositions: those of level IV.
"""

from dataclasses import dataclass

from sim.tabletop.tasks import Fact


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One thing to be wished for.

    Attributes:
        name: Of the wish.
        fact: What is to hold; of a wish for a call itself, that call. ``{x}`` stands for a thing.
        phrases: How it is said; ``(in|into)`` stands for any of these.
        held_out: How it is said when it is measured.
        calls: Whether `fact` is a call that is made for its own sake.
    """

    name: str
    fact: Fact
    phrases: tuple[str, ...]
    held_out: tuple[str, ...]
    calls: bool = False


_PUT = "(put|place|set|drop|move|lay|bring|get|deposit|carry|transfer)"
_GOES = "(goes|belongs|should go|has to go|must go|is to be|should be|is supposed to be)"
_BY = "(next to|beside|close beside|at the side of)"
_SEE = "(make sure|see to it|take care) that"

WISHES: tuple[Wish, ...] = (
    Wish(
        name="into the box",
        fact=("in", "{x}", "box"),
        phrases=(
            f"{_PUT} the {{x}} (in|into|inside) the box",
            "(take|grab|get|find) the {x} and (put|place|lay|throw) it (in|into|inside) the box",
            f"the {{x}} {_GOES} (in|into|inside) the box",
            "(box up|pack) the {x}",
            "pack the {x} (in|into|inside) the box",
            "the box (should|must|has to) (hold|contain) the {x}",
            f"{_SEE} the {{x}} (is|ends up) (in|inside) the box",
        ),
        held_out=(
            "stow the {x} inside the box",
            "pick up the {x} and drop it in the box",
            "the box is where the {x} should go",
            "I want the {x} in the box",
        ),
    ),
    Wish(
        name="into the drawer",
        fact=("in", "{x}", "drawer"),
        phrases=(
            f"{_PUT} the {{x}} (in|into|inside) the drawer",
            "(take|grab|get|find) the {x} and (put|place|lay) it (in|into|inside) the drawer",
            f"the {{x}} {_GOES} (in|into|inside) the drawer",
            "(store|file|hide|keep) the {x} (in|inside) the drawer",
            "(file|put|clear) the {x} away in the drawer",
            "the drawer (should|must|has to) (hold|contain) the {x}",
            f"{_SEE} the {{x}} (is|ends up) (in|inside) the drawer",
        ),
        held_out=(
            "stash the {x} in the drawer",
            "tuck the {x} away inside the drawer",
            "the drawer is the place for the {x}",
        ),
    ),
    Wish(
        name="onto another",
        fact=("on", "{x}", "{y}"),
        phrases=(
            f"{_PUT} the {{x}} (on|onto|on top of) the {{y}}",
            "(stack|pile|stand|balance) the {x} (on|on top of|onto) the {y}",
            "(take|grab|get|find) the {x} and (put|set|place) it (on|onto|on top of) the {y}",
            f"the {{x}} {_GOES} (on|on top of) the {{y}}",
            f"{_SEE} the {{x}} (is|stands) on (top of |)the {{y}}",
            "the {y} (should|must) (carry|have) the {x} on top",
        ),
        held_out=(
            "rest the {x} on top of the {y}",
            "pick the {x} up and stack it on the {y}",
            "I need the {x} standing on the {y}",
        ),
    ),
    Wish(
        name="onto the cabinet",
        fact=("on", "{x}", "drawer"),
        phrases=(
            f"{_PUT} the {{x}} (on|onto|on top of) the drawer",
            "(set|stand|balance) the {x} (down |)on top of the drawer",
            f"the {{x}} {_GOES} (on|on top of) the drawer",
            "(take|grab|get|find) the {x} and (put|set|place) it (on|on top of) the drawer",
            f"{_SEE} the {{x}} is on top of the drawer",
        ),
        held_out=("leave the {x} on top of the drawer", "rest the {x} on the drawer"),
    ),
    Wish(
        name="onto the zone",
        fact=("on", "{x}", "zone"),
        phrases=(
            "(put|place|set|drop|lay|bring|get|carry|transfer) the {x} "
            "(on|onto|on top of) the zone",
            "(set|put) the {x} down on the zone",
            "(carry|bring|take) the {x} to the zone",
            f"the {{x}} {_GOES} (on|onto) the zone",
            "(take|grab|pick up) the {x} and (put|set|place) it on the zone",
            f"{_SEE} the {{x}} is on the zone",
        ),
        held_out=("park the {x} on the zone", "the {x} should stand on the zone"),
    ),
    Wish(
        name="next to another",
        fact=("beside", "{x}", "{y}"),
        phrases=(
            f"{_PUT} the {{x}} {_BY} the {{y}}",
            f"(set|put) the {{x}} down {_BY} the {{y}}",
            f"the {{x}} {_GOES} {_BY} the {{y}}",
            f"the {{x}} should stand {_BY} the {{y}}",
            f"(take|grab|get|find) the {{x}} and (put|set|place) it {_BY} the {{y}}",
            f"{_SEE} the {{x}} is {_BY} the {{y}}",
            "the {x} and the {y} should be side by side",
        ),
        held_out=("leave the {x} right beside the {y}", "park the {x} next to the {y}"),
    ),
    Wish(
        name="out onto the table",
        fact=("on", "{x}", "table"),
        phrases=(
            "(take|get|lift|bring|pull) the {x} out",
            "(take|get|lift|bring|pull|pick) the {x} out of the {host}",
            "(put|set|place|lay) the {x} (down |)on the table",
            "(move|bring) the {x} from the {host} (to|onto) the table",
            "(remove|unpack) the {x} from the {host}",
            "(take|get) the {x} out of the {host} and (put|set|place|lay) it on the table",
            "the {x} (should not be|must not stay) in the {host}",
            "the {x} (belongs|goes|should be) on the table",
        ),
        held_out=("fetch the {x} from the {host}", "lay the {x} back on the table"),
    ),
    Wish(
        name="open",
        fact=("open", "{t}"),
        phrases=(
            "(open|open up) the {t}",
            "(pull|get|slide|swing) the {t} open",
            "the {t} (should|must|has to) be open",
            f"{_SEE} the {{t}} is open",
            "make sure the {t} is open",
            "(leave|keep) the {t} open",
            "(get|pull) the {t} opened",
        ),
        held_out=(
            "have the {t} opened",
            "I want the {t} to be open",
            "swing or slide the {t} open",
        ),
    ),
    Wish(
        name="close",
        fact=("closed", "{t}"),
        phrases=(
            "(close|shut|close up|shut up) the {t}",
            "(push|get|slide|swing) the {t} (shut|closed)",
            "the {t} (should|must|has to) be (closed|shut)",
            "make sure (that |)the {t} is (shut|closed)",
            "(leave|keep) the {t} (closed|shut)",
        ),
        held_out=("have the {t} shut", "I want the {t} to be closed", "see that the {t} is closed"),
    ),
    Wish(
        name="turn on",
        fact=("turned_on", "{c}"),
        phrases=(
            "(turn|switch|put) the {c} on",
            "(turn|switch|put) on the {c}",
            "the {c} (should|must|has to) be (on|lit)",
            "make sure (that |)the {c} is on",
            "press the {c} (so that it lights up|to turn it on)",
            "(activate|start|power up) the {c}",
        ),
        held_out=("have the {c} switched on", "light up the {c}", "I want the {c} on"),
    ),
    Wish(
        name="turn off",
        fact=("turned_off", "{c}"),
        phrases=(
            "(turn|switch|put) the {c} off",
            "(turn|switch) off the {c}",
            "the {c} (should|must|has to) be (off|dark)",
            "make sure (that |)the {c} is off",
            "press the {c} (so that it goes dark|to turn it off)",
            "(deactivate|stop|power down) the {c}",
        ),
        held_out=("have the {c} switched off", "I want the {c} off"),
    ),
    Wish(
        name="press the button",
        fact=("turned_on", "button"),
        phrases=(
            "(press|push|hit|tap|press down|push down) the button",
            "press on the button",
        ),
        held_out=("give the button a press",),
    ),
    Wish(
        name="push onto the zone",
        fact=("push", "{x}", "zone"),
        calls=True,
        phrases=(
            "(push|slide|shove) the {x} (onto|to|over to|on) the zone",
            "(push|slide|shove) the {x} (over|across) the table (onto|to) the zone",
            "the {x} (should|must) be (pushed|slid|shoved) (onto|to) the zone",
        ),
        held_out=("nudge the {x} onto the zone", "without lifting it, push the {x} onto the zone"),
    ),
    Wish(
        name="into the socket",
        fact=("inserted", "peg", "socket"),
        phrases=(
            "(put|place|stick|insert|plug|push|get|drop) the peg (in|into) the socket",
            "the peg (goes|belongs|has to go|must go) (in|into) the socket",
            "(take|grab|get|find) the peg and (insert|put|plug|stick) it (into|in) the socket",
            "(insert|plug in) the peg",
            "make sure (that |)the peg is in the socket",
        ),
        held_out=("fit the peg into the socket", "the peg should sit in the socket"),
    ),
    Wish(
        name="go over",
        fact=("over", "{x}"),
        phrases=(
            "(go|move|reach|hover) (over|above) the {x}",
            "(bring|move|hold|take) the (hand|gripper|arm) (over|above) the {x}",
            "the (hand|gripper) (should|must) be (over|above) the {x}",
        ),
        held_out=("position the hand above the {x}", "stay over the {x}"),
    ),
    Wish(
        name="go next to",
        fact=("alongside", "{x}"),
        phrases=(
            "(go|move|reach) (next to|beside|alongside) the {x}",
            "(bring|move|hold|take) the (hand|gripper|arm) (next to|beside|alongside) the {x}",
            "the (hand|gripper) (should|must) be (next to|beside) the {x}",
        ),
        held_out=("position the hand next to the {x}",),
    ),
    Wish(
        name="hold",
        fact=("holding", "{x}"),
        phrases=(
            "(pick up|grasp|grab|lift|take|hold|seize) the {x}",
            "pick the {x} up",
            "(take|hold) the {x} in (the|your) (hand|gripper)",
            "keep the {x} in (the|your) hand",
        ),
        held_out=("get hold of the {x}", "lift up the {x}"),
    ),
    Wish(
        name="go home",
        fact=("home",),
        calls=True,
        phrases=(
            "(go|move|drive) (home|back home)",
            "(return|go back|move back) to the rest pose",
            "(take|move|bring) the arm home",
            "go to (your|the) (rest|home) (pose|position)",
        ),
        held_out=("return home",),
    ),
)
"""What can be wished for."""

HELD_OUT_COMPOSITIONS: frozenset[tuple[str, ...]] = frozenset(
    tuple(sorted(names))
    for names in (
        ("open", "into the drawer", "close"),
        ("open", "into the drawer", "into the drawer", "close"),
        ("out onto the table", "close", "turn on"),
        ("open", "turn on", "close"),
        ("push onto the zone", "onto another"),
        ("into the box", "into the box", "press the button"),
        ("into the socket", "turn on", "go over"),
        ("into the socket", "next to another"),
        ("onto another", "onto another"),
        ("next to another", "press the button"),
        ("turn off", "push onto the zone", "go next to"),
        ("close", "onto the cabinet", "go over"),
        ("go over", "into the box", "turn on"),
        ("open", "onto the zone", "press the button"),
        ("push onto the zone", "close", "turn on"),
    )
)
"""Wishes that the tasks of level IV put together, in any order."""
