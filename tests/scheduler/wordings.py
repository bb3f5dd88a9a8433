"""Scenes that instructions are said in, and what parsers make of the words."""

from robot_skills.core.scene import Scene
from robot_skills.scheduler.words.language import LanguageParser
from tests.scheduler import worlds

_REAL_WORDS = frozenset(
    {"pear", "cap", "bean", "bred", "cub", "cubs", "rude", "head", "floor", "brother", "label"}
)
"""Words that are near to those of the grammar, and no typing errors."""


class SomeWords:
    """A dictionary of a few words."""

    def knows(self, word: str) -> bool:
        return word in _REAL_WORDS


CARDS = worlds.zoo_cards()
PARSER = LanguageParser(CARDS.values(), dictionary=SomeWords())


def _button(*, on: bool = False):
    return worlds.switchable("button", (0.7, -0.3, 0.015), on=on)


def _can(name: str, xy):
    return worlds.entity(name, "can", (*xy, 0.05), (0.06, 0.06, 0.10))


def _twins() -> Scene:
    """Two red cubes, the second one bigger, and two cans."""
    return worlds.scene(
        worlds.cube("red", (0.4, 0.0)),
        worlds.entity("red_cube_2", "cube", (0.6, 0.2, 0.03), (0.06,) * 3, "red"),
        worlds.cube("blue", (0.42, -0.07)),
        _can("can", (0.5, 0.1)),
        _can("can_2", (0.7, -0.1)),
        worlds.drawer(),
        worlds.box(),
    )


def _tower() -> Scene:
    """Yellow on blue on green, and a red cube that stands alone."""
    green = worlds.cube("green", (0.5, 0.0))
    blue = worlds.on_top(worlds.cube("blue"), green)
    yellow = worlds.on_top(worlds.cube("yellow"), blue)
    red = worlds.cube("red", (0.4, 0.15))
    return worlds.scene(red, green, blue, yellow, worlds.box(), worlds.drawer(0.16))


def _full() -> Scene:
    """A cube in the box, one in the open drawer, and a button that is on."""
    return worlds.scene(
        worlds.in_box(worlds.cube("red")),
        worlds.in_drawer(worlds.cube("green"), 0.16),
        worlds.cube("blue"),
        _can("can", (0.45, -0.1)),
        worlds.drawer(0.16),
        worlds.box(),
        _button(on=True),
    )


KITCHEN = worlds.kitchen().with_entity(_button())
OPEN = worlds.kitchen(value_m=0.16).with_entity(_button())
HELD = worlds.kitchen(held="can", value_m=0.16)
SHOP, TWINS, TOWER, FULL = worlds.workshop(), _twins(), _tower(), _full()


def goal(words: str, scene: Scene) -> set[str]:
    """What is to hold at the end. Raises as parsers do."""
    return {str(literal) for literal in PARSER.parse(words, scene).goal}


def demanded(words: str, scene: Scene) -> tuple[str, ...]:
    """What is to hold all the time. Raises as parsers do."""
    specification = PARSER.parse(words, scene).specification
    return () if specification is None else specification.parts


def wanted(literals: str) -> set[str]:
    """Literals that are joined by ampersands."""
    return set(literals.split(" & ")) if literals else set()
