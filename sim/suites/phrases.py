"""How people may say what is to be done: phrasings to train on, and others to be tested on.

Sentences kept for tests share neither template nor name with the training ones, so that
understanding them takes the sentence encoder's sense of meaning, not memory. There are two sets:
while the training sentences were chosen, it was looked at how well the encoder tells those of
`Wording.UNSEEN` apart; those of `Wording.FRESH` were written afterwards and never looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Verb(Enum):
    """What is done to a thing."""

    PICK = "pick"
    TOUCH = "touch"
    PUSH = "push"


class Wording(Enum):
    """Which sentences are used."""

    TRAINING = "training"
    UNSEEN = "unseen"
    FRESH = "fresh"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wordings:
    """Ways to say one thing.

    Attributes:
        training: Those that demonstrations use.
        unseen: Those that no demonstration uses.
        fresh: Others that none uses, and that nothing was chosen by.
    """

    training: tuple[str, ...]
    unseen: tuple[str, ...]
    fresh: tuple[str, ...]

    def of(self, wording: Wording) -> tuple[str, ...]:
        """The ways of one set."""
        match wording:
            case Wording.TRAINING:
                return self.training
            case Wording.UNSEEN:
                return self.unseen
            case Wording.FRESH:
                return self.fresh


TEMPLATES: Mapping[Verb, Wordings] = {
    Verb.PICK: Wordings(
        training=(
            "pick up the {x}",
            "pick the {x} up",
            "lift the {x}",
            "lift up the {x}",
            "grab the {x}",
            "grasp the {x} and lift it",
            "take the {x}",
            "get hold of the {x}",
            "grip the {x} and raise it",
            "please pick up the {x}",
            "can you lift the {x} for me",
            "take the {x} off the table",
            "hold the {x} up",
            "I want you to pick up the {x}",
            "go and get the {x}",
            "bring the {x} up from the table",
            "the {x} has to be lifted",
            "raise the {x}",
            "elevate the {x}",
            "let me see you lift the {x}",
            "carry the {x} upwards",
            "collect the {x}",
            "grab that {x} and hold it in the air",
            "would you take that {x} in your hand",
            "catch hold of the {x} and pull it up",
            "the {x} must be picked up now",
        ),
        unseen=(
            "raise the {x} off the table",
            "hoist the {x} into the air",
            "could you grab hold of the {x} and bring it up",
            "fetch the {x} from the tabletop",
            "the {x} should be picked up",
            "seize the {x} and lift it up high",
            "pick up that {x}, please",
        ),
        fresh=(
            "get the {x} up in the air",
            "scoop up the {x} with your gripper",
            "lift that {x} away from the table, please",
            "I need the {x} in your hand, up high",
            "close the gripper around the {x} and go up",
        ),
    ),
    Verb.TOUCH: Wordings(
        training=(
            "touch the {x}",
            "touch the top of the {x}",
            "tap the {x}",
            "tap on the {x}",
            "press the {x}",
            "press on the {x}",
            "press down on the {x}",
            "put a finger on the {x}",
            "please touch the {x}",
            "poke the top of the {x}",
            "can you tap the {x} for me",
            "pat the {x}",
            "give the {x} a tap",
            "I want you to touch the {x}",
            "lay a finger on the {x}",
            "place your fingers on top of the {x}",
            "feel the top of the {x}",
            "the {x} has to be tapped",
            "contact the {x} from above",
            "just tap that {x} once",
            "make your hand touch the {x}",
            "knock softly on the {x}",
            "push down on the top of the {x}",
            "would you touch that {x} for a moment",
            "bring your fingertip onto the {x}",
            "the {x} must be touched now",
        ),
        unseen=(
            "rest your fingertips on the {x}",
            "make contact with the top of the {x}",
            "could you gently tap on that {x}",
            "just touch that {x} briefly",
            "the {x} should be touched",
            "press your finger on top of the {x}",
            "give the {x} a little pat",
        ),
        fresh=(
            "lightly touch the upper side of the {x}",
            "tap once on top of the {x}",
            "your finger should meet the top of the {x}",
            "go down until you touch the {x}, then come back",
            "dab the {x} from above",
        ),
    ),
    Verb.PUSH: Wordings(
        training=(
            "push the {x}",
            "push the {x} away",
            "push the {x} forward",
            "shove the {x}",
            "shove the {x} away",
            "slide the {x} forward",
            "slide the {x} away from you",
            "move the {x} away by pushing it",
            "please push the {x}",
            "nudge the {x} forward",
            "can you push the {x} for me",
            "push the {x} across the table",
            "slide the {x} along the table",
            "I want you to push the {x}",
            "move the {x} forward",
            "move the {x} farther away, do not lift it",
            "get the {x} to slide over the table",
            "the {x} has to be pushed",
            "propel the {x} forward",
            "advance the {x} along the table",
            "shift the {x} ahead",
            "drive the {x} forward",
            "just shove that {x} ahead",
            "would you slide that {x} away from yourself",
            "press against the side of the {x} so that it slides",
            "the {x} must be pushed now",
        ),
        unseen=(
            "shove the {x} farther away",
            "make the {x} slide across the tabletop",
            "could you push that {x} away from yourself",
            "move the {x} forward without lifting it",
            "the {x} should be pushed away",
            "thrust the {x} forward",
            "drive the {x} ahead over the table",
        ),
        fresh=(
            "push the {x} a few centimetres to the front",
            "slide that {x} further from the robot",
            "give the {x} a shove so that it moves away",
            "keep the {x} on the table and push it onwards",
            "move that {x} ahead with the closed hand",
        ),
    ),
}
"""Sentences with a place for the thing's name."""

NAMES: Mapping[str, Wordings] = {
    "red_cube": Wordings(
        training=(
            "red cube",
            "red block",
            "red box",
            "red toy block",
            "cube that is red",
            "tomato-red cube",
            "dark red block",
            "cherry-red cube",
            "bright red cube",
        ),
        unseen=("crimson block", "red brick", "scarlet cube"),
        fresh=("ruby cube", "red-coloured cube", "blood-red block"),
    ),
    "green_cube": Wordings(
        training=(
            "green cube",
            "green block",
            "green box",
            "green toy block",
            "cube that is green",
            "olive-green cube",
            "dark green block",
            "lime-green cube",
            "bright green cube",
        ),
        unseen=("emerald-green block", "green brick", "grass-green cube"),
        fresh=("mint-green cube", "green-coloured cube", "pea-green block"),
    ),
    "blue_cube": Wordings(
        training=(
            "blue cube",
            "blue block",
            "blue box",
            "blue toy block",
            "cube that is blue",
            "sky-blue cube",
            "dark blue block",
            "royal-blue cube",
            "bright blue cube",
        ),
        unseen=("navy blue block", "blue brick", "deep blue cube"),
        fresh=("cobalt-blue cube", "blue-coloured cube", "ocean-blue block"),
    ),
    "can": Wordings(
        training=(
            "can",
            "tin",
            "tin can",
            "metal can",
            "soda can",
            "canned drink",
            "round tin",
            "metal tin",
            "can of food",
        ),
        unseen=("drink can", "can of soda", "aluminium can"),
        fresh=("tinned food", "beverage can", "can of beans"),
    ),
    "bread": Wordings(
        training=(
            "bread",
            "loaf",
            "loaf of bread",
            "piece of bread",
            "bread loaf",
            "brown bread",
            "little loaf of bread",
            "toast",
            "bun",
        ),
        unseen=("small loaf", "baked bread", "bread roll"),
        fresh=("wheat loaf", "slice of bread", "white bread"),
    ),
}
"""What the things may be called."""


def say(rng: np.random.Generator, verb: Verb, thing: str, wording: Wording) -> str:
    """One instruction.

    Args:
        rng: Chooses among the wordings.
        verb: What is to be done.
        thing: Key of `NAMES`.
        wording: Which set of sentences.
    """
    templates, names = TEMPLATES[verb].of(wording), NAMES[thing].of(wording)
    template = templates[int(rng.integers(len(templates)))]
    return template.format(x=names[int(rng.integers(len(names)))])
