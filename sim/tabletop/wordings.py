"""What stands around wishes, what asks for nothing that can be done, and what things are called."""

from collections.abc import Mapping

from sim.objects import BLOCK, BRACKET, HEXAGON, ROLL, UNSEEN_NAMES

JOINTS: tuple[str, ...] = (
    " and ",
    ", then ",
    " and then ",
    ", ",
    ". Then ",
    ". After that, ",
    ", and ",
)
"""What stands between two wishes."""
HELD_OUT_JOINTS: tuple[str, ...] = (", afterwards ", "; next, ", ", and finally ")
"""The same, where it is measured."""
FRAMES: tuple[str, ...] = (
    *("{}",) * 6,
    "please {}",
    "{}, please",
    "could you {}",
    "can you {} please",
    "{} now",
    "I would like you to {}",
    "robot, {}",
    "ok, {}",
    "{}, thanks",
)
"""What stands around all of them; most often nothing."""
HELD_OUT_FRAMES: tuple[str, ...] = ("{}", "would you kindly {}", "hey robot, {} for me", "now {}")
"""The same, where it is measured."""

FOREIGN: tuple[str, ...] = (
    "(cut|chop|saw) the {x} (in half|up)",
    "(wash|clean|wipe|polish) the {x}",
    "throw the {x} (away|out of the window|at the wall)",
    "(pour|empty) the {x} over the table",
    "(break|smash|crush) the {x}",
    "(peel|eat|drink|taste) the {x}",
    "(paint|colour) the {x} (blue|green)",
    "(weigh|measure) the {x}",
    "(heat up|cool|melt|freeze) the {x}",
    "what (colour|size|shape) is the {x}?",
    "is the {x} (on the table|open|in the box)?",
    "where is the {x}?",
    "how many (things|cubes) are there?",
    "(do not|don't|never) (touch|move|open|take) the {x}",
    "don't do anything",
    "tell me a (joke|story)",
    "what a nice day",
    "(hello|hi) there",
    "play some music",
    "what can you do?",
    "dance",
    "count the {x}",
    "make me a sandwich with the {x}",
    "(sell|buy|photograph|draw) the {x}",
    "(turn|flip|rotate) the {x} upside down",
    "(tie|glue|nail) the {x} to the table",
    "(shake|squeeze|bend|stretch) the {x}",
    "why is the {x} there?",
    "thank you",
    "I am tired",
    "the {x} is (nice|ugly|red)",
)
"""What no skill does, and what asks for nothing."""
HELD_OUT_FOREIGN: tuple[str, ...] = (
    "slice the {x}",
    "which things are red?",
    "leave the {x} alone",
    "sing a song",
    "cook the {x}",
    "fold the {x}",
    "good morning",
    "screw the {x} to the table",
)
"""The same, where it is measured."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "can": ("can", "soda can", "tin"),
    "bottle": ("bottle", "glass bottle"),
    "milk": ("milk", "milk carton", "carton of milk"),
    "bread": ("bread", "loaf of bread"),
    "cereal": ("cereal", "cereal box", "box of cereal"),
}
"""What else things are called."""
_SHAPES: Mapping[str, tuple[str, ...]] = {
    BLOCK: ("block", "brick", "thing"),
    ROLL: ("roll", "cylinder", "thing"),
    HEXAGON: ("hexagon", "thing"),
    BRACKET: ("bracket", "thing"),
}

# fmt: off
COLOURS: tuple[str, ...] = (
    "red",
    "green",
    "blue",
    "yellow",
    "orange",
    "purple",
    "grey",
    "violet",
    "turquoise",
    "golden",
    "silver",
    "beige",
    "olive",
)
# fmt: on
"""Of things that are given other names; those of the unseen things are not among them."""
# fmt: off
NOUNS: tuple[str, ...] = (
    "apple",
    "ball",
    "banana",
    "basket",
    "battery",
    "bell",
    "book",
    "bowl",
    "brush",
    "bucket",
    "candle",
    "cap",
    "card",
    "chalk",
    "charger",
    "clip",
    "clock",
    "coin",
    "comb",
    "cone",
    "cookie",
    "cork",
    "cracker",
    "crayon",
    "cup",
    "dice",
    "dish",
    "doll",
    "eraser",
    "fork",
    "funnel",
    "gear",
    "glove",
    "glue",
    "hammer",
    "hat",
    "jar",
    "jug",
    "key",
    "kettle",
    "knife",
    "knob",
    "ladle",
    "lamp",
    "leaf",
    "lemon",
    "lid",
    "lighter",
    "magnet",
    "marker",
    "mouse",
    "mug",
    "mushroom",
    "nail",
    "napkin",
    "notebook",
    "nut",
    "onion",
    "pan",
    "peach",
    "pear",
    "pen",
    "pencil",
    "pepper",
    "phone",
    "pipe",
    "plate",
    "plug",
    "pot",
    "potato",
    "purse",
    "puzzle",
    "ring",
    "rope",
    "ruler",
    "salt",
    "scissors",
    "scoop",
    "screw",
    "shell",
    "shoe",
    "soap",
    "sock",
    "spanner",
    "sponge",
    "spool",
    "spoon",
    "spring",
    "stapler",
    "stone",
    "straw",
    "string",
    "tape",
    "teapot",
    "thimble",
    "ticket",
    "toast",
    "tomato",
    "towel",
    "toy",
    "tray",
    "truck",
    "tube",
    "vase",
    "wallet",
    "watch",
    "wheel",
    "whistle",
    "wire",
    "yoghurt",
    "thing",
)
# fmt: on
"""What things may be called instead, so that names are matched and not known by heart."""


def called(name: str) -> tuple[str, ...]:
    """What a thing may be called."""
    if name in SYNONYMS:
        return SYNONYMS[name]
    if name in UNSEEN_NAMES:
        colour, shape = name.split("_")
        return tuple(f"{colour} {word}" for word in _SHAPES[shape])
    return (name.replace("_", " "),)
