"""Which entities noun phrases name."""

import pytest

from robot_skills.core.errors import InstructionError, UnknownNameError
from robot_skills.core.scene import Scene
from robot_skills.scheduler.words.grounding import Grounder
from tests.scheduler import worlds
from tests.scheduler.encoders import ThesaurusEncoder


def names(phrase: str, scene: Scene | None = None, encoder=None) -> tuple[str, ...]:
    return Grounder(scene or worlds.kitchen(), encoder).resolve(phrase)


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("the red cube", ("red_cube",)),
        ("red block", ("red_cube",)),
        ("the scarlet one", ("red_cube",)),
        ("the little red toy block", ("red_cube",)),
        ("red_cube", ("red_cube",)),
        ("the soda can", ("can",)),
        ("the tin", ("can",)),
        ("carton of milk", ("milk",)),
        ("the cereal box", ("cereal",)),
        ("box of cereal", ("cereal",)),
        ("the box", ("box",)),
        ("the tray", ("box",)),
        ("loaf of bread", ("bread",)),
        ("the cabinet", ("drawer",)),
        ("chest of drawers", ("drawer",)),
        ("the desk", ("table",)),
        ("all the cubes", ("red_cube", "green_cube", "blue_cube")),
        ("the cubes", ("red_cube", "green_cube", "blue_cube")),
        ("every block", ("red_cube", "green_cube", "blue_cube")),
        ("all three cubes", ("red_cube", "green_cube", "blue_cube")),
        ("all cubes except the green one", ("red_cube", "blue_cube")),
        ("the red and blue cubes", ("red_cube", "blue_cube")),
        ("the red cube, the can and the milk", ("red_cube", "can", "milk")),
        ("a cube", ("red_cube",)),
        ("any cube", ("red_cube",)),
        ("two cubes", ("red_cube", "green_cube")),
        ("the leftmost cube", ("green_cube",)),
        ("the rightmost cube", ("blue_cube",)),
        ("the cube on the left", ("green_cube",)),
        ("the nearest cube", ("red_cube",)),
        ("the farthest cube", ("blue_cube",)),
        ("the two nearest cubes", ("red_cube", "green_cube")),
        ("the tallest thing except the milk", ("cereal",)),
        ("the cube next to the milk", ("red_cube",)),
    ],
)
def test_phrase_names(phrase, wanted):
    assert names(phrase) == wanted


def test_places_pick_out_things():
    red, green = worlds.cube("red"), worlds.cube("green", (0.5, 0.0))
    scene = worlds.scene(
        red, green, worlds.on_top(worlds.cube("blue"), red), worlds.in_box(worlds.cube("yellow"))
    ).with_entity(worlds.box())
    assert names("the cube on the red cube", scene) == ("blue_cube",)
    assert names("the cube in the box", scene) == ("yellow_cube",)
    assert names("everything that is in the box", scene) == ("yellow_cube",)


def test_held_things_can_be_named_by_being_held():
    assert names("the cube in your hand", worlds.kitchen(held="blue_cube")) == ("blue_cube",)


def test_the_other_one_is_the_one_not_spoken_of():
    scene = worlds.scene(worlds.cube("red"), worlds.cube("green", (0.5, 0.0)))
    grounder = Grounder(scene)
    grounder.resolve("the red cube")
    assert grounder.resolve("the other cube") == ("green_cube",)


def test_them_are_the_things_spoken_of_last():
    grounder = Grounder(worlds.kitchen())
    grounder.resolve("the red cube and the can")
    assert grounder.resolve("them") == ("red_cube", "can")


def test_it_is_the_last_thing_that_the_verb_can_be_about():
    grounder = Grounder(worlds.kitchen())
    grounder.resolve("the red cube")
    grounder.resolve("the drawer")
    assert grounder.resolve("it", lambda e: e.articulation is not None) == ("drawer",)
    assert grounder.resolve("it", lambda e: e.movable) == ("red_cube",)


@pytest.mark.parametrize("phrase", ["the cube", "cube", "the second cube", "the object"])
def test_what_fits_several_things_is_refused_with_their_names(phrase):
    with pytest.raises((InstructionError, UnknownNameError), match=r"red_cube, green_cube"):
        names(phrase)


def test_two_things_of_one_colour_need_more_words():
    scene = worlds.scene(worlds.cube("red"), worlds.cube("red", (0.5, 0.1), name="red_cube_2"))
    with pytest.raises(InstructionError, match="red_cube, red_cube_2"):
        names("the red cube", scene)
    assert names("the left red cube", scene) == ("red_cube_2",)
    assert names("red_cube_2", scene) == ("red_cube_2",)


@pytest.mark.parametrize("phrase", ["both cubes", "the four cubes", "six cubes"])
def test_wrong_numbers_are_refused(phrase):
    with pytest.raises(InstructionError, match="there are"):
        names(phrase)


def test_a_shade_that_the_scene_tells_goes_by_its_basic_colour_too():
    scene = worlds.scene(worlds.cube("silver"), worlds.cube("red", (0.5, 0.0)))
    assert names("the silver cube", scene) == ("silver_cube",)
    assert names("the grey cube", scene) == ("silver_cube",)


def test_a_colour_nobody_could_tell_does_not_exclude():
    assert names("the white milk") == ("milk",)
    with pytest.raises(UnknownNameError):
        names("the purple cube")


def test_an_open_word_is_understood_when_one_kind_is_clearly_nearest():
    encoder = ThesaurusEncoder(("beaker", "bottle"))
    grounder = Grounder(worlds.kitchen(), encoder)
    assert grounder.resolve("the beaker") == ("bottle",)
    assert "'beaker' understood as 'bottle'" in grounder.wording[0]


def test_an_open_word_near_two_kinds_is_refused():
    with pytest.raises(UnknownNameError, match="'the drink'"):
        names("the drink", encoder=ThesaurusEncoder(("drink", "milk", "can", "bottle")))


def test_an_open_word_near_nothing_is_refused():
    with pytest.raises(UnknownNameError, match="The scene has: table, red_cube"):
        names("the zebra", encoder=ThesaurusEncoder())


def test_labels_are_data_and_never_patterns():
    odd = worlds.entity("odd", "a.*(b", (0.4, 0.2, 0.02), (0.04, 0.04, 0.04))
    scene = worlds.scene(odd, worlds.cube("red"))
    assert names("the red cube", scene) == ("red_cube",)
    assert names("odd", scene) == ("odd",)


def test_a_label_that_no_lexicon_has_is_a_word_of_its_own():
    lamp = worlds.entity("desk_lamp", "desk_lamp", (0.4, 0.2, 0.02), (0.04, 0.04, 0.04))
    assert names("the desk lamp", worlds.scene(lamp)) == ("desk_lamp",)
