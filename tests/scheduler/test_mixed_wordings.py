"""Wordings of every kind, in a workshop with a switch, a zone, a peg and a cupboard."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import SHOP, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (SHOP, "hey, quick thing: could you pop the peg into the socket?", "inserted(peg, socket)"),
        (
            SHOP,
            "I'd be ever so grateful if you could open the cupboard. Many thanks!",
            "open(cupboard)",
        ),
        (
            SHOP,
            "yeah so like, um, just put the blue cube on the zone thanks",
            "on(blue_cube, zone)",
        ),
        (SHOP, "check whether the switch is on; if it isn't, turn it on", "turned_on(switch)"),
        (SHOP, "flick the switch until it is on", "turned_on(switch)"),
        (SHOP, "go on pressing the button until it is lit", "turned_on(button)"),
        (
            SHOP,
            "don't touch the red cube until the peg is in the hole, then put it on the zone",
            "on(red_cube, zone)",
        ),
        (SHOP, "I want the switch to be on", "turned_on(switch)"),
        (
            SHOP,
            "I'd like to have the red cube on the zone and the switch on",
            "on(red_cube, zone) & turned_on(switch)",
        ),
        (
            SHOP,
            "in the end the peg must be in the socket and the cupboard closed",
            "closed(cupboard) & inserted(peg, socket)",
        ),
        (SHOP, "I want the can standing on the zone", "on(can, zone)"),
        (SHOP, "there should be a cube on the zone", "on(red_cube, zone)"),
        (
            SHOP,
            "have the switch turned on and the cupboard open",
            "open(cupboard) & turned_on(switch)",
        ),
        (SHOP, "put the cube nearest the switch on the zone", "on(blue_cube, zone)"),
        (SHOP, "the cube farthest from the socket goes on the zone", "on(blue_cube, zone)"),
        (SHOP, "put the cube that's further from the robot on the zone", "on(blue_cube, zone)"),
        (SHOP, "put the cube closer to the robot on the zone", "on(red_cube, zone)"),
        (SHOP, "the cube in front of the zone should be on the zone", "on(red_cube, zone)"),
        (SHOP, "in case the switch is off, turn it on", "turned_on(switch)"),
        (
            SHOP,
            "if the switch is on then turn it off, otherwise press the button",
            "turned_on(button)",
        ),
        (SHOP, "look at the switch: if it's off, flip it", "turned_on(switch)"),
        (SHOP, "see if the switch is on, and if not, turn it on", "turned_on(switch)"),
        (
            SHOP,
            "is there a banana? if so put it on the zone, otherwise put the can there",
            "on(can, zone)",
        ),
        (SHOP, "if you have a peg, put it in the socket", "inserted(peg, socket)"),
        (SHOP, "only open the cupboard if the switch is off", "open(cupboard)"),
        (SHOP, "turn the switch on if and only if it is off", "turned_on(switch)"),
        (SHOP, "if the zone is empty, put the can on it", "on(can, zone)"),
        (SHOP, "if nothing is on the zone, put the can there", "on(can, zone)"),
        (SHOP, "assuming the switch is off, turn it on", "turned_on(switch)"),
        (
            SHOP,
            "put the red cube on the zone, but keep the cupboard shut",
            "closed(cupboard) & on(red_cube, zone)",
        ),
        (SHOP, "turn on the switch. You may not touch the peg.", "turned_on(switch)"),
        (SHOP, "put a cube on the zone, not the blue one though", "on(red_cube, zone)"),
        (SHOP, "put the can on the zone and leave everything else alone", "on(can, zone)"),
        (SHOP, "put the can on the zone, everything else stays where it is", "on(can, zone)"),
        (SHOP, "move the can onto the zone without moving anything else", "on(can, zone)"),
        (SHOP, "put the can on the zone, and mind you don't touch the peg", "on(can, zone)"),
        (
            SHOP,
            "whatever happens, the cupboard stays closed. Put the can on the zone",
            "closed(cupboard) & on(can, zone)",
        ),
        (SHOP, "put one of the two cubes on the zone", "on(red_cube, zone)"),
        (SHOP, "pick a cube, any cube, and put it on the zone", "on(red_cube, zone)"),
        (SHOP, "put any one cube on the zone", "on(red_cube, zone)"),
        (SHOP, "put the can, I mean the red cube, on the zone", "on(red_cube, zone)"),
        (SHOP, "open the cupboard - no, sorry, turn on the switch", "turned_on(switch)"),
        (SHOP, "put the red cube on the can... no, on the zone", "on(red_cube, zone)"),
        (SHOP, "turn on the button, I mean the switch", "turned_on(switch)"),
        (SHOP, "press the switch, no, the button", "turned_on(button)"),
        (SHOP, "put the blue cube, or better the red one, on the zone", "on(red_cube, zone)"),
        (
            SHOP,
            "put the red cube on the zone, wait, make that the blue cube",
            "on(blue_cube, zone)",
        ),
        (
            SHOP,
            "insert the peg in the socket; when that is done, open the cupboard",
            "inserted(peg, socket) & open(cupboard)",
        ),
        (
            SHOP,
            "turn on the switch, then the button, then open the cupboard",
            "open(cupboard) & turned_on(button) & turned_on(switch)",
        ),
        (SHOP, "grab the peg. now stick it into the hole", "inserted(peg, socket)"),
        (SHOP, "take the red one and put it on the marked area", "on(red_cube, zone)"),
        (
            SHOP,
            "put the red cube on the zone and the blue one on that one",
            "on(blue_cube, red_cube) & on(red_cube, zone)",
        ),
        (SHOP, "stcik the peg into the sokcet", "inserted(peg, socket)"),
        (SHOP, "put teh bleu cube on the zoen", "on(blue_cube, zone)"),
        (SHOP, "trun off swtich", "turned_off(switch)"),
        (SHOP, "opn the cupborad plz", "open(cupboard)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (SHOP, "keep pushing the button until the light is on"),
        (SHOP, "leave the switch off until the peg is in the socket"),
        (SHOP, "hold still until I say go"),
        (SHOP, "wait for me to come back"),
        (SHOP, "the cupboard should stand open with the switch on"),
        (SHOP, "put the cube to the left of the can on the zone"),
        (SHOP, "put whatever stands right of the socket on the zone"),
        (SHOP, "turn the switch on and afterwards off again"),
        (SHOP, "open the cupboard last; first turn the switch on"),
        (SHOP, "the switch first, then the button: turn them on"),
        (SHOP, "the peg belongs in the hole of the block"),
        (SHOP, "putt red cub on zone"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
