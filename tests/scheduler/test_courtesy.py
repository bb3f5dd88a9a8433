"""What people say around an instruction changes nothing."""

import pytest

from robot_skills.core.errors import RefusedError
from tests.scheduler.wordings import KITCHEN, goal, wanted


@pytest.mark.parametrize(
    ("scene", "words", "literals"),
    [
        (KITCHEN, "Would you be so kind as to open the drawer?", "open(drawer)"),
        (
            KITCHEN,
            "Hello robot, how are you today? Could you put the can in the box? Thank you so much!",
            "in(can, box)",
        ),
        (
            KITCHEN,
            "I was wondering if you could maybe hand me... no, put the can in the box",
            "in(can, box)",
        ),
        (
            KITCHEN,
            "hey there, would you mind putting the red cube in the box, please?",
            "in(red_cube, box)",
        ),
        (KITCHEN, "um, well, I guess you should, uh, put the milk into the box", "in(milk, box)"),
        (KITCHEN, "it would be great if you could open the drawer for me", "open(drawer)"),
        (
            KITCHEN,
            "Excuse me, could you please be a dear and close the drawer? I'd really appreciate it.",
            "closed(drawer)",
        ),
        (
            KITCHEN,
            "If you don't mind, put the can in the box when you have a moment",
            "in(can, box)",
        ),
        (
            KITCHEN,
            "so basically what I want is the red cube in the box and the drawer open",
            "in(red_cube, box) & open(drawer)",
        ),
        (KITCHEN, "Good evening! I'd be grateful if you could pick up the can.", "holding(can)"),
        (
            KITCHEN,
            "sorry to bother you, but could you put the bread in the drawer?",
            "in(bread, drawer)",
        ),
        (KITCHEN, "do me a favour and turn on the button", "turned_on(button)"),
        (KITCHEN, "why don't you put the can in the box", "in(can, box)"),
        (KITCHEN, "how about putting the can in the box?", "in(can, box)"),
        (KITCHEN, "can you, like, put the can in the box", "in(can, box)"),
        (
            KITCHEN,
            "could I trouble you to put the milk in the box, thanks in advance",
            "in(milk, box)",
        ),
        (KITCHEN, "I need you to go ahead and put the can in the box right away", "in(can, box)"),
        (KITCHEN, "My hands are full. Put the can in the box, will you?", "in(can, box)"),
        (KITCHEN, "okay so first thing, open the drawer", "open(drawer)"),
        (
            KITCHEN,
            "would it be possible for you to put the green cube in the drawer?",
            "in(green_cube, drawer)",
        ),
        (KITCHEN, "i think we need the can in the box now", "in(can, box)"),
        (KITCHEN, "you can put the can in the box now, thank you", "in(can, box)"),
        (KITCHEN, "yo robot, put the can in the box", "in(can, box)"),
        (KITCHEN, "Kindly see to it that the drawer is open.", "open(drawer)"),
        (
            KITCHEN,
            "Could I bother you for a second? I'd love it if the can ended up in the box.",
            "in(can, box)",
        ),
        (KITCHEN, "would you mind terribly if I asked you to open the drawer?", "open(drawer)"),
        (KITCHEN, "I hate to ask, but could you put the milk in the box?", "in(milk, box)"),
        (KITCHEN, "could you do me a huge favor and put the can in the box?", "in(can, box)"),
        (KITCHEN, "oh and could you also close the drawer, thanks", "closed(drawer)"),
        (KITCHEN, "may I ask you to kindly put the can in the box?", "in(can, box)"),
        (KITCHEN, "let me see... put the red cube in the box", "in(red_cube, box)"),
        (KITCHEN, "hmm, I guess the green cube should go in the box then", "in(green_cube, box)"),
        (KITCHEN, "you know what, put the can in the box", "in(can, box)"),
        (KITCHEN, "alright buddy, time to put the can in the box", "in(can, box)"),
        (KITCHEN, "so, uh, the thing is, I need the drawer open", "open(drawer)"),
        (KITCHEN, "I'd really like the bread to be in the drawer", "in(bread, drawer)"),
        (KITCHEN, "it'd be nice to have the can in the box", "in(can, box)"),
        (KITCHEN, "can we get the can into the box please?", "in(can, box)"),
        (KITCHEN, "how would you feel about opening the drawer?", "open(drawer)"),
        (KITCHEN, "would you be a star and put the can in the box?", "in(can, box)"),
        (KITCHEN, "sweetie, could you grab the milk?", "holding(milk)"),
        (KITCHEN, "please robot put the can in the box", "in(can, box)"),
        (KITCHEN, "Sorry, one more thing: could you open the drawer?", "open(drawer)"),
        (
            KITCHEN,
            "I'm in a bit of a hurry, so could you just put the can in the box?",
            "in(can, box)",
        ),
        (KITCHEN, "I was hoping you could open the drawer", "open(drawer)"),
        (KITCHEN, "I would be so happy if you put the can in the box", "in(can, box)"),
        (KITCHEN, "if you'd be so kind, open the drawer", "open(drawer)"),
        (
            KITCHEN,
            "basically just get the bread into the drawer for me, would you",
            "in(bread, drawer)",
        ),
        (
            KITCHEN,
            "right, so the plan is: bread in the box, then drawer open",
            "in(bread, box) & open(drawer)",
        ),
        (KITCHEN, "please and thank you: the can in the box", "in(can, box)"),
        (KITCHEN, "Can you help me put the can in the box?", "in(can, box)"),
        (KITCHEN, "help me open the drawer", "open(drawer)"),
    ],
)
def test_words_are_read_as_they_are_meant(scene, words, literals):
    assert goal(words, scene) == wanted(literals)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (KITCHEN, "I think the can would look better in the box"),
        (KITCHEN, "i'd appreciate the can being in the box"),
    ],
)
def test_words_are_refused_with_a_reason(scene, words):
    with pytest.raises(RefusedError, match=r"[\w')]\.$"):
        goal(words, scene)
