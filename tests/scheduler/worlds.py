"""Small worlds and cards for the scheduler's tests."""

from dataclasses import replace

import numpy as np

from robot_skills.core.scene import TABLE, Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.shipped import shipped
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.card import (
    CARD_FILE,
    Parameter,
    ParameterType,
    SafetyEnvelope,
    SkillCard,
    SkillCase,
    SkillKind,
    parse_literal,
)

CUBE_M = 0.04
DRAWER_AT = (0.5, 0.36)
BOX_AT = (0.6, -0.2)
_SAFETY = SafetyEnvelope(max_speed_m_s=0.5)


def entity(name, label, xyz, size, colour="", **more) -> Entity:
    """An upright box with its centre at xyz."""
    return Entity(
        name=name,
        label=label,
        colour=colour,
        T_base_entity=SE3.from_translation(xyz),
        extents_m=np.array(size),
        **more,
    )


def table() -> Entity:
    return entity(TABLE, "table", (0.5, 0.0, -0.02), (1.0, 1.2, 0.04), movable=False)


def cube(colour, xy=(0.4, 0.0), z=CUBE_M / 2, name="", **more) -> Entity:
    at = (*xy, z)
    return entity(name or f"{colour}_cube", "cube", at, (CUBE_M,) * 3, colour, **more)


def drawer(value_m=0.0) -> Entity:
    """A cabinet whose drawer opens towards -y and is 65 mm high inside."""
    T = SE3.from_yaw(-np.pi / 2, (*DRAWER_AT, 0.06))
    inner = np.array([0.16, 0.2, 0.065])
    cavity = Region(T_entity_region=SE3.from_translation((value_m, 0.0, 0.0)), extents_m=inner)
    joint = Articulation(
        value_m=value_m,
        upper_m=0.16,
        axis_entity=np.array([1.0, 0.0, 0.0]),
        T_entity_handle=SE3.from_translation((0.1 + value_m, 0.0, 0.0)),
        handle_extents_m=np.array([0.02, 0.1, 0.02]),
    )
    return Entity(
        name="drawer",
        label="drawer",
        T_base_entity=T,
        extents_m=np.array([0.2, 0.26, 0.12]),
        articulation=joint,
        cavity=cavity,
        access=cavity if value_m > 0.1 else None,
        movable=False,
    )


def box() -> Entity:
    cavity = Region(T_entity_region=SE3.identity(), extents_m=np.array([0.15, 0.15, 0.06]))
    return entity(
        "box",
        "box",
        (*BOX_AT, 0.03),
        (0.17, 0.17, 0.06),
        cavity=cavity,
        access=cavity,
        movable=False,
    )


def groceries() -> tuple[Entity, ...]:
    return (
        entity("can", "can", (0.45, -0.1, 0.05), (0.06, 0.06, 0.10)),
        entity("bottle", "bottle", (0.65, 0.1, 0.08), (0.06, 0.06, 0.16)),
        entity("cereal", "cereal", (0.7, 0.0, 0.09), (0.05, 0.1, 0.18)),
        entity("milk", "milk", (0.35, 0.15, 0.09), (0.06, 0.06, 0.18)),
        entity("bread", "bread", (0.35, -0.15, 0.03), (0.06, 0.12, 0.05)),
    )


def scene(*entities: Entity, held: str | None = None) -> Scene:
    """A scene with a table; `held` names what the arm holds."""
    everything = {e.name: e for e in (table(), *entities)}
    if held is not None:
        everything[held] = _lifted(everything[held])
    return Scene(stamp_s=0.0, entities=everything, opening={DEFAULT_ARM: 0.4 if held else 1.0})


def kitchen(*, value_m=0.0, held: str | None = None) -> Scene:
    """Three cubes, five groceries, a drawer and a box."""
    cubes = (cube("red", (0.4, 0.0)), cube("green", (0.5, 0.05)), cube("blue", (0.55, -0.05)))
    return scene(*cubes, *groceries(), drawer(value_m), box(), held=held)


def in_drawer(thing: Entity, value_m=0.0) -> Entity:
    """The thing moved onto the floor of the drawer."""
    z = 0.06 - 0.0325 + 0.5 * thing.extents_m[2]
    return _moved(thing, (DRAWER_AT[0], DRAWER_AT[1] - value_m, z))


def in_box(thing: Entity) -> Entity:
    return _moved(thing, (*BOX_AT, 0.5 * thing.extents_m[2]))


def on_top(thing: Entity, below: Entity) -> Entity:
    p = below.T_base_entity.p
    return _moved(thing, (p[0], p[1], below.top_m + 0.5 * thing.extents_m[2]))


def _moved(thing: Entity, xyz) -> Entity:
    return replace(thing, T_base_entity=SE3.from_translation(xyz))


def _lifted(thing: Entity) -> Entity:
    return replace(_moved(thing, (0.5, 0.0, 0.3)), held_by=DEFAULT_ARM)


def card(name, parameters, cases, verbs=("do",), attempts=2) -> SkillCard:
    return SkillCard(
        name=name,
        kind=SkillKind.SCRIPTED,
        summary=name,
        verbs=tuple(verbs),
        parameters=tuple(parameters),
        cases=tuple(
            SkillCase(
                when=when,
                preconditions=tuple(map(parse_literal, before)),
                effects=tuple(map(parse_literal, after)),
            )
            for when, before, after in cases
        ),
        timeout_s=10.0,
        attempts=attempts,
        safety=_SAFETY,
    )


def cards(*, without=()) -> dict[str, SkillCard]:
    """The four manipulation skills and two that only move, by name."""
    thing = Parameter(name="object", type=ParameterType.MOVABLE)
    joint = Parameter(name="thing", type=ParameterType.ARTICULATED)
    relation = Parameter(name="relation", type=ParameterType.WORD, choices=("on", "in"))
    target = Parameter(name="target", type=ParameterType.SUPPORT)
    put_in = (
        {"relation": "in"},
        ["holding({object})", "accepts({target})", "fits({object}, {target})"],
        ["in({object}, {target})", "hand_empty()"],
    )
    put_on = (
        {"relation": "on"},
        ["holding({object})", "clear({target})"],
        ["on({object}, {target})", "hand_empty()"],
    )
    lift = (
        {},
        ["hand_empty()", "clear({object})", "accessible({object})"],
        ["holding({object})", "not hand_empty()"],
    )
    everything = [
        card("grasp", [thing], [lift], ["grasp {object}", "pick up {object}"]),
        card(
            "place",
            [thing, relation, target],
            [put_in, put_on],
            ["put {object} {relation} {target}"],
        ),
        card("open", [joint], [({}, ["hand_empty()"], ["open({thing})"])], ["open {thing}"]),
        card(
            "close",
            [joint],
            [({}, ["hand_empty()"], ["closed({thing})"])],
            ["close {thing}"],
        ),
        card("home", [], [({}, [], [])], ["go home"]),
        card("retreat", [], [({}, [], [])], ["retreat"]),
    ]
    return {card.name: card for card in everything if card.name not in without}


def workshop(*, held: str | None = None, door_m=0.0, switch_on=False, button_on=False) -> Scene:
    """Two cubes and a can, a peg and its socket, a zone, a switch, a button, and a cupboard."""
    hole = Region(
        T_entity_region=SE3.from_translation((0.0, 0.0, 0.003)),
        extents_m=np.array([0.032, 0.032, 0.044]),
    )
    socket = entity(
        "socket",
        "socket",
        (0.45, -0.25, 0.025),
        (0.1, 0.1, 0.05),
        cavity=hole,
        access=hole,
        movable=False,
    )
    return scene(
        cube("red", (0.4, 0.0)),
        cube("blue", (0.62, 0.15)),
        entity("can", "can", (0.6, -0.3, 0.05), (0.06, 0.06, 0.10)),
        entity("peg", "peg", (0.35, 0.2, 0.045), (0.03, 0.03, 0.09), "blue"),
        socket,
        entity("zone", "zone", (0.58, 0.0, 0.0005), (0.15, 0.15, 0.001), "purple", movable=False),
        switchable("switch", (0.72, -0.1, 0.015), on=switch_on),
        switchable("button", (0.72, 0.1, 0.024), on=button_on),
        cupboard(door_m),
        held=held,
    )


def switchable(name: str, xyz, *, on: bool) -> Entity:
    control = Control(on=on, T_entity_press=SE3.from_translation((0.0, 0.0, 0.02)), travel_m=0.01)
    return entity(name, name, xyz, (0.08, 0.08, 0.04), control=control, movable=False)


def cupboard(value_m=0.0) -> Entity:
    """A cupboard with a door on a hinge, opening towards -y."""
    joint = Articulation(
        value_m=value_m,
        upper_m=0.23,
        axis_entity=np.array([1.0, 0.0, 0.0]),
        T_entity_handle=SE3.from_translation((0.14, -0.04, 0.04)),
        handle_extents_m=np.array([0.016, 0.08, 0.016]),
        hinge_entity=np.array([0.07, 0.118, 0.0]),
    )
    return Entity(
        name="cupboard",
        label="cupboard",
        T_base_entity=SE3.from_yaw(-np.pi / 2, (0.5, 0.42, 0.05)),
        extents_m=np.array([0.14, 0.24, 0.10]),
        articulation=joint,
        cavity=Region(T_entity_region=SE3.identity(), extents_m=np.array([0.12, 0.21, 0.07])),
        movable=False,
    )


def zoo_cards() -> dict[str, SkillCard]:
    """The cards that are shipped, by name."""
    found = [SkillCard.load(path) for path in sorted(shipped("zoo").glob(f"*/{CARD_FILE}"))]
    return {card.name: card for card in found}
