"""Draws instructions for the tabletop at random: a scene, wishes for it, and several wordings.

Unlike the tasks of `sim.tabletop.tasks`, which are measured on, these are learned from: any scene,
any wishes that make sense in it, one to three at a time, in any wording.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.errors import RefusedError
from sim.fixtures import BOX, BUTTON, CUPBOARD, DRAWER, SOCKET, SWITCH, ZONE
from sim.layout import DrawerStart, random_layout
from sim.objects import PEG
from sim.placements import Layout
from sim.tabletop.phrases import HELD_OUT_COMPOSITIONS, WISHES, Wish
from sim.tabletop.tasks import Fact
from sim.tabletop.wordings import (
    COLOURS,
    FOREIGN,
    FRAMES,
    HELD_OUT_FOREIGN,
    HELD_OUT_FRAMES,
    HELD_OUT_JOINTS,
    JOINTS,
    NOUNS,
    called,
)
from sim.variation import SEEN, Pool

_ALTERNATIVES = re.compile(r"\(([^()]*\|[^()]*)\)")
_COUNTS = (0.45, 0.35, 0.20)
"""How often there are one, two and three wishes."""
_DRAWS = 50
_SHARED = 0.4
"""How often two wishes for the same are said as one."""
_PRONOUNS = 0.4
"""How often "it" stands for what was just spoken of."""
_RENAMED = 0.3
"""How often a thing is called by another name, in the scene and in the words."""
_FIXTURES = {
    DRAWER: 0.6,
    BOX: 0.5,
    CUPBOARD: 0.3,
    BUTTON: 0.4,
    SWITCH: 0.3,
    ZONE: 0.35,
    SOCKET: 0.2,
}
"""How often what stands where."""
_INSIDE = 0.3
"""How often a thing begins in the drawer or the box."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Request:
    """What is asked for, in several wordings, and where things start.

    Attributes:
        wordings: All say the same.
        wishes: Facts that are to hold one after the other, or (see `calls`) calls to be made.
        calls: Which of the wishes are calls.
        layout: Where things start.
        renamed: Label and colour of things that are called otherwise than they are.
        missing: What is spoken of and has to be taken out of the scene.
        names: Wishes by name, in order; empty where nothing can be done about the words.
    """

    wordings: tuple[str, ...]
    layout: Layout
    wishes: tuple[Fact, ...] = ()
    calls: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing: str = ""

    @property
    def foreign(self) -> bool:
        """Whether nothing can be done about it."""
        return not self.wishes or bool(self.missing)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """A wish with things in it."""

    wish: Wish
    slots: Mapping[str, str]

    @property
    def fact(self) -> Fact:
        return tuple(word.format(**self.slots) for word in self.wish.fact)


def draw_request(
    rng: np.random.Generator,
    *,
    wordings: int = 2,
    held_out: bool = False,
    foreign: float = 0.2,
    pool: Pool = SEEN,
) -> Request:
    """A random request.

    Args:
        rng: Source of all randomness.
        wordings: In how many wordings.
        held_out: Whether they are those that are measured on.
        foreign: How often nothing can be done about it: no skill, or no such thing.
        pool: What things are drawn from.
    """
    while True:
        try:
            layout, hosts = _start(rng, pool)
        except RefusedError:
            continue
        things = [item.name for item in layout.objects]
        renamed = {} if pool is not SEEN else _renamed(rng, things)
        speech = _Speech(rng, renamed, held_out)
        if rng.random() < 0.5 * foreign:
            said = HELD_OUT_FOREIGN if held_out else FOREIGN
            phrases = rng.choice(said, size=wordings)
            words = [speech.foreign(str(phrase), str(rng.choice(things))) for phrase in phrases]
            return Request(wordings=tuple(words), layout=layout, renamed=renamed)
        drawn = _wishes(rng, layout, hosts, pool)
        if not drawn:
            continue
        spoken_of = [name for one in drawn for name in one.slots.values() if name in things]
        gone = spoken_of and rng.random() < 0.5 * foreign
        return Request(
            wordings=tuple(dict.fromkeys(speech.words(drawn) for _ in range(wordings))),
            layout=layout,
            wishes=tuple(one.fact for one in drawn),
            calls=tuple(one.wish.calls for one in drawn),
            names=tuple(one.wish.name for one in drawn),
            renamed=renamed,
            missing=str(rng.choice(spoken_of)) if gone else "",
        )


class _Speech:
    """Puts wishes into words."""

    def __init__(
        self, rng: np.random.Generator, renamed: Mapping[str, tuple[str, str]], held_out: bool
    ) -> None:
        self._rng, self._renamed, self._held_out = rng, renamed, held_out

    def foreign(self, phrase: str, thing: str) -> str:
        """What nothing can be done about."""
        return self._picked(phrase).format(x=self._name(thing))

    def words(self, drawn: Sequence[_Drawn]) -> str:
        """All wishes as one instruction."""
        rng = self._rng
        text, before = "", ""
        i = 0
        while i < len(drawn):
            together = self._together(drawn, i)
            clause = self._clause(drawn[i : i + together])
            last = drawn[i].fact[-1]
            if before and before in drawn[i].fact and rng.random() < _PRONOUNS:
                clause = clause.replace(f"the {self._name(before, plain=True)}", "it", 1)
            joints = HELD_OUT_JOINTS if self._held_out else JOINTS
            text += (str(rng.choice(joints)) if text else "") + clause
            before = last
            i += together
        frames = HELD_OUT_FRAMES if self._held_out else FRAMES
        return str(rng.choice(frames)).format(text)

    def _together(self, drawn: Sequence[_Drawn], i: int) -> int:
        """How many wishes from here on are said as one: the same of several things."""
        wish, fact = drawn[i].wish, drawn[i].fact
        count = 1
        while (
            i + count < len(drawn)
            and drawn[i + count].wish is wish
            and drawn[i + count].fact[2:] == fact[2:]
            and "{x}" in wish.fact
            and self._rng.random() < _SHARED
        ):
            count += 1
        return count

    def _clause(self, drawn: Sequence[_Drawn]) -> str:
        wish = drawn[0].wish
        phrases = wish.held_out if self._held_out else wish.phrases
        plural = len(drawn) > 1
        fitting = [phrase for phrase in phrases if not (plural and " it " in phrase)]
        phrase = self._picked(str(self._rng.choice(fitting or [wish.phrases[0]])))
        slots = {key: self._name(name) for key, name in drawn[0].slots.items()}
        if plural:
            slots["x"] = " and the ".join(self._name(one.slots["x"]) for one in drawn)
        return phrase.format(**slots)

    def _picked(self, phrase: str) -> str:
        """A phrase with one of every group of alternatives."""
        return _ALTERNATIVES.sub(lambda m: str(self._rng.choice(m[1].split("|"))), phrase)

    def _name(self, name: str, plain: bool = False) -> str:
        """What a thing is called."""
        if name in self._renamed:
            label, colour = self._renamed[name]
            return f"{colour} {label}".strip()
        names = called(name)
        return names[0] if plain else str(self._rng.choice(names))


def _renamed(rng: np.random.Generator, things: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Label and colour of things that go by another name, no two by the same."""
    chosen = [name for name in things if name != PEG and rng.random() < _RENAMED]
    labels = rng.choice(NOUNS, size=len(chosen), replace=False)
    colours = [str(rng.choice(COLOURS)) if rng.random() < 0.6 else "" for _ in chosen]
    return {
        name: (str(label), colour)
        for name, label, colour in zip(chosen, labels, colours, strict=True)
    }


def _start(rng: np.random.Generator, pool: Pool) -> tuple[Layout, dict[str, str]]:
    """A scene, and in what things are that do not stand on the table."""
    there = {name: bool(rng.random() < share) for name, share in _FIXTURES.items()}
    if there[BOX] and there[DRAWER]:
        there[CUPBOARD] = False
    things = [str(name) for name in rng.permutation(pool.things)[:2]]
    placed = {}
    host = next((name for name in (DRAWER, BOX) if there[name]), None)
    if host is not None and rng.random() < _INSIDE:
        fitting = [name for name in pool.low if name not in things]
        placed = {str(rng.choice(fitting)): host}
    layout = random_layout(
        rng,
        with_objects=[*things, *([PEG] if there[SOCKET] else [])],
        placed=placed,
        drawer=DrawerStart.ANY if there[DRAWER] else DrawerStart.ABSENT,
        box=there[BOX],
        button=there[BUTTON],
        cupboard=DrawerStart.ANY if there[CUPBOARD] else DrawerStart.ABSENT,
        switch=there[SWITCH],
        zone=there[ZONE],
        socket=there[SOCKET],
        others=pool.things,
    )
    return layout, placed


def _wishes(
    rng: np.random.Generator, layout: Layout, hosts: Mapping[str, str], pool: Pool
) -> list[_Drawn]:
    """One to three wishes that make sense; none where they would be one of those held out."""
    count = 1 + int(rng.choice(len(_COUNTS), p=_COUNTS))
    drawn: list[_Drawn] = []
    for _ in range(_DRAWS):
        if len(drawn) == count:
            break
        again = drawn and rng.random() < 0.25
        wish = drawn[-1].wish if again else WISHES[int(rng.integers(len(WISHES)))]
        slots = _slots(rng, wish, layout, hosts, pool)
        one = None if slots is None else _Drawn(wish=wish, slots=slots)
        if one is not None and one.fact not in [other.fact for other in drawn]:
            drawn.append(one)
    names = tuple(sorted(one.wish.name for one in drawn))
    return [] if names in HELD_OUT_COMPOSITIONS else drawn


def _slots(
    rng: np.random.Generator, wish: Wish, layout: Layout, hosts: Mapping[str, str], pool: Pool
) -> dict[str, str] | None:
    """Things for a wish; None where the scene has none."""
    there = _there(layout)
    free = [item.name for item in layout.objects]
    fixed = {word for word in wish.fact if word in (*_FIXTURES, PEG)}
    if not fixed <= {*there, *free}:
        return None
    pools: dict[str, Sequence[str]] = {
        "into the drawer": pool.low,
        "onto another": pool.stackable,
        "onto the cabinet": pool.stackable,
        "onto the zone": pool.stackable,
        "push onto the zone": pool.pushed,
    }
    pools["out onto the table"] = tuple(hosts)
    fitting = [name for name in free if name in pools.get(wish.name, free)]
    fixtures = {"t": (DRAWER, CUPBOARD), "c": (BUTTON, SWITCH)}
    choices = {key: [name for name in names if name in there] for key, names in fixtures.items()}
    slots: dict[str, str] = {}
    for key in ("x", "y", "t", "c"):
        if not any(f"{{{key}}}" in word for word in wish.fact):
            continue
        able = choices.get(key, fitting if key == "x" or wish.name == "onto another" else free)
        able = [name for name in able if name not in slots.values()]
        if not able:
            return None
        slots[key] = str(rng.choice(able))
    if wish.name == "out onto the table":
        slots["host"] = hosts[slots["x"]]
    return slots


def _there(layout: Layout) -> tuple[str, ...]:
    """Fixtures of a layout."""
    present = {
        DRAWER: layout.drawer,
        BOX: layout.T_base_box,
        CUPBOARD: layout.cupboard,
        BUTTON: layout.T_base_button,
        SWITCH: layout.T_base_switch,
        ZONE: layout.T_base_zone,
        SOCKET: layout.T_base_socket,
    }
    return tuple(name for name, what in present.items() if what is not None)
