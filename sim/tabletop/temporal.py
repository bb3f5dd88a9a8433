"""Instructions that speak of time, with what they mean as formulas of temporal logic.

The formulas are stated here, on their own: what a parser makes of the words cannot move them. Their
language is that of ``docs/specifications.md``.
"""

from sim.layout import DrawerStart
from sim.tabletop.tasks import Task

_ABSENT = DrawerStart.ABSENT
_NO_DRAWER = {"drawer": _ABSENT}
_BARE = {**_NO_DRAWER, "box": False}
_DARK_BUTTON = {"button_on": False}
_DARK_SWITCH = {"switch_on": False}

TEMPORAL_TASKS: tuple[Task, ...] = (
    Task(
        name="first, then",
        words="first put the {x} in the box, then open the drawer",
        skills=("grasp", "place", "open"),
        goal=(("in", "{x}", "box"), ("open", "drawer")),
        draws={"x": "things"},
        scene={"drawer": DrawerStart.CLOSED},
        specification=("weak_until(not open(drawer), in({x}, box))",),
    ),
    Task(
        name="without opening",
        words="put the {x} in the box without opening the drawer",
        skills=("grasp", "place"),
        goal=(("in", "{x}", "box"),),
        draws={"x": "things"},
        scene={"drawer": DrawerStart.CLOSED},
        specification=("always(not open(drawer))",),
    ),
    Task(
        name="untouched until",
        words="put the {x} in the box, but do not touch the {x} until the drawer is closed",
        skills=("close", "grasp", "place"),
        goal=(("in", "{x}", "box"), ("closed", "drawer")),
        draws={"x": "things"},
        scene={"drawer": DrawerStart.OPEN},
        specification=("weak_until(not holding({x}) and not call(any, {x}), closed(drawer))",),
    ),
    Task(
        name="either, or",
        words="put either the {x} or the {y} in the box",
        skills=("grasp", "place"),
        goal=(),
        draws={"x": "things", "y": "things"},
        scene=_NO_DRAWER,
        specification=("eventually(always(in({x}, box) or in({y}, box)))",),
    ),
    Task(
        name="keep closed",
        words="keep the drawer closed and put the {x} on the drawer",
        skills=("grasp", "place"),
        goal=(("on", "{x}", "drawer"), ("closed", "drawer")),
        draws={"x": "stackable"},
        scene={"drawer": DrawerStart.CLOSED},
        specification=("always(closed(drawer))",),
    ),
    Task(
        name="before you",
        words="before you close the drawer, put the {x} in it",
        skills=("grasp", "place", "close"),
        goal=(("in", "{x}", "drawer"), ("closed", "drawer")),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.OPEN},
        specification=("weak_until(not closed(drawer), in({x}, drawer))",),
    ),
    Task(
        name="whenever, before",
        words="turn the button on. whenever the drawer is open, close it before pressing the "
        "button",
        skills=("close", "press"),
        goal=(("turned_on", "button"), ("closed", "drawer")),
        scene={"drawer": DrawerStart.OPEN, "button": True, "box": False},
        begins=_DARK_BUTTON,
        specification=(
            "always(open(drawer) implies until(not call(press, button), closed(drawer)))",
        ),
    ),
    Task(
        name="only after",
        words="turn the button on only after the {x} is in the box",
        skills=("grasp", "place", "press"),
        goal=(("turned_on", "button"), ("in", "{x}", "box")),
        draws={"x": "things"},
        scene={**_NO_DRAWER, "button": True},
        begins=_DARK_BUTTON,
        specification=("weak_until(not turned_on(button), in({x}, box))",),
    ),
    Task(
        name="if it is open",
        words="if the drawer is open, close it, otherwise open it",
        skills=("close",),
        goal=(("closed", "drawer"),),
        scene={"drawer": DrawerStart.OPEN},
        specification=("always(not call(open, drawer))",),
    ),
    Task(
        name="if there is one",
        words="if there is a peg, put it in the box, otherwise the {x}",
        skills=("grasp", "place"),
        goal=(("in", "{x}", "box"),),
        draws={"x": "things"},
        scene=_NO_DRAWER,
        specification=("eventually(holding({x}))",),
    ),
    Task(
        name="never while holding",
        words="put the {x} in the drawer, but never open the drawer while holding something",
        skills=("open", "grasp", "place"),
        goal=(("in", "{x}", "drawer"),),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.CLOSED},
        specification=("always(not (call(open, drawer) and not hand_empty()))",),
    ),
    Task(
        name="not before",
        words="turn the switch on, but not before the peg is in the socket",
        skills=("grasp", "insert", "press"),
        goal=(("turned_on", "switch"), ("inserted", "peg", "socket")),
        scene={**_BARE, "socket": True, "switch": True},
        begins=_DARK_SWITCH,
        specification=("weak_until(not turned_on(switch), inserted(peg, socket))",),
    ),
    Task(
        name="push past",
        words="push the {x} onto the zone without touching the {y}",
        skills=("push",),
        goal=(("on", "{x}", "zone"),),
        draws={"x": "pushed", "y": "things"},
        scene={**_BARE, "zone": True},
        pushed="x",
        specification=("always(not holding({y}) and not call(any, {y}))",),
    ),
    Task(
        name="never while closed",
        words="turn the switch on and close the cupboard, but never turn the switch on while the "
        "cupboard is closed",
        skills=("open", "press", "close"),
        goal=(("turned_on", "switch"), ("closed", "cupboard")),
        scene={**_NO_DRAWER, "cupboard": DrawerStart.CLOSED, "switch": True},
        begins=_DARK_SWITCH,
        specification=("always(not (call(press, switch) and closed(cupboard)))",),
    ),
    Task(
        name="in order, kept closed",
        words="first turn the switch on, then put the {x} on the zone, and keep the cupboard "
        "closed",
        skills=("press", "grasp", "place"),
        goal=(("turned_on", "switch"), ("on", "{x}", "zone"), ("closed", "cupboard")),
        draws={"x": "stackable"},
        scene={**_BARE, "cupboard": DrawerStart.CLOSED, "switch": True, "zone": True},
        begins=_DARK_SWITCH,
        specification=(
            "weak_until(not on({x}, zone), turned_on(switch))",
            "always(closed(cupboard))",
        ),
    ),
    Task(
        name="leave one alone",
        words="put the {x} and the {y} in the box, but never touch the {z}",
        skills=("grasp", "place", "grasp", "place"),
        goal=(("in", "{x}", "box"), ("in", "{y}", "box")),
        draws={"x": "pushed", "y": "pushed", "z": "things"},
        scene=_NO_DRAWER,
        specification=("always(not holding({z}) and not call(any, {z}))",),
    ),
    Task(
        name="go over only after",
        words="go over the {x} only after the button is on",
        skills=("press", "reach"),
        goal=(("over", "{x}"), ("turned_on", "button")),
        draws={"x": "things"},
        scene={**_BARE, "button": True},
        begins=_DARK_BUTTON,
        specification=("weak_until(not call(reach, {x}), turned_on(button))",),
    ),
    Task(
        name="three in order",
        words="put the {x} in the box, then the {y}, and finally turn the button on",
        skills=("grasp", "place", "grasp", "place", "press"),
        goal=(("in", "{x}", "box"), ("in", "{y}", "box"), ("turned_on", "button")),
        draws={"x": "pushed", "y": "pushed"},
        scene={**_NO_DRAWER, "button": True},
        begins=_DARK_BUTTON,
        specification=(
            "weak_until(not in({y}, box), in({x}, box))",
            "weak_until(not turned_on(button), in({y}, box))",
        ),
    ),
    Task(
        name="open until then",
        words="take the {x} out of the drawer and close the drawer. do not close the drawer until "
        "the {x} is on the table",
        skills=("grasp", "place", "close"),
        goal=(("on", "{x}", "table"), ("closed", "drawer")),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.OPEN, "box": False},
        placed={"x": "drawer"},
        specification=("weak_until(not closed(drawer), on({x}, table))",),
    ),
    Task(
        name="whenever",
        words="put the {x} in the drawer. whenever the drawer is open, close it",
        skills=("open", "grasp", "place", "close"),
        goal=(("in", "{x}", "drawer"), ("closed", "drawer")),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.CLOSED},
        specification=("always(open(drawer) implies eventually(closed(drawer)))",),
    ),
)
"""Over eight skills; every goal follows from the words, and so does every formula."""
